/** What people did with one view. Knows no DOM. */

import { DEEDS, readDeeds, type IDeed } from './deeds';
import type { DocumentModel } from './document';
import { Following } from './following';

export class ActivityModel extends Following {
  constructor(document: DocumentModel) {
    super(document, 'activity');
  }

  /** Newest first, as far as they are loaded. */
  get deeds(): readonly IDeed[] {
    return this._deeds;
  }

  get total(): number {
    return this._total;
  }

  get hasMore(): boolean {
    return this._deeds.length < this._total;
  }

  async loadMore(): Promise<void> {
    if (this._isLoadingMore || !this.hasMore) {
      return;
    }
    this._isLoadingMore = true;
    await this.attempt(async () => {
      const page = await this._read(Math.floor(this._deeds.length / DEEDS) + 1);
      // Deeds that came in since have moved the pages: some of their lines are known already.
      const known = new Set(this._deeds.map(deed => deed.id));
      this._deeds = [...this._deeds, ...page.filter(deed => !known.has(deed.id))];
    });
    this._isLoadingMore = false;
    this.emit();
  }

  protected override async read(): Promise<void> {
    const head = await this._read(1);
    const last = head[head.length - 1];
    const cut = this._deeds.findIndex(deed => deed.id === last?.id);
    // What is loaded behind the first page stays, unless a whole page came in since.
    this._deeds = cut < 0 ? head : [...head, ...this._deeds.slice(cut + 1)];
  }

  private async _read(page: number): Promise<readonly IDeed[]> {
    const { transport } = this.document.views.api;
    const { items, total } = await readDeeds(transport, this.document.id, page);
    this._total = total;
    return items;
  }

  private _deeds: readonly IDeed[] = [];
  private _total = 0;
  private _isLoadingMore = false;
}
