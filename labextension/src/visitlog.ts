/** The access log of a link, read when somebody wants to see it. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';

import { problemOf, type Problem } from './problem';
import { VISITS, type IVisit, type Shares } from './shares';

export class VisitLog extends VDomModel {
  constructor(private readonly _api: Shares) {
    super();
  }

  /** Newest first, as far as they are loaded; null while nobody looks. */
  get visits(): readonly IVisit[] | null {
    return this._visits;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get hasMore(): boolean {
    return this._visits !== null && this._visits.length < this._total;
  }

  show(): Promise<void> {
    return this._read([]);
  }

  showMore(): Promise<void> {
    return this._read(this._visits ?? []);
  }

  hide(): void {
    this._visits = null;
    this.stateChanged.emit();
  }

  private async _read(before: readonly IVisit[]): Promise<void> {
    try {
      const page = Math.floor(before.length / VISITS) + 1;
      const { items, total } = await this._api.visits(page);
      // What came in since has moved the pages: some of their lines are known already.
      const known = new Set(before.map(visit => JSON.stringify(visit)));
      this._visits = [...before, ...items.filter(visit => !known.has(JSON.stringify(visit)))];
      this._total = total;
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
    this.stateChanged.emit();
  }

  private _visits: readonly IVisit[] | null = null;
  private _total = 0;
  private _problem: Problem | null = null;
}
