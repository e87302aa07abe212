/** How a view is shared: the command behind every button that says so. */

import { CommandIDs, idOf, ONE_VIEW, withId, type ICommandOptions } from './acting';
import { edited } from './events';

export function addShareCommands(options: ICommandOptions): void {
  const { commands, trans } = options;
  commands.addCommand(CommandIDs.share, {
    label: trans.__('Share…'),
    caption: trans.__('Say who can see this view, and make a link for anyone'),
    describedBy: ONE_VIEW,
    isEnabled: args => idOf(options, args) !== null,
    execute: args => withId(options, args, id => share(options, id))
  });
}

async function share({ model, trans }: ICommandOptions, id: string): Promise<void> {
  const [{ ShareDialog }, { SharingModel }, { Shares }] = await Promise.all([
    import('./sharedialog'),
    import('./sharing'),
    import('./shares')
  ]);
  const api = new Shares(model.api.transport, id);
  const [subject, sharing] = await Promise.all([api.subject(), api.sharing()]);
  const done = (): void => model.noteEvent(edited(id));
  await new ShareDialog(new SharingModel({ api, subject, sharing, trans, done }), trans).launch();
}
