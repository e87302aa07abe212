/** What an API key may do, in words. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

/** The nouns of the scopes, the usual ones first. */
export const NOUNS = [
  'perspective',
  'insight',
  'dashboard',
  'endpoint',
  'query',
  'statement',
  'sharing_configuration',
  'activity_log',
  'key'
] as const;
export type Noun = (typeof NOUNS)[number];

/** The scope that holds all others. */
export const EVERYTHING = '*';

export function nounWord(noun: Noun, trans: TranslationBundle): string {
  switch (noun) {
    case 'perspective':
      return trans.__('views');
    case 'insight':
      return trans.__('insights');
    case 'dashboard':
      return trans.__('dashboards');
    case 'endpoint':
      return trans.__('endpoints');
    case 'query':
      return trans.__('saved queries');
    case 'statement':
      return trans.__('SQL statements');
    case 'sharing_configuration':
      return trans.__('sharing');
    case 'activity_log':
      return trans.__('activity');
    case 'key':
      return trans.__('API keys');
  }
}

/** "may read views and change sharing"; changing includes reading. */
export function scopesWords(scopes: readonly string[], trans: TranslationBundle): string {
  if (scopes.includes(EVERYTHING)) {
    return trans.__('may do everything');
  }
  const written = NOUNS.filter(noun => scopes.includes(`${noun}:write`));
  const onlyRead = NOUNS.filter(noun => scopes.includes(`${noun}:read`) && !written.includes(noun));
  const read = listed(onlyRead, trans);
  const write = listed(written, trans);
  if (written.length === 0) {
    return trans.__('may read %1', read);
  }
  return onlyRead.length === 0
    ? trans.__('may read and change %1', write)
    : trans.__('may read %1; may read and change %2', read, write);
}

function listed(nouns: readonly Noun[], trans: TranslationBundle): string {
  return nouns.map(noun => nounWord(noun, trans)).join(trans.__(', '));
}

export function mayRead(scopes: readonly string[], noun: Noun): boolean {
  return scopes.includes(`${noun}:read`) || mayWrite(scopes, noun);
}

export function mayWrite(scopes: readonly string[], noun: Noun): boolean {
  return scopes.includes(`${noun}:write`);
}

/** The scopes with another right for one noun. */
export function withRight(
  scopes: readonly string[],
  noun: Noun,
  right: 'read' | 'write' | null
): readonly string[] {
  const others = scopes.filter(scope => !scope.startsWith(`${noun}:`));
  return right === null ? others : [...others, `${noun}:${right}`];
}
