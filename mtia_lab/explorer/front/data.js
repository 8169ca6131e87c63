// What Python computed, and how to look it up. Nothing here works out what is true: that is in
// model.py, and this reads it.

const MOST_CHANGES = 400; // of events, that are looked through for those to show

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

/** The numbers whose differences are given; in the same array. */
function sums(steps) {
  for (let k = 1; k < steps.length; k++) steps[k] += steps[k - 1];
  return steps;
}

/** A log's model: columns by name, and the look-ups that the panels need. */
class Data {
  constructor(raw) {
    Object.assign(this, raw);
    const { first, start, last } = raw.records;
    sums(first);
    first.forEach((moment, k) => (start[k] += moment));
    start.forEach((moment, k) => (last[k] += moment));
    this.time = Float64Array.from(sums(raw.moments.time)); // ns of each moment
    sums(raw.moments.record);
    this.weights = new Float64Array(raw.strings.length); // zeros, for those who add up by name
    const rows = [raw.threads, raw.events, raw.totals, raw.blocks.contents].flatMap(Object.values);
    rows.forEach(row => sums(row.at));
    this.last = this.time.length - 1;
    const ofEvents = Object.entries(raw.events).flatMap(([event, { at }]) => {
      return at.map((moment, k) => ({ moment, event, isFirst: k === 0 }));
    });
    this.changes = ofEvents.sort((a, b) => a.moment - b.moment); // of all events
    this.births = this.changes.filter(({ isFirst }) => isFirst);
    this.faulty = new Map(); // record -> the hazards it is part of
    for (const finding of raw.findings.filter(({ hazard }) => hazard)) {
      for (const record of finding.records) {
        this.faulty.set(record, [...(this.faulty.get(record) ?? []), finding]);
      }
    }
  }

  text(number) {
    return number < 0 ? "" : this.strings[number];
  }

  /** A field of a record that is text: name, text or site. */
  of(record, column) {
    return this.text(this.records[column][record]);
  }

  /** What stands on the bar of a record: of a call, without the door it came through. */
  short(record) {
    const name = this.of(record, "name");
    return this.kind(record) === "call" ? name.slice(name.indexOf(".") + 1) : name;
  }

  /** What stands before the name of an event's record, or of a wait for one. */
  glyph(record) {
    return { record: "⚑ ", wait: "◇ " }[this.kind(record)] ?? "";
  }

  label(record) {
    const where = this.lane(record)?.name ?? "";
    const text = this.labels[this.records.kind[record]].replace("{where}", () => where);
    return text.replace("{name}", () => this.of(record, "name"));
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

  /** Whether some of these records are part of a hazard. */
  isFaulty(records) {
    return this.faulty.size > 0 && records.some(record => this.faulty.has(record));
  }

  /** Where time passes in a lane without work, as pairs of moments: a wait holds its stream back,
   *  or the host waits. */
  held(lane) {
    const { first, last, waits } = this.records;
    const spans = [];
    let free = 0;
    for (const record of lane.records) {
      const from = Math.max(first[record], free);
      if (this.kind(record) === "wait" && this.time[last[record]] > this.time[from]) {
        spans.push([from, last[record]]);
      }
      for (const times of waits[record] ?? []) spans.push(times.map(time => this.momentAt(time)));
      free = last[record];
    }
    return spans.sort((a, b) => a[1] - b[1]);
  }

  lane(record) {
    return this.lanes[this.records.lane[record]];
  }

  /** The value of a row at a moment; undefined before it is known. */
  at(row, moment) {
    return row.values[countWhile(row.at.length, k => row.at[k] <= moment) - 1];
  }

  /** Since which moment a row has the value that it has at a moment. */
  since(row, moment) {
    return row.at[countWhile(row.at.length, k => row.at[k] <= moment) - 1];
  }

  /** The last moment that is not after a time in ns. */
  momentAt(time) {
    return Math.max(countWhile(this.time.length, k => this.time[k] <= time) - 1, 0);
  }

  /** The events that changed last before a moment, those of which much can be said. */
  recentEvents(moment) {
    const here = countWhile(this.changes.length, k => this.changes[k].moment <= moment);
    const recent = this.changes.slice(Math.max(here - MOST_CHANGES, 0), here);
    return [...new Set(recent.map(({ event }) => event))];
  }

  /** How many events are known at a moment. */
  countEvents(moment) {
    return countWhile(this.births.length, k => this.births[k].moment <= moment);
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
    const label = record < 0 ? "" : this.label(record);
    return this.verbs[this.moments.verb[moment]].replace("{}", () => label);
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
