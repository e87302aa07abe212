/** The past of one view: its refreshes and versions on one line of time. Knows no DOM. */

import { Comparing } from './comparing';
import type { DocumentModel } from './document';
import { Following } from './following';
import type { IPart, IPastRefresh, IRecords, ISqlDifference, IVersion } from './records';

export type Entry =
  | { readonly kind: 'refresh'; readonly at: string; readonly refresh: IPastRefresh }
  | { readonly kind: 'version'; readonly at: string; readonly version: IVersion };

/** The comparison of a refresh with the rows before it, open below its entry. */
export interface IOpenedRows {
  readonly kind: 'rows';
  readonly id: string;
  readonly comparing: Comparing;
}

/** The comparison of a version with another, open below its entry. */
export interface IOpenedSql {
  readonly kind: 'sql';
  readonly n: number;
  readonly from: number;
  /** Null while it is on the way. */
  readonly difference: ISqlDifference | null;
}

export class HistoryModel extends Following {
  constructor(document: DocumentModel) {
    super(document, 'history');
  }

  get opened(): IOpenedRows | IOpenedSql | null {
    return this._opened;
  }

  get hasMore(): boolean {
    return this._cursor !== null;
  }

  /** Only the versions: a view that is refreshed every minute hides them. */
  get isVersionsOnly(): boolean {
    return this._isVersionsOnly;
  }

  set isVersionsOnly(value: boolean) {
    this._isVersionsOnly = value;
    this.stateChanged.emit();
  }

  get versions(): readonly IVersion[] {
    return this._versions;
  }

  /** Refreshes whose rows are still stored, newest first. */
  get comparable(): readonly IPastRefresh[] {
    return this._comparable;
  }

  /** Whether it brought rows that can be compared with earlier ones. */
  isComparable(refresh: IPastRefresh): boolean {
    const oldest = this._comparable[this._comparable.length - 1];
    const hasOlder = this.hasMore || oldest?.id !== refresh.id;
    return refresh.hasRows && refresh.isUnchanged !== true && hasOlder;
  }

  /** Newest first; versions from before the oldest loaded refresh wait for it. */
  get entries(): readonly Entry[] {
    const versions = this._versions.map((version): Entry => ({
      kind: 'version',
      at: version.at,
      version
    }));
    if (this._isVersionsOnly) {
      return versions;
    }
    const oldest = this._refreshes[this._refreshes.length - 1]?.at ?? '';
    const shown = this.hasMore ? versions.filter(entry => entry.at >= oldest) : versions;
    const refreshes = this._refreshes.map((refresh): Entry => ({
      kind: 'refresh',
      at: refresh.at,
      refresh
    }));
    return [...refreshes, ...shown].sort((one, other) => other.at.localeCompare(one.at));
  }

  async loadMore(): Promise<void> {
    if (this._cursor === null || this._isLoadingMore) {
      return;
    }
    this._isLoadingMore = true;
    await this.attempt(async () => {
      const part = await this._records.refreshes(this.document.id, this._cursor);
      const known = new Set(this._refreshes.map(refresh => refresh.id));
      this._keep([...this._refreshes, ...part.items.filter(({ id }) => !known.has(id))]);
      this._cursor = part.nextCursor;
    });
    this._isLoadingMore = false;
    this.emit();
  }

  /** Open or close the comparison of a refresh with the rows before it. */
  toggleRows(id: string): void {
    const isOpen = this._opened?.kind === 'rows' && this._opened.id === id;
    this._open(
      isOpen ? null : { kind: 'rows', id, comparing: new Comparing(this.document, { after: id }) }
    );
  }

  /** Show what the newest refresh that changed rows has changed. */
  async showNewest(): Promise<void> {
    await this.load();
    this._isVersionsOnly = false;
    const newest = this.comparable.find(refresh => this.isComparable(refresh));
    const isOpen = this._opened?.kind === 'rows' && this._opened.id === newest?.id;
    if (newest !== undefined && !isOpen) {
      this.toggleRows(newest.id);
    }
  }

  /** Open or close what a version changed in the SQL of the one before. */
  async toggleSql(n: number): Promise<void> {
    if (this._opened?.kind === 'sql' && this._opened.n === n) {
      this._open(null);
    } else {
      await this.compareSql(n, n - 1);
    }
  }

  /** What a version changed against any other. */
  async compareSql(n: number, from: number): Promise<void> {
    const opened: IOpenedSql = { kind: 'sql', n, from, difference: null };
    this._open(opened);
    await this.attempt(async () => {
      const difference = await this._records.sqlDifference(this.document.id, from, n);
      if (this._opened === opened) {
        this._opened = { ...opened, difference };
      }
    });
    this.emit();
  }

  protected override async read(): Promise<void> {
    const { id } = this.document;
    const [part, versions] = await Promise.all([
      this._records.refreshes(id, null),
      allVersions(cursor => this._records.versions(id, cursor))
    ]);
    this._versions = versions;
    this._takeHead(part);
  }

  private get _records(): IRecords {
    return this.document.views.api.records;
  }

  private _open(opened: IOpenedRows | IOpenedSql | null): void {
    this._opened = opened;
    this.emit();
  }

  /** A new first page; entries behind it that are loaded already stay. */
  private _takeHead(part: IPart<IPastRefresh>): void {
    const last = part.items[part.items.length - 1];
    const cut = last === undefined ? -1 : this._refreshes.findIndex(({ id }) => id === last.id);
    if (part.nextCursor === null || cut < 0) {
      this._keep(part.items);
      this._cursor = part.nextCursor;
    } else {
      this._keep([...part.items, ...this._refreshes.slice(cut + 1)]);
    }
  }

  private _keep(refreshes: readonly IPastRefresh[]): void {
    this._refreshes = refreshes;
    this._comparable = refreshes.filter(refresh => refresh.hasRows);
  }

  private _isLoadingMore = false;
  private _isVersionsOnly = false;
  private _opened: IOpenedRows | IOpenedSql | null = null;
  private _refreshes: readonly IPastRefresh[] = [];
  private _comparable: readonly IPastRefresh[] = [];
  private _versions: readonly IVersion[] = [];
  private _cursor: string | null = null;
}

/** Versions are made by people: there are few, and all are needed at once. */
async function allVersions(
  read: (cursor: string | null) => Promise<IPart<IVersion>>
): Promise<readonly IVersion[]> {
  const versions: IVersion[] = [];
  let cursor: string | null = null;
  do {
    const part: IPart<IVersion> = await read(cursor);
    versions.push(...part.items);
    cursor = part.nextCursor;
  } while (cursor !== null);
  return versions;
}
