/** How a part of a result tab that follows its view stands on the page. */

import { VDomRenderer } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';

import type { Following } from './following';

export abstract class FollowingView<Model extends Following> extends VDomRenderer<Model> {
  /** The model belongs to this view; `label` says to a screen reader what stands here. */
  constructor(model: Model, label: string) {
    super(model);
    this.addClass('jp-ViewsPast');
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', label);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.model.begin();
  }

  protected override onActivateRequest(): void {
    this.node.focus();
  }
}
