// Arrows between bars: from a recording to those that wait for it, and between the two sides of a
// hazard.

const MOST_ARROWS = 120;
const SVG = "http://www.w3.org/2000/svg";
const MIDDLE = { high: 9, low: 30 }; // of the bars of a track, from its top

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
    const seen = this.pairs.filter(([from, to]) => {
      const a = view.x(view.place(data.records.last[from]));
      const b = view.x(view.place(data.records.last[to]));
      return Math.max(a, b) >= 0 && Math.min(a, b) <= view.width;
    });
    const few = seen.length <= MOST_ARROWS;
    const shown = few ? seen : seen.filter(pair => chosen.some(record => pair.includes(record)));
    this.node.replaceChildren(...shown.slice(0, MOST_ARROWS).flatMap(pair => this.arrow(...pair)));
  }

  arrow(from, to, what) {
    const [x1, y1] = this.end(from, "last");
    const [x2, y2] = this.end(to, "start");
    const far = Math.abs(x2 - x1) > 30;
    const bend = Math.min(Math.abs(x2 - x1) / 2, 40);
    const curve = far ? `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` : `L${x2} ${y2}`;
    const angle = far ? 0 : (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    const turn = `translate(${x2} ${y2}) rotate(${angle})`;
    return [
      shape("path", { d: `M${x1} ${y1} ${curve}`, class: what }),
      shape("path", { d: "M0 0 L-7 -3.5 L-7 3.5 Z", class: `head ${what}`, transform: turn }),
    ];
  }

  /** Where a record begins or ends, in pixels. */
  end(record, column) {
    const { data, view } = this.app;
    const { bars } = this.tracks[data.records.lane[record]];
    const x = view.x(view.place(data.records[column][record]));
    return [x, bars.parentNode.offsetTop + MIDDLE[data.isMark(record) ? "high" : "low"]];
  }
}
