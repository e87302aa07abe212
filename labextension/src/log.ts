/** The decision log of one view. Knows no DOM. */

import type { DocumentModel } from './document';
import { Following } from './following';
import type { IDecision } from './records';

export class LogModel extends Following {
  constructor(document: DocumentModel) {
    super(document, 'log');
  }

  /** Newest first. */
  get lines(): readonly IDecision[] {
    return this._lines;
  }

  protected override async read(): Promise<void> {
    this._lines = await this.document.views.api.records.decisions(this.document.id);
  }

  private _lines: readonly IDecision[] = [];
}
