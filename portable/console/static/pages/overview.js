/** The first page: is it well, what failed, what happened last, what comes next. */
import { BarChart, intervalName, intervalOf } from "../components/bar_chart.js";
import { Action } from "../components/buttons.js";
import { ImportError } from "../components/import_error.js";
import { Select } from "../components/select.js";
import { Sparkline } from "../components/sparkline.js";
import { Blocks, Failure, Nothing } from "../components/states.js";
import { Swatch } from "../components/marks.js";
import { TransactionTable } from "../components/transaction_table.js";
import { post } from "../library/api.js";
import { useData, useSeconds } from "../library/data.js";
import { count, counted, duration, durationParts, money, share, signed, span, until } from "../library/format.js";
import { html } from "../library/html.js";
import { go, link } from "../library/routing.js";
import { RANGES, say, serviceColour, session } from "../library/session.js";

/** @type {Record<string, string>} */
const BEFORE = { "15m": "15 min", "1h": "hour", "6h": "6 h", "24h": "24 h", "7d": "7 days" };

/** @param {{ route: import("../library/routing.js").Route }} props */
export function OverviewPage({ route }) {
  const { status, range } = session.use();
  const { service = "", outcome = "" } = route.query;
  const loaded = useData(["overview"], { last: RANGES[range], service, outcome }, ["invocation", "mark"]);
  const { data } = loaded;
  const filter = (/** @type {Record<string, string>} */ change) => go(["overview"], { service, outcome, ...change }, true);
  const services = (status?.services ?? []).map((/** @type {any} */ one) => [one.name, one.name]);
  return html`<div class="page">
    <div class="page-head"><div><h1>Overview</h1><p class="number">${data ? `${span(data.from, data.to)}, ${service || "all services"}${data.totals.unkept ? `; ${count(data.totals.unkept)} came too fast to be recorded: they are counted, and in no duration` : ""}` : " "}</p></div>
      <div class="actions">
        <${Select} label="Service" value=${service} options=${[["", "All services"], ...services]} onChange=${(/** @type {string} */ value) => filter({ service: value })} />
        <${Select} label="Result" value=${outcome} options=${[["", "All results"], ["succeeded", "Succeeded"], ["failed", "Failed"]]} onChange=${(/** @type {string} */ value) => filter({ outcome: value })} />
      </div></div>
    ${status?.import_error && html`<${ImportError} error=${status.import_error} />`}
    ${loaded.error && html`<${Failure} error=${loaded.error} retry=${loaded.refresh} />`}
    ${data ? html`<${Content} data=${data} range=${range} />` : loaded.isSlow && html`<div class="card"><${Blocks} rows=${12} height=${24} /></div>`}
  </div>`;
}

/** @param {{ data: any, range: string }} props */
function Content({ data, range }) {
  return html`<${Figures} data=${data} before=${BEFORE[range]} />
    <div class="overview-grid">
      <section class="card chart-card"><${BarChart} series=${data.series} marks=${data.marks} title=${`Invocations per ${intervalName(intervalOf(data.series))}`} /></section>
      <section class="card"><header><h2>Most failed functions</h2><a class="more link" href=${link(["issues"])}>Issues</a></header><${MostFailed} rows=${data.most_failed} /></section>
      <section class="card"><header><h2>Most invoked functions</h2><a class="more link" href=${link(["functions"])}>Functions</a></header><${MostInvoked} rows=${data.most_invoked} /></section>
    </div>
    <section class="card transactions"><header><h2>Transactions</h2><span class="third cut">newest first, one row per entry point with everything it set off</span><a class="more link" href=${link(["traces"])}>All transactions</a></header>
      ${data.transactions.length ? html`<${TransactionTable} transactions=${data.transactions} />` : html`<${Nothing}>Nothing has run in this span of time. <a class="link" href=${link(["api"])}>Send a request</a>, or <a class="link" href=${link(["schedules"])}>run a schedule now</a>.<//>`}
    </section>
    <section class="card"><header><h2>Next scheduled runs</h2><a class="more link" href=${link(["schedules"])}>Schedules</a></header><${NextRuns} schedules=${data.schedules} /></section>`;
}

/** @param {{ data: any, before: string }} props */
function Figures({ data, before }) {
  const { totals, before: past, sparks } = data;
  const rate = (/** @type {any} */ one) => (one.invocations ? one.failed / one.invocations : 0);
  const points = (rate(totals) - rate(past)) * 100;
  const [p95, unit] = durationParts(totals.p95);
  const growth = past.invocations ? ((totals.invocations - past.invocations) / past.invocations) * 100 : null;
  const slower = totals.p95 !== null && past.p95 !== null && past.p95 !== undefined ? totals.p95 - past.p95 : null;
  const on = `on the ${before} before`;
  return html`<section class="card figures" aria-label="Key figures">
    <${Figure} label="Invocations" value=${count(totals.invocations)} values=${sparks.invocations} colour="--c-ok">${growth === null ? `none in the ${before} before` : html`<b>${signed(growth, (value) => `${value.toFixed(1)}%`)}</b> ${on}`}<//>
    <${Figure} label="Failed" value=${count(totals.failed)} unit=${share(totals.failed, totals.invocations)} values=${sparks.failed} colour="--c-err">${past.invocations ? html`<b class=${points > 0.005 ? "bad" : points < -0.005 ? "good" : ""}>${signed(points, (value) => `${value.toFixed(2)} pt`)}</b> ${on}` : `nothing ran in the ${before} before`}<//>
    <${Figure} label="API duration, p95" value=${p95} unit=${unit} values=${sparks.p95} colour="--s7">${slower === null ? (totals.p50 === null ? "nothing has run" : `median ${duration(totals.p50)}`) : html`<b class=${slower > 0 ? "bad" : "good"}>${signed(slower, duration)}</b> ${on}`}<//>
    <${Figure} label="Cold starts" value=${count(totals.cold)} unit=${share(totals.cold, totals.invocations)} values=${sparks.cold} colour="--s7">${totals.cold_median ? `median ${duration(totals.cold_median)}` : "first call of a process"}<//>
    <${Figure} label="Estimated cost per month" value=${money(data.month?.usd ?? null)} values=${sparks.cost} colour="--s7">${data.month ? html`<a class="link" href=${link(["cost"])}>at the traffic of ${duration(data.month.hours * 3600)}</a>` : "nothing has run"}<//>
  </section>`;
}

/** @param {any} props */
const Figure = ({ label, value, unit, values, colour, children }) => html`<div class="figure">
  <div class="label">${label}</div><div class="value">${value}${unit && html`<small>${unit}</small>`}</div>
  <${Sparkline} values=${values} colour=${colour} /><div class="change">${children}</div></div>`;

/** @param {{ rows: any[] }} props */
function MostFailed({ rows }) {
  if (!rows.length) return html`<${Nothing}>Nothing failed in this span of time.<//>`;
  const most = Math.max(...rows.map((one) => one.failed));
  return html`<div class="ranks">${rows.slice(0, 5).map((one) => html`<a class="rank" href=${link(["invocations"], { filter: `fn:${one.handler} outcome:failed` })}>
    <div><span class="name mono cut">${one.handler || "no handler"}</span><span class=${`share ${one.failed / one.all > 0.03 ? "bad" : ""}`}>${share(one.failed, one.all, 1)}</span></div>
    <div><span class="bar"><i style=${{ width: `${Math.max(2, (one.failed / most) * 100)}%`, background: "var(--c-err)" }}></i></span><span class="of">${count(one.failed)} of ${count(one.all)}</span></div></a>`)}</div>`;
}

/** @param {{ rows: any[] }} props */
function MostInvoked({ rows }) {
  if (!rows.length) return html`<${Nothing}>Nothing has run in this span of time.<//>`;
  const most = Math.max(...rows.map((one) => one.all));
  return html`<div class="ranks">${rows.slice(0, 5).map((one) => html`<a class="rank" href=${link(["invocations"], { filter: `fn:${one.handler}` })}>
    <div><${Swatch} service=${one.service} /><span class="name mono cut">${one.handler || "no handler"}</span><span class="share">${count(one.all)}</span></div>
    <div><span class="bar"><i style=${{ width: `${Math.max(2, (one.all / most) * 100)}%`, background: serviceColour(one.service) }}></i></span><span class="of">p95 ${duration(one.p95)}</span></div></a>`)}</div>`;
}

/** @param {{ schedules: any[] }} props */
function NextRuns({ schedules }) {
  const now = useSeconds();
  if (!schedules.length) return html`<${Nothing} snippet="@app.every(minutes=15)">No schedules yet.<//>`;
  const run = async (/** @type {string} */ handler) => {
    await post(["schedules", handler, "run"]);
    say(`${handler} runs now`);
  };
  return html`<div class="next-runs">${schedules.slice(0, 4).map((one) => html`<div class="next-run" key=${one.handler}>
    <span class="mono cut" title=${one.handler}>${one.handler}</span><span class="when number cut">${one.text}${one.next ? `, ${until(one.next, now)}` : ", paused"}</span>
    <${Action} class="small" label=${`Run now: ${one.handler}`} run=${() => run(one.handler)}>Run now<//></div>`)}</div>
    ${schedules.length > 4 && html`<p class="unseen">${counted(schedules.length - 4, "more schedule")}</p>`}`;
}
