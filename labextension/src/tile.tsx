/** One view on a dashboard: its name, how fresh it is, its rows. */

import { ellipsesIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useState, type DragEvent, type KeyboardEvent, type ReactElement } from 'react';

import { StatusBadge } from './badge';
import { problemText } from './problem';
import { useRedraw } from './redraw';
import { ResultTable, TABLE_ROWS } from './table';
import { TileChart, type IDrawing } from './tilechart';
import type { TileModel } from './tilemodel';
import type { IView } from './tokens';
import { shapeWords, statusDetail } from './words';

/** What a tile can ask for. */
export interface ITileActions {
  open(tile: TileModel): void;
  refresh(tile: TileModel): void;
  cancel(tile: TileModel): void;
  /** Move it so many places further. */
  step(tile: TileModel, by: number): void;
  /** Put the tile with this key where this one is. */
  drop(tileId: number, on: TileModel): void;
  showMenu(tile: TileModel, x: number, y: number): void;
}

interface ITileProps extends IDrawing {
  model: TileModel;
  canEdit: boolean;
  actions: ITileActions;
  trans: TranslationBundle;
}

const DRAGGED = 'application/x-jupyter-views-tile';

/** Places that Alt and an arrow key move a tile. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowUp: -1,
  ArrowRight: 1,
  ArrowDown: 1
};

export function Tile(props: ITileProps): ReactElement {
  const { model, canEdit, actions } = props;
  // The age grows although nothing changes: the list's own polling redraws it.
  useRedraw(model, model.views);
  const [isTarget, setTarget] = useState(false);
  const name = model.view?.name ?? model.tile.name;
  return (
    <section
      className="jp-ViewsTile"
      aria-label={name}
      data-tile-id={model.tile.id}
      data-is-target={isTarget}
      onKeyDown={event => {
        const step = stepOf(event);
        if (canEdit && step !== 0) {
          event.preventDefault();
          event.stopPropagation();
          actions.step(model, step);
        }
      }}
      onDragOver={event => {
        if (canEdit && event.dataTransfer.types.includes(DRAGGED)) {
          event.preventDefault();
          setTarget(true);
        }
      }}
      onDragLeave={() => setTarget(false)}
      onDrop={event => {
        setTarget(false);
        const dragged = event.dataTransfer.getData(DRAGGED);
        if (canEdit && dragged !== '') {
          event.preventDefault();
          actions.drop(Number(dragged), model);
        }
      }}
    >
      <Head {...props} name={name} />
      <Body {...props} name={name} />
    </section>
  );
}

function stepOf(event: KeyboardEvent): number {
  const isAlone = event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  return isAlone ? (STEPS[event.key] ?? 0) : 0;
}

function Head({
  model,
  canEdit,
  actions,
  trans,
  name
}: ITileProps & { name: string }): ReactElement {
  const view = model.view;
  const drag = (event: DragEvent): void => {
    event.dataTransfer.setData(DRAGGED, String(model.tile.id));
    event.dataTransfer.effectAllowed = 'move';
  };
  return (
    <div className="jp-ViewsTile-head" draggable={canEdit} onDragStart={drag}>
      <h3 title={view?.description || name}>
        <button
          type="button"
          className="jp-ViewsTile-name"
          title={
            canEdit
              ? trans.__(
                  'Open the view. Move the tile by dragging it, or with Alt and an arrow key'
                )
              : trans.__('Open the view')
          }
          onClick={() => actions.open(model)}
        >
          {name}
        </button>
      </h3>
      {view !== null && <Facts view={view} trans={trans} />}
      <span className="jp-ViewsTile-buttons">
        {view !== null && !model.isGone && (
          <RunButton model={model} view={view} actions={actions} trans={trans} />
        )}
        <button
          type="button"
          className="jp-Views-iconButton jp-ViewsTile-menu"
          aria-haspopup="menu"
          aria-label={trans.__('More actions for %1', name)}
          title={trans.__('More actions')}
          onClick={event => {
            const { left, bottom } = event.currentTarget.getBoundingClientRect();
            actions.showMenu(model, left, bottom);
          }}
        >
          <ellipsesIcon.react tag="span" />
        </button>
      </span>
    </div>
  );
}

function Facts({ view, trans }: { view: IView; trans: TranslationBundle }): ReactElement {
  return (
    <span className="jp-ViewsTile-facts">
      <StatusBadge status={view.status} trans={trans} />
      {view.status !== 'failed' && <span>{statusDetail(view, Date.now(), trans)}</span>}
      {view.computedAt !== null && (
        <span>{shapeWords(view.rowCount ?? 0, view.columnCount ?? 0, trans)}</span>
      )}
    </span>
  );
}

function RunButton({
  model,
  view,
  actions,
  trans
}: Omit<ITileProps, 'canEdit' | keyof IDrawing> & { view: IView }): ReactElement {
  const isRunning = view.status === 'refreshing';
  const label = isRunning ? trans.__('Cancel %1', view.name) : trans.__('Refresh %1', view.name);
  return (
    <button
      type="button"
      className="jp-Views-iconButton"
      aria-label={label}
      title={isRunning ? trans.__('Stop; the last rows are kept') : trans.__('Refresh')}
      onClick={() => (isRunning ? actions.cancel(model) : actions.refresh(model))}
    >
      {isRunning ? <stopIcon.react tag="span" /> : <refreshIcon.react tag="span" />}
    </button>
  );
}

function Body({
  model,
  actions,
  name,
  trans,
  themes,
  rendermime
}: ITileProps & { name: string }): ReactElement {
  const { view, pages, problem, chart } = model;
  return (
    <div className="jp-ViewsTile-body">
      {view?.status === 'failed' && <Failure view={view} trans={trans} />}
      {problem !== null && (
        <div className="jp-ViewsBanner">
          <span>{problemText(problem, trans)}</span>
          <button type="button" className="jp-Views-textButton" onClick={() => void model.load()}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {chart !== null ? (
        <TileChart
          model={chart}
          tileId={model.tile.id}
          trans={trans}
          themes={themes}
          rendermime={rendermime}
        />
      ) : pages !== null ? (
        <Rows key={pages.resultKey} model={model} name={name} trans={trans} />
      ) : (
        view?.status === 'never_run' && (
          <div className="jp-ViewsTile-empty">
            <p>{trans.__('No rows yet.')}</p>
            <button
              type="button"
              className="jp-Views-textButton"
              onClick={() => actions.refresh(model)}
            >
              {trans.__('Run the query')}
            </button>
          </div>
        )
      )}
    </div>
  );
}

function Failure({ view, trans }: { view: IView; trans: TranslationBundle }): ReactElement {
  const kept = view.computedAt ? trans.__('The rows below are the last good ones.') : '';
  const parts = [view.lastRefresh?.message, view.lastRefresh?.hint, kept];
  return <p className="jp-ViewsBanner">{parts.filter(Boolean).join(' ')}</p>;
}

function Rows({
  model,
  name,
  trans
}: {
  model: TileModel;
  name: string;
  trans: TranslationBundle;
}): ReactElement | null {
  const [first, go] = useState(0);
  const pages = model.pages;
  return (
    pages && (
      <div className="jp-ViewsTable jp-ViewsTile-rows">
        <ResultTable
          pages={pages}
          name={name}
          trans={trans}
          first={first}
          count={TABLE_ROWS}
          isAlone
          hasPager={pages.totalRows > TABLE_ROWS}
          go={go}
        />
      </div>
    )
  );
}
