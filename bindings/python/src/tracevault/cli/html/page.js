// page.js - betters the page where scripts run: finds lines, and opens what is folded for printing.
// It reads no text of a trace but to compare it, and writes none.
"use strict";
for (const section of document.querySelectorAll("section.lines")) {
  const rows = [...section.querySelectorAll("tbody tr[id]")];
  if (rows.length < 20) continue;
  const label = document.createElement("label");
  const box = document.createElement("input");
  const count = document.createElement("output");
  label.className = "filter";
  box.type = "search";
  box.autocomplete = "off";
  label.append("Only lines with", box, count);
  section.querySelector(".scroll").before(label);
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) shown += 1;
    }
    count.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
}
const folded = () => [...document.querySelectorAll("details:not([open])")];
let opened = [];
addEventListener("beforeprint", () => {
  opened = folded();
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of opened) one.open = false;
});
