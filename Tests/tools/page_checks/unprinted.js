// unprinted.js - lines that paper would not show.
[...document.querySelectorAll(".lines code")]
  .filter(one => !one.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })
    || one.getBoundingClientRect().height === 0)
  .map(one => one.textContent.slice(0, 60))
