/** Everything a person can do with a view. Buttons, menus and keys execute these, nothing else. */

import { Clipboard, Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs, idOf, ONE_VIEW, told, viewOf, withId, type ICommandOptions } from './acting';
import { EXAMPLE_CELL, exampleNotebook } from './example';
import { addFilingCommands } from './filing';
import { addPastCommands } from './pastcommands';
import { addShareCommands } from './sharecommands';
import { TABS, tabNamed, type IView } from './tokens';
import { middleCut, rowsWord } from './words';

/** A toast is only for what took longer than this. */
const TOAST_AFTER = 2000;
/** The host cuts messages at 140 characters. */
const LONGEST_NAME = 50;

const ONE_TAB = {
  args: {
    type: 'object',
    properties: {
      ...ONE_VIEW.args.properties,
      tab: {
        type: 'string',
        enum: TABS,
        description: 'The part to show; the present one if absent'
      }
    }
  }
} as const;

const KEY_WISH = {
  args: {
    type: 'object',
    properties: {
      label: { type: 'string', description: 'What a new key is for' },
      scopes: { type: 'array', items: { type: 'string' }, description: 'What it may do' }
    }
  }
} as const;

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

/** Not in the palette: they need more than the view in front. */
const NEEDS_MORE: ReadonlySet<string> = new Set([CommandIDs.restore, CommandIDs.filter]);

export function addCommands(options: ICommandOptions): void {
  addViewCommands(options);
  addClipboardCommands(options);
  addPanelCommands(options);
  addPastCommands(options);
  addShareCommands(options);
  addFilingCommands(options);
  for (const command of Object.values(CommandIDs).filter(id => !NEEDS_MORE.has(id))) {
    options.palette?.addItem({ command, category: options.trans.__('Views') });
  }
}

function addViewCommands(options: ICommandOptions): void {
  const { commands, model, trans } = options;
  commands.addCommand(CommandIDs.open, {
    label: trans.__('Open'),
    caption: trans.__('Open the rows of this view in a tab'),
    describedBy: ONE_TAB,
    isEnabled: args => idOf(options, args) !== null,
    execute: async args => {
      const id = idOf(options, args);
      if (id !== null) {
        await options.openDocument(id, tabNamed(args.tab));
      }
    }
  });
  commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh'),
    caption: trans.__('Run the query of this view again'),
    describedBy: ONE_VIEW,
    isEnabled: args => {
      const view = viewOf(options, args);
      return view !== undefined && view.status !== 'refreshing';
    },
    execute: args => withId(options, args, id => refreshWithToast(options, id))
  });
  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel'),
    caption: trans.__('Stop the refresh of this view; its last rows are kept'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.refresh != null,
    execute: args => withId(options, args, id => model.edits.cancel(id))
  });
  commands.addCommand(CommandIDs.remove, {
    label: trans.__('Delete…'),
    caption: trans.__('Delete this view, its versions and its rows'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.canEdit === true,
    execute: args => withId(options, args, id => removeAfterAsking(options, id))
  });
}

function addClipboardCommands(options: ICommandOptions): void {
  const { commands, trans, notebooks } = options;
  commands.addCommand(CommandIDs.copyLink, {
    label: trans.__('Copy link'),
    caption: trans.__('Copy an address that opens this view for people who may see it'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args) !== undefined,
    execute: args => {
      const view = viewOf(options, args);
      if (view !== undefined) {
        const name = encodeURIComponent(view.slug ?? view.shortId);
        copy(options, `${URLExt.join(options.model.api.serverUrl, 'lab')}?view=${name}`);
      }
    }
  });
  commands.addCommand(CommandIDs.copySlug, {
    label: trans.__('Copy slug'),
    caption: trans.__('Copy the name that the magic, the client and the API use'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.slug != null,
    execute: args => {
      const slug = viewOf(options, args)?.slug;
      if (slug) {
        copy(options, slug);
      }
    }
  });
  commands.addCommand(CommandIDs.insert, {
    label: args => {
      const slug = viewOf(options, args)?.slug;
      return slug
        ? trans.__('Insert %1', magicLine(middleCut(slug, 24)))
        : trans.__('Insert in the notebook');
    },
    caption: trans.__('Add a cell that shows this view below the active cell'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.slug != null && notebooks?.currentWidget != null,
    execute: args => {
      const slug = viewOf(options, args)?.slug;
      const panel = notebooks?.currentWidget;
      if (slug && panel) {
        NotebookActions.insertBelow(panel.content);
        panel.content.activeCell?.model.sharedModel.setSource(magicLine(slug));
      }
    }
  });
}

function addPanelCommands(options: ICommandOptions): void {
  const { commands, model, services, trans } = options;
  commands.addCommand(CommandIDs.show, {
    label: trans.__('Show views'),
    caption: trans.__('Show the views of this server in the sidebar'),
    describedBy: NO_ARGUMENTS,
    execute: options.showPanel
  });
  commands.addCommand(CommandIDs.keys, {
    label: trans.__('API keys'),
    caption: trans.__('Make and revoke keys for programs outside this server'),
    describedBy: KEY_WISH,
    execute: async args => {
      const { label, scopes } = args;
      const isWish = typeof label === 'string' && Array.isArray(scopes);
      await options.openKeys(isWish ? { label, scopes: scopes.map(String) } : undefined);
    }
  });
  commands.addCommand(CommandIDs.reload, {
    label: trans.__('Read the list of views again'),
    caption: trans.__('Ask the server for the list now'),
    describedBy: NO_ARGUMENTS,
    execute: () => model.reload()
  });
  commands.addCommand(CommandIDs.copyExample, {
    label: trans.__('Copy the example of a view'),
    caption: trans.__('Copy a cell that makes a first view'),
    describedBy: NO_ARGUMENTS,
    execute: () => copy(options, EXAMPLE_CELL)
  });
  commands.addCommand(CommandIDs.tryExample, {
    label: trans.__('Try the example of a view'),
    caption: trans.__('Open a notebook that makes a first view'),
    describedBy: NO_ARGUMENTS,
    execute: () =>
      told(options, async () => {
        await services.kernelspecs.ready;
        const path = await exampleNotebook(services.contents, services.kernelspecs.specs);
        await commands.execute('docmanager:open', { path });
      })
  });
}

async function refreshWithToast(options: ICommandOptions, id: string): Promise<void> {
  const { model, trans } = options;
  const ended = model.refresh(id);
  const pause = new Promise<null>(resolve => window.setTimeout(() => resolve(null), TOAST_AFTER));
  if ((await Promise.race([ended, pause])) !== null) {
    return;
  }
  const name = middleCut(model.find(id)?.name ?? '', LONGEST_NAME);
  Notification.promise(
    ended.then(view => outcome(view, name, trans)),
    {
      pending: { message: trans.__('Refreshing: %1', name), options: { autoClose: false } },
      success: { message: text => String(text), options: { autoClose: 4000 } },
      error: {
        message: () => trans.__('Refresh failed, last rows kept: %1', name),
        options: { autoClose: 8000 }
      }
    }
  );
}

/** How a refresh ended, in one line; throws if it failed. */
function outcome(view: IView, name: string, trans: TranslationBundle): string {
  if (view.status === 'failed') {
    throw new Error(view.lastRefresh?.message ?? '');
  }
  return view.lastRefresh?.status.toLowerCase().startsWith('cancel')
    ? trans.__('Cancelled, last rows kept: %1', name)
    : trans.__('Refreshed, %1: %2', rowsWord(view.rowCount ?? 0, trans), name);
}

async function removeAfterAsking(options: ICommandOptions, id: string): Promise<void> {
  const { model, trans } = options;
  const name = model.find(id)?.name ?? '';
  const answer = await showDialog({
    title: trans.__('Delete this view?'),
    body: trans.__('“%1” with all its versions and rows. This cannot be undone.', name),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  if (answer.button.accept) {
    await model.edits.remove(id);
  }
}

function copy(options: ICommandOptions, text: string): void {
  Clipboard.copyToSystem(text);
  Notification.info(options.trans.__('Copied: %1', middleCut(text, 100)), { autoClose: 2000 });
}

function magicLine(slug: string): string {
  return `%perspective ${slug}`;
}
