// The explorer: controls, lanes, what is chosen and the state, all at one moment.

const KEYS =
  "On the slider: ← → change, with Shift command, Page ↑ ↓ host call, Home, End, Space plays. " +
  "On a bar: arrows and Enter. Anywhere: + − zoom, 0 shows all, A D move the window, P plays. " +
  "The wheel zooms once the explorer was clicked, with Ctrl always; drag a lane to move the window.";
const PLAYED = 10; // seconds in which the window is played through

class Explorer {
  constructor(data, root) {
    this.data = data;
    this.moment = data.opening.moment;
    this.chosen = data.opening.records;
    this.view = new View(data);
    this.view.open(this.moment);
    this.place = this.view.place(this.moment); // on the view's axis, there or before the next
    this.root = root;
    this.lanes = new Lanes(this);
    this.details = new Details(this);
    this.state = new State(this);
    this.told = make("p", { class: "told", role: "status", "aria-live": "polite" });
    this.count = make("span", { class: "quiet" });
    const now = make("div", { class: "now" }, this.told, this.count);
    const choice = make("div", { class: "choice" }, new Findings(this).node, this.details.node);
    const { tables, memory } = this.state;
    const panels = make("div", { class: "panels" }, choice, memory, tables);
    const top = [this.controls(), this.sliderRow(), now, this.lanes.node, legend(data)];
    root.append(...top, panels);
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
    this.stale = false;
    this.lanes.draw();
    this.refresh();
  }

  /** All that depends on the moment and the choice, if they are others than those shown. */
  refresh() {
    const { shown, moment, chosen, data, view } = this;
    const same = shown && shown.chosen === chosen;
    if (!same) this.details.update();
    if (!same || shown.moment !== moment) this.state.update();
    this.shown = { moment, chosen };
    this.lanes.update();
    const words = this.words();
    this.told.textContent = words;
    this.count.textContent = `change ${moment} of ${data.last}`;
    const { begin, end } = view;
    Object.assign(this.slider, { min: begin, max: end });
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", words);
    const part = place => `${(100 * (view.inside(place) - begin)) / (end - begin)}%`;
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

  /** Go to a moment. */
  go(moment) {
    this.stop();
    this.moment = moment;
    this.place = this.view.place(moment);
    this.show();
  }

  /** Go to a place on the axis: to the last moment there, or on the way from it to the next. */
  goTo(place) {
    this.stop();
    this.settle(place);
    this.soon();
  }

  settle(place) {
    const { view } = this;
    this.place = view.inside(place);
    this.moment = view.momentAt(this.place);
    if (view.axis === "steps") this.place = this.moment;
  }

  redrawSoon() {
    this.stale = true;
    this.soon();
  }

  /** Draw in the next frame: a pointer moves more often than the page is drawn. */
  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.stale) this.redraw();
      else this.show();
    });
  }

  show() {
    if (this.view.follow(this.place)) this.redraw();
    else this.refresh();
  }

  choose(records) {
    this.stop();
    this.chosen = records;
    this.refresh();
  }

  /** Play on from here, or stop. */
  play() {
    const { view } = this;
    if (this.playing) return this.stop();
    if (this.moment === this.data.last) this.settle(view.begin);
    let place = this.place;
    let before = null;
    const on = now => {
      place += (view.length * (now - (before ?? now))) / (1000 * PLAYED);
      before = now;
      this.settle(place);
      this.playing = requestAnimationFrame(on);
      if (place >= view.end) this.stop();
      this.show();
    };
    this.playing = requestAnimationFrame(on);
    this.setPlayer("❚❚", "stop", "off"); // a reader that speaks could not keep up
  }

  stop() {
    if (!this.playing) return;
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.setPlayer("▶", "play", "polite");
  }

  setPlayer(glyph, words, live) {
    this.player.replaceChildren(`${glyph} ${words}`);
    this.told.setAttribute("aria-live", live);
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
    const moment = this.data.seek(this.moment, direction, wanted);
    const record = moments.record[moment];
    if (record >= 0) this.chosen = [record];
    this.go(moment);
  }

  zoom(factor) {
    this.view.zoom(factor, this.place);
    this.redraw();
  }

  pan(part) {
    this.view.pan(part);
    this.redraw();
  }

  zoomTo(records) {
    const { view, data } = this;
    const from = view.place(data.records.first[records[0]]);
    const length = view.place(data.records.last[records.at(-1)]) - from;
    if (length > 0) view.show(from - length / 20, 1.1 * length);
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
    this.player = press({ class: "player" }, "▶ play", () => this.play());
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
      this.player,
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
    this.slider.addEventListener("pointerdown", () => this.stop());
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
      " ": () => this.play(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Keys that work anywhere in the explorer. */
  key(event) {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.zoom(Infinity),
      a: () => this.pan(-0.25),
      d: () => this.pan(0.25),
      p: () => this.play(),
    }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
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
    make("details", {}, make("summary", {}, "keys and mouse"), KEYS),
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
