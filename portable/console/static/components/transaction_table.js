/** Transactions as rows: how it ended, what set it off, when, how long in which service, what it cost. */
import { clock, duration, moment, money } from "../library/format.js";
import { html } from "../library/html.js";
import { link } from "../library/routing.js";
import { Entry, Issues, Result, Waterline } from "./marks.js";

/** @param {{ transactions: any[], current?: string }} props */
export const TransactionTable = ({ transactions, current }) => html`<div class="scrolls" tabindex="0" role="region" aria-label="Transactions"><table class="rows">
  <thead><tr><th>Result</th><th>Entry point</th><th class="of-function">Function</th><th>Start time</th><th class="right">Duration</th><th class="right" title="List price of this transaction, times one million: an estimate">Cost per 1M</th><th>Issues</th></tr></thead>
  <tbody>${transactions.map((one) => html`<tr key=${one.trace_id} class=${one.trace_id === current ? "current" : ""}>
    <td><${Result} outcome=${one.outcome} status=${one.outcome === "succeeded" || one.entry.outcome !== "succeeded" ? one.entry.status : 0} /></td>
    <td class="entry-cell"><a class="table-link entry-link" href=${link(["traces", one.trace_id])}><${Entry} kind=${one.entry.kind} name=${one.entry.name} /></a></td>
    <td class="mono second of-function">${one.entry.handler || html`<span class="third">no handler</span>`}</td>
    <td class="number second" title=${clock(one.started_at)}>${moment(one.started_at)}</td>
    <td><div class="duration"><${Waterline} transaction=${one} /><span class="number right">${duration(one.seconds)}</span></div></td>
    <td class="right number">${money(one.cost_per_million)}</td>
    <td class="issues"><${Issues} issues=${one.issues} /></td></tr>`)}</tbody></table></div>`;
