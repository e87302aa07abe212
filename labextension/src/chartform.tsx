/** The controls of a chart, and what can be done with it. */

import { Notification } from '@jupyterlab/apputils';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { ChartModel } from './chart';
import { choices, fieldsOf, isAlwaysStacked } from './chartrules';
import {
  AGGREGATES,
  FILES,
  MARKS,
  SORTS,
  STACKS,
  TIME_UNITS,
  type FileKind,
  type IChart
} from './charts';
import { problemOf, problemText } from './problem';

interface IFormOptions {
  model: ChartModel;
  trans: TranslationBundle;
}

export class ChartForm extends VDomRenderer<ChartModel> {
  constructor({ model, trans }: IFormOptions) {
    super(model);
    this._trans = trans;
    this.addClass('jp-ViewsChart-form');
  }

  protected override render(): ReactElement {
    const { model, _trans: trans } = this;
    const { chart, plot, problem } = model;
    return (
      <>
        {chart !== null && <Controls model={model} chart={chart} trans={trans} />}
        {chart !== null && <Deeds model={model} trans={trans} />}
        {plot?.notice && <p className="jp-ViewsChart-note">{plot.notice}</p>}
        {problem !== null && (
          <div className="jp-ViewsBanner" role="alert">
            <span>{problemText(problem, trans)}</span>
            <button type="button" className="jp-Views-textButton" onClick={() => void model.load()}>
              {trans.__('Try again')}
            </button>
          </div>
        )}
      </>
    );
  }

  private readonly _trans: TranslationBundle;
}

interface IControlsProps extends IFormOptions {
  chart: IChart;
}

function Controls({ model, chart, trans }: IControlsProps): ReactElement {
  const { columns } = model;
  const words = fieldWords(trans);
  return (
    <div className="jp-ViewsChart-controls" role="group" aria-label={trans.__('Chart')}>
      {(['mark', ...fieldsOf(chart, columns)] as const).map(field => (
        <label key={field}>
          <span>{words[field]}</span>
          <select
            className="jp-Views-select"
            value={chart[field] ?? ''}
            onChange={({ target }) => model.change({ [field]: target.value || null })}
          >
            {optionsOf(field, model, chart, trans).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  );
}

function Deeds({ model, trans }: IFormOptions): ReactElement {
  const { canSave, document, isDraft, plot } = model;
  return (
    <div className="jp-ViewsChart-deeds">
      <span className="jp-ViewsChart-state" role="status">
        {stateWords(model, trans)}
      </span>
      {isDraft && canSave && (
        <Deed name={trans.__('Save')} act={() => void model.save()} isMain={true} />
      )}
      {isDraft && <Deed name={trans.__('Discard')} act={() => model.discard()} />}
      {!isDraft && canSave && plot?.isDefault === false && (
        <Deed
          name={trans.__('Use default')}
          title={trans.__('Go back to the chart that is chosen from the columns')}
          act={() => void model.useDefault()}
        />
      )}
      <span className="jp-ViewsChart-files" role="group" aria-label={trans.__('Download')}>
        {FILES.map(kind => (
          <Deed
            key={kind}
            name={kind.toUpperCase()}
            label={trans.__('Download “%1” as %2', document.view?.name ?? '', kind.toUpperCase())}
            act={() => void download(model, kind, trans)}
          />
        ))}
      </span>
    </div>
  );
}

interface IDeedProps {
  name: string;
  title?: string;
  /** What a reader hears, where the name alone says too little. */
  label?: string;
  isMain?: boolean;
  act: () => void;
}

function Deed({ name, title, label, isMain, act }: IDeedProps): ReactElement {
  const kind = isMain ? 'jp-Views-textButton jp-mod-main' : 'jp-Views-textButton';
  return (
    <button type="button" className={kind} title={title ?? label} aria-label={label} onClick={act}>
      {name}
    </button>
  );
}

function stateWords(
  { canSave, document, isDraft, plot }: ChartModel,
  trans: TranslationBundle
): string {
  if (isDraft) {
    return canSave
      ? trans.__('Not saved')
      : trans.__(
          'Not saved: only %1 can choose the chart of this view',
          document.view?.owner ?? ''
        );
  }
  return plot?.isDefault
    ? trans.__('Default, chosen from the columns')
    : trans.__('Saved with this version');
}

/** Whether the page is dark, as the host says it. */
export function isDark(): boolean {
  return document.body.dataset.jpThemeLight === 'false';
}

async function download(
  model: ChartModel,
  kind: FileKind,
  trans: TranslationBundle
): Promise<void> {
  try {
    const { name, content } = await model.file(kind, isDark());
    const link = document.createElement('a');
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (error) {
    Notification.error(problemText(problemOf(error), trans), { autoClose: 8000 });
  }
}

type Option = readonly [string, string];

function optionsOf(
  field: keyof IChart,
  model: ChartModel,
  chart: IChart,
  trans: TranslationBundle
): readonly Option[] {
  switch (field) {
    case 'mark':
      return named(MARKS, markWords(trans));
    case 'x':
    case 'y':
    case 'color': {
      const names = choices(field, chart, model.columns).map((name): Option => [name, name]);
      return field === 'color' ? [['', trans.__('None')], ...names] : names;
    }
    case 'aggregate': {
      const all = named(AGGREGATES, aggregateWords(trans));
      return chart.mark === 'value' ? all : [['', trans.__('None')], ...all];
    }
    case 'timeUnit':
      return [['', trans.__('Automatic')], ...named(TIME_UNITS, unitWords(trans))];
    case 'stack': {
      const all = named(STACKS, stackWords(trans));
      return isAlwaysStacked(chart, model.columns) ? all : [['', trans.__('None')], ...all];
    }
    case 'sort':
      return [['', trans.__('As in the result')], ...named(SORTS, sortWords(trans))];
  }
}

function named<T extends string>(
  values: readonly T[],
  words: Readonly<Record<T, string>>
): readonly Option[] {
  return values.map((value): Option => [value, words[value]]);
}

function fieldWords(trans: TranslationBundle): Readonly<Record<keyof IChart, string>> {
  return {
    mark: trans.__('Mark'),
    x: trans.__('X'),
    y: trans.__('Y'),
    color: trans.__('Colour'),
    aggregate: trans.__('Aggregate'),
    timeUnit: trans.__('Time unit'),
    stack: trans.__('Stacking'),
    sort: trans.__('Sort')
  };
}

function markWords(trans: TranslationBundle): Readonly<Record<(typeof MARKS)[number], string>> {
  return {
    line: trans.__('Line'),
    area: trans.__('Area'),
    bar: trans.__('Bars'),
    point: trans.__('Points'),
    histogram: trans.__('Histogram'),
    value: trans.__('One number')
  };
}

function aggregateWords(
  trans: TranslationBundle
): Readonly<Record<(typeof AGGREGATES)[number], string>> {
  return {
    sum: trans.__('Sum'),
    mean: trans.__('Mean'),
    median: trans.__('Median'),
    min: trans.__('Minimum'),
    max: trans.__('Maximum'),
    count: trans.__('Count of rows'),
    distinct: trans.__('Distinct values')
  };
}

function unitWords(
  trans: TranslationBundle
): Readonly<Record<(typeof TIME_UNITS)[number], string>> {
  return {
    minute: trans.__('Minute'),
    hour: trans.__('Hour'),
    day: trans.__('Day'),
    week: trans.__('Week'),
    month: trans.__('Month'),
    quarter: trans.__('Quarter'),
    year: trans.__('Year')
  };
}

function stackWords(trans: TranslationBundle): Readonly<Record<(typeof STACKS)[number], string>> {
  return { zero: trans.__('Stacked'), normalize: trans.__('Shares of 100 %') };
}

function sortWords(trans: TranslationBundle): Readonly<Record<(typeof SORTS)[number], string>> {
  return {
    x: trans.__('X, ascending'),
    '-x': trans.__('X, descending'),
    y: trans.__('Y, ascending'),
    '-y': trans.__('Y, descending')
  };
}
