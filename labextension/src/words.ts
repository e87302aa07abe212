/** Every sentence about a view, in one vocabulary. Pure: the caller gives the time. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IChanges } from './events';
import type { IView, Status } from './tokens';

/** Something said that a screen reader must hear too. */
export interface IAnnouncement {
  readonly text: string;
  readonly assertive: boolean;
}

/** Said when the reader has a moment. */
export function politely(text: string): IAnnouncement {
  return { text, assertive: false };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Reasons that happened at a moment. */
const EVENTS = new Set(['source_changed', 'definition_changed', 'upstream_view']);

export function statusWord(status: Status, trans: TranslationBundle): string {
  switch (status) {
    case 'fresh':
      return trans.__('Fresh');
    case 'stale':
      return trans.__('Stale');
    case 'refreshing':
      return trans.__('Refreshing');
    case 'failed':
      return trans.__('Failed');
    case 'never_run':
      return trans.__('Never run');
  }
}

/** What stands beside the status word: how old, why stale, how far, or what went wrong. */
export function statusDetail(view: IView, now: number, trans: TranslationBundle): string {
  switch (view.status) {
    case 'fresh':
      return view.computedAt ? age(view.computedAt, now, trans) : '';
    case 'stale':
      return staleDetail(view, now, trans);
    case 'refreshing':
      return progress(view, now, trans);
    case 'failed':
      return view.lastRefresh?.message ?? '';
    case 'never_run':
      return '';
  }
}

/** Why it is stale, and since when where something happened then. */
function staleDetail(view: IView, now: number, trans: TranslationBundle): string {
  const reason = staleReason(view, trans);
  const isEvent = EVENTS.has(view.staleReason ?? '');
  return isEvent && view.staleSince !== null
    ? trans.__('%1 %2', reason, age(view.staleSince, now, trans))
    : reason;
}

export function staleReason(view: IView, trans: TranslationBundle): string {
  const [first, ...others] = view.staleSources;
  switch (view.staleReason) {
    case 'source_changed':
      if (first === undefined) {
        return trans.__('a source changed');
      }
      return others.length === 0
        ? trans.__('%1 changed', first)
        : trans._n('%2 and %1 more changed', '%2 and %1 more changed', others.length, first);
    case 'definition_changed':
      return trans.__('the query changed');
    case 'age':
      return trans.__('older than its limit');
    case 'upstream_view':
      return first === undefined
        ? trans.__('a view it reads changed')
        : trans.__('the view %1 changed', first);
    case 'unverifiable':
      return trans.__('its sources cannot be checked');
    default:
      return '';
  }
}

function progress(view: IView, now: number, trans: TranslationBundle): string {
  const refresh = view.refresh;
  if (!refresh?.startedAt) {
    return '';
  }
  const seconds = Math.max(0, Math.round((now - Date.parse(refresh.startedAt)) / SECOND));
  const elapsed =
    seconds < 60 ? trans.__('%1 s', seconds) : trans.__('%1 min', Math.floor(seconds / 60));
  if (refresh.stage === 'writing' && refresh.rows !== null && refresh.rows > 0) {
    return trans.__('%1, writing %2 rows', elapsed, grouped(refresh.rows));
  }
  return refresh.fraction !== null && refresh.fraction > 0
    ? trans.__('%1, %2 %', elapsed, Math.floor(refresh.fraction * 100))
    : elapsed;
}

/** How long ago, in the largest whole unit; a date after four weeks. */
export function age(iso: string, now: number, trans: TranslationBundle): string {
  const then = Date.parse(iso);
  const passed = now - then;
  if (passed < 5 * SECOND) {
    return trans.__('just now');
  }
  if (passed < MINUTE) {
    return trans.__('%1 s ago', Math.floor(passed / SECOND));
  }
  if (passed < HOUR) {
    return trans.__('%1 min ago', Math.floor(passed / MINUTE));
  }
  if (passed < DAY) {
    return trans.__('%1 h ago', Math.floor(passed / HOUR));
  }
  if (passed < 28 * DAY) {
    return trans._n('%1 day ago', '%1 days ago', Math.floor(passed / DAY));
  }
  return day(iso);
}

/** The day of a moment, with its year. */
export function day(iso: string): string {
  return new Date(iso).toLocaleDateString(undefined, { dateStyle: 'medium' });
}

/** The full moment with year and zone, for tooltips. */
export function moment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short'
  });
}

/** The same to the minute, for what was planned. */
export function minuteOf(iso: string): string {
  return new Date(iso).toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short'
  });
}

/** A moment that is near, as a clock shows it; with its day when that is another one. */
export function clock(iso: string, now: number): string {
  const then = new Date(iso);
  const isToday = then.toDateString() === new Date(now).toDateString();
  const time = { hour: '2-digit', minute: '2-digit' } as const;
  return isToday
    ? then.toLocaleTimeString(undefined, time)
    : then.toLocaleString(undefined, { ...time, weekday: 'short', day: 'numeric', month: 'short' });
}

/** When the server will look at the view by itself. */
export function nextWords(view: IView, now: number, trans: TranslationBundle): string {
  if (view.nextRefreshAt === null) {
    return '';
  }
  const at = clock(view.nextRefreshAt, now);
  return view.status === 'failed' ? trans.__('next try at %1', at) : trans.__('next at %1', at);
}

/** When it is refreshed by itself: "every hour, next at 13:00", "when a source changes". */
export function planWords(view: IView, now: number, trans: TranslationBundle): string {
  const whenChanged = view.autoRefresh ? trans.__('when a source changes') : '';
  const planned = [view.scheduleText ?? '', whenChanged].filter(Boolean);
  const plan = planned.length > 0 ? planned.join(trans.__(' and ')) : trans.__('only when asked');
  return [trans.__('refreshed %1', plan), nextWords(view, now, trans)].filter(Boolean).join(', ');
}

/** How the rows were computed, after the server's own words. */
export function methodWords(method: string, trans: TranslationBundle): string {
  const [kind, detail] = method.split(/:\s*(.*)/, 2);
  switch (kind) {
    case 'full':
      return detail ? trans.__('computed in full: %1', detail) : trans.__('computed in full');
    case 'incremental':
      return trans.__('computed incrementally: %1', detail ?? '');
    default:
      return method;
  }
}

/** How a refresh ended. */
export function outcome(view: IView, trans: TranslationBundle): IAnnouncement {
  if (view.status === 'failed') {
    const why = view.lastRefresh?.message ?? '';
    return { text: trans.__('%1: refresh failed. %2', view.name, why), assertive: true };
  }
  const text = view.lastRefresh?.status.toLowerCase().startsWith('cancel')
    ? trans.__('%1: cancelled', view.name)
    : trans.__('%1: refreshed, %2', view.name, rowsWord(view.rowCount ?? 0, trans));
  return politely(text);
}

/** "12 added, 3 removed, 1 changed": what is not zero. */
export function changesWords(changes: IChanges, trans: TranslationBundle): string {
  const words = [
    changes.added > 0 ? trans.__('%1 added', grouped(changes.added)) : '',
    changes.removed > 0 ? trans.__('%1 removed', grouped(changes.removed)) : '',
    changes.changed > 0 ? trans.__('%1 changed', grouped(changes.changed)) : ''
  ].filter(Boolean);
  return words.length > 0 ? words.join(', ') : trans.__('no row changed');
}

export function grouped(count: number): string {
  return count.toLocaleString();
}

export function rowsWord(count: number, trans: TranslationBundle): string {
  return trans._n('%2 row', '%2 rows', count, grouped(count));
}

export function shapeWords(rows: number, columns: number, trans: TranslationBundle): string {
  return trans.__(
    '%1 × %2',
    rowsWord(rows, trans),
    trans._n('%2 column', '%2 columns', columns, grouped(columns))
  );
}

export function tilesWord(count: number, trans: TranslationBundle): string {
  return trans._n('%2 tile', '%2 tiles', count, grouped(count));
}

export function viewsWord(count: number, trans: TranslationBundle): string {
  return trans._n('%2 view', '%2 views', count, grouped(count));
}

/** One sentence for a screen reader: everything the row shows. */
export function rowLabel(view: IView, detail: string, trans: TranslationBundle): string {
  const parts = [view.name, statusWord(view.status, trans), detail];
  if (!view.isMine && view.owner) {
    parts.push(trans.__('owned by %1', view.owner));
  }
  if (view.isFavourite) {
    parts.push(trans.__('favourite'));
  }
  return parts.filter(part => part !== '').join(', ');
}

/** Cut in the middle: both ends of a name tell views apart. */
export function middleCut(name: string, most: number): string {
  const letters = Array.from(name);
  if (letters.length <= most) {
    return name;
  }
  const head = Math.ceil((most - 1) / 2);
  const tail = most - 1 - head;
  return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - tail).join('')}`;
}
