/** A form made of a JSON Schema, or the JSON itself: one value, two ways to write it. */
import { laidOut } from "../library/highlight.js";
import { html, useState } from "../library/html.js";
import { fieldKind, resolved } from "../library/schema.js";

/** @param {{ schema: any, value: any, onChange: (value: any) => void, onBroken: (isBroken: boolean) => void }} props */
export function SchemaForm({ schema, value, onChange, onBroken }) {
  const [isJson, setJson] = useState(!schema || fieldKind(resolved(schema, schema)) !== "object");
  const [text, setText] = useState("");
  const toJson = () => {
    setText(JSON.stringify(value, null, 2));
    setJson(true);
  };
  const typed = (/** @type {string} */ next) => {
    setText(next);
    const isBroken = laidOut(next) === null;
    onBroken(isBroken);
    if (!isBroken) onChange(JSON.parse(next));
  };
  const shown = isJson && text === "" ? JSON.stringify(value, null, 2) : text;
  return html`<div class="form">
    ${schema && html`<div class="segments self-start" role="group" aria-label="How to write it"><button aria-pressed=${!isJson} disabled=${laidOut(shown) === null && isJson} onClick=${() => setJson(false)}>Form</button><button aria-pressed=${isJson} onClick=${toJson}>JSON</button></div>`}
    ${isJson
      ? html`<label class="labelled">Payload as JSON<textarea class="field" rows="8" spellcheck="false" value=${shown} onInput=${(/** @type {any} */ event) => typed(event.target.value)}></textarea></label>`
      : html`<${Field} name="" given=${schema} root=${schema} value=${value} onChange=${onChange} isRequired />`}
  </div>`;
}

/** @param {{ name: string, given: any, root: any, value: any, onChange: (value: any) => void, isRequired?: boolean }} props */
function Field({ name, given, root, value, onChange, isRequired }) {
  const schema = resolved(given, root);
  const kind = fieldKind(schema);
  const label = html`<span>${name}${isRequired ? "" : html` <span class="hint">optional</span>`}${schema.description ? html` <span class="hint">${schema.description}</span>` : null}</span>`;
  const give = (/** @type {any} */ event) => onChange(event.target.value);
  if (kind === "object") {
    const fields = Object.entries(schema.properties).map(([key, inner]) => html`<${Field} key=${key} name=${key} given=${inner} root=${root} value=${value?.[key]} isRequired=${(schema.required ?? []).includes(key)} onChange=${(/** @type {any} */ next) => onChange(without({ ...value, [key]: next }, key, next))} />`);
    return name ? html`<fieldset><legend>${name}</legend>${fields}</fieldset>` : html`<div class="form">${fields}</div>`;
  }
  if (kind === "choice") return html`<label class="labelled">${label}<select class="field" value=${value ?? ""} onChange=${(/** @type {any} */ event) => onChange(schema.enum.find((/** @type {any} */ one) => String(one) === event.target.value))}>${schema.enum.includes(value) && isRequired ? null : html`<option value="">not given</option>`}${schema.enum.map((/** @type {any} */ one) => html`<option value=${String(one)} selected=${one === value}>${String(one)}</option>`)}</select></label>`;
  if (kind === "truth") return html`<label class="check"><input type="checkbox" checked=${value === true} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} />${label}</label>`;
  if (kind === "number") return html`<label class="labelled">${label}<input class="field" type="number" step=${schema.type === "integer" ? 1 : "any"} value=${value ?? ""} onInput=${(/** @type {any} */ event) => onChange(event.target.value === "" ? undefined : Number(event.target.value))} /></label>`;
  if (kind === "text") return html`<label class="labelled">${label}<input class="field" value=${value ?? ""} placeholder=${schema.format ?? ""} onInput=${(/** @type {any} */ event) => onChange(event.target.value === "" && !isRequired ? undefined : event.target.value)} /></label>`;
  return html`<${JsonField} label=${label} value=${value} onChange=${onChange} />`;
}

/** A member that is not given is not there. @param {any} whole @param {string} key @param {any} next */
function without(whole, key, next) {
  if (next === undefined) delete whole[key];
  return whole;
}

/** @param {{ label: any, value: any, onChange: (value: any) => void }} props */
function JsonField({ label, value, onChange }) {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value));
  const isBroken = text.trim() !== "" && laidOut(text) === null;
  const typed = (/** @type {any} */ event) => {
    const next = event.target.value;
    setText(next);
    if (next.trim() === "") onChange(undefined);
    else if (laidOut(next) !== null) onChange(JSON.parse(next));
  };
  return html`<label class="labelled">${label}<textarea class="field" rows="2" spellcheck="false" aria-invalid=${isBroken} value=${text} onInput=${typed}></textarea>${isBroken && html`<span class="bad">This is not JSON yet.</span>`}</label>`;
}
