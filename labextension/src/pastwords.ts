/** Sentences about what was: causes, costs, days. Pure: the caller gives the time. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IChanges } from './events';
import type { ICause, IPastRefresh } from './records';
import { grouped, methodWords, rowsWord } from './words';

/** Why a refresh was made. */
export function causeWords(cause: ICause | null, trans: TranslationBundle): string {
  const by = cause?.by ?? null;
  switch (cause?.kind) {
    case 'asked':
      return by === null ? trans.__('asked') : trans.__('asked by %1', by);
    case 'saved':
      return by === null ? trans.__('saved') : trans.__('saved by %1', by);
    case 'restored':
      return by === null ? trans.__('restored') : trans.__('restored by %1', by);
    case 'source_changed':
      return changedWords(cause.sources, trans);
    case 'upstream':
      return trans.__('the view %1', changedWords(cause.sources, trans));
    case 'read':
      return cause.sources.length > 0
        ? trans.__('%1, seen when read', changedWords(cause.sources, trans))
        : trans.__('read while stale');
    case 'schedule':
      return trans.__('on schedule');
    case 'retry':
      return trans.__('tried again after a failure');
    default:
      return trans.__('refreshed');
  }
}

function changedWords(sources: readonly string[], trans: TranslationBundle): string {
  const [first, ...others] = sources;
  if (first === undefined) {
    return trans.__('a source changed');
  }
  return others.length === 0
    ? trans.__('%1 changed', first)
    : trans._n('%2 and %1 more changed', '%2 and %1 more changed', others.length, first);
}

/** What a refresh cost: rows, time, size, way. */
export function costWords(refresh: IPastRefresh, trans: TranslationBundle): readonly string[] {
  return [
    refresh.rows === null ? '' : rowsWord(refresh.rows, trans),
    refresh.milliseconds === null ? '' : durationWords(refresh.milliseconds, trans),
    refresh.bytes === null ? '' : sizeWords(refresh.bytes, trans),
    refresh.method === null ? '' : methodWords(refresh.method, trans)
  ].filter(Boolean);
}

export function durationWords(milliseconds: number, trans: TranslationBundle): string {
  const seconds = milliseconds / 1000;
  if (milliseconds < 100) {
    return trans.__('%1 ms', Math.max(1, Math.round(milliseconds)));
  }
  if (seconds < 60) {
    return trans.__('%1 s', seconds < 10 ? seconds.toFixed(1) : Math.round(seconds));
  }
  return trans.__('%1 min %2 s', Math.floor(seconds / 60), Math.round(seconds % 60));
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

export function sizeWords(bytes: number, trans: TranslationBundle): string {
  const step = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const count = bytes / 1000 ** step;
  return trans.__(
    '%1 %2',
    step > 0 && count < 100 ? count.toFixed(1) : Math.round(count),
    SIZES[step]
  );
}

/** A change with its sign: `+12`, `−3`, `~1`; those that are zero are left out. */
export function signs({ added, removed, changed }: IChanges): readonly ISign[] {
  const all: readonly ISign[] = [
    { kind: 'added', text: `+${grouped(added)}`, count: added },
    { kind: 'removed', text: `−${grouped(removed)}`, count: removed },
    { kind: 'changed', text: `~${grouped(changed)}`, count: changed }
  ];
  return all.filter(sign => sign.count > 0);
}

export interface ISign {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly text: string;
  readonly count: number;
}

/** The day of a moment as a heading. */
export function dayWords(iso: string, now: number, trans: TranslationBundle): string {
  const then = new Date(iso);
  const today = new Date(now);
  const yesterday = new Date(now);
  yesterday.setDate(today.getDate() - 1);
  if (then.toDateString() === today.toDateString()) {
    return trans.__('Today');
  }
  return then.toDateString() === yesterday.toDateString()
    ? trans.__('Yesterday')
    : then.toLocaleDateString(undefined, { dateStyle: 'full' });
}

/** The time of day to the second. */
export function timeWords(iso: string): string {
  return new Date(iso).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit'
  });
}

/** Things of one day under its name; they stay in their order. */
export function byDay<T extends { readonly at: string }>(
  items: readonly T[],
  now: number,
  trans: TranslationBundle
): readonly IDay<T>[] {
  const days: { name: string; items: T[] }[] = [];
  for (const item of items) {
    const name = dayWords(item.at, now, trans);
    const last = days[days.length - 1];
    if (last?.name === name) {
      last.items.push(item);
    } else {
      days.push({ name, items: [item] });
    }
  }
  return days;
}

export interface IDay<T> {
  readonly name: string;
  readonly items: readonly T[];
}
