/** The order of the views on screen: ids by page, for one search and filter. No DOM. */

import { ALL, FAVOURITES, isSame, matches, NO_FILTER, type IFilter, type IWanted } from './filter';
import type { IView, IViewsPage } from './tokens';

export class Listing {
  constructor(readonly wanted: IWanted) {}

  ids: readonly string[] = [];
  cursor: string | null = null;
  loaded = false;
  /** Views on all pages, when the server says. */
  total: number | null = null;
  /** The request that brought the present first page: an older answer may come later. */
  readAt = 0;

  /** Views on all pages, as far as is known. */
  get count(): number {
    return this.total ?? this.ids.length;
  }

  /** Add the page that follows; views that moved meanwhile keep their first place. */
  append(page: IViewsPage): void {
    const known = new Set(this.ids);
    this.ids = [...this.ids, ...idsOf(page).filter(id => !known.has(id))];
    this.cursor = page.nextCursor;
  }

  /**
   * Take a new first page without forgetting the pages after it.
   *
   * Returns the ids that stood within the old first page and are gone.
   */
  replaceHead(page: IViewsPage): readonly string[] {
    const fresh = idsOf(page);
    const kept = new Set(fresh);
    const last = fresh[fresh.length - 1];
    const cut = page.nextCursor === null || last === undefined ? -1 : this.ids.indexOf(last);
    this.loaded = true;
    this.total = page.total;
    if (cut < 0) {
      const gone = page.nextCursor === null ? this.ids.filter(id => !kept.has(id)) : [];
      this.ids = fresh;
      this.cursor = page.nextCursor;
      return gone;
    }
    const gone = this.ids.slice(0, cut).filter(id => !kept.has(id));
    const tail = this.ids.slice(cut + 1).filter(id => !kept.has(id));
    this.cursor = tail.length === 0 ? page.nextCursor : this.cursor;
    this.ids = [...fresh, ...tail];
    return gone;
  }

  remove(id: string): void {
    this.ids = this.ids.filter(other => other !== id);
  }
}

/** All views, the favourites among them, and those that are searched and filtered for. */
export class Listings {
  readonly all = new Listing(ALL);
  /** Complete, where not all views are loaded. */
  readonly favourites = new Listing(FAVOURITES);
  found: Listing | null = null;
  /** What was typed. */
  query = '';
  filter = NO_FILTER;

  /** The one on screen. */
  get current(): Listing {
    return this.found ?? this.all;
  }

  /** Search and filter; false when that means the same as before. */
  narrow(query: string, filter: IFilter): boolean {
    const wanted = { search: query.trim(), filter };
    this.query = query;
    this.filter = filter;
    if (isSame(wanted, this.current.wanted)) {
      return false;
    }
    this.found = isSame(wanted, ALL) ? null : new Listing(wanted);
    return true;
  }

  /** In order: all, or those that match; until the server has searched, of the known ones. */
  shown(find: (id: string) => IView | undefined): readonly IView[] {
    const { found } = this;
    const ids = found?.loaded ? found.ids : new Set([...this.favourites.ids, ...this.all.ids]);
    const views = [...ids].flatMap(id => find(id) ?? []);
    return found && !found.loaded ? views.filter(view => matches(view, found.wanted)) : views;
  }

  remove(id: string): void {
    for (const listing of [this.all, this.favourites, this.found]) {
      listing?.remove(id);
    }
  }
}

function idsOf(page: IViewsPage): readonly string[] {
  return page.items.map(view => view.shortId);
}
