/** What an API call threw, in the kinds that the screen tells apart. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { NotOfferedError, OfflineError, RefusedError } from './transport';

/** Why there is nothing, or nothing newer, to show. */
export type Problem =
  | { readonly kind: 'missing' }
  | { readonly kind: 'offline' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'error'; readonly message: string; readonly hint: string | null };

export function problemOf(error: unknown): Problem {
  if (error instanceof NotOfferedError) {
    return { kind: 'missing' };
  }
  if (error instanceof OfflineError) {
    return { kind: 'offline' };
  }
  if (error instanceof RefusedError && error.status === 503) {
    return { kind: 'starting' };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'error', message, hint: error instanceof RefusedError ? error.hint : null };
}

/** One sentence, for a banner or a toast. */
export function problemText(problem: Problem, trans: TranslationBundle): string {
  switch (problem.kind) {
    case 'missing':
      return trans.__('The server does not offer views any more.');
    case 'offline':
      return trans.__('The server does not answer.');
    case 'starting':
      return trans.__('The server is still opening the views.');
    case 'error':
      return [problem.message, problem.hint].filter(Boolean).join(' ');
  }
}
