/** Buckets: browsed by prefix, looked into as text, filled and emptied. */
import { Action, Danger } from "../components/buttons.js";
import { Icon } from "../components/icon.js";
import { Swatch } from "../components/marks.js";
import { Sheet } from "../components/sheet.js";
import { Blocks, Failure, Loaded, Missing, Nothing } from "../components/states.js";
import { get, request } from "../library/api.js";
import { useData } from "../library/data.js";
import { bytes, count, moment } from "../library/format.js";
import { json, laidOut } from "../library/highlight.js";
import { html, useEffect, useRef, useState } from "../library/html.js";
import { go, link } from "../library/routing.js";
import { say, sayProblem } from "../library/session.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export function BucketsPage({ route }) {
  const loaded = useData(["buckets"], {}, ["invocation"]);
  const items = loaded.data?.items ?? [];
  const named = route.path[1];
  const one = named ? items.find((/** @type {any} */ item) => item.name === named) : items[0];
  return html`<div class="page"><div class="page-head"><div><h1>Buckets</h1><p>Files that the app has stored on this machine</p></div></div>
    <${Loaded} loaded=${loaded}>${() => items.length
      ? html`<div class="columns"><section class="card choices" aria-label="Buckets" tabindex="0">${items.map((/** @type {any} */ item) => html`<a class="choice" key=${item.name} href=${link(["buckets", item.name])} aria-current=${item === one ? "true" : null}><${Swatch} service=${item.service} /><span class="mono cut">${item.name}</span><span class="count">${count(item.count)}, ${bytes(item.bytes)}</span></a>`)}</section>
        ${one ? html`<${Bucket} key=${one.name} one=${one} prefix=${route.query.prefix ?? ""} changed=${loaded.refresh} />` : html`<${Missing} what="bucket" name=${named} />`}</div>`
      : html`<section class="card"><${Nothing} snippet='files = app.bucket("files")'>No buckets yet.<//></section>`}<//></div>`;
}

/** @param {File} file @returns {Promise<string>} base64 */
function encoded(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** @param {{ one: any, prefix: string, changed: () => void }} props */
function Bucket({ one, prefix, changed }) {
  const loaded = useData(["buckets", one.name, "objects"], { prefix, limit: 100 }, ["invocation"]);
  const [more, setMore] = useState(/** @type {any} */ ({ items: [], prefixes: [], next: undefined }));
  const [opened, setOpened] = useState("");
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  useEffect(() => setMore({ items: [], prefixes: [], next: undefined }), [loaded.data]);
  const objects = [...(loaded.data?.items ?? []), ...more.items];
  const folders = [...new Set([...(loaded.data?.prefixes ?? []), ...more.prefixes])];
  const next = more.next === undefined ? loaded.data?.next : more.next;
  const load = () => get(["buckets", one.name, "objects"], { prefix, limit: 100, cursor: next }).then((page) => setMore({ items: [...more.items, ...page.items], prefixes: [...more.prefixes, ...page.prefixes], next: page.next }), sayProblem);
  const done = (/** @type {string} */ said) => {
    say(said);
    loaded.refresh();
    changed();
  };
  const upload = async () => {
    const files = [...(input.current?.files ?? [])];
    try {
      for (const file of files) {
        await request("PUT", ["buckets", one.name, "object"], { query: { key: prefix + file.name }, body: { body: await encoded(file), encoding: "base64", content_type: file.type || "application/octet-stream" } });
      }
      done(files.length === 1 ? `Uploaded ${files[0].name}` : `Uploaded ${files.length} files`);
    } catch (error) {
      sayProblem(error);
    }
    if (input.current) input.current.value = "";
  };
  const remove = async (/** @type {string} */ key) => {
    await request("DELETE", ["buckets", one.name, "object"], { query: { key } });
    done(`Deleted ${key}`);
  };
  const parts = prefix.split("/").filter(Boolean);
  return html`<section class="card"><header class="wraps"><h2 class="cut big"><a class="link" href=${link(["buckets", one.name])}>${one.name}</a>${parts.map((part, index) => html` / <a class="link" href=${link(["buckets", one.name], { prefix: `${parts.slice(0, index + 1).join("/")}/` })}>${part}</a>`)}</h2><span class="grow"></span>
      <input type="file" multiple class="unseen" ref=${input} tabindex="-1" aria-label="Files to upload" onChange=${upload} /><${Action} class="primary small" run=${() => input.current?.click()}>Upload here<//></header>
    <div class="body row"><input class="field grow" data-filter aria-label="Prefix" placeholder="Prefix" value=${prefix} onChange=${(/** @type {any} */ event) => go(["buckets", one.name], { prefix: event.target.value }, true)} /></div>
    ${loaded.error && html`<div class="body"><${Failure} error=${loaded.error} retry=${loaded.refresh} /></div>`}
    ${!loaded.data && loaded.isSlow && html`<${Blocks} />`}
    ${loaded.data && !objects.length && !folders.length && html`<${Nothing}>${prefix ? `Nothing begins with ${prefix}.` : "The bucket is empty. Upload a file, or let the app write one."}<//>`}
    ${(objects.length > 0 || folders.length > 0) && html`<div class="scrolls" tabindex="0" role="region" aria-label="Objects"><table class="rows"><thead><tr><th>Key</th><th class="right">Size</th><th>Changed</th><th><span class="unseen">Actions</span></th></tr></thead><tbody>
      ${folders.map((folder) => html`<tr key=${folder}><td><a class="table-link mono" href=${link(["buckets", one.name], { prefix: folder })}>${folder.slice(prefix.length)}</a></td><td></td><td></td><td></td></tr>`)}
      ${objects.map((object) => html`<tr key=${object.key}><td class="fits"><button class="table-link mono" title=${object.key} onClick=${() => setOpened(object.key)}><${Icon} name="file" small /><span class="cut">${object.key.slice(prefix.length)}</span></button></td><td class="right number">${bytes(object.size)}</td><td class="number second">${moment(object.modified_at)}</td>
        <td class="right"><${Danger} small ask="Delete for good?" run=${() => remove(object.key)}>Delete<//></td></tr>`)}</tbody></table></div>`}
    ${next && html`<p class="more-line"><button class="button" onClick=${load}>Show more</button></p>`}
    ${opened && html`<${ObjectSheet} bucket=${one.name} name=${opened} onClose=${() => setOpened("")} />`}</section>`;
}

/** @param {{ bucket: string, name: string, onClose: () => void }} props */
function ObjectSheet({ bucket, name, onClose }) {
  const loaded = useData(["buckets", bucket, "object"], { key: name });
  return html`<${Sheet} title=${name} onClose=${onClose}><${Loaded} loaded=${loaded}>${(/** @type {any} */ object) => html`
    <dl class="facts"><div><dt>Size</dt><dd>${bytes(object.size)}</dd></div><div><dt>Type</dt><dd>${object.content_type}</dd></div><div><dt>Changed</dt><dd>${moment(object.modified_at)}</dd></div>
      ${Object.entries(object.metadata ?? {}).map(([key, value]) => html`<div><dt>${key}</dt><dd>${String(value)}</dd></div>`)}</dl>
    ${object.is_cut && html`<p class="third">The first part of ${bytes(object.size)}.</p>`}${object.encoding === "base64" && html`<p class="third">It is not text; this is its base64.</p>`}
    <pre class=${`code tall snippet-block ${object.encoding === "base64" ? "wrap" : ""}`} tabindex="0" aria-label="Content">${laidOut(object.body) && object.encoding === "text" ? json(laidOut(object.body) ?? "") : object.body}</pre>`}<//><//>`;
}
