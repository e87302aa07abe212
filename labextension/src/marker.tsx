/** The shapes on the line of time: what happened is told without colour too. */

import type { ReactElement } from 'react';

export type Mark = 'changed' | 'unchanged' | 'failed' | 'cancelled' | 'running' | 'version';

export function Marker({ mark }: { mark: Mark }): ReactElement {
  return (
    <svg
      className="jp-ViewsTimeline-marker"
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      <Shape mark={mark} />
    </svg>
  );
}

function Shape({ mark }: { mark: Mark }): ReactElement {
  switch (mark) {
    case 'changed':
      return <circle cx="8" cy="8" r="5" />;
    case 'unchanged':
      return <circle className="jp-ViewsBadge-line" cx="8" cy="8" r="4" />;
    case 'failed':
      return <path d="M8 2 15 14H1z" />;
    case 'cancelled':
      return <path className="jp-ViewsBadge-line" d="M4 4h8v8H4z" />;
    case 'running':
      return <path className="jp-ViewsBadge-line" d="M13 8a5 5 0 1 1-1.6-3.7" />;
    case 'version':
      return <path d="M8 1 15 8 8 15 1 8z" />;
  }
}
