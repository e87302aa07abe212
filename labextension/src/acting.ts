/** What all commands share: their names, their surroundings, how they find their view. */

import { Notification, type ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { ServiceManager } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { INewApiKey } from './apikeys';
import type { DocumentModel } from './document';
import type { ViewsModel } from './model';
import { problemOf, problemText } from './problem';
import type { IView, Tab } from './tokens';

export namespace CommandIDs {
  export const show = 'views:show';
  export const open = 'views:open';
  export const refresh = 'views:refresh';
  export const cancel = 'views:cancel';
  export const copyLink = 'views:copy-link';
  export const share = 'views:share';
  export const copySlug = 'views:copy-slug';
  export const insert = 'views:insert';
  export const history = 'views:history';
  export const diff = 'views:diff';
  export const activity = 'views:activity';
  export const log = 'views:log';
  export const api = 'views:api';
  export const freshness = 'views:freshness';
  export const restore = 'views:restore';
  export const favourite = 'views:favourite';
  export const details = 'views:details';
  export const filter = 'views:filter';
  export const remove = 'views:delete';
  export const keys = 'views:keys';
  export const reload = 'views:reload';
  export const tryExample = 'views:try-example';
  export const copyExample = 'views:copy-example';
}

export interface ICommandOptions {
  commands: CommandRegistry;
  model: ViewsModel;
  services: ServiceManager.IManager;
  trans: TranslationBundle;
  notebooks: INotebookTracker | null;
  palette: ICommandPalette | null;
  /** The view of the result document in front, for commands without an argument. */
  current: () => string | null;
  /** Bring the result tab of a view to the front, with one of its parts. */
  openDocument: (id: string, tab?: Tab) => Promise<DocumentModel>;
  showPanel: () => void;
  /** Bring the tab of API keys to the front, with a new key begun where one is wished for. */
  openKeys: (wish?: Partial<INewApiKey>) => Promise<void>;
}

export const ONE_VIEW = {
  args: {
    type: 'object',
    properties: {
      id: {
        type: 'string',
        description: 'The short id of the view; without it, the view of the result tab in front'
      }
    }
  }
} as const;

export function idOf(options: ICommandOptions, args: ReadonlyPartialJSONObject): string | null {
  return typeof args.id === 'string' ? args.id : options.current();
}

export function viewOf(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject
): IView | undefined {
  const id = idOf(options, args);
  return id === null ? undefined : options.model.find(id);
}

/** Run an action on the view that the arguments mean; say what went wrong, if it does. */
export async function withId(
  options: ICommandOptions,
  args: ReadonlyPartialJSONObject,
  act: (id: string) => Promise<void>
): Promise<void> {
  const id = idOf(options, args);
  if (id !== null) {
    await told(options, () => act(id));
  }
}

export async function told(options: ICommandOptions, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    Notification.error(problemText(problemOf(error), options.trans), { autoClose: 8000 });
  }
}
