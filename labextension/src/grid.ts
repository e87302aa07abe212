/** The rows on a canvas. Loaded when the first result opens: nothing else needs the grid. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  BasicKeyHandler,
  BasicMouseHandler,
  BasicSelectionModel,
  DataGrid,
  DataModel,
  RendererMap,
  TextRenderer,
  type CellRenderer
} from '@lumino/datagrid';
import type { Message } from '@lumino/messaging';
import { Signal, type ISignal } from '@lumino/signaling';
import { PanelLayout, Widget } from '@lumino/widgets';

import { cellText, copyText, isNumeric } from './cells';
import type { ILoaded, ResultPages } from './pages';
import type { Cell } from './tokens';

const ROW_HEIGHT = 24;
const NARROWEST = 64;
const WIDEST = 320;
/** Rows whose text decides the first width of a column. */
const MEASURED_ROWS = 100;

/** The pages as the grid wants them: two header lines, name and type. */
class PagesDataModel extends DataModel {
  constructor(private _pages: ResultPages) {
    super();
    _pages.loaded.connect(this._onLoaded, this);
  }

  /** Show another result with the same columns; the grid keeps its place and its selection. */
  adopt(pages: ResultPages): void {
    const before = this._pages.totalRows;
    this._pages.loaded.disconnect(this._onLoaded, this);
    this._pages = pages;
    pages.loaded.connect(this._onLoaded, this);
    const grown = pages.totalRows - before;
    if (grown !== 0) {
      this.emitChanged({
        type: grown > 0 ? 'rows-inserted' : 'rows-removed',
        region: 'body',
        index: Math.min(before, pages.totalRows),
        span: Math.abs(grown)
      });
    }
    this._onLoaded(pages, { offset: 0, count: pages.totalRows });
  }

  rowCount(region: DataModel.RowRegion): number {
    return region === 'body' ? this._pages.totalRows : 2;
  }

  columnCount(region: DataModel.ColumnRegion): number {
    return region === 'body' ? this._pages.columns.length : 1;
  }

  data(region: DataModel.CellRegion, row: number, column: number): Cell {
    switch (region) {
      case 'body':
        return this._pages.row(row)?.[column];
      case 'column-header':
        return row === 0 ? this._pages.columns[column]?.name : this._pages.columns[column]?.type;
      case 'row-header':
        return row + 1;
      case 'corner-header':
        return '';
    }
  }

  private _onLoaded(_: ResultPages, { offset, count }: ILoaded): void {
    this.emitChanged({
      type: 'cells-changed',
      region: 'body',
      row: offset,
      column: 0,
      rowSpan: count,
      columnSpan: this._pages.columns.length
    });
  }
}

/** A grid that tells which rows it has just painted. */
class PaintedGrid extends DataGrid {
  readonly painted = new Signal<this, void>(this);

  protected override paintContent(rx: number, ry: number, rw: number, rh: number): void {
    super.paintContent(rx, ry, rw, rh);
    this.painted.emit();
  }
}

export interface IRowRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The grid with a focusable frame around it.
 *
 * The canvas says nothing to a screen reader, so it is hidden from them; the
 * frame takes the keys and an HTML table beside it holds the rows in sight.
 */
export class GridView extends Widget {
  constructor(
    private _pages: ResultPages,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-ViewsGrid');
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'group');
    this.node.setAttribute(
      'aria-label',
      _trans.__('Rows as a grid. Arrow keys move, T shows them as a table.')
    );
    const dataModel = new PagesDataModel(_pages);
    this._dataModel = dataModel;
    this._grid = new PaintedGrid({
      defaultSizes: {
        rowHeight: ROW_HEIGHT,
        columnWidth: 120,
        rowHeaderWidth: headerWidth(_pages),
        columnHeaderHeight: 20
      },
      stretchLastColumn: false
    });
    this._grid.dataModel = dataModel;
    this._grid.selectionModel = new BasicSelectionModel({ dataModel });
    this._grid.keyHandler = new BasicKeyHandler();
    this._grid.mouseHandler = new BasicMouseHandler();
    this._grid.copyConfig = {
      separator: '\t',
      headers: 'none',
      format: ({ value }) => copyText(value),
      warningThreshold: 1e6
    };
    this._grid.node.setAttribute('aria-hidden', 'true');
    this._grid.painted.connect(() => this._rangeChanged.emit(this.range));
    const layout = new PanelLayout();
    layout.addWidget(this._grid);
    this.layout = layout;
  }

  /** The rows in sight changed. */
  get rangeChanged(): ISignal<this, IRowRange> {
    return this._rangeChanged;
  }

  get range(): IRowRange {
    const seen = this._grid.currentViewport;
    const first = Math.max(0, seen?.firstRow ?? 0);
    const last = seen === undefined || seen.lastRow < 0 ? this._pages.totalRows - 1 : seen.lastRow;
    return { first, last: Math.min(last, first + 199) };
  }

  scrollToRow(row: number): void {
    this._grid.scrollTo(this._grid.scrollX, this._grid.rowOffset('body', row));
  }

  /** Show newer rows of the same columns, where the reader is; false for other columns. */
  adopt(pages: ResultPages): boolean {
    if (JSON.stringify(pages.columns) !== JSON.stringify(this._pages.columns)) {
      return false;
    }
    this._pages = pages;
    this._dataModel.adopt(pages);
    this._grid.resizeColumn('row-header', 0, headerWidth(pages));
    return true;
  }

  /** Take the colours and the font of the present theme. */
  restyle(): void {
    const style = getComputedStyle(this.node);
    const colour = (name: string): string => style.getPropertyValue(`--jp-${name}`).trim();
    this._font = `${colour('ui-font-size1')} ${colour('ui-font-family')}`;
    this._grid.style = {
      ...DataGrid.defaultStyle,
      voidColor: colour('layout-color1'),
      backgroundColor: colour('layout-color1'),
      gridLineColor: colour('border-color3'),
      headerBackgroundColor: colour('layout-color2'),
      headerGridLineColor: colour('border-color2'),
      headerHorizontalGridLineColor: 'transparent',
      rowBackgroundColor: undefined,
      selectionFillColor: translucent(colour('brand-color1')),
      selectionBorderColor: colour('brand-color1'),
      headerSelectionFillColor: translucent(colour('brand-color1')),
      headerSelectionBorderColor: colour('brand-color1'),
      cursorFillColor: 'transparent',
      cursorBorderColor: colour('brand-color1')
    };
    this._grid.cellRenderers = this._renderers(colour);
  }

  handleEvent(event: Event): void {
    if (event instanceof KeyboardEvent) {
      this._onKeyDown(event);
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.node.addEventListener('keydown', this, true);
    this.restyle();
    this._fitColumns();
  }

  protected override onBeforeDetach(msg: Message): void {
    this.node.removeEventListener('keydown', this, true);
    super.onBeforeDetach(msg);
  }

  protected override onActivateRequest(): void {
    this.node.focus();
  }

  private _onKeyDown(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'c') {
      event.preventDefault();
      event.stopPropagation();
      void this._copy();
    } else if (document.activeElement === this.node && event.key !== 'Tab') {
      this._grid.keyHandler?.onKeyDown(this._grid, event);
    }
  }

  /** Copy as TSV, after the selected rows that are still on the server have come. */
  private async _copy(): Promise<void> {
    const selection = this._grid.selectionModel?.currentSelection();
    if (!selection) {
      return;
    }
    const first = Math.min(selection.r1, selection.r2);
    const last = Math.max(selection.r1, selection.r2);
    if (await this._pages.ensure(first, last)) {
      this._grid.copyToClipboard();
    } else {
      this._refused.emit(
        this._trans.__('Too many rows to copy at once. Select fewer than 10,000, or read the file.')
      );
    }
  }

  /** Something the person asked for was not done. */
  get refused(): ISignal<this, string> {
    return this._refused;
  }

  private _renderers(colour: (name: string) => string): RendererMap {
    const dim = colour('ui-font-color2');
    const strong = colour('ui-font-color1');
    const alignment = ({ column }: CellRenderer.CellConfig): 'left' | 'right' =>
      isNumeric(this._pages.columns[column]) ? 'right' : 'left';
    return new RendererMap({
      body: new TextRenderer({
        font: this._font,
        textColor: ({ value }) => (value === null ? dim : strong),
        horizontalAlignment: alignment,
        format: ({ value }) => cellText(value)
      }),
      'column-header': new TextRenderer({
        font: ({ row }) => (row === 0 ? `bold ${this._font}` : this._font),
        textColor: ({ row }) => (row === 0 ? strong : dim),
        horizontalAlignment: alignment,
        backgroundColor: colour('layout-color2'),
        format: ({ value }) => cellText(value)
      }),
      'row-header': new TextRenderer({
        font: this._font,
        textColor: dim,
        horizontalAlignment: 'right',
        backgroundColor: colour('layout-color2'),
        format: ({ value }) => Number(value).toLocaleString()
      })
    });
  }

  private _fitColumns(): void {
    const context = document.createElement('canvas').getContext('2d');
    if (context === null) {
      return;
    }
    const rows = Math.min(MEASURED_ROWS, this._pages.totalRows);
    this._pages.columns.forEach((column, index) => {
      context.font = `bold ${this._font}`;
      let width = context.measureText(cellText(column.name)).width;
      context.font = this._font;
      width = Math.max(width, context.measureText(column.type).width);
      for (let row = 0; row < rows; row++) {
        width = Math.max(width, context.measureText(cellText(this._pages.row(row)?.[index])).width);
      }
      this._grid.resizeColumn(
        'body',
        index,
        Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(width) + 20))
      );
    });
  }

  private _font = '12px sans-serif';
  private readonly _dataModel: PagesDataModel;
  private readonly _grid: PaintedGrid;
  private readonly _rangeChanged = new Signal<this, IRowRange>(this);
  private readonly _refused = new Signal<this, string>(this);
}

/** Room for the longest row number. */
function headerWidth(pages: ResultPages): number {
  return Math.max(48, String(pages.totalRows).length * 8 + 20);
}

/** The colour at one fifth: selected cells stay readable. */
function translucent(colour: string): string {
  return `color-mix(in srgb, ${colour} 20%, transparent)`;
}
