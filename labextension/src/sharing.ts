/** The sharing of one view while its owner works on it. Knows no DOM. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { VDomModel } from '@jupyterlab/ui-components';

import { Draft } from './draft';
import { LinkDraft } from './linkdraft';
import { problemOf, type Problem } from './problem';
import type { IMadePassword, IPeople, ISharePassword, ISharing, ISubject, Shares } from './shares';
import { VisitLog } from './visitlog';

/** Where in the dialog something is done, and where what went wrong is told. */
export type Place = 'people' | 'switch' | 'link' | 'fields' | 'passwords';

export interface INewPassword {
  readonly password: string;
  /** Whose it is. */
  readonly note: string;
}

export interface IPeopleFields {
  readonly isPublic: boolean;
  /** Names, as they are typed. */
  readonly named: string;
}

const PASSWORD_WIRE = { password: 'raw_password', note: 'note' } as const;
const PEOPLE_WIRE = { isPublic: 'is_public', named: 'allowed_user_ids' } as const;
/** The server refuses shorter ones; it makes one where none is typed. */
const SHORTEST_PASSWORD = 8;

interface ISharingOptions {
  api: Shares;
  subject: ISubject;
  sharing: ISharing;
  trans: TranslationBundle;
  /** Called after every deed, for whoever shows what was done. */
  done: () => void;
}

export class SharingModel extends VDomModel {
  constructor(private readonly _options: ISharingOptions) {
    super();
    this.subject = _options.subject;
    this._people = _options.subject.people;
    this._sharing = _options.sharing;
    this._draft = this._newDraft();
    this._peopleDraft = this._newPeopleDraft();
    this._password = this._newPassword();
    this.log = this._watched(new VisitLog(_options.api));
  }

  readonly subject: ISubject;
  /** Who opened the link. */
  readonly log: VisitLog;

  get sharing(): ISharing {
    return this._sharing;
  }

  get people(): IPeople {
    return this._people;
  }

  get hasLink(): boolean {
    return this._sharing.createdAt !== null;
  }

  /** The link is over by itself. */
  isExpired(now: number): boolean {
    const { expiresAt } = this._sharing;
    return expiresAt !== null && Date.parse(expiresAt) <= now;
  }

  /** What the page shows and when it ends, as it is being written. */
  get draft(): LinkDraft {
    return this._draft;
  }

  get peopleDraft(): Draft<IPeopleFields> {
    return this._peopleDraft;
  }

  get password(): Draft<INewPassword> {
    return this._password;
  }

  /** Somebody wants a link and fills in its form. */
  get isMaking(): boolean {
    return this._isMaking;
  }

  set isMaking(value: boolean) {
    this._isMaking = value;
    this._problems.clear();
    this.stateChanged.emit();
  }

  /** The new link is to ask for a password. */
  get wantsPassword(): boolean {
    return this._wantsPassword;
  }

  set wantsPassword(value: boolean) {
    this._wantsPassword = value;
    this.stateChanged.emit();
  }

  /** The password that was just made, until it is put away. */
  get made(): IMadePassword | null {
    return this._made;
  }

  /** What was done last, for a reader that cannot see it. */
  get said(): string {
    return this._said;
  }

  /** Something is written that nobody has saved. */
  get isDirty(): boolean {
    const isAsked = this._isMaking || this.hasLink;
    return (
      (isAsked && this._draft.isDirty) ||
      Object.keys(this._password.changes).length > 0 ||
      Object.keys(this._peopleDraft.changes).length > 0
    );
  }

  problem(place: Place): Problem | null {
    return this._problems.get(place) ?? null;
  }

  savePeople(): Promise<boolean> {
    const { trans } = this._options;
    const draft = this._peopleDraft;
    const named = [...new Set(draft.value.named.split(/[,\n]/).map(name => name.trim()))];
    const people = { isPublic: draft.value.isPublic, named: named.filter(Boolean) };
    return this._do('people', draft, async () => {
      this._people = await this._options.api.setPeople(people);
      this._peopleDraft = this._newPeopleDraft();
      return trans.__('Saved who can read it.');
    });
  }

  /** Make the link as its form says, with a password where one is wanted. */
  make(): Promise<boolean> {
    const { api, trans } = this._options;
    const change = this._draft.toChange(Date.now(), trans);
    if (change === null || (this._wantsPassword && !this._isLongEnough())) {
      return Promise.resolve(false);
    }
    if (!this._wantsPassword) {
      return this._do('switch', this._draft, async () => {
        this._take(await api.change({ ...change, enabled: true, password_required: false }));
        return trans.__('The link is made.');
      });
    }
    const closed = { ...change, password_required: true };
    return this._do('switch', this._draft, async () => {
      // Nobody gets in before there is a password.
      this._take(await api.change(closed));
      await this._sendPassword();
      this._take(await api.change({ enabled: true }));
      return trans.__('The link and its password are made.');
    });
  }

  /** Open or close the link; its address stays. */
  switch(isOn: boolean): Promise<boolean> {
    const { api, trans } = this._options;
    if (isOn && this.isExpired(Date.now()) && !this._draft.isChanged('end')) {
      this._draft.refuse('end', trans.__('It is over. Choose another end, and save that first.'));
      return Promise.resolve(false);
    }
    return this._do('switch', null, async () => {
      this._sharing = await api.change({ enabled: isOn });
      return isOn ? trans.__('The link is switched on.') : trans.__('The link is switched off.');
    });
  }

  /** Save what the page shows and when it ends. */
  save(): Promise<boolean> {
    const { api, trans } = this._options;
    const change = this._draft.toChange(Date.now(), trans);
    if (change === null) {
      return Promise.resolve(false);
    }
    return this._do('fields', this._draft, async () => {
      this._take(await api.change(change));
      return trans.__('Saved. The page shows it from its next reading on.');
    });
  }

  undoPeople(): void {
    this._peopleDraft = this._newPeopleDraft();
    this.stateChanged.emit();
  }

  /** Write the fields anew from what is saved. */
  undo(): void {
    this._draft = this._newDraft();
    this.stateChanged.emit();
  }

  rotate(): Promise<boolean> {
    const { api, trans } = this._options;
    return this._do('link', null, async () => {
      this._sharing = await api.rotate();
      return trans.__('The link has another address.');
    });
  }

  revoke(): Promise<boolean> {
    const { api, trans } = this._options;
    return this._do('link', null, async () => {
      await api.revoke();
      this._made = null;
      this.log.hide();
      this._isMaking = false;
      this._wantsPassword = false;
      this._take(await api.sharing());
      return trans.__('The link is revoked.');
    });
  }

  askForPassword(isAsked: boolean): Promise<boolean> {
    const { api, trans } = this._options;
    return this._do('passwords', null, async () => {
      this._sharing = await api.change({ password_required: isAsked });
      return isAsked
        ? trans.__('The link asks for a password.')
        : trans.__('The link asks for no password.');
    });
  }

  addPassword(): Promise<boolean> {
    const { api, trans } = this._options;
    if (!this._isLongEnough()) {
      return Promise.resolve(false);
    }
    return this._do('passwords', this._password, async () => {
      await this._sendPassword();
      this._sharing = await api.sharing();
      return trans.__('The password is added.');
    });
  }

  removePassword({ id }: ISharePassword): Promise<boolean> {
    const { api, trans } = this._options;
    return this._do('passwords', null, async () => {
      await api.removePassword(id);
      this._sharing = await api.sharing();
      return trans.__('The password is removed.');
    });
  }

  /** Forget the password: nobody can read it here again. */
  putAway(): void {
    this._made = null;
    this.stateChanged.emit();
  }

  tell(what: string): void {
    this._said = what;
    this.stateChanged.emit();
  }

  /**
   * Do one thing at a time; true when it is done.
   *
   * What goes wrong is told at its field, where the draft has it, or in its place.
   */
  private async _do(
    place: Place,
    draft: { fail(error: unknown): void } | null,
    work: () => Promise<string>
  ): Promise<boolean> {
    if (this._isBusy) {
      return false;
    }
    this._isBusy = true;
    this._problems.delete(place);
    try {
      this._said = await work();
      return true;
    } catch (error) {
      if (draft === null) {
        this._problems.set(place, problemOf(error));
      } else {
        draft.fail(error);
      }
      return false;
    } finally {
      this._isBusy = false;
      this.stateChanged.emit();
      this._options.done();
    }
  }

  private async _sendPassword(): Promise<void> {
    const { password, note } = this._password.value;
    try {
      this._made = await this._options.api.addPassword(password, note);
    } catch (error) {
      this._password.fail(error);
      throw error;
    }
    this._password = this._newPassword();
  }

  private _isLongEnough(): boolean {
    const { password } = this._password.value;
    if (password.trim() && password.length < SHORTEST_PASSWORD) {
      const { trans } = this._options;
      this._password.refuse(
        'password',
        trans.__('At least %1 characters; empty for one that is made for you.', SHORTEST_PASSWORD)
      );
      return false;
    }
    return true;
  }

  /** The link as it is now; what was being written is saved with it. */
  private _take(sharing: ISharing): void {
    this._sharing = sharing;
    this._draft = this._newDraft();
  }

  private _newDraft(): LinkDraft {
    return this._watched(new LinkDraft(this._sharing));
  }

  private _newPassword(): Draft<INewPassword> {
    return this._watched(new Draft<INewPassword>({ password: '', note: '' }, PASSWORD_WIRE));
  }

  private _newPeopleDraft(): Draft<IPeopleFields> {
    const { isPublic, named } = this._people;
    return this._watched(new Draft({ isPublic, named: named.join(', ') }, PEOPLE_WIRE));
  }

  private _watched<T extends VDomModel>(draft: T): T {
    draft.stateChanged.connect(() => this.stateChanged.emit());
    return draft;
  }

  private _people: IPeople;
  private _sharing: ISharing;
  private _draft: LinkDraft;
  private _peopleDraft: Draft<IPeopleFields>;
  private _password: Draft<INewPassword>;
  private _made: IMadePassword | null = null;
  private _isMaking = false;
  private _wantsPassword = false;
  private _isBusy = false;
  private _said = '';
  private readonly _problems = new Map<Place, Problem>();
}
