/** Dashboards as the server tells them, and typed calls for them. */

import { array, isRecord, number, numberOrNull, record, text, textOrNull, type Json } from './json';
import type { Transport } from './transport';

/** The project that always exists; the sidebar shows its dashboards. */
const PROJECT = '1';
const PAGE = 100;

/** The place of a view on a dashboard. */
export interface ITile {
  readonly id: number;
  readonly insightId: number;
  readonly shortId: string;
  readonly name: string;
}

/** A dashboard in a list. */
export interface IDashboard {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  readonly canEdit: boolean;
  readonly isPublic: boolean;
  /** ISO dates or spans such as `-7d`; null for an open end. */
  readonly dateFrom: string | null;
  readonly dateTo: string | null;
  /** Values by the name of a parameter. */
  readonly variables: Json;
}

export interface ITiledDashboard extends IDashboard {
  readonly tiles: readonly ITile[];
  /** Names this state of it, for changes that must not overtake others. */
  readonly etag: string;
}

/** New values by the names of the wire; what is absent stays. */
export interface IDashboardChange {
  readonly name?: string;
  readonly description?: string | null;
  readonly insights?: readonly number[];
  readonly deleted?: boolean;
}

export interface IDashboardsApi {
  list(): Promise<readonly IDashboard[]>;
  get(id: number): Promise<ITiledDashboard>;
  create(name: string, insights: readonly number[]): Promise<ITiledDashboard>;
  /** Change it, unless it is no longer as `etag` names it. */
  change(id: number, change: IDashboardChange, etag: string | null): Promise<ITiledDashboard>;
  /** The number of a view as an insight; a view that is none yet becomes one. */
  insightOf(shortId: string): Promise<number>;
}

/** What tells that a change was overtaken. */
export const OVERTAKEN = 412;

export class DashboardsApi implements IDashboardsApi {
  constructor(private readonly _transport: Transport) {}

  async list(): Promise<readonly IDashboard[]> {
    const path = ['projects', PROJECT, 'dashboards'];
    const body = record(await this._transport.json('GET', path, { limit: String(PAGE) }));
    return array(body.results).map(each => toDashboard(record(each)));
  }

  get(id: number): Promise<ITiledDashboard> {
    return this._one('GET', id);
  }

  async create(name: string, insights: readonly number[]): Promise<ITiledDashboard> {
    const path = ['projects', PROJECT, 'dashboards'];
    return toTiled(await this._transport.send('POST', path, {}, { name, insights }));
  }

  change(id: number, change: IDashboardChange, etag: string | null): Promise<ITiledDashboard> {
    return this._one('PATCH', id, change, etag === null ? {} : { 'If-Match': etag });
  }

  async insightOf(shortId: string): Promise<number> {
    const view = record(await this._transport.json('GET', ['views', shortId]));
    const known = numberOrNull(view.insight_id);
    if (known !== null) {
      return known;
    }
    const path = ['views', shortId, 'doors', 'insight'];
    return number(record(await this._transport.json('POST', path, {}, {})).insight_id);
  }

  private async _one(
    method: string,
    id: number,
    body?: IDashboardChange,
    headers: Readonly<Record<string, string>> = {}
  ): Promise<ITiledDashboard> {
    const path = ['projects', PROJECT, 'dashboards', String(id)];
    return toTiled(await this._transport.send(method, path, {}, body, headers));
  }
}

/** Whether a dashboard puts values in the place of those of its views. */
export function hasValues({ dateFrom, dateTo, variables }: IDashboard): boolean {
  return dateFrom !== null || dateTo !== null || Object.keys(variables).length > 0;
}

async function toTiled(response: Response): Promise<ITiledDashboard> {
  const raw = record(await response.json());
  return {
    ...toDashboard(raw),
    tiles: array(raw.tiles).map(each => toTile(record(each))),
    etag: response.headers.get('Etag') ?? ''
  };
}

function toDashboard(raw: Json): IDashboard {
  const filters = isRecord(raw.filters) ? raw.filters : {};
  return {
    id: number(raw.id),
    name: text(raw.name),
    description: textOrNull(raw.description) ?? '',
    owner: textOrNull(record(raw.created_by).first_name) ?? '',
    canEdit: raw.user_access_level === 'editor',
    isPublic: raw.is_public === true,
    dateFrom: textOrNull(filters.date_from),
    dateTo: textOrNull(filters.date_to),
    variables: isRecord(raw.variables) ? raw.variables : {}
  };
}

function toTile(raw: Json): ITile {
  const insight = record(raw.insight);
  return {
    id: number(raw.id),
    insightId: number(insight.id),
    shortId: text(insight.short_id),
    name: textOrNull(insight.name) ?? textOrNull(insight.derived_name) ?? ''
  };
}
