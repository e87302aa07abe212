/** The decision log in a result tab: what was noticed, and what was done about it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { DocumentModel } from './document';
import { FollowingView } from './followingview';
import { LogModel } from './log';
import { byDay, timeWords } from './pastwords';
import { PastProblem } from './states';
import type { IDecision } from './records';
import { grouped, moment } from './words';

interface ILogOptions {
  document: DocumentModel;
  trans: TranslationBundle;
}

export class LogView extends FollowingView<LogModel> {
  constructor({ document, trans }: ILogOptions) {
    super(new LogModel(document), trans.__('Decision log'));
    this._trans = trans;
  }

  protected override render(): ReactElement | null {
    const { lines, problem, isReady } = this.model;
    const trans = this._trans;
    if (!isReady) {
      return null;
    }
    return (
      <>
        {problem !== null && (
          <PastProblem problem={problem} trans={trans} retry={() => void this.model.load()} />
        )}
        {lines.length === 0 && problem === null && (
          <p className="jp-ViewsPast-empty">
            {trans.__(
              'Nothing was decided yet. What the server notices about this view, and what it does then, is written here.'
            )}
          </p>
        )}
        {byDay(lines, Date.now(), trans).map(day => (
          <section key={day.name} aria-label={day.name}>
            <h3>{day.name}</h3>
            <ol className="jp-ViewsLog">
              {day.items.map(line => (
                <Line key={`${line.at} ${line.text}`} line={line} trans={trans} />
              ))}
            </ol>
          </section>
        ))}
      </>
    );
  }

  private readonly _trans: TranslationBundle;
}

function Line({ line, trans }: { line: IDecision; trans: TranslationBundle }): ReactElement {
  return (
    <li className="jp-ViewsLog-line" data-kind={line.kind}>
      <time dateTime={line.at} title={moment(line.at)}>
        {timeWords(line.at)}
      </time>
      <span className="jp-ViewsLog-text">
        {line.text}
        {line.count > 1 && (
          <span className="jp-ViewsLog-count">
            {' '}
            {trans.__('%1 times, until %2', grouped(line.count), timeWords(line.lastAt))}
          </span>
        )}
      </span>
    </li>
  );
}
