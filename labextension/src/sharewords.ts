/** Sentences about who can see a view. Pure: the caller gives the time. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IPeople, ISharing, ISubject, IVisit } from './shares';
import { clock, grouped, minuteOf } from './words';

/** Names that are said one by one. */
const MOST_NAMES = 5;
/** Columns that people rarely mean to show to everybody. */
const PRIVATE = /e-?mail|phone|password|passwd|token|secret|ssn|iban|birth/i;

/** Who can see it now, in one or two sentences. */
export function whoWords(
  { isMine, owner }: ISubject,
  people: IPeople,
  sharing: ISharing,
  now: number,
  trans: TranslationBundle
): string {
  const link = linkWords(sharing, isMine, now, trans);
  const inside = isMine
    ? peopleWords(people, link !== '', trans)
    : othersWords(owner, people, trans);
  return [inside, link].filter(Boolean).join(' ');
}

function peopleWords(
  { isPublic, named }: IPeople,
  hasMore: boolean,
  trans: TranslationBundle
): string {
  if (isPublic) {
    return trans.__('Everyone who is signed in to this server can read it.');
  }
  const others = named.length - MOST_NAMES;
  const names = named.slice(0, MOST_NAMES).join(', ');
  if (names === '') {
    return hasMore ? trans.__('You can read it.') : trans.__('Only you can read it.');
  }
  return others > 0
    ? trans._n(
        'You, %2 and %1 more person can read it.',
        'You, %2 and %1 more people can read it.',
        others,
        names
      )
    : trans.__('You and %1 can read it.', names);
}

function othersWords(owner: string, { isPublic }: IPeople, trans: TranslationBundle): string {
  return isPublic
    ? trans.__('Everyone who is signed in to this server can read it.')
    : trans.__('%1, you and whom else %1 has named can read it.', owner);
}

function linkWords(
  sharing: ISharing,
  isMine: boolean,
  now: number,
  trans: TranslationBundle
): string {
  const { isOn, isAllowed, asksPassword, passwords, expiresAt } = sharing;
  const isOver = expiresAt !== null && Date.parse(expiresAt) <= now;
  if (!isOn || !isAllowed || isOver) {
    return '';
  }
  // Others are not told which passwords there are.
  if (asksPassword && isMine && passwords.length === 0) {
    return trans.__('Its link asks for a password, but has none: nobody gets in.');
  }
  const what = asksPassword
    ? trans.__('the address of its link and a password')
    : trans.__('the address of its link');
  return expiresAt === null
    ? trans.__('So can anyone who has %1.', what)
    : trans.__('So can anyone who has %1, until %2.', what, minuteOf(expiresAt));
}

/** What is known of a link: when it ends, how often it was opened. */
export function linkFacts(
  sharing: ISharing,
  now: number,
  trans: TranslationBundle
): readonly string[] {
  const { createdAt, expiresAt, openedCount, lastOpenedAt } = sharing;
  const opened =
    lastOpenedAt === null
      ? trans.__('Never opened')
      : trans._n(
          'Opened %2 time, last %3',
          'Opened %2 times, last %3',
          openedCount,
          grouped(openedCount),
          clock(lastOpenedAt, now)
        );
  return [endWords(expiresAt, now, trans), opened, trans.__('Made %1', minuteOf(createdAt ?? ''))];
}

function endWords(expiresAt: string | null, now: number, trans: TranslationBundle): string {
  if (expiresAt === null) {
    return trans.__('Never expires');
  }
  return Date.parse(expiresAt) <= now
    ? trans.__('Expired %1: nobody gets in', minuteOf(expiresAt))
    : trans.__('Expires %1', minuteOf(expiresAt));
}

/** A warning where columns are called like what people rarely mean to show; else empty. */
export function columnsWarning(columns: readonly string[], trans: TranslationBundle): string {
  const found = columns.filter(name => PRIVATE.test(name)).slice(0, MOST_NAMES);
  return found.length === 0
    ? ''
    : trans.__('Look twice before you share: there are columns called %1.', found.join(', '));
}

/** What a visitor did. */
export function visitWords({ kind }: IVisit, trans: TranslationBundle): string {
  switch (kind) {
    case 'page':
      return trans.__('opened the page');
    case 'embedded':
      return trans.__('opened it in a frame');
    case 'json':
      return trans.__('fetched it as JSON');
    case 'csv':
      return trans.__('downloaded the rows as CSV');
    case 'svg':
    case 'png':
      return trans.__('fetched the chart as %1', kind.toUpperCase());
    case 'api':
      return trans.__('read it from a program');
    case 'unlocked':
      return trans.__('gave a password');
    case 'refused':
      return trans.__('gave a wrong password');
    default:
      return kind;
  }
}
