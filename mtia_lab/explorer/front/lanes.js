// The lanes: a host thread's calls or a stream's commands, as bars that can be chosen.

const STILL = 4; // pixels that a pointer may move and still has pressed only
const GAP = 3; // pixels: waits that are nearer to each other are drawn as one

/** The style of what lies between two places on the page. */
function between(left, right) {
  return `left: ${left.toFixed(1)}px; width: ${(right - left).toFixed(1)}px`;
}

class Lanes {
  constructor(app) {
    this.app = app;
    this.tracks = app.data.lanes.map((lane, k) => this.track(lane, k));
    this.arrows = new Arrows(app, this.tracks);
    this.playhead = make("div", { class: "playhead", "aria-hidden": "true" });
    this.axis = make("div", { class: "axis", "aria-hidden": "true" });
    this.axis.addEventListener("pointerdown", event => this.scrub(event));
    const behind = make("div", { class: "overlay" }, this.arrows.node);
    const front = make("div", { class: "overlay front" }, this.playhead);
    const rows = make("div", { class: "rows" }, this.tracks.map(({ row }) => row), behind, front);
    const scale = make("div", { class: "lane scale" }, make("div", { class: "name" }), this.axis);
    const listeners = {
      onkeydown: event => this.key(event),
      onclick: event => this.click(event),
      onpointerover: ({ target }) => (target.title ||= target.ariaLabel ?? ""),
    };
    this.node = make("div", { class: "lanes", tabindex: "-1", ...listeners }, rows, scale);
    this.node.addEventListener("wheel", event => this.wheel(event), { passive: false });
  }

  track(lane, number) {
    const { data } = this.app;
    const stream = lane.thread === undefined;
    const label = `${stream ? "stream " : ""}${lane.name}`;
    const bars = make("div", { class: "track", role: "group", "aria-label": label });
    bars.addEventListener("pointerdown", event => this.press(event, bars));
    const column = stream ? data.records.start : data.records.first;
    const marks = lane.records.filter(record => data.isMark(record));
    const others = lane.records.filter(record => !data.isMark(record));
    const tiers = { high: new Tier(data, marks, column, stream ? FLAG : LEAST) };
    tiers.low = new Tier(data, others, column, LEAST);
    const rows = marks.length ? "two" : "one";
    const row = make("div", { class: `lane ${rows}`, style: `--hue: ${lane.hue}` });
    row.append(make("div", { class: "name" }, lane.name), bars);
    return { row, bars, tiers, number, stream, held: data.held(lane) };
  }

  /** Draw what the window shows. */
  draw() {
    const focus = focused(this.node);
    const before = this.node.contains(focus) ? focus.dataset.record : undefined;
    this.boxes = this.tracks.flatMap(track => this.fill(track));
    this.drawAxis();
    this.arrows.stale = true;
    const again = this.boxes.find(({ node }) => node.dataset.record === before);
    if (before !== undefined) again?.node.focus({ preventScroll: true });
  }

  fill(track) {
    const boxes = Object.entries(track.tiers).flatMap(([height, tier]) => {
      return tier.boxes(this.app.view).map(box => {
        return { ...box, node: this.bar(box, height), track: track.number };
      });
    });
    const parts = [this.held(track), boxes.map(({ node }) => node)];
    if (!track.stream) parts.reverse(); // a call that waits is there while it does, a command is not
    track.bars.replaceChildren(...parts.flat());
    return boxes;
  }

  /** Where time passes without work: a wait holds its stream back, or the host waits. */
  held({ held, stream }) {
    const { view } = this.app;
    const spans = [];
    const { scale } = view;
    let k = countWhile(held.length, n => scale(held[n][1]) <= 0);
    for (; k < held.length; k++) {
      const [left, right] = [scale(held[k][0]), scale(held[k][1])];
      if (left >= view.width) break;
      const before = spans.at(-1);
      if (before && left < before[1] + GAP) before[1] = right;
      else spans.push([left, right]);
    }
    const look = `held ${stream ? "stream" : "host"}`;
    return spans.map(span => make("div", { class: look, style: between(...span) }));
  }

  bar(box, height) {
    const { data } = this.app;
    const { left, right, tier, from, to } = box;
    const first = tier.records[from];
    const more = to - from - 1;
    const record = more ? tier.leading(box) : first;
    const kind = more ? "many" : data.kind(record);
    const site = data.of(record, "site") || "no line of yours";
    const label = more ? this.summary(box, record) : `${data.label(record)}, ${site}`;
    const faulty = data.isFaulty(tier.records.subarray(from, to));
    const words = data.glyph(record) + data.short(record) + (more ? ` +${more}` : "");
    const look = {
      class: `bar ${height} ${kind}${faulty ? " faulty" : ""}`,
      style: between(left, right),
      tabindex: "-1",
      "aria-label": label + (faulty ? ", part of a finding" : ""),
      "data-record": first,
    };
    return make("button", look, words);
  }

  summary({ tier, from, to }, record) {
    const { data } = this.app;
    const [begin, end] = [tier.begin[from], tier.end[to - 1]].map(moment => us(data.time[moment]));
    return `${to - from} from ${begin} to ${end}, most of it ${data.label(record)}`;
  }

  drawAxis() {
    const { view } = this.app;
    const unit = view.axis === "time" ? "µs" : "steps";
    const ticks = view.ticks().filter(([place]) => view.x(place) < view.width - 40);
    this.axis.previousSibling.textContent = view.axis === "time" ? "virtual time" : "changes";
    this.axis.replaceChildren(
      ...ticks.map(([place, words]) => {
        return make("span", { style: `left: ${view.x(place)}px` }, words);
      }),
      make("span", { class: "unit" }, unit),
    );
  }

  /** What changes with the moment and the choice: colors, the line, the arrows. */
  update() {
    const { view, moment, place, chosen } = this.app;
    let stop = null;
    for (const box of this.boxes) {
      const { tier, from, to, node } = box;
      const status = tier.status(box, moment);
      if (status !== box.status) node.dataset.status = box.status = status;
      const is = to - from === chosen.length && tier.records[from] === chosen[0];
      if (is !== box.is) node.setAttribute("aria-pressed", (box.is = is));
      if (is) stop = node;
    }
    this.stopAt(stop ?? this.boxes[0]?.node);
    const x = view.x(place);
    this.playhead.style.transform = `translateX(${x}px)`;
    this.playhead.hidden = x < -1 || x > view.width + 1;
    this.arrows.update();
  }

  /** The one stop of the Tab key: arrow keys do the rest. */
  stopAt(node) {
    if (this.stop) this.stop.tabIndex = -1;
    if (node) node.tabIndex = 0;
    this.stop = node;
  }

  /** The place on the view's axis under a pointer. */
  under({ clientX }) {
    return this.app.view.placeOf(clientX - this.axis.getBoundingClientRect().left);
  }

  /** Choose what a bar stands for, and go where that begins, or into what began earlier. */
  click(event) {
    const { app } = this;
    const box = this.boxes.find(({ node }) => node === event.target.closest(".bar"));
    if (!box) return;
    const { tier, from, to } = box;
    const begin = tier.begin[from];
    app.chosen = [...tier.records.subarray(from, to)];
    const isKey = event.detail === 0;
    if (isKey || app.view.place(begin) >= app.view.from) app.go(begin);
    else app.goTo(this.under(event));
  }

  /** Press on a track: alone it goes there, and with a move it takes the window along. */
  press(event, bars) {
    if (event.button !== 0) return;
    const { view } = this.app;
    const { from } = view;
    let dragged = false;
    const move = ({ clientX }) => {
      const way = clientX - event.clientX;
      dragged ||= Math.abs(way) > STILL;
      if (!dragged) return;
      bars.setPointerCapture(event.pointerId); // so that no bar is clicked at the end
      view.show(from - (way / view.width) * view.length, view.length);
      this.app.redrawSoon();
    };
    const up = () => {
      if (!dragged && !event.target.closest(".bar")) this.app.goTo(this.under(event));
    };
    this.follow({ pointermove: move, pointerup: up });
  }

  /** Press on the axis: the moment there, and on while the pointer moves. */
  scrub(event) {
    if (event.button !== 0) return;
    const move = event => this.app.goTo(this.under(event));
    this.follow({ pointermove: move });
    move(event);
  }

  /** Listen until the pointer is up. */
  follow(listeners) {
    const over = new AbortController();
    const { signal } = over;
    for (const [type, listener] of Object.entries(listeners)) {
      window.addEventListener(type, listener, { signal });
    }
    for (const type of ["pointerup", "pointercancel"]) {
      window.addEventListener(type, () => over.abort(), { signal });
    }
  }

  /** The wheel zooms, and sideways pans, once the explorer was clicked: before, the page scrolls. */
  wheel(event) {
    const meant = event.ctrlKey || focused(this.node) !== null;
    if (!meant || !event.target.closest(".track, .axis")) return;
    event.preventDefault();
    const { view } = this.app;
    const lines = event.deltaMode === 0 ? 1 : 33; // pixels each
    const [dx, dy] = [event.deltaX * lines, event.deltaY * lines];
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) view.pan((dx || dy) / view.width);
    else view.zoom(2 ** (Math.max(-300, Math.min(dy, 300)) / 200), this.under(event));
    this.app.redrawSoon();
  }

  /** Arrow keys go from bar to bar: along a lane, or to the nearest one in the next lane. */
  key(event) {
    const here = this.boxes.find(({ node }) => node === event.target);
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!here || !ways[event.key]) return;
    event.preventDefault();
    const [dx, dy] = ways[event.key];
    const beside = this.boxes
      .filter(({ track }) => track === here.track)
      .sort((a, b) => a.left - b.left);
    let next = beside[beside.indexOf(here) + dx];
    for (let t = here.track + dy; dy && t >= 0 && t < this.tracks.length; t += dy) {
      const there = this.boxes.filter(({ track }) => track === t);
      next = there.sort((a, b) => Math.abs(a.left - here.left) - Math.abs(b.left - here.left))[0];
      if (next) break;
    }
    if (!next) return;
    this.stopAt(next.node);
    next.node.focus();
  }
}
