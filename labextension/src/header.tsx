/** The head of a result tab: what it is, how fresh it is, and what one can do about it. */

import { ReactWidget, refreshIcon, stopIcon, tableRowsIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReactElement } from 'react';

import { StatusBadge } from './badge';
import { CommandIDs } from './acting';
import type { DocumentModel } from './document';
import { Story } from './facts';
import { problemText } from './problem';
import { useRedraw } from './redraw';
import { Tabs } from './tabs';
import type { IView } from './tokens';
import { rowsWord, statusDetail } from './words';

interface IHeaderProps {
  document: DocumentModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export class ResultHeader extends ReactWidget {
  constructor(private readonly _props: IHeaderProps) {
    super();
    this.addClass('jp-ViewsResultHeader');
  }

  protected override render(): ReactElement {
    return <Header {...this._props} />;
  }
}

function Header({ document: model, commands, trans }: IHeaderProps): ReactElement | null {
  // The age grows although nothing changes: the list's own polling redraws it.
  useRedraw(model, model.views);
  const view = model.view;
  if (view === null) {
    return model.problem ? <Banner model={model} trans={trans} /> : null;
  }
  return (
    <>
      <div className="jp-ViewsResultHeader-line">
        <h2 title={view.description || view.name}>{view.name}</h2>
        <span className="jp-ViewsResultHeader-status">
          <StatusBadge status={view.status} trans={trans} />
          {view.status !== 'failed' && view.status !== 'fresh' && (
            <span>{statusDetail(view, Date.now(), trans)}</span>
          )}
        </span>
        <span className="jp-ViewsResultHeader-buttons">
          <RunButton view={view} commands={commands} trans={trans} />
          <button
            type="button"
            className="jp-Views-textButton"
            aria-haspopup="dialog"
            title={trans.__('Say who can see this view, and make a link for anyone')}
            onClick={() => void commands.execute(CommandIDs.share, { id: view.shortId })}
          >
            {trans.__('Share…')}
          </button>
          {view.canEdit && (
            <button
              type="button"
              className="jp-Views-textButton"
              aria-haspopup="dialog"
              title={trans.__('Say when this view is refreshed and when it counts as stale')}
              onClick={() => void commands.execute(CommandIDs.freshness, { id: view.shortId })}
            >
              {trans.__('Refresh when…')}
            </button>
          )}
        </span>
      </div>
      <Story
        view={view}
        trans={trans}
        seenChange={model.seenChange}
        showChanges={() => void commands.execute(CommandIDs.diff, { id: view.shortId })}
      />
      <Notes view={view} trans={trans} />
      <Banner model={model} trans={trans} />
      <div className="jp-ViewsResultHeader-tabs">
        <Tabs
          scope={model.id}
          tab={model.tab}
          trans={trans}
          go={tab => {
            model.tab = tab;
          }}
        />
        {model.tab === 'table' && model.pages !== null && (
          <PlainTableButton model={model} trans={trans} />
        )}
      </div>
    </>
  );
}

function PlainTableButton({
  model,
  trans
}: {
  model: DocumentModel;
  trans: TranslationBundle;
}): ReactElement {
  return (
    <button
      type="button"
      className="jp-Views-textButton"
      aria-pressed={model.asTable}
      title={trans.__('Show the rows as an HTML table (T)')}
      onClick={() => {
        model.asTable = !model.asTable;
      }}
    >
      <tableRowsIcon.react tag="span" />
      {trans.__('Plain table')}
    </button>
  );
}

function RunButton({
  view,
  commands,
  trans
}: { view: IView } & Omit<IHeaderProps, 'document'>): ReactElement {
  const running = view.status === 'refreshing';
  const command = running ? CommandIDs.cancel : CommandIDs.refresh;
  return (
    <button
      type="button"
      className="jp-Views-textButton"
      title={
        running
          ? trans.__('Stop; the last rows are kept')
          : trans.__('Run the query again (Ctrl+Enter)')
      }
      onClick={() => void commands.execute(command, { id: view.shortId })}
    >
      {running ? <stopIcon.react tag="span" /> : <refreshIcon.react tag="span" />}
      {running ? trans.__('Cancel') : trans.__('Refresh')}
    </button>
  );
}

function Notes({ view, trans }: { view: IView; trans: TranslationBundle }): ReactElement {
  return (
    <>
      {notesOf(view, trans).map(note => (
        <p key={note} className="jp-ViewsResultHeader-note">
          {note}
        </p>
      ))}
    </>
  );
}

function notesOf(view: IView, trans: TranslationBundle): readonly string[] {
  const notes: string[] = [];
  if (view.isExceeded) {
    notes.push(trans.__('Stale for longer than the limit that its owner set.'));
  }
  if (view.truncated) {
    const rows = rowsWord(view.rowCount ?? 0, trans);
    notes.push(
      trans.__('Truncated: only the first %1 are stored. Narrow the query to see the rest.', rows)
    );
  }
  if (view.computedAt === null && view.status !== 'refreshing') {
    notes.push(trans.__('No rows yet: Refresh runs the query.'));
  } else if (view.rowCount === 0) {
    notes.push(trans.__('The query returned no rows.'));
  }
  return notes;
}

/** What went wrong; the rows below stay. */
function Banner({
  model,
  trans
}: {
  model: DocumentModel;
  trans: TranslationBundle;
}): ReactElement | null {
  const view = model.view;
  if (model.isGone) {
    return <p className="jp-ViewsBanner">{trans.__('This view was deleted.')}</p>;
  }
  if (view?.status === 'failed') {
    const kept = view.computedAt ? trans.__('The rows below are the last good ones.') : '';
    const parts = [view.lastRefresh?.message, view.lastRefresh?.hint, kept];
    return <p className="jp-ViewsBanner">{parts.filter(Boolean).join(' ')}</p>;
  }
  if (model.problem === null) {
    return null;
  }
  return (
    <div className="jp-ViewsBanner">
      <span>{problemText(model.problem, trans)}</span>
      <button type="button" className="jp-Views-textButton" onClick={() => void model.load()}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
