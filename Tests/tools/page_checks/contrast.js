// contrast.js - every text, bar and mark whose contrast to its ground is below WCAG's 4.5 (3 for shapes).
(() => {
  const parts = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map(one => one / 255).map(one =>
      one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ratio = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
      if (r !== undefined && alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  let looked = 0;
  const judge = (what, colour, behind, least) => {
    looked += 1;
    const found = ratio(parts(colour), behind);
    if (!(found >= least)) faint.push(`${what}: ${found.toFixed(2)} of ${least}`);
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || element.closest("script,title")) continue;
    const style = getComputedStyle(element);
    const name = `${element.localName}.${element.getAttribute("class")} ${words.currentNode.data.slice(0, 30)}`;
    if (!element.closest("svg")) judge(name, style.color, ground(element), 4.5);
    else if (element.matches(".sign")) {
      judge(name, style.fill, parts(getComputedStyle(element.previousElementSibling).fill), 4.5);
    } else judge(name, style.fill, ground(element.closest("svg").parentElement), 4.5);
  }
  for (const shape of document.querySelectorAll("rect.part, circle.mark, .axis line")) {
    const style = getComputedStyle(shape);
    const colour = shape.localName === "line" ? style.stroke : style.fill;
    judge(shape.getAttribute("class"), colour, ground(shape.closest("svg").parentElement), 3);
  }
  return { looked, faint: [...new Set(faint)] };
})()
