/** Secrets and parameters: whether each is set, what it is (secrets never), and a field to set it. */
import { Action } from "../components/buttons.js";
import { Sheet } from "../components/sheet.js";
import { Swatch } from "../components/marks.js";
import { Loaded, Nothing } from "../components/states.js";
import { request } from "../library/api.js";
import { useData } from "../library/data.js";
import { html, useState } from "../library/html.js";
import { say } from "../library/session.js";

export function ValuesPage() {
  const loaded = useData(["values"], {}, ["status", "mark"]);
  const [edited, setEdited] = useState(/** @type {any} */ (null));
  return html`<div class="page"><div class="page-head"><div><h1>Secrets & config</h1><p>A secret is shown to nobody, also not here</p></div></div>
    <section class="card"><${Loaded} loaded=${loaded}>${(/** @type {any} */ { items }) => items.length
      ? html`<div class="scrolls" tabindex="0" role="region" aria-label="Secrets and parameters"><table class="rows"><thead><tr><th>Name</th><th>Kind</th><th>Service</th><th>Value</th><th><span class="unseen">Actions</span></th></tr></thead>
        <tbody>${items.map((/** @type {any} */ one) => html`<tr key=${one.name}><td class="mono">${one.name}</td><td><span class="chip">${one.kind === "param" ? "parameter" : one.kind}</span></td><td><span class="row"><${Swatch} service=${one.service} />${one.service}</span></td>
          <td>${one.is_set ? html`<span class="mono second">${one.masked ?? "set"}</span>` : html`<span class="chip care">not set</span>`}</td>
          <td class="right"><${Action} class="small" label=${`${one.is_set ? "Change" : "Set"} ${one.name}`} run=${() => setEdited(one)}>${one.is_set ? "Change" : "Set"}<//></td></tr>`)}</tbody></table></div>`
      : html`<${Nothing} snippet=${'token = app.secret("token")'}>No secrets or parameters yet.<//>`}<//></section>
    ${edited && html`<${ValueSheet} one=${edited} onClose=${() => setEdited(null)} done=${loaded.refresh} />`}</div>`;
}

/** @param {{ one: any, onClose: () => void, done: () => void }} props */
function ValueSheet({ one, onClose, done }) {
  const [value, setValue] = useState("");
  const save = async () => {
    await request("PUT", ["values", one.name], { body: { value } });
    say(`${one.name} is set; what runs from now on sees it`);
    onClose();
    done();
  };
  return html`<${Sheet} title=${`Set ${one.name}`} narrow onClose=${onClose} footer=${html`<button class="button" onClick=${onClose}>Cancel</button><${Action} class="primary" run=${save} disabled=${value === ""}>Save<//>`}>
    <label class="labelled">New value<input class="field" type=${one.kind === "secret" ? "password" : "text"} autocomplete="off" value=${value} onInput=${(/** @type {any} */ event) => setValue(event.target.value)} /></label><//>`;
}
