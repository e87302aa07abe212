/** The plugins, and nothing but the plugins. */

import {
  ILabShell,
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IThemeManager, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { CommandIDs, type ICommandOptions } from './acting';
import { ViewsApi } from './api';
import { addCommands } from './commands';
import { DashboardList } from './dashboardlist';
import { DashboardsApi } from './dashboards';
import { addDashboards } from './dashboardtabs';
import type { DocumentModel } from './document';
import { toEvent } from './events';
import { addDeepLink } from './link';
import type { KeysPanel } from './keyspanel';
import { LiveRegion } from './live';
import { ViewsModel } from './model';
import { ResultDocument } from './result';
import { ViewsPanel } from './sidebar';
import { IViews, TABS, type Tab } from './tokens';
import { Transport } from './transport';

const sidebar: JupyterFrontEndPlugin<IViews> = {
  id: 'jupyter-views:plugin',
  description: 'The views sidebar and its result tabs.',
  autoStart: true,
  provides: IViews,
  optional: [
    ITranslator,
    ILayoutRestorer,
    ICommandPalette,
    INotebookTracker,
    IThemeManager,
    ILabShell,
    IRouter,
    IRenderMimeRegistry
  ],
  activate
};

function activate(
  app: JupyterFrontEnd,
  translator: ITranslator | null,
  restorer: ILayoutRestorer | null,
  palette: ICommandPalette | null,
  notebooks: INotebookTracker | null,
  themes: IThemeManager | null,
  labShell: ILabShell | null,
  router: IRouter | null,
  rendermime: IRenderMimeRegistry | null
): IViews {
  const trans = (translator ?? nullTranslator).load('jupyter_views');
  const { commands, serviceManager: services, shell } = app;
  const transport = new Transport(services.serverSettings);
  const model = new ViewsModel(new ViewsApi(transport), trans);
  services.events.stream.connect((_, emission) => {
    const event = toEvent(emission);
    if (event !== null) {
      model.noteEvent(event);
    }
  });

  Widget.attach(new LiveRegion(model.announcer), document.body);
  const dashboards = new DashboardList(new DashboardsApi(transport));
  const panel = new ViewsPanel({ model, dashboards, commands, trans });
  shell.add(panel, 'left', { rank: 150 });
  restorer?.add(panel, panel.id);

  // Notebook 7 has room for one document only: what is opened lies below it.
  const area = labShell ? 'main' : 'down';
  const tracker = new WidgetTracker<ResultDocument>({ namespace: 'jupyter-views' });
  const open = async (id: string, tab?: Tab): Promise<DocumentModel> => {
    let document = tracker.find(candidate => candidate.shortId === id);
    if (document) {
      document.document.tab = tab ?? document.document.tab;
    } else {
      document = new ResultDocument({
        id,
        tab: tab ?? TABS[0],
        model,
        commands,
        trans,
        themes,
        rendermime
      });
      rememberTab(document, tracker);
      shell.add(document, area);
      if (labShell === null) {
        document.makeRoom();
      }
      await tracker.add(document);
    }
    shell.activateById(document.id);
    return document.document;
  };
  const keys = new WidgetTracker<KeysPanel>({ namespace: 'jupyter-views-keys' });
  const openKeys: ICommandOptions['openKeys'] = async wish => {
    const parts = await import('./keyspanel');
    let panel = keys.currentWidget;
    if (panel === null) {
      panel = new parts.KeysPanel({ transport, trans });
      shell.add(panel, area);
      await keys.add(panel);
    }
    shell.activateById(parts.KEYS_ID);
    if (wish !== undefined) {
      panel.begin(wish);
    }
  };
  const options: ICommandOptions = {
    commands,
    model,
    services,
    trans,
    notebooks,
    palette,
    current: () =>
      (tracker.currentWidget === shell.currentWidget ? tracker.currentWidget : null)?.shortId ??
      null,
    openDocument: open,
    showPanel: () => shell.activateById(panel.id),
    openKeys
  };
  addCommands(options);
  addDashboards({
    ...options,
    list: dashboards,
    shell,
    area,
    restorer,
    router,
    themes,
    rendermime
  });
  commands.addKeyBinding({
    command: CommandIDs.refresh,
    keys: ['Ctrl Enter'],
    selector: '.jp-ViewsResult'
  });
  void restorer?.restore(tracker, {
    command: CommandIDs.open,
    args: document => ({ id: document.shortId, tab: document.document.tab }),
    name: document => document.shortId
  });
  void restorer?.restore(keys, { command: CommandIDs.keys, name: () => 'keys' });
  if (router) {
    addDeepLink({
      commands,
      router,
      model,
      open,
      notify: text => void Notification.warning(text, { autoClose: 8000 }),
      trans
    });
  }
  labShell?.currentChanged.connect(() => commands.notifyCommandChanged());
  return { model, open };
}

/** Keep which part is in front for the next time the page is loaded. */
function rememberTab(result: ResultDocument, tracker: WidgetTracker<ResultDocument>): void {
  let before = result.document.tab;
  result.document.stateChanged.connect(({ tab }) => {
    if (tab !== before) {
      before = tab;
      void tracker.save(result);
    }
  });
}

export default sidebar;
