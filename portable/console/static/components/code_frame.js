/** The lines around the one that failed. */
import { fileName } from "../library/format.js";
import { python } from "../library/highlight.js";
import { html } from "../library/html.js";

/** @param {{ frame: any }} props */
export const CodeFrame = ({ frame }) => html`<section class="card"><header><h2>Where it stopped</h2><span class="more hint cut" title=${frame.file}>${fileName(frame.file)}:${frame.line}, ${frame.function}</span></header>
  <pre class="code" tabindex="0" aria-label="Source code">${frame.lines.length ? frame.lines.map((/** @type {any} */ line) => html`<span class=${`code-line ${line.n === frame.line ? "hit" : ""}`}><span class="line-number">${line.n}</span>${python(line.text)}</span>`) : html`<span class="third">The file is not here any more, or has changed.</span>`}</pre></section>`;
