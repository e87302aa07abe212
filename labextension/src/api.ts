/** Typed calls to the server: views, their rows and their rules. */

import { asQuery, type IWanted } from './filter';
import {
  array,
  isRecord,
  number,
  numberOrNull,
  record,
  text,
  textOrNull,
  texts,
  UnexpectedAnswerError,
  type Json
} from './json';
import { RecordsApi } from './records';
import { NotOfferedError, readFrom, RefusedError, type Transport } from './transport';
import {
  STATUSES,
  type IColumn,
  type ILastRefresh,
  type IRefresh,
  type IResultWindow,
  type IRule,
  type IRuled,
  type IView,
  type IViewsApi,
  type IViewsPage,
  type Status
} from './tokens';

const PAGE = 50;

export class ViewsApi implements IViewsApi {
  constructor(readonly transport: Transport) {
    this.records = new RecordsApi(transport);
  }

  readonly records: RecordsApi;

  get serverUrl(): string {
    return this.transport.serverUrl;
  }

  async list(wanted: IWanted, cursor: string | null): Promise<IViewsPage> {
    const query: Record<string, string> = { limit: String(PAGE), ...asQuery(wanted) };
    if (cursor !== null) {
      query.cursor = cursor;
    }
    let body: Json;
    try {
      body = record(await this.transport.json('GET', ['views'], query));
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

  async get(shortId: string, from: number | null = null): Promise<IView> {
    return toView(await this.transport.json('GET', ['views', shortId], readFrom(from)));
  }

  async ruled(shortId: string): Promise<IRuled> {
    const raw = record(await this.transport.json('GET', ['views', shortId]));
    const columns = Array.isArray(raw.columns) ? raw.columns : [];
    return {
      view: toView(raw),
      rule: toRule(raw),
      columns: columns.map(column => text(record(column).name))
    };
  }

  async change(shortId: string, fields: Readonly<Record<string, unknown>>): Promise<IView> {
    return toView(await this.transport.json('PATCH', ['views', shortId], {}, fields));
  }

  async openInsight(shortId: string): Promise<IView> {
    const path = ['views', shortId, 'doors', 'insight'];
    return toView(await this.transport.json('POST', path, {}, {}));
  }

  async restore(shortId: string, version: number): Promise<IView> {
    const path = ['views', shortId, 'restore'];
    return toView(await this.transport.json('POST', path, {}, { version }));
  }

  async refresh(shortId: string, from: number | null = null): Promise<string> {
    const path = ['views', shortId, 'refresh'];
    return text(record(await this.transport.json('POST', path, readFrom(from))).id);
  }

  async cancel(statementId: string): Promise<void> {
    await this.transport.send('POST', ['v1', 'statements', statementId, 'cancel']);
  }

  async remove(shortId: string): Promise<void> {
    await this.transport.send('DELETE', ['views', shortId]);
  }

  async window(
    shortId: string,
    offset: number,
    limit: number,
    from: number | null = null
  ): Promise<IResultWindow> {
    const query = {
      ...readFrom(from),
      format: 'json',
      // JavaScript's numbers would round big integers and decimals: they come as text.
      big: 'string',
      // Opening the view asks for newer rows where its owner wants that; scrolling does not.
      mode: 'force_cache',
      offset: String(offset),
      limit: String(limit)
    };
    const body = record(await this.transport.json('GET', ['views', shortId, 'result'], query));
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
}

function toView(value: unknown): IView {
  const raw = record(value);
  return {
    shortId: text(raw.short_id),
    insightId: numberOrNull(raw.insight_id),
    hasChart: isRecord(raw.chart),
    name: text(raw.name),
    slug: textOrNull(raw.slug),
    description: textOrNull(raw.description) ?? '',
    tags: texts(raw.tags),
    folder: textOrNull(raw.folder),
    isFavourite: raw.favorited === true,
    owner: textOrNull(raw.owner) ?? '',
    isMine: raw.is_mine === true,
    canEdit: raw.can_edit === true,
    version: numberOrNull(raw.version) ?? 1,
    status: status(raw.status),
    statementId: textOrNull(raw.statement_id),
    staleReason: textOrNull(raw.stale_reason),
    staleSources: texts(raw.stale_sources),
    staleSince: textOrNull(raw.stale_since),
    isExceeded: raw.max_staleness_exceeded === true,
    autoRefresh: raw.auto_refresh === true,
    scheduleText: textOrNull(raw.schedule_text),
    nextRefreshAt: textOrNull(raw.next_refresh_at),
    method: textOrNull(raw.method),
    computedAt: textOrNull(raw.computed_at),
    rowCount: numberOrNull(raw.row_count),
    columnCount: numberOrNull(raw.column_count),
    truncated: Boolean(raw.truncated),
    refresh: isRecord(raw.refresh) ? toRefresh(raw.refresh) : null,
    lastRefresh: isRecord(raw.last_refresh) ? toLastRefresh(raw.last_refresh) : null
  };
}

function toRule(raw: Json): IRule {
  return {
    autoRefresh: raw.auto_refresh === true,
    schedule: textOrNull(raw.schedule),
    timezone: textOrNull(raw.timezone) ?? 'UTC',
    ageSeconds: numberOrNull(raw.age_seconds),
    maxStalenessSeconds: numberOrNull(raw.max_staleness_seconds),
    changedWhen: textOrNull(raw.changed_when),
    strict: raw.strict === true,
    key: Array.isArray(raw.key) ? raw.key.map(text) : null
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

function status(value: unknown): Status {
  const found = STATUSES.find(known => known === value);
  if (found === undefined) {
    throw new UnexpectedAnswerError('The answer has a status that this version does not know.');
  }
  return found;
}
