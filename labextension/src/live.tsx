/** Says to a screen reader what happened, once. */

import { useEffect, useState, type ReactElement } from 'react';

import type { ViewsModel } from './model';
import type { IAnnouncement } from './words';

export function LiveRegion({ model }: { model: ViewsModel }): ReactElement {
  const [said, setSaid] = useState<IAnnouncement>({ text: '', assertive: false });
  useEffect(() => {
    const hear = (_: ViewsModel, announcement: IAnnouncement): void => setSaid(announcement);
    model.announced.connect(hear);
    return () => {
      model.announced.disconnect(hear);
    };
  }, [model]);
  return (
    <div className="jp-Views-forReaders">
      <div aria-live="polite">{said.assertive ? '' : said.text}</div>
      <div aria-live="assertive">{said.assertive ? said.text : ''}</div>
    </div>
  );
}
