/** Two results beside each other: counts first, then the rows that differ, with their cells marked. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useReducer, useState, type ReactElement } from 'react';

import { cellText, isNumeric } from './cells';
import type { Comparing } from './comparing';
import { ColumnsField } from './fields';
import { signs } from './pastwords';
import type { ICompared, IDifference, IPastRefresh, IRowDifference } from './records';
import { PastProblem } from './states';
import type { IColumn } from './tokens';
import { changesWords, grouped, moment, rowsWord } from './words';

interface IComparisonProps {
  comparing: Comparing;
  /** What can be chosen to compare, newest first. */
  comparable: readonly IPastRefresh[];
  trans: TranslationBundle;
}

export function Comparison({ comparing, comparable, trans }: IComparisonProps): ReactElement {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    comparing.stateChanged.connect(render);
    return () => {
      comparing.stateChanged.disconnect(render);
    };
  }, [comparing]);
  const { difference, problem, isReading } = comparing;
  return (
    <div className="jp-ViewsCompare" aria-busy={isReading}>
      {problem !== null && (
        <PastProblem problem={problem} trans={trans} retry={() => comparing.choose({})} />
      )}
      {difference !== null && (
        <>
          <Choice
            difference={difference}
            comparing={comparing}
            comparable={comparable}
            trans={trans}
          />
          <Counts difference={difference} trans={trans} />
          <DifferentRows difference={difference} rows={comparing.rows} trans={trans} />
          {comparing.hasMore && (
            <button
              type="button"
              className="jp-Views-textButton"
              onClick={() => void comparing.loadMore()}
            >
              {trans.__('Show more rows')}
            </button>
          )}
        </>
      )}
    </div>
  );
}

interface IDifferenceProps {
  difference: IDifference;
  trans: TranslationBundle;
}

function Choice({
  difference,
  comparing,
  comparable,
  trans
}: IDifferenceProps & IComparisonProps): ReactElement {
  const [isKeyOpen, setKeyOpen] = useState(false);
  return (
    <>
      <div className="jp-ViewsCompare-choice">
        <ResultPicker
          label={trans.__('Before')}
          chosen={difference.before}
          comparable={comparable}
          trans={trans}
          choose={before => comparing.choose({ before, after: difference.after.id })}
        />
        <ResultPicker
          label={trans.__('After')}
          chosen={difference.after}
          comparable={comparable}
          trans={trans}
          choose={after => comparing.choose({ before: difference.before.id, after })}
        />
        <span>{keyWords(difference, trans)}</span>
        <button
          type="button"
          className="jp-Views-textButton"
          aria-expanded={isKeyOpen}
          onClick={() => setKeyOpen(!isKeyOpen)}
        >
          {trans.__('Change key')}
        </button>
      </div>
      {isKeyOpen && (
        <KeyPicker
          difference={difference}
          trans={trans}
          choose={key => {
            setKeyOpen(false);
            comparing.choose({ key });
          }}
        />
      )}
    </>
  );
}

function keyWords({ key, isKeyGuessed }: IDifference, trans: TranslationBundle): string {
  if (key.length === 0) {
    return trans.__('No column identifies a row: whole rows are compared.');
  }
  return isKeyGuessed
    ? trans.__('Matched by %1 (guessed)', key.join(', '))
    : trans.__('Matched by %1', key.join(', '));
}

interface IResultPickerProps {
  label: string;
  chosen: ICompared;
  comparable: readonly IPastRefresh[];
  trans: TranslationBundle;
  choose: (id: string) => void;
}

function ResultPicker(props: IResultPickerProps): ReactElement {
  const { label, chosen, comparable, trans, choose } = props;
  const listed = comparable.map(({ id, at, rows }) => ({ id, at, rows: rows ?? 0 }));
  // The server may have chosen one that is not loaded yet.
  const all = listed.some(({ id }) => id === chosen.id) ? listed : [...listed, chosen];
  return (
    <label>
      {label}
      <select
        className="jp-Views-select"
        value={chosen.id}
        onChange={({ target }) => choose(target.value)}
      >
        {all.map(({ id, at, rows }) => (
          <option key={id} value={id}>
            {trans.__('%1, %2', moment(at), rowsWord(rows, trans))}
          </option>
        ))}
      </select>
    </label>
  );
}

interface IKeyPickerProps extends IDifferenceProps {
  choose: (key: readonly string[] | null) => void;
}

function KeyPicker({ difference, trans, choose }: IKeyPickerProps): ReactElement {
  const [chosen, setChosen] = useState<readonly string[]>(difference.key);
  return (
    <div className="jp-ViewsCompare-key">
      <ColumnsField
        legend={trans.__('What identifies a row')}
        hint={trans.__('None chosen: guessed.')}
        error={null}
        columns={difference.columns.map(({ name }) => name)}
        chosen={chosen}
        change={setChosen}
      />
      <button
        type="button"
        className="jp-Views-textButton"
        onClick={() => choose(chosen.length > 0 ? chosen : null)}
      >
        {trans.__('Compare')}
      </button>
    </div>
  );
}

function Counts({ difference, trans }: IDifferenceProps): ReactElement {
  const columns = [
    [trans.__('New columns: %1', difference.columnsAdded.join(', ')), difference.columnsAdded],
    [trans.__('Columns gone: %1', difference.columnsRemoved.join(', ')), difference.columnsRemoved],
    [
      trans.__('Columns of another type: %1', difference.columnsChanged.join(', ')),
      difference.columnsChanged
    ]
  ] as const;
  return (
    <p className="jp-ViewsCompare-counts" role="status">
      {[
        changesWords(difference.changes, trans),
        ...(difference.before.isTruncated || difference.after.isTruncated
          ? [trans.__('Only stored rows are compared: a result is truncated')]
          : []),
        ...columns.filter(([, names]) => names.length > 0).map(([words]) => words)
      ].join('. ')}
    </p>
  );
}

function DifferentRows({
  difference,
  rows,
  trans
}: IDifferenceProps & { rows: readonly IRowDifference[] }): ReactElement | null {
  if (rows.length === 0) {
    return null;
  }
  const total = signs(difference.changes).reduce((sum, sign) => sum + sign.count, 0);
  return (
    <div
      className="jp-ViewsTable-scroll"
      tabIndex={0}
      role="group"
      aria-label={trans.__('Rows that differ')}
    >
      <table className="jp-ViewsDiffTable">
        <caption>
          {trans.__('%1 of %2 rows that differ', grouped(rows.length), grouped(total))}
        </caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Change')}</th>
            {difference.columns.map(({ name }, index) => (
              <th key={`${index}:${name}`} scope="col" data-key={difference.key.includes(name)}>
                {cellText(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <DifferentRow
              key={`${index}:${row.change}`}
              row={row}
              columns={difference.columns}
              trans={trans}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface IDifferentRowProps {
  row: IRowDifference;
  columns: readonly IColumn[];
  trans: TranslationBundle;
}

function DifferentRow({ row, columns, trans }: IDifferentRowProps): ReactElement {
  const cells = row.after ?? row.before ?? [];
  const words = {
    added: trans.__('+ added'),
    removed: trans.__('− removed'),
    changed: trans.__('~ changed')
  };
  return (
    <tr data-change={row.change}>
      <th scope="row">{words[row.change]}</th>
      {columns.map((column, index) => {
        const cell = cells[index];
        const before = row.before?.[index];
        const isMoved = row.change === 'changed' && !isSame(before, cell);
        return (
          <td
            key={`${index}:${column.name}`}
            data-moved={isMoved}
            data-numeric={isNumeric(column)}
            data-null={cell === null}
          >
            {isMoved ? (
              <>
                <del>{cellText(before)}</del> <ins>{cellText(cell)}</ins>
              </>
            ) : (
              cellText(cell)
            )}
          </td>
        );
      })}
    </tr>
  );
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
