/** A field for each thing that was redacted and is needed. A header may be left out. */
import { html } from "../library/html.js";

const HEADER = "request.headers.";

/** What the API takes as `set`: a header without a value is left out. @param {string[]} needed @param {Record<string, string>} values */
export function settings(needed, values) {
  const given = needed.filter((path) => values[path] || path.startsWith(HEADER));
  return Object.fromEntries(given.map((path) => [path, values[path] || null]));
}

/** @param {{ needed: string[], values: Record<string, string>, change: (values: Record<string, string>) => void }} props */
export function FillFields({ needed, values, change }) {
  if (!needed.length) return null;
  return html`<p class="third">Redacted before it was written, so it is not known here: give it again.</p>
    ${needed.map((path) => html`<label class="labelled"><span class="mono">${path}</span><input class="field mono" autocomplete="off" spellcheck="false" placeholder=${path.startsWith(HEADER) ? "Left out" : ""} value=${values[path] ?? ""} onInput=${(/** @type {any} */ event) => change({ ...values, [path]: event.target.value })} /></label>`)}`;
}
