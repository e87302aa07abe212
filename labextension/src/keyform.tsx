/** A new API key: the form, and its secret once it is made. */

import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useRef, type ReactElement } from 'react';

import type { IMadeApiKey, INewApiKey } from './apikeys';
import type { Draft } from './draft';
import { CheckField, Field } from './fields';
import type { Keyring } from './keyring';
import { problemText } from './problem';
import { EVERYTHING, mayRead, mayWrite, nounWord, NOUNS, withRight, type Noun } from './scopes';

interface IFormProps {
  draft: Draft<INewApiKey>;
  keyring: Keyring;
  trans: TranslationBundle;
}

export function KeyForm({ draft, keyring, trans }: IFormProps): ReactElement {
  const { value, problem, refused } = draft;
  const form = useRef<HTMLFormElement>(null);
  // First the first field; later the one to mend, once it says why.
  useEffect(() => {
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    const found = wrong ?? form.current;
    (found?.matches('input') ? found : found?.querySelector('input'))?.focus();
  }, [refused]);
  return (
    <form
      ref={form}
      className="jp-ViewsForm"
      aria-label={trans.__('New key')}
      onSubmit={event => {
        event.preventDefault();
        void keyring.make();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          keyring.abandon();
        }
      }}
    >
      {problem !== null && (
        <p className="jp-ViewsBanner" role="alert">
          {problemText(problem, trans)}
        </p>
      )}
      <Field
        id="jp-views-key-label"
        label={trans.__('Label')}
        hint={trans.__('What it is for: “weekly report”.')}
        error={draft.error('label')}
      >
        {own => (
          <input
            {...own}
            className="jp-mod-styled"
            type="text"
            autoComplete="off"
            maxLength={200}
            value={value.label}
            onChange={({ target }) => draft.change({ label: target.value })}
          />
        )}
      </Field>
      <Rights draft={draft} trans={trans} />
      {keyring.list?.canNameOthers === true && (
        <Field
          id="jp-views-key-user"
          label={trans.__('For whom')}
          hint={trans.__(
            'The name of the person whom the key speaks for. Empty: %1, which is you.',
            keyring.list.user
          )}
          error={draft.error('user')}
        >
          {own => (
            <input
              {...own}
              className="jp-mod-styled"
              type="text"
              autoComplete="off"
              spellCheck={false}
              maxLength={200}
              value={value.user}
              onChange={({ target }) => draft.change({ user: target.value })}
            />
          )}
        </Field>
      )}
      <Expiry draft={draft} trans={trans} />
      <div className="jp-ViewsForm-buttons">
        <button
          type="button"
          className="jp-Dialog-button jp-mod-reject jp-mod-styled"
          onClick={() => keyring.abandon()}
        >
          {trans.__('Cancel')}
        </button>
        <button type="submit" className="jp-Dialog-button jp-mod-accept jp-mod-styled">
          {trans.__('Make key')}
        </button>
      </div>
    </form>
  );
}

type IDraftProps = Pick<IFormProps, 'draft' | 'trans'>;

function Rights({ draft, trans }: IDraftProps): ReactElement {
  const { scopes } = draft.value;
  const error = draft.error('scopes');
  const isAll = scopes.includes(EVERYTHING);
  const change = (next: readonly string[]): void => draft.change({ scopes: next });
  return (
    <fieldset aria-invalid={error !== null}>
      <legend>{trans.__('What it may do')}</legend>
      {error !== null && (
        <p className="jp-ViewsField-error" role="alert">
          {error}
        </p>
      )}
      <CheckField
        id="jp-views-key-all"
        label={trans.__('Everything')}
        hint={trans.__('All that the person may, now and in later releases.')}
        error={null}
        isOn={isAll}
        change={isOn => change(isOn ? [EVERYTHING] : [])}
      />
      {!isAll && (
        <div className="jp-ViewsRights">
          {NOUNS.map(noun => (
            <Right key={noun} noun={noun} scopes={scopes} trans={trans} change={change} />
          ))}
        </div>
      )}
    </fieldset>
  );
}

interface IRightProps {
  noun: Noun;
  scopes: readonly string[];
  trans: TranslationBundle;
  change: (scopes: readonly string[]) => void;
}

function Right({ noun, scopes, trans, change }: IRightProps): ReactElement {
  const word = nounWord(noun, trans);
  const isRead = mayRead(scopes, noun);
  const isWritten = mayWrite(scopes, noun);
  return (
    <div className="jp-ViewsRights-noun" role="group" aria-label={word}>
      <span>{word}</span>
      <label>
        <input
          type="checkbox"
          checked={isRead}
          onChange={() => change(withRight(scopes, noun, isRead ? null : 'read'))}
        />
        {trans.__('read')}
      </label>
      <label>
        <input
          type="checkbox"
          checked={isWritten}
          onChange={() => change(withRight(scopes, noun, isWritten ? 'read' : 'write'))}
        />
        {trans.__('change')}
      </label>
    </div>
  );
}

/** Days; the empty one is never. */
const SPANS = [7, 30, 90, 365] as const;
const NEVER = '';

function Expiry({ draft, trans }: IDraftProps): ReactElement {
  const { expiresInDays } = draft.value;
  return (
    <Field
      id="jp-views-key-expiry"
      label={trans.__('Expires')}
      hint={expiresInDays === null ? trans.__('It is good until somebody revokes it.') : undefined}
      error={draft.error('expiresInDays')}
    >
      {own => (
        <select
          {...own}
          className="jp-Views-select"
          value={expiresInDays ?? NEVER}
          onChange={({ target }) =>
            draft.change({ expiresInDays: target.value === NEVER ? null : Number(target.value) })
          }
        >
          {SPANS.map(days => (
            <option key={days} value={days}>
              {trans._n('in %1 day', 'in %1 days', days)}
            </option>
          ))}
          <option value={NEVER}>{trans.__('never')}</option>
        </select>
      )}
    </Field>
  );
}

interface IMadeProps {
  made: IMadeApiKey;
  trans: TranslationBundle;
  putAway: () => void;
}

export function MadeKey({ made, trans, putAway }: IMadeProps): ReactElement {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, [made]);
  return (
    <div className="jp-ViewsKeys-made">
      <p role="status">
        {trans.__(
          '“%1” is made. Copy it now: it is shown only here, only this once.',
          made.key.label
        )}
      </p>
      <div className="jp-ViewsForm-buttons">
        <input
          ref={field}
          className="jp-mod-styled"
          type="text"
          readOnly
          aria-label={trans.__('The new key')}
          value={made.secret}
        />
        <button
          type="button"
          className="jp-Dialog-button jp-mod-accept jp-mod-styled"
          onClick={() => {
            Clipboard.copyToSystem(made.secret);
            Notification.info(trans.__('Key copied.'), { autoClose: 2000 });
          }}
        >
          {trans.__('Copy')}
        </button>
        <button
          type="button"
          className="jp-Dialog-button jp-mod-reject jp-mod-styled"
          onClick={putAway}
        >
          {trans.__('Done')}
        </button>
      </div>
    </div>
  );
}
