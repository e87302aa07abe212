/** A view's rows in a tab of the main area. */

import { MainAreaWidget, Notification, type IThemeManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { MessageLoop, type Message } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import { Panel, SplitPanel, Widget } from '@lumino/widgets';

import { DocumentModel } from './document';
import type { GridView } from './grid';
import { ResultHeader } from './header';
import { viewsIcon } from './icons';
import type { ViewsModel } from './model';
import type { ResultPages } from './pages';
import { TABLE_ROWS, TableView } from './table';
import { middleCut } from './words';

export interface IResultOptions {
  id: string;
  model: ViewsModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
  themes: IThemeManager | null;
}

export class ResultDocument extends MainAreaWidget<Panel> {
  constructor(options: IResultOptions) {
    const document = new DocumentModel(options.model, options.id);
    const body = new ResultBody(document, options);
    const content = new Panel();
    content.addClass('jp-ViewsResultContent');
    content.addWidget(
      new ResultHeader({ document, commands: options.commands, trans: options.trans })
    );
    content.addWidget(body);
    // MainAreaWidget hands the focus to its content, and that to the rows.
    content.node.tabIndex = -1;
    super({ content });
    this._body = body;
    this.shortId = options.id;
    this._document = document;
    this.id = `jupyter-views-result-${options.id}`;
    this.addClass('jp-ViewsResult');
    this.title.icon = viewsIcon;
    this.title.closable = true;
    this.title.label = options.trans.__('View');
    this.toolbar.hide();
    document.stateChanged.connect(() => this._nameTab());
    this._nameTab();
  }

  readonly shortId: string;

  override dispose(): void {
    this._document.dispose();
    super.dispose();
  }

  /** Share the height with what is above: the lower area of Notebook 7 starts closed. */
  makeRoom(): void {
    let around = this.parent;
    while (around && !(around instanceof SplitPanel)) {
      around = around.parent;
    }
    around?.setRelativeSizes(around.widgets.map(() => 1));
  }

  handleEvent(event: Event): void {
    if (event instanceof KeyboardEvent && isPlainT(event)) {
      event.preventDefault();
      this._document.asTable = !this._document.asTable;
      this._body.activate();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.node.addEventListener('keydown', this);
    this._document.isVisible = this.isVisible;
  }

  protected override onBeforeDetach(msg: Message): void {
    this.node.removeEventListener('keydown', this);
    super.onBeforeDetach(msg);
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._document.isVisible = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._document.isVisible = false;
  }

  private _nameTab(): void {
    const name = this._document.view?.name;
    if (name !== undefined) {
      this.title.label = middleCut(name, 22);
      this.title.caption = name;
    }
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._body.activate();
  }

  private readonly _document: DocumentModel;
  private readonly _body: ResultBody;
}

/** The grid, and the table that says the same in HTML. */
class ResultBody extends Panel {
  constructor(
    private readonly _document: DocumentModel,
    private readonly _options: IResultOptions
  ) {
    super();
    this.addClass('jp-ViewsResultBody');
    this.node.tabIndex = -1;
    // The head grows and shrinks with its notes; nobody else tells the grid.
    this._observer = new ResizeObserver(() => {
      if (this._grid) {
        MessageLoop.sendMessage(this._grid, Widget.ResizeMessage.UnknownSize);
      }
    });
    this._mirror = new Debouncer(() => this._mirrorGrid(), 150);
    _document.stateChanged.connect(this._update, this);
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
      void this._build(pages);
    } else {
      this._arrange();
    }
  }

  private async _build(pages: ResultPages): Promise<void> {
    const { GridView } = await import('./grid');
    if (this.isDisposed || pages !== this._pages) {
      return;
    }
    const hadFocus = this._mayTakeFocus();
    const before = this._grid?.range.first ?? 0;
    this._grid?.dispose();
    this._table?.dispose();
    const grid = new GridView(pages, this._options.trans);
    this._grid = grid;
    this._table = new TableView(pages, this._document.view?.name ?? '', this._options.trans);
    this.addWidget(grid);
    this.addWidget(this._table);
    grid.rangeChanged.connect(() => void this._mirror.invoke().catch(() => undefined));
    grid.refused.connect((_, text) => Notification.warning(text, { autoClose: 6000 }));
    if (before > 0) {
      // New rows, same place: a refresh must not send the reader back to the top.
      requestAnimationFrame(() => grid.scrollToRow(Math.min(before, pages.totalRows - 1)));
    }
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

  /** Activated before there were rows. */
  private _isAwaited = false;
  private _pages: ResultPages | null = null;
  private _grid: GridView | null = null;
  private _table: TableView | null = null;
  private readonly _mirror: Debouncer<void>;
  private readonly _observer: ResizeObserver;
}

function isPlainT(event: KeyboardEvent): boolean {
  const inField = event.target instanceof HTMLInputElement;
  return (
    event.key.toLowerCase() === 't' && !inField && !event.ctrlKey && !event.metaKey && !event.altKey
  );
}
