/** The controls of a form: a label, a hint, and what the server says is wrong. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  useEffect,
  useRef,
  useState,
  type ReactElement,
  type ReactNode,
  type RefObject
} from 'react';

import type { Draft } from './draft';
import { SECONDS, UNITS, unitOf, type Unit } from './durations';
import { problemText } from './problem';

interface IFieldProps {
  /** Names the control in the page. */
  id: string;
  label: string;
  hint?: string;
  error: string | null;
}

/** What a control carries so that a reader hears its hint and its error. */
export interface IDescribed {
  id: string;
  'aria-describedby': string;
  'aria-invalid': boolean;
}

interface IFrameProps extends IFieldProps {
  children: (described: IDescribed) => ReactNode;
}

export function Field({ id, label, hint, error, children }: IFrameProps): ReactElement {
  return (
    <div className="jp-ViewsField">
      <label className="jp-ViewsField-label" htmlFor={id}>
        {label}
      </label>
      <div className="jp-ViewsField-control">
        {children(described(id, error))}
        <Notes id={id} hint={hint} error={error} />
      </div>
    </div>
  );
}

interface IDraftProps<T extends object> {
  draft: Draft<T>;
  trans: TranslationBundle;
}

/** Why it could not be saved, where no field is to blame. */
export function FormProblem<T extends object>(props: IDraftProps<T>): ReactElement | null {
  const { problem } = props.draft;
  return problem === null ? null : (
    <p className="jp-ViewsBanner" role="alert">
      {problemText(problem, props.trans)}
    </p>
  );
}

/** The form whose field to mend gets the focus, once it says why. */
export function useWrongField<T extends object>({ refused }: Draft<T>): RefObject<HTMLDivElement> {
  const form = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    (wrong instanceof HTMLFieldSetElement ? wrong.querySelector('input') : wrong)?.focus();
  }, [refused]);
  return form;
}

interface ICheckProps extends IFieldProps {
  isOn: boolean;
  change: (isOn: boolean) => void;
}

export function CheckField({ id, label, hint, error, isOn, change }: ICheckProps): ReactElement {
  return (
    <div className="jp-ViewsField jp-mod-check">
      <input
        {...described(id, error)}
        type="checkbox"
        checked={isOn}
        onChange={event => change(event.target.checked)}
      />
      <div className="jp-ViewsField-control">
        <label className="jp-ViewsField-label" htmlFor={id}>
          {label}
        </label>
        <Notes id={id} hint={hint} error={error} />
      </div>
    </div>
  );
}

interface IDurationProps extends IFieldProps {
  seconds: number | null;
  trans: TranslationBundle;
  change: (seconds: number | null) => void;
}

/** A number and its unit; an empty number is no bound. */
export function DurationField(props: IDurationProps): ReactElement {
  const { seconds, trans, change, ...field } = props;
  const [unit, setUnit] = useState<Unit>(() => unitOf(seconds));
  const count = seconds === null ? '' : String(seconds / SECONDS[unit]);
  const names = unitNames(trans);
  return (
    <Field {...field}>
      {own => (
        <span className="jp-ViewsField-pair">
          <input
            {...own}
            className="jp-mod-styled"
            type="number"
            value={count}
            onChange={({ target }) =>
              change(target.value === '' ? null : Number(target.value) * SECONDS[unit])
            }
          />
          <select
            className="jp-Views-select"
            aria-label={trans.__('Unit of: %1', field.label)}
            value={unit}
            onChange={({ target }) => {
              const next = UNITS.find(known => known === target.value) ?? unit;
              setUnit(next);
              change(seconds === null ? null : (seconds / SECONDS[unit]) * SECONDS[next]);
            }}
          >
            {UNITS.map(known => (
              <option key={known} value={known}>
                {names[known]}
              </option>
            ))}
          </select>
        </span>
      )}
    </Field>
  );
}

interface IColumnsProps {
  legend: string;
  hint: string;
  error: string | null;
  columns: readonly string[];
  chosen: readonly string[];
  change: (chosen: readonly string[]) => void;
}

/** Some of a result's columns, in the result's order. */
export function ColumnsField(props: IColumnsProps): ReactElement {
  const { legend, hint, error, columns, chosen, change } = props;
  // A key may name a column that the present result has lost: it can still be taken out.
  const all = [...columns, ...chosen.filter(name => !columns.includes(name))];
  return (
    <fieldset className="jp-ViewsColumns" aria-invalid={error !== null}>
      <legend>{legend}</legend>
      <p className="jp-ViewsField-hint">{hint}</p>
      {error !== null && (
        <p className="jp-ViewsField-error" role="alert">
          {error}
        </p>
      )}
      <div className="jp-ViewsColumns-list">
        {all.map((name, index) => (
          <label key={`${index}:${name}`}>
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={({ target }) =>
                change(all.filter(one => (one === name ? target.checked : chosen.includes(one))))
              }
            />
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function described(id: string, error: string | null): IDescribed {
  return {
    id,
    'aria-describedby': `${id}-hint ${id}-error`,
    'aria-invalid': error !== null
  };
}

function Notes({ id, hint, error }: Pick<IFieldProps, 'id' | 'hint' | 'error'>): ReactElement {
  return (
    <>
      {hint && (
        <p className="jp-ViewsField-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error !== null && (
        <p className="jp-ViewsField-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </>
  );
}

function unitNames(trans: TranslationBundle): Readonly<Record<Unit, string>> {
  return {
    s: trans.__('seconds'),
    min: trans.__('minutes'),
    h: trans.__('hours'),
    d: trans.__('days')
  };
}
