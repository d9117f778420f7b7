/** A sheet over the page: a native dialog, which keeps the focus and closes on Esc. */
import { html, useLayoutEffect, useRef } from "../library/html.js";
import { Icon } from "./icon.js";

/** @param {{ title: string, onClose: () => void, narrow?: boolean, footer?: any, bare?: boolean, children?: any }} props */
export function Sheet({ title, onClose, narrow, footer, bare, children }) {
  const ref = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (!dialog) return undefined;
    const before = document.activeElement;
    dialog.showModal();
    const field = dialog.querySelector(".body :is(input, textarea, select)");
    if (field instanceof HTMLElement) field.focus();
    return () => {
      if (dialog.open) dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const clicked = (/** @type {MouseEvent} */ event) => event.target === ref.current && onClose();
  return html`<dialog class=${`sheet ${narrow ? "narrow" : ""}`} aria-label=${title} ref=${ref} onClose=${onClose} onMouseDown=${clicked}>
    ${!bare && html`<header><h2>${title}</h2><button class="icon-button bare" aria-label="Close" onClick=${onClose}><${Icon} name="close" small /></button></header>`}
    ${bare ? children : html`<div class="body">${children}</div>`}
    ${footer && html`<footer>${footer}</footer>`}
  </dialog>`;
}
