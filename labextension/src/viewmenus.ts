/** The menus of the sidebar: of one view, and of all. */

import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from './acting';
import { DashboardCommandIDs } from './dashboardids';
import type { IView } from './tokens';

const ROW_MENU = [
  [CommandIDs.open, CommandIDs.refresh, CommandIDs.cancel, CommandIDs.freshness],
  [CommandIDs.history, CommandIDs.diff, CommandIDs.activity, CommandIDs.log, CommandIDs.api],
  [CommandIDs.favourite, CommandIDs.details],
  [CommandIDs.share, CommandIDs.copyLink, CommandIDs.copySlug, CommandIDs.insert],
  [DashboardCommandIDs.addTo],
  [CommandIDs.remove]
] as const;

export function rowMenu(commands: CommandRegistry, view: IView): Menu {
  const menu = new Menu({ commands });
  const args = { id: view.shortId };
  for (const group of ROW_MENU) {
    if (group !== ROW_MENU[0]) {
      menu.addItem({ type: 'separator' });
    }
    group.forEach(command => menu.addItem({ command, args }));
  }
  return menu;
}

/** What concerns all views, or none. */
export function panelMenu(commands: CommandRegistry): Menu {
  const menu = new Menu({ commands });
  menu.addItem({ command: CommandIDs.reload });
  menu.addItem({ command: CommandIDs.keys });
  menu.addItem({ command: DashboardCommandIDs.create });
  menu.addItem({ command: CommandIDs.tryExample });
  return menu;
}
