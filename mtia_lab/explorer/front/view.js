// The part of the log that the lanes show, and where each moment lies in it.

const FEW = 300; // so many records are shown at once to begin with

/** A window on one of two axes: virtual time in ns, or steps, where each moment has equal room. */
class View {
  constructor(data) {
    this.data = data;
    this.width = 700;
    this.axis = data.time[data.last] > data.begin ? "time" : "steps";
    this.showAll();
  }

  /** Where a moment lies on the axis. */
  place(moment) {
    return this.axis === "time" ? this.data.time[moment] : moment;
  }

  /** The moment at a place on the axis. */
  momentAt(place) {
    if (this.axis === "time") return this.data.momentAt(place);
    return Math.min(Math.max(Math.round(place), 0), this.data.last);
  }

  get begin() {
    return this.axis === "time" ? this.data.begin : 0;
  }

  get end() {
    return Math.max(this.place(this.data.last), this.begin + 1);
  }

  get length() {
    return this.to - this.from;
  }

  /** A place that the axis has. */
  inside(place) {
    return Math.min(Math.max(place, this.begin), this.end);
  }

  x(place) {
    return ((place - this.from) / this.length) * this.width;
  }

  /** The same of a moment, as a function that is quick for very many. */
  get scale() {
    const { from, width, length } = this;
    const { time } = this.data;
    const factor = width / length;
    if (this.axis === "time") return moment => (time[moment] - from) * factor;
    return moment => (moment - from) * factor;
  }

  placeOf(x) {
    return this.from + (x / this.width) * this.length;
  }

  /** Show a part of some length from a place on, or what is nearest to it. */
  show(from, length) {
    const room = (this.end - this.begin) / 100; // so that no end is at the very edge
    const whole = this.end - this.begin + 2 * room;
    const part = Math.min(Math.max(length, 1), whole);
    this.from = Math.max(this.begin - room, Math.min(from, this.end + room - part));
    this.to = this.from + part;
  }

  showAll() {
    this.show(this.begin, Infinity);
  }

  /** Show some of many records, around a moment. */
  open(moment) {
    const { first, last } = this.data.records;
    const most = first.length - 1;
    if (most < FEW) return;
    const here = countWhile(first.length, record => first[record] <= moment);
    const from = this.place(first[Math.max(here - FEW / 2, 0)]);
    const to = this.place(last[Math.min(here + FEW / 2, most)]);
    this.show(from, Math.max(to - from, (this.end - this.begin) / 1000));
    this.follow(this.place(moment));
  }

  setAxis(axis, moment) {
    const share = this.length / (this.end - this.begin);
    this.axis = axis;
    this.showAll();
    if (share < 1) this.zoom(share, this.place(moment));
  }

  /** Show more (factor over 1) or less, with a place staying where it is if it can be seen. */
  zoom(factor, place) {
    const seen = place >= this.from && place <= this.to;
    const part = seen ? (place - this.from) / this.length : 0.5;
    const length = Math.min(this.length * factor, 2 * (this.end - this.begin));
    this.show(place - part * length, length);
  }

  /** Move the window by a part of its length. */
  pan(part) {
    this.show(this.from + part * this.length, this.length);
  }

  /** Move the window, if need be, so that a place can be seen; says whether it moved. */
  follow(place) {
    if (place >= this.from && place <= this.to) return false;
    this.show(place - this.length / 2, this.length);
    return true;
  }

  /** Round places, 1, 2 or 5 times a power of ten apart, with their words. */
  ticks(most = 8) {
    const rough = this.length / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough * 0.999999);
    const found = [];
    for (let k = Math.ceil(Math.max(this.from, 0) / step); k * step <= this.to; k++) {
      const scale = this.axis === "time" ? 1000 : 1;
      const words = String(+((k * step) / scale).toFixed(6));
      if (this.axis === "time" || step >= 1) found.push([k * step, words]);
    }
    return found;
  }
}
