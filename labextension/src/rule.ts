/** A freshness rule while somebody writes it. Knows no DOM. */

import { RULE_FIELDS } from './api';
import { Draft } from './draft';
import type { IRule, IRuled } from './tokens';

export class RuleDraft extends Draft<IRule> {
  constructor(readonly ruled: IRuled) {
    super(ruled.rule, RULE_FIELDS);
  }
}
