/** What the server's event bus says about views: keys and numbers, never names. Pure. */

import { isRecord, numberOrNull, textOrNull } from './json';
import type { IView } from './tokens';

const ACTIONS = [
  'created',
  'edited',
  'stale',
  'refreshing',
  'refreshed',
  'changed',
  'failed',
  'deleted'
] as const;
export type Action = (typeof ACTIONS)[number];

const SCHEMA = /^https:\/\/events\.jupyter\.org\/jupyter_views\/([a-z]+)\/v1$/;

/** Numbers of rows. */
export interface IChanges {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

export interface IViewEvent {
  readonly action: Action;
  readonly id: string;
  readonly at: string;
  /** Why it is stale; of `stale` only. */
  readonly reason: string | null;
  /** Of `refreshed`. */
  readonly computedAt: string | null;
  /** Of `refreshed` and `changed`. */
  readonly rowCount: number | null;
  /** Of `changed`; null when nobody counted. */
  readonly changes: IChanges | null;
  /** Of `failed`. */
  readonly code: string | null;
}

/** The event behind an emission of the bus, or null when it is not about a view. */
export function toEvent(emission: unknown): IViewEvent | null {
  if (!isRecord(emission)) {
    return null;
  }
  const word = SCHEMA.exec(textOrNull(emission.schema_id) ?? '')?.[1];
  const action = ACTIONS.find(known => known === word);
  const id = textOrNull(emission.short_id);
  if (action === undefined || id === null) {
    return null;
  }
  return {
    action,
    id,
    at: textOrNull(emission.at) ?? new Date().toISOString(),
    reason: textOrNull(emission.reason),
    computedAt: textOrNull(emission.computed_at),
    rowCount: numberOrNull(emission.row_count),
    changes: toChanges(emission),
    code: textOrNull(emission.code)
  };
}

export function toChanges(value: unknown): IChanges | null {
  if (!isRecord(value)) {
    return null;
  }
  const { added, removed, changed } = value;
  return typeof added === 'number' && typeof removed === 'number' && typeof changed === 'number'
    ? { added, removed, changed }
    : null;
}

/** The view as the event leaves it, until it is read: names and messages come then. */
export function afterEvent(view: IView, event: IViewEvent): IView {
  switch (event.action) {
    case 'stale':
      return view.status === 'refreshing'
        ? view
        : { ...view, status: 'stale', ...staleFacts(event) };
    case 'refreshing':
      return view.status === 'refreshing'
        ? view
        : { ...view, status: 'refreshing', refresh: beginning(event) };
    case 'refreshed':
      return {
        ...view,
        status: 'fresh',
        refresh: null,
        staleReason: null,
        staleSources: [],
        staleSince: null,
        isExceeded: false,
        rowCount: event.rowCount ?? view.rowCount,
        computedAt: event.computedAt ?? view.computedAt
      };
    case 'failed':
      return event.code === 'CANCELED'
        ? { ...view, status: view.staleReason === null ? 'fresh' : 'stale', refresh: null }
        : { ...view, status: 'failed', refresh: null, lastRefresh: null };
    default:
      return view;
  }
}

function staleFacts({
  reason,
  at
}: IViewEvent): Pick<IView, 'staleReason' | 'staleSources' | 'staleSince'> {
  return { staleReason: reason, staleSources: [], staleSince: at };
}

function beginning({ at }: IViewEvent): IView['refresh'] {
  return { statementId: null, startedAt: at, stage: null, fraction: null, rows: null };
}

/** What the bus would say of a change that was made here and that it says nothing of. */
export function edited(id: string): IViewEvent {
  return {
    action: 'edited',
    id,
    at: new Date().toISOString(),
    reason: null,
    computedAt: null,
    rowCount: null,
    changes: null,
    code: null
  };
}
