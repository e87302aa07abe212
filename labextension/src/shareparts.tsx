/** What the parts of the share dialog have in common: what went wrong, questions, buttons. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useRef, type ReactElement, type RefObject } from 'react';

import type { Draft } from './draft';
import { problemText } from './problem';
import type { Place, SharingModel } from './sharing';

export interface IShareProps {
  model: SharingModel;
  trans: TranslationBundle;
}

/** The class of a question; Escape answers it with no and leaves the dialog open. */
export const QUESTION = 'jp-ViewsShare-question';

/** What went wrong in one place of the dialog, said there. */
export function Refusal({
  model,
  place,
  trans
}: IShareProps & { place: Place }): ReactElement | null {
  const problem = model.problem(place);
  return problem === null ? null : (
    <p className="jp-ViewsBanner" role="alert">
      {problemText(problem, trans)}
    </p>
  );
}

interface IQuestionProps {
  text: string;
  yes: string;
  no: string;
  answer: (isYes: boolean) => void;
}

/** A question inside the dialog: the host shows only one dialog at a time. */
export function Question({ text, yes, no, answer }: IQuestionProps): ReactElement {
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    safe.current?.focus();
    safe.current?.closest(`.${QUESTION}`)?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <div
      className={QUESTION}
      role="group"
      aria-label={text}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.preventDefault();
          event.stopPropagation();
          answer(false);
        }
      }}
    >
      <p role="alert">{text}</p>
      <div className="jp-ViewsForm-buttons">
        <button
          ref={safe}
          type="button"
          className="jp-Dialog-button jp-mod-reject jp-mod-styled"
          onClick={() => answer(false)}
        >
          {no}
        </button>
        <button
          type="button"
          className="jp-Dialog-button jp-mod-warn jp-mod-styled"
          onClick={() => answer(true)}
        >
          {yes}
        </button>
      </div>
    </div>
  );
}

interface IDraftProps<T extends object> {
  draft: Draft<T>;
  trans: TranslationBundle;
}

/** Why something could not be saved, where no field is to blame. */
export function DraftRefusal<T extends object>({
  draft,
  trans
}: IDraftProps<T>): ReactElement | null {
  return draft.problem === null ? null : (
    <p className="jp-ViewsBanner" role="alert">
      {problemText(draft.problem, trans)}
    </p>
  );
}

interface ISaveProps<T extends object> extends IDraftProps<T> {
  label: string;
  undo: () => void;
}

/** Save and undo, while there is something to save. */
export function SaveButtons<T extends object>({
  draft,
  label,
  undo,
  trans
}: ISaveProps<T>): ReactElement | null {
  return Object.keys(draft.changes).length === 0 ? null : (
    <div className="jp-ViewsForm-buttons">
      <button type="submit" className="jp-Dialog-button jp-mod-accept jp-mod-styled">
        {label}
      </button>
      <button type="button" className="jp-Dialog-button jp-mod-reject jp-mod-styled" onClick={undo}>
        {trans.__('Undo')}
      </button>
    </div>
  );
}

/** The field to mend gets the focus, once it says why. */
export function useMending(place: RefObject<HTMLElement>, refused: object | null): void {
  useEffect(() => {
    if (refused !== null) {
      place.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    }
  }, [place, refused]);
}
