/** The dashboards at the foot of the sidebar. */

import { addIcon, caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { useRef, useState, type KeyboardEvent, type ReactElement } from 'react';

import { DashboardCommandIDs } from './dashboardids';
import type { DashboardList } from './dashboardlist';
import { useRedraw } from './redraw';
import { grouped } from './words';

export const DASHBOARDS_KEY = 'section:dashboards';

interface ISectionProps {
  list: DashboardList;
  isOpen: boolean;
  toggle: () => void;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export function DashboardSection(props: ISectionProps): ReactElement {
  const { list, isOpen, toggle, commands, trans } = props;
  useRedraw(list);
  const Caret = isOpen ? caretDownIcon.react : caretRightIcon.react;
  const title = trans.__('Dashboards');
  const create = trans.__('New dashboard');
  return (
    <section className="jp-ViewsDashboards" aria-label={title}>
      <div className="jp-ViewsDashboards-head">
        <h3 className="jp-ViewsSection-heading">
          <button type="button" aria-expanded={isOpen} onClick={toggle}>
            <Caret tag="span" />
            {title}{' '}
            <span className="jp-ViewsSection-count">({grouped(list.dashboards.length)})</span>
          </button>
        </h3>
        <button
          type="button"
          className="jp-Views-iconButton"
          aria-label={create}
          title={create}
          onClick={() => void commands.execute(DashboardCommandIDs.create)}
        >
          <addIcon.react tag="span" />
        </button>
      </div>
      {isOpen && <Names {...props} />}
    </section>
  );
}

/** One stop for the Tab key; arrows walk the names. */
function Names({ list, commands, trans }: ISectionProps): ReactElement | null {
  const [current, setCurrent] = useState(0);
  const node = useRef<HTMLUListElement>(null);
  const { dashboards } = list;
  const at = Math.min(current, dashboards.length - 1);
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: dashboards.length - 1 }[
      event.key
    ];
    if (to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const button = node.current?.querySelectorAll('button')[to];
      button?.focus();
    }
  };
  return dashboards.length > 0 ? (
    <ul ref={node} onKeyDown={onKeyDown}>
      {dashboards.map(({ id, name, owner, canEdit }, index) => (
        <li key={id}>
          <button
            type="button"
            tabIndex={index === at ? 0 : -1}
            title={canEdit ? name : trans.__('%1, owned by %2', name, owner)}
            onFocus={() => setCurrent(index)}
            onClick={() => void commands.execute(DashboardCommandIDs.open, { id })}
          >
            {name}
          </button>
        </li>
      ))}
    </ul>
  ) : null;
}
