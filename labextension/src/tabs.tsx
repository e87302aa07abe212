/** The tabs of a result document: arrow keys move between them, Alt and a digit jump. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useRef, type KeyboardEvent, type ReactElement } from 'react';

import { TABS, type Tab } from './tokens';

interface ITabsProps {
  /** Makes the ids of this document's tabs and panels unique in the page. */
  scope: string;
  tab: Tab;
  trans: TranslationBundle;
  go: (tab: Tab) => void;
}

export function tabId(scope: string, tab: Tab): string {
  return `jp-views-${scope}-${tab}-tab`;
}

export function panelId(scope: string, tab: Tab): string {
  return `jp-views-${scope}-${tab}`;
}

/** The tab that Alt and a digit mean. */
export function tabOfKey(event: globalThis.KeyboardEvent): Tab | undefined {
  const isAlone = event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  return isAlone && /^Digit[1-9]$/.test(event.code) ? TABS[Number(event.code[5]) - 1] : undefined;
}

export function Tabs({ scope, tab, trans, go }: ITabsProps): ReactElement {
  const list = useRef<HTMLDivElement>(null);
  const names = tabNames(trans);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? tab;
    go(next);
    list.current?.querySelector<HTMLElement>(`#${CSS.escape(tabId(scope, next))}`)?.focus();
  };
  return (
    <div
      ref={list}
      className="jp-ViewsTabs"
      role="tablist"
      aria-label={trans.__('Parts of this view')}
      onKeyDown={onKeyDown}
    >
      {TABS.map((known, index) => (
        <button
          key={known}
          type="button"
          role="tab"
          id={tabId(scope, known)}
          aria-selected={known === tab}
          aria-controls={panelId(scope, known)}
          tabIndex={known === tab ? 0 : -1}
          title={trans.__('%1 (Alt+%2)', names[known], index + 1)}
          onClick={() => go(known)}
        >
          {names[known]}
        </button>
      ))}
    </div>
  );
}

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

function tabNames(trans: TranslationBundle): Readonly<Record<Tab, string>> {
  return {
    table: trans.__('Table'),
    chart: trans.__('Chart'),
    history: trans.__('History'),
    activity: trans.__('Activity'),
    log: trans.__('Log'),
    api: trans.__('API')
  };
}
