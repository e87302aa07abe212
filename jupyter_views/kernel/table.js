// The table of a view: only the visible rows exist, the others are asked for 200 at a time.
// Every name and cell is set as text; nothing that came from a query is ever markup.

const BLOCK = 200;
const ROW_PX = 24;
const BODY_ROWS = 12;
const MAX_PX = 8_000_000; // browsers cap an element's height; longer tables scroll by proportion
const KEPT_BLOCKS = 40;
const MOST_COLUMNS = 100;
const NUMBERS = new Set(["integer", "decimal", "double"]);

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
