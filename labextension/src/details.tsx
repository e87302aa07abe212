/** The words of a view in a dialog: name, description, folder, tags. */

import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useState, type ReactElement } from 'react';

import { Draft } from './draft';
import { Field, FormProblem, useWrongField } from './fields';
import { SavingDialog } from './saving';
import type { IView } from './tokens';
import { middleCut } from './words';

/** Null where nothing is said. */
interface IDetails {
  readonly name: string;
  readonly description: string | null;
  readonly folder: string | null;
  readonly tags: readonly string[];
}

const FIELDS: Readonly<Record<keyof IDetails, string>> = {
  name: 'name',
  description: 'description',
  folder: 'folder',
  tags: 'tags'
};

interface IDetailsOptions {
  view: IView;
  /** Offered while one types. */
  folders: readonly string[];
  save: (fields: Readonly<Record<string, unknown>>) => Promise<unknown>;
  trans: TranslationBundle;
}

export function detailsDialog(options: IDetailsOptions): SavingDialog<IDetails> {
  const { view, folders, save, trans } = options;
  const draft = new Draft<IDetails>(
    {
      name: view.name,
      description: view.description || null,
      folder: view.folder,
      tags: view.tags
    },
    FIELDS
  );
  return new SavingDialog({
    title: trans.__('Details of “%1”', middleCut(view.name, 40)),
    draft,
    form: new DetailsForm(draft, folders, trans),
    save,
    trans
  });
}

class DetailsForm extends VDomRenderer<Draft<IDetails>> {
  constructor(
    draft: Draft<IDetails>,
    private readonly _folders: readonly string[],
    private readonly _trans: TranslationBundle
  ) {
    super(draft);
    this.addClass('jp-ViewsForm');
  }

  protected override render(): ReactElement {
    return <Form draft={this.model} folders={this._folders} trans={this._trans} />;
  }
}

interface IFormProps {
  draft: Draft<IDetails>;
  folders: readonly string[];
  trans: TranslationBundle;
}

function Form({ draft, folders, trans }: IFormProps): ReactElement {
  const { name, description, folder } = draft.value;
  const form = useWrongField(draft);
  return (
    <div ref={form}>
      <FormProblem draft={draft} trans={trans} />
      <Field
        id="jp-views-name"
        label={trans.__('Name')}
        hint={trans.__('The slug in addresses and cells stays as it is.')}
        error={draft.error('name')}
      >
        {own => (
          <input
            {...own}
            className="jp-mod-styled"
            type="text"
            autoComplete="off"
            value={name}
            onChange={({ target }) => draft.change({ name: target.value })}
          />
        )}
      </Field>
      <Field
        id="jp-views-description"
        label={trans.__('Description')}
        error={draft.error('description')}
      >
        {own => (
          <textarea
            {...own}
            className="jp-mod-styled"
            rows={3}
            value={description ?? ''}
            onChange={({ target }) => draft.change({ description: target.value || null })}
          />
        )}
      </Field>
      <Field
        id="jp-views-folder"
        label={trans.__('Folder')}
        hint={trans.__('Views of one folder stand together in the list.')}
        error={draft.error('folder')}
      >
        {own => (
          <>
            <input
              {...own}
              className="jp-mod-styled"
              type="text"
              list="jp-views-folders"
              autoComplete="off"
              value={folder ?? ''}
              onChange={({ target }) => draft.change({ folder: target.value || null })}
            />
            <datalist id="jp-views-folders">
              {folders.map(known => (
                <option key={known} value={known} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <TagsField draft={draft} trans={trans} />
    </div>
  );
}

function TagsField({ draft, trans }: Omit<IFormProps, 'folders'>): ReactElement {
  const [text, setText] = useState(() => draft.value.tags.join(', '));
  return (
    <Field
      id="jp-views-tags"
      label={trans.__('Tags')}
      hint={trans.__('Separated by commas.')}
      error={draft.error('tags')}
    >
      {own => (
        <input
          {...own}
          className="jp-mod-styled"
          type="text"
          autoComplete="off"
          value={text}
          onChange={({ target }) => {
            setText(target.value);
            draft.change({ tags: tagsIn(target.value) });
          }}
        />
      )}
    </Field>
  );
}

function tagsIn(text: string): readonly string[] {
  const tags = text.split(',').map(tag => tag.trim());
  return [...new Set(tags)].filter(Boolean);
}
