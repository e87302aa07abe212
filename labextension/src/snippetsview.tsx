/** The API part of a result tab: a door, a language, and the text to copy. */

import { Clipboard } from '@jupyterlab/apputils';
import { copyIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReactElement } from 'react';

import { CommandIDs } from './acting';
import type { DocumentModel } from './document';
import { FollowingView } from './followingview';
import { scopesWords } from './scopes';
import { SnippetsModel, type IDoorSnippets, type ISnippet } from './snippets';
import { PastProblem } from './states';

interface ISnippetsOptions {
  document: DocumentModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export class SnippetsView extends FollowingView<SnippetsModel> {
  constructor({ document, commands, trans }: ISnippetsOptions) {
    super(new SnippetsModel(document), trans.__('API'));
    this._commands = commands;
    this._trans = trans;
  }

  protected override render(): ReactElement | null {
    const { model, _trans: trans } = this;
    if (!model.isReady) {
      return null;
    }
    const { problem, door, snippet } = model;
    return (
      <>
        {problem !== null && (
          <PastProblem problem={problem} trans={trans} retry={() => void model.load()} />
        )}
        {door === undefined && problem === null && (
          <p className="jp-ViewsPast-empty">
            {trans.__('No door of this view is open to other programs.')}
          </p>
        )}
        {door !== undefined && snippet !== undefined && (
          <div className="jp-ViewsApi">
            <Choice
              legend={trans.__('Door')}
              scope={`${model.document.id}-door`}
              options={model.doors.map(({ door }) => [door, doorWord(door, trans)])}
              chosen={door.door}
              choose={next => model.chooseDoor(next)}
            />
            <Choice
              legend={trans.__('Language')}
              scope={`${model.document.id}-language`}
              options={door.snippets.map(({ language, label }) => [language, label])}
              chosen={snippet.language}
              choose={next => model.chooseLanguage(next)}
            />
            <Text snippet={snippet} model={model} trans={trans} />
            <Notes
              door={door}
              snippet={snippet}
              variable={model.variable}
              trans={trans}
              makeKey={() => this._makeKey(snippet)}
            />
          </div>
        )}
      </>
    );
  }

  private _makeKey({ scopes }: ISnippet): void {
    const label = this.model.document.view?.name ?? '';
    void this._commands.execute(CommandIDs.keys, { label, scopes: [...scopes] });
  }

  private readonly _commands: CommandRegistry;
  private readonly _trans: TranslationBundle;
}

interface IChoiceProps {
  legend: string;
  /** Makes the group unique in the page. */
  scope: string;
  options: readonly (readonly [value: string, label: string])[];
  chosen: string;
  choose: (value: string) => void;
}

/** Radio buttons in a line: arrow keys move between them, one tab stop leads to them. */
function Choice({ legend, scope, options, chosen, choose }: IChoiceProps): ReactElement {
  return (
    <fieldset className="jp-ViewsApi-choice">
      <legend>{legend}</legend>
      {options.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name={`jp-views-${scope}`}
            value={value}
            checked={value === chosen}
            onChange={() => choose(value)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

interface ITextProps {
  snippet: ISnippet;
  model: SnippetsModel;
  trans: TranslationBundle;
}

function Text({ snippet, model, trans }: ITextProps): ReactElement {
  return (
    <div className="jp-ViewsApi-text">
      <div className="jp-ViewsApi-bar">
        <span role="status">
          {model.isCopied && trans.__('Copied: the text for %1.', snippet.label)}
        </span>
        <button
          type="button"
          className="jp-Views-textButton"
          onClick={() => {
            Clipboard.copyToSystem(snippet.text);
            model.noteCopied();
          }}
        >
          <copyIcon.react tag="span" />
          {trans.__('Copy')}
        </button>
      </div>
      <pre tabIndex={0} aria-label={trans.__('The text for %1', snippet.label)}>
        {snippet.text}
      </pre>
    </div>
  );
}

interface INotesProps {
  door: IDoorSnippets;
  snippet: ISnippet;
  variable: string;
  trans: TranslationBundle;
  makeKey: () => void;
}

function Notes({ door, snippet, variable, trans, makeKey }: INotesProps): ReactElement {
  return (
    <>
      {snippet.note !== null && <p>{snippet.note}</p>}
      <p>
        {trans.__(
          'The key is read from %1. Enough is one that %2.',
          variable,
          scopesWords(snippet.scopes, trans)
        )}{' '}
        <button type="button" className="jp-Views-textButton" onClick={makeKey}>
          {trans.__('Make a key…')}
        </button>
      </p>
      <p>{door.note}</p>
    </>
  );
}

function doorWord(door: string, trans: TranslationBundle): string {
  switch (door) {
    case 'perspective':
      return trans.__('Perspective');
    case 'insight':
      return trans.__('Insight');
    case 'endpoint':
      return trans.__('Endpoint');
    case 'reference':
      return trans.__('Query reference');
    default:
      return door;
  }
}
