/** The passwords of a link: added, shown once, listed by their labels, removed. */

import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useRef, type ReactElement } from 'react';

import type { Draft } from './draft';
import { CheckField, Field } from './fields';
import { DraftRefusal, Refusal, type IShareProps } from './shareparts';
import type { IMadePassword, ISharePassword } from './shares';
import type { INewPassword } from './sharing';
import { day } from './words';

export function PasswordSection({ model, trans }: IShareProps): ReactElement {
  const { asksPassword, passwords } = model.sharing;
  const list = useRef<HTMLFieldSetElement>(null);
  const remove = async (password: ISharePassword): Promise<void> => {
    if (await model.removePassword(password)) {
      // The button that was pressed is gone.
      const next = list.current?.querySelector<HTMLElement>('li button, input[type="text"]');
      next?.focus();
    }
  };
  return (
    <fieldset ref={list}>
      <legend>{trans.__('Passwords')}</legend>
      <Refusal model={model} place="passwords" trans={trans} />
      <CheckField
        id="jp-views-share-protected"
        label={trans.__('Ask for a password')}
        hint={
          asksPassword && passwords.length > 0
            ? trans.__('Each of them opens the link; what a removed one opened ends at once.')
            : undefined
        }
        error={null}
        isOn={asksPassword}
        change={isOn => void model.askForPassword(isOn)}
      />
      {asksPassword && passwords.length > 0 && (
        <ul className="jp-ViewsShare-passwords" aria-label={trans.__('Passwords')}>
          {passwords.map(password => (
            <li key={password.id}>
              <span>{password.note ?? trans.__('without a label')}</span>
              <span className="jp-ViewsShare-dim">{trans.__('since %1', day(password.at))}</span>
              <button
                type="button"
                className="jp-Views-textButton"
                aria-label={trans.__('Remove the password %1', password.note ?? day(password.at))}
                onClick={() => void remove(password)}
              >
                {trans.__('Remove')}
              </button>
            </li>
          ))}
        </ul>
      )}
      {asksPassword && (
        <form
          aria-label={trans.__('New password')}
          onSubmit={event => {
            event.preventDefault();
            void model.addPassword();
          }}
        >
          <DraftRefusal draft={model.password} trans={trans} />
          <PasswordFields draft={model.password} trans={trans} />
          <div className="jp-ViewsForm-buttons">
            <button type="submit" className="jp-Dialog-button jp-mod-reject jp-mod-styled">
              {trans.__('Add password')}
            </button>
          </div>
        </form>
      )}
    </fieldset>
  );
}

interface IFieldsProps {
  draft: Draft<INewPassword>;
  trans: TranslationBundle;
}

export function PasswordFields({ draft, trans }: IFieldsProps): ReactElement {
  const { note, password } = draft.value;
  return (
    <>
      <Field
        id="jp-views-share-note"
        label={trans.__('Label')}
        hint={trans.__('Whose it is, to remove it alone later.')}
        error={draft.error('note')}
      >
        {own => (
          <input
            {...own}
            className="jp-mod-styled"
            type="text"
            autoComplete="off"
            maxLength={100}
            value={note}
            onChange={({ target }) => draft.change({ note: target.value })}
          />
        )}
      </Field>
      <Field
        id="jp-views-share-password"
        label={trans.__('Password')}
        hint={trans.__('Empty: one is made for you.')}
        error={draft.error('password')}
      >
        {own => (
          <input
            {...own}
            className="jp-mod-styled jp-ViewsField-code"
            type="text"
            autoComplete="off"
            spellCheck={false}
            value={password}
            onChange={({ target }) => draft.change({ password: target.value })}
          />
        )}
      </Field>
    </>
  );
}

export function MadePassword({
  made,
  model,
  trans
}: IShareProps & { made: IMadePassword }): ReactElement {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, [made]);
  return (
    <div className="jp-ViewsShare-made">
      <p role="status">
        {made.note === null
          ? trans.__('Copy the password now: it is shown only here, only this once.')
          : trans.__(
              'Copy the password “%1” now: it is shown only here, only this once.',
              made.note
            )}
      </p>
      <div className="jp-ViewsShare-address">
        <input
          ref={field}
          className="jp-mod-styled"
          type="text"
          readOnly
          aria-label={trans.__('The new password')}
          value={made.password}
        />
        <button
          type="button"
          className="jp-Dialog-button jp-mod-accept jp-mod-styled"
          onClick={() => {
            Clipboard.copyToSystem(made.password);
            model.tell(trans.__('Password copied.'));
          }}
        >
          {trans.__('Copy password')}
        </button>
        <button
          type="button"
          className="jp-Dialog-button jp-mod-reject jp-mod-styled"
          onClick={() => model.putAway()}
        >
          {trans.__('Done')}
        </button>
      </div>
    </div>
  );
}
