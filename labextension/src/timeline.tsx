/** The history in a result tab: refreshes and versions on one line of time, newest first. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import type { ReactElement } from 'react';

import { CommandIDs } from './acting';
import type { DocumentModel } from './document';
import { FollowingView } from './followingview';
import { HistoryModel, type Entry } from './history';
import { byDay } from './pastwords';
import { PastRefresh } from './pastrefresh';
import { PastVersion } from './pastversion';
import { PastProblem } from './states';

interface IHistoryOptions {
  document: DocumentModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export class HistoryView extends FollowingView<HistoryModel> {
  constructor({ document, commands, trans }: IHistoryOptions) {
    super(new HistoryModel(document), trans.__('History'));
    this._commands = commands;
    this._trans = trans;
    document.stateChanged.connect(this._onDocument, this);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.model.document.stateChanged.disconnect(this._onDocument, this);
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._onDocument();
  }

  protected override render(): ReactElement | null {
    return <History model={this.model} commands={this._commands} trans={this._trans} />;
  }

  /** Somebody asked, wherever he was, what the newest change was. */
  private _onDocument(): void {
    if (this.isAttached && this.model.document.takeChangeWish()) {
      void this.model.showNewest();
    }
  }

  private readonly _commands: CommandRegistry;
  private readonly _trans: TranslationBundle;
}

interface IHistoryProps {
  model: HistoryModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

function History({ model, commands, trans }: IHistoryProps): ReactElement | null {
  const { problem, isReady, entries } = model;
  if (!isReady) {
    return null;
  }
  return (
    <>
      {problem !== null && (
        <PastProblem problem={problem} trans={trans} retry={() => void model.load()} />
      )}
      <div className="jp-ViewsPast-bar">
        <label>
          <input
            type="checkbox"
            checked={model.isVersionsOnly}
            onChange={({ target }) => {
              model.isVersionsOnly = target.checked;
            }}
          />
          {trans.__('Versions only')}
        </label>
      </div>
      {byDay(entries, Date.now(), trans).map(day => (
        <section key={day.name} aria-label={day.name}>
          <h3>{day.name}</h3>
          <ol className="jp-ViewsTimeline">
            {day.items.map(entry => (
              <TimelineEntry
                key={keyOf(entry)}
                entry={entry}
                model={model}
                commands={commands}
                trans={trans}
              />
            ))}
          </ol>
        </section>
      ))}
      {model.hasMore && !model.isVersionsOnly && (
        <button type="button" className="jp-Views-textButton" onClick={() => void model.loadMore()}>
          {trans.__('Show older refreshes')}
        </button>
      )}
    </>
  );
}

function TimelineEntry({
  entry,
  model,
  commands,
  trans
}: IHistoryProps & { entry: Entry }): ReactElement {
  const { opened, document } = model;
  if (entry.kind === 'refresh') {
    const { id } = entry.refresh;
    return (
      <PastRefresh
        refresh={entry.refresh}
        comparing={opened?.kind === 'rows' && opened.id === id ? opened.comparing : null}
        comparable={model.comparable}
        isComparable={model.isComparable(entry.refresh)}
        trans={trans}
        toggle={() => model.toggleRows(id)}
      />
    );
  }
  const { version } = entry;
  return (
    <PastVersion
      version={version}
      opened={opened?.kind === 'sql' && opened.n === version.n ? opened : null}
      versions={model.versions}
      canRestore={document.view?.canEdit === true && document.view.version !== version.n}
      trans={trans}
      toggle={() => void model.toggleSql(version.n)}
      compareWith={from => void model.compareSql(version.n, from)}
      restore={() =>
        void commands.execute(CommandIDs.restore, { id: document.id, version: version.n })
      }
    />
  );
}

function keyOf(entry: Entry): string {
  return entry.kind === 'refresh' ? entry.refresh.id : `version ${entry.version.n}`;
}
