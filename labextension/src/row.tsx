/** One view in the sidebar's list. */

import { ellipsesIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { memo, type MouseEvent, type ReactElement } from 'react';

import { StatusBadge } from './badge';
import { Star } from './star';
import type { IView } from './tokens';
import { methodWords, moment, planWords, rowLabel, statusWord } from './words';

/** What a row can ask for; each is a command. */
export interface IRowActions {
  open(view: IView): void;
  refresh(view: IView): void;
  cancel(view: IView): void;
  share(view: IView): void;
  favourite(view: IView): void;
  showMenu(view: IView, x: number, y: number): void;
}

interface IRowProps {
  view: IView;
  /** What stands beside the status word; it grows older while the view stays the same. */
  detail: string;
  top: number;
  /** 1-based place and size of the whole section: only some rows are in the page. */
  place: number;
  size: number;
  isCurrent: boolean;
  actions: IRowActions;
  trans: TranslationBundle;
}

/** The end of a name that stays when its middle must go. */
const TAIL = 10;

/** Drawn again only when something that it shows is different. */
export const ViewRow = memo(function ViewRow(props: IRowProps): ReactElement {
  const { view, detail, actions, trans } = props;
  return (
    <div
      role="listitem"
      aria-setsize={props.size}
      aria-posinset={props.place}
      className="jp-ViewsRow"
      style={{ top: props.top }}
      data-short-id={view.shortId}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        const { x, y } = menuPlace(event);
        actions.showMenu(view, x, y);
      }}
    >
      <button
        type="button"
        className="jp-ViewsRow-open"
        data-views-key={view.shortId}
        tabIndex={props.isCurrent ? 0 : -1}
        aria-label={rowLabel(view, detail, trans)}
        title={rowTooltip(view, detail, trans)}
        onClick={() => actions.open(view)}
      >
        <span className="jp-ViewsRow-title">
          <Name name={view.name} />
          {!view.isMine && <span className="jp-ViewsRow-owner">({view.owner})</span>}
        </span>
        <span className="jp-ViewsRow-facts">
          <StatusBadge status={view.status} trans={trans} />
          {detail && <span className="jp-ViewsRow-detail">{detail}</span>}
        </span>
      </button>
      <RowButtons view={view} actions={actions} trans={trans} />
    </div>
  );
});

/** A name that loses its middle where the sidebar is too narrow for it. */
function Name({ name }: { name: string }): ReactElement {
  const letters = Array.from(name);
  const cut = letters.length > 2 * TAIL ? letters.length - TAIL : letters.length;
  return (
    <span className="jp-ViewsRow-name">
      <span className="jp-ViewsRow-head">{letters.slice(0, cut).join('')}</span>
      <span className="jp-ViewsRow-tail">{letters.slice(cut).join('')}</span>
    </span>
  );
}

function RowButtons(props: Pick<IRowProps, 'view' | 'actions' | 'trans'>): ReactElement {
  const { view, actions, trans } = props;
  const running = view.status === 'refreshing';
  const label = running ? trans.__('Cancel %1', view.name) : trans.__('Refresh %1', view.name);
  return (
    <span className="jp-ViewsRow-buttons">
      {view.canEdit ? (
        <button
          type="button"
          className="jp-Views-iconButton"
          tabIndex={-1}
          aria-pressed={view.isFavourite}
          aria-label={trans.__('Favourite: %1', view.name)}
          title={trans.__('Favourite (F)')}
          onClick={() => actions.favourite(view)}
        >
          <Star isFull={view.isFavourite} />
        </button>
      ) : (
        view.isFavourite && <Star isFull />
      )}
      <button
        type="button"
        className="jp-Views-iconButton"
        tabIndex={-1}
        aria-label={label}
        title={running ? trans.__('Cancel') : trans.__('Refresh (R)')}
        onClick={() => (running ? actions.cancel(view) : actions.refresh(view))}
      >
        {running ? <stopIcon.react tag="span" /> : <refreshIcon.react tag="span" />}
      </button>
      <button
        type="button"
        className="jp-Views-iconButton"
        tabIndex={-1}
        aria-haspopup="menu"
        aria-label={trans.__('More actions for %1', view.name)}
        title={trans.__('More actions (Shift+F10)')}
        onClick={(event: MouseEvent) => {
          const box = event.currentTarget.getBoundingClientRect();
          actions.showMenu(view, box.left, box.bottom);
        }}
      >
        <ellipsesIcon.react tag="span" />
      </button>
    </span>
  );
}

/** Where the menu opens: at the pointer, or below the row when a key asked. */
function menuPlace(event: MouseEvent): { x: number; y: number } {
  if (event.button === 2 && (event.clientX !== 0 || event.clientY !== 0)) {
    return { x: event.clientX, y: event.clientY };
  }
  const box = event.currentTarget.getBoundingClientRect();
  return { x: box.left + 24, y: box.bottom - 8 };
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function rowTooltip(view: IView, detail: string, trans: TranslationBundle): string {
  const lines = [view.name, [statusWord(view.status, trans), detail].filter(Boolean).join(': ')];
  if (view.description) {
    lines.push(view.description);
  }
  if (view.folder !== null) {
    lines.push(trans.__('Folder: %1', view.folder));
  }
  if (view.tags.length > 0) {
    lines.push(trans.__('Tags: %1', view.tags.join(', ')));
  }
  if (view.computedAt) {
    lines.push(trans.__('Data from %1', moment(view.computedAt)));
  }
  if (view.status === 'stale' && view.staleSources.length > 1) {
    lines.push(trans.__('Changed: %1', view.staleSources.join(', ')));
  }
  if (view.method !== null) {
    lines.push(sentence(methodWords(view.method, trans)));
  }
  lines.push(sentence(planWords(view, Date.now(), trans)));
  if (view.status === 'failed' && view.lastRefresh?.hint) {
    lines.push(view.lastRefresh.hint);
  }
  return lines.join('\n');
}
