/** The chart of a view in its tile: the picture, and its words for those who cannot see it. */

import type { IThemeManager } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { useLayoutEffect, useRef, type ReactElement } from 'react';

import type { ChartModel } from './chart';
import { Picture } from './chartpicture';
import { problemText } from './problem';
import { useRedraw } from './redraw';

/** What draws a chart in the host. */
export interface IDrawing {
  themes: IThemeManager | null;
  rendermime: IRenderMimeRegistry | null;
}

interface ITileChartProps extends IDrawing {
  model: ChartModel;
  tileId: number;
  trans: TranslationBundle;
}

export function TileChart(props: ITileChartProps): ReactElement {
  const { model, tileId, trans, themes, rendermime } = props;
  useRedraw(model);
  const host = useRef<HTMLDivElement>(null);
  const told = `jp-views-tile-${tileId}-words`;
  useLayoutEffect(() => {
    if (host.current === null) {
      return;
    }
    const picture = new Picture({ model, trans, themes, rendermime, told, isFitted: true });
    Widget.attach(picture, host.current);
    return () => picture.dispose();
  }, [model, trans, themes, rendermime, told]);
  const { plot, problem } = model;
  return (
    <div className="jp-ViewsTile-chart">
      {problem !== null && (
        <div className="jp-ViewsBanner">
          <span>{problemText(problem, trans)}</span>
          <button type="button" className="jp-Views-textButton" onClick={() => void model.load()}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      <div ref={host} className="jp-ViewsTile-picture" />
      {plot?.notice && <p className="jp-ViewsChart-note">{plot.notice}</p>}
      <p id={told} className={plot?.chart === null ? '' : 'jp-Views-forReaders'}>
        {plot?.summary}
      </p>
    </div>
  );
}
