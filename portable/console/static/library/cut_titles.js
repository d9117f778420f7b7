/** What an ellipsis has cut off is told when one points at it. */
document.addEventListener("mouseover", (event) => {
  const element = event.target instanceof Element ? event.target.closest(".cut, td.cell, td.fits") : null;
  if (element instanceof HTMLElement && !element.title && element.scrollWidth > element.clientWidth) {
    element.title = element.textContent?.trim() ?? "";
  }
});
