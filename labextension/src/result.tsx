/** A view in a tab of the main area: its head, its rows, its past. */

import { MainAreaWidget, type IThemeManager } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Panel, SplitPanel, type Widget } from '@lumino/widgets';

import { DocumentModel } from './document';
import { ResultHeader } from './header';
import { viewsIcon } from './icons';
import type { ViewsModel } from './model';
import { RowsPanel } from './rows';
import { panelId, tabId, tabOfKey } from './tabs';
import { TABS, type Tab } from './tokens';
import { middleCut } from './words';

export interface IResultOptions {
  id: string;
  tab: Tab;
  model: ViewsModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
  themes: IThemeManager | null;
  rendermime: IRenderMimeRegistry | null;
}

export class ResultDocument extends MainAreaWidget<Panel> {
  constructor(private readonly _options: IResultOptions) {
    const document = new DocumentModel(_options.model, _options.id, _options.tab);
    const content = new Panel();
    content.addClass('jp-ViewsResultContent');
    content.addWidget(
      new ResultHeader({ document, commands: _options.commands, trans: _options.trans })
    );
    // MainAreaWidget hands the focus to its content, and that to the part in front.
    content.node.tabIndex = -1;
    super({ content });
    this.shortId = _options.id;
    this.document = document;
    this._parts = {
      table: new RowsPanel({ document, trans: _options.trans, themes: _options.themes }),
      chart: new Panel(),
      history: new Panel(),
      activity: new Panel(),
      log: new Panel(),
      api: new Panel()
    };
    for (const tab of TABS) {
      const part = this._parts[tab];
      part.id = panelId(this.shortId, tab);
      part.addClass('jp-ViewsPart');
      part.node.setAttribute('role', 'tabpanel');
      part.node.setAttribute('aria-labelledby', tabId(this.shortId, tab));
      content.addWidget(part);
    }
    this.id = `jupyter-views-result-${_options.id}`;
    this.addClass('jp-ViewsResult');
    this.title.icon = viewsIcon;
    this.title.closable = true;
    this.title.label = _options.trans.__('View');
    this.toolbar.hide();
    document.stateChanged.connect(() => this._update());
    this._update();
  }

  readonly shortId: string;
  readonly document: DocumentModel;

  override dispose(): void {
    this.document.dispose();
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
    if (!(event instanceof KeyboardEvent)) {
      return;
    }
    const tab = tabOfKey(event);
    if (tab !== undefined) {
      event.preventDefault();
      this.document.tab = tab;
      this._focusPart();
    } else if (isPlainT(event) && this.document.tab === 'table') {
      event.preventDefault();
      this.document.asTable = !this.document.asTable;
      this._parts.table.activate();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.node.addEventListener('keydown', this);
    this.document.isVisible = this.isVisible;
  }

  protected override onBeforeDetach(msg: Message): void {
    this.node.removeEventListener('keydown', this);
    super.onBeforeDetach(msg);
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.document.isVisible = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.document.isVisible = false;
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._focusPart();
  }

  private _focusPart(): void {
    const part = this._parts[this.document.tab];
    const front = part instanceof RowsPanel ? part : part.widgets[0];
    if (front) {
      front.activate();
    } else {
      // What had the focus is hidden; the part takes it from here once it is loaded.
      this.content.node.focus();
    }
  }

  private _update(): void {
    const name = this.document.view?.name;
    if (name !== undefined) {
      this.title.label = middleCut(name, 22);
      this.title.caption = name;
    }
    const tab = this.document.tab;
    for (const known of TABS) {
      this._parts[known].setHidden(known !== tab);
    }
    if (tab !== 'table' && this._parts[tab].widgets.length === 0 && this.document.view !== null) {
      void this._fill(tab);
    }
  }

  private async _fill(tab: Exclude<Tab, 'table'>): Promise<void> {
    const makeView = await this._loaded(tab);
    const part = this._parts[tab];
    if (this.isDisposed || part.widgets.length > 0) {
      return;
    }
    const view = makeView();
    part.addWidget(view);
    if (globalThis.document.activeElement === this.content.node) {
      // Activated before there was anything to focus.
      view.activate();
    }
  }

  /** A part is loaded when somebody wants to see it. */
  private async _loaded(tab: Exclude<Tab, 'table'>): Promise<() => Widget> {
    const { commands, trans, themes, rendermime } = this._options;
    const { document } = this;
    switch (tab) {
      case 'chart': {
        const { ChartView } = await import('./chartview');
        return () => new ChartView({ document, trans, themes, rendermime });
      }
      case 'history': {
        const { HistoryView } = await import('./timeline');
        return () => new HistoryView({ document, commands, trans });
      }
      case 'activity': {
        const { ActivityView } = await import('./deedlines');
        return () => new ActivityView({ document, trans });
      }
      case 'log': {
        const { LogView } = await import('./loglines');
        return () => new LogView({ document, trans });
      }
      case 'api': {
        const { SnippetsView } = await import('./snippetsview');
        return () => new SnippetsView({ document, commands, trans });
      }
    }
  }

  private readonly _parts: Readonly<Record<Tab, Panel>>;
}

function isPlainT(event: KeyboardEvent): boolean {
  const isField =
    event.target instanceof HTMLInputElement ||
    event.target instanceof HTMLSelectElement ||
    event.target instanceof HTMLTextAreaElement;
  return (
    event.key.toLowerCase() === 't' && !isField && !event.ctrlKey && !event.metaKey && !event.altKey
  );
}
