/** What a person can do with dashboards. */

import { Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { ONE_VIEW, told, withId, type ICommandOptions } from './acting';
import type { DashboardModel } from './dashboard';
import { DashboardCommandIDs } from './dashboardids';
import type { DashboardList } from './dashboardlist';
import type { IDashboard } from './dashboards';
import { middleCut } from './words';

const LONGEST_NAME = 50;
/** What the server takes. */
const NAME_LENGTH = 200;

export interface IDashboardOptions extends ICommandOptions {
  list: DashboardList;
  /** The dashboard in front, for commands without an argument. */
  currentDashboard: () => DashboardModel | null;
  /** Bring the tab of a dashboard to the front. */
  openDashboard: (id: number) => Promise<DashboardModel>;
}

const ONE_DASHBOARD = {
  args: {
    type: 'object',
    properties: {
      id: {
        type: 'integer',
        description: 'The number of the dashboard; without it, the dashboard in front'
      }
    }
  }
} as const;

export function addDashboardCommands(options: IDashboardOptions): void {
  const { commands, trans, palette } = options;
  commands.addCommand(DashboardCommandIDs.open, {
    label: trans.__('Open a dashboard…'),
    caption: trans.__('Open the page of a dashboard'),
    describedBy: ONE_DASHBOARD,
    execute: args => told(options, () => openOne(options, args))
  });
  commands.addCommand(DashboardCommandIDs.create, {
    label: trans.__('New dashboard…'),
    caption: trans.__('Make a page of several views'),
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () =>
      told(options, async () => {
        await create(options, []);
      })
  });
  addOwnersCommands(options);
  commands.addCommand(DashboardCommandIDs.addTo, {
    label: trans.__('Add to a dashboard…'),
    caption: trans.__('Put this view on a dashboard'),
    describedBy: ONE_VIEW,
    isEnabled: args => canPlace(options, args),
    execute: args => withId(options, args, shortId => addTo(options, shortId))
  });
  commands.addCommand(DashboardCommandIDs.refresh, {
    label: trans.__('Refresh what is stale on the dashboard'),
    caption: trans.__('Run the queries whose rows are out of date'),
    describedBy: ONE_DASHBOARD,
    isEnabled: () => options.currentDashboard() !== null,
    execute: () => told(options, async () => options.currentDashboard()?.refreshStale())
  });
  for (const command of Object.values(DashboardCommandIDs)) {
    palette?.addItem({ command, category: trans.__('Views') });
  }
}

function addOwnersCommands(options: IDashboardOptions): void {
  const { commands, trans } = options;
  commands.addCommand(DashboardCommandIDs.addViews, {
    label: trans.__('Add views to the dashboard…'),
    caption: trans.__('Put views on this dashboard'),
    describedBy: ONE_DASHBOARD,
    isEnabled: args => mine(options, args) !== undefined,
    execute: args => withMine(options, args, dashboard => addViews(options, dashboard))
  });
  commands.addCommand(DashboardCommandIDs.rename, {
    label: trans.__('Rename the dashboard…'),
    caption: trans.__('Give this dashboard another name'),
    describedBy: ONE_DASHBOARD,
    isEnabled: args => mine(options, args) !== undefined,
    execute: args => withMine(options, args, dashboard => rename(options, dashboard))
  });
  commands.addCommand(DashboardCommandIDs.remove, {
    label: trans.__('Delete the dashboard…'),
    caption: trans.__('Delete this dashboard; its views stay'),
    describedBy: ONE_DASHBOARD,
    isEnabled: args => mine(options, args) !== undefined,
    execute: args => withMine(options, args, dashboard => removeAfterAsking(options, dashboard))
  });
}

/** The dashboard that the arguments mean, where this person may change it. */
function mine(
  { list, currentDashboard }: IDashboardOptions,
  { id }: ReadonlyPartialJSONObject
): IDashboard | undefined {
  const current = currentDashboard();
  const isCurrent = typeof id !== 'number' || id === current?.id;
  const found = isCurrent ? (current?.dashboard ?? undefined) : list.find(id);
  return found?.canEdit ? found : undefined;
}

function withMine(
  options: IDashboardOptions,
  args: ReadonlyPartialJSONObject,
  act: (dashboard: IDashboard) => Promise<void>
): Promise<void> {
  const dashboard = mine(options, args);
  return told(options, async () => {
    if (dashboard !== undefined) {
      await act(dashboard);
    }
  });
}

function canPlace(options: IDashboardOptions, { id }: ReadonlyPartialJSONObject): boolean {
  const shortId = typeof id === 'string' ? id : options.current();
  const view = shortId === null ? undefined : options.model.find(shortId);
  return view !== undefined && (view.insightId !== null || view.canEdit);
}

async function openOne(
  options: IDashboardOptions,
  { id }: ReadonlyPartialJSONObject
): Promise<void> {
  const { list, trans } = options;
  if (typeof id === 'number') {
    await options.openDashboard(id);
    return;
  }
  const known = await list.load();
  if (known.length === 0) {
    await create(options, []);
    return;
  }
  const chosen = await choose(options, known, trans.__('Open a dashboard'), trans.__('Open'));
  if (chosen !== null && chosen !== 'new') {
    await options.openDashboard(chosen.id);
  }
}

async function create(options: IDashboardOptions, insights: readonly number[]): Promise<void> {
  const { list, trans } = options;
  const name = await askForName(options, trans.__('New dashboard'), '', trans.__('Make'));
  if (name !== null) {
    const made = await list.api.create(name, insights);
    list.note(made);
    await options.openDashboard(made.id);
  }
}

async function rename(options: IDashboardOptions, dashboard: IDashboard): Promise<void> {
  const { trans } = options;
  const title = trans.__('Rename “%1”', middleCut(dashboard.name, LONGEST_NAME));
  const name = await askForName(options, title, dashboard.name, trans.__('Rename'));
  if (name !== null && name !== dashboard.name) {
    await (await opened(options, dashboard)).rename(name);
  }
}

async function addViews(options: IDashboardOptions, dashboard: IDashboard): Promise<void> {
  const { trans, model } = options;
  const page = await opened(options, dashboard);
  const { pickViews } = await import('./viewpicker');
  const chosen = await pickViews({
    title: trans.__('Add views to “%1”', middleCut(dashboard.name, LONGEST_NAME)),
    api: model.api,
    taken: new Set(page.tiles.map(({ id }) => id)),
    trans
  });
  if (chosen.length > 0) {
    await page.add(chosen);
  }
}

/** The model of a dashboard's page, in front and read. */
async function opened(options: IDashboardOptions, dashboard: IDashboard): Promise<DashboardModel> {
  const page = await options.openDashboard(dashboard.id);
  if (page.dashboard === null) {
    await page.load();
  }
  return page;
}

async function addTo(options: IDashboardOptions, shortId: string): Promise<void> {
  const { list, model, trans } = options;
  const name = middleCut(model.find(shortId)?.name ?? '', LONGEST_NAME);
  const title = trans.__('Add “%1” to a dashboard', name);
  const known = (await list.load()).filter(({ canEdit }) => canEdit);
  const chosen =
    known.length === 0 ? 'new' : await choose(options, known, title, trans.__('Add'), true);
  if (chosen === null) {
    return;
  }
  if (chosen === 'new') {
    await create(options, [await list.api.insightOf(shortId)]);
    return;
  }
  const before = await list.api.get(chosen.id);
  const insight = await list.api.insightOf(shortId);
  const order = before.tiles.map(({ insightId }) => insightId);
  if (!order.includes(insight)) {
    list.note(await list.api.change(chosen.id, { insights: [...order, insight] }, before.etag));
  }
  await options.openDashboard(chosen.id);
}

/** One of some dashboards; null when the person chose none. */
async function choose(
  { trans }: IDashboardOptions,
  known: readonly IDashboard[],
  title: string,
  okLabel: string,
  offersNew = false
): Promise<IDashboard | 'new' | null> {
  const names = known.map(({ name }) => name);
  const labels = known.map(({ id, name }) =>
    names.filter(other => other === name).length > 1 ? trans.__('%1 (number %2)', name, id) : name
  );
  const items = offersNew ? [...labels, trans.__('New dashboard…')] : labels;
  const label = trans.__('Dashboard');
  const answer = await InputDialog.getItem({ title, label, items, okLabel });
  if (!answer.button.accept || answer.value === null) {
    return null;
  }
  return known[items.indexOf(answer.value)] ?? 'new';
}

async function askForName(
  { trans }: IDashboardOptions,
  title: string,
  text: string,
  okLabel: string
): Promise<string | null> {
  const answer = await InputDialog.getText({ title, label: trans.__('Name'), text, okLabel });
  const name = answer.value?.trim() ?? '';
  return answer.button.accept && name ? Array.from(name).slice(0, NAME_LENGTH).join('') : null;
}

async function removeAfterAsking(options: IDashboardOptions, dashboard: IDashboard): Promise<void> {
  const { list, trans } = options;
  const answer = await showDialog({
    title: trans.__('Delete this dashboard?'),
    body: trans.__('“%1”. Its views stay.', dashboard.name),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  await list.api.change(dashboard.id, { deleted: true }, null);
  list.forget(dashboard.id);
  await options.currentDashboard()?.load();
  const restore = (): Promise<void> =>
    told(options, async () => {
      list.note(await list.api.change(dashboard.id, { deleted: false }, null));
      await options.openDashboard(dashboard.id);
    });
  Notification.info(trans.__('Deleted: %1', middleCut(dashboard.name, LONGEST_NAME)), {
    autoClose: 8000,
    actions: [{ label: trans.__('Bring back'), callback: () => void restore() }]
  });
}
