/** Deeds and what they changed, in words for people. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { inParts, type IDeed, type IFieldChange } from './deeds';
import { SECONDS, unitOf } from './durations';
import { isRecord, textOrNull } from './json';
import { minuteOf } from './words';

/** Who did it, as the beginning of a sentence. */
export function personWords({ person, activity }: IDeed, trans: TranslationBundle): string {
  if (person !== null) {
    return person;
  }
  return activity.startsWith('share_login')
    ? trans.__('A visitor of the link')
    : trans.__('The server');
}

/** What was done, as the rest of that sentence. */
export function deedWords({ scope, activity }: IDeed, trans: TranslationBundle): string {
  return (scope === 'Endpoint' && endpointWords(activity, trans)) || viewWords(activity, trans);
}

function endpointWords(activity: string, trans: TranslationBundle): string | null {
  switch (activity) {
    case 'created':
      return trans.__('made the endpoint');
    case 'updated':
      return trans.__('changed the endpoint');
    case 'version_created':
      return trans.__('gave the endpoint a new version');
    case 'deleted':
      return trans.__('deleted the endpoint');
    default:
      return null;
  }
}

function viewWords(activity: string, trans: TranslationBundle): string {
  switch (activity) {
    case 'created':
      return trans.__('made the view');
    case 'updated':
      return trans.__('changed the view');
    case 'deleted':
      return trans.__('deleted the view');
    case 'restored':
      return trans.__('brought the view back');
    case 'sharing enabled':
      return trans.__('switched the link on');
    case 'sharing disabled':
      return trans.__('switched the link off');
    case 'sharing changed':
      return trans.__('changed the link');
    case 'access token refreshed':
      return trans.__('gave the link another address');
    case 'sharing revoked':
      return trans.__('revoked the link');
    case 'share password created':
      return trans.__('added a password to the link');
    case 'share password deleted':
      return trans.__('removed a password from the link');
    case 'share_login_success':
      return trans.__('gave a password');
    case 'share_login_failed':
      return trans.__('gave a wrong password');
    default:
      return activity;
  }
}

/** Of an attempt at a password: from where, at which link, with whose; empty of other deeds. */
export function attemptWords({ changes }: IDeed, trans: TranslationBundle): readonly string[] {
  const attempt = changes.find(({ field }) => field === ATTEMPT)?.after;
  if (!isRecord(attempt)) {
    return [];
  }
  const note = textOrNull(attempt.password_note);
  return [
    trans.__('from %1', textOrNull(attempt.client_ip) ?? ''),
    trans.__('link …%1', textOrNull(attempt.access_token_suffix) ?? ''),
    note === null ? '' : trans.__('the one with the label “%1”', note)
  ].filter(Boolean);
}

/** Changes for a table, one of each part that differs. */
export function changeRows({ changes }: IDeed): readonly IFieldChange[] {
  return changes.filter(({ field }) => field !== ATTEMPT).flatMap(inParts);
}

const ATTEMPT = 'authentication_attempt';

export function fieldWords(field: string, trans: TranslationBundle): string {
  return (
    fieldNames(trans)[field] ??
    field
      .slice(field.indexOf('.') + 1)
      .split('_')
      .join(' ')
  );
}

/** A value as a person writes it; empty for nothing. */
export function valueWords(field: string, value: unknown, trans: TranslationBundle): string {
  if (value === null || value === undefined || value === '') {
    return '';
  }
  if (typeof value === 'boolean') {
    return value ? trans.__('yes') : trans.__('no');
  }
  if (typeof value === 'number' && field.endsWith('_seconds')) {
    return spanWords(value, trans);
  }
  if (typeof value === 'string') {
    return field.endsWith('_at') && !Number.isNaN(Date.parse(value)) ? minuteOf(value) : value;
  }
  if (Array.isArray(value)) {
    return value.map(part => (typeof part === 'string' ? part : JSON.stringify(part))).join(', ');
  }
  return sqlOf(value) ?? JSON.stringify(value);
}

/** A span as its owner wrote it: in the largest unit that keeps it whole. */
function spanWords(seconds: number, trans: TranslationBundle): string {
  const unit = unitOf(seconds);
  const count = seconds / SECONDS[unit];
  switch (unit) {
    case 's':
      return trans.__('%1 s', count);
    case 'min':
      return trans.__('%1 min', count);
    case 'h':
      return trans.__('%1 h', count);
    case 'd':
      return trans._n('%1 day', '%1 days', count);
  }
}

/** The SQL inside a query object. */
function sqlOf(value: unknown): string | null {
  if (!isRecord(value)) {
    return null;
  }
  return textOrNull(value.query) ?? sqlOf(value.source);
}

function fieldNames(trans: TranslationBundle): Readonly<Record<string, string>> {
  return {
    name: trans.__('Name'),
    derived_name: trans.__('Derived name'),
    description: trans.__('Description'),
    tags: trans.__('Tags'),
    folder: trans.__('Folder'),
    favorited: trans.__('Favourite'),
    saved: trans.__('Saved'),
    deleted: trans.__('Deleted'),
    order: trans.__('Order'),
    dashboards: trans.__('Dashboards'),
    doors: trans.__('Offered as'),
    perspective: trans.__('Slug'),
    is_public: trans.__('Everyone signed in can read it'),
    allowed_user_ids: trans.__('People who can read it'),
    query: trans.__('Query'),
    auto_refresh: trans.__('Refresh when a source changes'),
    schedule: trans.__('Schedule'),
    timezone: trans.__('Time zone'),
    age_seconds: trans.__('Stale when older than'),
    cache_age_seconds: trans.__('Stale when older than'),
    sync_frequency: trans.__('Schedule'),
    is_active: trans.__('Can be run'),
    is_materialized: trans.__('Rows kept ready'),
    max_staleness_seconds: trans.__('Warn when stale for'),
    changed_when: trans.__('Query that notices changes'),
    strict: trans.__('Compare the content of files'),
    key: trans.__('What identifies a row'),
    'chart.mark': trans.__('Chart'),
    'chart.x': trans.__('Chart: x'),
    'chart.y': trans.__('Chart: y'),
    'chart.color': trans.__('Chart: colour'),
    'chart.aggregate': trans.__('Chart: aggregate'),
    expires_at: trans.__('Expires'),
    password_required: trans.__('Asks for a password'),
    'settings.table': trans.__('Page shows the rows'),
    'settings.chart': trans.__('Page shows the chart'),
    'settings.downloads': trans.__('Page offers downloads'),
    'settings.show_sql': trans.__('Page shows the SQL'),
    'settings.parameters': trans.__('Visitors choose'),
    'settings.owner_name': trans.__('Page shows the owner’s name'),
    'settings.noHeader': trans.__('Page leaves out name and description'),
    'settings.theme': trans.__('Colours of the page'),
    'settings.embed_origins': trans.__('Sites with a frame')
  };
}
