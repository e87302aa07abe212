/** The rows as an HTML table: beside the grid for screen readers, or instead of it. */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useReducer, type ReactElement } from 'react';

import { cellText, isNumeric } from './cells';
import type { ResultPages } from './pages';
import { grouped } from './words';

/** Rows of one table page. */
export const TABLE_ROWS = 100;

export class TableView extends ReactWidget {
  constructor(
    private _pages: ResultPages,
    private readonly _name: string,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-ViewsTable');
    this.addClass('jp-Views-forReaders');
  }

  /** First row of the shown part. */
  get first(): number {
    return this._first;
  }

  /** Show newer rows, where the reader is. */
  adopt(pages: ResultPages): void {
    this._pages = pages;
    const last = Math.max(0, pages.totalRows - 1);
    this._first = Math.min(this._first, Math.floor(last / TABLE_ROWS) * TABLE_ROWS);
    this.update();
  }

  /** Show other rows; the pager is there only when the table stands alone. */
  present(first: number, count: number, isAlone: boolean): void {
    this._first = first;
    this._count = count;
    this._isAlone = isAlone;
    this.toggleClass('jp-Views-forReaders', !isAlone);
    this.update();
  }

  protected override render(): ReactElement {
    return (
      <ResultTable
        pages={this._pages}
        name={this._name}
        trans={this._trans}
        first={this._first}
        count={this._count}
        isAlone={this._isAlone}
        hasPager={this._isAlone}
        go={first => this.present(first, TABLE_ROWS, true)}
      />
    );
  }

  private _first = 0;
  private _count = TABLE_ROWS;
  private _isAlone = false;
}

interface ITableProps {
  /** Reached by the keyboard; beside the grid the table is for screen readers alone. */
  isAlone: boolean;
  hasPager: boolean;
  pages: ResultPages;
  name: string;
  trans: TranslationBundle;
  first: number;
  count: number;
  go: (first: number) => void;
}

export function ResultTable(props: ITableProps): ReactElement {
  const { pages, name, trans, first, count, isAlone, hasPager, go } = props;
  const [, render] = useReducer((times: number) => times + 1, 0);
  useEffect(() => {
    pages.loaded.connect(render);
    return () => {
      pages.loaded.disconnect(render);
    };
  }, [pages]);
  const end = Math.min(first + count, pages.totalRows);
  const span =
    end === first
      ? trans.__('No rows')
      : trans.__('Rows %1 to %2 of %3', grouped(first + 1), grouped(end), grouped(pages.totalRows));
  return (
    <>
      {hasPager && (
        <Pager first={first} total={pages.totalRows} span={span} trans={trans} go={go} />
      )}
      <div
        className="jp-ViewsTable-scroll"
        tabIndex={isAlone ? 0 : -1}
        role="group"
        aria-label={name}
      >
        <table>
          <caption>{`${name}. ${span}`}</caption>
          <thead>
            <tr>
              <th scope="col">{trans.__('Row')}</th>
              {pages.columns.map((column, index) => (
                <th key={`${index}:${column.name}`} scope="col" data-numeric={isNumeric(column)}>
                  {cellText(column.name)} <span className="jp-ViewsTable-type">{column.type}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: end - first }, (_, step) => (
              <TableRow key={first + step} pages={pages} row={first + step} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function TableRow({ pages, row }: { pages: ResultPages; row: number }): ReactElement {
  const cells = pages.row(row);
  return (
    <tr>
      <th scope="row">{grouped(row + 1)}</th>
      {pages.columns.map((column, index) => (
        <td
          key={`${index}:${column.name}`}
          data-numeric={isNumeric(column)}
          data-null={cells?.[index] === null}
        >
          {cellText(cells?.[index])}
        </td>
      ))}
    </tr>
  );
}

interface IPagerProps {
  first: number;
  total: number;
  span: string;
  trans: TranslationBundle;
  go: (first: number) => void;
}

function Pager({ first, total, span, trans, go }: IPagerProps): ReactElement {
  const last = Math.max(0, Math.floor((total - 1) / TABLE_ROWS) * TABLE_ROWS);
  const step = (label: string, to: number, enabled: boolean): ReactElement => (
    <button type="button" aria-disabled={!enabled} onClick={() => enabled && go(to)}>
      {label}
    </button>
  );
  return (
    <div className="jp-ViewsTable-pager" role="group" aria-label={trans.__('Pages')}>
      {step(trans.__('First'), 0, first > 0)}
      {step(trans.__('Previous'), Math.max(0, first - TABLE_ROWS), first > 0)}
      <span role="status">{span}</span>
      {step(trans.__('Next'), first + TABLE_ROWS, first + TABLE_ROWS < total)}
      {step(trans.__('Last'), last, first < last)}
    </div>
  );
}
