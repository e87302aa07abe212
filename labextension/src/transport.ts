/** Requests to the server's views, and what can go wrong with them. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { isRecord, textOrNull, UnexpectedAnswerError } from './json';

/** The server answered, and said no. */
export class RefusedError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly hint: string | null,
    /** The field of the request that is wrong, where one is. */
    readonly field: string | null
  ) {
    super(message);
  }
}

/** The server answers, but has no such address: the server extension is off. */
export class NotOfferedError extends Error {}

/** Nothing answered. */
export class OfflineError extends Error {}

type Query = Readonly<Record<string, string>>;

export class Transport {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  get serverUrl(): string {
    return this._settings.baseUrl;
  }

  /** The JSON that an address below `views/api` answers with. */
  async json(
    method: string,
    path: readonly string[],
    query: Query = {},
    body?: unknown
  ): Promise<unknown> {
    const response = await this.send(method, path, query, body);
    try {
      return await response.json();
    } catch {
      throw new UnexpectedAnswerError('The answer is not JSON.');
    }
  }

  async send(
    method: string,
    path: readonly string[],
    query: Query = {},
    body?: unknown,
    headers: Readonly<Record<string, string>> = {}
  ): Promise<Response> {
    // An open sidebar alone must not keep an idle server alive.
    const search = new URLSearchParams({ ...query, no_track_activity: '1' });
    const address = URLExt.join(
      this._settings.baseUrl,
      'views',
      'api',
      ...path.map(encodeURIComponent)
    );
    const init =
      body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(`${address}?${search}`, init, this._settings);
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
  const details = isRecord(facts.details) ? facts.details : {};
  // Below a project the words are `detail`, `code` and `attr`.
  return new RefusedError(
    textOrNull(facts.message) ??
      textOrNull(facts.detail) ??
      `${response.status} ${response.statusText}`,
    response.status,
    textOrNull(facts.error) ?? textOrNull(facts.code) ?? '',
    textOrNull(facts.hint),
    textOrNull(details.field) ?? textOrNull(facts.attr)
  );
}

/** The parameter that reads a view with the values of a dashboard. */
export function readFrom(dashboard: number | null): Readonly<Record<string, string>> {
  return dashboard === null ? {} : { from_dashboard: String(dashboard) };
}
