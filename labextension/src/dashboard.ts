/** What the page of one dashboard shows, and what its owner does to it. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { DashboardList } from './dashboardlist';
import {
  hasValues,
  OVERTAKEN,
  type IDashboardChange,
  type ITile,
  type ITiledDashboard
} from './dashboards';
import type { ViewsModel } from './model';
import { problemOf, type Problem } from './problem';
import { TileModel } from './tilemodel';
import { RefusedError } from './transport';

export class DashboardModel extends VDomModel {
  constructor(
    readonly views: ViewsModel,
    readonly list: DashboardList,
    readonly id: number,
    private readonly _trans: TranslationBundle
  ) {
    super();
    views.viewRemoved.connect(this._onViewRemoved, this);
  }

  get dashboard(): ITiledDashboard | null {
    return this._dashboard;
  }

  /** In the order of the page. */
  get tiles(): readonly TileModel[] {
    return this._tiles;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  /** It was deleted, or hidden from this person. */
  get isGone(): boolean {
    return this._isGone;
  }

  get isVisible(): boolean {
    return this._isVisible;
  }

  set isVisible(value: boolean) {
    if (value !== this._isVisible) {
      this._isVisible = value;
      this._tiles.forEach(tile => {
        tile.isVisible = value;
      });
      if (value) {
        void this.load();
      }
    }
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isVisible = false;
    this.views.viewRemoved.disconnect(this._onViewRemoved, this);
    this._tiles.forEach(tile => tile.dispose());
    super.dispose();
  }

  async load(): Promise<void> {
    try {
      this._show(await this.list.api.get(this.id));
    } catch (error) {
      this._isGone = error instanceof RefusedError && error.status === 404;
      this._problem = this._isGone ? null : problemOf(error);
      if (this._isGone) {
        this.list.forget(this.id);
      }
    }
    this._emit();
  }

  async rename(name: string): Promise<void> {
    await this._change({ name });
  }

  /** Put views behind the others. */
  async add(shortIds: readonly string[]): Promise<void> {
    const added: number[] = [];
    for (const shortId of shortIds) {
      added.push(await this.list.api.insightOf(shortId));
    }
    const before = this._order;
    await this._change({ insights: [...before, ...added.filter(id => !before.includes(id))] });
  }

  async remove(tileId: number): Promise<void> {
    const gone = this._tile(tileId);
    if (gone !== undefined) {
      await this._change({ insights: this._order.filter(id => id !== gone.insightId) });
      this.views.announcer.takenOff(gone.name);
    }
  }

  /** Move a tile to another place, counted from 0. */
  async move(tileId: number, to: number): Promise<void> {
    const moved = this._tile(tileId);
    const place = Math.max(0, Math.min(to, this._tiles.length - 1));
    if (moved === undefined || this.placeOf(tileId) === place) {
      return;
    }
    const others = this._order.filter(id => id !== moved.insightId);
    await this._change({
      insights: [...others.slice(0, place), moved.insightId, ...others.slice(place)]
    });
    this.views.announcer.moved(moved.name, place + 1, this._tiles.length);
  }

  placeOf(tileId: number): number {
    return this._tiles.findIndex(({ tile }) => tile.id === tileId);
  }

  find(tileId: number): TileModel | undefined {
    return this._tiles.find(({ tile }) => tile.id === tileId);
  }

  /** Run what is stale; resolves once all are started. */
  async refreshStale(): Promise<void> {
    const stale = this._tiles.filter(({ view }) => view !== null && isBehind(view.status));
    await Promise.allSettled(stale.map(tile => tile.refresh()));
  }

  private get _order(): readonly number[] {
    return this._tiles.map(({ tile }) => tile.insightId);
  }

  private _tile(tileId: number): ITile | undefined {
    return this.find(tileId)?.tile;
  }

  /** Change it as it was seen here; who was overtaken sees what there is now. */
  private async _change(change: IDashboardChange): Promise<void> {
    try {
      this._show(await this.list.api.change(this.id, change, this._dashboard?.etag ?? null));
      this._emit();
    } catch (error) {
      if (error instanceof RefusedError && error.status === OVERTAKEN) {
        await this.load();
        throw new Error(
          this._trans.__('The dashboard was changed elsewhere. Here it is as it is now: try again.')
        );
      }
      throw error;
    }
  }

  private _show(dashboard: ITiledDashboard): void {
    const before = this._dashboard;
    const isSame =
      before !== null && JSON.stringify(valuesOf(before)) === JSON.stringify(valuesOf(dashboard));
    const known = new Map(isSame ? this._tiles.map(model => [model.tile.id, model]) : []);
    const from = hasValues(dashboard) ? this.id : null;
    const tiles = dashboard.tiles.map(tile => {
      const model = known.get(tile.id) ?? new TileModel(this.views, tile, from);
      if (JSON.stringify(model.tile) !== JSON.stringify(tile)) {
        model.tile = tile;
      }
      return model;
    });
    this._tiles.filter(model => !tiles.includes(model)).forEach(model => model.dispose());
    this._dashboard = dashboard;
    this._tiles = tiles;
    this._problem = null;
    this._isGone = false;
    this.list.note(dashboard);
    tiles.forEach(model => {
      model.isVisible = this._isVisible;
    });
  }

  private _onViewRemoved(_: ViewsModel, shortId: string): void {
    if (this._isVisible && this._tiles.some(({ tile }) => tile.shortId === shortId)) {
      void this.load();
    }
  }

  private _emit(): void {
    if (!this.isDisposed) {
      this.stateChanged.emit();
    }
  }

  private _dashboard: ITiledDashboard | null = null;
  private _tiles: readonly TileModel[] = [];
  private _problem: Problem | null = null;
  private _isGone = false;
  private _isVisible = false;
}

function isBehind(status: string): boolean {
  return status === 'stale' || status === 'failed' || status === 'never_run';
}

function valuesOf({ dateFrom, dateTo, variables }: ITiledDashboard): unknown {
  return [dateFrom, dateTo, variables];
}
