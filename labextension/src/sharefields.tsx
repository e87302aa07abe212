/** What the page of a link shows, and when the link ends, as fields. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useState, type ReactElement } from 'react';

import { Field } from './fields';
import {
  ENDS,
  SWITCHES,
  THEMES,
  type End,
  type LinkDraft,
  type Switch,
  type Theme
} from './linkdraft';

interface IFieldsProps {
  draft: LinkDraft;
  trans: TranslationBundle;
}

interface ILinkFieldsProps extends IFieldsProps {
  /** Of the view. */
  parameters: readonly string[];
}

export function LinkFields({ draft, parameters, trans }: ILinkFieldsProps): ReactElement {
  const [isMore, setMore] = useState(false);
  const isRefused = draft.error('origins') !== null;
  // What is to be mended has to be seen, and stays so while it is typed anew.
  useEffect(() => setMore(isOpen => isOpen || isRefused), [isRefused]);
  return (
    <>
      <EndFields draft={draft} trans={trans} />
      <Shown draft={draft} trans={trans} />
      {parameters.length > 0 && <Choices draft={draft} parameters={parameters} trans={trans} />}
      <details
        open={isMore || isRefused}
        onToggle={({ currentTarget }) => setMore(currentTarget.open)}
      >
        <summary>{trans.__('Colours and frames')}</summary>
        <ThemeField draft={draft} trans={trans} />
        <FrameField draft={draft} trans={trans} />
      </details>
    </>
  );
}

function EndFields({ draft, trans }: IFieldsProps): ReactElement {
  const { end, date } = draft.value;
  const names = endNames(draft, trans);
  const isDate = end === 'date';
  return (
    <>
      <Field
        id="jp-views-share-end"
        label={trans.__('Expires')}
        hint={end === 'never' ? trans.__('It stays open until somebody revokes it.') : undefined}
        error={isDate ? null : draft.error('end')}
      >
        {own => (
          <select
            {...own}
            className="jp-Views-select"
            value={end}
            onChange={({ target }) =>
              draft.change({ end: ENDS.find(known => known === target.value) ?? end })
            }
          >
            {ENDS.filter(known => known !== 'kept' || draft.saved.end === 'kept').map(known => (
              <option key={known} value={known}>
                {names[known]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {isDate && (
        <Field
          id="jp-views-share-date"
          label={trans.__('Day and time')}
          hint={trans.__('In the time zone of this browser.')}
          error={draft.error('end')}
        >
          {own => (
            <input
              {...own}
              className="jp-mod-styled"
              type="datetime-local"
              value={date}
              onChange={({ target }) => draft.change({ date: target.value, end })}
            />
          )}
        </Field>
      )}
    </>
  );
}

function Shown({ draft, trans }: IFieldsProps): ReactElement {
  const names = switchNames(trans);
  return (
    <div className="jp-ViewsShare-shown" role="group" aria-label={trans.__('The page shows')}>
      <span className="jp-ViewsField-label" aria-hidden="true">
        {trans.__('The page shows')}
      </span>
      <div>
        {(Object.keys(SWITCHES) as Switch[]).map(name => (
          <label key={name}>
            <input
              type="checkbox"
              checked={draft.value[name]}
              onChange={({ target }) => draft.change({ [name]: target.checked })}
            />
            {names[name]}
          </label>
        ))}
      </div>
    </div>
  );
}

/** Values that visitors may choose; what is chosen is theirs alone. */
function Choices({ draft, parameters, trans }: ILinkFieldsProps): ReactElement {
  const chosen = draft.value.parameters;
  const title = trans.__('Visitors choose');
  return (
    <div className="jp-ViewsShare-shown" role="group" aria-label={title}>
      <span className="jp-ViewsField-label" aria-hidden="true">
        {title}
      </span>
      <div>
        {parameters.map(name => (
          <label key={name}>
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={({ target }) =>
                draft.change({
                  parameters: target.checked
                    ? [...chosen, name]
                    : chosen.filter(known => known !== name)
                })
              }
            />
            <code>{name}</code>
          </label>
        ))}
      </div>
    </div>
  );
}

function ThemeField({ draft, trans }: IFieldsProps): ReactElement {
  const names: Readonly<Record<Theme, string>> = {
    system: trans.__('as the visitor’s system'),
    light: trans.__('light'),
    dark: trans.__('dark')
  };
  return (
    <Field id="jp-views-share-theme" label={trans.__('Colours')} error={draft.error('theme')}>
      {own => (
        <select
          {...own}
          className="jp-Views-select"
          value={draft.value.theme}
          onChange={({ target }) =>
            draft.change({ theme: THEMES.find(known => known === target.value) ?? 'system' })
          }
        >
          {THEMES.map(known => (
            <option key={known} value={known}>
              {names[known]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function FrameField({ draft, trans }: IFieldsProps): ReactElement {
  return (
    <Field
      id="jp-views-share-origins"
      label={trans.__('Sites with a frame')}
      hint={trans.__(
        'Sites that may show the page inside their own, one a line, such as https://wiki.example. Empty: this server alone.'
      )}
      error={draft.error('origins')}
    >
      {own => (
        <textarea
          {...own}
          className="jp-mod-styled jp-ViewsField-code"
          rows={1}
          spellCheck={false}
          value={draft.value.origins}
          onChange={({ target }) => draft.change({ origins: target.value })}
        />
      )}
    </Field>
  );
}

function endNames({ endsNow }: LinkDraft, trans: TranslationBundle): Readonly<Record<End, string>> {
  return {
    '1': trans.__('in a day'),
    '7': trans.__('in 7 days'),
    '30': trans.__('in 30 days'),
    date: trans.__('on a day of your choice'),
    kept: endsNow,
    never: trans.__('never')
  };
}

function switchNames(trans: TranslationBundle): Readonly<Record<Switch, string>> {
  return {
    heading: trans.__('name and description'),
    chart: trans.__('the chart'),
    table: trans.__('the rows'),
    downloads: trans.__('downloads'),
    sql: trans.__('the SQL'),
    owner: trans.__('your name')
  };
}
