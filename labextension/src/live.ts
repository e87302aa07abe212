/** Says to a screen reader what happened, once, whichever part of the extension is in front. */

import { Widget } from '@lumino/widgets';

import type { Announcer } from './announcer';
import type { IAnnouncement } from './words';

export class LiveRegion extends Widget {
  constructor(announcer: Announcer) {
    super();
    this.addClass('jp-Views-forReaders');
    this._polite.setAttribute('aria-live', 'polite');
    this._assertive.setAttribute('aria-live', 'assertive');
    this.node.append(this._polite, this._assertive);
    announcer.said.connect(this._say, this);
  }

  private _say(_: Announcer, { text, assertive }: IAnnouncement): void {
    this._polite.textContent = assertive ? '' : text;
    this._assertive.textContent = assertive ? text : '';
  }

  private readonly _polite = document.createElement('div');
  private readonly _assertive = document.createElement('div');
}
