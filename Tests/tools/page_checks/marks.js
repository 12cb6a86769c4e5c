// marks.js - side, line, field and text of every mark in the lines.
[...document.querySelectorAll(".lines .f[title]")].map(one => {
  const [side, line] = one.closest("tr").id.split("-");
  return [side, Number(line), one.title, one.textContent];
})
