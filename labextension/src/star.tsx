/** The star of a favourite: full or only its line, so that colour is not needed. */

import type { ReactElement } from 'react';

export function Star({ isFull }: { isFull: boolean }): ReactElement {
  return (
    <span className="jp-ViewsStar" data-full={isFull}>
      <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path d="m8 1.8 1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6z" />
      </svg>
    </span>
  );
}
