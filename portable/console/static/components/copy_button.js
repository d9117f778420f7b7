/** Copies a text and says that it did. */
import { html } from "../library/html.js";
import { say } from "../library/session.js";
import { Icon } from "./icon.js";

/** @param {string} text @param {string} what */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    say(what);
  } catch {
    say("The browser did not allow copying");
  }
}

/** @param {{ text: string, label: string }} props */
export const CopyButton = ({ text, label }) =>
  html`<button class="icon-button bare" aria-label=${label} title=${label} onClick=${() => copy(text)}><${Icon} name="copy" small /></button>`;
