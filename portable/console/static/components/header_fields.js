/** Headers of a request as fields: changed, taken away, added. */
import { html } from "../library/html.js";
import { Icon } from "./icon.js";

/** @typedef {[string, string][]} Headers */

/** Those that have a name. @param {Headers} headers @returns {Headers} */
export const given = (headers) => headers.filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), value]);

/** @param {{ headers: Headers, change: (headers: Headers) => void }} props */
export function HeaderFields({ headers, change }) {
  const put = (/** @type {number} */ at, /** @type {[string, string]} */ next) => change(headers.map((one, index) => (index === at ? next : one)));
  return html`<div class="form header-fields" role="group" aria-label="Headers">
    ${headers.map(([name, value], at) => html`<div class="row" key=${at}>
      <input class="field mono" aria-label=${`Name of header ${at + 1}`} placeholder="authorization" autocomplete="off" spellcheck="false" value=${name} onInput=${(/** @type {any} */ event) => put(at, [event.target.value, value])} />
      <input class="field mono grow" aria-label=${`Value of ${name || `header ${at + 1}`}`} autocomplete="off" spellcheck="false" value=${value} onInput=${(/** @type {any} */ event) => put(at, [name, event.target.value])} />
      <button class="icon-button bare" aria-label=${`Take away ${name || `header ${at + 1}`}`} onClick=${() => change(headers.filter((_, index) => index !== at))}><${Icon} name="close" /></button></div>`)}
    <button class="button small self-start" onClick=${() => change([...headers, ["", ""]])}>Add a header</button></div>`;
}
