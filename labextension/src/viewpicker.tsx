/** A dialog that finds views by their names and takes some of them. */

import { Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Debouncer } from '@lumino/polling';
import { useEffect, useState, type ReactElement } from 'react';

import { NO_FILTER } from './filter';
import { problemOf, problemText } from './problem';
import type { IView, IViewsApi } from './tokens';
import { middleCut, viewsWord } from './words';

interface IPickerOptions {
  /** What the views are for, as the title says it. */
  title: string;
  api: IViewsApi;
  /** Views that stand there already. */
  taken: ReadonlySet<string>;
  trans: TranslationBundle;
}

const SEARCH_PAUSE = 300;

/** The short ids of the views that the person chose; none when he chose none. */
export async function pickViews(options: IPickerOptions): Promise<readonly string[]> {
  const body = new Picker(options);
  const { trans } = options;
  const dialog = new Dialog<void>({
    title: options.title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Add') })
    ],
    focusNodeSelector: 'input'
  });
  dialog.addClass('jp-ViewsDialog');
  const result = await dialog.launch();
  return result.button.accept ? body.chosen : [];
}

class Picker extends ReactWidget {
  constructor(private readonly _options: IPickerOptions) {
    super();
    this.addClass('jp-ViewsPicker');
  }

  /** In the order in which they were chosen. */
  get chosen(): readonly string[] {
    return this._chosen;
  }

  protected override render(): ReactElement {
    return (
      <Choice
        {...this._options}
        choose={chosen => {
          this._chosen = chosen;
        }}
      />
    );
  }

  private _chosen: readonly string[] = [];
}

interface IChoiceProps extends IPickerOptions {
  choose: (chosen: readonly string[]) => void;
}

function Choice({ api, taken, trans, choose }: IChoiceProps): ReactElement {
  const [query, setQuery] = useState('');
  const { views, problem } = useFound(api, query.trim(), trans);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const toggle = (id: string): void => {
    const next = chosen.includes(id) ? chosen.filter(each => each !== id) : [...chosen, id];
    setChosen(next);
    choose(next);
  };
  // Without a number as an insight, only its owner can put a view on a dashboard.
  const offered = views?.filter(view => view.insightId !== null || view.canEdit) ?? [];
  return (
    <>
      <label htmlFor="jp-views-picker">{trans.__('Search views')}</label>
      <input
        id="jp-views-picker"
        type="text"
        className="jp-mod-styled"
        value={query}
        autoComplete="off"
        spellCheck={false}
        onChange={event => setQuery(event.target.value)}
      />
      <p role="status">{problem ?? (views === null ? '' : viewsWord(offered.length, trans))}</p>
      <ul className="jp-ViewsPicker-list">
        {offered.map(view => (
          <Option
            key={view.shortId}
            view={view}
            isTaken={taken.has(view.shortId)}
            isChosen={chosen.includes(view.shortId)}
            trans={trans}
            toggle={() => toggle(view.shortId)}
          />
        ))}
      </ul>
    </>
  );
}

interface IOptionProps {
  view: IView;
  isTaken: boolean;
  isChosen: boolean;
  trans: TranslationBundle;
  toggle: () => void;
}

function Option({ view, isTaken, isChosen, trans, toggle }: IOptionProps): ReactElement {
  return (
    <li>
      <label>
        <input type="checkbox" checked={isChosen || isTaken} disabled={isTaken} onChange={toggle} />
        <span title={view.name}>{middleCut(view.name, 60)}</span>
        {isTaken && <span className="jp-ViewsPicker-note">{trans.__('there already')}</span>}
        {!view.isMine && (
          <span className="jp-ViewsPicker-note">{trans.__('owned by %1', view.owner)}</span>
        )}
      </label>
    </li>
  );
}

interface IFound {
  views: readonly IView[] | null;
  problem: string | null;
}

/** The first page of what matches; null until the first answer. */
function useFound(api: IViewsApi, query: string, trans: TranslationBundle): IFound {
  const [found, setFound] = useState<IFound>({ views: null, problem: null });
  useEffect(() => {
    let isWanted = true;
    const find = new Debouncer(
      async () => {
        try {
          const { items } = await api.list({ search: query, filter: NO_FILTER }, null);
          if (isWanted) {
            setFound({ views: items, problem: null });
          }
        } catch (error) {
          if (isWanted) {
            setFound({ views: null, problem: problemText(problemOf(error), trans) });
          }
        }
      },
      query === '' ? 0 : SEARCH_PAUSE
    );
    void find.invoke().catch(() => undefined);
    return () => {
      isWanted = false;
      find.dispose();
    };
  }, [api, query, trans]);
  return found;
}
