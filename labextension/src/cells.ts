/** How a value of a result is written in one line. Pure. */

import type { Cell, IColumn } from './tokens';

export const LONGEST_CELL = 200;

const NUMERIC = new Set(['integer', 'decimal', 'double']);

export function isNumeric(column: IColumn | undefined): boolean {
  return column !== undefined && NUMERIC.has(column.type);
}

/** One line of at most 200 characters; nulls are told apart by their colour. */
export function cellText(value: Cell): string {
  const text = fullText(value).replace(/\s*[\r\n]+\s*/g, ' ↵ ');
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL - 1)}…` : text;
}

/** The whole value, as it is copied: a null is empty, as in a CSV file. */
export function copyText(value: Cell): string {
  return value === null || value === undefined ? '' : fullText(value).replace(/[\t\r\n]+/g, ' ');
}

function fullText(value: Cell): string {
  if (value === null) {
    return 'NULL';
  }
  if (value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
