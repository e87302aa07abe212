/** What the list of views is narrowed to. Pure. */

import type { IView, Status } from './tokens';

export interface IFilter {
  readonly isFavourite: boolean;
  readonly status: Status | null;
  readonly tag: string | null;
  readonly folder: string | null;
  readonly owner: string | null;
}

/** Words to search for, and facts that must hold. */
export interface IWanted {
  readonly search: string;
  readonly filter: IFilter;
}

export const NO_FILTER: IFilter = {
  isFavourite: false,
  status: null,
  tag: null,
  folder: null,
  owner: null
};

export const ALL: IWanted = { search: '', filter: NO_FILTER };
export const FAVOURITES: IWanted = { search: '', filter: { ...NO_FILTER, isFavourite: true } };

export function isSame(one: IWanted, other: IWanted): boolean {
  return one.search === other.search && isSameFilter(one.filter, other.filter);
}

export function isSameFilter(one: IFilter, other: IFilter): boolean {
  return (Object.keys(NO_FILTER) as (keyof IFilter)[]).every(name => one[name] === other[name]);
}

/** The parameters of the list that ask the server for it. */
export function asQuery({ search, filter }: IWanted): Record<string, string> {
  const { isFavourite, status, tag, folder, owner } = filter;
  const query = { search, status, tag, folder, owner, favorited: isFavourite ? 'true' : null };
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []))
  );
}

/** Whether every word occurs in what is known of the view, and every fact holds. */
export function matches(view: IView, { search, filter }: IWanted): boolean {
  const text = [view.name, view.slug ?? '', view.description, ...view.tags]
    .join('\n')
    .toLowerCase();
  return (
    search
      .toLowerCase()
      .split(/\s+/)
      .every(word => text.includes(word)) &&
    (!filter.isFavourite || view.isFavourite) &&
    (filter.status === null || filter.status === view.status) &&
    (filter.tag === null || view.tags.includes(filter.tag)) &&
    (filter.folder === null || filter.folder === view.folder) &&
    (filter.owner === null || filter.owner === view.owner)
  );
}
