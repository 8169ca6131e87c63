// What Python computed, and how to look it up. Nothing here works out what is true: that is in
// model.py, and this reads it.

/** Deflated JSON, as the widget's payload has it. */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** How many places of a sorted row pass a test that the first ones pass and the later ones fail. */
function countWhile(length, test) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A log's model: columns by name, and the look-ups that the panels need. */
class Data {
  constructor(raw) {
    Object.assign(this, raw);
    this.time = new Float64Array(raw.moments.time.length); // ns of each moment
    let now = 0;
    raw.moments.time.forEach((step, k) => (this.time[k] = now += step));
    this.last = this.time.length - 1;
    this.faulty = new Map(); // record -> the findings it is part of
    raw.findings.forEach((finding, k) => {
      for (const record of finding.records) {
        this.faulty.set(record, [...(this.faulty.get(record) ?? []), k]);
      }
    });
  }

  text(number) {
    return number < 0 ? "" : this.strings[number];
  }

  /** A field of a record that is text: name, label, text or site. */
  of(record, column) {
    return this.text(this.records[column][record]);
  }

  kind(record) {
    return this.kinds[this.records.kind[record]];
  }

  /** Whether a record stands for a moment, and not for work that takes time. */
  isMark(record) {
    const { first, start, last } = this.records;
    const kind = this.kind(record);
    if (kind === "kernel" || kind === "copy") return false;
    return (kind === "call" ? first : start)[record] === last[record];
  }

  lane(record) {
    return this.lanes[this.records.lane[record]];
  }

  /** The value of a row at a moment; undefined before it is known. */
  at(row, moment) {
    return row.values[countWhile(row.at.length, k => row.at[k] <= moment) - 1];
  }

  /** The last moment that is not after a time in ns. */
  momentAt(time) {
    return Math.max(countWhile(this.time.length, k => this.time[k] <= time) - 1, 0);
  }

  /** The next moment, in a direction, that passes a test; the same one if there is none. */
  seek(moment, direction, test) {
    for (let k = moment + direction; k >= 0 && k <= this.last; k += direction) {
      if (test(k)) return k;
    }
    return moment;
  }

  /** What happens at a moment, in words. */
  told(moment) {
    const record = this.moments.record[moment];
    const label = record < 0 ? "" : this.of(record, "label");
    return this.verbs[this.moments.verb[moment]].replace("{}", label);
  }

  /** A stream's commands at a moment: how many are done, which one runs, which ones are pending. */
  queue(lane, moment) {
    const { records } = lane;
    const passed = column =>
      countWhile(records.length, k => this.records[column][records[k]] <= moment);
    const [enqueued, started, done] = ["first", "start", "last"].map(passed);
    return {
      done,
      running: started > done ? records[done] : null,
      pending: records.slice(started, enqueued),
    };
  }

  /** Blocks or segments of a device that are in use at a moment. */
  living(spans, device, moment) {
    const found = [];
    for (let k = 0; k < spans.born.length; k++) {
      const dead = spans.died[k] >= 0 && spans.died[k] <= moment;
      if (spans.device[k] === device && spans.born[k] <= moment && !dead) found.push(k);
    }
    return found;
  }

  /** Where a record stands at a moment: it lies ahead, or it is pending, running or done. */
  status(record, moment) {
    const { first, start, last } = this.records;
    if (moment < first[record]) return "ahead";
    if (moment < start[record]) return "pending";
    return moment < last[record] ? "running" : "done";
  }
}

/** A time in ns as microseconds in words. */
function us(time) {
  return `${time / 1000} µs`;
}

/** A DOM element: attributes, `on…` listeners, and children, which are nodes or text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter(child => child !== null));
  return node;
}
