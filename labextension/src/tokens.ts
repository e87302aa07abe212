/** The shapes that the parts of this extension share, and the token others may ask for. */

import { Token } from '@lumino/coreutils';

import type { IWanted } from './filter';
import type { ViewsModel } from './model';
import type { IRecords } from './records';
import type { Transport } from './transport';

export const STATUSES = ['fresh', 'stale', 'refreshing', 'failed', 'never_run'] as const;
export type Status = (typeof STATUSES)[number];

/** The tabs of a result document, in their order. */
export const TABS = ['table', 'chart', 'history', 'activity', 'log', 'api'] as const;
export type Tab = (typeof TABS)[number];

/** The tab that a word from outside names. */
export function tabNamed(word: unknown): Tab | undefined {
  return TABS.find(tab => tab === word);
}

/**
 * A refresh under way. `fraction` is 0 to 1, or null while the engine does not
 * know it; the id is null until the view has been read after an event.
 */
export interface IRefresh {
  readonly statementId: string | null;
  readonly startedAt: string | null;
  readonly stage: string | null;
  readonly fraction: number | null;
  readonly rows: number | null;
}

/** How the last refresh ended. */
export interface ILastRefresh {
  readonly statementId: string | null;
  readonly status: string;
  readonly message: string | null;
  readonly hint: string | null;
  readonly at: string | null;
}

/** One view, as the unified list tells it. Times are ISO 8601 in UTC. */
export interface IView {
  readonly shortId: string;
  /** Its number as an insight; null where that door is closed. */
  readonly insightId: number | null;
  /** Its owner chose how it is drawn. */
  readonly hasChart: boolean;
  readonly name: string;
  readonly slug: string | null;
  readonly description: string;
  readonly tags: readonly string[];
  /** Null for none. */
  readonly folder: string | null;
  /** For everybody who reads it. */
  readonly isFavourite: boolean;
  readonly owner: string;
  readonly isMine: boolean;
  readonly canEdit: boolean;
  readonly version: number;
  readonly status: Status;
  /** The statement whose rows are shown. */
  readonly statementId: string | null;
  readonly staleReason: string | null;
  readonly staleSources: readonly string[];
  /** When it was first known that the rows are out of date. */
  readonly staleSince: string | null;
  /** Stale for longer than its owner allows. */
  readonly isExceeded: boolean;
  readonly autoRefresh: boolean;
  /** The schedule in the server's words for people, and when it is due next. */
  readonly scheduleText: string | null;
  readonly nextRefreshAt: string | null;
  /** How the present rows were computed: full, incremental, and why. */
  readonly method: string | null;
  readonly computedAt: string | null;
  readonly rowCount: number | null;
  readonly columnCount: number | null;
  readonly truncated: boolean;
  readonly refresh: IRefresh | null;
  readonly lastRefresh: ILastRefresh | null;
}

/** What its owner says about the freshness of a view; null where nothing is said. */
export interface IRule {
  readonly autoRefresh: boolean;
  /** A duration (`15m`, `1h`, `1d`) or a cron expression of five fields. */
  readonly schedule: string | null;
  /** IANA zone in which a cron expression is read. */
  readonly timezone: string;
  readonly ageSeconds: number | null;
  readonly maxStalenessSeconds: number | null;
  /** SQL of one scalar that decides whether the sources changed. */
  readonly changedWhen: string | null;
  /** Files are verified by content. */
  readonly strict: boolean;
  /** Columns that identify a row when results are compared; null to guess. */
  readonly key: readonly string[] | null;
}

/** A view with its rule, and with the columns that a key can be made of. */
export interface IRuled {
  readonly view: IView;
  readonly rule: IRule;
  readonly columns: readonly string[];
}

export interface IViewsPage {
  readonly items: readonly IView[];
  /** Views that match, on all pages. */
  readonly total: number | null;
  readonly nextCursor: string | null;
}

/** A cell of a result: JSON, nested where the column is a list or a struct. */
export type Cell = unknown;

export interface IColumn {
  readonly name: string;
  readonly type: string;
}

/** Rows `offset` to `offset + rows.length` of a stored result. */
export interface IResultWindow {
  readonly columns: readonly IColumn[];
  readonly rows: readonly (readonly Cell[])[];
  readonly offset: number;
  /** Rows of the whole stored result. */
  readonly totalRows: number;
  readonly truncated: boolean;
  /** Names the result: windows of one result agree in it. */
  readonly resultKey: string;
}

export interface IViewsApi {
  /** Where the server is, for messages. */
  readonly serverUrl: string;
  /** For the parts that are loaded when somebody opens them. */
  readonly transport: Transport;
  /** The past of a view: refreshes, versions, differences, decisions. */
  readonly records: IRecords;
  list(wanted: IWanted, cursor: string | null): Promise<IViewsPage>;
  /** A view; from a dashboard, with that one's values. */
  get(shortId: string, from?: number | null): Promise<IView>;
  ruled(shortId: string): Promise<IRuled>;
  /** Change some fields, by their names on the wire; the view as it is then. */
  change(shortId: string, fields: Readonly<Record<string, unknown>>): Promise<IView>;
  /** Publish it as an insight too; the view as it is then. */
  openInsight(shortId: string): Promise<IView>;
  /** Bring an earlier version back as a new one; the view as it is then. */
  restore(shortId: string, version: number): Promise<IView>;
  /** Start a refresh, or join the one under way; the id of its statement. */
  refresh(shortId: string, from?: number | null): Promise<string>;
  cancel(statementId: string): Promise<void>;
  remove(shortId: string): Promise<void>;
  window(
    shortId: string,
    offset: number,
    limit: number,
    from?: number | null
  ): Promise<IResultWindow>;
}

/** What other extensions can use: the list of views, and opening one. */
export interface IViews {
  readonly model: ViewsModel;
  open(shortId: string, tab?: Tab): Promise<unknown>;
}

export const IViews = new Token<IViews>(
  'jupyter-views:IViews',
  'The views of this server: the list that the sidebar shows, and a way to open one.'
);
