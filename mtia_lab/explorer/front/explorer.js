// The explorer: controls, lanes, what is chosen and the state, all at one moment.

const KEYS =
  "keys on the slider: ← → change, with Shift command, Page ↑ ↓ host call, Home, End; " +
  "on a bar: arrows and Enter; anywhere: + and − zoom, 0 shows all";

class Explorer {
  constructor(data, root) {
    this.data = data;
    this.moment = 0;
    this.place = 0; // on the view's axis, at the moment or before the next
    this.chosen = []; // records
    this.view = new View(data);
    this.root = root;
    this.lanes = new Lanes(this);
    this.parts = [this.lanes, new Details(this), new State(this)];
    const [lanes, details, state] = this.parts.map(({ node }) => node);
    this.told = make("p", { class: "told", role: "status", "aria-live": "polite" });
    this.count = make("span", { class: "quiet" });
    const now = make("div", { class: "now" }, this.told, this.count);
    const findings = new Findings(this).node;
    const top = [this.controls(), this.sliderRow(), now];
    root.append(...top, lanes, legend(data), findings, details, state);
    root.addEventListener("keydown", event => this.key(event));
    new ResizeObserver(() => this.resize()).observe(root);
    this.redraw();
  }

  /** The page has given the lanes another width. */
  resize() {
    const { width } = this.lanes.axis.getBoundingClientRect();
    if (width === 0 || width === this.view.width) return;
    this.view.width = width;
    this.redraw();
  }

  redraw() {
    this.lanes.draw();
    this.refresh();
  }

  refresh() {
    for (const part of this.parts) part.update();
    const words = this.words();
    this.told.textContent = words;
    this.count.textContent = `change ${this.moment} of ${this.data.last}`;
    const { view } = this;
    this.slider.max = view.end;
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", words);
    const part = place => `${(100 * Math.min(Math.max(place, 0), view.end)) / view.end}%`;
    this.band.style.left = part(view.from);
    this.band.style.right = `calc(100% - ${part(view.to)})`;
  }

  /** When it is, and what happened last. */
  words() {
    const { data, view, moment, place } = this;
    const happened = `${us(data.time[moment])}: ${data.told(moment)}`;
    const later = view.axis === "time" && Math.round(place) > data.time[moment];
    return later ? `${us(Math.round(place))}, after ${happened}` : happened;
  }

  /** Go to a moment; choose what happens there if asked to. */
  go(moment, choose = false) {
    this.moment = moment;
    this.place = this.view.place(moment);
    const record = this.data.moments.record[moment];
    if (choose && record >= 0) this.chosen = [record];
    this.show();
  }

  /** Go to a place on the axis: to the last moment there, or on the way from it to the next. */
  goTo(place) {
    const { view } = this;
    this.place = Math.min(Math.max(place, 0), view.end);
    this.moment = view.momentAt(this.place);
    if (view.axis === "steps") this.place = this.moment;
    if (this.frame) return; // a pointer moves more often than the page is drawn
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.show();
    });
  }

  show() {
    if (this.view.follow(this.place)) this.redraw();
    else this.refresh();
  }

  choose(records) {
    this.chosen = records;
    this.refresh();
  }

  /** Step to the next change, start of a command, or end of a host call. */
  step(direction, what = "change") {
    const { records, moments, stops } = this.data;
    const starts = k => records.start[moments.record[k]] === k;
    const wanted = {
      change: () => true,
      command: k => stops.command.includes(moments.verb[k]) && starts(k),
      "host call": k => stops.call.includes(moments.verb[k]),
    }[what];
    this.go(this.data.seek(this.moment, direction, wanted), true);
  }

  zoom(factor) {
    this.view.zoom(factor, this.place);
    this.redraw();
  }

  zoomTo(records) {
    const { view, data } = this;
    const from = view.place(data.records.first[records[0]]);
    const to = view.place(data.records.last[records.at(-1)]);
    if (to > from) view.show(from - (to - from) / 20, to + (to - from) / 20);
    else this.setAxis("steps");
    this.redraw();
  }

  showFinding(records) {
    this.chosen = [records.at(-1)];
    this.go(this.data.records.start[records.at(-1)]);
  }

  button(words, label, act) {
    return press({ "aria-label": label, title: label }, words, act);
  }

  controls() {
    const group = (label, ...nodes) => {
      return make("span", { class: "group", role: "group", "aria-label": label }, nodes);
    };
    const stepper = what => {
      const step = direction => this.step(direction, what);
      const back = this.button("‹", `previous ${what}`, () => step(-1));
      const on = this.button("›", `next ${what}`, () => step(1));
      return group(what, back, make("span", {}, what), on);
    };
    const axis = make(
      "select",
      { "aria-label": "axis", onchange: () => this.setAxis(axis.value) },
      make("option", { value: "time" }, "by time"),
      make("option", { value: "steps" }, "by step"),
    );
    axis.value = this.view.axis;
    this.axis = axis;
    return make(
      "div",
      { class: "controls", role: "group", "aria-label": "go through the log" },
      this.button("⇤", "to the beginning", () => this.go(0)),
      stepper("change"),
      stepper("command"),
      stepper("host call"),
      this.button("⇥", "to the end", () => this.go(this.data.last)),
      make("span", { class: "space" }),
      axis,
      group(
        "zoom",
        this.button("−", "zoom out", () => this.zoom(2)),
        this.button("+", "zoom in", () => this.zoom(0.5)),
        this.button("all", "show all", () => this.zoom(Infinity)),
      ),
    );
  }

  setAxis(axis) {
    this.view.setAxis(axis, this.moment);
    this.place = this.view.place(this.moment);
    this.axis.value = axis;
    this.redraw();
  }

  sliderRow() {
    this.slider = make("input", { type: "range", min: 0, step: "any", "aria-label": "moment" });
    this.slider.addEventListener("input", () => this.goTo(+this.slider.value));
    this.slider.addEventListener("keydown", event => this.sliderKey(event));
    this.band = make("div", { class: "band", "aria-hidden": "true" });
    return make("div", { class: "slider" }, this.band, this.slider);
  }

  sliderKey(event) {
    const what = event.shiftKey ? "command" : "change";
    const act = {
      ArrowLeft: () => this.step(-1, what),
      ArrowDown: () => this.step(-1, what),
      ArrowRight: () => this.step(1, what),
      ArrowUp: () => this.step(1, what),
      PageUp: () => this.step(1, "host call"),
      PageDown: () => this.step(-1, "host call"),
      Home: () => this.go(0),
      End: () => this.go(this.data.last),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Keys that work anywhere in the explorer. */
  key(event) {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const factor = { "+": 0.5, "-": 2, 0: Infinity }[event.key];
    if (!factor) return;
    event.preventDefault();
    this.zoom(factor);
  }
}

/** What the looks of the bars mean. */
function legend(data) {
  const kinds = new Set(data.records.kind.map(kind => data.kinds[kind]));
  const entry = (words, look) => make("span", {}, make("i", { class: "bar", ...look }), words);
  const flags = [
    ["record", "⚑ event recorded"],
    ["wait", "◇ wait for one"],
  ].filter(([kind]) => kinds.has(kind));
  return make(
    "div",
    { class: "legend" },
    ["ahead", "pending", "running", "done"].map(status => {
      const words = { ahead: "not yet enqueued", pending: "in the queue" }[status] ?? status;
      return entry(words, { "data-status": status });
    }),
    kinds.has("copy") ? entry("copy", { class: "bar copy", "data-status": "running" }) : null,
    flags.map(([, words]) => make("span", {}, words)),
    make("span", { class: "keys" }, KEYS),
  );
}

/** Show the explorer in the element that its script stands in. */
function show(script, style) {
  const data = new Data(JSON.parse(script.data));
  const root = stage(script, style);
  root.style.setProperty("--fault", data.hues.fault);
  root.style.setProperty("--copy", data.hues.copy);
  new Explorer(data, root);
}
