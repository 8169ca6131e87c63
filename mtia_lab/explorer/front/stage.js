// Where a page stands: in the element of its script, with a tree and a style of its own.

// The page says whether it is light or dark; a style in the explorer's own tree could not ask it.
const THEMES = `
  .mtia-explorer-host { color-scheme: light dark; }
  :is([data-jp-theme-light="true"], .vscode-light) .mtia-explorer-host { color-scheme: light; }
  :is([data-jp-theme-light="false"], .vscode-dark) .mtia-explorer-host { color-scheme: dark; }`;

/**
 * JupyterLab's plain keys, such as D D, are for cells: keep them off what has the focus in here. It
 * looks at the element itself, and first of all; so this must look before it does. Shift+Enter,
 * Alt+Enter and all with Ctrl are JupyterLab's, and Escape leads out to the cell.
 */
function shieldKeys(host) {
  const shield = ({ target, key, shiftKey, altKey, ctrlKey, metaKey }) => {
    if (!host.isConnected) window.removeEventListener("keydown", shield, true);
    if (target !== host) return;
    const passes = ctrlKey || metaKey || ((shiftKey || altKey) && key === "Enter");
    host.toggleAttribute("data-lm-suppress-shortcuts", !passes);
    if (key === "Escape") host.closest("[tabindex]")?.focus();
  };
  host.addEventListener("focusin", () => window.addEventListener("keydown", shield, true));
}

/**
 * The root of the page. The picture that stands beside its script is kept for print, and what is
 * said about it for both.
 */
function stage(script, style) {
  const host = script.parentNode;
  const root = make("div", { class: "mtia-explorer", tabindex: "-1" });
  const shadow = host.attachShadow({ mode: "open", delegatesFocus: true });
  shadow.append(make("style", {}, style), ...host.querySelectorAll("img, p"), root);
  host.append(make("style", {}, THEMES));
  host.classList.add("mtia-explorer-host");
  shieldKeys(host);
  return root;
}
