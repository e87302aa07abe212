/** What the sidebar and the result documents show. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Debouncer, Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import { OfflineError, RefusedError } from './api';
import { Listing, matches } from './listing';
import { PendingRefreshes } from './pending';
import { problemOf, type Problem } from './problem';
import type { IView, IViewsApi, IViewsPage } from './tokens';
import { rowsWord, viewsWord } from './words';

export interface IAnnouncement {
  readonly text: string;
  readonly assertive: boolean;
}

/** Search waits for a pause in typing; loaded rows are filtered at once. */
const SEARCH_PAUSE = 300;
/** Several events of one refresh become one request. */
const EVENT_PAUSE = 150;
/** A server that is still opening its store is asked again soon. */
const START_PAUSE = 500;
/** More changed rows than this are cheaper to read as a list. */
const MOST_SINGLE_READS = 10;

export class ViewsModel extends VDomModel {
  constructor(
    readonly api: IViewsApi,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this._poll = new Poll({
      auto: false,
      name: 'jupyter-views:list',
      factory: () => this._readList(),
      frequency: { interval: 5000, backoff: true, max: 60000 },
      standby: 'when-hidden'
    });
    this._watch = new Poll({
      auto: false,
      name: 'jupyter-views:refreshing',
      factory: () => this._readRefreshing(),
      frequency: { interval: 1000, backoff: true, max: 10000 },
      standby: 'when-hidden'
    });
    this._soon = new Debouncer(() => this._poll.refresh(), START_PAUSE);
    this._search = new Debouncer(() => this._poll.refresh(), SEARCH_PAUSE);
    this._events = new Debouncer(() => this._readChanged(), EVENT_PAUSE);
  }

  /** The first answer has come. */
  get isReady(): boolean {
    return this._all.loaded;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get query(): string {
    return this._query;
  }

  /** More views than are loaded. */
  get hasMore(): boolean {
    return this._listing.cursor !== null;
  }

  /** The views to show, in order: all, or those that match the search. */
  get views(): readonly IView[] {
    const found = this._found;
    const ids = found?.loaded ? found.ids : this._all.ids;
    const views = ids.flatMap(id => this._views.get(id) ?? []);
    return found && !found.loaded ? views.filter(view => matches(view, found.search)) : views;
  }

  /** Something was said that a screen reader must hear too. */
  get announced(): ISignal<this, IAnnouncement> {
    return this._announced;
  }

  /** One view has other facts than before. */
  get viewChanged(): ISignal<this, IView> {
    return this._viewChanged;
  }

  get viewRemoved(): ISignal<this, string> {
    return this._viewRemoved;
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    for (const part of [this._poll, this._watch, this._soon, this._search, this._events]) {
      part.dispose();
    }
    super.dispose();
    Signal.clearData(this);
  }

  /** Keep the list, and one view wherever it stands, up to date until the handle is disposed. */
  hold(id: string | null = null): IDisposable {
    const holder = { id };
    this._holders.add(holder);
    if (this._holders.size === 1) {
      void this._poll.start();
    }
    this._watchIfNeeded();
    return new DisposableDelegate(() => {
      this._holders.delete(holder);
      if (this._holders.size === 0 && !this.isDisposed) {
        void this._poll.stop();
      }
    });
  }

  find(id: string): IView | undefined {
    return this._views.get(id);
  }

  setQuery(query: string): void {
    const search = query.trim();
    this._query = query;
    if (search !== (this._found?.search ?? '')) {
      this._found = search ? new Listing(search) : null;
      if (search) {
        void this._search.invoke().catch(() => undefined);
      } else {
        this._say(viewsWord(this._all.total ?? this._all.ids.length, this._trans));
      }
    }
    this.stateChanged.emit();
  }

  reload(): Promise<void> {
    return this._poll.refresh();
  }

  async loadMore(): Promise<void> {
    const listing = this._listing;
    if (listing.cursor === null || this._loadingMore) {
      return;
    }
    this._loadingMore = true;
    const asked = ++this._clock;
    try {
      const page = await this.api.list(listing.search, listing.cursor);
      page.items.forEach(view => this._merge(view, asked));
      listing.append(page);
      this._setProblem(null);
    } catch (error) {
      this._setProblem(error);
    } finally {
      this._loadingMore = false;
      this.stateChanged.emit();
    }
  }

  /** Read one view again, wherever the list stands. */
  async read(id: string): Promise<IView> {
    const asked = ++this._clock;
    try {
      const view = await this.api.get(id);
      this._merge(view, asked);
      this.stateChanged.emit();
      return view;
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) {
        this._forget(id);
      }
      throw error;
    }
  }

  /** Start a refresh; resolves with the view when it has ended, well or badly. */
  async refresh(id: string): Promise<IView> {
    const underWay = this._pending.get(id);
    if (underWay) {
      return underWay;
    }
    const ended = this._pending.begin(id);
    try {
      this._pending.name(id, await this.api.refresh(id));
      await this.read(id);
    } catch (error) {
      this._pending.fail(id, error);
    }
    return ended;
  }

  async cancel(id: string): Promise<void> {
    const statementId = (this.find(id) ?? (await this.read(id))).refresh?.statementId;
    if (statementId !== undefined) {
      await this.api.cancel(statementId);
      await this.read(id);
    }
  }

  async remove(id: string): Promise<void> {
    const name = this.find(id)?.name ?? '';
    await this.api.remove(id);
    this._forget(id);
    this._say(this._trans.__('%1: deleted', name));
  }

  /** The host's event stream said that something happened to a view. */
  noteEvent(action: string, id: string): void {
    if (action === 'deleted') {
      this._forget(id);
      return;
    }
    this._changed.add(id);
    void this._events.invoke().catch(() => undefined);
  }

  private get _listing(): Listing {
    return this._found ?? this._all;
  }

  private async _readList(): Promise<void> {
    const listing = this._listing;
    const firstSearch = listing === this._found && !listing.loaded;
    const asked = ++this._clock;
    try {
      const page = await this.api.list(listing.search, null);
      if (listing.readAt > asked) {
        return;
      }
      listing.readAt = asked;
      page.items.forEach(view => this._merge(view, asked));
      const gone = listing.replaceHead(page);
      // A view that left a search may only have been renamed.
      if (listing === this._all) {
        gone.forEach(id => this._forget(id));
      }
      this._setProblem(null);
      await this._readHeld(page);
      if (firstSearch && listing === this._found) {
        this._say(viewsWord(listing.total ?? listing.ids.length, this._trans));
      }
    } catch (error) {
      this._setProblem(error);
      if (this._problem?.kind === 'starting') {
        void this._soon.invoke().catch(() => undefined);
        return;
      }
      throw error;
    } finally {
      this.stateChanged.emit();
    }
  }

  /** Views that somebody looks at, but that the page of the list does not hold. */
  private async _readHeld(page: IViewsPage): Promise<void> {
    const listed = new Set(page.items.map(view => view.shortId));
    const held = new Set([...this._holders].flatMap(({ id }) => id ?? []));
    const absent = [...held].filter(id => !listed.has(id)).slice(0, MOST_SINGLE_READS);
    await Promise.allSettled(absent.map(id => this.read(id)));
  }

  private async _readChanged(): Promise<void> {
    const ids = [...this._changed];
    this._changed.clear();
    const known = ids.filter(id => this._views.has(id));
    const readAll = known.length < ids.length || known.length > MOST_SINGLE_READS;
    if (readAll && this._holders.size > 0) {
      await this._poll.refresh();
    }
    if (known.length <= MOST_SINGLE_READS) {
      await Promise.allSettled(known.map(id => this.read(id)));
    }
  }

  private async _readRefreshing(): Promise<void> {
    const ids = this._refreshing().slice(0, MOST_SINGLE_READS);
    const results = await Promise.allSettled(ids.map(id => this.read(id)));
    this.stateChanged.emit();
    if (!this._isWatched || this._refreshing().length === 0) {
      void this._watch.stop();
    }
    if (
      results.some(result => result.status === 'rejected' && result.reason instanceof OfflineError)
    ) {
      throw new OfflineError();
    }
  }

  private _refreshing(): readonly string[] {
    return [...this._views.values()]
      .filter(view => view.status === 'refreshing' || this._pending.has(view.shortId))
      .map(view => view.shortId);
  }

  private _watchIfNeeded(): void {
    const phase = this._watch.state.phase;
    const idle = phase === 'constructed' || phase === 'stopped';
    if (idle && this._isWatched && this._refreshing().length > 0) {
      void this._watch.start();
    }
  }

  /** Somebody looks, or waits for a refresh that he started. */
  private get _isWatched(): boolean {
    return this._holders.size > 0 || this._pending.size > 0;
  }

  /** Take over a view's facts, unless a later request has brought newer ones. */
  private _merge(view: IView, asked: number): void {
    const id = view.shortId;
    if ((this._askedAt.get(id) ?? 0) > asked) {
      return;
    }
    const before = this._views.get(id);
    this._askedAt.set(id, asked);
    this._views.set(id, view);
    const wasRefreshing = before?.status === 'refreshing' && view.status !== 'refreshing';
    if (this._pending.has(id) ? this._pending.isEndedBy(view) : wasRefreshing) {
      this._ended(view);
    }
    this._watchIfNeeded();
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(view)) {
      this._viewChanged.emit(view);
    }
  }

  private _ended(view: IView): void {
    this._pending.end(view);
    if (view.status === 'failed') {
      const why = view.lastRefresh?.message ?? '';
      this._say(this._trans.__('%1: refresh failed. %2', view.name, why), true);
    } else if (view.lastRefresh?.status.toLowerCase().startsWith('cancel')) {
      this._say(this._trans.__('%1: cancelled', view.name));
    } else {
      const rows = rowsWord(view.rowCount ?? 0, this._trans);
      this._say(this._trans.__('%1: refreshed, %2', view.name, rows));
    }
  }

  private _forget(id: string): void {
    this._pending.fail(id, new Error(this._trans.__('The view was deleted.')));
    this._all.remove(id);
    this._found?.remove(id);
    if (this._views.delete(id)) {
      this._viewRemoved.emit(id);
      this.stateChanged.emit();
    }
  }

  private _setProblem(error: unknown): void {
    const before = this._problem?.kind;
    this._problem = error === null ? null : problemOf(error);
    if (this._problem?.kind === 'offline' && before !== 'offline') {
      this._say(this._trans.__('The server does not answer.'), true);
    }
  }

  private _say(text: string, assertive = false): void {
    this._announced.emit({ text, assertive });
  }

  private _all = new Listing('');
  private _found: Listing | null = null;
  private _query = '';
  private _problem: Problem | null = null;
  private _clock = 0;
  private _loadingMore = false;
  private readonly _holders = new Set<{ readonly id: string | null }>();
  private readonly _views = new Map<string, IView>();
  private readonly _askedAt = new Map<string, number>();
  private readonly _pending = new PendingRefreshes();
  private readonly _changed = new Set<string>();
  private readonly _poll: Poll<void>;
  private readonly _watch: Poll<void>;
  private readonly _soon: Debouncer<void>;
  private readonly _search: Debouncer<void>;
  private readonly _events: Debouncer<void>;
  private readonly _announced = new Signal<this, IAnnouncement>(this);
  private readonly _viewChanged = new Signal<this, IView>(this);
  private readonly _viewRemoved = new Signal<this, string>(this);
}
