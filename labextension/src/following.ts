/** A part of a result tab that follows what happens to its view while it is in front. No DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import { Poll } from '@lumino/polling';

import type { DocumentModel } from './document';
import type { IViewEvent } from './events';
import type { ViewsModel } from './model';
import { Pacer } from './pacer';
import { problemOf, type Problem } from './problem';
import type { Tab } from './tokens';
import { OfflineError } from './transport';

/** Between two readings while events come. */
const EVENT_PAUSE = 700;

export abstract class Following extends VDomModel {
  constructor(
    readonly document: DocumentModel,
    private readonly _tab: Tab
  ) {
    super();
    // Events come first; what has no event of its own is seen by looking again.
    this._poll = new Poll({
      auto: false,
      name: `jupyter-views:${_tab}`,
      factory: async () => {
        await this.load();
        if (this._problem?.kind === 'offline') {
          throw new OfflineError();
        }
      },
      frequency: { interval: 5000, backoff: true, max: 60000 },
      standby: 'when-hidden'
    });
    document.views.happened.connect(this._onHappened, this);
    document.stateChanged.connect(this._follow, this);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.document.views.happened.disconnect(this._onHappened, this);
    this.document.stateChanged.disconnect(this._follow, this);
    this._events.dispose();
    this._poll.dispose();
    super.dispose();
  }

  /** The first answer has come. */
  get isReady(): boolean {
    return this._isReady;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  /** Read what there is now, and say so. */
  async load(): Promise<void> {
    await this.attempt(() => this.read());
    this._isReady = true;
    this.emit();
  }

  /** Start to follow; called when the part is there to be seen. */
  begin(): void {
    this._hasBegun = true;
    this._follow();
  }

  protected abstract read(): Promise<void>;

  /** Do it, and keep what went wrong for the screen. */
  protected async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
  }

  protected emit(): void {
    if (!this.isDisposed) {
      this.stateChanged.emit();
    }
  }

  private get _isInFront(): boolean {
    return this.document.isVisible && this.document.tab === this._tab;
  }

  private _onHappened(_: ViewsModel, { id }: IViewEvent): void {
    if (id === this.document.id && this._isInFront) {
      this._events.ask();
    }
  }

  private _follow(): void {
    const isFollowing = !['constructed', 'stopped'].includes(this._poll.state.phase);
    if (this._hasBegun && this._isInFront !== isFollowing) {
      void (isFollowing ? this._poll.stop() : this._poll.start());
    }
  }

  private _isReady = false;
  private _hasBegun = false;
  private _problem: Problem | null = null;
  private readonly _poll: Poll<void>;
  private readonly _events = new Pacer(() => this.load(), EVENT_PAUSE);
}
