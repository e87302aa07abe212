/** The activity in a result tab: who did what with the view, with before and after. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { ActivityModel } from './activity';
import type { IDeed, IFieldChange } from './deeds';
import {
  attemptWords,
  changeRows,
  deedWords,
  fieldWords,
  personWords,
  valueWords
} from './deedwords';
import type { DocumentModel } from './document';
import { FollowingView } from './followingview';
import { byDay, timeWords } from './pastwords';
import { PastProblem } from './states';
import { grouped, moment } from './words';

interface IActivityOptions {
  document: DocumentModel;
  trans: TranslationBundle;
}

export class ActivityView extends FollowingView<ActivityModel> {
  constructor({ document, trans }: IActivityOptions) {
    super(new ActivityModel(document), trans.__('Activity'));
    this._trans = trans;
  }

  protected override render(): ReactElement | null {
    const { deeds, total, hasMore, problem, isReady } = this.model;
    const trans = this._trans;
    if (!isReady) {
      return null;
    }
    return (
      <>
        {problem !== null && (
          <PastProblem problem={problem} trans={trans} retry={() => void this.model.load()} />
        )}
        {deeds.length === 0 && problem === null && (
          <p className="jp-ViewsPast-empty">
            {trans.__(
              'Nobody has done anything with this view yet. Changes, sharing and passwords that were tried are written here; refreshes are in the history.'
            )}
          </p>
        )}
        {byDay(deeds, Date.now(), trans).map(day => (
          <section key={day.name} aria-label={day.name}>
            <h3>{day.name}</h3>
            <ol className="jp-ViewsDeeds">
              {day.items.map(deed => (
                <Deed key={deed.id} deed={deed} trans={trans} />
              ))}
            </ol>
          </section>
        ))}
        {hasMore && (
          <button
            type="button"
            className="jp-Views-textButton"
            onClick={() => void this.model.loadMore()}
          >
            {trans.__('Show older ones (%1 of %2)', grouped(deeds.length), grouped(total))}
          </button>
        )}
      </>
    );
  }

  private readonly _trans: TranslationBundle;
}

interface IDeedProps {
  deed: IDeed;
  trans: TranslationBundle;
}

/** All text comes from people: it is put in as text, never as markup. */
function Deed({ deed, trans }: IDeedProps): ReactElement {
  const changes = changeRows(deed);
  return (
    <li className="jp-ViewsDeed" data-activity={deed.activity}>
      <time dateTime={deed.at} title={moment(deed.at)}>
        {timeWords(deed.at)}
      </time>
      <div className="jp-ViewsDeed-body">
        <p>
          <strong>{personWords(deed, trans)}</strong> {deedWords(deed, trans)}
          {attemptWords(deed, trans).map(words => (
            <span key={words} className="jp-ViewsDeed-attempt">
              {words}
            </span>
          ))}
        </p>
        {changes.length > 0 && <Changes changes={changes} trans={trans} />}
      </div>
    </li>
  );
}

function Changes({
  changes,
  trans
}: {
  changes: readonly IFieldChange[];
  trans: TranslationBundle;
}): ReactElement {
  return (
    <table className="jp-ViewsDeed-changes">
      <thead>
        <tr>
          <th scope="col">{trans.__('What')}</th>
          <th scope="col">{trans.__('Before')}</th>
          <th scope="col">{trans.__('After')}</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, after }) => (
          <tr key={field}>
            <th scope="row">{fieldWords(field, trans)}</th>
            <Value field={field} value={before} trans={trans} />
            <Value field={field} value={after} trans={trans} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface IValueProps {
  field: string;
  value: unknown;
  trans: TranslationBundle;
}

function Value({ field, value, trans }: IValueProps): ReactElement {
  const words = valueWords(field, value, trans);
  return words === '' ? (
    <td data-null="true">{trans.__('nothing')}</td>
  ) : (
    <td data-code={CODE.has(field) || undefined}>{words}</td>
  );
}

/** Fields that hold SQL. */
const CODE = new Set(['query', 'changed_when']);
