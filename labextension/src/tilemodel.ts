/** A view on a dashboard, with the dashboard's values where it has some. Knows no DOM. */

import { Poll } from '@lumino/polling';

import { ChartModel } from './chart';
import type { ITile } from './dashboards';
import { DocumentModel } from './document';
import type { ViewsModel } from './model';
import type { IResultWindow, IView } from './tokens';

export class TileModel extends DocumentModel {
  constructor(
    views: ViewsModel,
    tile: ITile,
    /** The dashboard whose values are in the place of the view's own; null for none. */
    private readonly _from: number | null
  ) {
    super(views, tile.shortId, 'chart');
    this._tile = tile;
    this._watch = new Poll({
      auto: false,
      name: 'jupyter-views:tile',
      factory: () => this.load(),
      frequency: { interval: 1000, backoff: true, max: 10000 },
      standby: 'when-hidden'
    });
    this.stateChanged.connect(this._watchIfNeeded, this);
  }

  get tile(): ITile {
    return this._tile;
  }

  set tile(value: ITile) {
    this._tile = value;
    this.stateChanged.emit();
  }

  /** The chart that its owner chose; without one, or where a person wants them, the rows. */
  get chart(): ChartModel | null {
    if (!this.hasChart || this._wantsRows) {
      return null;
    }
    if (this._chart === null) {
      this._chart = new ChartModel(this, this._from);
      this._chart.begin();
    }
    return this._chart;
  }

  get hasChart(): boolean {
    return this.view?.hasChart === true && this.view.computedAt !== null;
  }

  /** Show the rows in the place of the chart, or the chart again. */
  turn(): void {
    this._wantsRows = !this._wantsRows;
    this.stateChanged.emit();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._watch.dispose();
      this._chart?.dispose();
      super.dispose();
    }
  }

  /** Run the query now, with the values that are shown. */
  async refresh(): Promise<void> {
    if (this._from === null) {
      await this.views.refresh(this.id);
    } else {
      await this.views.api.refresh(this.id, this._from);
      await this.load();
    }
  }

  /** Stop the run under way; the rows that are shown stay. */
  async cancel(): Promise<void> {
    const statementId = this.view?.refresh?.statementId;
    if (this._from === null) {
      await this.views.edits.cancel(this.id);
    } else if (statementId) {
      await this.views.api.cancel(statementId);
      await this.load();
    }
  }

  protected override read(): Promise<IView> {
    return this._from === null ? super.read() : this.views.api.get(this.id, this._from);
  }

  protected override window(offset: number, limit: number): Promise<IResultWindow> {
    return this.views.api.window(this.id, offset, limit, this._from);
  }

  protected override onViewChanged(views: ViewsModel, view: IView): void {
    if (this._from === null) {
      super.onViewChanged(views, view);
    } else if (view.shortId === this.id) {
      // The sources moved, or its owner changed it: with other values too.
      void this.load();
    }
  }

  /** A run with other values has no event: one looks until it has ended. */
  private _watchIfNeeded(): void {
    const isRunning = this._from !== null && this.view?.status === 'refreshing';
    const { phase } = this._watch.state;
    const isIdle = phase === 'constructed' || phase === 'stopped';
    if (isRunning && this.isVisible && isIdle) {
      void this._watch.start();
    } else if (!(isRunning && this.isVisible) && !isIdle) {
      void this._watch.stop();
    }
  }

  private _tile: ITile;
  private _chart: ChartModel | null = null;
  private _wantsRows = false;
  private readonly _watch: Poll<void>;
}
