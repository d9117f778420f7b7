/** The app's own API, from its OpenAPI document: what there is, and a form to send a request. */
import { Action } from "../components/buttons.js";
import { CopyButton } from "../components/copy_button.js";
import { FilterField } from "../components/filter_field.js";
import { given, HeaderFields } from "../components/header_fields.js";
import { ResultChip, Verb } from "../components/marks.js";
import { Prose } from "../components/prose.js";
import { Loaded, Missing, Nothing } from "../components/states.js";
import { post } from "../library/api.js";
import { useData } from "../library/data.js";
import { laidOut } from "../library/highlight.js";
import { html, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { go, link } from "../library/routing.js";
import { firstValue, resolved } from "../library/schema.js";
import { session } from "../library/session.js";
import { PayloadCard } from "../components/payload.js";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

/** @param {any} openapi */
export function operationsOf(openapi) {
  return Object.entries(openapi.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => resolved(one, openapi));
      return { id: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, operation, parameters };
    }),
  );
}

/** @param {{ route: import("../library/routing.js").Route }} props */
export function ApiPage({ route }) {
  const loaded = useData(["openapi"], {}, ["mark"]);
  const filter = route.query.filter ?? "";
  const all = loaded.data ? operationsOf(loaded.data) : [];
  const items = all.filter((one) => `${one.id} ${one.operation.summary ?? ""} ${one.operation.operationId ?? ""}`.toLowerCase().includes(filter.toLowerCase()));
  const named = route.path[1];
  const one = items.find((item) => item.id === named) ?? (named && !filter ? null : items[0]);
  const move = (/** @type {number} */ by) => {
    const next = items[Math.min(items.length - 1, Math.max(0, items.findIndex((item) => item === one) + by))];
    if (next) go(["api", next.id], { filter }, true);
  };
  useShortcut("j", () => move(1));
  useShortcut("k", () => move(-1));
  return html`<div class="page"><div class="page-head"><div><h1>API</h1><p>${loaded.data ? `${loaded.data.info?.title ?? ""} ${loaded.data.info?.version ?? ""}` : " "}</p></div></div>
    <${Loaded} loaded=${loaded}>${() => all.length
      ? html`<div class="columns"><div class="stack"><${FilterField} value=${filter} withTokens=${false} onChange=${(/** @type {string} */ value) => go(["api"], { filter: value }, true)} label="Filter operations" placeholder="Filter" />
        <section class="card choices" aria-label="Operations" tabindex="0">${items.map((item) => html`<a class="choice" key=${item.id} href=${link(["api", item.id], { filter })} aria-current=${item === one ? "true" : null}><${Verb} verb=${item.method} /><span class="mono cut" title=${item.path}>${item.path}</span></a>`)}
          ${!items.length && html`<${Nothing} action=${html`<button class="button" onClick=${() => go(["api"], {}, true)}>Clear filter</button>`}>No operation matches.<//>`}</section></div>
        ${one ? html`<${Operation} key=${one.id} one=${one} openapi=${loaded.data} />` : named && !filter ? html`<${Missing} what="operation" name=${named} />` : html`<div></div>`}</div>`
      : html`<section class="card"><${Nothing} snippet=${'@app.get("/notes/{id}")'}>No routes yet.<//></section>`}<//></div>`;
}

/** Words of a shell, quoted. @param {string} word */
const quoted = (word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** @param {{ one: any, openapi: any }} props */
function Operation({ one, openapi }) {
  const media = one.operation.requestBody ? resolved(one.operation.requestBody, openapi).content ?? {} : {};
  const type = Object.keys(media).find((key) => key.includes("json")) ?? Object.keys(media)[0] ?? "";
  const bodySchema = media[type]?.schema;
  const example = media[type]?.example ?? Object.values(media[type]?.examples ?? {})[0]?.value;
  const [values, setValues] = useState(() => Object.fromEntries(one.parameters.map((/** @type {any} */ parameter) => [`${parameter.in} ${parameter.name}`, parameter.required ? String(parameter.example ?? parameter.schema?.examples?.[0] ?? "") : ""])));
  const [body, setBody] = useState(() => (bodySchema ? JSON.stringify(example ?? firstValue(bodySchema, openapi), null, 2) : ""));
  const [more, setMore] = useState(/** @type {[string, string][]} */ ([]));
  const [result, setResult] = useState(/** @type {any} */ (null));
  const { status } = session.use();
  const target = targetOf(one, values);
  const headers = one.parameters.filter((/** @type {any} */ parameter) => parameter.in === "header" && values[`header ${parameter.name}`]).map((/** @type {any} */ parameter) => [parameter.name, values[`header ${parameter.name}`]]);
  const cookies = one.parameters.filter((/** @type {any} */ parameter) => parameter.in === "cookie" && values[`cookie ${parameter.name}`]).map((/** @type {any} */ parameter) => `${parameter.name}=${values[`cookie ${parameter.name}`]}`);
  if (cookies.length) headers.push(["cookie", cookies.join("; ")]);
  headers.push(...given(more));
  if (body && type && !given(more).some(([name]) => name.toLowerCase() === "content-type")) headers.push(["content-type", type]);
  const missing = one.parameters.filter((/** @type {any} */ parameter) => parameter.required && !values[`${parameter.in} ${parameter.name}`]).map((/** @type {any} */ parameter) => parameter.name);
  const isBroken = type.includes("json") && body.trim() !== "" && laidOut(body) === null;
  const send = async () => setResult(await post(["requests"], { target: `${one.method} ${target}`, headers, body }));
  const curl = ["curl", ...(one.method === "GET" ? [] : ["-X", one.method]), ...headers.flatMap((/** @type {[string, string]} */ [name, value]) => ["-H", quoted(`${name}: ${value}`)]), ...(body ? ["-d", quoted(laidOut(body) ? JSON.stringify(JSON.parse(body)) : body)] : []), quoted(`${(status?.api_url ?? "").replace(/\/$/, "")}${target}`)].join(" ");
  return html`<div class="stack"><section class="card"><header class="wraps"><${Verb} verb=${one.method} /><h2 class="big cut" title=${one.path}>${one.path}</h2><span class="grow"></span>
      <${Action} class="primary" run=${send} disabled=${isBroken || missing.length > 0}>Send<//></header>
    <div class="body form">${(one.operation.summary || one.operation.description) && html`<p class="second"><${Prose} text=${one.operation.description ?? one.operation.summary} /></p>`}
      ${one.parameters.map((/** @type {any} */ parameter) => {
        const key = `${parameter.in} ${parameter.name}`;
        return html`<label class="labelled" key=${key}><span>${parameter.name} <span class="hint">${parameter.in}${parameter.required ? "" : ", optional"}${parameter.description && html`: <${Prose} text=${parameter.description} />`}</span></span><input class="field" value=${values[key]} onInput=${(/** @type {any} */ event) => setValues({ ...values, [key]: event.target.value })} /></label>`;
      })}
      <${HeaderFields} headers=${more} change=${setMore} />
      ${type && html`<label class="labelled">Body, ${type}<textarea class="field" rows="8" spellcheck="false" value=${body} onInput=${(/** @type {any} */ event) => setBody(event.target.value)}></textarea></label>`}
      ${missing.length > 0 && html`<p class="third">Still needed: ${missing.join(", ")}</p>`}${isBroken && html`<p class="bad">The body is not JSON yet.</p>`}
      <div class="snippet"><code class="grow" tabindex="0">${curl}</code><${CopyButton} text=${curl} label="Copy the curl line" /></div></div></section>
    ${result && html`<${Answer} key=${result.invocation} result=${result} />`}
    <section class="card"><header><h2>Answers</h2></header><div class="scrolls" tabindex="0" role="region" aria-label="Answers"><table class="rows"><thead><tr><th>Status</th><th>Meaning</th><th>Content</th></tr></thead>
      <tbody>${Object.entries(one.operation.responses ?? {}).map(([code, answer]) => html`<tr><td class="number">${code}</td><td class="long second"><${Prose} text=${resolved(answer, openapi).description ?? ""} /></td><td class="long mono third">${Object.keys(resolved(answer, openapi).content ?? {}).join(", ")}</td></tr>`)}</tbody></table></div></section></div>`;
}

/** @param {any} one @param {Record<string, string>} values */
function targetOf(one, values) {
  const path = one.path.replace(/\{([^}]+)\}/g, (/** @type {string} */ whole, /** @type {string} */ name) => (values[`path ${name}`] ? encodeURIComponent(values[`path ${name}`]) : whole));
  const query = new URLSearchParams(one.parameters.filter((/** @type {any} */ parameter) => parameter.in === "query" && values[`query ${parameter.name}`]).map((/** @type {any} */ parameter) => [parameter.name, values[`query ${parameter.name}`]])).toString();
  return `${path}${query ? `?${query}` : ""}`;
}

/** The answer as it was recorded. @param {{ result: any }} props */
function Answer({ result }) {
  const { data } = useData(result.invocation ? ["invocations", result.invocation] : null);
  return html`<div aria-live="polite" class="stack"><section class="card"><header><h2>Answer</h2><${ResultChip} outcome=${result.outcome} status=${data?.status} />${data?.status ? html`<span class="strong number">${data.status}</span>` : null}<span class="more">${result.invocation ? html`<a class="link" href=${link(["invocations", result.invocation])}>Open the invocation</a>` : ""}</span></header><div class="body second">${result.invocation ? "Recorded like any request: it can be replayed and saved as a test." : result.error ?? "It was sent, and is not recorded yet."}</div></section>
    ${data && html`<${PayloadCard} title="Response" payload=${data.response} />`}</div>`;
}
