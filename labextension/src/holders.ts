/** Who looks: at the list, and at single views wherever they stand. No DOM. */

import { DisposableDelegate, type IDisposable } from '@lumino/disposable';

interface IReactions {
  /** The first of all came. */
  onFirst: () => void;
  /** The last of all left. */
  onNone: () => void;
}

export class Holders {
  constructor(private readonly _reactions: IReactions) {}

  get isEmpty(): boolean {
    return this._holders.size === 0;
  }

  /** The views that somebody looks at. */
  get ids(): ReadonlySet<string> {
    return new Set([...this._holders].flatMap(({ id }) => id ?? []));
  }

  /** Look at the list, and at one view, until the handle is disposed. */
  add(id: string | null): IDisposable {
    const holder = { id };
    this._holders.add(holder);
    if (this._holders.size === 1) {
      this._reactions.onFirst();
    }
    return new DisposableDelegate(() => {
      this._holders.delete(holder);
      if (this.isEmpty) {
        this._reactions.onNone();
      }
    });
  }

  private readonly _holders = new Set<{ readonly id: string | null }>();
}
