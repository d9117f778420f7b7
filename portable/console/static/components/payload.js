/** A request or a response: its body as text, never as markup, with what was cut or redacted said where it applies. */
import { bytes, counted } from "../library/format.js";
import { json, laidOut } from "../library/highlight.js";
import { html } from "../library/html.js";
import { CopyButton } from "./copy_button.js";

/** @param {any} payload */
export function bodyText(payload) {
  return laidOut(payload.body) ?? payload.body;
}

/** @param {any} payload */
function note(payload) {
  const type = (payload.content_type ?? "").split(";")[0];
  const size = payload.is_cut ? `first 64 KB of ${bytes(payload.size)}` : bytes(payload.size);
  return [type, payload.encoding === "base64" ? "base64" : "", size].filter(Boolean).join(", ");
}

/** @param {{ title: string, payload: any, absent?: string }} props `absent` is said where there is no payload */
export function PayloadCard({ title, payload, absent = "" }) {
  if (!payload) {
    return html`<section class="card"><header><h2>${title}</h2></header><p class="quiet">${absent || "It was not kept."}</p></section>`;
  }
  const laid = laidOut(payload.body);
  return html`<section class="card"><header><h2>${title}</h2><span class="more hint cut">${note(payload)}</span>${payload.body && html`<${CopyButton} text=${payload.body} label=${`Copy the ${title.toLowerCase()}`} />`}</header>
    ${payload.target && html`<pre class="code wrap">${payload.target}</pre>`}
    <pre class="code wrap tall" tabindex="0" aria-label=${`${title} body`}>${payload.body ? (laid ? json(laid) : payload.body) : html`<span class="third">no body</span>`}</pre>
    ${payload.headers?.length > 0 && html`<details class="headers"><summary>${counted(payload.headers.length, "header")}</summary><dl class="pairs">${payload.headers.map((/** @type {[string, string]} */ [name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></details>`}
  </section>`;
}
