/** Menus that open at a place and give the focus back. */

import type { Menu } from '@lumino/widgets';

/** Open a menu; when it closes, the focus returns to where it was. */
export function openMenu(menu: Menu, x: number, y: number): void {
  const before = document.activeElement;
  menu.aboutToClose.connect(() => {
    if (before instanceof HTMLElement && before.isConnected) {
      before.focus();
    }
  });
  menu.open(x, y);
}
