/** The status badge: shape, word and colour, the same on every surface. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { Status } from './tokens';
import { statusWord } from './words';

interface IBadgeProps {
  status: Status;
  trans: TranslationBundle;
}

export function StatusBadge({ status, trans }: IBadgeProps): ReactElement {
  return (
    <span className="jp-ViewsBadge" data-status={status}>
      <svg className="jp-ViewsBadge-shape" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <Shape status={status} />
      </svg>
      <span className="jp-ViewsBadge-word">{statusWord(status, trans)}</span>
    </span>
  );
}

function Shape({ status }: { status: Status }): ReactElement {
  switch (status) {
    case 'fresh':
      return <circle cx="8" cy="8" r="5.5" />;
    case 'stale':
      return (
        <>
          <circle className="jp-ViewsBadge-line" cx="8" cy="8" r="5.5" />
          <path d="M8 2.5a5.5 5.5 0 0 0 0 11z" />
        </>
      );
    case 'refreshing':
      return (
        <>
          <path className="jp-ViewsBadge-line" d="M13 8a5 5 0 1 1-1.6-3.7" />
          <path d="M13.8 1.8v4.4H9.4z" />
        </>
      );
    case 'failed':
      return <path d="M8 2 15 14H1z" />;
    case 'never_run':
      return <circle className="jp-ViewsBadge-line jp-ViewsBadge-dashed" cx="8" cy="8" r="5.5" />;
  }
}
