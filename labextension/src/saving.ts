/** A dialog that stays open until the server has taken what is written in it. */

import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import type { Draft } from './draft';

interface ISavingOptions<T extends object> {
  title: string;
  draft: Draft<T>;
  form: Widget;
  /** Gets the changed fields by their names on the wire. */
  save: (fields: Readonly<Record<string, unknown>>) => Promise<unknown>;
  trans: TranslationBundle;
}

const SAVE = 1;

export class SavingDialog<T extends object> extends Dialog<void> {
  constructor({ title, draft, form, save, trans }: ISavingOptions<T>) {
    super({
      title,
      body: form,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Save') })
      ],
      focusNodeSelector: 'input'
    });
    this.addClass('jp-ViewsDialog');
    this._draft = draft;
    this._save = save;
  }

  override resolve(index: number = SAVE): void {
    if (index !== SAVE) {
      super.resolve(index);
    } else if (!this._isSaving) {
      void this._saveAndClose();
    }
  }

  private async _saveAndClose(): Promise<void> {
    const fields = this._draft.wireChanges;
    this._isSaving = true;
    try {
      if (Object.keys(fields).length > 0) {
        await this._save(fields);
      }
      super.resolve(SAVE);
    } catch (error) {
      this._draft.fail(error);
    } finally {
      this._isSaving = false;
    }
  }

  private readonly _draft: Draft<T>;
  private readonly _save: ISavingOptions<T>['save'];
  private _isSaving = false;
}
