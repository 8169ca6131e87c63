// Arrows between bars: from a recording to those that wait for it, and between the two sides of a
// hazard.

const MOST_ARROWS = 120;
const SVG = "http://www.w3.org/2000/svg";
const MIDDLE = { high: 14, low: 40 }; // of the bars of a track, from its top

/** An SVG element with attributes. */
function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

class Arrows {
  constructor(app, tracks) {
    this.app = app;
    this.tracks = tracks;
    this.node = shape("svg", { "aria-hidden": "true" });
    this.pairs = []; // from a record to a record, and what that means
    const { data } = app;
    for (const [to, sources] of Object.entries(data.records.after)) {
      const what = data.kind(+to) === "wait" ? "wait" : "draw";
      for (const from of sources) this.pairs.push([from, +to, what]);
    }
    for (const { records, hazard } of data.findings) {
      if (hazard && records.length > 1) this.pairs.push([...records, "race"]);
    }
  }

  /** Draw anew if the window or the choice is another. */
  update() {
    const { chosen } = this.app;
    if (this.stale || chosen !== this.chosen) this.draw();
    this.stale = false;
    this.chosen = chosen;
  }

  /** Those that the window shows; if they are too many, only those of what is chosen. */
  draw() {
    const { data, view, chosen } = this.app;
    const { scale } = view;
    const { last } = data.records;
    const seen = this.pairs.filter(([from, to]) => {
      const [a, b] = [scale(last[from]), scale(last[to])];
      return Math.max(a, b) >= 0 && Math.min(a, b) <= view.width;
    });
    const few = seen.length <= MOST_ARROWS;
    const mine = new Set(chosen);
    const shown = few ? seen : seen.filter(([from, to]) => mine.has(from) || mine.has(to));
    this.node.replaceChildren(...shown.slice(0, MOST_ARROWS).flatMap(pair => this.arrow(...pair)));
  }

  /** It leaves to the right and arrives from the left, also where it leads back. */
  arrow(from, to, what) {
    const [x1, y1] = this.end(from, "last");
    const [x2, y2] = this.end(to, "start");
    const bend = Math.max(16, Math.min(Math.abs(x2 - x1) / 2, 40));
    const curve = `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    return [
      shape("path", { d: `M${x1} ${y1} ${curve}`, class: what }),
      shape("path", { d: `M${x2} ${y2} l-8 -4 v8 Z`, class: `head ${what}` }),
    ];
  }

  /** Where a record begins or ends, in pixels. */
  end(record, column) {
    const { data, view } = this.app;
    const number = data.records.lane[record];
    const high = data.isMark(record) || !this.tracks[number].tiers.high.records.length;
    this.tops ??= this.tracks.map(({ row }) => row.offsetTop); // asked once, as it takes a layout
    const x = view.x(view.place(data.records[column][record]));
    return [x, this.tops[number] + MIDDLE[high ? "high" : "low"]];
  }
}
