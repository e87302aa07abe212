/** Who may read a view without a link: everyone who is signed in, or people by name. */

import type { ReactElement } from 'react';

import { CheckField, Field } from './fields';
import { DraftRefusal, SaveButtons, type IShareProps } from './shareparts';

export function PeopleSection({ model, trans }: IShareProps): ReactElement {
  const { peopleDraft: draft } = model;
  const { isPublic, named } = draft.value;
  return (
    <form
      aria-label={trans.__('People')}
      onSubmit={event => {
        event.preventDefault();
        void model.savePeople();
      }}
    >
      <fieldset>
        <legend>{trans.__('People')}</legend>
        <DraftRefusal draft={draft} trans={trans} />
        <CheckField
          id="jp-views-share-public"
          label={trans.__('Everyone who is signed in to this server')}
          error={draft.error('isPublic')}
          isOn={isPublic}
          change={isOn => draft.change({ isPublic: isOn })}
        />
        {!isPublic && (
          <Field
            id="jp-views-share-named"
            label={trans.__('People by name')}
            hint={trans.__('The names by which they sign in, with commas between.')}
            error={draft.error('named')}
          >
            {own => (
              <input
                {...own}
                className="jp-mod-styled"
                type="text"
                autoComplete="off"
                spellCheck={false}
                value={named}
                onChange={({ target }) => draft.change({ named: target.value })}
              />
            )}
          </Field>
        )}
        <SaveButtons
          draft={draft}
          label={trans.__('Save people')}
          undo={() => model.undoPeople()}
          trans={trans}
        />
      </fieldset>
    </form>
  );
}
