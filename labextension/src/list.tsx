/** The sections of the sidebar: only the rows in sight are in the page. */

import { caretDownIcon, caretRightIcon, folderIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
  type RefObject
} from 'react';

import { keyTarget, sideways } from './keys';
import { ViewRow, type IRowActions } from './row';
import type { IView } from './tokens';
import { grouped, statusDetail } from './words';

/** Pixels; the style sheet has the same number. */
const ROW = 48;
const HEADING = 28;
/** Rows kept ready above and below the visible part. */
const SPARE = 8;

export interface ISection {
  readonly key: string;
  readonly title: string;
  readonly views: readonly IView[];
  /** All of its views are there, on whatever pages of the list they stand. */
  readonly isWhole: boolean;
  readonly isFolder: boolean;
}

interface IListProps {
  sections: readonly ISection[];
  collapsed: ReadonlySet<string>;
  hasMore: boolean;
  now: number;
  actions: IRowActions;
  trans: TranslationBundle;
  toggle: (key: string) => void;
  loadMore: () => void;
  focusSearch: () => void;
}

/** A place that the arrow keys reach: a section's heading or a row. */
interface IStop {
  readonly key: string;
  readonly top: number;
  readonly height: number;
  readonly view: IView | null;
}

export function ViewList(props: IListProps): ReactElement {
  const { sections, collapsed, hasMore, loadMore, trans } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [scroll, height] = useScroll(scroller);
  const stops = useMemo(() => stopsOf(sections, collapsed), [sections, collapsed]);
  const { current, onKeyDown, onFocus } = useRovingFocus(scroller, stops, props);
  const bottom = stops.reduce((most, stop) => Math.max(most, stop.top + stop.height), 0);

  const atEnd = scroll > 0 && scroll + height > bottom - 10 * ROW;
  useEffect(() => {
    if (atEnd && hasMore) {
      loadMore();
    }
  }, [atEnd, hasMore, bottom, loadMore]);

  return (
    <div ref={scroller} className="jp-ViewsList" onKeyDown={onKeyDown} onFocus={onFocus}>
      {sections.map(section => (
        <Section
          key={section.key}
          section={section}
          current={current}
          from={scroll - SPARE * ROW - topOf(stops, section.key)}
          to={scroll + height + SPARE * ROW - topOf(stops, section.key)}
          {...props}
        />
      ))}
      {hasMore && (
        <button type="button" className="jp-ViewsList-more" onClick={loadMore}>
          {trans.__('Show more')}
        </button>
      )}
    </div>
  );
}

interface ISectionProps extends IListProps {
  section: ISection;
  current: string;
  from: number;
  to: number;
}

function Section(props: ISectionProps): ReactElement {
  const { section, collapsed, current, trans, hasMore } = props;
  const open = !collapsed.has(section.key);
  const isWhole = section.isWhole || !hasMore;
  const count = grouped(section.views.length) + (isWhole ? '' : '+');
  const first = Math.max(0, Math.floor((props.from - HEADING) / ROW));
  const last = Math.max(first, Math.ceil((props.to - HEADING) / ROW));
  const Caret = open ? caretDownIcon.react : caretRightIcon.react;
  return (
    <section aria-label={section.title}>
      <h3 className="jp-ViewsSection-heading">
        <button
          type="button"
          aria-expanded={open}
          data-views-key={section.key}
          tabIndex={current === section.key ? 0 : -1}
          onClick={() => props.toggle(section.key)}
        >
          <Caret tag="span" />
          {section.isFolder && <folderIcon.react tag="span" />}
          <span className="jp-ViewsSection-title">{section.title}</span>{' '}
          <span className="jp-ViewsSection-count">({count})</span>
        </button>
      </h3>
      {open && section.views.length > 0 && (
        <div
          role="list"
          className="jp-ViewsSection-rows"
          style={{ height: section.views.length * ROW }}
        >
          {section.views.slice(first, last).map((view, index) => (
            <ViewRow
              key={view.shortId}
              view={view}
              detail={statusDetail(view, props.now, trans)}
              top={(first + index) * ROW}
              place={first + index + 1}
              size={isWhole ? section.views.length : -1}
              isCurrent={current === view.shortId}
              actions={props.actions}
              trans={trans}
            />
          ))}
        </div>
      )}
    </section>
  );
}

function stopsOf(sections: readonly ISection[], collapsed: ReadonlySet<string>): readonly IStop[] {
  const stops: IStop[] = [];
  let top = 0;
  for (const section of sections) {
    stops.push({ key: section.key, top, height: HEADING, view: null });
    top += HEADING;
    for (const view of collapsed.has(section.key) ? [] : section.views) {
      stops.push({ key: view.shortId, top, height: ROW, view });
      top += ROW;
    }
  }
  return stops;
}

function topOf(stops: readonly IStop[], key: string): number {
  return stops.find(stop => stop.key === key)?.top ?? 0;
}

function useScroll(scroller: RefObject<HTMLDivElement>): [number, number] {
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const node = scroller.current;
    if (node === null) {
      return undefined;
    }
    const onScroll = (): void => setScroll(node.scrollTop);
    const observer = new ResizeObserver(() => setHeight(node.clientHeight));
    node.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(node);
    return () => {
      node.removeEventListener('scroll', onScroll);
      observer.disconnect();
    };
  }, [scroller]);
  return [scroll, height];
}

interface IRoving {
  current: string;
  onKeyDown: (event: KeyboardEvent) => void;
  onFocus: (event: { target: EventTarget }) => void;
}

/** One tab stop for the whole list; arrows move it. */
function useRovingFocus(
  scroller: RefObject<HTMLDivElement>,
  stops: readonly IStop[],
  { actions, focusSearch }: Pick<IListProps, 'actions' | 'focusSearch'>
): IRoving {
  const [wanted, setWanted] = useState('');
  const [pull, setPull] = useState(0);
  const at = Math.max(
    0,
    stops.findIndex(stop => stop.key === wanted)
  );
  const current = stops[at]?.key ?? '';

  // A row that goes to another section is made anew there; it keeps the focus.
  const hadFocus = useRef<Element | null>(null);
  useEffect(() => {
    const active = document.activeElement;
    const isLost = hadFocus.current?.isConnected === false && active === document.body;
    if (isLost && wanted === current) {
      setPull(count => count + 1);
    }
    hadFocus.current = scroller.current?.contains(active) ? active : null;
  }, [scroller, stops, wanted, current]);

  // The row may enter the page only after the list has scrolled to it.
  useEffect(() => {
    if (pull > 0) {
      const button = Array.from(scroller.current?.querySelectorAll('button') ?? []).find(
        candidate => candidate.dataset.viewsKey === current
      );
      button?.focus({ preventScroll: true });
    }
  }, [scroller, current, pull]);

  const go = useCallback(
    (index: number) => {
      const stop = stops[Math.min(Math.max(index, 0), stops.length - 1)];
      const node = scroller.current;
      if (stop === undefined || node === null) {
        return;
      }
      if (stop.top < node.scrollTop) {
        node.scrollTop = stop.top;
      } else if (stop.top + stop.height > node.scrollTop + node.clientHeight) {
        node.scrollTop = stop.top + stop.height - node.clientHeight;
      }
      setWanted(stop.key);
      setPull(count => count + 1);
    },
    [scroller, stops]
  );

  const onKeyDown = (event: KeyboardEvent): void => {
    const view = stops[at]?.view ?? null;
    const names = stops.map(stop => stop.view?.name ?? '');
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? ROW) / ROW) - 1);
    if (sideways(event)) {
      event.preventDefault();
      return;
    }
    const target = keyTarget(event, { at, names, page });
    if (target === null) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (typeof target === 'number') {
      go(target);
    } else if (target === 'search') {
      focusSearch();
    } else if (view !== null) {
      actions[target](view);
    }
  };

  const onFocus = (event: { target: EventTarget }): void => {
    const node = event.target instanceof HTMLElement ? event.target : null;
    const row = node?.closest<HTMLElement>('.jp-ViewsRow');
    const key = row?.dataset.shortId ?? node?.dataset.viewsKey;
    if (key !== undefined) {
      setWanted(key);
    }
    hadFocus.current = node;
  };
  return { current, onKeyDown, onFocus };
}
