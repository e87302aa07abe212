/** The filter of the list: a menu to set it, and a chip for each part that is set. */

import { closeIcon, filterIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import type { ReactElement, RefObject } from 'react';

import { CommandIDs } from './acting';
import { NO_FILTER, type IFilter } from './filter';
import { openMenu } from './menus';
import { STATUSES, type IView } from './tokens';
import { statusWord } from './words';

interface IFilterButtonProps {
  buttonRef: RefObject<HTMLButtonElement>;
  commands: CommandRegistry;
  /** Views whose tags, folders and owners are offered. */
  views: () => readonly IView[];
  trans: TranslationBundle;
}

export function FilterButton(props: IFilterButtonProps): ReactElement {
  const { buttonRef, commands, views, trans } = props;
  return (
    <button
      ref={buttonRef}
      type="button"
      className="jp-Views-iconButton"
      aria-haspopup="menu"
      aria-label={trans.__('Filter views')}
      title={trans.__('Filter views')}
      onClick={({ currentTarget }) => {
        const { left, bottom } = currentTarget.getBoundingClientRect();
        openMenu(filterMenu(commands, views(), trans), left, bottom);
      }}
    >
      <filterIcon.react tag="span" />
    </button>
  );
}

function filterMenu(
  commands: CommandRegistry,
  views: readonly IView[],
  trans: TranslationBundle
): Menu {
  const menu = new Menu({ commands });
  menu.addItem({ command: CommandIDs.filter, args: { by: 'isFavourite', value: true } });
  menu.addItem({ type: 'separator' });
  for (const value of STATUSES) {
    menu.addItem({ command: CommandIDs.filter, args: { by: 'status', value } });
  }
  menu.addItem({ type: 'separator' });
  const parts = [
    { by: 'tag', title: trans.__('Tag'), values: views.flatMap(view => view.tags) },
    { by: 'folder', title: trans.__('Folder'), values: views.flatMap(view => view.folder ?? []) },
    { by: 'owner', title: trans.__('Owner'), values: views.map(view => view.owner) }
  ];
  for (const { by, title, values } of parts.filter(part => part.values.length > 0)) {
    const submenu = new Menu({ commands });
    submenu.title.label = title;
    for (const value of [...new Set(values)].sort((a, b) => a.localeCompare(b))) {
      submenu.addItem({ command: CommandIDs.filter, args: { by, value } });
    }
    menu.addItem({ type: 'submenu', submenu });
  }
  return menu;
}

interface IChipsProps {
  filter: IFilter;
  trans: TranslationBundle;
  /** Take a part out of the filter. */
  drop: (part: Partial<IFilter>) => void;
}

export function FilterChips({ filter, trans, drop }: IChipsProps): ReactElement | null {
  const chips = chipsOf(filter, trans);
  if (chips.length === 0) {
    return null;
  }
  return (
    <ul className="jp-ViewsChips" aria-label={trans.__('Active filters')}>
      {chips.map(({ by, text }) => (
        <li key={by}>
          <button
            type="button"
            title={text}
            aria-label={trans.__('Remove the filter %1', text)}
            onClick={() => drop({ [by]: NO_FILTER[by] })}
          >
            <span>{text}</span>
            <closeIcon.react tag="span" />
          </button>
        </li>
      ))}
    </ul>
  );
}

interface IChip {
  readonly by: keyof IFilter;
  readonly text: string;
}

function chipsOf(filter: IFilter, trans: TranslationBundle): readonly IChip[] {
  const { isFavourite, status, tag, folder, owner } = filter;
  const chips: readonly IChip[] = [
    { by: 'isFavourite', text: isFavourite ? trans.__('Favourites') : '' },
    { by: 'status', text: status === null ? '' : statusWord(status, trans) },
    { by: 'tag', text: tag === null ? '' : trans.__('Tag: %1', tag) },
    { by: 'folder', text: folder === null ? '' : trans.__('Folder: %1', folder) },
    { by: 'owner', text: owner === null ? '' : trans.__('Owner: %1', owner) }
  ];
  return chips.filter(({ text }) => text !== '');
}
