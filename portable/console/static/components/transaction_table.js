/**
 * Transactions as rows: how it ended, what set it off, when, how long in which service, what it cost. Of a long list
 * only what is near what is in sight is in the document.
 */
import { clock, duration, moment, money } from "../library/format.js";
import { html, useEffect, useRef, useState } from "../library/html.js";
import { link } from "../library/routing.js";
import { Entry, Issues, Result, Waterline } from "./marks.js";

const PART = 40;
const ROW_HEIGHT = 38;
const LETTER_WIDTH = 7.3;
const COLUMNS = 7;

/** @param {{ transactions: any[], current?: string }} props */
export function TransactionTable({ transactions, current }) {
  /** @type {any[][]} */
  const parts = [];
  for (let at = 0; at < transactions.length; at += PART) parts.push(transactions.slice(at, at + PART));
  // As wide as its longest, also while that is not in sight.
  const longest = Math.max(0, ...transactions.map((one) => one.entry.handler.length));
  return html`<div class="scrolls" tabindex="0" role="region" aria-label="Transactions"><table class="rows" aria-rowcount=${transactions.length + 1}>
    <thead><tr><th>Result</th><th>Entry point</th><th class="of-function" style=${{ minWidth: `${Math.ceil(longest * LETTER_WIDTH) + 16}px` }}>Function</th><th>Start time</th><th class="right">Duration</th><th class="right" title="List price of this transaction, times one million: an estimate">Cost per 1M</th><th>Issues</th></tr></thead>
    ${parts.map((rows, index) => html`<${Part} key=${index} rows=${rows} first=${index * PART} current=${current} />`)}</table></div>`;
}

/** Some rows, or the room that they take while they are far away. @param {{ rows: any[], first: number, current?: string }} props */
function Part({ rows, first, current }) {
  const ref = useRef(/** @type {HTMLTableSectionElement|null} */ (null));
  const height = useRef(ROW_HEIGHT);
  const count = useRef(rows.length);
  count.current = rows.length;
  const [isNear, setNear] = useState(first < 2 * PART);
  useEffect(() => {
    const root = document.querySelector("main");
    const observer = new IntersectionObserver((seen) => {
      const { isIntersecting, boundingClientRect } = seen[seen.length - 1];
      // Told anyway: to ask for it at each change would have all of it laid out at once.
      height.current = boundingClientRect.height / count.current;
      setNear(isIntersecting);
    }, { root, rootMargin: "600px 0px" });
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  const isShown = isNear || rows.some((one) => one.trace_id === current);
  return html`<tbody ref=${ref}>${isShown
    ? rows.map((one, index) => html`<${TransactionRow} key=${one.trace_id} one=${one} index=${first + index + 2} isCurrent=${one.trace_id === current} />`)
    : html`<tr class="room" role="presentation"><td colspan=${COLUMNS} style=${{ height: `${height.current * rows.length}px` }}></td></tr>`}</tbody>`;
}

/** @param {{ one: any, index: number, isCurrent: boolean }} props */
function TransactionRow({ one, index, isCurrent }) {
  const ref = useRef(/** @type {HTMLTableRowElement|null} */ (null));
  useEffect(() => {
    if (isCurrent) ref.current?.scrollIntoView({ block: "nearest" });
  }, [isCurrent]);
  return html`<tr ref=${ref} class=${isCurrent ? "current" : ""} aria-rowindex=${index}>
    <td><${Result} outcome=${one.outcome} status=${one.outcome === "succeeded" || one.entry.outcome !== "succeeded" ? one.entry.status : 0} /></td>
    <td class="entry-cell"><a class="table-link entry-link" href=${link(["traces", one.trace_id])}><${Entry} kind=${one.entry.kind} name=${one.entry.name} /></a></td>
    <td class="mono second of-function">${one.entry.handler || html`<span class="third">no handler</span>`}</td>
    <td class="number second" title=${clock(one.started_at)}>${moment(one.started_at)}</td>
    <td><div class="duration"><${Waterline} transaction=${one} /><span class="number right">${duration(one.seconds)}</span></div></td>
    <td class="right number">${money(one.cost_per_million)}</td>
    <td class="issues"><${Issues} issues=${one.issues} /></td></tr>`;
}
