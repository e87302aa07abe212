/** What is known about the rows in sight: from when, how they came about, what comes next. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { ISeenChange } from './document';
import type { IView } from './tokens';
import { age, changesWords, clock, methodWords, moment, planWords, shapeWords } from './words';

interface IStoryProps {
  view: IView;
  trans: TranslationBundle;
  seenChange: ISeenChange | null;
  showChanges: () => void;
}

/** One line: rows, from when, how computed, when next, what the last change of the rows was. */
export function Story({ view, trans, seenChange, showChanges }: IStoryProps): ReactElement {
  const now = Date.now();
  const plan = planWords(view, now, trans);
  return (
    <p className="jp-ViewsResultHeader-story">
      {view.computedAt !== null && (
        <>
          <span>{shapeWords(view.rowCount ?? 0, view.columnCount ?? 0, trans)}</span>
          <time dateTime={view.computedAt} title={moment(view.computedAt)}>
            {trans.__('data from %1', age(view.computedAt, now, trans))}
          </time>
        </>
      )}
      {view.method !== null && <span>{methodWords(view.method, trans)}</span>}
      <span title={view.nextRefreshAt === null ? undefined : moment(view.nextRefreshAt)}>
        {plan}
      </span>
      {seenChange !== null && (
        <button type="button" className="jp-ViewsResultHeader-change" onClick={showChanges}>
          {trans.__(
            '%1 at %2',
            seenChange.changes === null
              ? trans.__('Rows changed')
              : changesWords(seenChange.changes, trans),
            clock(seenChange.at, now)
          )}
        </button>
      )}
    </p>
  );
}
