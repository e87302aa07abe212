/** How one view is shared, as the server tells its owner. */

import {
  array,
  isRecord,
  number,
  numberOrNull,
  record,
  text,
  textOrNull,
  texts,
  type Json
} from './json';
import type { Transport } from './transport';

/** A password of a link, without itself. */
export interface ISharePassword {
  readonly id: string;
  /** Whose it is. */
  readonly note: string | null;
  readonly at: string;
}

/** The link of a view. Times are ISO 8601 in UTC; null while there is no link. */
export interface ISharing {
  readonly createdAt: string | null;
  readonly isOn: boolean;
  /** The whole address; null too where the server cannot tell it any more. */
  readonly url: string | null;
  /** Until when the address before this one works; null when none does. */
  readonly oldUrlUntil: string | null;
  /** What the page shows, in the server's words; absent ones have their usual value. */
  readonly settings: Json;
  readonly asksPassword: boolean;
  /** Newest first. */
  readonly passwords: readonly ISharePassword[];
  /** Null for never. */
  readonly expiresAt: string | null;
  readonly openedCount: number;
  readonly lastOpenedAt: string | null;
  /** The administrator lets this server have links. */
  readonly isAllowed: boolean;
}

/** Who may read a view without a link. */
export interface IPeople {
  /** Everyone who is signed in. */
  readonly isPublic: boolean;
  readonly named: readonly string[];
}

/** A view, as far as sharing is concerned. */
export interface ISubject {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly isMine: boolean;
  readonly people: IPeople;
  readonly columns: readonly string[];
  /** Names of values that visitors may be let choose. */
  readonly parameters: readonly string[];
}

/** A line of the access log. */
export interface IVisit {
  readonly at: string;
  readonly kind: string;
  readonly address: string;
  /** The last characters of the link. */
  readonly link: string;
}

export interface IVisits {
  readonly items: readonly IVisit[];
  readonly total: number;
}

/** What is to be changed of a link; what is absent stays. */
export interface ILinkChange {
  readonly enabled?: boolean;
  readonly settings?: Json;
  readonly password_required?: boolean;
  readonly expires_at?: string | null;
}

/** A new password; the server tells it this once. */
export interface IMadePassword {
  readonly note: string | null;
  readonly password: string;
}

/** Kinds of values for which a page can have a field. */
const CHOOSABLE: ReadonlySet<string> = new Set(['string', 'number', 'boolean']);

/** Declared parameters, and those that are known by their values alone. */
function choosable(raw: Readonly<Record<string, unknown>>): readonly string[] {
  const declared = Array.isArray(raw.parameters) ? raw.parameters : [];
  const known = Object.entries(record(raw.params)).flatMap(([name, value]) =>
    CHOOSABLE.has(typeof value) ? [name] : []
  );
  return [...new Set([...declared.map(each => text(record(each).name)), ...known])];
}

/** Lines on a page of the access log. */
export const VISITS = 20;

export class Shares {
  constructor(
    private readonly _transport: Transport,
    private readonly _id: string
  ) {}

  async subject(): Promise<ISubject> {
    const raw = record(await this._transport.json('GET', ['views', this._id]));
    this._number = numberOrNull(raw.insight_id);
    this._project = number(raw.project_id);
    const columns = Array.isArray(raw.columns) ? raw.columns : [];
    return {
      id: this._id,
      name: text(raw.name),
      owner: text(raw.owner),
      isMine: raw.is_mine === true,
      people: toPeople(raw),
      columns: columns.map(column => text(record(column).name)),
      parameters: choosable(raw)
    };
  }

  /** How it is shared, whether or not it can be: nothing is written. */
  async sharing(): Promise<ISharing> {
    return this._toSharing(await this._transport.json('GET', ['views', this._id, 'sharing']));
  }

  async setPeople({ isPublic, named }: IPeople): Promise<IPeople> {
    const body = { is_public: isPublic, allowed_user_ids: named };
    return toPeople(record(await this._transport.json('PATCH', ['views', this._id], {}, body)));
  }

  async change(change: ILinkChange): Promise<ISharing> {
    return this._toSharing(await this._transport.json('PATCH', await this._path(), {}, change));
  }

  /** Give the link another address. */
  async rotate(): Promise<ISharing> {
    return this._toSharing(await this._transport.json('POST', await this._path('refresh'), {}, {}));
  }

  async revoke(): Promise<void> {
    await this._transport.send('DELETE', await this._path());
  }

  /** Add a password; an empty one is made by the server. */
  async addPassword(password: string, note: string): Promise<IMadePassword> {
    const body = {
      ...(password.trim() ? { raw_password: password } : {}),
      ...(note.trim() ? { note: note.trim() } : {})
    };
    const made = record(
      await this._transport.json('POST', await this._path('passwords'), {}, body)
    );
    return { note: textOrNull(made.note), password: text(made.password) };
  }

  async removePassword(id: string): Promise<void> {
    await this._transport.send('DELETE', await this._path('passwords', id));
  }

  /** A page of the access log, newest first; the first one is number 1. */
  async visits(page: number): Promise<IVisits> {
    const query = { limit: String(VISITS), page: String(page) };
    const body = record(await this._transport.json('GET', await this._path('visits'), query));
    return { items: array(body.results).map(toVisit), total: number(body.total_count) };
  }

  /** Below which address the link is; the view becomes an insight for it where it is none. */
  private async _path(...more: readonly string[]): Promise<readonly string[]> {
    if (this._number === null) {
      const door = ['views', this._id, 'doors', 'insight'];
      this._number = number(record(await this._transport.json('POST', door, {}, {})).insight_id);
    }
    const insight = ['insights', String(this._number)];
    return ['projects', String(this._project), ...insight, 'sharing', ...more];
  }

  private _toSharing(value: unknown): ISharing {
    const raw = record(value);
    const url = textOrNull(raw.url);
    return {
      createdAt: textOrNull(raw.created_at),
      isOn: raw.enabled === true,
      url: url === null ? null : new URL(url, this._transport.serverUrl).href,
      oldUrlUntil: textOrNull(raw.old_url_until),
      settings: isRecord(raw.settings) ? raw.settings : {},
      asksPassword: raw.password_required === true,
      passwords: array(raw.share_passwords).map(toPassword),
      expiresAt: textOrNull(raw.expires_at),
      openedCount: number(raw.opened_count),
      lastOpenedAt: textOrNull(raw.last_opened_at),
      isAllowed: raw.is_allowed === true
    };
  }

  private _number: number | null = null;
  private _project = 1;
}

function toPeople(raw: Json): IPeople {
  return { isPublic: raw.is_public === true, named: texts(raw.allowed_user_ids) };
}

function toPassword(value: unknown): ISharePassword {
  const raw = record(value);
  return { id: text(raw.id), note: textOrNull(raw.note), at: text(raw.created_at) };
}

function toVisit(value: unknown): IVisit {
  const raw = record(value);
  return {
    at: text(raw.at),
    kind: text(raw.kind),
    address: text(raw.address),
    link: text(raw.link)
  };
}
