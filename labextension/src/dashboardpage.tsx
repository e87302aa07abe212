/** A dashboard in a tab of the main area: its head, and a tile for each of its views. */

import { MainAreaWidget, Notification } from '@jupyterlab/apputils';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Menu } from '@lumino/widgets';
import { useEffect, useRef, type ReactElement } from 'react';

import { CommandIDs } from './acting';
import type { DashboardModel } from './dashboard';
import { DashboardCommandIDs } from './dashboardids';
import { hasValues, type IDashboard } from './dashboards';
import { dashboardIcon } from './icons';
import { openMenu } from './menus';
import { problemOf, problemText } from './problem';
import { useRedraw } from './redraw';
import { Tile, type ITileActions } from './tile';
import type { IDrawing } from './tilechart';
import type { TileModel } from './tilemodel';
import { middleCut, tilesWord } from './words';

export interface IPageOptions extends IDrawing {
  model: DashboardModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export class DashboardDocument extends MainAreaWidget<DashboardPage> {
  constructor(options: IPageOptions) {
    super({ content: new DashboardPage(options) });
    this.dashboard = options.model;
    this.id = `jupyter-views-dashboard-${options.model.id}`;
    this.title.icon = dashboardIcon;
    this.title.closable = true;
    this.title.label = options.trans.__('Dashboard');
    this.toolbar.hide();
    this.dashboard.stateChanged.connect(() => {
      const name = this.dashboard.dashboard?.name;
      if (name !== undefined) {
        this.title.label = middleCut(name, 22);
        this.title.caption = name;
      }
    });
  }

  readonly dashboard: DashboardModel;
}

class DashboardPage extends VDomRenderer<DashboardModel> {
  constructor(private readonly _options: IPageOptions) {
    super(_options.model);
    this.addClass('jp-ViewsDashboard');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _options.trans.__('Dashboard'));
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.model.isVisible = true;
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.model.isVisible = this.isVisible;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.model.isVisible = false;
  }

  protected override onActivateRequest(): void {
    if (!this.node.contains(document.activeElement)) {
      this.node.focus();
    }
  }

  protected override render(): ReactElement {
    return <Page {...this._options} node={this.node} />;
  }
}

interface IPageProps extends IPageOptions {
  node: HTMLElement;
}

function Page(props: IPageProps): ReactElement | null {
  const { model, commands, trans, node, themes, rendermime } = props;
  useRedraw(model);
  const focusNext = useFocusAfterDrawing(node);
  const { dashboard, problem } = model;
  if (model.isGone) {
    return <p className="jp-ViewsBanner">{trans.__('This dashboard was deleted.')}</p>;
  }
  if (dashboard === null) {
    return problem && <Unreadable model={model} trans={trans} />;
  }
  const actions = actionsOf({ ...props, focusNext });
  return (
    <>
      <Head model={model} dashboard={dashboard} commands={commands} trans={trans} />
      {problem && <Unreadable model={model} trans={trans} />}
      {model.tiles.length === 0 ? (
        <Empty dashboard={dashboard} commands={commands} trans={trans} />
      ) : (
        <div className="jp-ViewsDashboard-tiles">
          {model.tiles.map(tile => (
            <Tile
              key={tile.tile.id}
              model={tile}
              canEdit={dashboard.canEdit}
              actions={actions}
              trans={trans}
              themes={themes}
              rendermime={rendermime}
            />
          ))}
        </div>
      )}
    </>
  );
}

interface IHeadProps extends Omit<IPageOptions, keyof IDrawing> {
  dashboard: IDashboard;
}

function Head({ model, dashboard, commands, trans }: IHeadProps): ReactElement {
  const args = { id: dashboard.id };
  const button = (command: string, label: string): ReactElement => (
    <button
      type="button"
      className="jp-Views-textButton"
      title={commands.caption(command, args)}
      onClick={() => void commands.execute(command, args)}
    >
      {label}
    </button>
  );
  return (
    <div className="jp-ViewsDashboard-head">
      <div className="jp-ViewsDashboard-line">
        <h2>{dashboard.name}</h2>
        <span className="jp-ViewsDashboard-buttons">
          {model.tiles.length > 0 && button(DashboardCommandIDs.refresh, trans.__('Refresh stale'))}
          {dashboard.canEdit && (
            <>
              {button(DashboardCommandIDs.addViews, trans.__('Add a view…'))}
              {button(DashboardCommandIDs.rename, trans.__('Rename…'))}
              {button(DashboardCommandIDs.remove, trans.__('Delete…'))}
            </>
          )}
        </span>
      </div>
      {dashboard.description && <p>{dashboard.description}</p>}
      <p className="jp-ViewsDashboard-story">
        <span>{tilesWord(model.tiles.length, trans)}</span>
        {!dashboard.canEdit && <span>{trans.__('owned by %1', dashboard.owner)}</span>}
        {hasValues(dashboard) && <span>{valuesWords(dashboard, trans)}</span>}
      </p>
    </div>
  );
}

/** What the dashboard puts in the place of its views' own values. */
function valuesWords(dashboard: IDashboard, trans: TranslationBundle): string {
  const { dateFrom, dateTo, variables } = dashboard;
  const parts = Object.entries(variables).map(([name, value]) =>
    trans.__('%1 = %2', name, middleCut(JSON.stringify(value), 40))
  );
  if (dateFrom !== null) {
    parts.push(trans.__('from %1', dateFrom));
  }
  if (dateTo !== null) {
    parts.push(trans.__('to %1', dateTo));
  }
  return trans.__('with %1', parts.join(', '));
}

function Empty({
  dashboard,
  commands,
  trans
}: {
  dashboard: IDashboard;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): ReactElement {
  return (
    <div className="jp-ViewsState">
      <h3>{trans.__('No views on this dashboard.')}</h3>
      {dashboard.canEdit ? (
        <button
          type="button"
          className="jp-Dialog-button jp-mod-accept jp-mod-styled"
          onClick={() => void commands.execute(DashboardCommandIDs.addViews, { id: dashboard.id })}
        >
          {trans.__('Add a view')}
        </button>
      ) : (
        <p>{trans.__('Its owner has added none that you may read.')}</p>
      )}
    </div>
  );
}

function Unreadable({
  model,
  trans
}: {
  model: DashboardModel;
  trans: TranslationBundle;
}): ReactElement {
  return (
    <div className="jp-ViewsBanner" role="alert">
      <span>{model.problem ? problemText(model.problem, trans) : ''}</span>
      <button type="button" className="jp-Views-textButton" onClick={() => void model.load()}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}

/** Where the focus goes once the page is drawn: a tile that moves loses it on its way. */
function useFocusAfterDrawing(node: HTMLElement): (selector: string) => void {
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    const found = wanted.current === null ? null : node.querySelector<HTMLElement>(wanted.current);
    if (found !== null) {
      wanted.current = null;
      found.focus();
    }
  });
  return selector => {
    wanted.current = selector;
  };
}

interface IActing extends IPageOptions {
  focusNext: (selector: string) => void;
}

function actionsOf({ model, commands, trans, focusNext }: IActing): ITileActions {
  const told = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      Notification.error(problemText(problemOf(error), trans), { autoClose: 8000 });
    });
  };
  const moveTo = (tileId: number, place: number, part: string): void => {
    focusNext(`[data-tile-id="${tileId}"] .${part}`);
    told(model.move(tileId, place));
  };
  const actions: ITileActions = {
    open: tile => void commands.execute(CommandIDs.open, { id: tile.id }),
    refresh: tile => told(tile.refresh()),
    cancel: tile => told(tile.cancel()),
    step: ({ tile }, by) => moveTo(tile.id, model.placeOf(tile.id) + by, 'jp-ViewsTile-name'),
    drop: (tileId, on) => moveTo(tileId, model.placeOf(on.tile.id), 'jp-ViewsTile-name'),
    showMenu: (tile, x, y) => {
      const step = (by: number): void =>
        moveTo(tile.tile.id, model.placeOf(tile.tile.id) + by, 'jp-ViewsTile-menu');
      const takeOff = (): void => {
        focusNext('.jp-ViewsTile-name, .jp-mod-accept');
        told(model.remove(tile.tile.id));
      };
      showMenu({ model, tile, trans, actions, step, takeOff }, x, y);
    }
  };
  return actions;
}

interface IMenuOptions {
  model: DashboardModel;
  tile: TileModel;
  trans: TranslationBundle;
  actions: ITileActions;
  step: (by: number) => void;
  takeOff: () => void;
}

/** The menu of a tile. Its commands are its own: no notebook can reach them. */
function showMenu(options: IMenuOptions, x: number, y: number): void {
  const { model, tile, trans, actions, step, takeOff } = options;
  const commands = new CommandRegistry();
  const menu = new Menu({ commands });
  const add = (id: string, label: string, execute: () => void, isEnabled = true): void => {
    commands.addCommand(id, { label, execute, isEnabled: () => isEnabled });
    menu.addItem({ command: id });
  };
  const place = model.placeOf(tile.tile.id);
  add('open', trans.__('Open'), () => actions.open(tile));
  add('refresh', trans.__('Refresh'), () => actions.refresh(tile));
  if (tile.hasChart) {
    const label = tile.chart === null ? trans.__('Show the chart') : trans.__('Show the rows');
    add('turn', label, () => tile.turn());
  }
  if (model.dashboard?.canEdit) {
    menu.addItem({ type: 'separator' });
    add('earlier', trans.__('Move earlier'), () => step(-1), place > 0);
    add('later', trans.__('Move later'), () => step(1), place < model.tiles.length - 1);
    menu.addItem({ type: 'separator' });
    add('remove', trans.__('Take off the dashboard'), takeOff);
  }
  openMenu(menu, x, y);
}
