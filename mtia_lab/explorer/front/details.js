// What was chosen: a record with its line, its times and its memory; or several, to choose from.

const MOST_LISTED = 30;
const MOST_FINDINGS = 50; // hazards that are listed, and hints

class Details {
  constructor(app) {
    this.app = app;
    const look = { class: "details", "aria-label": "what is chosen", tabindex: "-1" };
    this.node = make("section", look);
  }

  update() {
    const { data, chosen } = this.app;
    const content = chosen.length > 1 ? this.several(chosen) : chosen.map(one => this.one(one));
    const hint = quiet("Choose a bar to see its line, its times and its memory.");
    change(this.node, ...(chosen.length ? content : [hint]));
    this.node.style.setProperty("--hue", chosen.length ? data.lane(chosen[0])?.hue : "");
  }

  several(records) {
    const list = records.slice(0, MOST_LISTED).map(record => make("li", {}, this.link(record)));
    const more = records.length - list.length;
    const zoom = press({}, "zoom in", () => this.app.zoomTo(records));
    return [
      make("h2", {}, `${records.length} beside each other `, zoom),
      make("ul", { class: "links" }, list, more > 0 ? make("li", {}, `and ${more} more`) : null),
    ];
  }

  one(record) {
    const { data } = this.app;
    const call = data.kind(record) === "call";
    const title = make("h2", {}, call ? data.of(record, "text") : data.label(record));
    const facts = make("dl", {});
    const tell = (name, ...what) => facts.append(make("dt", {}, name), make("dd", {}, what));
    tell("line", this.line(record));
    this.times(record, tell);
    const sources = data.records.after[record] ?? [];
    if (sources.length) tell("waits for", sources.map(source => this.link(source)));
    const accesses = data.records.accesses[record] ?? [];
    for (const [name, writes] of [["reads", 0], ["writes", 1]]) {
      const found = accesses.filter(access => access[2] === writes);
      if (found.length) tell(name, found.map(([block, what]) => this.access(block, what)));
    }
    const faults = data.faulty.get(record) ?? [];
    const findings = faults.map(fault => make("p", { class: "fault" }, `⚠ ${fault.title}`));
    return make("div", {}, title, findings, facts);
  }

  line(record) {
    const { data } = this.app;
    const site = data.of(record, "site");
    const source = data.sources[site];
    const words = source ? [make("code", { class: "source" }, source)] : [];
    return site ? [make("b", { class: "site" }, site), ...words] : ["no line of yours"];
  }

  times(record, tell) {
    const { data } = this.app;
    const { first, start, last } = data.records;
    const at = moment => {
      const look = { class: "time", title: "go there", "data-key": `time ${moment}` };
      return press(look, us(data.time[moment]), () => this.app.go(moment));
    };
    const took = data.time[last[record]] - data.time[start[record]];
    const stood = data.time[start[record]] - data.time[first[record]];
    if (["kernel", "copy", "record", "wait"].includes(data.kind(record))) {
      const begins = took > 0 ? [", starts ", at(start[record])] : [];
      const queued = stood > 0 ? ` (${us(stood)} in the queue)` : "";
      tell("when", "enqueued ", at(first[record]), begins, queued, ", finishes ", at(last[record]));
      if (took > 0) tell("takes", us(took));
    } else if (first[record] === last[record]) {
      tell("when", at(first[record]));
    } else {
      tell("when", "from ", at(first[record]), " to ", at(last[record]));
      const waited = (data.records.waits[record] ?? []).reduce((sum, [a, b]) => sum + b - a, 0);
      if (waited) tell("waits", `${us(waited)} for the device`);
    }
  }

  access(block, what) {
    const { data } = this.app;
    const name = block < 0 ? [] : [make("b", {}, data.blocks.name[block]), " "];
    return make("span", { class: "access" }, name, data.text(what));
  }

  /** A button that chooses a record. */
  link(record) {
    const { data } = this.app;
    const words = `${data.label(record)}, ${us(data.time[data.records.first[record]])}`;
    return press({ class: "link" }, words, () => this.app.choose([record]));
  }
}

/** What the checker found; each names its two sides. */
class Findings {
  constructor(app) {
    const { findings } = app.data;
    this.node = make("section", { class: "findings", "aria-label": "findings" });
    this.node.hidden = !findings.length;
    for (const [hazard, word] of [
      [true, "hazard"],
      [false, "hint"],
    ]) {
      const mine = findings.filter(finding => finding.hazard === hazard);
      if (!mine.length) continue;
      const count = `${mine.length} ${word}${mine.length === 1 ? "" : "s"}`;
      const look = { class: hazard ? "fault" : "quiet" };
      this.node.append(make("h2", look, hazard ? `⚠ ${count}` : count));
      this.node.append(...mine.slice(0, MOST_FINDINGS).map(one => this.finding(app, one)));
      const more = mine.length - MOST_FINDINGS;
      if (more > 0) this.node.append(quiet(`and ${more} more`));
    }
  }

  finding(app, { title, text, records }) {
    const show = press({ "aria-label": `show: ${title}` }, "show", () => app.showFinding(records));
    const words = make("details", {}, make("summary", {}, title), make("pre", {}, text));
    return make("div", { class: "finding" }, words, records.length ? show : null);
  }
}
