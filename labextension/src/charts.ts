/** Charts as the server tells them: eight words, and what comes of them. */

import { isRecord, record, text, textOrNull, type Json } from './json';
import { readFrom, type Transport } from './transport';

export const MARKS = ['line', 'area', 'bar', 'point', 'histogram', 'value'] as const;
export type Mark = (typeof MARKS)[number];

/** What becomes of the rows of one place. */
export const AGGREGATES = ['sum', 'mean', 'median', 'min', 'max', 'count', 'distinct'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

export const TIME_UNITS = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;

export const STACKS = ['zero', 'normalize'] as const;

export const SORTS = ['x', '-x', 'y', '-y'] as const;

/** How rows are drawn; the names of columns are its only free text. */
export interface IChart {
  readonly mark: Mark;
  readonly x: string | null;
  readonly y: string | null;
  readonly color: string | null;
  readonly aggregate: Aggregate | null;
  readonly timeUnit: string | null;
  readonly stack: string | null;
  readonly sort: string | null;
}

/** A chart with its marks. */
export interface IPlot {
  /** Null where there is nothing to draw. */
  readonly chart: IChart | null;
  readonly isDefault: boolean;
  /** Vega-Lite v5 with its values inside. */
  readonly spec: Json;
  readonly summary: string;
  /** Of the values: what each field is called, in the order in which they are read. */
  readonly fields: ReadonlyMap<string, string>;
  readonly values: readonly Json[];
  /** Why it is not the chosen chart, where it is not. */
  readonly notice: string | null;
}

export const FILES = ['svg', 'png', 'csv'] as const;
export type FileKind = (typeof FILES)[number];

export interface IFile {
  readonly name: string;
  readonly content: Blob;
}

const WIRE: Readonly<Record<keyof IChart, string>> = {
  mark: 'mark',
  x: 'x',
  y: 'y',
  color: 'color',
  aggregate: 'aggregate',
  timeUnit: 'time_unit',
  stack: 'stack',
  sort: 'sort'
};

export class ChartsApi {
  constructor(private readonly _transport: Transport) {}

  /** The chart of a view, or another one of its rows; `from` a dashboard with its values. */
  async plot(id: string, asked: IChart | null, from: number | null): Promise<IPlot> {
    const path = ['views', id, 'chart'];
    const query = { ...queryOf(asked), ...readFrom(from) };
    return toPlot(await this._transport.json('GET', path, query));
  }

  /** Choose the chart of the current version, or null for the one that suits best. */
  async choose(id: string, chart: IChart | null): Promise<IPlot> {
    const path = ['views', id, 'chart'];
    const body = { chart: chart === null ? null : wordsOf(chart) };
    return toPlot(await this._transport.json('PUT', path, {}, body));
  }

  async file(id: string, kind: FileKind, asked: IChart | null, isDark: boolean): Promise<IFile> {
    const query = queryOf(asked);
    query.download = 'true';
    if (kind !== 'csv') {
      query.theme = isDark ? 'dark' : 'light';
    }
    const response = await this._transport.send('GET', ['views', id, `chart.${kind}`], query);
    const named = /filename="([\w.-]+)"/.exec(response.headers.get('Content-Disposition') ?? '');
    return { name: named?.[1] ?? `chart.${kind}`, content: await response.blob() };
  }
}

function wordsOf(chart: IChart): Record<string, string | null> {
  const fields = Object.entries(WIRE) as [keyof IChart, string][];
  return Object.fromEntries(fields.map(([name, word]) => [word, chart[name]]));
}

function queryOf(chart: IChart | null): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [word, value] of Object.entries(chart === null ? {} : wordsOf(chart))) {
    if (value !== null) {
      query[word] = value;
    }
  }
  return query;
}

function toPlot(value: unknown): IPlot {
  const raw = record(value);
  const spec = record(raw.spec);
  const inline = isRecord(spec.data) ? spec.data.values : [];
  return {
    chart: isRecord(raw.chart) ? toChart(raw.chart) : null,
    isDefault: raw.is_default === true,
    spec,
    summary: text(raw.summary),
    fields: new Map(Object.entries(record(raw.fields)).map(([field, name]) => [field, text(name)])),
    values: Array.isArray(inline) ? inline.map(record) : [],
    notice: textOrNull(raw.notice)
  };
}

function toChart(raw: Json): IChart {
  return {
    mark: MARKS.find(mark => mark === raw.mark) ?? 'line',
    x: textOrNull(raw.x),
    y: textOrNull(raw.y),
    color: textOrNull(raw.color),
    aggregate: AGGREGATES.find(one => one === raw.aggregate) ?? null,
    timeUnit: textOrNull(raw.time_unit),
    stack: textOrNull(raw.stack),
    sort: textOrNull(raw.sort)
  };
}
