/** A freshness rule while somebody writes it. Knows no DOM. */

import { Draft } from './draft';
import type { IRule, IRuled } from './tokens';

/** The names of a rule's fields on the wire. */
const RULE_FIELDS: Readonly<Record<keyof IRule, string>> = {
  autoRefresh: 'auto_refresh',
  schedule: 'schedule',
  timezone: 'timezone',
  ageSeconds: 'age_seconds',
  maxStalenessSeconds: 'max_staleness_seconds',
  changedWhen: 'changed_when',
  strict: 'strict',
  key: 'key'
};

export class RuleDraft extends Draft<IRule> {
  constructor(readonly ruled: IRuled) {
    super(ruled.rule, RULE_FIELDS);
  }
}
