/** The link of a view for anyone: made, copied, switched, given another address, revoked. */

import { Clipboard } from '@jupyterlab/apputils';
import { useEffect, useRef, useState, type ReactElement } from 'react';

import { CheckField } from './fields';
import { LinkFields } from './sharefields';
import {
  DraftRefusal,
  Question,
  Refusal,
  SaveButtons,
  useMending,
  type IShareProps
} from './shareparts';
import { MadePassword, PasswordFields, PasswordSection } from './sharepasswords';
import { VisitSection } from './sharevisits';
import { columnsWarning, linkFacts } from './sharewords';
import { clock } from './words';

export function LinkSection({ model, trans }: IShareProps): ReactElement {
  const { sharing, hasLink, isMaking } = model;
  const section = useRef<HTMLElement>(null);
  useMending(section, model.draft.refused);
  useMending(section, model.password.refused);
  // Whatever had the focus ended with the link.
  const hadLink = useRef(hasLink);
  useEffect(() => {
    if (hadLink.current && !hasLink) {
      section.current?.querySelector('input')?.focus();
    }
    hadLink.current = hasLink;
  }, [hasLink]);
  if (!sharing.isAllowed && !hasLink) {
    return (
      <section aria-label={trans.__('Link for anyone')}>
        <h3>{trans.__('Link for anyone')}</h3>
        <p>{switchedOffWords({ model, trans })}</p>
      </section>
    );
  }
  const isOn = hasLink ? sharing.isOn : isMaking;
  const warning = columnsWarning(model.subject.columns, trans);
  return (
    <section ref={section} aria-label={trans.__('Link for anyone')}>
      <h3>{trans.__('Link for anyone')}</h3>
      {!sharing.isAllowed && <p className="jp-ViewsBanner">{switchedOffWords({ model, trans })}</p>}
      <CheckField
        id="jp-views-share-link"
        label={trans.__('Anyone who has the address can read it, without an account')}
        hint={switchHint({ model, trans })}
        error={null}
        isOn={isOn}
        change={on => {
          if (hasLink) {
            void model.switch(on);
          } else {
            model.isMaking = on;
          }
        }}
      />
      <Refusal model={model} place="switch" trans={trans} />
      {warning && (isMaking || hasLink) && <p className="jp-ViewsShare-warning">{warning}</p>}
      {model.made !== null && <MadePassword made={model.made} model={model} trans={trans} />}
      {hasLink ? (
        <Link model={model} trans={trans} />
      ) : (
        isMaking && <NewLink model={model} trans={trans} />
      )}
    </section>
  );
}

function switchedOffWords({ model, trans }: IShareProps): string {
  return model.hasLink
    ? trans.__(
        'Links are switched off by the administrator of this server: this one opens for nobody.'
      )
    : trans.__('Links are switched off by the administrator of this server (allow_public_links).');
}

function switchHint({ model, trans }: IShareProps): string | undefined {
  const { sharing, hasLink } = model;
  return hasLink && !sharing.isOn
    ? trans.__('Switched off: it opens for nobody. Its address stays for later.')
    : undefined;
}

function NewLink({ model, trans }: IShareProps): ReactElement {
  return (
    <form
      aria-label={trans.__('New link')}
      onSubmit={event => {
        event.preventDefault();
        void model.make();
      }}
    >
      <DraftRefusal draft={model.draft} trans={trans} />
      <LinkFields draft={model.draft} parameters={model.subject.parameters} trans={trans} />
      <CheckField
        id="jp-views-share-protect"
        label={trans.__('Ask for a password')}
        error={null}
        isOn={model.wantsPassword}
        change={isOn => {
          model.wantsPassword = isOn;
        }}
      />
      {model.wantsPassword && <PasswordFields draft={model.password} trans={trans} />}
      <div className="jp-ViewsForm-buttons">
        <button type="submit" className="jp-Dialog-button jp-mod-accept jp-mod-styled">
          {trans.__('Create link')}
        </button>
      </div>
    </form>
  );
}

function Link({ model, trans }: IShareProps): ReactElement {
  const { sharing, draft } = model;
  return (
    <>
      <Address model={model} trans={trans} />
      <ul className="jp-ViewsShare-facts">
        {linkFacts(sharing, Date.now(), trans).map(fact => (
          <li key={fact}>{fact}</li>
        ))}
      </ul>
      <form
        aria-label={trans.__('What the page shows')}
        onSubmit={event => {
          event.preventDefault();
          void model.save();
        }}
      >
        <DraftRefusal draft={draft} trans={trans} />
        <LinkFields draft={draft} parameters={model.subject.parameters} trans={trans} />
        <SaveButtons
          draft={draft}
          label={trans.__('Save changes')}
          undo={() => model.undo()}
          trans={trans}
        />
      </form>
      <PasswordSection model={model} trans={trans} />
      <VisitSection model={model} trans={trans} />
      <EndSection model={model} trans={trans} />
    </>
  );
}

function Address({ model, trans }: IShareProps): ReactElement {
  const { url, createdAt, oldUrlUntil } = model.sharing;
  const field = useRef<HTMLInputElement>(null);
  // A link that was made here, or has a new address, is the next thing to copy.
  const made = useRef(createdAt);
  const isNew = model.isMaking;
  // A new password is shown this once, so it comes first.
  const hasPassword = useRef(false);
  hasPassword.current = model.made !== null;
  useEffect(() => {
    if ((made.current !== createdAt || isNew) && !hasPassword.current) {
      made.current = createdAt;
      field.current?.focus();
      field.current?.select();
    }
  }, [createdAt, isNew]);
  return (
    <>
      {url === null ? (
        <p>
          {trans.__(
            'Its address cannot be shown any more. New address, below, makes one that can.'
          )}
        </p>
      ) : (
        <div className="jp-ViewsShare-address">
          <input
            ref={field}
            className="jp-mod-styled"
            type="text"
            readOnly
            aria-label={trans.__('Address of the link')}
            value={url}
            onFocus={({ target }) => target.select()}
          />
          <button
            type="button"
            className="jp-Dialog-button jp-mod-accept jp-mod-styled"
            onClick={() => {
              Clipboard.copyToSystem(url);
              model.tell(trans.__('Address copied.'));
            }}
          >
            {trans.__('Copy address')}
          </button>
        </div>
      )}
      {oldUrlUntil !== null && (
        <p className="jp-ViewsShare-warning">
          {trans.__('The address before this one works until %1.', clock(oldUrlUntil, Date.now()))}
        </p>
      )}
    </>
  );
}

/** Another address, or none. */
function EndSection({ model, trans }: IShareProps): ReactElement {
  const [isAsking, setAsking] = useState(false);
  const revoke = useRef<HTMLButtonElement>(null);
  return (
    <fieldset>
      <legend>{trans.__('New address, or an end')}</legend>
      <Refusal model={model} place="link" trans={trans} />
      <p className="jp-ViewsField-hint">
        {trans.__(
          'A new address leaves passwords and settings as they are; the one before works for five more minutes. Revoking ends both at once, for good.'
        )}
      </p>
      {isAsking ? (
        <Question
          text={trans.__(
            'Revoke this link? Nobody can open it from now on, and it cannot be undone.'
          )}
          yes={trans.__('Revoke')}
          no={trans.__('Keep it')}
          answer={isYes => {
            void (isYes ? model.revoke() : Promise.resolve(false)).then(isDone => {
              setAsking(false);
              if (!isDone) {
                window.requestAnimationFrame(() => revoke.current?.focus());
              }
            });
          }}
        />
      ) : (
        <div className="jp-ViewsForm-buttons">
          <button
            type="button"
            className="jp-Dialog-button jp-mod-reject jp-mod-styled"
            onClick={() => void model.rotate()}
          >
            {trans.__('New address')}
          </button>
          <button
            ref={revoke}
            type="button"
            className="jp-Dialog-button jp-mod-warn jp-mod-styled"
            onClick={() => setAsking(true)}
          >
            {trans.__('Revoke…')}
          </button>
        </div>
      )}
    </fieldset>
  );
}
