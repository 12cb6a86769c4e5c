// places.js - where parts of a line stand from left to right, when words beside them run the other way.
(() => {
  const left = (element, text) => {
    const words = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const at = words.currentNode.data.indexOf(text);
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(words.currentNode, at);
      range.setEnd(words.currentNode, at + text.length);
      return range.getBoundingClientRect().left;
    }
    return NaN;
  };
  const lines = [...document.querySelectorAll(".lines code")];
  const subject = lines.find(one => one.textContent.includes("header Subject"));
  const reply = lines.find(one => one.textContent.includes("queued as"));
  const row = document.querySelector(".recipients tbody th");
  return {
    order: [left(subject, "Subject:"), left(subject, "from "), left(subject, "203.0.113.9")],
    address: [left(row, "سارة"), left(row, "@acme.example")],
    sender: ["משה", "דוגמה", ".example"].map(part => left(subject, part)),
    reply: ["status=", "250", "queued as"].map(part => left(reply, part)),
  };
})()
