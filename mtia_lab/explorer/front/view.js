// The part of the log that the lanes show, and where each moment lies in it.

const FEW = 300; // so many records are shown at once to begin with

/** A window on one of two axes: virtual time in ns, or steps, where each moment has equal room. */
class View {
  constructor(data) {
    this.data = data;
    this.width = 700;
    this.axis = data.time[data.last] > 0 ? "time" : "steps";
    this.showAll();
    if (data.records.first.length > FEW) {
      this.show(this.from, Math.max(this.place(data.records.last[FEW]), this.end / 1000));
    }
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

  get end() {
    return Math.max(this.place(this.data.last), 1);
  }

  x(place) {
    return ((place - this.from) / (this.to - this.from)) * this.width;
  }

  placeOf(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  showAll() {
    const room = this.end / 100; // so that the first and the last are not at the very edge
    this.show(-room, this.end + room);
  }

  show(from, to) {
    this.from = from;
    this.to = Math.max(to, from + 1e-3);
  }

  setAxis(axis, moment) {
    const share = (this.to - this.from) / (this.end * 1.02);
    this.axis = axis;
    this.showAll();
    if (share < 0.99) this.zoom(share, this.place(moment));
  }

  /** Show more (factor over 1) or less, with a place staying where it is if it can be seen. */
  zoom(factor, place) {
    const seen = place >= this.from && place <= this.to;
    const part = seen ? (place - this.from) / (this.to - this.from) : 0.5;
    const room = this.end / 100;
    const length = Math.min((this.to - this.from) * factor, this.end + 2 * room);
    const from = Math.max(-room, Math.min(place - part * length, this.end + room - length));
    this.show(from, from + length);
  }

  /** Move the window, if need be, so that a place can be seen; tells whether it moved. */
  follow(place) {
    const length = this.to - this.from;
    if (place >= this.from && place <= this.to) return false;
    const room = this.end / 100;
    const from = Math.max(-room, Math.min(place - length / 2, this.end + room - length));
    this.show(from, from + length);
    return true;
  }

  /** Round places, 1, 2 or 5 times a power of ten apart, with their words. */
  ticks(most = 8) {
    const rough = (this.to - this.from) / most;
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
