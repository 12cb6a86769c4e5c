// injected.js - what of a page could come from outside: elements, attributes and links of no use here.
(() => {
  const known = new Set(("html head meta link title style body header p h1 h2 h3 h4 main section " +
    "article div dl dt dd span bdi strong ul li table caption thead tbody tr th td svg rect line " +
    "circle text q a code details summary footer script label input output").split(" "));
  const all = [...document.querySelectorAll("*")];
  return {
    scripts: document.scripts.length,
    styles: document.querySelectorAll("style").length,
    strange: all.map(one => one.localName).filter(name => !known.has(name)),
    attributes: all.flatMap(one => [...one.attributes]).map(one => one.name)
      .filter(name => /^on|^style$|^src|^srcset$|^action$|^formaction$/.test(name)),
    links: all.map(one => one.getAttribute("href")).filter(one => one && !/^#[mc]\d+$|^data:,$/.test(one)),
  };
})()
