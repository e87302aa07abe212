/** Refreshes that were asked for here and have not ended yet. No DOM. */

import { PromiseDelegate } from '@lumino/coreutils';

import type { IView } from './tokens';

/** A refresh may join a statement that the view never names: then silence ends it. */
const MOST_READS_WITHOUT_NEWS = 4;

class Pending {
  readonly ended = new PromiseDelegate<IView>();
  statementId: string | null = null;
  reads = 0;
}

export class PendingRefreshes {
  get size(): number {
    return this._byView.size;
  }

  has(id: string): boolean {
    return this._byView.has(id);
  }

  /** The end of the refresh under way, or null when there is none. */
  get(id: string): Promise<IView> | null {
    return this._byView.get(id)?.ended.promise ?? null;
  }

  begin(id: string): Promise<IView> {
    const pending = new Pending();
    // A caller may never look: an unanswered refusal is not a page error.
    pending.ended.promise.catch(() => undefined);
    this._byView.set(id, pending);
    return pending.ended.promise;
  }

  /** The server has begun: the refresh is this statement. */
  name(id: string, statementId: string): void {
    const pending = this._byView.get(id);
    if (pending) {
      pending.statementId = statementId;
    }
  }

  /** Whether these facts tell of the end; facts from before the start do not. */
  isEndedBy(view: IView): boolean {
    const pending = this._byView.get(view.shortId);
    if (!pending?.statementId || view.status === 'refreshing') {
      return false;
    }
    pending.reads += 1;
    const named = [view.statementId, view.lastRefresh?.statementId].includes(pending.statementId);
    return named || pending.reads >= MOST_READS_WITHOUT_NEWS;
  }

  end(view: IView): void {
    this._byView.get(view.shortId)?.ended.resolve(view);
    this._byView.delete(view.shortId);
  }

  fail(id: string, error: unknown): void {
    this._byView.get(id)?.ended.reject(error);
    this._byView.delete(id);
  }

  private readonly _byView = new Map<string, Pending>();
}
