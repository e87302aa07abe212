/** One version on the line of time, with what it changed in the SQL below it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import type { IOpenedSql } from './history';
import { Marker } from './marker';
import { timeWords } from './pastwords';
import type { IVersion } from './records';
import { SqlDiff } from './sqldiff';
import { moment } from './words';

interface IPastVersionProps {
  version: IVersion;
  /** What is open below it, or null while it is closed. */
  opened: IOpenedSql | null;
  versions: readonly IVersion[];
  canRestore: boolean;
  trans: TranslationBundle;
  toggle: () => void;
  compareWith: (from: number) => void;
  restore: () => void;
}

export function PastVersion(props: IPastVersionProps): ReactElement {
  const { version, opened, versions, canRestore, trans } = props;
  return (
    <li className="jp-ViewsTimeline-entry" data-mark="version">
      <time dateTime={version.at} title={moment(version.at)}>
        {timeWords(version.at)}
      </time>
      <Marker mark="version" />
      <div className="jp-ViewsTimeline-body">
        <div className="jp-ViewsTimeline-line">
          <span className="jp-ViewsTimeline-what">{trans.__('Version %1', version.n)}</span>
          <span>{trans.__('by %1', version.author)}</span>
          {version.n > 1 && (
            <button
              type="button"
              className="jp-Views-textButton"
              aria-expanded={opened !== null}
              aria-label={trans.__('SQL changes of version %1', version.n)}
              onClick={props.toggle}
            >
              {trans.__('SQL changes')}
            </button>
          )}
          {canRestore && (
            <button
              type="button"
              className="jp-Views-textButton"
              aria-haspopup="dialog"
              aria-label={trans.__('Restore version %1', version.n)}
              onClick={props.restore}
            >
              {trans.__('Restore')}
            </button>
          )}
        </div>
        {version.note !== null && <p className="jp-ViewsTimeline-note">{version.note}</p>}
        {opened !== null && (
          <SqlDiff
            opened={opened}
            versions={versions}
            trans={trans}
            compareWith={props.compareWith}
          />
        )}
      </div>
    </li>
  );
}
