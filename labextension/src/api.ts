/** Typed calls to the server. The only file where JSON from outside becomes our types. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import {
  STATUSES,
  type IColumn,
  type ILastRefresh,
  type IRefresh,
  type IResultWindow,
  type IView,
  type IViewsApi,
  type IViewsPage,
  type Status
} from './tokens';

type Json = Readonly<Record<string, unknown>>;

/** The server answered, and said no. */
export class RefusedError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly hint: string | null
  ) {
    super(message);
  }
}

/** The server answers, but has no such address: the server extension is off. */
export class NotOfferedError extends Error {}

/** Nothing answered. */
export class OfflineError extends Error {}

/** Something answered that is not what this version understands. */
export class UnexpectedAnswerError extends Error {}

const PAGE = 50;

export class ViewsApi implements IViewsApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  get serverUrl(): string {
    return this._settings.baseUrl;
  }

  async list(search: string, cursor: string | null): Promise<IViewsPage> {
    const query: Record<string, string> = { limit: String(PAGE) };
    if (search) {
      query.search = search;
    }
    if (cursor !== null) {
      query.cursor = cursor;
    }
    let body: Json;
    try {
      body = record(await this._json('GET', ['api', 'views'], query));
    } catch (error) {
      // A server with the extension always answers this address.
      if (error instanceof RefusedError && error.status === 404) {
        throw new NotOfferedError(error.message);
      }
      throw error;
    }
    const items = array(body.items).map(toView);
    return { items, total: numberOrNull(body.total), nextCursor: textOrNull(body.next_cursor) };
  }

  async get(shortId: string): Promise<IView> {
    return toView(await this._json('GET', ['api', 'views', shortId]));
  }

  async refresh(shortId: string): Promise<string> {
    return text(record(await this._json('POST', ['api', 'views', shortId, 'refresh'])).id);
  }

  async cancel(statementId: string): Promise<void> {
    await this._request('POST', ['api', 'v1', 'statements', statementId, 'cancel']);
  }

  async remove(shortId: string): Promise<void> {
    await this._request('DELETE', ['api', 'views', shortId]);
  }

  async window(shortId: string, offset: number, limit: number): Promise<IResultWindow> {
    // JavaScript's numbers would round big integers and decimals: they come as text.
    const query = { format: 'json', big: 'string', offset: String(offset), limit: String(limit) };
    const body = record(await this._json('GET', ['api', 'views', shortId, 'result'], query));
    const names = array(body.cols).map(text);
    const types = Array.isArray(body.types) ? body.types : [];
    return {
      columns: names.map((name, index): IColumn => ({ name, type: typeAt(types, index) })),
      rows: array(body.rows).map(array),
      offset,
      totalRows: number(body.total_row_count ?? body.row_count),
      truncated: Boolean(body.truncated),
      resultKey: textOrNull(body.computed_at) ?? ''
    };
  }

  private async _json(
    method: string,
    path: readonly string[],
    query: Readonly<Record<string, string>> = {}
  ): Promise<unknown> {
    const response = await this._request(method, path, query);
    try {
      return await response.json();
    } catch {
      throw new UnexpectedAnswerError('The answer is not JSON.');
    }
  }

  private async _request(
    method: string,
    path: readonly string[],
    query: Readonly<Record<string, string>> = {}
  ): Promise<Response> {
    // An open sidebar alone must not keep an idle server alive.
    const search = new URLSearchParams({ ...query, no_track_activity: '1' });
    const url =
      URLExt.join(this._settings.baseUrl, 'views', ...path.map(encodeURIComponent)) + `?${search}`;
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, { method }, this._settings);
    } catch (error) {
      throw error instanceof ServerConnection.NetworkError
        ? new OfflineError(error.message)
        : error;
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }
}

/** The error that a refusing answer carries; its own words when it has some. */
async function refusal(response: Response): Promise<RefusedError> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // A proxy or the host answered with a page: the status must do.
  }
  const facts = isRecord(body) ? body : {};
  return new RefusedError(
    textOrNull(facts.message) ?? `${response.status} ${response.statusText}`,
    response.status,
    textOrNull(facts.error) ?? '',
    textOrNull(facts.hint)
  );
}

function toView(value: unknown): IView {
  const raw = record(value);
  return {
    shortId: text(raw.short_id),
    name: text(raw.name),
    slug: textOrNull(raw.slug),
    description: textOrNull(raw.description) ?? '',
    tags: array(raw.tags ?? []).map(text),
    owner: textOrNull(raw.owner) ?? '',
    isMine: raw.is_mine === true,
    canEdit: raw.can_edit === true,
    version: numberOrNull(raw.version) ?? 1,
    status: status(raw.status),
    statementId: textOrNull(raw.statement_id),
    staleReason: textOrNull(raw.stale_reason),
    staleSources: array(raw.stale_sources ?? []).map(text),
    computedAt: textOrNull(raw.computed_at),
    rowCount: numberOrNull(raw.row_count),
    columnCount: numberOrNull(raw.column_count),
    truncated: Boolean(raw.truncated),
    refresh: isRecord(raw.refresh) ? toRefresh(raw.refresh) : null,
    lastRefresh: isRecord(raw.last_refresh) ? toLastRefresh(raw.last_refresh) : null
  };
}

function toRefresh(raw: Json): IRefresh {
  const progress = isRecord(raw.progress) ? raw.progress : {};
  return {
    statementId: text(raw.statement_id),
    startedAt: textOrNull(raw.started_at),
    stage: textOrNull(progress.stage),
    fraction: numberOrNull(progress.fraction),
    rows: numberOrNull(progress.rows)
  };
}

function toLastRefresh(raw: Json): ILastRefresh {
  const error = isRecord(raw.error) ? raw.error : {};
  return {
    statementId: textOrNull(raw.statement_id),
    status: textOrNull(raw.status) ?? '',
    message: textOrNull(error.message),
    hint: textOrNull(error.hint),
    at: textOrNull(raw.at)
  };
}

function typeAt(types: readonly unknown[], index: number): string {
  const entry = types[index];
  return isRecord(entry) ? (textOrNull(entry.type) ?? 'string') : 'string';
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown): Json {
  if (isRecord(value)) {
    return value;
  }
  throw new UnexpectedAnswerError('The answer is not an object.');
}

function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a list.');
}

function text(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a text.');
}

function number(value: unknown): number {
  if (typeof value === 'number') {
    return value;
  }
  throw new UnexpectedAnswerError('The answer lacks a number.');
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function status(value: unknown): Status {
  const found = STATUSES.find(known => known === value);
  if (found === undefined) {
    throw new UnexpectedAnswerError('The answer has a status that this version does not know.');
  }
  return found;
}
