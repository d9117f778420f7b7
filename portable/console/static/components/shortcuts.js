/** All shortcuts on one sheet. */
import { html } from "../library/html.js";
import { SHORTCUTS } from "../library/keyboard.js";
import { Sheet } from "./sheet.js";

/** @param {{ onClose: () => void }} props */
export const Shortcuts = ({ onClose }) => html`<${Sheet} title="Keyboard shortcuts" onClose=${onClose}>
  <dl class="shortcuts">${SHORTCUTS.map(([label, keys]) => html`<div><dt>${label}</dt><dd>${/** @type {string[]} */ (keys).map((key) => html`<kbd>${key}</kbd>`)}</dd></div>`)}</dl>
<//>`;
