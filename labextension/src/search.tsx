/** The search field: Esc clears it, arrow down leaves it for the list. */

import { clearIcon, searchIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement, RefObject } from 'react';

interface ISearchProps {
  inputRef: RefObject<HTMLInputElement>;
  value: string;
  trans: TranslationBundle;
  onChange: (value: string) => void;
}

export function SearchBox({ inputRef, value, trans, onChange }: ISearchProps): ReactElement {
  return (
    <div className="jp-ViewsSearch" role="search">
      <searchIcon.react tag="span" className="jp-ViewsSearch-icon" />
      <input
        ref={inputRef}
        type="text"
        value={value}
        placeholder={trans.__('Search views')}
        aria-label={trans.__('Search views')}
        title={trans.__('Name, slug, tag, description or SQL (/)')}
        autoComplete="off"
        spellCheck={false}
        onChange={event => onChange(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && value !== '') {
            event.stopPropagation();
            onChange('');
          } else if (event.key === 'ArrowDown') {
            event.preventDefault();
            const panel = event.currentTarget.closest('.jp-ViewsPanel');
            panel?.querySelector<HTMLElement>('.jp-ViewsList [tabindex="0"]')?.focus();
          }
        }}
      />
      {value !== '' && (
        <button
          type="button"
          className="jp-Views-iconButton"
          aria-label={trans.__('Clear the search')}
          title={trans.__('Clear the search (Esc)')}
          onClick={() => {
            onChange('');
            inputRef.current?.focus();
          }}
        >
          <clearIcon.react tag="span" />
        </button>
      )}
    </div>
  );
}
