/** All lines, newest at the top, live: searched, by level, paused. One of them whole, with its fields and its invocation. */
import { FilterField } from "../components/filter_field.js";
import { fieldText, isFailing, LogCells } from "../components/log_lines.js";
import { Select } from "../components/select.js";
import { Blocks, Failure, Nothing } from "../components/states.js";
import { WindowedList } from "../components/windowed_list.js";
import { copy } from "../components/copy_button.js";
import { clock, count, day } from "../library/format.js";
import { html, useCallback, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { useLiveList } from "../library/live_list.js";
import { go, link } from "../library/routing.js";
import { RANGE_WORDS, RANGES, session, toggleLive } from "../library/session.js";

const LEVELS = ["", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const keyOf = (/** @type {any} */ log) => String(log.id);

/** @param {{ route: import("../library/routing.js").Route }} props */
export function LogsPage({ route }) {
  const { range, isLive } = session.use();
  const { q = "", level = "", handler = "", trace = "" } = route.query;
  const [chosen, setChosen] = useState(/** @type {string|null} */ (null));
  const list = useLiveList(["logs"], { q, level, handler, trace, last: RANGES[range] }, "log", 400);
  const items = list.items ?? [];
  const change = (/** @type {Record<string, string>} */ given) => go(["logs"], { q, level, handler, trace, ...given }, true);
  const move = (/** @type {number} */ by) => {
    if (!items.length) return;
    const index = items.findIndex((/** @type {any} */ log) => keyOf(log) === chosen);
    setChosen(keyOf(items[Math.min(items.length - 1, Math.max(0, index + by))]));
  };
  const log = items.find((/** @type {any} */ one) => keyOf(one) === chosen);
  useShortcut("j", () => move(1));
  useShortcut("k", () => move(-1));
  useShortcut("Escape", chosen ? () => setChosen(null) : null);
  useShortcut("Enter", log?.span_id ? () => go(["invocations", log.span_id]) : null);
  useShortcut("c", log ? () => copy(String(log.id), "Copied the id") : null);
  const row = useCallback((/** @type {any} */ one) => html`<${LogRow} log=${one} isChosen=${keyOf(one) === chosen} choose=${setChosen} />`, [chosen]);
  const restricted = [q, level, handler, trace].filter(Boolean).length;
  return html`<div class="page logs-page">
    <div class="page-head"><div><h1>Logs</h1><p class="number">${list.items ? `${count(items.length)}${list.hasMore ? " and more" : ""} in the last ${RANGE_WORDS[range]}` : " "}</p></div>
      <div class="actions">${!isLive && list.waiting > 0 && html`<button class="button" onClick=${toggleLive}>${count(list.waiting)} new</button>`}
        ${handler && html`<span class="chip">${handler}</span>`}${trace && html`<span class="chip">trace ${trace.slice(0, 8)}</span>`}
        <${Select} label="Least level" value=${level} options=${LEVELS.map((one) => [one, one ? `${one.toLowerCase()} and above`.replace("critical and above", "critical only") : "All levels"])} onChange=${(/** @type {string} */ value) => change({ level: value })} />
        <button class="button" aria-pressed=${!isLive} onClick=${toggleLive}>${isLive ? "Pause" : "Go on"} <kbd>P</kbd></button></div></div>
    <div class="filter-line"><${FilterField} value=${q} withTokens=${false} onChange=${(/** @type {string} */ value) => change({ q: value })} label="Search the logs" placeholder="Search messages, loggers and fields" /></div>
    <section class="card">
      ${list.error && !list.items ? html`<div class="body"><${Failure} error=${list.error} retry=${list.refresh} /></div>` : null}
      ${list.items === null ? list.isSlow && html`<${Blocks} rows=${12} />` : null}
      ${list.items && !items.length && (restricted
        ? html`<${Nothing} action=${html`<button class="button" onClick=${() => go(["logs"], {}, true)}>Clear filters</button>`}>No line matches ${restricted === 1 ? "1 filter" : `${restricted} filters`}.<//>`
        : html`<${Nothing} snippet='logging.getLogger(__name__).info("saved %s", note.id)'>Nothing was logged in the last ${RANGE_WORDS[range]}. Whatever a handler logs or prints comes here.<//>`)}
      ${items.length > 0 && html`<${WindowedList} items=${items} keyOf=${keyOf} rowHeight=${25} row=${row} label="Log lines" chosen=${chosen} onEnd=${list.more} />`}
      ${log && html`<${LogDetail} log=${log} close=${() => setChosen(null)} />`}
    </section></div>`;
}

/** @param {{ log: any, isChosen: boolean, choose: (id: string) => void }} props */
const LogRow = ({ log, isChosen, choose }) => html`<button class=${`log-line with-handler ${isFailing(log.level) ? "failing" : ""}`} aria-current=${isChosen ? "true" : null} onClick=${() => choose(keyOf(log))}>
  ${LogCells(log)}<span class="from cut">${log.handler || log.logger}</span><span class="cut">${log.message} <span class="third">${fieldText(log.fields)}</span></span></button>`;

/** @param {{ log: any, close: () => void }} props */
const LogDetail = ({ log, close }) => html`<div class="log-detail" role="region" aria-label="Chosen line" tabindex="0">
  <div class="row wrap"><span class="number">${day(log.at)} ${clock(log.at)}</span><span class="chip">${log.level}</span><span class="chip">${log.source === "logging" ? log.logger : log.source}</span>
    ${log.handler && html`<span class="mono">${log.handler}</span>`}<span class="grow"></span>
    ${log.span_id && html`<a class="button small" href=${link(["invocations", log.span_id])}>Open the invocation</a>`}
    ${log.trace_id && html`<a class="button small" href=${link(["traces", log.trace_id])}>Open the trace</a>`}
    <button class="button small" onClick=${close}>Close</button></div>
  <pre>${log.message}</pre>
  ${Object.keys(log.fields ?? {}).length > 0 && html`<dl class="pairs mono">${Object.entries(log.fields).map(([name, value]) => html`<dt>${name}</dt><dd>${typeof value === "string" ? value : JSON.stringify(value)}</dd>`)}</dl>`}
  ${log.traceback && html`<pre>${log.traceback}</pre>`}</div>`;
