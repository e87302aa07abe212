// What there is to choose for a view: one control for each parameter, by its type.
// Names, options and messages are set as text, never as markup.

const CHOOSING_MS = 300;
const DAY = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;
const WHOLE = /^[+-]?\d{1,15}$/;
const INPUTS = {
  "date-picker": "date", "date-range": "date",
  "datetime-picker": "datetime-local", "datetime-range": "datetime-local",
};
let controlCount = 0;

/** A number where the text is one; what is none goes to the server, which says so. */
function numberOf(text, isWhole) {
  if (isWhole ? WHOLE.test(text) : text.trim() !== "" && Number.isFinite(Number(text))) {
    return Number(text);
  }
  return text;
}

/** One field: `read` gives its value (undefined for none), `write` shows one. */
class Field {
  constructor(parameter) {
    this.parameter = parameter;
    this.id = `jv-control-${(controlCount += 1)}`;
    this.help = make("span", "jv-help", parameter.description ?? "");
    this.help.id = `${this.id}-help`;
    this.problem = make("span", "jv-problem");
    this.problem.id = `${this.id}-problem`;
    this.problem.setAttribute("role", "alert");
    this.inputs = [];
  }

  get own() {
    return this.parameter.value;
  }

  get title() {
    return this.parameter.displayName ?? this.parameter.name;
  }

  /** An input that is told of its help and its problem. */
  add(input, name) {
    input.id = this.inputs.length ? `${this.id}-${this.inputs.length}` : this.id;
    input.setAttribute("aria-describedby", `${this.help.id} ${this.problem.id}`);
    if (name) input.setAttribute("aria-label", name);
    this.inputs.push(input);
    return input;
  }

  /** A label above one input. */
  single(input) {
    const node = make("div", "jv-field");
    const label = make("label", "", this.title);
    label.htmlFor = this.id;
    node.append(label, this.add(input), this.help, this.problem);
    return node;
  }

  /** A legend above several inputs. */
  several(className, ...parts) {
    const node = make("fieldset", `jv-field ${className}`);
    const box = make("div", "jv-box");
    box.append(...parts);
    node.append(make("legend", "", this.title), box, this.help, this.problem);
    return node;
  }

  complain(text) {
    this.problem.textContent = text;
    for (const input of this.inputs) {
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  write(value) {
    if (JSON.stringify(this.read()) !== JSON.stringify(value ?? undefined)) this.set(value);
  }
}

class TextField extends Field {
  constructor(parameter) {
    super(parameter);
    const input = make("input");
    if (parameter.maxLength) input.maxLength = parameter.maxLength;
    this.node = this.single(input);
  }

  read() {
    const text = this.inputs[0].value;
    return text === "" && this.own === null ? undefined : text;
  }

  set(value) {
    this.inputs[0].value = value ?? "";
  }
}

class NumberField extends Field {
  constructor(parameter) {
    super(parameter);
    const input = make("input");
    input.type = "number";
    input.step = this.isWhole ? "1" : "any";
    for (const side of ["min", "max"]) {
      if (parameter[side] !== undefined) input[side] = String(parameter[side]);
    }
    this.node = this.single(input);
  }

  get isWhole() {
    return this.parameter.type === "integer";
  }

  read() {
    const text = this.inputs[0].value;
    return text === "" && this.own === null ? undefined : numberOf(text, this.isWhole);
  }

  set(value) {
    // A browser empties a number field whose text is none.
    this.inputs[0].type = value === null || typeof value === "number" ? "number" : "text";
    this.inputs[0].value = value === null || value === undefined ? "" : String(value);
  }
}

class CheckField extends Field {
  constructor(parameter) {
    super(parameter);
    const input = make("input");
    input.type = "checkbox";
    this.node = this.single(input);
    this.node.classList.add("jv-check");
  }

  read() {
    const [input] = this.inputs;
    return input.indeterminate ? undefined : input.checked;
  }

  set(value) {
    this.inputs[0].indeterminate = typeof value !== "boolean";
    this.inputs[0].checked = value === true;
  }
}

class ChoiceField extends Field {
  constructor(parameter) {
    super(parameter);
    const input = make("select");
    if (this.own === null) input.append(new Option("—", "", true));
    this.offer(input, parameter.options);
    this.node = this.single(input);
  }

  offer(input, options) {
    for (const option of options) input.append(new Option(option, `=${option}`));
  }

  read() {
    const { value } = this.inputs[0];
    return value === "" ? undefined : value.slice(1);
  }

  set(value) {
    const [input] = this.inputs;
    const known = [...input.options].some((option) => option.value === `=${value}`);
    if (typeof value === "string" && !known) this.offer(input, [value]);
    input.value = value === null || value === undefined ? "" : `=${value}`;
  }
}

class ChoicesField extends Field {
  constructor(parameter) {
    super(parameter);
    const parts = parameter.options.map((option) => {
      const label = make("label");
      const input = this.add(make("input"));
      input.type = "checkbox";
      input.value = option;
      label.append(input, make("bdi", "", option));
      return label;
    });
    this.node = this.several("jv-choices", ...parts);
  }

  read() {
    const chosen = this.inputs.filter((input) => input.checked).map((input) => input.value);
    return chosen.length || this.own !== null ? chosen : undefined;
  }

  set(value) {
    const chosen = new Set(Array.isArray(value) ? value : []);
    for (const input of this.inputs) input.checked = chosen.has(input.value);
  }
}

/** A day or an instant; `today-7d` stands in a field of text, for a calendar has none. */
function moment(input, parameter, text) {
  const kind = INPUTS[parameter.type];
  const fits = kind === "date" ? DAY : INSTANT;
  input.type = text === "" || fits.test(text) ? kind : "text";
  if (kind === "datetime-local") input.step = "1";
  for (const side of ["min", "max"]) {
    if (parameter[side] !== undefined) input[side] = parameter[side];
  }
  input.value = text;
}

/** What it holds; browsers leave out the seconds of a whole minute. */
function momentIn(input) {
  const isShort = input.type === "datetime-local" && input.value.length === 16;
  return isShort ? `${input.value}:00` : input.value;
}

class MomentField extends Field {
  constructor(parameter) {
    super(parameter);
    if (parameter.timezone) this.help.append(` ${parameter.timezone}`);
    const input = make("input");
    moment(input, parameter, "");
    this.node = this.single(input);
  }

  read() {
    const text = momentIn(this.inputs[0]);
    return text === "" && this.own === null ? undefined : text;
  }

  set(value) {
    moment(this.inputs[0], this.parameter, value ?? "");
  }
}

class RangeField extends Field {
  constructor(parameter) {
    super(parameter);
    if (parameter.timezone) this.help.append(` ${parameter.timezone}`);
    const ends = ["from", "to"].map((word) => {
      const input = this.add(make("input"), `${this.title}, ${word}`);
      moment(input, parameter, "");
      return input;
    });
    this.node = this.several("jv-range", ends[0], make("span", "", "–"), ends[1]);
  }

  read() {
    const [start, end] = this.inputs.map(momentIn);
    return start === "" && end === "" && this.own === null ? undefined : { start, end };
  }

  set(value) {
    moment(this.inputs[0], this.parameter, value?.start ?? "");
    moment(this.inputs[1], this.parameter, value?.end ?? "");
  }
}

const FIELDS = {
  number: NumberField, integer: NumberField, boolean: CheckField, "multi-enum": ChoicesField,
  "date-picker": MomentField, "datetime-picker": MomentField,
  "date-range": RangeField, "datetime-range": RangeField,
};

function fieldOf(parameter) {
  const kind = FIELDS[parameter.type] ?? (parameter.options ? ChoiceField : TextField);
  return new kind(parameter);
}

/** The parameters of a view above its rows; what is chosen is kept in the model's `values`. */
class Controls {
  constructor(model) {
    this.model = model;
    this.fields = [];
    this.node = make("form", "jv-controls");
    this.node.noValidate = true; // the server's words stand at the control
    this.node.setAttribute("aria-label", "Parameters");
    this.reset = make("button", "jv-reset", "Reset");
    this.reset.type = "button";
    this.enter = make("button", "jv-live");
    this.enter.tabIndex = -1;
    this.enter.setAttribute("aria-hidden", "true"); // Enter in a field needs one to be pressed
    this.node.addEventListener("change", () => this.applySoon());
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    this.reset.addEventListener("click", () => this.putBack());
    this.build();
  }

  build() {
    this.fields = this.model.get("parameters").map(fieldOf);
    this.node.hidden = !this.fields.length;
    this.node.replaceChildren(...this.fields.map((field) => field.node), this.reset, this.enter);
    for (const field of this.fields) field.set(field.own);
    this.show();
  }

  /** The values as they are chosen, whoever chose them. */
  show() {
    const values = this.model.get("values");
    for (const field of this.fields) {
      const { name } = field.parameter;
      field.write(Object.hasOwn(values, name) ? values[name] : field.own);
    }
    this.reset.hidden = !Object.keys(values).length;
    this.complain();
  }

  complain() {
    const problems = this.model.get("problems");
    for (const field of this.fields) {
      const { name } = field.parameter;
      field.complain(Object.hasOwn(problems, name) ? problems[name] : "");
    }
  }

  /** Whether every problem stands at a control. */
  get areAllTold() {
    const names = new Set(this.fields.map((field) => field.parameter.name));
    const found = Object.keys(this.model.get("problems"));
    return found.length > 0 && found.every((name) => names.has(name));
  }

  get chosen() {
    const chosen = {};
    for (const field of this.fields) {
      const value = field.read();
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(field.own)) {
        chosen[field.parameter.name] = value;
      }
    }
    return chosen;
  }

  applySoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), CHOOSING_MS);
  }

  apply() {
    clearTimeout(this.timer);
    this.put(this.chosen);
  }

  putBack() {
    clearTimeout(this.timer);
    for (const field of this.fields) field.set(field.own);
    this.fields[0].inputs[0]?.focus(); // the button goes
    this.put({});
  }

  put(values) {
    if (JSON.stringify(values) === JSON.stringify(this.model.get("values"))) return;
    this.model.set("values", values);
    this.model.save_changes();
    this.show();
  }

  close() {
    clearTimeout(this.timer);
  }
}
