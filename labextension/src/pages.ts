/** Rows of a stored result, fetched in pages as they come into sight. No DOM. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Cell, IColumn, IResultWindow } from './tokens';

export type FetchWindow = (offset: number, limit: number) => Promise<IResultWindow>;

export interface ILoaded {
  readonly offset: number;
  readonly count: number;
}

const PAGE_ROWS = 500;
/** 24 pages of 500 rows: a few MB at most widths, and more than any screen shows. */
const MOST_PAGES = 24;
const MOST_REQUESTS = 2;
/** A dragged scroll bar asks for many pages that are out of sight again at once. */
const MOST_WAITING = 4;

/**
 * One result, read by windows.
 *
 * All pages belong to the same result: a window of another one (the view was
 * refreshed in between) is dropped and `replaced` fires instead.
 */
export class ResultPages {
  constructor(
    first: IResultWindow,
    private readonly _fetch: FetchWindow
  ) {
    this.columns = first.columns;
    this.totalRows = first.totalRows;
    this.resultKey = first.resultKey;
    this._pages.set(0, first.rows);
  }

  /** The first page of a result, and with it everything known about the rest. */
  static async open(fetch: FetchWindow): Promise<ResultPages> {
    return new ResultPages(await fetch(0, PAGE_ROWS), fetch);
  }

  readonly columns: readonly IColumn[];
  readonly totalRows: number;
  readonly resultKey: string;

  get loaded(): ISignal<this, ILoaded> {
    return this._loaded;
  }

  /** The server now has another result than the one shown here. */
  get replaced(): ISignal<this, void> {
    return this._replaced;
  }

  get failed(): ISignal<this, unknown> {
    return this._failed;
  }

  /** The row, or undefined while its page is on the way; asking sends for it. */
  row(index: number): readonly Cell[] | undefined {
    const page = Math.floor(index / PAGE_ROWS);
    const rows = this._pages.get(page);
    if (rows === undefined) {
      this._want(page);
      return undefined;
    }
    this._touch(page, rows);
    return rows[index - page * PAGE_ROWS];
  }

  /** Load rows `first` to `last` if they fit in the cache; false when they do not. */
  async ensure(first: number, last: number): Promise<boolean> {
    const from = Math.floor(first / PAGE_ROWS);
    const to = Math.floor(last / PAGE_ROWS);
    if (to - from >= MOST_PAGES) {
      return false;
    }
    for (let page = from; page <= to; page++) {
      const rows = this._pages.get(page);
      if (rows === undefined) {
        await this._load(page);
      } else {
        this._touch(page, rows);
      }
    }
    return true;
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  private _want(page: number): void {
    if (this._requests.has(page) || this._failedPages.has(page)) {
      return;
    }
    this._waiting = [page, ...this._waiting.filter(other => other !== page)].slice(0, MOST_WAITING);
    this._next();
  }

  private _next(): void {
    while (this._requests.size < MOST_REQUESTS) {
      const page = this._waiting.shift();
      if (page === undefined) {
        return;
      }
      void this._load(page).then(() => this._next());
    }
  }

  private async _load(page: number): Promise<void> {
    this._requests.add(page);
    try {
      const window = await this._fetch(page * PAGE_ROWS, PAGE_ROWS);
      if (this._disposed) {
        return;
      }
      if (window.resultKey !== this.resultKey) {
        this._replaced.emit();
        return;
      }
      this._touch(page, window.rows);
      this._loaded.emit({ offset: window.offset, count: window.rows.length });
    } catch (error) {
      // Not asked again by every repaint: the next refresh, or Try again, starts anew.
      this._failedPages.add(page);
      if (!this._disposed) {
        this._failed.emit(error);
      }
    } finally {
      this._requests.delete(page);
    }
  }

  /** Keep the page as the most recently used one, and forget the least recent. */
  private _touch(page: number, rows: readonly (readonly Cell[])[]): void {
    this._pages.delete(page);
    this._pages.set(page, rows);
    if (this._pages.size > MOST_PAGES) {
      const [oldest] = this._pages.keys();
      if (oldest !== undefined) {
        this._pages.delete(oldest);
      }
    }
  }

  private readonly _pages = new Map<number, readonly (readonly Cell[])[]>();
  private readonly _requests = new Set<number>();
  private readonly _failedPages = new Set<number>();
  private _waiting: number[] = [];
  private _disposed = false;
  private readonly _loaded = new Signal<this, ILoaded>(this);
  private readonly _replaced = new Signal<this, void>(this);
  private readonly _failed = new Signal<this, unknown>(this);
}
