/** `…/lab?view=daily-active-users` opens that view, `&tab=history` its history. */

import type { IRouter } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { ALL } from './filter';
import { RefusedError } from './transport';
import type { ViewsModel } from './model';
import { tabNamed, type Tab } from './tokens';

interface ILinkOptions {
  commands: CommandRegistry;
  router: IRouter;
  model: ViewsModel;
  open: (id: string, tab?: Tab) => Promise<unknown>;
  notify: (text: string) => void;
  trans: TranslationBundle;
}

const COMMAND = 'views:open-link';

export function addDeepLink({ commands, router, model, open, notify, trans }: ILinkOptions): void {
  commands.addCommand(COMMAND, {
    label: trans.__('Open the view of this address'),
    describedBy: { args: { type: 'object', properties: { search: { type: 'string' } } } },
    execute: async args => {
      const search = new URLSearchParams(typeof args.search === 'string' ? args.search : '');
      const name = search.get('view');
      if (!name) {
        return;
      }
      try {
        const id = await idOf(model, name);
        if (id === null) {
          notify(trans.__('There is no view here called: %1', name));
        } else {
          await open(id, tabNamed(search.get('tab')));
        }
      } catch {
        notify(trans.__('The server did not say whether it has the view: %1', name));
      }
    }
  });
  router.register({ command: COMMAND, pattern: /[?&]view=/ });
}

/** A link names a view by its slug, or by its short id when it has no slug. */
async function idOf(model: ViewsModel, name: string): Promise<string | null> {
  try {
    return (await model.read(name)).shortId;
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 404) {
      throw error;
    }
  }
  const { items } = await model.api.list({ ...ALL, search: name }, null);
  return items.find(view => view.slug === name)?.shortId ?? null;
}
