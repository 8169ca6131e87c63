// What is true at the moment: streams, host threads, events, and memory with what it holds.

const MOST_CHIPS = 10; // pending commands that are named
const MOST_STREAMS = 40;
const MOST_EVENTS = 8;
const MOST_BLOCKS = 40; // that are named
const MOST_DRAWN = 400;

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
    const part = (name, label) => {
      return make("section", { class: name, "aria-label": `${label} at this moment`, tabindex: "-1" });
    };
    this.tables = part("tables", "queues and events");
    this.memory = part("memory", "memory");
  }

  update() {
    change(this.tables, ...[this.streams(), this.threads(), this.events()].filter(Boolean));
    change(this.memory, ...this.devices.map(device => this.heap(device)));
  }

  chip(record, kind) {
    const { data } = this;
    const words = data.glyph(record) + data.short(record);
    const look = { class: `chip ${kind}`, title: data.label(record), "data-key": `chip ${record}` };
    const node = press(look, words, () => this.app.choose([record]));
    node.style.setProperty("--hue", data.lane(record).hue);
    return node;
  }

  streams() {
    const { data } = this;
    const lanes = data.lanes.filter(lane => lane.thread === undefined);
    if (!lanes.length) return quiet("No command was enqueued.");
    const queues = lanes.map(lane => [lane, data.queue(lane, this.app.moment)]);
    const busy = queues.filter(([, { running, pending }]) => running !== null || pending.length);
    const shown = queues.length <= MOST_STREAMS ? queues : busy.slice(0, MOST_STREAMS);
    const rows = shown.map(([lane, queue]) => this.stream(lane, queue));
    const more = queues.length - shown.length;
    if (more) rows.push([`${more} more`, "", quiet(busy.length > shown.length ? "" : "idle")]);
    return table("Streams", ["stream", "done", "runs", "pending, in order"], rows);
  }

  stream(lane, { done, running, pending }) {
    const named = pending.slice(0, MOST_CHIPS).map(record => this.chip(record, "pending"));
    const more = pending.length > MOST_CHIPS ? [` and ${pending.length - MOST_CHIPS} more`] : [];
    const runs = running === null ? quiet("nothing") : this.chip(running, "running");
    const name = make("span", { class: "lanename" }, lane.name);
    name.style.setProperty("--hue", lane.hue);
    return [name, `${done}`, runs, named.length ? [...named, ...more] : quiet("empty")];
  }

  threads() {
    const { data } = this;
    const rows = Object.entries(data.threads).map(([thread, row]) => {
      const [state, call, waits] = data.at(row, this.app.moment) ?? [-1, -1, false];
      const [device, ...streams] = data.states[state] ?? [];
      const names = streams.map((stream, k) => `mtia:${k}/${stream}`).join(", ");
      const doing = waits ? ", waits for the device" : "";
      const inside = call < 0 ? quiet("your program") : `${data.label(call)}${doing}`;
      const current = device === undefined ? quiet("not known yet") : `mtia:${device}`;
      return [thread, current, names, inside];
    });
    return table("Host threads", ["thread", "current device", "current streams", "is in"], rows);
  }

  events() {
    const { data } = this;
    const { moment } = this.app;
    const known = data.recentEvents(moment).map(event => {
      const row = data.events[event];
      const value = data.at(row, moment);
      const busy = value[1] === false || value[2][0] > 0;
      return { event, value, since: data.since(row, moment), busy };
    });
    known.sort((a, b) => b.busy - a.busy || b.since - a.since);
    const rows = known.slice(0, MOST_EVENTS).map(({ event, value }) => {
      const [version, complete, [count, ...first]] = value;
      const recorded = version ? `version ${version}` : quiet("before the log");
      const waiters = first.map(record => this.chip(record, "pending"));
      const names = first.flatMap((record, k) => [waiters[k], ` ${data.lane(record).name} `]);
      const more = count > first.length ? [`and ${count - first.length} more`] : [];
      const is = complete === null ? quiet("not known") : complete ? "complete" : "pending";
      return [`e${event}`, recorded, is, count ? [...names, ...more] : quiet("nobody")];
    });
    if (!Object.keys(data.events).length) return null;
    const hidden = data.countEvents(moment) - MOST_EVENTS;
    const more = hidden > 0 ? ` (${hidden} more)` : "";
    if (!rows.length) rows.push([quiet("none yet"), "", "", ""]);
    return table(`Events${more}`, ["event", "recorded", "is", "who waits"], rows);
  }

  heap(device) {
    const { data } = this;
    const { moment } = this.app;
    const live = data.living(data.blocks, device, moment);
    live.sort((a, b) => data.blocks.address[a] - data.blocks.address[b]);
    const total = data.at(data.totals[device], moment);
    const name = device < 0 ? "Pinned memory of the host" : `Memory of mtia:${device}`;
    const words = total === undefined ? "nothing" : data.text(total);
    const heading = make("h2", {}, name, quiet(`: ${words}`));
    const rows = live.slice(0, MOST_BLOCKS).map(block => this.block(block));
    if (live.length > MOST_BLOCKS) rows.push([`and ${live.length - MOST_BLOCKS} more`]);
    const head = ["block", "size", "allocated", "holds", "written by"];
    const blocks = rows.length ? table(`Blocks: ${name}`, head, rows) : null;
    return make("div", {}, heading, this.strip(device, live), blocks);
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
    const site = data.text(blocks.site[block]) || quiet(data.text(blocks.cause[block]));
    const size = data.text(blocks.size[block]);
    if (!content) {
      const unknown = blocks.fresh[block] ? "nothing yet" : "not known";
      return [name, size, site, quiet(unknown), ""];
    }
    const [tensor, text, writer] = content;
    const holds = text < 0 ? quiet("values not recorded") : make("code", {}, data.text(text));
    const look = { class: "link", "data-key": `writer ${block}` };
    const writes = press(look, data.short(writer), () => this.app.choose([writer]));
    const what = [quiet(`${data.text(tensor)} `), holds];
    return [name, size, site, what, [writes, ` ${data.of(writer, "site")}`]];
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
    const { left, right } = data.blocks;
    const shown = live.slice(0, MOST_DRAWN).filter(k => right[k] > left[k]);
    const blocks = shown.map(k => {
      const { name, size, site, cause, hue } = data.blocks;
      const line = data.text(site[k]);
      const title = `${name[k]}: ${data.text(size[k])}, allocated ${line || data.text(cause[k])}`;
      const style = `${place(data.blocks, k)}; --hue: ${hue[k]}`;
      return make("div", { class: `block ${used.get(k) ?? ""}`, style, title }, name[k]);
    });
    if (!segments.length && !blocks.length) return [];
    const label = `${live.length} blocks`;
    return make("div", { class: "strip", role: "img", "aria-label": label }, segments, blocks);
  }
}
