// What was chosen: a record with its line, its times and its memory; or several, to choose from.

const MOST_LISTED = 30;

class Details {
  constructor(app) {
    this.app = app;
    this.node = make("section", { class: "details", "aria-label": "what is chosen" });
  }

  update() {
    const { data, chosen } = this.app;
    const content = chosen.length > 1 ? this.several(chosen) : chosen.map(one => this.one(one));
    const hint = make("p", { class: "quiet" }, "Choose a bar to see its line, its times and its memory.");
    this.node.replaceChildren(...(chosen.length ? content : [hint]));
    this.node.style.setProperty("--hue", chosen.length ? data.lane(chosen[0])?.hue : "");
  }

  several(records) {
    const list = records.slice(0, MOST_LISTED).map(record => make("li", {}, this.link(record)));
    const more = records.length - list.length;
    const zoom = make("button", { type: "button", onclick: () => this.app.zoomTo(records) }, "zoom in");
    return [
      make("h4", {}, `${records.length} beside each other `, zoom),
      make("ul", { class: "links" }, list, more > 0 ? make("li", {}, `and ${more} more`) : null),
    ];
  }

  one(record) {
    const { data } = this.app;
    const call = data.kind(record) === "call";
    const title = make("h4", {}, call ? data.of(record, "text") : data.of(record, "label"));
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
    const findings = (data.faulty.get(record) ?? []).map(k => make("p", { class: "fault" }, `⚠ ${data.findings[k].title}`));
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
      const go = () => this.app.go(moment);
      return make("button", { type: "button", class: "time", onclick: go, title: "go there" }, us(data.time[moment]));
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
    const words = `${data.of(record, "label")}, ${us(data.time[data.records.first[record]])}`;
    return make("button", { type: "button", class: "link", onclick: () => this.app.choose([record]) }, words);
  }
}

/** What the checker found; each names its two sides. */
class Findings {
  constructor(app) {
    const { findings } = app.data;
    const count = `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`;
    this.node = make("section", { class: "findings", "aria-label": count, hidden: !findings.length || null });
    if (findings.length) this.node.append(make("h4", { class: "fault" }, `⚠ ${count}`));
    for (const { title, text, records } of findings) {
      const show = () => app.showFinding(records);
      const button = make("button", { type: "button", onclick: show }, "show");
      const body = make("pre", {}, text);
      const summary = make("summary", {}, `${title} `, records.length ? button : null);
      this.node.append(make("details", {}, summary, body));
    }
  }
}
