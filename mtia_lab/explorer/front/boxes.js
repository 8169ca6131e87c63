// Which bars a lane has at some zoom: one for each record that has room, or one for several.

const LEAST = 24; // width of a bar that can be hit
const FLAG = 60; // and of one that stands for a moment in a stream, where there is room
const NAMED = 80; // one that stands for several takes in more until it has room for a name
const PUSH = 12; // a short bar may stand so far right of its place before it joins the one before

/** Records of one lane in order, all with a width or all without, as the bars of one row. */
class Tier {
  constructor(data, records, column, wanted) {
    const { last, name } = data.records;
    this.data = data;
    this.wanted = wanted;
    this.records = Int32Array.from(records);
    this.begin = this.records.map(record => column[record]);
    this.end = this.records.map(record => last[record]);
    this.name = this.records.map(record => name[record]);
    this.reach = this.end.slice(); // the last moment of all so far: a call may hold others
    for (let k = 1; k < records.length; k++) {
      this.reach[k] = Math.max(this.reach[k], this.reach[k - 1]);
    }
  }

  /** The bars in the window: where each is, and which of the records it stands for. */
  boxes(view) {
    const { begin, end, reach } = this;
    const { scale, width } = view;
    const boxes = [];
    let before = null;
    let k = countWhile(begin.length, n => scale(reach[n]) < -LEAST);
    for (; k < begin.length; k++) {
      const left = Math.max(scale(begin[k]), -9);
      if (left > width) break;
      const right = Math.min(scale(end[k]), width + 9);
      if (right < -LEAST) continue;
      if (before) this.widen(before, left - 1);
      const over = before ? Math.max(before.right + 1 - left, 0) : 0;
      if (right - left - over < LEAST && (over > PUSH || this.isOpen(before, left))) {
        before.to = k + 1;
        before.right = Math.max(before.right, right);
      } else {
        const start = left + over;
        before = { left: start, right: Math.max(start + LEAST, right), from: k, to: k + 1 };
        boxes.push(before);
      }
    }
    if (before) this.widen(before, width);
    return boxes.map(box => ({ ...box, tier: this }));
  }

  /** Whether a bar stands for several and takes in what begins at a place. */
  isOpen(box, left) {
    const several = box !== null && box.to - box.from > 1;
    return several && left < box.right + PUSH && left < box.left + NAMED;
  }

  /** A bar takes the width it wants, as far as there is room. */
  widen(box, end) {
    box.right = Math.max(box.right, Math.min(box.left + this.wanted, end));
  }

  /** How a bar stands at a moment: as what runs in it, or else as the last of its records. */
  status({ from, to }, moment) {
    const begun = countWhile(to - from, k => this.begin[from + k] <= moment);
    const newest = this.records[from + Math.max(begun, 1) - 1];
    const status = this.data.status(newest, moment);
    return status === "running" ? status : this.data.status(this.records[to - 1], moment);
  }

  /** The record whose name takes most of the time of a bar or, without any, is most frequent. */
  leading({ from, to }) {
    const { time, weights } = this.data;
    const { begin, end, name } = this;
    let best = from;
    for (let k = from; k < to; k++) {
      weights[name[k]] += time[end[k]] - time[begin[k]] + 1e-6;
      if (weights[name[k]] > weights[name[best]]) best = k;
    }
    for (let k = from; k < to; k++) weights[name[k]] = 0;
    return this.records[best];
  }
}
