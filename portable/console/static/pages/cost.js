/** Cost: the month at the observed traffic, at each provider's list prices: always an estimate, with its arithmetic. */
import { Select } from "../components/select.js";
import { Failure, Loaded, Nothing } from "../components/states.js";
import { useData } from "../library/data.js";
import { count, counted, money } from "../library/format.js";
import { html } from "../library/html.js";
import { go, link } from "../library/routing.js";

/** @type {Record<string, string>} */
const NAMES = { aws: "AWS", gcp: "Google Cloud", azure: "Azure" };
const SPANS = [["", "All that is recorded"], ["1", "Last hour of it"], ["24", "Last day of it"], ["168", "Last week of it"]];

const plural = (/** @type {number} */ value, /** @type {string} */ what) => `${Number(value.toFixed(1))} ${what}${Number(value.toFixed(1)) === 1 ? "" : "s"}`;

/** `2 hours`, `1.5 days`. @param {number} hours */
export const howLong = (hours) => (hours < 1 / 60 ? counted(Math.max(1, Math.round(hours * 3600)), "second") : hours < 1 ? counted(Math.round(hours * 60), "minute") : hours < 48 ? plural(hours, "hour") : plural(hours / 24, "day"));

/** @param {{ route: import("../library/routing.js").Route }} props */
export function CostPage({ route }) {
  const { provider = "", hours = "" } = route.query;
  const loaded = useData(["cost"], { hours });
  const show = (/** @type {Record<string, string>} */ change) => go(["cost"], { provider, hours, ...change }, true);
  return html`<div class="page">
    <div class="page-head"><div><h1>Cost</h1><p>An estimate: a month of the traffic that was seen here, at list prices</p></div>
      <div class="actions"><${Select} label="Traffic" value=${hours} options=${SPANS} onChange=${(/** @type {string} */ value) => show({ hours: value })} /></div></div>
    ${loaded.error?.status === 404
      ? html`<section class="card"><${Nothing}>Nothing has run yet, so there is nothing to estimate from. <a class="link" href=${link(["api"])}>Send a request</a>, or <a class="link" href=${link(["schedules"])}>run a schedule now</a>.<//></section>`
      : loaded.data && loaded.error
        ? html`<${Failure} error=${loaded.error} retry=${loaded.refresh} />`
        : html`<${Loaded} loaded=${loaded} rows=${12}>${(/** @type {any} */ data) => html`<${Month} data=${data} provider=${provider} choose=${(/** @type {string} */ name) => show({ provider: name })} />`}<//>`}
  </div>`;
}

/** @param {{ data: any, provider: string, choose: (provider: string) => void }} props */
function Month({ data, provider, choose }) {
  const { targets, observed, month_hours: month } = data;
  const chosen = targets.find((/** @type {any} */ one) => one.provider === provider) ?? targets[0];
  const unsure = chosen.lines.filter((/** @type {any} */ line) => line.price?.confidence === "memory").length;
  return html`<section class="card months" aria-label="Estimated month by provider">${targets.map((/** @type {any} */ one) => html`
      <button key=${one.provider} class="month" aria-pressed=${one === chosen} onClick=${() => choose(one.provider)}>
        <span class="label">${NAMES[one.provider] ?? one.provider}</span>
        <span class="value number">${money(one.usd)}<small>a month, estimated</small></span>
        <span class="change number">${money(one.usd_without_free_tiers)} without free tiers${one.unknown.length ? `, ${counted(one.unknown.length, "line")} without a price` : ""}</span>
      </button>`)}</section>
    <section class="card"><header><h2>${NAMES[chosen.provider] ?? chosen.provider}, line by line</h2><span class="third cut">${chosen.regions.join(", ")}, list prices of ${chosen.as_of.join(" to ")}</span></header>
      <div class="scrolls" tabindex="0" role="region" aria-label="Lines of the estimate"><table class="rows cost-lines"><thead><tr><th>Service</th><th>What</th><th class="right">USD a month</th><th>Arithmetic</th><th>Price</th></tr></thead>
      <tbody>${chosen.lines.map((/** @type {any} */ line) => html`<tr key=${`${line.service} ${line.what}`}>
        <td>${line.service}</td><td class="second">${line.what}</td>
        <td class="right number">${line.usd === null ? html`<span class="care">unknown</span>` : money(line.usd)}</td>
        <td class="long"><span class="mono number">${line.arithmetic}</span><span class="third">${line.counted}: ${line.how}</span></td>
        <td class="long third number" title=${line.price?.source}>${line.price ? html`${line.price.unit.replace("USD per", `$${line.price.value} per`)}, ${line.price.as_of}${line.price.confidence === "memory" ? html` <span class="chip care">not checked</span>` : ""}` : "none known"}</td></tr>`)}
        <tr class="total"><td>Together</td><td></td><td class="right number">${money(chosen.usd)}</td><td class="long second" colspan="2">an estimate${chosen.unknown.length ? ", without the lines whose price is unknown" : ""}</td></tr></tbody></table></div></section>
    <section class="card"><header><h2>How it was worked out</h2></header><div class="body prose">
      <p><b class="number">${counted(observed.invocations, "invocation")}</b> in <b class="number">${howLong(observed.hours)}</b> were observed. A month has ${count(month)} hours, so everything is multiplied by <b class="number">${Number(observed.factor.toPrecision(4)).toLocaleString("en-US")}</b>.</p>
      <p>Free tiers are an account’s: they are taken off as if nothing else ran in it. Seconds are this machine’s; the cloud’s are others. Not in it: idle polls, cold starts, storage, tax, support.</p>
      ${unsure > 0 && html`<p>${counted(unsure, "price")} marked “not checked” ${unsure === 1 ? "was" : "were"} not compared with the provider’s page.</p>`}
      <p class="third">The same in a terminal: <code>portable cost --targets aws,gcp,azure</code></p></div></section>`;
}
