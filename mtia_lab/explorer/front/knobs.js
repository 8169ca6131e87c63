// A picture with knobs: a slider for each, and the picture that Python drew for where they stand.

class Knobs {
  constructor({ knobs, pictures }, root) {
    this.knobs = knobs; // name, and its values in words
    this.pictures = pictures; // of each setting, the last knob's values first: SVG, headline
    this.sliders = knobs.map(knob => this.slider(knob));
    this.image = make("img", { class: "turned" });
    this.told = make("p", { class: "told", role: "status", "aria-live": "polite" });
    root.append(make("div", { class: "knobs" }, this.sliders.map(row)), this.told, this.image);
    this.turn();
  }

  slider({ name, values }) {
    const input = make("input", {
      ...{ type: "range", min: 0, max: values.length - 1, value: 0, "aria-label": name },
      oninput: () => this.turn(),
    });
    return { name, values, input, says: make("output") };
  }

  /** Show the picture of where the knobs stand now. */
  turn() {
    let setting = 0;
    for (const { values, input, says } of this.sliders) {
      setting = setting * values.length + Number(input.value);
      says.textContent = values[input.value];
      input.setAttribute("aria-valuetext", values[input.value]);
    }
    const [svg, headline] = this.pictures[setting];
    this.image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    this.image.alt = headline;
    this.told.textContent = headline;
  }
}

function row({ name, input, says }) {
  return make("label", { class: "knob" }, make("span", {}, name), input, says);
}

/** Show a picture with knobs in the element that its script stands in. */
function show(script, style) {
  new Knobs(JSON.parse(script.data), stage(script, style));
}
