/** The chart of one view: as it is kept, and as somebody is changing it. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';

import { changed, Drawable } from './chartrules';
import { ChartsApi, type FileKind, type IChart, type IFile, type IPlot } from './charts';
import type { DocumentModel } from './document';
import type { IViewEvent } from './events';
import type { ViewsModel } from './model';
import { Pacer } from './pacer';
import { problemOf, type Problem } from './problem';

/** Between two requests while somebody tries one choice after the other, or events come. */
const PAUSE = 200;

export class ChartModel extends VDomModel {
  constructor(
    readonly document: DocumentModel,
    /** The dashboard whose values the rows have; null for the view's own. */
    private readonly _from: number | null = null
  ) {
    super();
    this._api = new ChartsApi(document.views.api.transport);
    document.views.happened.connect(this._onHappened, this);
    document.stateChanged.connect(this._onDocument, this);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.document.views.happened.disconnect(this._onHappened, this);
    this.document.stateChanged.disconnect(this._onDocument, this);
    this._requests.dispose();
    super.dispose();
  }

  /** What is drawn; null until the first answer. */
  get plot(): IPlot | null {
    return this._plot;
  }

  /** What the controls say: the draft, else what is kept. */
  get chart(): IChart | null {
    return this._draft ?? this._plot?.chart ?? null;
  }

  /** Somebody changed it here and has not saved it. */
  get isDraft(): boolean {
    return this._draft !== null;
  }

  get canSave(): boolean {
    return this.document.view?.canEdit === true;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  /** Those of the result that can be drawn. */
  get columns(): Drawable {
    return new Drawable(this.document.pages?.columns ?? []);
  }

  /** Start to follow; called when the part is there to be seen. */
  begin(): void {
    this._hasBegun = true;
    this._onDocument();
  }

  change(part: Partial<IChart>): void {
    if (this.chart !== null) {
      this._draft = changed(this.chart, part, this.columns);
      this.stateChanged.emit();
      this._requests.ask();
    }
  }

  /** Drop what was changed here. */
  discard(): void {
    this._draft = null;
    this.stateChanged.emit();
    this._requests.ask();
  }

  /** Keep what was changed here for everybody who reads the view. */
  async save(): Promise<void> {
    if (this._draft !== null) {
      await this._choose(this._draft);
    }
  }

  /** Go back to the chart that suits best, whatever the rows will be. */
  async useDefault(): Promise<void> {
    await this._choose(null);
  }

  async load(): Promise<void> {
    const asked = this._draft;
    this._loadedFor = this._key;
    await this._attempt(async () => {
      const plot = await this._api.plot(this.document.id, asked, this._from);
      // An answer to what is no longer asked would flicker.
      if (asked === this._draft) {
        this._plot = plot;
      }
    });
  }

  async file(kind: FileKind, isDark: boolean): Promise<IFile> {
    return this._api.file(this.document.id, kind, this._draft, isDark);
  }

  private async _choose(chart: IChart | null): Promise<void> {
    await this._attempt(async () => {
      this._plot = await this._api.choose(this.document.id, chart);
      this._draft = null;
    });
  }

  private async _attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
    if (!this.isDisposed) {
      this.stateChanged.emit();
    }
  }

  private get _key(): string {
    const { view } = this.document;
    return `${view?.computedAt ?? ''} ${view?.version ?? ''}`;
  }

  private get _isInFront(): boolean {
    return this._hasBegun && this.document.isVisible && this.document.tab === 'chart';
  }

  private _onDocument(): void {
    if (this._isInFront && this.document.view?.computedAt && this._key !== this._loadedFor) {
      this._loadedFor = this._key;
      this._requests.ask();
    }
    // The columns may have come, and whoever may edit.
    this.stateChanged.emit();
  }

  private _onHappened(_: ViewsModel, { id, action }: IViewEvent): void {
    if (id !== this.document.id || action !== 'edited') {
      return;
    }
    this._loadedFor = null;
    this._onDocument();
  }

  private readonly _api: ChartsApi;
  private readonly _requests = new Pacer(() => this.load(), PAUSE);
  private _hasBegun = false;
  private _plot: IPlot | null = null;
  private _draft: IChart | null = null;
  private _problem: Problem | null = null;
  private _loadedFor: string | null = null;
}
