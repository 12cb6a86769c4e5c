// ways.js - what can be seen of each recipient's way, and of the ids to look for next, row by row.
(() => {
  const seen = element => element.getClientRects().length ? element.innerText.trim() : "";
  const table = element => [...element.querySelectorAll("tbody tr")]
    .map(row => [...row.children].map(seen));
  const section = name => document.querySelector(`section[aria-labelledby=${name}]`);
  const bar = shape => {
    const [left, right] = ["left", "right"].map(side => shape.getBoundingClientRect()[side]);
    const whole = shape.closest("svg").getBoundingClientRect();
    return [(left - whole.left) / whole.width * 100, (right - whole.left) / whole.width * 100];
  };
  const ways = section("ways") ? [...section("ways").querySelectorAll(".way")] : [];
  const next = section("next");
  return {
    key: section("ways") ? seen(section("ways").querySelector(".key")).split("\n") : [],
    ways: ways.map(one => ({
      who: seen(one.querySelector("h3")),
      bars: table(one.querySelector(".bars")),
      pieces: [...one.querySelectorAll(".bars tbody tr")]
        .map(row => [...row.querySelectorAll("rect")].map(bar)),
      tries: one.querySelector(".tries") ? table(one.querySelector(".tries")) : [],
    })),
    next: next ? { title: seen(next.querySelector("h2")), rows: table(next) } : null,
  };
})()
