/** Edit what came in, and run it again. The new run is linked to the first. */
import { html, useState } from "../library/html.js";
import { laidOut } from "../library/highlight.js";
import { replay } from "../library/replay.js";
import { Action } from "./buttons.js";
import { FillFields, settings } from "./fill_fields.js";
import { given, HeaderFields } from "./header_fields.js";
import { bodyText } from "./payload.js";
import { Sheet } from "./sheet.js";

/** @param {{ one: any, onClose: () => void }} props */
export function ReplaySheet({ one, onClose }) {
  const request = one.request ?? { body: "", target: "", headers: [] };
  const [body, setBody] = useState(bodyText(request));
  const [target, setTarget] = useState(request.target ?? "");
  // Those that were redacted have fields of their own below.
  const [hidden] = useState(() => new Set(one.needed.map((/** @type {string} */ path) => path.toLowerCase())));
  const isHidden = (/** @type {[string, string]} */ [name]) => hidden.has(`request.headers.${name.toLowerCase()}`);
  const [headers, setHeaders] = useState(/** @type {[string, string][]} */ (() => (request.headers ?? []).filter((/** @type {any} */ header) => !isHidden(header))));
  const [values, setValues] = useState({});
  const isBinary = request.encoding === "base64";
  const isJson = (request.content_type ?? "").includes("json") || one.kind !== "http";
  const isBroken = isJson && body.trim() !== "" && laidOut(body) === null;
  const run = async () => {
    await replay(one.id, { request: { ...request, body, target, headers: [...(request.headers ?? []).filter(isHidden), ...given(headers)] }, set: settings(one.needed, values) });
    onClose();
  };
  const footer = html`${isBroken && html`<span class="bad grow">This is not JSON yet.</span>`}<button class="button" onClick=${onClose}>Cancel</button><${Action} class="primary" run=${run} disabled=${isBroken}>Replay<//>`;
  return html`<${Sheet} title=${`Edit and replay ${one.handler}`} onClose=${onClose} footer=${footer}>
    ${one.kind === "http" && html`<label class="labelled">Method, path and query<input class="field mono" value=${target} onInput=${(/** @type {any} */ event) => setTarget(event.target.value)} /></label>`}
    <label class="labelled">${one.kind === "http" ? "Body" : "Payload"}${isBinary ? ", base64" : ""}<textarea class="field" rows=${request.body ? 14 : 4} spellcheck="false" value=${body} onInput=${(/** @type {any} */ event) => setBody(event.target.value)}></textarea></label>
    ${one.kind === "http" && html`<div class="labelled"><span>Headers</span><${HeaderFields} headers=${headers} change=${setHeaders} /></div>`}
    <${FillFields} needed=${one.needed} values=${values} change=${setValues} />
  <//>`;
}
