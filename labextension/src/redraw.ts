/** Draws a component again whenever a model says that something is different. */

import type { ISignal } from '@lumino/signaling';
import { useEffect, useReducer } from 'react';

interface IChanging {
  readonly stateChanged: ISignal<unknown, void>;
}

export function useRedraw(first: IChanging, second: IChanging = first): void {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    first.stateChanged.connect(render);
    second.stateChanged.connect(render);
    return () => {
      first.stateChanged.disconnect(render);
      second.stateChanged.disconnect(render);
    };
  }, [first, second]);
}
