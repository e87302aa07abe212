"""The browser's side of a widget, with a host that keeps what was sent to the kernel."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

import jupyter_views
from jupyter_views.kernel.widget import ViewWidget

STYLE = Path(jupyter_views.__file__).parent / "kernel" / "widget.css"
EVIL = '<img src=x onerror="window.hacked=1">'

HOST = """
async ({source, state}) => {
  const listeners = {};
  window.sent = [];
  window.followed = [];
  window.state = state;
  window.fire = (event, ...facts) => (listeners[event] ?? []).forEach((f) => f(...facts));
  window.set = (values) => {
    Object.assign(state, values);
    for (const name of Object.keys(values)) window.fire(`change:${name}`);
  };
  window.rowsFrom = (offset, count, tag) =>
    Array.from({length: Math.min(count, state.row_count - offset)}, (_, i) =>
      [offset + i, `${tag} ${offset + i}`]);
  window.answer = (message, tag = "row") => window.fire("msg:custom", {
    id: message.id, offset: message.offset, result_id: state.result_id,
    rows: window.rowsFrom(message.offset, 200, tag),
  });
  window.saved = [];
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      window.fire(`change:${name}`);
    },
    save_changes: () => window.saved.push(structuredClone(state.values)),
    on: (event, act) => (listeners[event] ??= []).push(act),
    off: (event, act) => { listeners[event] = (listeners[event] ?? []).filter((f) => f !== act); },
    send: (message) => {
      (message.command === "follow" ? window.followed : window.sent).push(message);
      if (window.isPrompt) window.answer(message);
    },
  };
  window.isPrompt = true;
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const widget = (await import(url)).default;
  window.cleanUp = widget.render({model, el: document.getElementById("here")});
}
"""


def a_state(**changes):
    count = changes.get("row_count", 1_000_000)
    return {
        "slug": "big", "name": "Big one", "status": "fresh", "status_text": "Fresh",
        "computed_at": "2026-11-20T14:02:00Z", "row_count": count, "is_truncated": False,
        "columns": [{"name": "n", "type": "integer"}, {"name": "text", "type": "string"}],
        "rows": [[i, f"row {i}"] for i in range(min(20, count))],
        "error": "", "changes": "", "parameters": [], "values": {}, "problems": {},
        "is_running": False, "result_id": 1,
        **changes,
    }  # fmt: skip


def open_widget(page: Page, **changes) -> None:
    page.evaluate(HOST, {"source": ViewWidget._esm, "state": a_state(**changes)})


def first_row(page: Page) -> list[str]:
    return page.locator("tbody tr").first.locator("td").all_inner_texts()
