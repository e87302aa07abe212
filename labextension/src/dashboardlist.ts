/** The dashboards that the sidebar lists. Knows no DOM. */

import { VDomModel } from '@jupyterlab/ui-components';
import { Poll } from '@lumino/polling';

import type { IDashboard, IDashboardsApi } from './dashboards';

export class DashboardList extends VDomModel {
  constructor(readonly api: IDashboardsApi) {
    super();
    // What others publish has no event; nobody waits for it either.
    this._poll = new Poll({
      auto: false,
      name: 'jupyter-views:dashboards',
      factory: () => this._read(),
      frequency: { interval: 30000, backoff: true, max: 300000 },
      standby: 'when-hidden'
    });
  }

  get dashboards(): readonly IDashboard[] {
    return this._dashboards;
  }

  find(id: number): IDashboard | undefined {
    return this._dashboards.find(each => each.id === id);
  }

  /** Somebody looks. */
  set isVisible(value: boolean) {
    void (value ? this._poll.start() : this._poll.stop());
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._poll.dispose();
      super.dispose();
    }
  }

  /** Read the list now; throws when it cannot be read. */
  async load(): Promise<readonly IDashboard[]> {
    await this._read();
    return this._dashboards;
  }

  /** Take over what a change brought. */
  note(dashboard: IDashboard): void {
    const others = this._dashboards.filter(each => each.id !== dashboard.id);
    this._show([...others, dashboard].sort((a, b) => a.name.localeCompare(b.name)));
  }

  forget(id: number): void {
    this._show(this._dashboards.filter(each => each.id !== id));
  }

  private async _read(): Promise<void> {
    this._show(await this.api.list());
  }

  private _show(dashboards: readonly IDashboard[]): void {
    this._dashboards = dashboards;
    if (!this.isDisposed) {
      this.stateChanged.emit();
    }
  }

  private _dashboards: readonly IDashboard[] = [];
  private readonly _poll: Poll<void>;
}
