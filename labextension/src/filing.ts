/** What a person does to find a view again: favourites, words, folders, the filter. */

import { CommandIDs, ONE_VIEW, viewOf, withId, type ICommandOptions } from './acting';
import { NO_FILTER, type IFilter } from './filter';
import { STATUSES } from './tokens';
import { middleCut, statusWord } from './words';

const ONE_PART = {
  args: {
    type: 'object',
    properties: {
      by: { type: 'string', enum: Object.keys(NO_FILTER), description: 'The part of the filter' },
      value: { description: 'What a view must have to be shown' }
    },
    required: ['by', 'value']
  }
} as const;

export function addFilingCommands(options: ICommandOptions): void {
  const { commands, model, trans } = options;
  commands.addCommand(CommandIDs.favourite, {
    label: args =>
      viewOf(options, args)?.isFavourite
        ? trans.__('Remove from favourites')
        : trans.__('Add to favourites'),
    caption: trans.__('Show this view on top of the list, to everybody who may read it'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.canEdit === true,
    execute: args =>
      withId(options, args, id =>
        model.edits.setFavourite(id, model.find(id)?.isFavourite !== true)
      )
  });
  commands.addCommand(CommandIDs.details, {
    label: trans.__('Details…'),
    caption: trans.__('Change the name, the description, the folder and the tags of this view'),
    describedBy: ONE_VIEW,
    isEnabled: args => viewOf(options, args)?.canEdit === true,
    execute: args => withId(options, args, id => editDetails(options, id))
  });
  commands.addCommand(CommandIDs.filter, {
    label: args => valueWord(options, partOf(args)),
    caption: trans.__('Show only the views that have this'),
    describedBy: ONE_PART,
    isToggleable: true,
    isToggled: args => isSet(model.filter, partOf(args)),
    execute: args => {
      const part = partOf(args);
      const none = Object.keys(part).map(by => [by, NO_FILTER[by as keyof IFilter]] as const);
      model.setFilter(isSet(model.filter, part) ? Object.fromEntries(none) : part);
    }
  });
}

/** One part of a filter, from arguments that anybody may have sent. */
function partOf({ by, value }: { by?: unknown; value?: unknown }): Partial<IFilter> {
  if (by === 'isFavourite') {
    return { isFavourite: value === true };
  }
  if (by === 'status') {
    return { status: STATUSES.find(known => known === value) ?? null };
  }
  const isWord = by === 'tag' || by === 'folder' || by === 'owner';
  return isWord && typeof value === 'string' ? { [by]: value } : {};
}

function isSet(filter: IFilter, part: Partial<IFilter>): boolean {
  const set = Object.entries(part);
  return set.length > 0 && set.every(([by, value]) => filter[by as keyof IFilter] === value);
}

function valueWord({ trans }: ICommandOptions, part: Partial<IFilter>): string {
  if (part.isFavourite === true) {
    return trans.__('Favourites');
  }
  if (part.status) {
    return statusWord(part.status, trans);
  }
  const word = part.tag ?? part.folder ?? part.owner;
  return word ? middleCut(word, 40) : trans.__('Filter');
}

async function editDetails({ model, trans }: ICommandOptions, id: string): Promise<void> {
  const [{ detailsDialog }, view] = await Promise.all([import('./details'), model.read(id)]);
  const folders = [...new Set(model.known.flatMap(known => known.folder ?? []))].sort((a, b) =>
    a.localeCompare(b)
  );
  const save = (fields: Readonly<Record<string, unknown>>): Promise<unknown> =>
    model.edits.change(id, fields);
  await detailsDialog({ view, folders, save, trans }).launch();
}
