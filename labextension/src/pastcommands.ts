/** What a person can do with the past and the future of a view: look back, restore, plan. */

import { Dialog, showDialog } from '@jupyterlab/apputils';

import { CommandIDs, idOf, ONE_VIEW, viewOf, withId, type ICommandOptions } from './acting';
import type { Tab } from './tokens';
import { middleCut } from './words';

const ONE_VERSION = {
  args: {
    type: 'object',
    properties: {
      ...ONE_VIEW.args.properties,
      version: { type: 'integer', description: 'The number of the version to bring back' }
    },
    required: ['version']
  }
} as const;

export function addPastCommands(options: ICommandOptions): void {
  const { commands, trans } = options;
  addTabCommand(options, CommandIDs.history, 'history', {
    label: trans.__('History'),
    caption: trans.__('Show the refreshes and versions of this view')
  });
  addTabCommand(options, CommandIDs.activity, 'activity', {
    label: trans.__('Activity'),
    caption: trans.__('Show who did what with this view')
  });
  addTabCommand(options, CommandIDs.log, 'log', {
    label: trans.__('Decision log'),
    caption: trans.__('Show what the server noticed about this view, and what it did then')
  });
  addTabCommand(options, CommandIDs.api, 'api', {
    label: trans.__('API'),
    caption: trans.__('Show how other programs read this view')
  });
  commands.addCommand(CommandIDs.diff, {
    label: trans.__('What changed'),
    caption: trans.__('Show the rows that the newest change of this view added and removed'),
    describedBy: ONE_VIEW,
    isEnabled: args => idOf(options, args) !== null,
    execute: args =>
      withId(options, args, async id => (await options.openDocument(id, 'history')).showChange())
  });
  commands.addCommand(CommandIDs.freshness, {
    label: trans.__('Refresh when…'),
    caption: trans.__('Say when this view is refreshed and when it counts as stale'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.canEdit === true,
    execute: args => withId(options, args, id => editRule(options, id))
  });
  commands.addCommand(CommandIDs.restore, {
    label: trans.__('Restore a version…'),
    caption: trans.__('Bring an earlier version back as a new one'),
    describedBy: ONE_VERSION,
    isEnabled: args => typeof args.version === 'number' && viewOf(options, args)?.canEdit === true,
    execute: args =>
      withId(options, args, async id => {
        if (typeof args.version === 'number') {
          await restoreAfterAsking(options, id, args.version);
        }
      })
  });
}

function addTabCommand(
  options: ICommandOptions,
  command: string,
  tab: Tab,
  words: { label: string; caption: string }
): void {
  options.commands.addCommand(command, {
    ...words,
    describedBy: ONE_VIEW,
    isEnabled: args => idOf(options, args) !== null,
    execute: args =>
      withId(options, args, async id => {
        await options.openDocument(id, tab);
      })
  });
}

async function editRule({ model, trans }: ICommandOptions, id: string): Promise<void> {
  const [{ ruleDialog }, ruled] = await Promise.all([import('./ruleform'), model.api.ruled(id)]);
  await ruleDialog({ ruled, save: fields => model.edits.change(id, fields), trans }).launch();
}

async function restoreAfterAsking(
  options: ICommandOptions,
  id: string,
  version: number
): Promise<void> {
  const { model, trans } = options;
  const view = model.find(id) ?? (await model.read(id));
  const answer = await showDialog({
    title: trans.__('Restore version %1?', version),
    body: trans.__(
      'Its query becomes version %1 of “%2”. Version %3 stays in the history.',
      view.version + 1,
      middleCut(view.name, 60),
      view.version
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Restore') })
    ]
  });
  if (answer.button.accept) {
    await model.edits.restore(id, version);
  }
}
