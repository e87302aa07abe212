/** The dialog in which a view is shared: who can see it, the people, the link. */

import { Dialog } from '@jupyterlab/apputils';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { LinkSection } from './sharelink';
import { Question, QUESTION, type IShareProps } from './shareparts';
import { PeopleSection } from './sharepeople';
import type { SharingModel } from './sharing';
import { whoWords } from './sharewords';
import { middleCut } from './words';

const FOCUSABLE =
  'a[href], button:not([disabled]), input:not([disabled]), select, textarea, summary, [tabindex="0"]';

export class ShareDialog extends Dialog<void> {
  constructor(model: SharingModel, trans: TranslationBundle) {
    const title = trans.__('Share “%1”', middleCut(model.subject.name, 40));
    const body = new ShareBody(model, trans);
    super({
      title,
      body,
      buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
      focusNodeSelector: 'input, button'
    });
    this.node.setAttribute('aria-label', title);
    this.addClass('jp-ViewsDialog');
    this.addClass('jp-ViewsShareDialog');
    this._model = model;
    this._content = body;
    body.leave = () => this._leave();
  }

  override dispose(): void {
    this._model.dispose();
    super.dispose();
  }

  override resolve(): void {
    this.reject();
  }

  /** Nothing that somebody has written is lost by a key or a click beside. */
  override reject(): void {
    if (this._model.isDirty && !this._content.isLeaving) {
      this._content.isLeaving = true;
    } else if (!this._model.isDirty) {
      super.reject();
    }
  }

  private _leave(): void {
    super.reject();
  }

  /** The host's dialog is a question; this one is a form with buttons of its own. */
  override handleEvent(event: Event): void {
    if (event instanceof KeyboardEvent && event.type === 'keydown') {
      if (event.key === 'Tab') {
        this._stepInside(event);
      } else if (event.key === 'Escape' && !isIn(event.target, `.${QUESTION}`)) {
        super.handleEvent(event);
      }
    } else if (event.type === 'focus') {
      if (event.target instanceof Node && !this.node.contains(event.target)) {
        this._focusable[0]?.focus();
      }
    } else {
      super.handleEvent(event);
    }
  }

  private get _focusable(): readonly HTMLElement[] {
    const all = this.node.querySelectorAll<HTMLElement>(FOCUSABLE);
    return Array.from(all).filter(node => node.tabIndex >= 0 && node.offsetParent !== null);
  }

  /** The fields come and go, so both ends are looked up at every step. */
  private _stepInside(event: KeyboardEvent): void {
    const all = this._focusable;
    const [end, start] = event.shiftKey
      ? [all[0], all[all.length - 1]]
      : [all[all.length - 1], all[0]];
    if (document.activeElement === end) {
      event.preventDefault();
      start?.focus();
    }
    event.stopPropagation();
  }

  private readonly _model: SharingModel;
  private readonly _content: ShareBody;
}

function isIn(target: EventTarget | null, selector: string): boolean {
  return target instanceof Element && target.closest(selector) !== null;
}

class ShareBody extends VDomRenderer<SharingModel> {
  constructor(
    model: SharingModel,
    private readonly _trans: TranslationBundle
  ) {
    super(model);
    this.addClass('jp-ViewsForm');
    this.addClass('jp-ViewsShare');
  }

  leave: () => void = () => undefined;

  /** Somebody wants to go, with something unsaved. */
  get isLeaving(): boolean {
    return this._isLeaving;
  }

  set isLeaving(value: boolean) {
    this._isLeaving = value;
    this.update();
  }

  protected override render(): ReactElement {
    const trans = this._trans;
    return (
      <>
        <Body model={this.model} trans={trans} />
        {this._isLeaving && (
          <Question
            text={trans.__('Close without saving what you have changed?')}
            yes={trans.__('Discard and close')}
            no={trans.__('Go on')}
            answer={isYes => {
              this.isLeaving = false;
              if (isYes) {
                this.leave();
              }
            }}
          />
        )}
      </>
    );
  }

  private _isLeaving = false;
}

function Body({ model, trans }: IShareProps): ReactElement {
  const { subject, sharing, people } = model;
  return (
    <>
      <p className="jp-ViewsShare-who">{whoWords(subject, people, sharing, Date.now(), trans)}</p>
      {subject.isMine ? (
        <>
          <PeopleSection model={model} trans={trans} />
          <LinkSection model={model} trans={trans} />
        </>
      ) : (
        <p>
          {trans.__(
            'Only %1 can change that. Copy link, in the menu of the view, gives you its address for people who may read it already.',
            subject.owner
          )}
        </p>
      )}
      <p className="jp-ViewsShare-said" role="status">
        {model.said}
      </p>
    </>
  );
}
