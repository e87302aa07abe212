/** What people did with a view, as the server tells it. */

import { array, isRecord, number, record, text, textOrNull } from './json';
import type { Transport } from './transport';

/** What a deed did to one field; null is nothing. */
export interface IFieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** One deed. Times are ISO 8601 in UTC. */
export interface IDeed {
  readonly id: string;
  readonly at: string;
  /** Null for the server itself, and for visitors of a link. */
  readonly person: string | null;
  /** What it was done to, in the server's words: `Insight` for a view, `Endpoint` for that door. */
  readonly scope: string;
  /** The server's word for it, such as `updated`. */
  readonly activity: string;
  readonly changes: readonly IFieldChange[];
}

export interface IDeeds {
  readonly items: readonly IDeed[];
  readonly total: number;
}

/** Deeds of one page. */
export const DEEDS = 50;

/** A page of the activity of a view, newest first; the first one is number 1. */
export async function readDeeds(transport: Transport, id: string, page: number): Promise<IDeeds> {
  const query = { limit: String(DEEDS), page: String(page) };
  const body = record(await transport.json('GET', ['views', id, 'activity'], query));
  return { items: array(body.results).map(toDeed), total: number(body.total_count) };
}

function toDeed(value: unknown): IDeed {
  const raw = record(value);
  const user = record(raw.user);
  const { changes } = record(raw.detail);
  return {
    id: text(raw.id),
    at: text(raw.created_at),
    person: user.is_system === true ? null : text(user.first_name),
    scope: text(raw.scope),
    activity: text(raw.activity),
    changes: Array.isArray(changes) ? changes.map(toChange) : []
  };
}

function toChange(value: unknown): IFieldChange {
  const raw = record(value);
  const field = textOrNull(raw.field) ?? '';
  return { field, before: raw.before ?? null, after: raw.after ?? null };
}

/** Changes of an object, one of each part that differs: nobody reads JSON side by side. */
export function inParts({ field, before, after }: IFieldChange): readonly IFieldChange[] {
  const isObject = isRecord(before) || isRecord(after);
  if (!isObject || field === 'query') {
    return [{ field, before, after }];
  }
  const was = isRecord(before) ? before : {};
  const is = isRecord(after) ? after : {};
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return names
    .filter(name => JSON.stringify(was[name] ?? null) !== JSON.stringify(is[name] ?? null))
    .map(name => ({
      field: `${field}.${name}`,
      before: was[name] ?? null,
      after: is[name] ?? null
    }));
}
