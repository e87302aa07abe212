/** What a person does to a view, and what is said about it then. No DOM. */

import type { Announcer } from './announcer';
import type { IView, IViewsApi } from './tokens';

/** Where the facts of the views are kept. */
interface IKeeper {
  find(id: string): IView | undefined;
  read(id: string): Promise<IView>;
  /** Take over what the answer to a change told. */
  take(view: IView): void;
  forget(id: string): void;
}

export class Editing {
  constructor(
    private readonly _api: IViewsApi,
    private readonly _announcer: Announcer,
    private readonly _keeper: IKeeper
  ) {}

  /** Change some fields, by their names on the wire; the view as it is then. */
  async change(id: string, fields: Readonly<Record<string, unknown>>): Promise<IView> {
    const view = await this._api.change(id, fields);
    this._keeper.take(view);
    return view;
  }

  /** Put a view among the favourites of everybody who reads it, or take it out. */
  async setFavourite(id: string, isFavourite: boolean): Promise<void> {
    const known = this._keeper.find(id) ?? (await this._keeper.read(id));
    if (known.insightId === null) {
      // Favourites are told apart on the insight page: a view has to be one.
      await this._api.openInsight(id);
    }
    this._announcer.favourite(await this.change(id, { favorited: isFavourite }));
  }

  /** Bring an earlier version back as a new one. */
  async restore(id: string, version: number): Promise<void> {
    this._announcer.restoring(id);
    try {
      const view = await this._api.restore(id, version);
      this._announcer.restored(view, version);
      this._keeper.take(view);
    } catch (error) {
      this._announcer.notRestored(id);
      throw error;
    }
  }

  /** Stop the refresh under way; the last rows stay. */
  async cancel(id: string): Promise<void> {
    const known = this._keeper.find(id)?.refresh?.statementId;
    const statementId = known ?? (await this._keeper.read(id)).refresh?.statementId;
    if (statementId) {
      await this._api.cancel(statementId);
      await this._keeper.read(id);
    }
  }

  async remove(id: string): Promise<void> {
    const name = this._keeper.find(id)?.name ?? '';
    await this._api.remove(id);
    this._keeper.forget(id);
    this._announcer.deleted(name);
  }
}
