// What furo and MyST leave out for those who read with a keyboard or by ear.
document.addEventListener("DOMContentLoaded", () => {
  const names = { ".sidebar-drawer": "Pages", ".toc-drawer": "This page" };
  for (const [place, name] of Object.entries(names))
    document.querySelector(place)?.setAttribute("aria-label", name);
  for (const caption of document.querySelectorAll(".caption[role=heading]"))
    caption.setAttribute("aria-level", "2");
  for (const block of document.querySelectorAll("pre, .table-wrapper")) block.tabIndex = 0;
  for (const head of document.querySelectorAll("th"))
    if (!head.textContent.trim()) head.replaceWith(document.createElement("td"));
});
