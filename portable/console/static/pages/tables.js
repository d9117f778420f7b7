/** Tables: their items by key, changed and deleted only if nobody else did meanwhile. */
import { Action, Danger } from "../components/buttons.js";
import { Select } from "../components/select.js";
import { Sheet } from "../components/sheet.js";
import { Swatch } from "../components/marks.js";
import { Blocks, Failure, Loaded, Missing, Nothing } from "../components/states.js";
import { get, request } from "../library/api.js";
import { useData, useWidth } from "../library/data.js";
import { count, counted } from "../library/format.js";
import { laidOut } from "../library/highlight.js";
import { html, useEffect, useState } from "../library/html.js";
import { go, link } from "../library/routing.js";
import { firstValue } from "../library/schema.js";
import { say, sayProblem } from "../library/session.js";
import { plain, tagged } from "../library/tagged.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export function TablesPage({ route }) {
  const loaded = useData(["tables"], {}, ["invocation"]);
  const items = loaded.data?.items ?? [];
  const named = route.path[1];
  const one = named ? items.find((/** @type {any} */ item) => item.name === named) : items[0];
  return html`<div class="page"><div class="page-head"><div><h1>Tables</h1><p>What the app has stored on this machine</p></div></div>
    <${Loaded} loaded=${loaded}>${() => items.length
      ? html`<div class="columns"><section class="card choices" aria-label="Tables" tabindex="0">${items.map((/** @type {any} */ item) => html`<a class="choice" key=${item.name} href=${link(["tables", item.name])} aria-current=${item === one ? "true" : null}><${Swatch} service=${item.service} /><span class="mono cut" title=${item.name}>${item.name}</span><span class="count">${count(item.count)}</span></a>`)}</section>
        ${one ? html`<${Table} key=${one.name} one=${one} query=${route.query} changed=${loaded.refresh} />` : html`<${Missing} what="table" name=${named} />`}</div>`
      : html`<section class="card"><${Nothing} snippet='notes = app.table("notes", Note, key=("owner", "id"))'>No tables yet.<//></section>`}<//></div>`;
}

/** @param {{ one: any, query: Record<string, string>, changed: () => void }} props */
function Table({ one, query, changed }) {
  const { pk = "", index = "" } = query;
  const [typed, setTyped] = useState(pk);
  const [edited, setEdited] = useState(/** @type {any} */ (null));
  const asked = { pk, index: pk ? index : "", limit: 50 };
  const loaded = useData(["tables", one.name, "items"], asked);
  const [more, setMore] = useState(/** @type {any} */ ({ items: [], next: undefined }));
  useEffect(() => setMore({ items: [], next: undefined }), [loaded.data]);
  const rows = [...(loaded.data?.items ?? []), ...more.items];
  const next = more.next === undefined ? loaded.data?.next : more.next;
  const fields = index && pk ? one.indexes.find((/** @type {any} */ each) => each.name === index)?.fields ?? one.key : one.key;
  const search = (/** @type {string} */ text) => go(["tables", one.name], { pk: text, index }, true);
  const load = () => get(["tables", one.name, "items"], { ...asked, cursor: next }).then((page) => setMore({ items: [...more.items, ...page.items], next: page.next }), sayProblem);
  const done = (/** @type {string} */ said) => {
    say(said);
    setEdited(null);
    loaded.refresh();
    changed();
  };
  const [room, width] = useWidth();
  const fieldsOfAll = [...new Set([...one.key, ...rows.flatMap((row) => Object.keys(row.item))])];
  const columns = fieldsOfAll.slice(0, Math.max(one.key.length, Math.floor((width - ACTIONS) / COLUMN)));
  const unseen = fieldsOfAll.slice(columns.length);
  const remove = async (/** @type {any} */ row) => {
    await request("DELETE", ["tables", one.name, "items"], { body: { pk: row.pk, sk: row.sk, version: row.version } });
    done("Deleted 1 item");
  };
  return html`<section class="card" ref=${room}><header class="wraps"><h2 class="big cut">${one.name}</h2><span class="third cut">${one.model ?? ""} by ${one.key.join(", ")}${one.ttl ? `, expires by ${one.ttl}` : ""}</span><span class="grow"></span>
      <${Action} class="primary small" run=${() => setEdited({ item: one.schema ? firstValue(one.schema, one.schema) : Object.fromEntries(one.key.map((/** @type {string} */ name) => [name, ""])), version: null })}>Add an item<//></header>
    <div class="body row wrap"><input class="field" data-filter aria-label=${`Value of ${fields[0]}`} placeholder=${`${fields[0]} is …`} value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} onKeyDown=${(/** @type {any} */ event) => event.key === "Enter" && search(typed)} />
      ${one.indexes.length > 0 && html`<${Select} label="Index" value=${index} options=${[["", "By the key"], ...one.indexes.map((/** @type {any} */ each) => [each.name, `By ${each.fields.join(", ")}`])]} onChange=${(/** @type {string} */ value) => go(["tables", one.name], { pk, index: value }, true)} />`}
      <button class="button" onClick=${() => search(typed)}>Query</button>${pk && html`<button class="button" onClick=${() => { setTyped(""); search(""); }}>Show all</button>`}</div>
    ${loaded.error && html`<div class="body"><${Failure} error=${loaded.error} retry=${loaded.refresh} /></div>`}
    ${!loaded.data && loaded.isSlow && html`<${Blocks} />`}
    ${loaded.data && !rows.length && !loaded.error && (pk ? html`<${Nothing}>No item whose ${fields[0]} is ${pk}.<//>` : html`<${Nothing}>The table is empty.<//>`)}
    ${rows.length > 0 && html`<div class="scrolls" tabindex="0" role="region" aria-label="Items"><table class="rows items"><thead><tr>${columns.map((name) => html`<th class="cut" title=${name}>${name}</th>`)}<th class="actions"><span class="unseen">Actions</span></th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${`${row.pk} ${row.sk}`}>${columns.map((name) => html`<td class=${`mono cell ${one.key.includes(name) ? "" : "second"}`} title=${cell(row.item[name])}>${cell(row.item[name])}</td>`)}
        <td class="right"><span class="row end"><button class="button small" aria-label=${`Edit ${row.pk} ${row.sk}`} onClick=${() => setEdited(row)}>Edit</button><${Danger} small ask="Delete for good?" run=${() => remove(row)}>Delete<//></span></td></tr>`)}</tbody></table></div>
      ${unseen.length > 0 && html`<p class="quiet">${unseen.length === 1 ? "One more field" : `${unseen.length} more fields`}, for which there is no room here, when edited: <span class="mono">${unseen.join(", ")}</span></p>`}`}
    ${next && html`<p class="more-line"><button class="button" onClick=${load}>Show more</button><span class="third number">${counted(rows.length, "item")} so far</span></p>`}
    ${edited && html`<${ItemSheet} table=${one} row=${edited} onClose=${() => setEdited(null)} done=${done} />`}</section>`;
}

// In pixels: what the buttons of a row take, and what a field needs to be read.
const [ACTIONS, COLUMN] = [180, 120];

/** @param {any} given */
function cell(given) {
  const value = plain(given);
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {{ table: any, row: any, onClose: () => void, done: (said: string) => void }} props */
function ItemSheet({ table, row, onClose, done }) {
  const [text, setText] = useState(JSON.stringify(plain(row.item), null, 2));
  const isBroken = laidOut(text) === null;
  const save = async () => {
    await request("PUT", ["tables", table.name, "items"], { body: { item: tagged(JSON.parse(text), row.item), ...(row.version ? { version: row.version } : {}) } });
    done(row.version ? "Saved" : "Added 1 item");
  };
  return html`<${Sheet} title=${row.version ? `Edit an item of ${table.name}` : `Add an item to ${table.name}`} onClose=${onClose} footer=${html`${isBroken && html`<span class="bad grow">This is not JSON yet.</span>`}<button class="button" onClick=${onClose}>Cancel</button><${Action} class="primary" run=${save} disabled=${isBroken}>Save<//>`}>
    <label class="labelled"><span>Item as JSON <span class="hint">key: ${table.key.join(", ")}</span></span><textarea class="field" rows="16" spellcheck="false" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea></label><//>`;
}
