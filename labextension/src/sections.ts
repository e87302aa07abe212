/** The sections of the list of views. Knows no DOM. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { ISection } from './list';
import type { ViewsModel } from './model';

/** Favourites, folders by name, what is mine, what others share: each view in the first that fits. */
export function sectionsOf(model: ViewsModel, trans: TranslationBundle): readonly ISection[] {
  const favourites = model.views.filter(view => view.isFavourite);
  const others = model.views.filter(view => !view.isFavourite);
  const unfiled = others.filter(view => view.folder === null);
  const folders = [...new Set(others.flatMap(view => view.folder ?? []))].sort((a, b) =>
    a.localeCompare(b)
  );
  const part = { isWhole: false, isFolder: false };
  const sections: readonly ISection[] = [
    {
      ...part,
      key: 'section:favourites',
      title: trans.__('Favourites'),
      views: favourites,
      isWhole: model.hasAllFavourites
    },
    ...folders.map(folder => ({
      ...part,
      key: `folder:${encodeURIComponent(folder)}`,
      title: folder,
      views: others.filter(view => view.folder === folder),
      isFolder: true
    })),
    {
      ...part,
      key: 'section:mine',
      title: trans.__('Mine'),
      views: unfiled.filter(view => view.isMine)
    },
    {
      ...part,
      key: 'section:shared',
      title: trans.__('Shared with me'),
      views: unfiled.filter(view => !view.isMine)
    }
  ];
  return sections.filter(({ key, views }) => views.length > 0 || key === 'section:mine');
}
