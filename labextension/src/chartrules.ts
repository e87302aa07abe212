/** Which columns a chart can be made of, and how a choice fits the others. Knows no DOM. */

import type { IChart, Mark } from './charts';
import type { IColumn } from './tokens';

type Kind = 'number' | 'time' | 'category';

const KINDS: Readonly<Record<string, Kind>> = {
  integer: 'number',
  decimal: 'number',
  double: 'number',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
  string: 'category',
  boolean: 'category',
  time: 'category'
};
const ANY: readonly Kind[] = ['number', 'time', 'category'];
const NUMBERS: readonly Kind[] = ['number'];
const PLACES: readonly Kind[] = ['number', 'time'];
const NOTHING = {
  x: null,
  y: null,
  color: null,
  aggregate: null,
  timeUnit: null,
  stack: null,
  sort: null
} as const;

/** Columns that can be drawn, each name once: of repeated ones the first is meant. */
export class Drawable {
  constructor(columns: readonly IColumn[]) {
    for (const { name, type } of columns) {
      const kind = KINDS[type];
      if (kind !== undefined && !this._kinds.has(name)) {
        this._kinds.set(name, kind);
      }
    }
  }

  kind(name: string | null): Kind | null {
    return name === null ? null : (this._kinds.get(name) ?? null);
  }

  names(kinds: readonly Kind[]): readonly string[] {
    return [...this._kinds].filter(([, kind]) => kinds.includes(kind)).map(([name]) => name);
  }

  /** The first of the wished columns that is of such a kind, else the first that there is. */
  pick(kinds: readonly Kind[], ...wished: readonly (string | null)[]): string | null {
    const names = this.names(kinds);
    return wished.find(name => name !== null && names.includes(name)) ?? names[0] ?? null;
  }

  private readonly _kinds = new Map<string, Kind>();
}

/** The columns that may stand in a field of a chart. */
export function choices(
  field: 'x' | 'y' | 'color',
  chart: IChart,
  columns: Drawable
): readonly string[] {
  if (field === 'color') {
    return columns.names(ANY);
  }
  if (chart.mark === 'point') {
    return columns.names(PLACES);
  }
  if (field === 'x') {
    return columns.names(chart.mark === 'histogram' ? NUMBERS : ANY);
  }
  return columns.names(chart.aggregate === 'distinct' ? ANY : NUMBERS);
}

/** The fields that a chart has, in the order in which they are asked for. */
export function fieldsOf(chart: IChart, columns: Drawable): readonly (keyof IChart)[] {
  if (chart.mark === 'histogram') {
    return ['x'];
  }
  if (chart.mark === 'point') {
    return ['x', 'y', 'color'];
  }
  const y: readonly (keyof IChart)[] = chart.aggregate === 'count' ? [] : ['y'];
  if (chart.mark === 'value') {
    return ['aggregate', ...y];
  }
  const fields: (keyof IChart)[] = ['x', 'aggregate', ...y, 'color'];
  if (columns.kind(chart.x) === 'time' && chart.aggregate !== null) {
    fields.push('timeUnit');
  }
  if (isStackable(chart.mark) && chart.color !== null) {
    fields.push('stack');
  }
  if (isDiscrete(chart, columns)) {
    fields.push('sort');
  }
  return fields;
}

/** The chart after a person changed a part of it: what no longer fits is dropped or replaced. */
export function changed(chart: IChart, part: Partial<IChart>, columns: Drawable): IChart {
  const next = { ...chart, ...part };
  const isNewlySplit = part.color !== undefined && chart.color === null;
  if ((isNewlySplit || !isStackable(chart.mark)) && isStackable(next.mark)) {
    next.stack = 'zero';
  }
  return fitted(next, columns);
}

function fitted(chart: IChart, columns: Drawable): IChart {
  const { mark } = chart;
  if (mark === 'histogram') {
    return { ...NOTHING, mark, x: columns.pick(NUMBERS, chart.x, chart.y) };
  }
  if (mark === 'point') {
    const x = columns.pick(PLACES, chart.x);
    const others = columns.names(PLACES).filter(name => name !== x);
    const y = columns.pick(PLACES, chart.y, others[0] ?? null);
    return { ...NOTHING, mark, x, y, color: chart.color };
  }
  const measured = withMeasure(chart, columns);
  if (mark === 'value') {
    return { ...NOTHING, mark, aggregate: measured.aggregate ?? 'sum', y: measured.y };
  }
  const x = columns.pick(ANY, chart.x, ...columns.names(['time']), ...columns.names(['category']));
  const next = { ...measured, x };
  const hasUnit = columns.kind(x) === 'time' && next.aggregate !== null;
  return {
    ...next,
    timeUnit: hasUnit ? next.timeUnit : null,
    stack: isStackable(mark) && next.color !== null ? next.stack : null,
    sort: isDiscrete(next, columns) ? next.sort : null
  };
}

/** What is measured: the rows where there is no number. */
function withMeasure(chart: IChart, columns: Drawable): IChart {
  if (chart.aggregate === 'count') {
    return { ...chart, y: null };
  }
  const kinds = chart.aggregate === 'distinct' ? ANY : NUMBERS;
  const y = columns.pick(kinds, chart.y, chart.x);
  return y === null ? { ...chart, aggregate: 'count', y } : { ...chart, y };
}

/** Bars over a time have its width, so that there is no room beside them. */
export function isAlwaysStacked(chart: IChart, columns: Drawable): boolean {
  return chart.mark === 'bar' && columns.kind(chart.x) === 'time';
}

function isStackable(mark: Mark): boolean {
  return mark === 'bar' || mark === 'area';
}

function isDiscrete(chart: IChart, columns: Drawable): boolean {
  const kind = columns.kind(chart.x);
  return kind === 'category' || (kind === 'number' && chart.mark === 'bar');
}
