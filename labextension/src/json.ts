/** JSON from outside, narrowed to the types that we asked for. */

export type Json = Readonly<Record<string, unknown>>;

/** Something answered that is not what this version understands. */
export class UnexpectedAnswerError extends Error {}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function record(value: unknown): Json {
  if (isRecord(value)) {
    return value;
  }
  throw new UnexpectedAnswerError('The answer is not an object.');
}

export function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a list.');
}

export function text(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a text.');
}

export function number(value: unknown): number {
  if (typeof value === 'number') {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a number.');
}

export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** The texts of a list; an absent list is an empty one. */
export function texts(value: unknown): readonly string[] {
  return value === undefined || value === null ? [] : array(value).map(text);
}
