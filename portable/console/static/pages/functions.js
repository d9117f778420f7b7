/** Functions: what starts each, its limits, what it may do, how it fares, and a form to run it. */
import { Action } from "../components/buttons.js";
import { FilterField } from "../components/filter_field.js";
import { KINDS, ResultChip, Swatch, Verb } from "../components/marks.js";
import { SchemaForm } from "../components/schema_form.js";
import { Loaded, Missing, Nothing } from "../components/states.js";
import { copy } from "../components/copy_button.js";
import { post } from "../library/api.js";
import { useData } from "../library/data.js";
import { ago, bytes, count, duration, fileName, share } from "../library/format.js";
import { json } from "../library/highlight.js";
import { html, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { go, link } from "../library/routing.js";
import { firstPayload } from "../library/schema.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export function FunctionsPage({ route }) {
  const loaded = useData(["functions"], {}, ["invocation", "mark"]);
  const filter = route.query.filter ?? "";
  const items = (loaded.data?.items ?? []).filter((/** @type {any} */ one) => `${one.handler} ${one.trigger} ${one.kind}`.toLowerCase().includes(filter.toLowerCase()));
  const named = route.path[1];
  const one = items.find((/** @type {any} */ item) => item.handler === named) ?? (named && !filter ? null : items[0]);
  const move = (/** @type {number} */ by) => {
    const next = items[Math.min(items.length - 1, Math.max(0, items.indexOf(one) + by))];
    if (next) go(["functions", next.handler], { filter }, true);
  };
  useShortcut("j", () => move(1));
  useShortcut("k", () => move(-1));
  return html`<div class="page"><div class="page-head"><div><h1>Functions</h1><p>What was seen of each in the last 24 hours</p></div></div>
    <${Loaded} loaded=${loaded}>${(/** @type {any} */ data) => data.items.length
      ? html`<div class="columns"><div class="stack"><${FilterField} value=${filter} withTokens=${false} onChange=${(/** @type {string} */ value) => go(["functions"], { filter: value }, true)} label="Filter functions" placeholder="Filter" />
        <section class="card choices" aria-label="Functions" tabindex="0">${items.map((/** @type {any} */ item) => html`<a class="choice" key=${item.handler} href=${link(["functions", item.handler], { filter })} aria-current=${item === one ? "true" : null}>
          <${Swatch} service=${item.service} /><span class="mono cut" title=${item.handler}>${item.handler}</span><span class=${`count ${item.failed ? "bad" : ""}`}>${item.all ? count(item.all) : "–"}${item.failed ? `, ${count(item.failed)} failed` : ""}</span></a>`)}
          ${!items.length && html`<${Nothing} action=${html`<button class="button" onClick=${() => go(["functions"], {}, true)}>Clear filter</button>`}>No function matches.<//>`}</section></div>
        ${one ? html`<${FunctionDetail} key=${one.handler} one=${one} />` : named && !filter ? html`<${Missing} what="function" name=${named} />` : html`<div></div>`}</div>`
      : html`<section class="card"><${Nothing} snippet=${'@app.get("/")\ndef hello() -> str:\n    return "hello"'}>No functions yet.<//></section>`}<//></div>`;
}

/** @param {{ one: any }} props */
function FunctionDetail({ one }) {
  const place = `${fileName(one.file)}:${one.line}`;
  return html`<div class="stack"><section class="card"><header class="wraps"><h2 class="big cut" title=${one.handler}>${one.handler}</h2><${Verb} verb=${KINDS[one.kind] ?? one.kind} />
      <span class="grow"></span><button class="button small" onClick=${() => copy(`${one.file}:${one.line}`, `Copied ${place}`)}>Copy ${place}</button>
      <a class="button small" href=${link(["logs"], { handler: one.handler })}>Logs</a><a class="button small" href=${link(["invocations"], { filter: `fn:${one.handler}` })}>Invocations</a></header>
    <div class="body"><dl class="pairs"><dt>Started by</dt><dd class="mono">${one.trigger}</dd><dt>Service</dt><dd><span class="row"><${Swatch} service=${one.service} />${one.service}</span></dd>
      <dt>Timeout</dt><dd class="number">${duration(one.timeout)}</dd><dt>Memory</dt><dd class="number">${count(one.memory)} MB</dd>
      ${one.kind !== "http" && html`<dt>Attempts</dt><dd class="number">${one.max_attempts}</dd>`}
      <dt>Last run</dt><dd class="number">${ago(one.last_at)}</dd><dt>Runs</dt><dd class="number">${count(one.all)}${one.all ? html`, <span class=${one.failed ? "bad" : ""}>${count(one.failed)} failed (${share(one.failed, one.all)})</span>, p95 ${duration(one.p95)}` : ""}</dd>
      ${(one.request_bytes !== null || one.response_bytes !== null) && html`<dt>Sizes</dt><dd class="number">${[["given", one.request_bytes], ["answered", one.response_bytes]].filter(([, size]) => size !== null).map(([what, size]) => `${what} ${bytes(size)} at most`).join(", ")}</dd>`}</dl></div></section>
    <section class="card"><header><h2>May do</h2><span class="more hint">derived from the code</span></header>${one.grants.length
      ? html`<div class="scrolls" tabindex="0" role="region" aria-label="Grants"><table class="rows"><thead><tr><th>Resource</th><th>Verb</th><th>Because of</th></tr></thead><tbody>${one.grants.map((/** @type {any} */ grant) => html`<tr><td class="mono">${grant.resource}</td><td class="mono">${grant.verb}</td><td class="second long">${grant.locations.length ? grant.locations.map((/** @type {any} */ at, /** @type {number} */ index) => html`${index ? ", " : ""}<button class="link mono" onClick=${() => copy(`${at.file}:${at.line}`, `Copied ${fileName(at.file)}:${at.line}`)} title=${`${at.file}:${at.line}`}>${fileName(at.file)}:${at.line}</button>`) : "what declares it"}${grant.how === "exact" ? "" : html` <span class="third">${grant.how}</span>`}</td></tr>`)}</tbody></table></div>`
      : html`<div class="body third">Nothing: it uses no table, bucket, topic, task, secret or parameter.</div>`}</section>
    ${one.kind === "http" ? html`<section class="card"><header><h2>Call it</h2></header><div class="body row"><span class="second">It answers HTTP.</span><a class="link tall-link" href=${link(["api"], { filter: one.trigger.split(" ").pop() ?? "" })}>Send a request in the API explorer</a></div></section>` : html`<${Invoke} one=${one} />`}
  </div>`;
}

/** @param {{ one: any }} props */
function Invoke({ one }) {
  const [value, setValue] = useState(() => (one.schema ? firstPayload(one.schema, one.example) : one.example));
  const [isBroken, setBroken] = useState(false);
  const [result, setResult] = useState(/** @type {any} */ (null));
  const run = async () => setResult(await post(["functions", one.handler, "invoke"], { payload: value }));
  return html`<section class="card"><header><h2>Run it once, now</h2><span class="more"><${Action} class="small primary" run=${run} disabled=${isBroken}>Run<//></span></header>
    <div class="body"><${SchemaForm} schema=${one.schema} value=${value} onChange=${setValue} onBroken=${setBroken} />
      ${isBroken && html`<p class="bad">This is not JSON yet.</p>`}
      ${result && html`<div class="stack outcome" aria-live="polite"><span class="row"><${ResultChip} outcome=${result.outcome} />${result.error && html`<span class="bad">${result.error}</span>`}${result.invocation && html`<a class="link" href=${link(["invocations", result.invocation])}>Open the invocation</a>`}</span>
        ${result.result !== null && html`<pre class="code wrap">${json(JSON.stringify(result.result, null, 2))}</pre>`}</div>`}</div></section>`;
}
