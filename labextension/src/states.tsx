/** What the sidebar says when it has no rows: each state one sentence and one action. */

import { copyIcon, refreshIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement, ReactNode } from 'react';

import { EXAMPLE_CELL, LOAD_LINE } from './example';
import { problemText, type Problem } from './problem';

interface IStateProps {
  trans: TranslationBundle;
}

interface IEmptyProps extends IStateProps {
  copyExample: () => void;
  tryExample: () => void;
}

export function EmptyState({ trans, copyExample, tryExample }: IEmptyProps): ReactElement {
  return (
    <State title={trans.__('No views yet.')}>
      <p>{trans.__('After %1, run this in a cell:', LOAD_LINE)}</p>
      <div className="jp-ViewsExample">
        <pre tabIndex={0} aria-label={trans.__('Example cell')}>
          {EXAMPLE_CELL}
        </pre>
        <button
          type="button"
          className="jp-Views-iconButton"
          aria-label={trans.__('Copy the example')}
          title={trans.__('Copy the example')}
          onClick={copyExample}
        >
          <copyIcon.react tag="span" />
        </button>
      </div>
      <button
        type="button"
        className="jp-Dialog-button jp-mod-accept jp-mod-styled"
        onClick={tryExample}
      >
        {trans.__('Try the example')}
      </button>
    </State>
  );
}

interface INothingFoundProps extends IStateProps {
  /** Empty when only the filter is to blame. */
  query: string;
  isFiltered: boolean;
  clear: () => void;
}

export function NothingFound(props: INothingFoundProps): ReactElement {
  const { trans, query, isFiltered, clear } = props;
  const search = query ? trans.__('Clear the search') : trans.__('Clear the filter');
  return (
    <State
      title={
        query ? trans.__('No view matches “%1”.', query) : trans.__('No view passes the filter.')
      }
    >
      <button
        type="button"
        className="jp-Dialog-button jp-mod-reject jp-mod-styled"
        onClick={clear}
      >
        {query && isFiltered ? trans.__('Clear search and filter') : search}
      </button>
    </State>
  );
}

interface IProblemProps extends IStateProps {
  problem: Problem;
  serverUrl: string;
  retry: () => void;
}

export function ProblemState({ trans, problem, serverUrl, retry }: IProblemProps): ReactElement {
  const again = (
    <button type="button" className="jp-Dialog-button jp-mod-accept jp-mod-styled" onClick={retry}>
      {trans.__('Try again')}
    </button>
  );
  if (problem.kind === 'missing') {
    return (
      <State title={trans.__('The server does not offer views.')}>
        <p>
          {trans.__(
            'Jupyter Views is installed in this page, but the server at %1 does not offer it.',
            serverUrl
          )}
        </p>
        <p>{trans.__('Next: run this where the server runs, then restart the server.')}</p>
        <pre className="jp-ViewsExample-line" tabIndex={0} aria-label={trans.__('Command to run')}>
          jupyter server extension enable jupyter_views
        </pre>
        {again}
      </State>
    );
  }
  if (problem.kind === 'offline') {
    return (
      <State title={trans.__('The server does not answer.')}>
        <p>{trans.__('The list returns by itself when the server does.')}</p>
        {again}
      </State>
    );
  }
  if (problem.kind === 'starting') {
    return (
      <State title={problemText(problem, trans)}>
        <p>{trans.__('They appear by themselves.')}</p>
        {again}
      </State>
    );
  }
  return (
    <State title={trans.__('The views could not be read.')}>
      <p>{problem.message}</p>
      {problem.hint && <p>{problem.hint}</p>}
      {again}
    </State>
  );
}

/** The same problem while older rows are still shown. */
export function ProblemBanner({
  trans,
  problem,
  retry
}: Omit<IProblemProps, 'serverUrl'>): ReactElement {
  const old = problem.kind === 'offline' ? trans.__('This list may be old.') : '';
  return (
    <div className="jp-ViewsBanner">
      <span>{[problemText(problem, trans), old].join(' ').trim()}</span>
      <button
        type="button"
        className="jp-Views-iconButton"
        aria-label={trans.__('Try again')}
        title={trans.__('Try again')}
        onClick={retry}
      >
        <refreshIcon.react tag="span" />
      </button>
    </div>
  );
}

/** A part of the past that could not be read; what was read before stays. */
export function PastProblem({
  trans,
  problem,
  retry
}: Omit<IProblemProps, 'serverUrl'>): ReactElement {
  return (
    <div className="jp-ViewsBanner" role="alert">
      <span>{problemText(problem, trans)}</span>
      <button type="button" className="jp-Views-textButton" onClick={retry}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}

function State({ title, children }: { title: string; children: ReactNode }): ReactElement {
  return (
    <div className="jp-ViewsState">
      <h3>{title}</h3>
      {children}
    </div>
  );
}
