/** The sidebar's icon and the shapes of the five states. */

import { LabIcon } from '@jupyterlab/ui-components';

/** Tiles of a page. */
export const dashboardIcon = new LabIcon({
  name: 'jupyter-views:dashboard',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161"
    d="M4 3h7v9H4zM13 3h7v5h-7zM13 10h7v11h-7zM4 14h7v7H4z"/>
</svg>`
});

/** A table with one live row: an eye would promise watching, a table alone is a file. */
export const viewsIcon = new LabIcon({
  name: 'jupyter-views:views',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd"
    d="M4 3h16a1 1 0 0 1 1 1v7.1a6.5 6.5 0 0 0-2-.9V9h-5v2.6a6.5 6.5 0 0 0-2 2V9H5v4h6.2a6.5 6.5 0 0 0-.5 2H5v4h6.2c.2.7.6 1.4 1 2H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z"/>
  <path class="jp-icon3 jp-icon-selectable" fill="#616161"
    d="M17.5 12a4.5 4.5 0 0 1 3.6 1.8L22.3 12.6v4h-4l1.4-1.4a2.7 2.7 0 1 0 .4 2.6h1.9A4.5 4.5 0 1 1 17.5 12z"/>
</svg>`
});
