/** The chart in a result tab: controls, the picture, what it shows in words and in numbers. */

import type { IThemeManager } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';
import { useState, type ReactElement } from 'react';

import { cellText } from './cells';
import { ChartModel } from './chart';
import { ChartForm } from './chartform';
import { Picture } from './chartpicture';
import type { IPlot } from './charts';
import type { DocumentModel } from './document';
import type { Json } from './json';
import { grouped } from './words';

export interface IChartOptions {
  document: DocumentModel;
  trans: TranslationBundle;
  themes: IThemeManager | null;
  rendermime: IRenderMimeRegistry | null;
}

export class ChartView extends Panel {
  constructor({ document, trans, themes, rendermime }: IChartOptions) {
    super();
    this._model = new ChartModel(document);
    this.addClass('jp-ViewsChart');
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Chart'));
    const told = `jp-views-${document.id}-chart-words`;
    this.addWidget(new ChartForm({ model: this._model, trans }));
    this.addWidget(new Picture({ model: this._model, trans, themes, rendermime, told }));
    this.addWidget(new ChartNumbers(this._model, told, trans));
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._model.begin();
  }

  protected override onActivateRequest(): void {
    this.node.focus();
  }

  private readonly _model: ChartModel;
}

class ChartNumbers extends VDomRenderer<ChartModel> {
  constructor(
    model: ChartModel,
    private readonly _told: string,
    private readonly _trans: TranslationBundle
  ) {
    super(model);
    this.addClass('jp-ViewsChart-numbers');
  }

  protected override render(): ReactElement | null {
    const { plot } = this.model;
    if (plot === null) {
      return null;
    }
    return (
      <>
        <p id={this._told} role="status">
          {plot.summary}
        </p>
        {plot.fields.size > 0 && <Numbers plot={plot} trans={this._trans} />}
      </>
    );
  }
}

function Numbers({ plot, trans }: { plot: IPlot; trans: TranslationBundle }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{trans.__('Numbers behind the chart (%1)', grouped(plot.values.length))}</summary>
      {isOpen && (
        <table>
          <caption className="jp-Views-forReaders">{plot.summary}</caption>
          <thead>
            <tr>
              {[...plot.fields].map(([field, name]) => (
                <th key={field} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {plot.values.map((value, index) => (
              <NumbersRow key={index} value={value} fields={[...plot.fields.keys()]} />
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function NumbersRow({ value, fields }: { value: Json; fields: readonly string[] }): ReactElement {
  return (
    <tr>
      {fields.map(field => (
        <td key={field} data-number={typeof value[field] === 'number'}>
          {cellText(value[field])}
        </td>
      ))}
    </tr>
  );
}
