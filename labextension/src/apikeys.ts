/** API keys, as the server tells of them: what they may, for whom, until when. */

import { array, number, record, text, textOrNull, texts, type Json } from './json';
import type { Transport } from './transport';

/** A key without its secret. Times are ISO 8601 in UTC. */
export interface IApiKey {
  readonly id: string;
  readonly label: string;
  /** The first letters of the secret. */
  readonly prefix: string;
  readonly user: string;
  readonly scopes: readonly string[];
  /** The number of the one project that it may be used in; null for all. */
  readonly project: number | null;
  /** Null for never. */
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface IApiKeyList {
  /** Oldest first. */
  readonly keys: readonly IApiKey[];
  /** Whom a new key speaks for when nobody else is named. */
  readonly user: string;
  readonly canNameOthers: boolean;
}

export interface INewApiKey {
  readonly label: string;
  readonly scopes: readonly string[];
  /** Empty for oneself. */
  readonly user: string;
  /** Null for never. */
  readonly expiresInDays: number | null;
}

export const API_KEY_FIELDS: Readonly<Record<keyof INewApiKey, string>> = {
  label: 'label',
  scopes: 'scopes',
  user: 'user',
  expiresInDays: 'expires_in_days'
};

/** A new key; the server tells its secret this once. */
export interface IMadeApiKey {
  readonly key: IApiKey;
  readonly secret: string;
}

export class ApiKeys {
  constructor(private readonly _transport: Transport) {}

  async list(): Promise<IApiKeyList> {
    const body = record(await this._transport.json('GET', ['keys']));
    return {
      keys: array(body.items).map(item => toKey(record(item))),
      user: text(body.user),
      canNameOthers: body.can_name_others === true
    };
  }

  async make({ label, scopes, user, expiresInDays }: INewApiKey): Promise<IMadeApiKey> {
    const body = record(
      await this._transport.json(
        'POST',
        ['keys'],
        {},
        {
          label: label.trim(),
          scopes,
          expires_in_days: expiresInDays,
          ...(user.trim() ? { user: user.trim() } : {})
        }
      )
    );
    return { key: toKey(body), secret: text(body.key) };
  }

  async revoke(id: string): Promise<void> {
    await this._transport.send('DELETE', ['keys', id]);
  }
}

function toKey(raw: Json): IApiKey {
  return {
    id: text(raw.id),
    label: text(raw.label),
    prefix: text(raw.prefix),
    user: text(raw.user),
    scopes: texts(raw.scopes),
    project: raw.project === null ? null : number(raw.project),
    expiresAt: textOrNull(raw.expires_at),
    lastUsedAt: textOrNull(raw.last_used_at)
  };
}
