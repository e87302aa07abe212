/** What is known about each view, and how new it is: answers may overtake each other. No DOM. */

import { afterEvent, type IViewEvent } from './events';
import type { IView } from './tokens';

/** A view's facts before and after an answer; `isNews` tells whether they differ. */
export interface IStep {
  readonly before: IView | undefined;
  readonly after: IView;
  readonly isNews: boolean;
}

export class KnownViews {
  /** The number of a question that is about to be asked; later ones are greater. */
  ask(): number {
    return ++this._clock;
  }

  has(id: string): boolean {
    return this._views.has(id);
  }

  get(id: string): IView | undefined {
    return this._views.get(id);
  }

  all(): readonly IView[] {
    return [...this._views.values()];
  }

  /** Take over what a question brought, or null when something newer is known. */
  take(view: IView, asked: number): IStep | null {
    const id = view.shortId;
    if ((this._askedAt.get(id) ?? 0) > asked) {
      return null;
    }
    this._askedAt.set(id, asked);
    const before = this._views.get(id);
    const isNews = JSON.stringify(before) !== JSON.stringify(view);
    // The same object for the same facts: nobody draws it again.
    const after = isNews || before === undefined ? view : before;
    this._views.set(id, after);
    return { before, after, isNews };
  }

  /** Take over what an event tells; answers to earlier questions know less than it does. */
  note(event: IViewEvent): void {
    const view = this._views.get(event.id);
    if (view !== undefined) {
      this._views.set(event.id, afterEvent(view, event));
      this._askedAt.set(event.id, this.ask());
    }
  }

  /** False when it was not known. */
  forget(id: string): boolean {
    this._askedAt.set(id, this.ask());
    return this._views.delete(id);
  }

  private _clock = 0;
  private readonly _views = new Map<string, IView>();
  private readonly _askedAt = new Map<string, number>();
}
