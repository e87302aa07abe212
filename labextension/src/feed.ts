/** Events of many views, gathered: rows change at once, the server is asked now and then. No DOM. */

import type { Action, IViewEvent } from './events';
import { Pacer } from './pacer';
import type { IView } from './tokens';

/** Milliseconds between two changes of the screen, and between two rounds of questions. */
const TELL_PAUSE = 50;
const READ_PAUSE = 400;

/** What gives a view another place in the list, so that unknown ones matter too. */
const PLACED: ReadonlySet<Action> = new Set(['created', 'edited']);

export interface IFollower {
  /** What is known of a view. */
  find(id: string): IView | undefined;
  /** Show what the events alone tell. */
  tell(events: readonly IViewEvent[]): void;
  /** Ask the server for the rest: names, messages, places in the list. */
  catchUp(ids: readonly string[]): Promise<void>;
}

export class EventFeed {
  constructor(private readonly _follower: IFollower) {}

  note(event: IViewEvent): void {
    this._news.push(event);
    this._telling.ask();
  }

  dispose(): void {
    this._telling.dispose();
    this._reading.dispose();
  }

  private _tell(): void {
    const news = this._news;
    this._news = [];
    for (const { action, id } of news) {
      if (action === 'deleted') {
        this._behind.delete(id);
      } else if (PLACED.has(action) || this._follower.find(id) !== undefined) {
        this._behind.add(id);
      }
    }
    this._follower.tell(news);
    if (this._behind.size > 0) {
      this._reading.ask();
    }
  }

  private async _read(): Promise<void> {
    const ids = [...this._behind];
    this._behind.clear();
    await this._follower.catchUp(ids);
  }

  private _news: IViewEvent[] = [];
  private readonly _behind = new Set<string>();
  private readonly _telling = new Pacer(() => this._tell(), TELL_PAUSE);
  private readonly _reading = new Pacer(() => this._read(), READ_PAUSE);
}
