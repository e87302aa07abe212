/** What there is to copy of a view into other programs. Knows no DOM. */

import type { DocumentModel } from './document';
import { Following } from './following';
import { array, record, text, textOrNull, texts, type Json } from './json';
import type { Transport } from './transport';

/** The language that somebody looked at last, in every view. */
const REMEMBERED = 'jupyter-views:language';

export interface ISnippet {
  readonly language: string;
  readonly label: string;
  readonly text: string;
  /** What it takes to run it. */
  readonly note: string | null;
  /** What its key needs. */
  readonly scopes: readonly string[];
}

export interface IDoorSnippets {
  readonly door: string;
  /** The view at that door. */
  readonly name: string;
  /** What its answers say of freshness. */
  readonly note: string;
  readonly snippets: readonly ISnippet[];
}

export class SnippetsModel extends Following {
  constructor(document: DocumentModel) {
    super(document, 'api');
    this._language = window.localStorage.getItem(REMEMBERED) ?? '';
  }

  /** The open doors of the view. */
  get doors(): readonly IDoorSnippets[] {
    return this._doors;
  }

  /** The environment variable that holds the key. */
  get variable(): string {
    return this._variable;
  }

  get door(): IDoorSnippets | undefined {
    return this._doors.find(({ door }) => door === this._door) ?? this._doors[0];
  }

  /** The text to copy: in the chosen language, where the door has it. */
  get snippet(): ISnippet | undefined {
    const snippets = this.door?.snippets ?? [];
    return snippets.find(({ language }) => language === this._language) ?? snippets[0];
  }

  /** The text that was copied last, as long as it is in sight. */
  get isCopied(): boolean {
    return this._copied !== null && this._copied === this.snippet?.text;
  }

  chooseDoor(door: string): void {
    this._door = door;
    this._copied = null;
    this.emit();
  }

  chooseLanguage(language: string): void {
    this._language = language;
    this._copied = null;
    window.localStorage.setItem(REMEMBERED, language);
    this.emit();
  }

  noteCopied(): void {
    this._copied = this.snippet?.text ?? null;
    this.emit();
  }

  protected override async read(): Promise<void> {
    const { transport } = this.document.views.api;
    const body = await readSnippets(transport, this.document.id);
    this._variable = text(body.variable);
    this._doors = array(body.doors).map(door => toDoor(record(door)));
  }

  private _doors: readonly IDoorSnippets[] = [];
  private _variable = '';
  private _door = '';
  private _language: string;
  private _copied: string | null = null;
}

async function readSnippets(transport: Transport, id: string): Promise<Json> {
  // Texts name the server as this browser does: behind a proxy it cannot know.
  const query = { server: transport.serverUrl };
  return record(await transport.json('GET', ['views', id, 'snippets'], query));
}

function toDoor(raw: Json): IDoorSnippets {
  return {
    door: text(raw.door),
    name: text(raw.name),
    note: text(raw.note),
    snippets: array(raw.snippets).map(snippet => toSnippet(record(snippet)))
  };
}

function toSnippet(raw: Json): ISnippet {
  return {
    language: text(raw.language),
    label: text(raw.label),
    text: text(raw.text),
    note: textOrNull(raw.note),
    scopes: texts(raw.scopes)
  };
}
