/** What a version changed in the SQL: a unified difference that reads without colours. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { IOpenedSql } from './history';
import type { ISqlDifference, ISqlLine, IVersion } from './records';

interface ISqlDiffProps {
  opened: IOpenedSql;
  versions: readonly IVersion[];
  trans: TranslationBundle;
  compareWith: (n: number) => void;
}

export function SqlDiff(props: ISqlDiffProps): ReactElement {
  const { opened, versions, trans, compareWith } = props;
  const { n, from, difference } = opened;
  return (
    <div className="jp-ViewsCompare">
      <div className="jp-ViewsCompare-choice">
        <label>
          {trans.__('Against')}
          <select
            className="jp-Views-select"
            value={from}
            onChange={({ target }) => compareWith(Number(target.value))}
          >
            {versions
              .filter(version => version.n !== n)
              .map(version => (
                <option key={version.n} value={version.n}>
                  {trans.__('Version %1', version.n)}
                </option>
              ))}
          </select>
        </label>
      </div>
      {difference !== null && <Lines difference={difference} trans={trans} />}
    </div>
  );
}

const SIGNS: Readonly<Record<ISqlLine['kind'], string>> = {
  same: ' ',
  added: '+',
  removed: '−',
  place: ''
};

function Lines({
  difference,
  trans
}: {
  difference: ISqlDifference;
  trans: TranslationBundle;
}): ReactElement {
  const { lines, from, to } = difference;
  if (lines.length === 0) {
    return (
      <p className="jp-ViewsPast-empty">
        {trans.__('The SQL is the same; versions also differ in parameters and frames.')}
      </p>
    );
  }
  const added = lines.filter(line => line.kind === 'added').length;
  const removed = lines.filter(line => line.kind === 'removed').length;
  return (
    <figure className="jp-ViewsSqlDiff">
      <figcaption>
        {trans.__(
          'Version %1 against version %2: %3, %4',
          to,
          from,
          trans._n('%1 line added', '%1 lines added', added),
          trans._n('%1 line removed', '%1 lines removed', removed)
        )}
      </figcaption>
      <div className="jp-ViewsSqlDiff-lines" tabIndex={0} role="group" aria-label={trans.__('SQL')}>
        {lines.map((line, index) => (
          <Line key={`${index}:${line.kind}`} line={line} />
        ))}
      </div>
    </figure>
  );
}

function Line({ line }: { line: ISqlLine }): ReactElement {
  const Kind = line.kind === 'added' ? 'ins' : line.kind === 'removed' ? 'del' : 'span';
  return (
    <div className="jp-ViewsSqlDiff-line" data-kind={line.kind}>
      <span className="jp-ViewsSqlDiff-sign">{SIGNS[line.kind]}</span>
      <Kind>{line.text || ' '}</Kind>
    </div>
  );
}
