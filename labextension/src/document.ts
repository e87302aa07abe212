/** What one result tab shows: a view and the pages of its rows. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import type { IDisposable } from '@lumino/disposable';

import type { IChanges, IViewEvent } from './events';
import type { ViewsModel } from './model';
import { ResultPages } from './pages';
import { problemOf, type Problem } from './problem';
import { TABS, type IResultWindow, type IView, type Tab } from './tokens';

/** What a refresh changed in the rows while somebody looked. */
export interface ISeenChange {
  readonly at: string;
  readonly changes: IChanges | null;
}

export class DocumentModel extends VDomModel {
  constructor(
    readonly views: ViewsModel,
    readonly id: string,
    tab: Tab = TABS[0]
  ) {
    super();
    this._tab = tab;
    views.happened.connect(this._onHappened, this);
    views.viewChanged.connect(this.onViewChanged, this);
    views.viewRemoved.connect(this._onViewRemoved, this);
  }

  get view(): IView | null {
    return this._view;
  }

  /** The rows to show: those of the last good result, also while another is on its way. */
  get pages(): ResultPages | null {
    return this._pages;
  }

  /** Why the view or its rows could not be read. */
  get problem(): Problem | null {
    return this._problem;
  }

  /** The view is gone: deleted, or hidden from this person. */
  get isGone(): boolean {
    return this._isGone;
  }

  /** The newest change of the rows since the tab was opened. */
  get seenChange(): ISeenChange | null {
    return this._seenChange;
  }

  /** The part in front. */
  get tab(): Tab {
    return this._tab;
  }

  set tab(value: Tab) {
    if (value !== this._tab) {
      this._tab = value;
      this.stateChanged.emit();
    }
  }

  /** Show, in the history, what the newest change of the rows was. */
  showChange(): void {
    this._wantsChange = true;
    this._tab = 'history';
    this.stateChanged.emit();
  }

  /** Whether somebody asked for that and has not been shown it yet. */
  takeChangeWish(): boolean {
    const wanted = this._wantsChange;
    this._wantsChange = false;
    return wanted;
  }

  /** Rows as an HTML table instead of the grid. */
  get asTable(): boolean {
    return this._asTable;
  }

  set asTable(value: boolean) {
    this._asTable = value;
    this.stateChanged.emit();
  }

  get isVisible(): boolean {
    return this._hold !== null;
  }

  set isVisible(value: boolean) {
    if (value && this._hold === null) {
      this._hold = this.views.hold(this.id);
      void this.load();
    } else if (!value) {
      this._hold?.dispose();
      this._hold = null;
      this._emit();
    }
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isVisible = false;
    this.views.happened.disconnect(this._onHappened, this);
    this.views.viewChanged.disconnect(this.onViewChanged, this);
    this.views.viewRemoved.disconnect(this._onViewRemoved, this);
    this._pages?.dispose();
    super.dispose();
  }

  /** Read the view and, if it has rows that are not shown yet, their first page. */
  async load(): Promise<void> {
    try {
      this._view = await this.read();
      this._problem = null;
      await this._loadPages(this._view);
    } catch (error) {
      this._problem = problemOf(error);
    }
    this._emit();
  }

  /** The view as it is now. */
  protected read(): Promise<IView> {
    return this.views.read(this.id);
  }

  /** Rows of it. */
  protected window(offset: number, limit: number): Promise<IResultWindow> {
    return this.views.api.window(this.id, offset, limit);
  }

  protected onViewChanged(_: ViewsModel, view: IView): void {
    if (view.shortId !== this.id) {
      return;
    }
    this._view = view;
    this._emit();
    void this._loadPages(view).catch((error: unknown) => {
      this._problem = problemOf(error);
      this._emit();
    });
  }

  private _onHappened(_: ViewsModel, { action, id, at, changes }: IViewEvent): void {
    if (id === this.id && action === 'changed') {
      this._seenChange = { at, changes };
      this._emit();
    }
  }

  private _onViewRemoved(_: ViewsModel, id: string): void {
    if (id === this.id) {
      this._isGone = true;
      this._emit();
    }
  }

  private async _loadPages(view: IView): Promise<void> {
    if (view.computedAt === null || view.computedAt === this._loadedFor) {
      return;
    }
    const before = this._loadedFor;
    this._loadedFor = view.computedAt;
    try {
      const pages = await ResultPages.open((offset, limit) => this.window(offset, limit));
      if (this.isDisposed) {
        pages.dispose();
        return;
      }
      this._show(pages);
    } catch (error) {
      this._loadedFor = before;
      throw error;
    }
  }

  private _show(pages: ResultPages): void {
    this._pages?.dispose();
    this._pages = pages;
    this._problem = null;
    pages.replaced.connect(() => {
      // Two quick refreshes: the view's facts may lag behind its rows.
      this._loadedFor = null;
      void this.load();
    });
    pages.failed.connect((_, error) => {
      this._problem = problemOf(error);
      this._emit();
    });
    this._emit();
  }

  private _emit(): void {
    if (!this.isDisposed) {
      this.stateChanged.emit();
    }
  }

  private _view: IView | null = null;
  private _pages: ResultPages | null = null;
  private _problem: Problem | null = null;
  private _isGone = false;
  private _seenChange: ISeenChange | null = null;
  private _wantsChange = false;
  private _tab: Tab;
  private _asTable = false;
  private _loadedFor: string | null = null;
  private _hold: IDisposable | null = null;
}
