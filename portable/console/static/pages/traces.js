/** Transactions: an entry point with everything that it set off. One of them: its spans on a common axis, and its logs. */
import { FilterField } from "../components/filter_field.js";
import { LogLines } from "../components/log_lines.js";
import { ResultChip } from "../components/marks.js";
import { SpanLines, spanName } from "../components/span_lines.js";
import { Blocks, Failure, Loaded, Nothing } from "../components/states.js";
import { TransactionTable } from "../components/transaction_table.js";
import { copy } from "../components/copy_button.js";
import { useData } from "../library/data.js";
import { clock, count, counted, day, duration } from "../library/format.js";
import { parameters, size } from "../library/filters.js";
import { html, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { useLiveList } from "../library/live_list.js";
import { go, link } from "../library/routing.js";
import { RANGE_WORDS, RANGES, session } from "../library/session.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export const TracesPage = ({ route }) =>
  route.path[1] ? html`<${TracePage} key=${route.path[1]} id=${route.path[1]} />` : html`<${TraceList} filter=${route.query.filter ?? ""} />`;

/** @param {{ filter: string }} props */
function TraceList({ filter }) {
  const { range } = session.use();
  const [at, setAt] = useState(-1);
  const list = useLiveList(["traces"], { ...parameters(filter), last: RANGES[range] }, "invocation", 50);
  const items = list.items ?? [];
  const current = items[at]?.trace_id;
  useShortcut("j", () => setAt(Math.min(items.length - 1, at + 1)));
  useShortcut("k", () => setAt(Math.max(0, at - 1)));
  useShortcut("Enter", current ? () => go(["traces", current]) : null);
  const filters = size(filter);
  return html`<div class="page">
    <div class="page-head"><div><h1>Traces</h1><p>One row per entry point with everything it set off, newest first</p></div></div>
    <div class="filter-line"><${FilterField} value=${filter} onChange=${(/** @type {string} */ value) => go(["traces"], { filter: value }, true)} label="Filter traces" placeholder="fn:name  service:name  outcome:failed  text" /></div>
    <section class="card">${
      list.error && !list.items
        ? html`<div class="body"><${Failure} error=${list.error} retry=${list.refresh} /></div>`
        : list.items === null
          ? list.isSlow && html`<${Blocks} />`
          : items.length
            ? html`<${TransactionTable} transactions=${items} current=${current} />`
            : filters
              ? html`<${Nothing} action=${html`<button class="button" onClick=${() => go(["traces"], {}, true)}>Clear filters</button>`}>No trace matches ${counted(filters, "filter")}.<//>`
              : html`<${Nothing}>Nothing has run in the last ${RANGE_WORDS[range]}. <a class="link" href=${link(["api"])}>Send a request</a>, or <a class="link" href=${link(["schedules"])}>run a schedule now</a>.<//>`
    }</section>
    ${list.hasMore && html`<p class="more-line"><button class="button" onClick=${list.more}>Show more</button><span class="third number">${count(items.length)} so far</span></p>`}
  </div>`;
}

/** @param {{ id: string }} props */
function TracePage({ id }) {
  const loaded = useData(["traces", id], {}, ["invocation", "log", "span"]);
  useShortcut("Escape", () => go(["traces"]));
  useShortcut("c", () => copy(id, "Copied the id"));
  return html`<div class="page">
    <div class="page-head"><div><h1>Trace</h1><p class="mono">${id}</p></div><div class="actions"><a class="button" href=${link(["traces"])}>All traces</a></div></div>
    <${Loaded} loaded=${loaded}>${(/** @type {any} */ trace) => html`<${Trace} trace=${trace} />`}<//></div>`;
}

/** @param {{ trace: any }} props */
function Trace({ trace }) {
  const [chosen, setChosen] = useState("");
  const { spans, logs } = trace;
  const started = Math.min(...spans.map((/** @type {any} */ span) => span.started_at));
  const ended = Math.max(...spans.map((/** @type {any} */ span) => span.started_at + span.seconds));
  const failed = spans.filter((/** @type {any} */ span) => span.outcome !== "succeeded").length;
  const services = [...new Set(spans.map((/** @type {any} */ span) => span.service).filter(Boolean))];
  const span = spans.find((/** @type {any} */ one) => one.id === chosen);
  return html`<div class="stack">
    <section class="card trace-card"><header><h2>${counted(spans.length, "span")}</h2>
      ${spans.length > 0 && html`<span class="third number">${day(started)} ${clock(started)}, ${duration(ended - started)}, ${services.join(", ")}</span>`}
      <span class=${`more hint ${failed ? "bad" : ""}`}>${failed ? `${count(failed)} failed` : "none failed"}</span></header>
      ${spans.length ? html`<${SpanLines} spans=${spans} choose=${(/** @type {any} */ one) => setChosen(one.id === chosen ? "" : one.id)} chosen=${chosen} />` : html`<${Nothing}>No span of it was kept, only its logs.<//>`}</section>
    ${span && html`<${SpanCard} span=${span} />`}
    <section class="card trace-card"><header><h2>Logs</h2><span class="more hint">${counted(logs.length, "line")}, all levels</span></header>${logs.length ? html`<${LogLines} logs=${logs} />` : html`<p class="quiet">Nothing was logged or printed.</p>`}</section>
  </div>`;
}

/** @param {{ span: any }} props */
const SpanCard = ({ span }) => html`<section class="card" aria-live="polite"><header><h2 class="cut" title=${span.name}>${spanName(span)}</h2><${ResultChip} outcome=${span.outcome} />
    ${span.kind === "external" && html`<span class="more hint">sent by ${span.service}</span>`}
    ${span.kind !== "call" && span.kind !== "external" && html`<a class="more link" href=${link(["invocations", span.id])}>Open the invocation</a>`}</header>
  <div class="body"><dl class="pairs"><dt>Started</dt><dd class="number">${clock(span.started_at)}</dd><dt>Took</dt><dd class="number">${duration(span.seconds)}</dd>
    ${span.error && html`<dt>Error</dt><dd class="bad">${span.error}</dd>`}
    ${Object.entries(span.attributes).map(([name, value]) => html`<dt class="mono">${name}</dt><dd class="mono">${String(value)}</dd>`)}</dl></div></section>`;
