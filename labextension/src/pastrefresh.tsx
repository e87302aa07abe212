/** One refresh on the line of time, with what it changed below it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { Comparison } from './comparison';
import type { Comparing } from './comparing';
import type { IChanges } from './events';
import { Marker, type Mark } from './marker';
import { causeWords, costWords, signs, timeWords } from './pastwords';
import type { IPastRefresh } from './records';
import { changesWords, grouped, moment } from './words';

interface IPastRefreshProps {
  refresh: IPastRefresh;
  /** The open comparison, or null while it is closed. */
  comparing: Comparing | null;
  comparable: readonly IPastRefresh[];
  isComparable: boolean;
  trans: TranslationBundle;
  toggle: () => void;
}

export function PastRefresh(props: IPastRefreshProps): ReactElement {
  const { refresh, comparing, comparable, isComparable, trans, toggle } = props;
  const mark = markOf(refresh);
  return (
    <li className="jp-ViewsTimeline-entry" data-mark={mark}>
      <time dateTime={refresh.at} title={moment(refresh.at)}>
        {timeWords(refresh.at)}
      </time>
      <Marker mark={mark} />
      <div className="jp-ViewsTimeline-body">
        <div className="jp-ViewsTimeline-line">
          <span className="jp-ViewsTimeline-what">{causeWords(refresh.cause, trans)}</span>
          <Outcome refresh={refresh} mark={mark} trans={trans} />
          {isComparable && (
            <button
              type="button"
              className="jp-Views-textButton"
              aria-expanded={comparing !== null}
              aria-label={trans.__('Compare the rows of %1', moment(refresh.at))}
              onClick={toggle}
            >
              {trans.__('Compare')}
            </button>
          )}
        </div>
        <Cost refresh={refresh} trans={trans} />
        {comparing !== null && (
          <Comparison comparing={comparing} comparable={comparable} trans={trans} />
        )}
      </div>
    </li>
  );
}

interface IPartProps {
  refresh: IPastRefresh;
  trans: TranslationBundle;
}

function Outcome({ refresh, mark, trans }: IPartProps & { mark: Mark }): ReactElement | null {
  switch (mark) {
    case 'running':
      return <span>{trans.__('running')}</span>;
    case 'cancelled':
      return <span>{trans.__('cancelled')}</span>;
    case 'failed':
      return (
        <span className="jp-ViewsTimeline-failure">
          {refresh.count > 1
            ? trans.__('failed %1 times: %2', grouped(refresh.count), refresh.message ?? '')
            : trans.__('failed: %1', refresh.message ?? '')}
        </span>
      );
    case 'unchanged':
      return <span className="jp-ViewsTimeline-dim">{unchangedWords(refresh, trans)}</span>;
    default:
      return refresh.changes === null ? null : (
        <ChangeSigns changes={refresh.changes} trans={trans} />
      );
  }
}

function unchangedWords(refresh: IPastRefresh, trans: TranslationBundle): string {
  return refresh.count > 1
    ? trans.__(
        '%1 refreshes without a change, %2 to %3',
        grouped(refresh.count),
        timeWords(refresh.firstAt),
        timeWords(refresh.at)
      )
    : trans.__('no row changed');
}

/** `+12 −3 ~1` to the eye, "12 added, 3 removed, 1 changed" to the ear. */
export function ChangeSigns({
  changes,
  trans
}: {
  changes: IChanges;
  trans: TranslationBundle;
}): ReactElement {
  return (
    <span className="jp-ViewsSigns" role="img" aria-label={changesWords(changes, trans)}>
      {signs(changes).map(sign => (
        <span key={sign.kind} data-change={sign.kind}>
          {sign.text}
        </span>
      ))}
    </span>
  );
}

function Cost({ refresh, trans }: IPartProps): ReactElement | null {
  const cost = costWords(refresh, trans);
  return cost.length === 0 ? null : (
    <ul className="jp-ViewsTimeline-cost" aria-label={trans.__('Cost')}>
      {cost.map(words => (
        <li key={words}>{words}</li>
      ))}
    </ul>
  );
}

function markOf(refresh: IPastRefresh): Mark {
  switch (refresh.status) {
    case 'QUEUED':
    case 'RUNNING':
      return 'running';
    case 'FAILED':
      return 'failed';
    case 'CANCELED':
      return 'cancelled';
    default:
      return refresh.isUnchanged === true ? 'unchanged' : 'changed';
  }
}
