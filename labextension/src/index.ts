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
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ViewsApi } from './api';
import { addCommands, CommandIDs } from './commands';
import { addDeepLink } from './link';
import { ViewsModel } from './model';
import { ResultDocument } from './result';
import { ViewsPanel } from './sidebar';
import { IViews } from './tokens';

const SCHEMA = 'https://events.jupyter.org/jupyter_views/view/v1';

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
    IRouter
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
  router: IRouter | null
): IViews {
  const trans = (translator ?? nullTranslator).load('jupyter_views');
  const { commands, serviceManager: services, shell } = app;
  const model = new ViewsModel(new ViewsApi(services.serverSettings), trans);
  services.events.stream.connect((_, emission) => {
    const { schema_id: schema, action, short_id: id } = emission;
    if (schema === SCHEMA && typeof action === 'string' && typeof id === 'string') {
      model.noteEvent(action, id);
    }
  });

  const panel = new ViewsPanel({ model, commands, trans });
  shell.add(panel, 'left', { rank: 150 });
  restorer?.add(panel, panel.id);

  const tracker = new WidgetTracker<ResultDocument>({ namespace: 'jupyter-views' });
  const open = async (id: string): Promise<void> => {
    let document = tracker.find(candidate => candidate.shortId === id);
    if (!document) {
      document = new ResultDocument({ id, model, commands, trans, themes });
      // Notebook 7 has room for one document only: rows open below it.
      shell.add(document, labShell ? 'main' : 'down');
      if (labShell === null) {
        document.makeRoom();
      }
      await tracker.add(document);
    }
    shell.activateById(document.id);
  };
  addCommands({
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
    showPanel: () => shell.activateById(panel.id)
  });
  commands.addKeyBinding({
    command: CommandIDs.refresh,
    keys: ['Ctrl Enter'],
    selector: '.jp-ViewsResult'
  });
  void restorer?.restore(tracker, {
    command: CommandIDs.open,
    args: document => ({ id: document.shortId }),
    name: document => document.shortId
  });
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

export default sidebar;
