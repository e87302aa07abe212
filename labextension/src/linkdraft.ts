/** A link while somebody writes what it shows and when it ends. Knows no DOM. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { Draft } from './draft';
import { texts, type Json } from './json';
import type { ILinkChange, ISharing } from './shares';
import { minuteOf } from './words';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** Days from now, a date of one's own, the date that is there, or never. */
export const ENDS = ['1', '7', '30', 'date', 'kept', 'never'] as const;
export type End = (typeof ENDS)[number];

export interface ILinkFields {
  readonly table: boolean;
  readonly chart: boolean;
  readonly downloads: boolean;
  readonly sql: boolean;
  readonly owner: boolean;
  /** Name and description. */
  readonly heading: boolean;
  readonly theme: Theme;
  /** Sites that may show the page in a frame, one a line. */
  readonly origins: string;
  /** Parameters for which visitors may choose values. */
  readonly parameters: readonly string[];
  readonly end: End;
  /** The date of one's own, as an input of the browser has it: local, without a zone. */
  readonly date: string;
}

/** Switches of the page: the server's word, what it is when absent, whether it means off. */
export const SWITCHES = {
  table: ['table', true, false],
  chart: ['chart', true, false],
  downloads: ['downloads', false, false],
  sql: ['show_sql', false, false],
  owner: ['owner_name', false, false],
  heading: ['noHeader', true, true]
} as const;
export type Switch = keyof typeof SWITCHES;

const ORIGINS = 'embed_origins';
const DAY = 86_400_000;
/** Only what can be refused needs the server's name of it. */
const WIRE: Readonly<Record<keyof ILinkFields, string>> = {
  table: 'settings.table',
  chart: 'settings.chart',
  downloads: 'settings.downloads',
  sql: 'settings.show_sql',
  owner: 'settings.owner_name',
  heading: 'settings.noHeader',
  theme: 'settings.theme',
  origins: 'settings',
  parameters: 'settings.parameters',
  end: 'expires_at',
  date: 'settings.date'
};

export class LinkDraft extends Draft<ILinkFields> {
  constructor(private readonly _sharing: ISharing) {
    super(fieldsOf(_sharing), WIRE);
  }

  /** When the link ends as it is saved. */
  get endsNow(): string {
    const { expiresAt } = this._sharing;
    return expiresAt === null ? '' : minuteOf(expiresAt);
  }

  get isDirty(): boolean {
    return Object.keys(this.changes).length > 0;
  }

  /** What to send for it; null where a field has to be mended first, which then says so. */
  toChange(now: number, trans: TranslationBundle): ILinkChange | null {
    const { end, date } = this.value;
    const chosen = new Date(date);
    if (end === 'date' && !(chosen.getTime() > now)) {
      this.refuse('end', trans.__('Choose a day and a time that are still to come.'));
      return null;
    }
    const isNew = this._sharing.createdAt === null;
    return {
      ...this._settings(),
      ...(isNew || this.isChanged('end') || this.isChanged('date')
        ? { expires_at: endOf(end, chosen, now, this._sharing.expiresAt) }
        : {})
    };
  }

  /** All settings, those that are not shown here too: a change replaces them. */
  private _settings(): Pick<ILinkChange, 'settings'> {
    const { value } = this;
    const changed: Record<string, unknown> = {};
    for (const name of Object.keys(SWITCHES) as Switch[]) {
      const [wire, , means] = SWITCHES[name];
      if (this.isChanged(name)) {
        changed[wire] = value[name] !== means;
      }
    }
    if (this.isChanged('theme')) {
      changed.theme = value.theme;
    }
    if (this.isChanged('parameters')) {
      changed.parameters = value.parameters;
    }
    if (this.isChanged('origins')) {
      changed[ORIGINS] = value.origins.split(/\s+/).filter(Boolean);
    }
    return Object.keys(changed).length > 0
      ? { settings: { ...this._sharing.settings, ...changed } }
      : {};
  }
}

function fieldsOf({ createdAt, settings, expiresAt }: ISharing): ILinkFields {
  const isOn = (name: Switch): boolean => {
    const [wire, usual, means] = SWITCHES[name];
    const said = settings[wire];
    return typeof said === 'boolean' ? said !== means : usual;
  };
  return {
    table: isOn('table'),
    chart: isOn('chart'),
    downloads: isOn('downloads'),
    sql: isOn('sql'),
    owner: isOn('owner'),
    heading: isOn('heading'),
    theme: THEMES.find(theme => theme === settings.theme) ?? 'system',
    origins: originsOf(settings),
    parameters: texts(settings.parameters),
    end: createdAt === null ? '7' : expiresAt === null ? 'never' : 'kept',
    date: ''
  };
}

function originsOf(settings: Json): string {
  return texts(settings[ORIGINS]).join('\n');
}

function endOf(end: End, chosen: Date, now: number, before: string | null): string | null {
  switch (end) {
    case 'never':
      return null;
    case 'kept':
      return before;
    case 'date':
      return chosen.toISOString();
    default:
      return new Date(now + Number(end) * DAY).toISOString();
  }
}
