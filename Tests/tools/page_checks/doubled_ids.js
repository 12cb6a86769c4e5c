// doubled_ids.js - ids that are there twice, and names that point to none.
(() => {
  const ids = [...document.querySelectorAll("[id]")].map(one => one.id);
  const there = new Set(ids);
  const named = [...document.querySelectorAll("[aria-labelledby]")]
    .map(one => one.getAttribute("aria-labelledby"));
  const linked = [...document.querySelectorAll("a")].map(one => one.getAttribute("href").slice(1));
  return [...ids.filter((one, at) => ids.indexOf(one) !== at),
    ...[...named, ...linked].filter(one => !there.has(one))];
})()
