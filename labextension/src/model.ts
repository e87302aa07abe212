/** What the sidebar and the result documents show. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer, Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import { Announcer } from './announcer';
import { Editing } from './editing';
import type { IViewEvent } from './events';
import { EventFeed, type IFollower } from './feed';
import type { IFilter } from './filter';
import { Holders } from './holders';
import { KnownViews } from './known';
import { Listings } from './listing';
import { PendingRefreshes } from './pending';
import { problemOf, type Problem } from './problem';
import type { IView, IViewsApi, IViewsPage } from './tokens';
import { OfflineError, RefusedError } from './transport';

/** Search waits for a pause in typing; loaded rows are filtered at once. */
const SEARCH_PAUSE = 300;
/** A server that is still opening its store is asked again soon. */
const START_PAUSE = 500;
/** Views that are read one by one in one round. */
const MOST_SINGLE_READS = 10;
/** More views than this that events named are read as a list. */
const MOST_EVENT_READS = 3;

export class ViewsModel extends VDomModel implements IFollower {
  constructor(
    readonly api: IViewsApi,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.announcer = new Announcer(_trans);
    this.edits = new Editing(api, this.announcer, this);
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
  }

  /** Says what a screen reader must hear too. */
  readonly announcer: Announcer;
  readonly edits: Editing;

  /** The first answer has come. */
  get isReady(): boolean {
    return this._lists.all.loaded;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get query(): string {
    return this._lists.query;
  }

  get filter(): IFilter {
    return this._lists.filter;
  }

  /** More views than are loaded. */
  get hasMore(): boolean {
    return this._lists.current.cursor !== null;
  }

  /** The views to show, in order: all, or those that match the search. */
  get views(): readonly IView[] {
    return this._lists.shown(id => this._views.get(id));
  }

  /** All views that are loaded, shown or not. */
  get known(): readonly IView[] {
    return this._views.all();
  }

  /** No favourite stands on a page that is not loaded. */
  get hasAllFavourites(): boolean {
    const { all, favourites, found } = this._lists;
    return found === null && (all.cursor === null || favourites.cursor === null);
  }

  /** The server told of something, whether or not it changed what is shown. */
  get happened(): ISignal<this, IViewEvent> {
    return this._happened;
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
    for (const part of [this._poll, this._watch, this._soon, this._search, this._feed]) {
      part.dispose();
    }
    super.dispose();
    Signal.clearData(this);
  }

  /** Keep the list, and one view wherever it stands, up to date until the handle is disposed. */
  hold(id: string | null = null): IDisposable {
    const handle = this._holders.add(id);
    this._watchIfNeeded();
    return handle;
  }

  find(id: string): IView | undefined {
    return this._views.get(id);
  }

  setQuery(query: string): void {
    this._narrow(query, this.filter);
  }

  setFilter(part: Partial<IFilter>): void {
    this._narrow(this.query, { ...this.filter, ...part });
  }

  private _narrow(query: string, filter: IFilter): void {
    if (this._lists.narrow(query, filter)) {
      if (this._lists.found) {
        void this._search.invoke().catch(() => undefined);
      } else {
        this.announcer.counted(this._lists.all.count);
      }
    }
    this.stateChanged.emit();
  }

  reload(): Promise<void> {
    return this._poll.refresh();
  }

  async loadMore(): Promise<void> {
    const listing = this._lists.current;
    if (listing.cursor === null || this._loadingMore) {
      return;
    }
    this._loadingMore = true;
    const asked = this._views.ask();
    try {
      const page = await this.api.list(listing.wanted, listing.cursor);
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
    const asked = this._views.ask();
    try {
      const view = await this.api.get(id);
      this._merge(view, asked);
      this.stateChanged.emit();
      return view;
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) {
        this.forget(id);
        this.stateChanged.emit();
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

  /** The host's event stream said that something happened to a view. */
  noteEvent(event: IViewEvent): void {
    this._feed.note(event);
  }

  tell(events: readonly IViewEvent[]): void {
    const touched = new Set<string>();
    for (const event of events) {
      if (event.action === 'deleted') {
        this.forget(event.id);
      } else if (!this._isAwaited(event)) {
        this._views.note(event);
        touched.add(event.id);
      }
    }
    touched.forEach(id => this._emitChange(this._views.get(id)));
    events.forEach(event => this._happened.emit(event));
    this._watchIfNeeded();
    this.stateChanged.emit();
  }

  async catchUp(ids: readonly string[]): Promise<void> {
    const isShown = !this._holders.isEmpty;
    const wanted = ids.filter(id => (isShown ? this._views.has(id) : this._pending.has(id)));
    if (isShown && (wanted.length < ids.length || wanted.length > MOST_EVENT_READS)) {
      await this._readList();
    } else {
      await Promise.allSettled(wanted.map(id => this.read(id)));
    }
  }

  /** Whether somebody waits for what the event ends: he is told once its rows are known. */
  private _isAwaited({ action, id }: IViewEvent): boolean {
    const isEnd = action === 'refreshed' || action === 'failed';
    return isEnd && (this._pending.has(id) || this._isHeld(id));
  }

  private _isHeld(id: string): boolean {
    return this._holders.ids.has(id);
  }

  private async _readList(): Promise<void> {
    const listing = this._lists.current;
    const firstSearch = listing === this._lists.found && !listing.loaded;
    const asked = this._views.ask();
    try {
      const page = await this.api.list(listing.wanted, null);
      if (listing.readAt > asked) {
        return;
      }
      listing.readAt = asked;
      page.items.forEach(view => this._merge(view, asked));
      const gone = listing.replaceHead(page);
      // A view that left a search may only have been renamed.
      if (listing === this._lists.all) {
        gone.forEach(id => this.forget(id));
      }
      this._setProblem(null);
      await Promise.all([this._readHeld(page), this._readFavourites(asked)]);
      if (firstSearch && listing === this._lists.found) {
        this.announcer.counted(listing.count);
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

  /** The favourites stand on top, wherever the list has them. */
  private async _readFavourites(asked: number): Promise<void> {
    const { all, favourites } = this._lists;
    if (all.cursor !== null && this._lists.current === all) {
      const page = await this.api.list(favourites.wanted, null);
      page.items.forEach(view => this._merge(view, asked));
      favourites.replaceHead(page);
    }
  }

  /** Views that somebody looks at, but that the page of the list does not hold. */
  private async _readHeld(page: IViewsPage): Promise<void> {
    const listed = new Set(page.items.map(view => view.shortId));
    const absent = [...this._holders.ids].filter(id => !listed.has(id)).slice(0, MOST_SINGLE_READS);
    await Promise.allSettled(absent.map(id => this.read(id)));
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
    return this._views
      .all()
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
    return !this._holders.isEmpty || this._pending.size > 0;
  }

  /** Take over a view's facts, unless a later request has brought newer ones. */
  private _merge(view: IView, asked: number): void {
    const step = this._views.take(view, asked);
    if (step === null) {
      return;
    }
    const { before, after, isNews } = step;
    const id = view.shortId;
    const hasEnded = before?.status === 'refreshing' && after.status !== 'refreshing';
    if (this._pending.has(id) ? this._pending.isEndedBy(after) : hasEnded && this._isHeld(id)) {
      this._pending.end(after);
      this.announcer.ended(after);
    }
    this._watchIfNeeded();
    if (isNews) {
      this._emitChange(after);
    }
  }

  private _emitChange(view: IView | undefined): void {
    if (view !== undefined) {
      this._viewChanged.emit(view);
    }
  }

  /** Take over what the answer to a change told. */
  take(view: IView): void {
    this._merge(view, this._views.ask());
    this.stateChanged.emit();
  }

  forget(id: string): void {
    this._pending.fail(id, new Error(this._trans.__('The view was deleted.')));
    this._lists.remove(id);
    if (this._views.forget(id)) {
      this._viewRemoved.emit(id);
    }
  }

  private _setProblem(error: unknown): void {
    const before = this._problem?.kind;
    this._problem = error === null ? null : problemOf(error);
    if (this._problem?.kind === 'offline' && before !== 'offline') {
      this.announcer.wentOffline();
    }
  }

  private _problem: Problem | null = null;
  private _loadingMore = false;
  private readonly _holders = new Holders({
    onFirst: () => void this._poll.start(),
    onNone: () => void (this.isDisposed || this._poll.stop())
  });
  private readonly _lists = new Listings();
  private readonly _views = new KnownViews();
  private readonly _pending = new PendingRefreshes();
  private readonly _poll: Poll<void>;
  private readonly _watch: Poll<void>;
  private readonly _soon = new Debouncer(() => this._poll.refresh(), START_PAUSE);
  private readonly _search = new Debouncer(() => this._poll.refresh(), SEARCH_PAUSE);
  private readonly _feed = new EventFeed(this);
  private readonly _happened = new Signal<this, IViewEvent>(this);
  private readonly _viewChanged = new Signal<this, IView>(this);
  private readonly _viewRemoved = new Signal<this, string>(this);
}
