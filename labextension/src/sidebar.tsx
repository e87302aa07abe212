/** The sidebar: search and filter, the list in sections, and what to do when it is empty. */

import { ellipsesIcon, ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { createRef, useMemo, useRef, useState, type ReactElement, type RefObject } from 'react';

import { CommandIDs } from './acting';
import type { DashboardList } from './dashboardlist';
import { DASHBOARDS_KEY, DashboardSection } from './dashboardsection';
import { NO_FILTER, isSameFilter } from './filter';
import { FilterButton, FilterChips } from './filters';
import { viewsIcon } from './icons';
import { ViewList } from './list';
import { openMenu } from './menus';
import type { ViewsModel } from './model';
import { useRedraw } from './redraw';
import type { IRowActions } from './row';
import { SearchBox } from './search';
import { sectionsOf } from './sections';
import { EmptyState, NothingFound, ProblemBanner, ProblemState } from './states';
import type { IView } from './tokens';
import { panelMenu, rowMenu } from './viewmenus';

export const PANEL_ID = 'jupyter-views-panel';

interface IPanelOptions {
  model: ViewsModel;
  dashboards: DashboardList;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Works only while it is shown: a hidden panel asks the server nothing. */
export class ViewsPanel extends ReactWidget {
  constructor(private readonly _options: IPanelOptions) {
    super();
    this.id = PANEL_ID;
    this.addClass('jp-ViewsPanel');
    this.title.icon = viewsIcon;
    this.title.caption = _options.trans.__('Views');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _options.trans.__('Views'));
  }

  /** Put the cursor into the search field, once it is there. */
  async focusSearch(): Promise<void> {
    await this.renderPromise;
    this._searchInput.current?.focus();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._take();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._take();
    }
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._release();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._release();
    super.onBeforeDetach(msg);
  }

  protected override onActivateRequest(): void {
    void this.focusSearch();
  }

  protected override render(): ReactElement {
    return <Sidebar {...this._options} searchInput={this._searchInput} />;
  }

  private _take(): void {
    this._hold ??= this._options.model.hold();
    this._options.dashboards.isVisible = true;
  }

  private _release(): void {
    this._hold?.dispose();
    this._hold = null;
    this._options.dashboards.isVisible = false;
  }

  private _hold: IDisposable | null = null;
  private readonly _searchInput = createRef<HTMLInputElement>();
}

interface ISidebarProps extends IPanelOptions {
  searchInput: RefObject<HTMLInputElement>;
}

function Sidebar(props: ISidebarProps): ReactElement {
  const { model, dashboards, commands, trans, searchInput } = props;
  useRedraw(model, dashboards);
  const [collapsed, toggle] = useCollapsed();
  const filterButton = useRef<HTMLButtonElement>(null);
  const clear = (): void => {
    model.setFilter(NO_FILTER);
    model.setQuery('');
    searchInput.current?.focus();
  };
  return (
    <>
      <div className="jp-ViewsPanel-top">
        <h2>{trans.__('Views')}</h2>
        <button
          type="button"
          className="jp-Views-iconButton"
          aria-haspopup="menu"
          aria-label={trans.__('More of views')}
          title={trans.__('More of views')}
          onClick={({ currentTarget }) => {
            const { left, bottom } = currentTarget.getBoundingClientRect();
            openMenu(panelMenu(commands), left, bottom);
          }}
        >
          <ellipsesIcon.react tag="span" />
        </button>
      </div>
      <div className="jp-ViewsPanel-search">
        <SearchBox
          inputRef={searchInput}
          value={model.query}
          trans={trans}
          onChange={query => model.setQuery(query)}
        />
        <FilterButton
          buttonRef={filterButton}
          commands={commands}
          views={() => model.known}
          trans={trans}
        />
      </div>
      <FilterChips
        filter={model.filter}
        trans={trans}
        drop={part => {
          model.setFilter(part);
          // The chip that had the focus is gone.
          filterButton.current?.focus();
        }}
      />
      <Body
        model={model}
        commands={commands}
        trans={trans}
        collapsed={collapsed}
        toggle={toggle}
        clear={clear}
        focusSearch={() => searchInput.current?.focus()}
      />
      {(model.views.length > 0 || dashboards.dashboards.length > 0) && (
        <DashboardSection
          list={dashboards}
          isOpen={!collapsed.has(DASHBOARDS_KEY)}
          toggle={() => toggle(DASHBOARDS_KEY)}
          commands={commands}
          trans={trans}
        />
      )}
    </>
  );
}

interface IBodyProps extends Omit<IPanelOptions, 'dashboards'> {
  collapsed: ReadonlySet<string>;
  toggle: (key: string) => void;
  clear: () => void;
  focusSearch: () => void;
}

function Body(props: IBodyProps): ReactElement | null {
  const { model, commands, trans, collapsed, toggle, clear, focusSearch } = props;
  const actions = useMemo(() => actionsOf(commands), [commands]);
  const views = model.views;
  const retry = (): void => void commands.execute(CommandIDs.reload);
  if (model.problem && views.length === 0) {
    return (
      <ProblemState
        trans={trans}
        problem={model.problem}
        serverUrl={model.api.serverUrl}
        retry={retry}
      />
    );
  }
  if (!model.isReady) {
    return null;
  }
  const query = model.query.trim();
  const isFiltered = !isSameFilter(model.filter, NO_FILTER);
  if (views.length === 0 && (query || isFiltered)) {
    return <NothingFound trans={trans} query={query} isFiltered={isFiltered} clear={clear} />;
  }
  if (views.length === 0) {
    return (
      <EmptyState
        trans={trans}
        copyExample={() => void commands.execute(CommandIDs.copyExample)}
        tryExample={() => void commands.execute(CommandIDs.tryExample)}
      />
    );
  }
  return (
    <>
      {model.problem && <ProblemBanner trans={trans} problem={model.problem} retry={retry} />}
      <ViewList
        sections={sectionsOf(model, trans)}
        collapsed={collapsed}
        hasMore={model.hasMore}
        now={Date.now()}
        actions={actions}
        trans={trans}
        toggle={toggle}
        loadMore={() => void model.loadMore()}
        focusSearch={focusSearch}
      />
    </>
  );
}

function actionsOf(commands: CommandRegistry): IRowActions {
  const run =
    (command: string) =>
    (view: IView): void =>
      void commands.execute(command, { id: view.shortId });
  return {
    open: run(CommandIDs.open),
    refresh: run(CommandIDs.refresh),
    cancel: run(CommandIDs.cancel),
    share: run(CommandIDs.share),
    favourite: run(CommandIDs.favourite),
    showMenu: (view, x, y) => openMenu(rowMenu(commands, view), x, y)
  };
}

const COLLAPSED = 'jupyter-views:collapsed';

/** Which sections are closed, remembered by the browser. */
function useCollapsed(): [ReadonlySet<string>, (key: string) => void] {
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(
    () => new Set((window.localStorage.getItem(COLLAPSED) ?? '').split(' ').filter(Boolean))
  );
  const toggle = (key: string): void => {
    const next = new Set(collapsed);
    if (!next.delete(key)) {
      next.add(key);
    }
    window.localStorage.setItem(COLLAPSED, [...next].join(' '));
    setCollapsed(next);
  };
  return [collapsed, toggle];
}
