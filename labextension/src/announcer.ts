/** What a screen reader hears: one announcement for each change. No DOM. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal, type ISignal } from '@lumino/signaling';

import type { IView } from './tokens';
import { outcome, politely, viewsWord, type IAnnouncement } from './words';

export class Announcer {
  constructor(private readonly _trans: TranslationBundle) {}

  get said(): ISignal<this, IAnnouncement> {
    return this._said;
  }

  /** A refresh that somebody waited for or looked at has ended. */
  ended(view: IView): void {
    const said = outcome(view, this._trans);
    if (said.assertive || !this._isPartOfRestore(view)) {
      this._said.emit(said);
    }
  }

  deleted(name: string): void {
    this._say(this._trans.__('%1: deleted', name));
  }

  favourite({ name, isFavourite }: IView): void {
    this._say(
      isFavourite
        ? this._trans.__('%1: a favourite', name)
        : this._trans.__('%1: no favourite any more', name)
    );
  }

  /** A version is being brought back: the refresh that this starts is part of it. */
  restoring(id: string): void {
    this._restores.set(id, null);
  }

  notRestored(id: string): void {
    this._restores.delete(id);
  }

  /** The view as the restore left it: its refresh is under way, or has ended already. */
  restored(view: IView, version: number): void {
    const refresh = view.refresh?.statementId ?? view.lastRefresh?.statementId ?? '';
    this._restores.set(view.shortId, refresh);
    this._say(
      this._trans.__('%1: version %2 restored as version %3', view.name, version, view.version)
    );
  }

  /** A tile of a dashboard has another place, counted from 1. */
  moved(name: string, place: number, count: number): void {
    this._say(this._trans.__('%1: place %2 of %3', name, place, count));
  }

  takenOff(name: string): void {
    this._say(this._trans.__('%1: taken off the dashboard', name));
  }

  counted(views: number): void {
    this._say(viewsWord(views, this._trans));
  }

  wentOffline(): void {
    this._said.emit({ text: this._trans.__('The server does not answer.'), assertive: true });
  }

  private _say(text: string): void {
    this._said.emit(politely(text));
  }

  private _isPartOfRestore({ shortId, lastRefresh }: IView): boolean {
    const refresh = this._restores.get(shortId);
    return refresh === null || (refresh !== undefined && refresh === lastRefresh?.statementId);
  }

  /** By view: the statement that the newest restore started, null until that is known. */
  private readonly _restores = new Map<string, string | null>();
  private readonly _said = new Signal<this, IAnnouncement>(this);
}
