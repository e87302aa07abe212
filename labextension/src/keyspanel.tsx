/** A tab with the API keys: what each may, until when, and a way to end it. */

import { Dialog, MainAreaWidget, Notification, showDialog } from '@jupyterlab/apputils';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { useEffect, useRef, type ReactElement } from 'react';

import { ApiKeys, type IApiKey, type INewApiKey } from './apikeys';
import { viewsIcon } from './icons';
import { KeyForm, MadeKey } from './keyform';
import { Keyring } from './keyring';
import { problemOf, problemText } from './problem';
import { scopesWords } from './scopes';
import { PastProblem } from './states';
import type { Transport } from './transport';
import { age, day, middleCut } from './words';

export const KEYS_ID = 'jupyter-views-keys';

interface IKeysOptions {
  transport: Transport;
  trans: TranslationBundle;
}

export class KeysPanel extends MainAreaWidget<KeysList> {
  constructor({ transport, trans }: IKeysOptions) {
    super({ content: new KeysList(new Keyring(new ApiKeys(transport), trans), trans) });
    this.id = KEYS_ID;
    this.title.icon = viewsIcon;
    this.title.label = trans.__('API keys');
    this.title.closable = true;
    this.toolbar.hide();
  }

  /** Begin a new key with what is known of it. */
  begin(wish: Partial<INewApiKey>): void {
    this.content.model.begin(wish);
  }
}

class KeysList extends VDomRenderer<Keyring> {
  constructor(
    keyring: Keyring,
    private readonly _trans: TranslationBundle
  ) {
    super(keyring);
    this.addClass('jp-ViewsKeys');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _trans.__('API keys'));
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    void this.model.load();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    void this.model.load();
  }

  protected override onActivateRequest(): void {
    this.node.focus();
  }

  protected override render(): ReactElement {
    return <Keys keyring={this.model} trans={this._trans} />;
  }
}

export interface IKeysProps {
  keyring: Keyring;
  trans: TranslationBundle;
}

function Keys({ keyring, trans }: IKeysProps): ReactElement {
  const { draft, list, made, problem } = keyring;
  const begin = useRef<HTMLButtonElement>(null);
  const isBusy = draft !== null || made !== null;
  // What was in front of the list is gone: its end gives the focus back.
  const wasBusy = useRef(false);
  useEffect(() => {
    if (wasBusy.current && !isBusy) {
      begin.current?.focus();
    }
    wasBusy.current = isBusy;
  }, [isBusy]);
  return (
    <>
      <h2>{trans.__('API keys')}</h2>
      <p className="jp-ViewsKeys-why">
        {trans.__('With a key, programs outside this server use its views in somebody’s name.')}
      </p>
      {problem !== null && (
        <PastProblem problem={problem} trans={trans} retry={() => void keyring.load()} />
      )}
      {made !== null && <MadeKey made={made} trans={trans} putAway={() => keyring.putAway()} />}
      {draft !== null ? (
        <KeyForm draft={draft} keyring={keyring} trans={trans} />
      ) : (
        <button
          ref={begin}
          type="button"
          className="jp-Views-textButton"
          onClick={() => keyring.begin()}
        >
          {trans.__('New key…')}
        </button>
      )}
      {list !== null && list.keys.length === 0 && draft === null && (
        <p className="jp-ViewsKeys-none">{trans.__('No keys yet.')}</p>
      )}
      {list !== null && list.keys.length > 0 && (
        <ul aria-label={trans.__('Keys')}>
          {[...list.keys].reverse().map(key => (
            <Key key={key.id} apiKey={key} you={list.user} keyring={keyring} trans={trans} />
          ))}
        </ul>
      )}
    </>
  );
}

function Key({
  apiKey,
  you,
  keyring,
  trans
}: IKeysProps & { apiKey: IApiKey; you: string }): ReactElement {
  return (
    <li className="jp-ViewsKey">
      <div className="jp-ViewsKey-facts">
        <h3>{apiKey.label}</h3> <code>{apiKey.prefix}…</code>
        <ul>
          {factsOf(apiKey, you, trans).map(fact => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      </div>
      <button
        type="button"
        className="jp-Views-textButton"
        aria-label={trans.__('Revoke %1', apiKey.label)}
        aria-haspopup="dialog"
        onClick={() => void revokeAfterAsking(apiKey, keyring, trans)}
      >
        {trans.__('Revoke…')}
      </button>
    </li>
  );
}

/** All that is known of a key, one sentence each. */
function factsOf(key: IApiKey, you: string, trans: TranslationBundle): readonly string[] {
  const now = Date.now();
  const facts = [
    scopesWords(key.scopes, trans),
    key.user === you ? trans.__('for you') : trans.__('for %1', key.user)
  ];
  if (key.project !== null) {
    facts.push(trans.__('in project %1 only', key.project));
  }
  if (key.expiresAt === null) {
    facts.push(trans.__('never expires'));
  } else if (Date.parse(key.expiresAt) <= now) {
    facts.push(trans.__('expired on %1', day(key.expiresAt)));
  } else {
    facts.push(trans.__('expires on %1', day(key.expiresAt)));
  }
  facts.push(
    key.lastUsedAt === null
      ? trans.__('never used')
      : trans.__('last used %1', age(key.lastUsedAt, now, trans))
  );
  return facts;
}

async function revokeAfterAsking(
  key: IApiKey,
  keyring: Keyring,
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Revoke this key?'),
    body: trans.__(
      'Whatever uses “%1” is refused from its next request on. This cannot be undone.',
      middleCut(key.label, 60)
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Revoke') })
    ],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await keyring.revoke(key);
  } catch (error) {
    Notification.error(problemText(problemOf(error), trans), { autoClose: 8000 });
  }
}
