/** All invocations, live, beside the one that is chosen. */
import { FilterField } from "../components/filter_field.js";
import { entryOf, ResultIcon } from "../components/marks.js";
import { Blocks, Failure, Nothing } from "../components/states.js";
import { WindowedList } from "../components/windowed_list.js";
import { count, counted, duration, moment } from "../library/format.js";
import { parameters, size } from "../library/filters.js";
import { html, useCallback, useRef } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { useLiveList } from "../library/live_list.js";
import { go, link } from "../library/routing.js";
import { RANGE_WORDS, RANGES, session, toggleLive } from "../library/session.js";
import { InvocationDetail } from "./invocation.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export function InvocationsPage({ route }) {
  const { range, isLive } = session.use();
  const filter = route.query.filter ?? "";
  const list = useLiveList(["invocations"], { ...parameters(filter), last: RANGES[range] }, "invocation");
  // The newest when one came; it does not change under one's eyes when there are newer ones.
  const first = useRef({ filter: "", id: "" });
  if (list.items?.length && (first.current.filter !== filter || !first.current.id)) first.current = { filter, id: list.items[0].id };
  const chosen = route.path[1] ?? (first.current.filter === filter && first.current.id ? first.current.id : null);
  const isPinned = Boolean(route.path[1]);
  const move = (/** @type {number} */ by) => {
    if (!list.items?.length) return;
    const index = list.items.findIndex((/** @type {any} */ one) => one.id === chosen);
    const next = list.items[Math.min(list.items.length - 1, Math.max(0, index + by))];
    go(["invocations", next.id], { filter }, true);
  };
  useShortcut("j", () => move(1));
  useShortcut("k", () => move(-1));
  useShortcut("Enter", chosen ? () => go(["invocations", chosen], { filter }) : null);
  useShortcut("Escape", isPinned ? () => go(["invocations"], { filter }) : null);
  const row = useCallback((/** @type {any} */ one) => html`<${InvocationRow} one=${one} isChosen=${one.id === chosen} filter=${filter} />`, [chosen, filter]);
  return html`<div class="split">
    <section class="list-pane" aria-label="Invocations"><h1 class="unseen">Invocations</h1>
      <${FilterField} value=${filter} onChange=${(/** @type {string} */ value) => go(["invocations"], { filter: value }, true)} label="Filter invocations" placeholder="fn:name  outcome:failed  status:5xx  text" />
      <div class="list-note"><span class="number">${list.items && list.items.length > 0 ? `${count(list.hasMore ? list.total ?? list.items.length : list.items.length)} in the last ${RANGE_WORDS[range]}` : " "}</span>
        ${!isLive && html`<button class="link" onClick=${toggleLive}>${list.waiting ? `${count(list.waiting)} new` : "Paused"}, go on</button>`}</div>
      <${Rows} list=${list} row=${row} chosen=${chosen} filter=${filter} range=${range} />
    </section>
    <section class="detail-pane" aria-label="Chosen invocation" tabindex="0">
      ${chosen ? html`<${InvocationDetail} key=${chosen} id=${chosen} />` : list.items && html`<${Nothing}>Choose an invocation to see its request, trace and logs.<//>`}
    </section>
  </div>`;
}

/** @param {any} props */
function Rows({ list, row, chosen, filter, range }) {
  if (list.items === null) {
    if (list.error) return html`<div class="blocks"><${Failure} error=${list.error} retry=${list.refresh} /></div>`;
    return list.isSlow ? html`<${Blocks} rows=${10} height=${38} />` : null;
  }
  if (!list.items.length) {
    const filters = size(filter);
    return filters
      ? html`<${Nothing} action=${html`<button class="button" onClick=${() => go(["invocations"], {}, true)}>Clear filters</button>`}>No invocation matches ${counted(filters, "filter")}.<//>`
      : html`<${Nothing}>Nothing has run in the last ${RANGE_WORDS[range]}. <a class="link" href=${link(["api"])}>Send a request</a>, or <a class="link" href=${link(["schedules"])}>run a schedule now</a>.<//>`;
  }
  return html`<${WindowedList} items=${list.items} keyOf=${keyOf} rowHeight=${54} row=${row} label="Invocations" chosen=${chosen} onEnd=${list.more} />`;
}

const keyOf = (/** @type {any} */ one) => one.id;

/** @param {{ one: any, isChosen: boolean, filter: string }} props */
function InvocationRow({ one, isChosen, filter }) {
  const { verb, text } = entryOf(one);
  const kind = verb === "CRON" ? "schedule" : verb.toLowerCase();
  const from = one.kind === "http" ? `${verb} ${text}` : text === one.handler ? kind : `${kind} ${text}`;
  const attempt = one.attempt > 1 || one.outcome !== "succeeded" && one.max_attempts > 1 ? `, attempt ${one.attempt} of ${one.max_attempts}` : "";
  return html`<a class="invocation-row" href=${link(["invocations", one.id], { filter })} aria-current=${isChosen ? "true" : null}>
    <${ResultIcon} outcome=${one.outcome} status=${one.status} /><span class="mono cut" title=${one.handler || null}>${one.handler || "no handler"}</span><span class="took">${duration(one.seconds)}</span>
    <span class="from cut" title=${from}>${from}${one.kind === "http" && one.status ? `, ${one.status}` : ""}${attempt}</span><span class="at">${moment(one.started_at)}</span></a>`;
}
