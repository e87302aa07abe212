/** The access log of a link: who looked, and when. */

import type { ReactElement } from 'react';

import type { IShareProps } from './shareparts';
import { PastProblem } from './states';
import { visitWords } from './sharewords';
import { clock, moment } from './words';

const LIST = 'jp-views-share-visits';

export function VisitSection({ model, trans }: IShareProps): ReactElement {
  const { log } = model;
  const { visits } = log;
  const now = Date.now();
  return (
    <fieldset>
      <legend>{trans.__('Who looked')}</legend>
      {log.problem !== null && (
        <PastProblem problem={log.problem} trans={trans} retry={() => void log.show()} />
      )}
      <div className="jp-ViewsForm-buttons">
        <button
          type="button"
          className="jp-Views-textButton"
          aria-expanded={visits !== null}
          aria-controls={visits === null ? undefined : LIST}
          onClick={() => (visits === null ? void log.show() : log.hide())}
        >
          {trans.__('Access log')}
        </button>
      </div>
      {visits !== null && (
        <div id={LIST} className="jp-ViewsShare-visits">
          {visits.length === 0 ? (
            <p>{trans.__('Nobody has opened it yet.')}</p>
          ) : (
            <ol>
              {visits.map((visit, index) => (
                <li key={`${visit.at} ${index}`} data-kind={visit.kind}>
                  <time dateTime={visit.at} title={moment(visit.at)}>
                    {clock(visit.at, now)}
                  </time>
                  <span>{visitWords(visit, trans)}</span>
                  <span className="jp-ViewsShare-dim">{trans.__('from %1', visit.address)}</span>
                  <span className="jp-ViewsShare-dim">{trans.__('link …%1', visit.link)}</span>
                </li>
              ))}
            </ol>
          )}
          {log.hasMore && (
            <button
              type="button"
              className="jp-Views-textButton"
              onClick={() => void log.showMore()}
            >
              {trans.__('Show older visits')}
            </button>
          )}
        </div>
      )}
    </fieldset>
  );
}
