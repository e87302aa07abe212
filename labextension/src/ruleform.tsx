/** The freshness rule of a view as a form in a dialog. */

import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useState, type ReactElement } from 'react';

import { isCron, SCHEDULES } from './durations';
import {
  CheckField,
  ColumnsField,
  DurationField,
  Field,
  FormProblem,
  useWrongField
} from './fields';
import { RuleDraft } from './rule';
import { SavingDialog } from './saving';
import type { IRule, IRuled } from './tokens';
import { middleCut, nextWords } from './words';

interface IRuleDialogOptions {
  ruled: IRuled;
  save: (fields: Readonly<Record<string, unknown>>) => Promise<unknown>;
  trans: TranslationBundle;
}

export function ruleDialog({ ruled, save, trans }: IRuleDialogOptions): SavingDialog<IRule> {
  const draft = new RuleDraft(ruled);
  return new SavingDialog({
    title: trans.__('Refresh “%1” when…', middleCut(ruled.view.name, 40)),
    draft,
    form: new RuleForm(draft, trans),
    save,
    trans
  });
}

class RuleForm extends VDomRenderer<RuleDraft> {
  constructor(
    draft: RuleDraft,
    private readonly _trans: TranslationBundle
  ) {
    super(draft);
    this.addClass('jp-ViewsForm');
  }

  protected override render(): ReactElement {
    return <Form draft={this.model} trans={this._trans} />;
  }
}

interface IFormProps {
  draft: RuleDraft;
  trans: TranslationBundle;
}

function Form({ draft, trans }: IFormProps): ReactElement {
  const { value: rule } = draft;
  const error = errorOf(draft);
  const form = useWrongField(draft);
  return (
    <div ref={form}>
      <FormProblem draft={draft} trans={trans} />
      <fieldset>
        <legend>{trans.__('Refresh by itself')}</legend>
        <CheckField
          id="jp-views-auto"
          label={trans.__('When a source changes')}
          hint={trans.__('The server watches what the view reads; nobody has to look.')}
          error={error('autoRefresh')}
          isOn={rule.autoRefresh}
          change={autoRefresh => draft.change({ autoRefresh })}
        />
        <ScheduleFields draft={draft} trans={trans} />
      </fieldset>
      <fieldset>
        <legend>{trans.__('Call the rows stale')}</legend>
        <DurationField
          id="jp-views-age"
          label={trans.__('When older than')}
          hint={trans.__('Empty: only a change makes them stale.')}
          error={error('ageSeconds')}
          seconds={rule.ageSeconds}
          trans={trans}
          change={ageSeconds => draft.change({ ageSeconds })}
        />
        <DurationField
          id="jp-views-bound"
          label={trans.__('Warn when stale for')}
          hint={trans.__('Every answer then says that the limit is exceeded. Empty: no limit.')}
          error={error('maxStalenessSeconds')}
          seconds={rule.maxStalenessSeconds}
          trans={trans}
          change={maxStalenessSeconds => draft.change({ maxStalenessSeconds })}
        />
      </fieldset>
      <VerifyingFields draft={draft} trans={trans} />
      <ColumnsField
        legend={trans.__('What identifies a row')}
        hint={trans.__('For comparing results. None chosen: guessed.')}
        error={error('key')}
        columns={draft.ruled.columns}
        chosen={rule.key ?? []}
        change={chosen => draft.change({ key: chosen.length > 0 ? chosen : null })}
      />
    </div>
  );
}

const NEVER = '';
const OTHER = 'other';

function ScheduleFields({ draft, trans }: IFormProps): ReactElement {
  const { schedule, timezone } = draft.value;
  const { saved } = draft;
  const error = errorOf(draft);
  const isListed = schedule === null || SCHEDULES.some(known => known === schedule);
  const [isTyped, setTyped] = useState(!isListed);
  const names = scheduleNames(trans);
  const choose = (choice: string): void => {
    setTyped(choice === OTHER);
    draft.change({ schedule: choice === NEVER || choice === OTHER ? null : choice });
  };
  const type = (text: string): void => {
    const isFirst = isCron(text) && !isCron(schedule ?? '') && !isCron(saved.schedule ?? '');
    draft.change({ schedule: text || null, ...(isFirst ? { timezone: ownZone() } : {}) });
  };
  return (
    <>
      <Field
        id="jp-views-every"
        label={trans.__('On a schedule')}
        hint={isTyped ? undefined : plannedWords(draft, trans)}
        error={isTyped ? null : error('schedule')}
      >
        {own => (
          <select
            {...own}
            className="jp-Views-select"
            value={isTyped ? OTHER : (schedule ?? NEVER)}
            onChange={({ target }) => choose(target.value)}
          >
            <option value={NEVER}>{trans.__('Never')}</option>
            {SCHEDULES.map(known => (
              <option key={known} value={known}>
                {names[known]}
              </option>
            ))}
            <option value={OTHER}>{trans.__('Other…')}</option>
          </select>
        )}
      </Field>
      {isTyped && (
        <Field
          id="jp-views-schedule"
          label={trans.__('Schedule')}
          hint={
            plannedWords(draft, trans) ||
            trans.__(
              '45m, 2h, 3d, or five cron fields: minute, hour, day, month, weekday. 0 8 * * MON-FRI is 08:00 on workdays.'
            )
          }
          error={error('schedule')}
        >
          {own => (
            <input
              {...own}
              className="jp-mod-styled jp-ViewsField-code"
              type="text"
              autoComplete="off"
              spellCheck={false}
              value={schedule ?? ''}
              onChange={({ target }) => type(target.value)}
            />
          )}
        </Field>
      )}
      {isTyped && isCron(schedule ?? '') && (
        <Field id="jp-views-zone" label={trans.__('Time zone')} error={error('timezone')}>
          {own => (
            <>
              <input
                {...own}
                className="jp-mod-styled"
                type="text"
                list="jp-views-zones"
                autoComplete="off"
                spellCheck={false}
                value={timezone}
                onChange={({ target }) => draft.change({ timezone: target.value })}
              />
              <datalist id="jp-views-zones">
                {Intl.supportedValuesOf('timeZone').map(zone => (
                  <option key={zone} value={zone} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      )}
    </>
  );
}

function VerifyingFields({ draft, trans }: IFormProps): ReactElement {
  const { strict, changedWhen } = draft.value;
  const error = errorOf(draft);
  return (
    <fieldset>
      <legend>{trans.__('How a change is noticed')}</legend>
      <CheckField
        id="jp-views-strict"
        label={trans.__('Compare the content of files')}
        hint={trans.__('Slower; sees a rewrite that leaves size and times as they were.')}
        error={error('strict')}
        isOn={strict}
        change={isOn => draft.change({ strict: isOn })}
      />
      <Field
        id="jp-views-probe"
        label={trans.__('Ask a query')}
        hint={trans.__(
          'SQL of one value: when it differs, the sources have changed. Empty: the server looks at the sources itself.'
        )}
        error={error('changedWhen')}
      >
        {own => (
          <textarea
            {...own}
            className="jp-mod-styled jp-ViewsField-code"
            rows={2}
            spellCheck={false}
            placeholder="SELECT max(updated_at) FROM 'orders.parquet'"
            value={changedWhen ?? ''}
            onChange={({ target }) => draft.change({ changedWhen: target.value || null })}
          />
        )}
      </Field>
    </fieldset>
  );
}

/** The saved schedule in the server's words, while nobody has changed it here. */
function plannedWords(draft: RuleDraft, trans: TranslationBundle): string {
  const { view } = draft.ruled;
  const isSaved = !draft.isChanged('schedule') && !draft.isChanged('timezone');
  return isSaved && view.scheduleText !== null
    ? [view.scheduleText, nextWords(view, Date.now(), trans)].filter(Boolean).join(', ')
    : '';
}

function errorOf(draft: RuleDraft): (field: keyof IRule) => string | null {
  return field => draft.error(field);
}

function scheduleNames(
  trans: TranslationBundle
): Readonly<Record<(typeof SCHEDULES)[number], string>> {
  return {
    '15m': trans.__('Every 15 minutes'),
    '1h': trans.__('Every hour'),
    '6h': trans.__('Every 6 hours'),
    '1d': trans.__('Every day'),
    '1w': trans.__('Every week')
  };
}

function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
