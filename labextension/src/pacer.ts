/** Work that many small things ask for. No DOM. */

/** Asked in one burst: gathered into one piece of work. */
const GATHER = 30;

/**
 * Does its work soon after it was asked for, never twice at once, and with a
 * pause between: a thousand requests in a second become a few.
 */
export class Pacer {
  constructor(
    private readonly _work: () => Promise<void> | void,
    private readonly _pause: number
  ) {}

  ask(): void {
    this._isWanted = true;
    if (!this._isBusy) {
      void this._run();
    }
  }

  dispose(): void {
    this._isDisposed = true;
  }

  private async _run(): Promise<void> {
    this._isBusy = true;
    await passed(GATHER);
    while (this._isWanted && !this._isDisposed) {
      this._isWanted = false;
      try {
        await this._work();
      } catch {
        // Whoever works says what went wrong; the next request tries again.
      }
      await passed(this._pause);
    }
    this._isBusy = false;
  }

  private _isWanted = false;
  private _isBusy = false;
  private _isDisposed = false;
}

function passed(milliseconds: number): Promise<void> {
  return new Promise(resolve => window.setTimeout(resolve, milliseconds));
}
