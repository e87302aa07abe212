/** The picture of a chart: the spec as the host's own renderer draws it. */

import type { IThemeManager } from '@jupyterlab/apputils';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import { Panel, Widget } from '@lumino/widgets';

import type { ChartModel } from './chart';
import { isDark } from './chartform';
import type { IPlot } from './charts';

const VEGALITE = 'application/vnd.vegalite.v5+json';
/** What a picture needs to be read. */
const LEAST = 140;

interface IPictureOptions {
  model: ChartModel;
  trans: TranslationBundle;
  themes: IThemeManager | null;
  rendermime: IRenderMimeRegistry | null;
  /** The id of the words that say what the picture shows. */
  told: string;
  /** Whether it keeps to the height that there is, where that is less than its own. */
  isFitted?: boolean;
}

/** The spec as the host's own renderer draws it, in the colours of the host's theme. */
export class Picture extends Panel {
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
    this._onModel();
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
    const key = `${width} ${this._height} ${String(isDark())}`;
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
    const drawn = { ...spec, data: { values: copied }, width, config: config(this.node) };
    const isTooHigh = typeof spec.height === 'number' && spec.height > this._height;
    return (isTooHigh ? { ...drawn, height: this._height } : drawn) as JSONObject;
  }

  /** The most that a picture of the usual height may have; a taller one has many bars. */
  private get _height(): number {
    return this._options.isFitted ? Math.max(this.node.clientHeight, LEAST) : Infinity;
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
