// The lanes: a host thread's calls or a stream's commands, as bars that can be chosen.

const LEAST = 5; // width of a bar that is too short to be seen
const FLAG = [14, 52]; // least and wanted width of what stands for a moment in a stream
const PUSH = 12; // a bar may stand so far right of its place before it joins the one before it

/** Makes boxes of records that come in order: each has its room, or shares the one before it. */
class Boxes {
  constructor(least, wanted) {
    Object.assign(this, { least, wanted, all: [] });
  }

  add(record, left, right) {
    const before = this.all.at(-1);
    if (before) this.widen(before, left - 1);
    const over = before ? before.right + 1 - left : 0;
    if (over > 0.5 && over > (right - left > this.least ? 1 : PUSH)) {
      before.records.push(record);
      before.right = Math.max(before.right, right);
    } else {
      const start = left + Math.max(over, 0);
      const end = Math.max(start + this.least, right);
      this.all.push({ left: start, right: end, records: [record] });
    }
  }

  /** A box takes the width it wants, as far as there is room. */
  widen(box, end) {
    box.right = Math.max(box.right, Math.min(box.left + this.wanted, end));
  }

  done(end) {
    if (this.all.length) this.widen(this.all.at(-1), end);
    return this.all;
  }
}

/** The style of what lies between two places on the page. */
function box(left, right) {
  return `left: ${left.toFixed(1)}px; width: ${(right - left).toFixed(1)}px`;
}

class Lanes {
  constructor(app) {
    this.app = app;
    this.tracks = app.data.lanes.map((lane, k) => this.track(lane, k));
    this.arrows = new Arrows(app, this.tracks);
    this.playhead = make("div", { class: "playhead", "aria-hidden": "true" });
    this.axis = make("div", { class: "axis", "aria-hidden": "true" });
    const behind = make("div", { class: "overlay" }, this.arrows.node);
    const front = make("div", { class: "overlay front" }, this.playhead);
    const rows = this.tracks.map(({ row }) => row);
    const scale = make("div", { class: "lane" }, make("div", { class: "name" }), this.axis);
    rows.push(behind, front, scale);
    this.node = make("div", { class: "lanes", onkeydown: event => this.key(event) }, rows);
  }

  track(lane, number) {
    const label = `${lane.thread === undefined ? "stream " : ""}${lane.name}`;
    const bars = make("div", { class: "track", role: "group", "aria-label": label });
    bars.addEventListener("pointerdown", event => this.drag(event, bars));
    const row = make("div", { class: "lane", style: `--hue: ${lane.hue}` });
    row.append(make("div", { class: "name" }, lane.name), bars);
    const records = lane.records ?? [];
    return { row, bars, records, number };
  }

  /** Draw what the window shows. */
  draw() {
    const focus = focused(this.node);
    const before = this.node.contains(focus) ? focus.dataset.record : undefined;
    this.boxes = [];
    for (const track of this.tracks) this.fill(track);
    this.drawAxis();
    this.arrows.stale = true;
    const again = this.boxes.find(({ node }) => node.dataset.record === before);
    if (before !== undefined) again?.node.focus();
  }

  fill(track) {
    const { data, view } = this.app;
    const { first, start, last } = data.records;
    const stream = data.lanes[track.number].thread === undefined;
    const high = stream ? new Boxes(...FLAG) : new Boxes(LEAST, LEAST);
    const low = new Boxes(LEAST, LEAST);
    const column = stream ? start : first;
    for (const record of track.records) {
      const left = view.x(view.place(column[record]));
      if (left > view.width) break;
      const right = view.x(view.place(last[record]));
      if (right < -LEAST) continue;
      const boxes = data.isMark(record) ? high : low;
      boxes.add(record, Math.max(left, -9), Math.min(right, view.width + 9));
    }
    const nodes = [high, low].flatMap((boxes, tier) =>
      boxes.done(view.width).map(box => {
        const node = this.bar(box, tier ? "low" : "high");
        this.boxes.push({ ...box, node, track: track.number });
        return node;
      }),
    );
    track.bars.replaceChildren(...this.held(track), ...nodes);
  }

  /** Where time passes without work: a wait holds its stream back, or the host waits. */
  held(track) {
    const { data, view } = this.app;
    const { first, last, waits } = data.records;
    const spans = [];
    let free = 0;
    for (const record of track.records) {
      const from = Math.max(first[record], free);
      if (data.kind(record) === "wait" && data.time[last[record]] > data.time[from]) {
        spans.push([from, last[record]]);
      }
      for (const times of waits[record] ?? []) spans.push(times.map(time => data.momentAt(time)));
      free = last[record];
    }
    const what = data.lanes[track.number].thread === undefined ? "stream" : "host";
    return spans
      .map(span => span.map(moment => view.x(view.place(moment))))
      .filter(([left, right]) => right > 0 && left < view.width)
      .map(([left, right]) => make("div", { class: `held ${what}`, style: box(left, right) }));
  }

  bar({ left, right, records }, tier) {
    const { data } = this.app;
    const [record] = records;
    const many = records.length > 1;
    const kind = many ? "many" : data.kind(record);
    const site = data.of(record, "site") || "no line of yours";
    const label = many ? this.summary(records) : `${data.label(record)}, ${site}`;
    const faulty = records.some(one => data.faulty.has(one));
    const glyph = { record: "⚑ ", wait: "◇ " }[kind] ?? "";
    const words = many ? `${records.length}` : glyph + data.short(record);
    const node = make("button", {
      class: `bar ${tier} ${kind}${faulty ? " faulty" : ""}`,
      style: box(left, right),
      type: "button",
      tabindex: "-1",
      title: label,
      "aria-label": label + (faulty ? ", part of a finding" : ""),
      "data-record": record,
      onclick: () => this.app.choose(records),
    });
    if (right - left > 20 || glyph) node.append(right - left > 20 ? words : glyph);
    return node;
  }

  summary(records) {
    const { time, records: columns } = this.app.data;
    const [from, to] = [columns.first[records[0]], columns.last[records.at(-1)]];
    return `${records.length} from ${us(time[from])} to ${us(time[to])}`;
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
    const { data, view, moment, place, chosen } = this.app;
    let stop = null;
    for (const { records, node } of this.boxes) {
      node.dataset.status = data.status(records.at(-1), moment);
      const is = records.length === chosen.length && records[0] === chosen[0];
      node.setAttribute("aria-pressed", is);
      node.tabIndex = -1;
      if (is) stop = node;
    }
    stop ??= this.boxes[0]?.node;
    if (stop) stop.tabIndex = 0; // the one stop of the Tab key: arrow keys do the rest
    const x = view.x(place);
    this.playhead.style.transform = `translateX(${x}px)`;
    this.playhead.hidden = x < -1 || x > view.width + 1;
    this.arrows.update();
  }

  /** Press on a free place of a track: the moment there, and on while the pointer moves. */
  drag(event, bars) {
    if (event.target.closest(".bar") || event.button !== 0) return;
    const move = ({ clientX }) => {
      const { view } = this.app;
      this.app.goTo(view.placeOf(clientX - bars.getBoundingClientRect().left));
    };
    bars.setPointerCapture(event.pointerId);
    bars.addEventListener("pointermove", move);
    const over = () => bars.removeEventListener("pointermove", move);
    bars.addEventListener("lostpointercapture", over, { once: true });
    move(event);
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
    here.node.tabIndex = -1;
    next.node.tabIndex = 0;
    next.node.focus();
  }
}
