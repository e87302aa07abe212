// A view in a cell: its header, its controls, its table; its chart is a picture that the
// server drew. Every name is set as text; nothing that came from a query is ever markup.

const QUIET_MS = 250; // what is done by then was never busy
const PATIENCE_MS = 10_000;
const FOLLOW_MS = 20_000; // less than half the kernel's lease
const SHAPES = { fresh: "●", stale: "◐", refreshing: "⟳", failed: "▲", never_run: "○" };

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

  const controls = new Controls(model);
  const say = (text) => {
    problem.textContent = text || (controls.areAllTold ? "" : model.get("error"));
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
  root.append(head, controls.node, problem, table.node, chart.node, live);
  el.append(root);

  let since = Date.now();
  let isBusy = model.get("is_running");
  let waiting = 0;
  const drawHead = () => {
    const isRunning = isBusy && model.get("is_running");
    root.setAttribute("aria-busy", String(isRunning));
    if (model.get("is_running") && !isBusy) return;
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
    clearTimeout(waiting);
    isBusy = false;
    if (model.get("is_running")) {
      waiting = setTimeout(() => {
        isBusy = true;
        drawHead();
      }, QUIET_MS);
    } else {
      drawHead();
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
  const onParameters = () => controls.build();
  const onValues = () => controls.show();
  const onProblems = () => {
    controls.complain();
    say("");
  };
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
    ["change:parameters", onParameters],
    ["change:values", onValues],
    ["change:problems", onProblems],
  ];
  for (const [event, act] of listeners) model.on(event, act);
  choose(false);
  drawHead();
  onError();
  follow();
  return () => {
    clearInterval(clock);
    clearInterval(renewal);
    clearTimeout(waiting);
    controls.close();
    document.removeEventListener("visibilitychange", onVisibility);
    for (const [event, act] of listeners) model.off(event, act);
    chart.close();
    kernel.close();
  };
}

export default { render };
