/** Fields while somebody writes them, and what the server said against them. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';

import { problemOf, type Problem } from './problem';
import { RefusedError } from './transport';

/** A field that was refused, and why. */
export interface IRefusedField<T> {
  readonly field: keyof T;
  readonly message: string;
}

export class Draft<T extends object> extends VDomModel {
  constructor(
    readonly saved: T,
    /** The names of the fields on the wire. */
    private readonly _wire: Readonly<Record<keyof T, string>>
  ) {
    super();
    this._value = saved;
  }

  get value(): T {
    return this._value;
  }

  /** The field to mend before it can be saved. */
  get refused(): IRefusedField<T> | null {
    return this._refused;
  }

  /** Why it could not be saved, where no field is to blame. */
  get problem(): Problem | null {
    return this._problem;
  }

  change(part: Partial<T>): void {
    this._value = { ...this._value, ...part };
    if (this._refused !== null && this._refused.field in part) {
      this._refused = null;
    }
    this.stateChanged.emit();
  }

  /** What differs from what is saved. */
  get changes(): Partial<T> {
    const changed = this._fields.filter(name => !isSame(this.saved[name], this._value[name]));
    return Object.fromEntries(changed.map(name => [name, this._value[name]])) as Partial<T>;
  }

  /** The same by their names on the wire. */
  get wireChanges(): Readonly<Record<string, unknown>> {
    const { changes } = this;
    const changed = this._fields.filter(name => name in changes);
    return Object.fromEntries(changed.map(name => [this._wire[name], changes[name]]));
  }

  isChanged(field: keyof T): boolean {
    return field in this.changes;
  }

  /** Why a field cannot stay as it is; null for the others. */
  error(field: keyof T): string | null {
    return this._refused?.field === field ? this._refused.message : null;
  }

  refuse(field: keyof T, message: string): void {
    this._refused = { field, message };
    this._problem = null;
    this.stateChanged.emit();
  }

  /** The server said no, or nothing. */
  fail(error: unknown): void {
    const wire = error instanceof RefusedError ? (error.field ?? '').split(/[.[]/, 1)[0] : '';
    const field = this._fields.find(name => this._wire[name] === wire);
    const problem = problemOf(error);
    if (field !== undefined && problem.kind === 'error') {
      this.refuse(field, [problem.message, problem.hint].filter(Boolean).join(' '));
    } else {
      this._refused = null;
      this._problem = problem;
      this.stateChanged.emit();
    }
  }

  private get _fields(): readonly (keyof T)[] {
    return Object.keys(this._wire) as (keyof T)[];
  }

  private _value: T;
  private _refused: IRefusedField<T> | null = null;
  private _problem: Problem | null = null;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
