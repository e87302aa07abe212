/** The chart in a result tab: controls, the picture, what it shows in words and in numbers. */

import type { IThemeManager } from '@jupyterlab/apputils';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import { Panel, Widget } from '@lumino/widgets';
import { useState, type ReactElement } from 'react';

import { cellText } from './cells';
import { ChartModel } from './chart';
import { ChartForm, isDark } from './chartform';
import type { IPlot } from './charts';
import type { DocumentModel } from './document';
import type { Json } from './json';
import { grouped } from './words';

const VEGALITE = 'application/vnd.vegalite.v5+json';

export interface IChartOptions {
  document: DocumentModel;
  trans: TranslationBundle;
  themes: IThemeManager | null;
  rendermime: IRenderMimeRegistry | null;
}

export class ChartView extends Panel {
  constructor({ document, trans, themes, rendermime }: IChartOptions) {
    super();
    this._model = new ChartModel(document);
    this.addClass('jp-ViewsChart');
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Chart'));
    const told = `jp-views-${document.id}-chart-words`;
    this.addWidget(new ChartForm({ model: this._model, trans }));
    this.addWidget(new Picture({ model: this._model, trans, themes, rendermime, told }));
    this.addWidget(new ChartNumbers(this._model, told, trans));
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._model.begin();
  }

  protected override onActivateRequest(): void {
    this.node.focus();
  }

  private readonly _model: ChartModel;
}

interface IPictureOptions extends Omit<IChartOptions, 'document'> {
  model: ChartModel;
  /** The id of the words that say what the picture shows. */
  told: string;
}

/** The spec as the host's own renderer draws it, in the colours of the host's theme. */
class Picture extends Panel {
  constructor(private readonly _options: IPictureOptions) {
    super();
    this.addClass('jp-ViewsChart-picture');
    this._draws = new Debouncer(() => this._draw(), 60);
    this._observer = new ResizeObserver(() => this._ask());
    _options.model.stateChanged.connect(this._onModel, this);
    _options.themes?.themeChanged.connect(this._ask, this);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._options.model.stateChanged.disconnect(this._onModel, this);
    this._options.themes?.themeChanged.disconnect(this._ask, this);
    this._observer.disconnect();
    this._draws.dispose();
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._observer.observe(this.node);
  }

  private _onModel(): void {
    if (this._options.model.plot !== this._plot) {
      this._plot = this._options.model.plot;
      this._ask();
    }
  }

  private _ask(): void {
    void this._draws.invoke().catch(() => undefined);
  }

  private async _draw(): Promise<void> {
    const plot = this._plot;
    const width = this.node.clientWidth;
    this.node.classList.toggle('jp-mod-empty', plot?.chart === null);
    if (plot === null || plot.chart === null || width === 0) {
      return;
    }
    const key = `${width} ${String(isDark())}`;
    if (plot === this._drawn && key === this._drawnFor) {
      return;
    }
    this._drawn = plot;
    this._drawnFor = key;
    const { rendermime, trans } = this._options;
    if (!rendermime?.mimeTypes.includes(VEGALITE)) {
      this._say(trans.__('This application has no renderer for charts. Download the SVG.'));
      return;
    }
    try {
      const renderer = this._renderer ?? rendermime.createRenderer(VEGALITE);
      if (this._renderer === null) {
        this._renderer = renderer;
        // One image with a name: the names of its many marks would be noise.
        this.node.setAttribute('role', 'img');
        this.node.setAttribute('aria-labelledby', this._options.told);
        renderer.node.setAttribute('aria-hidden', 'true');
        this.addWidget(renderer);
      }
      const data = { [VEGALITE]: this._spec(plot, width) };
      const metadata = { [VEGALITE]: { embed_options: embedOptions() } };
      await renderer.renderModel(rendermime.createModel({ data, metadata }));
    } catch {
      this._say(trans.__('The chart could not be drawn here. Download the SVG.'));
    }
  }

  private _say(words: string): void {
    this._renderer?.dispose();
    this._renderer = null;
    this.node.removeAttribute('role');
    this.node.removeAttribute('aria-labelledby');
    const note = new Widget();
    note.addClass('jp-ViewsChart-note');
    note.node.textContent = words;
    this.addWidget(note);
  }

  /** A copy, because the renderer writes into what it is given. */
  private _spec({ spec, values }: IPlot, width: number): JSONObject {
    const copied = values.map(value => ({ ...value }));
    return { ...spec, data: { values: copied }, width, config: config(this.node) } as JSONObject;
  }

  private readonly _draws: Debouncer<void>;
  private readonly _observer: ResizeObserver;
  private _plot: IPlot | null = null;
  private _drawn: IPlot | null = null;
  private _drawnFor = '';
  private _renderer: IRenderMime.IRenderer | null = null;
}

/** No menu that sends the numbers to another site; text as text in the page. */
function embedOptions(): JSONObject {
  return {
    actions: false,
    defaultStyle: false,
    renderer: 'svg',
    tooltip: { theme: isDark() ? 'dark' : 'light' }
  };
}

function config(node: HTMLElement): JSONObject {
  const style = getComputedStyle(node);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  const text = value('--jp-ui-font-color1');
  const axis = { labelColor: text, titleColor: text, titlePadding: 10, titleFontWeight: 'normal' };
  const line = value('--jp-border-color1');
  return {
    background: 'transparent',
    font: value('--jp-ui-font-family'),
    view: { stroke: null },
    axis: { ...axis, gridColor: value('--jp-border-color2'), domainColor: line, tickColor: line },
    legend: { labelColor: text, titleColor: text, titleFontWeight: 'normal' },
    text: { color: text },
    aria: false
  };
}

class ChartNumbers extends VDomRenderer<ChartModel> {
  constructor(
    model: ChartModel,
    private readonly _told: string,
    private readonly _trans: TranslationBundle
  ) {
    super(model);
    this.addClass('jp-ViewsChart-numbers');
  }

  protected override render(): ReactElement | null {
    const { plot } = this.model;
    if (plot === null) {
      return null;
    }
    return (
      <>
        <p id={this._told} role="status">
          {plot.summary}
        </p>
        {plot.fields.size > 0 && <Numbers plot={plot} trans={this._trans} />}
      </>
    );
  }
}

function Numbers({ plot, trans }: { plot: IPlot; trans: TranslationBundle }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{trans.__('Numbers behind the chart (%1)', grouped(plot.values.length))}</summary>
      {isOpen && (
        <table>
          <caption className="jp-Views-forReaders">{plot.summary}</caption>
          <thead>
            <tr>
              {[...plot.fields].map(([field, name]) => (
                <th key={field} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {plot.values.map((value, index) => (
              <NumbersRow key={index} value={value} fields={[...plot.fields.keys()]} />
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function NumbersRow({ value, fields }: { value: Json; fields: readonly string[] }): ReactElement {
  return (
    <tr>
      {fields.map(field => (
        <td key={field} data-number={typeof value[field] === 'number'}>
          {cellText(value[field])}
        </td>
      ))}
    </tr>
  );
}
