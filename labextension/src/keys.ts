/** What a key press in the list means. */

import type { KeyboardEvent } from 'react';

/** Milliseconds after which typed letters start a new word. */
const TYPE_AHEAD_PAUSE = 700;

interface IWhere {
  /** Place of the current stop among all stops. */
  readonly at: number;
  /** The names that type-ahead looks through; empty for a heading. */
  readonly names: readonly string[];
  /** Stops that PageUp and PageDown pass. */
  readonly page: number;
}

/** The stop to go to, an action on the current row, or null for a key that is not ours. */
export type KeyTarget = number | 'search' | RowKey | null;

/** What a letter does to the row. */
const ROW_KEYS = { r: 'refresh', s: 'share', f: 'favourite' } as const;
export type RowKey = (typeof ROW_KEYS)[keyof typeof ROW_KEYS];

const typed = { text: '', at: 0 };

export function keyTarget(event: KeyboardEvent, where: IWhere): KeyTarget {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return null;
  }
  const { at, names, page } = where;
  switch (event.key) {
    case 'ArrowDown':
      return at + 1;
    case 'ArrowUp':
      return at - 1;
    case 'PageDown':
      return at + page;
    case 'PageUp':
      return at - page;
    case 'Home':
      return 0;
    case 'End':
      return names.length - 1;
    case '/':
      return 'search';
  }
  const isOngoing = event.timeStamp - typed.at < TYPE_AHEAD_PAUSE && typed.text !== '';
  const deed = Object.entries(ROW_KEYS).find(([key]) => key === event.key.toLowerCase())?.[1];
  if (deed !== undefined && !event.shiftKey && !isOngoing) {
    return deed;
  }
  return event.key.length === 1 && event.key !== ' ' ? typeAhead(event, where, isOngoing) : null;
}

function typeAhead(event: KeyboardEvent, { at, names }: IWhere, isOngoing: boolean): KeyTarget {
  typed.text = (isOngoing ? typed.text : '') + event.key.toLowerCase();
  typed.at = event.timeStamp;
  const start = typed.text.length === 1 ? at + 1 : at;
  for (let step = 0; step < names.length; step++) {
    const index = (start + step) % names.length;
    if (names[index]?.toLowerCase().startsWith(typed.text)) {
      return index;
    }
  }
  return null;
}

/** Left and Right walk the row's own buttons, or close and open a section. */
export function sideways(event: KeyboardEvent): boolean {
  const forward = event.key === 'ArrowRight';
  const button = event.target;
  if ((!forward && event.key !== 'ArrowLeft') || !(button instanceof HTMLButtonElement)) {
    return false;
  }
  const expanded = button.getAttribute('aria-expanded');
  if (expanded !== null) {
    if ((expanded === 'true') !== forward) {
      button.click();
    }
    return true;
  }
  const buttons = Array.from(button.closest('.jp-ViewsRow')?.querySelectorAll('button') ?? []);
  buttons[buttons.indexOf(button) + (forward ? 1 : -1)]?.focus();
  return true;
}
