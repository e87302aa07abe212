/** The rows of a result tab: the grid, and the table that says the same in HTML. */

import { Notification, type IThemeManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { MessageLoop, type Message } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import { Panel, Widget } from '@lumino/widgets';

import type { DocumentModel } from './document';
import type { GridView } from './grid';
import type { ResultPages } from './pages';
import { TABLE_ROWS, TableView } from './table';

interface IRowsOptions {
  document: DocumentModel;
  trans: TranslationBundle;
  themes: IThemeManager | null;
}

export class RowsPanel extends Panel {
  constructor(private readonly _options: IRowsOptions) {
    super();
    this._document = _options.document;
    this.addClass('jp-ViewsResultBody');
    this.node.tabIndex = -1;
    // The head grows and shrinks with its notes; nobody else tells the grid.
    this._observer = new ResizeObserver(() => {
      if (this._grid) {
        MessageLoop.sendMessage(this._grid, Widget.ResizeMessage.UnknownSize);
      }
    });
    this._mirror = new Debouncer(() => this._mirrorGrid(), 150);
    this._document.stateChanged.connect(this._update, this);
    _options.themes?.themeChanged.connect(this._restyle, this);
  }

  override dispose(): void {
    this._mirror.dispose();
    this._observer.disconnect();
    this._document.stateChanged.disconnect(this._update, this);
    this._options.themes?.themeChanged.disconnect(this._restyle, this);
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._observer.observe(this.node);
  }

  protected override onActivateRequest(): void {
    this._isAwaited = this._grid === null;
    if (this._document.asTable) {
      this._table?.node.querySelector<HTMLElement>('.jp-ViewsTable-scroll')?.focus();
    } else {
      (this._grid ?? this).node.focus();
    }
  }

  private _update(): void {
    const pages = this._document.pages;
    if (pages !== null && pages !== this._pages) {
      this._pages = pages;
      void this._show(pages);
    } else {
      this._arrange();
    }
  }

  private async _show(pages: ResultPages): Promise<void> {
    if (this._grid !== null && pages.totalRows > 0) {
      // The rows in sight come first: a refresh must not blink.
      const { first, last } = this._grid.range;
      const end = pages.totalRows - 1;
      await pages.ensure(Math.min(first, end), Math.min(Math.max(first, last), end));
    }
    const { GridView } = await import('./grid');
    if (this.isDisposed || pages !== this._pages) {
      return;
    }
    if (this._grid?.adopt(pages)) {
      this._table?.adopt(pages);
      this._mirrorGrid();
    } else {
      this._replace(new GridView(pages, this._options.trans), pages);
    }
    this._arrange();
  }

  private _replace(grid: GridView, pages: ResultPages): void {
    const hadFocus = this._mayTakeFocus();
    this._grid?.dispose();
    this._table?.dispose();
    this._grid = grid;
    this._table = new TableView(pages, this._document.view?.name ?? '', this._options.trans);
    this.addWidget(grid);
    this.addWidget(this._table);
    grid.rangeChanged.connect(() => void this._mirror.invoke().catch(() => undefined));
    grid.refused.connect((_, text) => Notification.warning(text, { autoClose: 6000 }));
    this._arrange();
    if (hadFocus) {
      this.activate();
    }
  }

  /** Whether new rows get the focus: they replace focused ones, or somebody opened the tab for them. */
  private _mayTakeFocus(): boolean {
    const active = document.activeElement;
    if (this.node.contains(active) || active === this.parent?.node) {
      return true;
    }
    const isIdle = active === null || active === document.body;
    return this._isAwaited && isIdle && this.isVisible;
  }

  private _arrange(): void {
    const { _grid: grid, _table: table } = this;
    if (!grid || !table) {
      return;
    }
    const asTable = this._document.asTable;
    if (asTable === grid.isHidden) {
      return;
    }
    grid.setHidden(asTable);
    if (asTable) {
      const page = Math.floor(grid.range.first / TABLE_ROWS) * TABLE_ROWS;
      table.present(page, TABLE_ROWS, true);
    } else {
      grid.scrollToRow(table.first);
      this._mirrorGrid();
    }
  }

  private _mirrorGrid(): void {
    if (this._grid && this._table && !this._grid.isHidden) {
      const { first, last } = this._grid.range;
      this._table.present(first, last - first + 1, false);
    }
  }

  private _restyle(): void {
    this._grid?.restyle();
  }

  private readonly _document: DocumentModel;
  /** Activated before there were rows. */
  private _isAwaited = false;
  private _pages: ResultPages | null = null;
  private _grid: GridView | null = null;
  private _table: TableView | null = null;
  private readonly _mirror: Debouncer<void>;
  private readonly _observer: ResizeObserver;
}
