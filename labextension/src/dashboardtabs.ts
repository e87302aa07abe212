/** The tabs of dashboards: opened, restored, found by their address. */

import type { ILayoutRestorer, IRouter, JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';

import type { ICommandOptions } from './acting';
import { DashboardModel } from './dashboard';
import { addDashboardCommands } from './dashboardcommands';
import { DashboardCommandIDs } from './dashboardids';
import type { DashboardList } from './dashboardlist';
import type { DashboardDocument } from './dashboardpage';
import type { IDrawing } from './tilechart';

interface ITabsOptions extends ICommandOptions, IDrawing {
  list: DashboardList;
  shell: JupyterFrontEnd.IShell;
  /** Where documents are opened. */
  area: string;
  restorer: ILayoutRestorer | null;
  router: IRouter | null;
}

const LINK = 'views:open-dashboard-link';

export function addDashboards(options: ITabsOptions): void {
  const { commands, model, list, trans, shell, area, restorer, themes, rendermime } = options;
  const tracker = new WidgetTracker<DashboardDocument>({ namespace: 'jupyter-views-dashboards' });
  const open = async (id: number): Promise<DashboardModel> => {
    const { DashboardDocument } = await import('./dashboardpage');
    let tab = tracker.find(candidate => candidate.dashboard.id === id);
    if (tab) {
      await tab.dashboard.load();
    } else {
      const dashboard = new DashboardModel(model, list, id, trans);
      tab = new DashboardDocument({ model: dashboard, commands, trans, themes, rendermime });
      shell.add(tab, area);
      dashboard.stateChanged.connect(() => commands.notifyCommandChanged());
      await tracker.add(tab);
    }
    shell.activateById(tab.id);
    return tab.dashboard;
  };
  addDashboardCommands({
    ...options,
    currentDashboard: () =>
      (tracker.currentWidget === shell.currentWidget ? tracker.currentWidget : null)?.dashboard ??
      null,
    openDashboard: open
  });
  void restorer?.restore(tracker, {
    command: DashboardCommandIDs.open,
    args: ({ dashboard }) => ({ id: dashboard.id }),
    name: ({ dashboard }) => String(dashboard.id)
  });
  addLink(options, open);
}

/** `…/lab?dashboard=3` opens that dashboard. */
function addLink(
  { commands, router, trans }: ITabsOptions,
  open: (id: number) => Promise<unknown>
): void {
  commands.addCommand(LINK, {
    label: trans.__('Open the dashboard of this address'),
    describedBy: { args: { type: 'object', properties: { search: { type: 'string' } } } },
    execute: async args => {
      const search = new URLSearchParams(typeof args.search === 'string' ? args.search : '');
      const id = Number(search.get('dashboard'));
      if (Number.isSafeInteger(id) && id > 0) {
        await open(id);
      }
    }
  });
  router?.register({ command: LINK, pattern: /[?&]dashboard=\d+/ });
}
