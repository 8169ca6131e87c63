// Small pieces of a page.

/** A time in ns as microseconds in words. */
function us(time) {
  return `${time / 1000} µs`;
}

/** What has the focus where a node is: to the document, all of the explorer is one element. */
function focused(node) {
  return node.getRootNode().activeElement;
}

/** Change what is in a node; the focus stays on what has the same key afterwards. */
function change(node, ...children) {
  const focus = focused(node);
  const inside = node !== focus && node.contains(focus);
  const { key } = focus?.dataset ?? {};
  node.replaceChildren(...children);
  if (!inside) return;
  const same = [...node.querySelectorAll("[data-key]")].find(one => one.dataset.key === key);
  (same ?? node).focus({ preventScroll: true });
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

/** A button that does something. */
function press(attributes, words, act) {
  return make("button", { type: "button", onclick: act, ...attributes }, words);
}

/** Words of little weight. */
function quiet(words) {
  return make("span", { class: "quiet" }, words);
}
