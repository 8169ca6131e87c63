// What is true at the moment: streams, host threads, events, and memory with what it holds.

const MOST_CHIPS = 10; // pending commands that are named
const MOST_EVENTS = 8;
const MOST_BLOCKS = 40;

/** A table with a head; rows are arrays of cells, and a cell is text or nodes. */
function table(caption, head, rows) {
  const cells = (tag, row) => make("tr", {}, row.map(cell => make(tag, {}, cell)));
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, cells("th", head)),
    make("tbody", {}, rows.map(row => cells("td", row))),
  );
}

class State {
  constructor(app) {
    this.app = app;
    this.data = app.data;
    this.devices = Object.keys(this.data.totals).map(Number);
    this.node = make("section", { class: "state", "aria-label": "the state at this moment" });
  }

  update() {
    const host = make("div", {}, this.threads(), this.events());
    const top = make("div", { class: "top" }, this.streams(), host);
    this.node.replaceChildren(top, ...this.devices.map(device => this.memory(device)));
  }

  chip(record, kind) {
    const { data } = this;
    const glyph = { record: "⚑ ", wait: "◇ " }[data.kind(record)] ?? "";
    const words = glyph + data.of(record, "name");
    const attributes = { type: "button", class: `chip ${kind}`, title: data.of(record, "label") };
    const node = make("button", { ...attributes, onclick: () => this.app.choose([record]) }, words);
    node.style.setProperty("--hue", data.lane(record).hue);
    return node;
  }

  streams() {
    const { data } = this;
    const lanes = data.lanes.filter(lane => lane.thread === undefined);
    if (!lanes.length) return make("p", { class: "quiet" }, "No command was enqueued.");
    const rows = lanes.map(lane => {
      const { done, running, pending } = data.queue(lane, this.app.moment);
      const named = pending.slice(0, MOST_CHIPS).map(record => this.chip(record, "pending"));
      const more = pending.length > MOST_CHIPS ? [` and ${pending.length - MOST_CHIPS} more`] : [];
      const runs = running === null ? quiet("nothing") : this.chip(running, "running");
      const name = make("span", { class: "lanename" }, lane.name);
      name.style.setProperty("--hue", lane.hue);
      return [name, `${done}`, runs, named.length ? [...named, ...more] : quiet("empty")];
    });
    return table("Streams", ["stream", "done", "runs", "pending, in order"], rows);
  }

  threads() {
    const { data } = this;
    const rows = Object.entries(data.threads).map(([thread, row]) => {
      const [state, call, waits] = data.at(row, this.app.moment) ?? [[], -1, false];
      const [device, ...streams] = state;
      const names = streams.map((stream, k) => `mtia:${k}/${stream}`).join(", ");
      const inside = call < 0 ? quiet("your program") : `${data.of(call, "label")}${waits ? ", waits for the device" : ""}`;
      return [thread, device === undefined ? quiet("not known yet") : `mtia:${device}`, names, inside];
    });
    return table("Host threads", ["thread", "current device", "current streams", "is in"], rows);
  }

  events() {
    const { data } = this;
    const { moment } = this.app;
    const known = [];
    for (const [event, row] of Object.entries(data.events)) {
      const value = data.at(row, moment);
      const since = row.at.findLast(at => at <= moment);
      if (value) known.push({ event, value, since, busy: value[1] === false || value[2][0] > 0 });
    }
    known.sort((a, b) => b.busy - a.busy || b.since - a.since);
    const rows = known.slice(0, MOST_EVENTS).map(({ event, value: [version, complete, [count, ...first]] }) => {
      const recorded = version ? `version ${version}` : quiet("before the log");
      const waiters = first.map(record => this.chip(record, "pending"));
      const names = first.flatMap((record, k) => [waiters[k], ` ${data.lane(record).name} `]);
      const more = count > first.length ? [`and ${count - first.length} more`] : [];
      const is = complete === null ? quiet("not known") : complete ? "complete" : "pending";
      return [`e${event}`, recorded, is, count ? [...names, ...more] : quiet("nobody")];
    });
    if (!Object.keys(data.events).length) return null;
    const more = known.length > MOST_EVENTS ? ` (${known.length - MOST_EVENTS} more, complete)` : "";
    if (!rows.length) rows.push([quiet("none yet"), "", "", ""]);
    return table(`Events${more}`, ["event", "recorded", "is", "who waits"], rows);
  }

  memory(device) {
    const { data } = this;
    const { moment } = this.app;
    const live = data.living(data.blocks, device, moment);
    live.sort((a, b) => data.blocks.address[a] - data.blocks.address[b]);
    const [allocated, reserved] = data.at(data.totals[device], moment) ?? ["0 B", "0 B"];
    const name = device < 0 ? "Pinned memory of the host" : `Memory of mtia:${device}`;
    const words = device < 0 ? `: ${allocated} in use` : `: ${allocated} allocated of ${reserved} reserved`;
    const heading = make("h4", {}, name, quiet(words));
    const rows = live.slice(0, MOST_BLOCKS).map(block => this.block(block));
    if (live.length > MOST_BLOCKS) rows.push([`and ${live.length - MOST_BLOCKS} more`]);
    const head = ["block", "size", "allocated at", "holds", "written by"];
    const blocks = rows.length ? table(`Blocks: ${name}`, head, rows) : null;
    return make("div", { class: "memory" }, heading, this.strip(device, live), blocks);
  }

  /** Which blocks the record that was chosen uses. */
  used() {
    const accesses = this.app.chosen.flatMap(record => this.data.records.accesses[record] ?? []);
    return new Map(accesses.map(([block, , writes]) => [block, writes ? "writes" : "reads"]));
  }

  block(block) {
    const { data } = this;
    const { blocks } = data;
    const content = blocks.contents[block] && data.at(blocks.contents[block], this.app.moment);
    const users = (blocks.users[block] ?? []).filter(([since]) => since <= this.app.moment);
    const shared = users.map(([, stream]) => ` (record_stream: stream ${stream})`).join("");
    const name = make("span", { class: "lanename" }, `${blocks.name[block]}${shared}`);
    name.style.setProperty("--hue", blocks.hue[block]);
    const site = blocks.site[block] < 0 ? quiet("before the log") : data.text(blocks.site[block]);
    const size = data.text(blocks.size[block]);
    if (!content) return [name, size, site, quiet("nothing written in this log"), ""];
    const [tensor, text, writer] = content;
    const holds = text < 0 ? quiet("values not recorded") : make("code", {}, data.text(text));
    const choose = () => this.app.choose([writer]);
    const writes = make("button", { type: "button", class: "link", onclick: choose }, data.of(writer, "name"));
    return [name, size, site, [quiet(`${data.text(tensor)} `), holds], [writes, ` ${data.of(writer, "site")}`]];
  }

  /** The addresses of a device from left to right: segments, and the blocks in them. */
  strip(device, live) {
    const { data } = this;
    const used = this.used();
    const place = (spans, k) => {
      const [left, right] = [spans.left[k] / 10, spans.right[k] / 10];
      return `left: ${left}%; width: ${right - left}%`;
    };
    const segments = data.living(data.segments, device, this.app.moment).map(k => {
      return make("div", { class: "segment", style: place(data.segments, k) });
    });
    const blocks = live.map(k => {
      const { name, size, site, hue } = data.blocks;
      const title = `${name[k]}: ${data.text(size[k])}, allocated at ${data.text(site[k]) || "a line before the log"}`;
      const style = `${place(data.blocks, k)}; --hue: ${hue[k]}`;
      return make("div", { class: `block ${used.get(k) ?? ""}`, style, title }, name[k]);
    });
    if (!segments.length && !blocks.length) return [];
    const label = `${live.length} blocks`;
    return make("div", { class: "strip", role: "img", "aria-label": label }, segments, blocks);
  }
}

function quiet(words) {
  return make("span", { class: "quiet" }, words);
}
