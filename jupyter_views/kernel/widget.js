// The table of a view: only the visible rows exist, the others are asked for 200 at a time.
// Its chart is a picture that the server drew.
// Every name and cell is set as text; nothing that came from a query is ever markup.

const BLOCK = 200;
const ROW_PX = 24;
const BODY_ROWS = 12;
const MAX_PX = 8_000_000; // browsers cap an element's height; longer tables scroll by proportion
const KEPT_BLOCKS = 40;
const MOST_COLUMNS = 100;
const PATIENCE_MS = 10_000;
const FOLLOW_MS = 20_000; // less than half the kernel's lease
const NUMBERS = new Set(["integer", "decimal", "double"]);
const SHAPES = { fresh: "●", stale: "◐", refreshing: "⟳", failed: "▲", never_run: "○" };

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function cellText(value, type) {
  // 5.0 arrives as the number 5; a column of fractions should not mix the two.
  const isWhole = type === "double" && Number.isInteger(value) && Math.abs(value) < 1e15;
  const plain = isWhole ? value.toFixed(1) : String(value);
  const text = value !== null && typeof value === "object" ? JSON.stringify(value) : plain;
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

/** Asks the kernel; an answer to a question that is no longer open is dropped. */
class Kernel {
  constructor(model, onSilence) {
    this.model = model;
    this.onSilence = onSilence;
    this.open = new Map();
    this.last = 0;
    this.listen = (message) => this.receive(message);
    model.on("msg:custom", this.listen);
  }

  ask(command, facts, done) {
    const id = ++this.last;
    const timer = setTimeout(() => {
      if (this.open.delete(id)) {
        this.onSilence();
        done({ error: "" });
      }
    }, PATIENCE_MS);
    this.open.set(id, { done, timer });
    this.model.send({ id, command, ...facts });
  }

  /** Tells it without waiting, and not again before it was heard: a busy kernel is left alone. */
  tell(command, facts) {
    if (this.isTold) return;
    this.isTold = true;
    const id = ++this.last;
    this.open.set(id, { done: () => (this.isTold = false), timer: 0 });
    this.model.send({ id, command, ...facts });
  }

  receive(message) {
    const question = this.open.get(message?.id);
    if (!question) return;
    this.open.delete(message.id);
    clearTimeout(question.timer);
    question.done(message);
  }

  forget() {
    for (const { timer } of this.open.values()) clearTimeout(timer);
    this.open.clear();
    this.isTold = false;
  }

  close() {
    this.forget();
    this.model.off("msg:custom", this.listen);
  }
}

/** Rows in blocks, the most recently used ones; emptied when the result changes. */
class Rows {
  constructor(model, kernel, onChange) {
    this.model = model;
    this.kernel = kernel;
    this.onChange = onChange;
    this.blocks = new Map();
    this.asked = new Set();
  }

  reset() {
    this.kernel.forget();
    this.blocks.clear();
    this.asked.clear();
  }

  get(index) {
    const preview = this.model.get("rows");
    if (index < preview.length) return preview[index];
    const at = Math.floor(index / BLOCK);
    const block = this.blocks.get(at);
    if (block) {
      this.blocks.delete(at);
      this.blocks.set(at, block);
      return block[index - at * BLOCK];
    }
    this.fetch(at);
    return undefined;
  }

  fetch(at) {
    if (this.asked.has(at)) return;
    this.asked.add(at);
    this.kernel.ask("window", { offset: at * BLOCK }, (answer) => {
      this.asked.delete(at);
      if (answer.error !== undefined) {
        this.onChange(answer.error);
        return;
      }
      if (answer.result_id !== this.model.get("result_id")) return;
      this.blocks.set(at, answer.rows);
      if (this.blocks.size > KEPT_BLOCKS) this.blocks.delete(this.blocks.keys().next().value);
      this.onChange("");
    });
  }
}

class Table {
  constructor(model, rows) {
    this.model = model;
    this.rows = rows;
    this.top = 0;
    this.node = make("div", "jv-scroll");
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "region");
    this.space = make("div");
    this.pane = make("div", "jv-pane");
    this.table = make("table");
    this.pane.append(this.table);
    this.space.append(this.pane);
    this.node.append(this.space);
    this.node.addEventListener("scroll", () => this.onScroll());
    this.node.addEventListener("keydown", (event) => this.onKey(event));
  }

  get count() {
    return this.model.get("row_count");
  }

  get shown() {
    return Math.min(BODY_ROWS, this.count);
  }

  get lastTop() {
    return Math.max(0, this.count - this.shown);
  }

  get range() {
    return Math.min(this.lastTop * ROW_PX, MAX_PX);
  }

  /** How far the pane can be scrolled; differs from the range while it is not laid out. */
  get extent() {
    return Math.max(0, this.node.scrollHeight - this.node.clientHeight);
  }

  layout() {
    // Room for the header, the rows, and a scroll bar below them.
    this.node.style.height = `${(this.shown + 1) * ROW_PX + 18}px`;
    this.space.style.height = `${this.node.clientHeight + this.range}px`;
    this.top = Math.min(this.top, this.lastTop);
    this.node.setAttribute("aria-label", `Rows of ${this.model.get("name")}`);
    this.draw();
  }

  onScroll() {
    const extent = this.extent;
    const ratio = extent ? Math.min(1, this.node.scrollTop / extent) : 0;
    const top = Math.round(ratio * this.lastTop);
    // A long table moves many rows a pixel: what a key chose must survive its own scroll event.
    if (Math.abs(top - this.top) * (extent / (this.lastTop || 1)) >= 1) {
      this.top = top;
      this.draw();
    }
  }

  moveTo(top) {
    this.top = Math.max(0, Math.min(this.lastTop, top));
    this.node.scrollTop = this.lastTop ? (this.top / this.lastTop) * this.extent : 0;
    this.draw();
  }

  onKey(event) {
    const steps = {
      ArrowDown: this.top + 1,
      ArrowUp: this.top - 1,
      PageDown: this.top + this.shown,
      PageUp: this.top - this.shown,
      Home: 0,
      End: this.lastTop,
    };
    if (!(event.key in steps) || event.altKey || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(steps[event.key]);
  }

  /** Once for any number of answers that arrive together. */
  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      this.isDue = false;
      this.draw();
    });
  }

  draw() {
    const columns = this.model.get("columns").slice(0, MOST_COLUMNS);
    const types = columns.map((column) => column.type);
    const numeric = types.map((type) => NUMBERS.has(type));
    const head = make("tr");
    const corner = make("th", "jv-index jv-number", "#");
    corner.scope = "col";
    head.append(corner);
    columns.forEach((column, at) => {
      const cell = make("th", numeric[at] ? "jv-number" : "");
      cell.scope = "col";
      cell.title = column.type;
      cell.append(make("bdi", "", column.name));
      head.append(cell);
    });
    const body = make("tbody");
    for (let index = this.top; index < this.top + this.shown; index += 1) {
      body.append(this.row(index, numeric, types));
    }
    const top = make("thead");
    top.append(head);
    this.table.replaceChildren(top, body);
    this.table.setAttribute("aria-rowcount", String(this.count + 1));
  }

  row(index, numeric, types) {
    const line = make("tr");
    line.setAttribute("aria-rowindex", String(index + 2));
    line.append(make("td", "jv-index jv-number", (index + 1).toLocaleString("en")));
    const values = this.rows.get(index);
    numeric.forEach((isNumber, at) => {
      const cell = make("td", isNumber ? "jv-number" : "");
      if (values === undefined) {
        cell.append(make("span", "jv-null", "…"));
      } else if (values[at] === null) {
        cell.append(make("span", "jv-null", "NULL"));
      } else {
        const text = cellText(values[at], types[at]);
        cell.append(make("bdi", "", text));
        if (text.length > 40) cell.title = text;
      }
      line.append(cell);
    });
    return line;
  }
}

/** The chart of a view: an image, so nothing in it can run. */
class Chart {
  constructor(model, kernel) {
    this.model = model;
    this.kernel = kernel;
    this.node = make("div", "jv-chart");
    this.node.hidden = true;
    this.say("Drawing …");
    this.themes = new MutationObserver(() => this.node.hidden || this.draw());
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  }

  get isDark() {
    const { jpThemeLight } = document.body.dataset;
    if (jpThemeLight !== undefined) return jpThemeLight === "false";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  /** What was drawn before stays until the new picture is there. */
  draw() {
    this.kernel.ask("chart", { dark: this.isDark }, (answer) => {
      if (answer.error !== undefined) this.say(answer.error || "No chart without the kernel.");
      else if (answer.result_id === this.model.get("result_id")) this.show(answer.svg);
    });
  }

  say(text) {
    this.node.replaceChildren(make("p", "", text));
  }

  show(svg) {
    const drawn = new DOMParser().parseFromString(svg, "image/svg+xml");
    const image = make("img");
    image.alt = drawn.querySelector("desc")?.textContent ?? "";
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    this.node.replaceChildren(image);
  }

  close() {
    this.themes.disconnect();
  }
}

function sizeText(model) {
  const rows = model.get("row_count");
  const columns = model.get("columns").length;
  const words =
    `${rows.toLocaleString("en")} row${rows === 1 ? "" : "s"} × ` +
    `${columns} column${columns === 1 ? "" : "s"}`;
  return model.get("is_truncated") ? `${words}, Truncated` : words;
}

function render({ model, el }) {
  const root = make("div", "jv-widget");
  const head = make("div", "jv-head");
  const name = make("bdi", "jv-name");
  const badge = make("span", "jv-badge");
  const size = make("span", "jv-size");
  const changes = make("span", "jv-changes");
  const asTable = make("button", "", "Table");
  const asChart = make("button", "", "Chart");
  const views = make("span", "jv-views");
  views.setAttribute("role", "group");
  views.setAttribute("aria-label", "Show as");
  views.append(asTable, asChart);
  const refresh = make("button", "", "Refresh");
  const cancel = make("button", "", "Cancel");
  for (const button of [asTable, asChart, refresh, cancel]) button.type = "button";
  head.append(name, badge, size, changes, views, refresh, cancel);
  const problem = make("div", "jv-error");
  problem.setAttribute("role", "alert");
  const live = make("div", "jv-live");
  live.setAttribute("aria-live", "polite");

  const say = (text) => {
    problem.textContent = text || model.get("error");
  };
  const kernel = new Kernel(model, () =>
    say("The kernel does not answer. Run the cell again to reconnect; the rows shown stay."),
  );
  let table;
  const rows = new Rows(model, kernel, (text) => {
    if (text) say(text);
    table.drawSoon();
  });
  table = new Table(model, rows);
  const chart = new Chart(model, kernel);
  root.append(head, problem, table.node, chart.node, live);
  el.append(root);

  let since = Date.now();
  const drawHead = () => {
    const isRunning = model.get("is_running");
    const status = isRunning ? "refreshing" : model.get("status");
    const seconds = Math.floor((Date.now() - since) / 1000);
    const words = isRunning ? `Refreshing ${seconds} s` : model.get("status_text");
    const shape = make("span", "", `${SHAPES[status] ?? "○"} `);
    shape.setAttribute("aria-hidden", "true");
    badge.replaceChildren(shape, make("bdi", "", words));
    badge.title = model.get("computed_at") ? `Computed ${model.get("computed_at")}` : "";
    name.textContent = model.get("name");
    size.textContent = sizeText(model);
    changes.textContent = model.get("changes");
    refresh.disabled = isRunning;
    cancel.hidden = !isRunning;
  };
  const onRunning = () => {
    since = Date.now();
    const hadFocus = document.activeElement === cancel;
    drawHead();
    if (!model.get("is_running")) {
      live.textContent = model.get("error")
        ? ""
        : `${model.get("name")}: refreshed, ${sizeText(model)}`;
      if (hadFocus) refresh.focus();
    }
  };
  const showContent = () => {
    if (chart.node.hidden) table.layout();
    else chart.draw();
  };
  const choose = (isChart) => {
    table.node.hidden = isChart;
    chart.node.hidden = !isChart;
    asTable.setAttribute("aria-pressed", String(!isChart));
    asChart.setAttribute("aria-pressed", String(isChart));
    showContent();
  };
  const onResult = () => {
    rows.reset();
    showContent();
    drawHead();
  };
  const onChanges = () => {
    drawHead();
    if (model.get("changes")) live.textContent = `${model.get("name")}: ${model.get("changes")}`;
  };
  const follow = () => kernel.tell("follow", { on: !document.hidden });
  const onVisibility = () => {
    kernel.isTold = false; // what was said before is not true any more
    follow();
  };
  const onError = () => say("");
  const answered = (answer) => {
    if (answer.error) say(answer.error);
  };
  asTable.addEventListener("click", () => choose(false));
  asChart.addEventListener("click", () => choose(true));
  refresh.addEventListener("click", () => kernel.ask("refresh", {}, answered));
  cancel.addEventListener("click", () => kernel.ask("cancel", {}, answered));
  const clock = setInterval(() => model.get("is_running") && drawHead(), 1000);
  const renewal = setInterval(() => document.hidden || follow(), FOLLOW_MS);
  document.addEventListener("visibilitychange", onVisibility);
  const listeners = [
    ["change:is_running", onRunning],
    ["change:status_text", drawHead],
    ["change:name", drawHead],
    ["change:result_id", onResult],
    ["change:changes", onChanges],
    ["change:error", onError],
  ];
  for (const [event, act] of listeners) model.on(event, act);
  choose(false);
  drawHead();
  onError();
  follow();
  return () => {
    clearInterval(clock);
    clearInterval(renewal);
    document.removeEventListener("visibilitychange", onVisibility);
    for (const [event, act] of listeners) model.off(event, act);
    chart.close();
    kernel.close();
  };
}

export default { render };
