/** The code does not import: where, what, what to try, and that the last good version goes on serving. */
import { html } from "../library/html.js";
import { CopyButton } from "./copy_button.js";
import { Icon } from "./icon.js";

/** @param {{ error: any }} props the `import_error` of the status */
export function ImportError({ error }) {
  const place = error.file && `${error.file}${error.line ? `:${error.line}` : ""}`;
  return html`<div class="banner import-error" role="alert"><${Icon} name="issues" /><div>
    <b>What was saved does not import: ${error.message}</b>
    <p>The last version that did goes on serving. ${error.hint ?? ""}</p>
    ${place && html`<p class="row"><code>${place}</code><${CopyButton} text=${place} label="Copy the place" /></p>`}
    ${error.traceback && html`<pre class="code wrap" tabindex="0" aria-label="Traceback">${error.traceback.trimEnd()}</pre>`}</div></div>`;
}
