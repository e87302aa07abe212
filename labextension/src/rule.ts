/** A freshness rule while somebody writes it. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';

import { RULE_FIELDS } from './api';
import { problemOf, type Problem } from './problem';
import { RefusedError } from './transport';
import type { IRule, IRuled } from './tokens';

export type RuleField = keyof IRule;

/** A field that the server refused, in its words. */
export interface IRefusedField {
  readonly field: RuleField;
  readonly message: string;
}

export class RuleDraft extends VDomModel {
  constructor(readonly ruled: IRuled) {
    super();
    this._rule = ruled.rule;
  }

  get rule(): IRule {
    return this._rule;
  }

  /** The field to mend before the rule can be saved. */
  get refused(): IRefusedField | null {
    return this._refused;
  }

  /** Why the rule could not be saved, where no field is to blame. */
  get problem(): Problem | null {
    return this._problem;
  }

  change(part: Partial<IRule>): void {
    this._rule = { ...this._rule, ...part };
    if (this._refused !== null && this._refused.field in part) {
      this._refused = null;
    }
    this.stateChanged.emit();
  }

  /** What differs from the saved rule. */
  get changes(): Partial<IRule> {
    const changed = FIELDS.filter(name => !isSame(this.ruled.rule[name], this._rule[name]));
    return Object.fromEntries(changed.map(name => [name, this._rule[name]]));
  }

  isChanged(field: RuleField): boolean {
    return field in this.changes;
  }

  /** The server said no, or nothing. */
  fail(error: unknown): void {
    const wire = error instanceof RefusedError ? (error.field ?? '').split(/[.[]/, 1)[0] : '';
    const field = FIELDS.find(name => RULE_FIELDS[name] === wire);
    const problem = problemOf(error);
    this._refused =
      field !== undefined && problem.kind === 'error'
        ? { field, message: [problem.message, problem.hint].filter(Boolean).join(' ') }
        : null;
    this._problem = this._refused === null ? problem : null;
    this.stateChanged.emit();
  }

  private _rule: IRule;
  private _refused: IRefusedField | null = null;
  private _problem: Problem | null = null;
}

const FIELDS: readonly RuleField[] = [
  'autoRefresh',
  'schedule',
  'timezone',
  'ageSeconds',
  'maxStalenessSeconds',
  'changedWhen',
  'strict',
  'key'
];

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
