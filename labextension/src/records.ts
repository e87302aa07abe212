/** The past of a view, as the server tells it: refreshes, versions, differences, decisions. */

import { toChanges, type IChanges } from './events';
import {
  array,
  isRecord,
  number,
  numberOrNull,
  record,
  text,
  textOrNull,
  texts,
  type Json
} from './json';
import type { Cell, IColumn } from './tokens';
import type { Transport } from './transport';

/** Why a query was run; `sources` names what changed, `by` who asked. */
export interface ICause {
  readonly kind: string;
  readonly sources: readonly string[];
  readonly by: string | null;
}

/** One refresh, or the newest of a run of equal ones. */
export interface IPastRefresh {
  /** The statement that ran. */
  readonly id: string;
  readonly status: string;
  readonly cause: ICause | null;
  readonly version: number | null;
  /** When it was asked for. */
  readonly at: string;
  readonly milliseconds: number | null;
  readonly message: string | null;
  readonly changes: IChanges | null;
  /** The rows are those of the success before it; null where that is not known. */
  readonly isUnchanged: boolean | null;
  /** Its rows are still stored, so it can be compared. */
  readonly hasRows: boolean;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly method: string | null;
  /** How many equal refreshes this line stands for, and when the oldest was. */
  readonly count: number;
  readonly firstAt: string;
}

export interface IVersion {
  readonly n: number;
  readonly note: string | null;
  readonly author: string;
  readonly at: string;
  readonly isCurrent: boolean;
}

/** A window of a list that goes on behind its cursor. */
export interface IPart<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** A line of a difference between two texts, without its mark. */
export interface ISqlLine {
  readonly kind: 'same' | 'added' | 'removed' | 'place';
  readonly text: string;
}

export interface ISqlDifference {
  readonly from: number;
  readonly to: number;
  readonly lines: readonly ISqlLine[];
}

/** Two rows that belong together, one of them null where a row came or went. */
export interface IRowDifference {
  readonly change: 'added' | 'removed' | 'changed';
  readonly before: readonly Cell[] | null;
  readonly after: readonly Cell[] | null;
}

/** One of two compared results. */
export interface ICompared {
  readonly id: string;
  readonly at: string;
  readonly rows: number;
  /** Only the first rows were stored, so only those were compared. */
  readonly isTruncated: boolean;
}

export interface IDifference {
  readonly before: ICompared;
  readonly after: ICompared;
  readonly key: readonly string[];
  readonly isKeyGuessed: boolean;
  readonly changes: IChanges;
  readonly columns: readonly IColumn[];
  readonly columnsAdded: readonly string[];
  readonly columnsRemoved: readonly string[];
  readonly columnsChanged: readonly string[];
  readonly rows: readonly IRowDifference[];
}

/** What is compared; null leaves the choice to the server. */
export interface IComparing {
  readonly before: string | null;
  readonly after: string | null;
  readonly key: readonly string[] | null;
  readonly offset: number;
}

/** A line of the decision log; equal lines in a row are one. */
export interface IDecision {
  readonly at: string;
  readonly kind: string;
  readonly text: string;
  readonly count: number;
  readonly lastAt: string;
}

export interface IRecords {
  /** Newest first. */
  refreshes(id: string, cursor: string | null): Promise<IPart<IPastRefresh>>;
  /** Newest first. */
  versions(id: string, cursor: string | null): Promise<IPart<IVersion>>;
  sqlDifference(id: string, from: number, to: number): Promise<ISqlDifference>;
  difference(id: string, comparing: IComparing): Promise<IDifference>;
  /** Newest first. */
  decisions(id: string): Promise<readonly IDecision[]>;
}

/** Entries of one page, and differing rows of one window. */
const PAGE = 50;
export const DIFFERENT_ROWS = 100;

export class RecordsApi implements IRecords {
  constructor(private readonly _transport: Transport) {}

  async refreshes(id: string, cursor: string | null): Promise<IPart<IPastRefresh>> {
    return toPart(await this._page(id, 'history', cursor), toPastRefresh);
  }

  async versions(id: string, cursor: string | null): Promise<IPart<IVersion>> {
    return toPart(await this._page(id, 'versions', cursor), toVersion);
  }

  async sqlDifference(id: string, from: number, to: number): Promise<ISqlDifference> {
    const path = ['views', id, 'versions', String(from), 'diff'];
    const body = record(await this._transport.json('GET', path, { to: String(to) }));
    return { from, to, lines: array(body.lines).map(toSqlLine) };
  }

  async difference(id: string, comparing: IComparing): Promise<IDifference> {
    const query: Record<string, string> = {
      limit: String(DIFFERENT_ROWS),
      offset: String(comparing.offset),
      // JavaScript's numbers would round big integers and decimals: they come as text.
      big: 'string'
    };
    if (comparing.before !== null) {
      query.before = comparing.before;
    }
    if (comparing.after !== null) {
      query.after = comparing.after;
    }
    if (comparing.key !== null) {
      query.key = JSON.stringify(comparing.key);
    }
    return toDifference(record(await this._transport.json('GET', ['views', id, 'diff'], query)));
  }

  async decisions(id: string): Promise<readonly IDecision[]> {
    const body = record(await this._transport.json('GET', ['views', id, 'log']));
    return array(body.items).map(toDecision);
  }

  private _page(id: string, what: string, cursor: string | null): Promise<unknown> {
    const query = { limit: String(PAGE), ...(cursor === null ? {} : { cursor }) };
    return this._transport.json('GET', ['views', id, what], query);
  }
}

function toPart<T>(value: unknown, toItem: (item: unknown) => T): IPart<T> {
  const body = record(value);
  return { items: array(body.items).map(toItem), nextCursor: textOrNull(body.next_cursor) };
}

function toPastRefresh(value: unknown): IPastRefresh {
  const raw = record(value);
  const error = isRecord(raw.error) ? raw.error : {};
  const microseconds = numberOrNull(raw.duration_us);
  return {
    id: text(raw.id),
    status: text(raw.status),
    cause: isRecord(raw.cause) ? toCause(raw.cause) : null,
    version: numberOrNull(raw.version),
    at: text(raw.last_at),
    milliseconds: microseconds === null ? null : microseconds / 1000,
    message: textOrNull(error.message),
    changes: toChanges(raw.changes),
    isUnchanged: typeof raw.is_unchanged === 'boolean' ? raw.is_unchanged : null,
    hasRows: raw.has_rows === true,
    rows: numberOrNull(raw.row_count),
    bytes: numberOrNull(raw.size_bytes),
    method: textOrNull(raw.method),
    count: number(raw.count),
    firstAt: text(raw.first_at)
  };
}

function toCause(raw: Json): ICause {
  return { kind: text(raw.kind), sources: texts(raw.sources), by: textOrNull(raw.by) };
}

function toVersion(value: unknown): IVersion {
  const raw = record(value);
  return {
    n: number(raw.n),
    note: textOrNull(raw.note),
    author: text(raw.author),
    at: text(raw.created_at),
    isCurrent: raw.is_current === true
  };
}

const LINE_KINDS = ['same', 'added', 'removed', 'place'] as const;

function toSqlLine(value: unknown): ISqlLine {
  const raw = record(value);
  const kind = LINE_KINDS.find(known => known === raw.kind) ?? 'same';
  return { kind, text: text(raw.text) };
}

function toDifference(raw: Json): IDifference {
  return {
    before: toCompared(record(raw.before)),
    after: toCompared(record(raw.after)),
    key: texts(raw.key),
    isKeyGuessed: raw.is_key_guessed === true,
    changes: {
      added: number(raw.added),
      removed: number(raw.removed),
      changed: number(raw.changed)
    },
    columns: toColumns(texts(raw.columns), texts(raw.types)),
    columnsAdded: texts(raw.columns_added),
    columnsRemoved: texts(raw.columns_removed),
    columnsChanged: texts(raw.columns_changed),
    rows: array(raw.rows).map(toRowDifference)
  };
}

function toColumns(names: readonly string[], types: readonly string[]): readonly IColumn[] {
  return names.map((name, index) => ({ name, type: types[index] ?? '' }));
}

function toCompared(raw: Json): ICompared {
  return {
    id: text(raw.statement_id),
    at: text(raw.computed_at),
    rows: number(raw.row_count),
    isTruncated: raw.truncated === true
  };
}

const ROW_CHANGES = ['added', 'removed', 'changed'] as const;

function toRowDifference(value: unknown): IRowDifference {
  const raw = record(value);
  return {
    change: ROW_CHANGES.find(known => known === raw.change) ?? 'changed',
    before: Array.isArray(raw.before) ? raw.before : null,
    after: Array.isArray(raw.after) ? raw.after : null
  };
}

function toDecision(value: unknown): IDecision {
  const raw = record(value);
  return {
    at: text(raw.at),
    kind: text(raw.kind),
    text: text(raw.text),
    count: number(raw.count),
    lastAt: text(raw.last_at)
  };
}
