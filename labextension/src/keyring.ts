/** The API keys of whoever looks: the list, a new one being written, its secret. No DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import {
  API_KEY_FIELDS,
  type ApiKeys,
  type IApiKey,
  type IApiKeyList,
  type IMadeApiKey,
  type INewApiKey
} from './apikeys';
import { Draft } from './draft';
import { problemOf, type Problem } from './problem';

/** A key that only reads views, for a quarter of a year. */
const USUAL: INewApiKey = {
  label: '',
  scopes: ['perspective:read'],
  user: '',
  expiresInDays: 90
};

export class Keyring extends VDomModel {
  constructor(
    private readonly _api: ApiKeys,
    private readonly _trans: TranslationBundle
  ) {
    super();
  }

  /** Null until the first answer. */
  get list(): IApiKeyList | null {
    return this._list;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  /** The key that is being written. */
  get draft(): Draft<INewApiKey> | null {
    return this._draft;
  }

  /** The key that was just made, until its secret is put away. */
  get made(): IMadeApiKey | null {
    return this._made;
  }

  async load(): Promise<void> {
    try {
      this._list = await this._api.list();
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
    this.stateChanged.emit();
  }

  begin(wish: Partial<INewApiKey> = {}): void {
    this._draft = new Draft({ ...USUAL, ...wish }, API_KEY_FIELDS);
    this._draft.stateChanged.connect(() => this.stateChanged.emit());
    this._made = null;
    this.stateChanged.emit();
  }

  abandon(): void {
    this._draft = null;
    this.stateChanged.emit();
  }

  async make(): Promise<void> {
    const draft = this._draft;
    if (draft === null || this._isMaking || !this._isComplete(draft)) {
      return;
    }
    this._isMaking = true;
    try {
      this._made = await this._api.make(draft.value);
      this._draft = null;
    } catch (error) {
      draft.fail(error);
      return;
    } finally {
      this._isMaking = false;
    }
    await this.load();
  }

  /** Forget the secret: nobody can read it here again. */
  putAway(): void {
    this._made = null;
    this.stateChanged.emit();
  }

  async revoke({ id }: IApiKey): Promise<void> {
    await this._api.revoke(id);
    if (this._made?.key.id === id) {
      this._made = null;
    }
    await this.load();
  }

  private _isComplete(draft: Draft<INewApiKey>): boolean {
    const { label, scopes } = draft.value;
    if (!label.trim()) {
      draft.refuse('label', this._trans.__('A label tells this key from the others later.'));
      return false;
    }
    if (scopes.length === 0) {
      draft.refuse('scopes', this._trans.__('Choose at least one thing that the key may do.'));
      return false;
    }
    return true;
  }

  private _list: IApiKeyList | null = null;
  private _problem: Problem | null = null;
  private _draft: Draft<INewApiKey> | null = null;
  private _made: IMadeApiKey | null = null;
  private _isMaking = false;
}
