/** Two results of a view beside each other: which, by what, and what differs. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';

import type { DocumentModel } from './document';
import { problemOf, type Problem } from './problem';
import type { IDifference, IRowDifference } from './records';

interface IChoice {
  readonly before: string | null;
  readonly after: string | null;
  /** Columns that identify a row; null for those of the view's rule, or guessed ones. */
  readonly key: readonly string[] | null;
}

export class Comparing extends VDomModel {
  constructor(
    private readonly _document: DocumentModel,
    choice: Partial<IChoice>
  ) {
    super();
    this._choice = { before: null, after: null, key: null, ...choice };
    void this._read();
  }

  /** Counts, key and columns; null until the first answer. */
  get difference(): IDifference | null {
    return this._difference;
  }

  /** The differing rows that are loaded. */
  get rows(): readonly IRowDifference[] {
    return this._rows;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  /** A choice was made and its answer is on the way. */
  get isReading(): boolean {
    return this._isReading;
  }

  get hasMore(): boolean {
    return this._rows.length < this._total;
  }

  choose(choice: Partial<IChoice>): void {
    this._choice = { ...this._choice, ...choice };
    void this._read();
  }

  async loadMore(): Promise<void> {
    await this._read(this._rows.length);
  }

  private get _total(): number {
    const { added, removed, changed } = this._difference?.changes ?? NOTHING;
    return added + removed + changed;
  }

  private async _read(offset = 0): Promise<void> {
    const asked = ++this._clock;
    this._isReading = true;
    this.stateChanged.emit();
    try {
      const { records } = this._document.views.api;
      const found = await records.difference(this._document.id, { ...this._choice, offset });
      if (asked !== this._clock) {
        return;
      }
      this._difference = found;
      this._rows = offset === 0 ? found.rows : [...this._rows, ...found.rows];
      this._problem = null;
    } catch (error) {
      if (asked !== this._clock) {
        return;
      }
      this._problem = problemOf(error);
    }
    this._isReading = false;
    this.stateChanged.emit();
  }

  private _choice: IChoice;
  private _difference: IDifference | null = null;
  private _rows: readonly IRowDifference[] = [];
  private _problem: Problem | null = null;
  private _isReading = false;
  private _clock = 0;
}

const NOTHING = { added: 0, removed: 0, changed: 0 };
