/** Counts per interval, failures in a lane and on a scale of their own, so that 1% of the traffic can be seen. */
import { useWidth } from "../library/data.js";
import { count, counted, minute, second } from "../library/format.js";
import { html, useState } from "../library/html.js";

const HEIGHT = 258;
const [LEFT, RIGHT, TOP, MIDDLE, TOP_2, BOTTOM] = [44, 16, 30, 182, 196, 232];

/** A top of the scale that divides into `parts` round steps. @param {number} most @param {number} parts */
export function roundScale(most, parts) {
  const least = Math.max(1, most / parts);
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
    const step = factor * power;
    if (step >= least && Number.isInteger(step)) return step * parts;
  }
  return Math.ceil(least) * parts;
}

const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Seconds between labels, so that at most seven fit. @param {number} seconds */
export const tickStep = (seconds) => TICKS.find((step) => seconds / step <= 7) ?? 86400;

/** How an interval is called. @param {number} seconds */
export function intervalName(seconds) {
  if (seconds % 3600 === 0) return seconds === 3600 ? "hour" : `${seconds / 3600} hours`;
  if (seconds % 60 === 0) return seconds === 60 ? "minute" : `${seconds / 60} minutes`;
  return seconds === 1 ? "second" : `${seconds} seconds`;
}

/** Seconds from one bar to the next. @param {{ at: number }[]} series */
export const intervalOf = (series) => (series.length > 1 ? Math.round(series[1].at - series[0].at) : 60);

/** Labels of marks to the right of their line, else to the left, else left out. @param {{ x: number, text: string }[]} marks @param {number} right */
export function placeMarks(marks, right) {
  let taken = LEFT;
  return marks.map(({ x, text }, index) => {
    const width = text.length * 5.7 + 8;
    const next = index + 1 < marks.length ? marks[index + 1].x - 4 : right;
    if (x - width > taken && (x + width > next || index + 1 < marks.length)) {
      taken = x;
      return { x, text, anchor: "end" };
    }
    if (x >= taken && x + width <= next) {
      taken = x + width;
      return { x, text, anchor: "start" };
    }
    return { x, text, anchor: "" };
  });
}

const NEAR = 150;

/** Those that stand so near that their words would cover one another have one label: how many, from when to when. @param {{ x: number, mark: { kind: string, at: number, text: string } }[]} marks */
export function groupedMarks(marks) {
  /** @type {{ x: number, mark: any }[][]} */
  const groups = [];
  for (const one of [...marks].sort((left, right) => left.x - right.x)) {
    const last = groups[groups.length - 1];
    if (last && one.x - last[0].x < NEAR) last.push(one);
    else groups.push([one]);
  }
  return groups.map((group) => {
    const [first, last] = [group[0], group[group.length - 1]];
    if (group.length === 1) return { x: first.x, text: markText(first.mark) };
    const what = group.every(({ mark }) => mark.kind === "reload") ? "reloads" : "changes";
    const [from, to] = [minute(first.mark.at), minute(last.mark.at)];
    return { x: first.x, text: `${from === to ? from : `${from} to ${to}`}, ${group.length} ${what}` };
  });
}

/** @param {{ kind: string, at: number, text: string }} mark */
function markText(mark) {
  /** @type {Record<string, string>} */
  const words = { reload: "reload", import_failed: "does not import", started: "started", stopped: "stopped" };
  return `${minute(mark.at)} ${words[mark.kind] ?? mark.kind} ${mark.text ?? ""}`.trim();
}

/** @param {{ series: { at: number, all: number, failed: number }[], marks: any[], title: string }} props */
export function BarChart({ series, marks, title }) {
  const [ref, width] = useWidth();
  const [chosen, setChosen] = useState(-1);
  const [isTable, setTable] = useState(false);
  const all = series.reduce((sum, one) => sum + one.all, 0);
  const failed = series.reduce((sum, one) => sum + one.failed, 0);
  return html`<header><h2>${title}</h2><div class="legend">
      <span><i style=${{ background: "var(--c-ok)" }}></i>All <b>${count(all)}</b></span>
      <span><i style=${{ background: "var(--c-err)" }}></i>Failed <b>${count(failed)}</b></span>
      <button class="link" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>${isTable ? "As bars" : "As table"}</button>
    </div></header>
    <div ref=${ref}>${
      isTable
        ? html`<${ChartTable} series=${series} />`
        : html`<${Bars} series=${series} marks=${marks} title=${title} width=${width} chosen=${chosen} setChosen=${setChosen} />`
    }</div>`;
}

/** @param {{ series: any[] }} props */
const ChartTable = ({ series }) => html`<div class="chart-table" tabindex="0" role="region" aria-label="Numbers of the chart">
  <table class="rows"><thead><tr><th>From</th><th class="right">All</th><th class="right">Failed</th></tr></thead>
  <tbody>${series.map((one) => html`<tr key=${one.at}><td class="number">${second(one.at)}</td><td class="right number">${count(one.all)}</td><td class=${`right number ${one.failed ? "bad" : ""}`}>${count(one.failed)}</td></tr>`)}</tbody></table></div>`;

/** @param {any} props */
function Bars({ series, marks, title, width, chosen, setChosen }) {
  const interval = intervalOf(series);
  const step = (width - LEFT - RIGHT) / Math.max(1, series.length);
  const scale = roundScale(Math.max(0, ...series.map((/** @type {any} */ one) => one.all)), 3);
  const failScale = roundScale(Math.max(0, ...series.map((/** @type {any} */ one) => one.failed)), 1);
  const y = (/** @type {number} */ value) => MIDDLE - (value / scale) * (MIDDLE - TOP);
  const yFailed = (/** @type {number} */ value) => BOTTOM - (value / failScale) * (BOTTOM - TOP_2);
  const x = (/** @type {number} */ at) => LEFT + ((at - (series[0]?.at ?? 0)) / interval) * step;
  const ticks = tickStep(interval * series.length);
  const offset = new Date((series[0]?.at ?? 0) * 1000).getTimezoneOffset() * 60;
  const gap = step > 8 ? 2 : step > 3 ? 1 : 0;
  const shown = marks.filter((/** @type {any} */ mark) => x(mark.at) >= LEFT && x(mark.at) <= width - RIGHT);
  const placed = placeMarks(groupedMarks(shown.map((/** @type {any} */ mark) => ({ x: x(mark.at), mark }))), width - RIGHT);
  const moved = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) setChosen(Math.min(series.length - 1, Math.max(0, (chosen < 0 ? series.length : chosen) + by)));
    else if (event.key === "Escape") setChosen(-1);
    else return;
    event.preventDefault();
  };
  const one = series[chosen];
  return html`<div class="chart" tabindex="0" role="group" aria-label=${`${title}. Left and right arrow keys read the bars.`} onKeyDown=${moved} onBlur=${() => setChosen(-1)} onMouseLeave=${() => setChosen(-1)}>
    <svg viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${`${title}; failed ones in a lane of their own below`}>
      ${[0, 1, 2, 3].map((part) => html`<line x1=${LEFT} x2=${width - RIGHT} y1=${y((part * scale) / 3)} y2=${y((part * scale) / 3)} stroke="var(--c-grid)" /><text x=${LEFT - 8} y=${y((part * scale) / 3) + 4} text-anchor="end">${count((part * scale) / 3)}</text>`)}
      ${[0, failScale].map((value) => html`<line x1=${LEFT} x2=${width - RIGHT} y1=${yFailed(value)} y2=${yFailed(value)} stroke="var(--c-grid)" /><text x=${LEFT - 8} y=${yFailed(value) + 4} text-anchor="end">${count(value)}</text>`)}
      ${series.map((/** @type {any} */ bar, /** @type {number} */ index) => {
        const middle = x(bar.at) + step / 2;
        const isLabelled = (bar.at - offset) % ticks < interval && middle > LEFT + 14 && middle < width - RIGHT - 14;
        return html`<g key=${bar.at} class=${index === chosen ? "chosen" : ""} onMouseEnter=${() => setChosen(index)}>
          <rect class="hit" x=${x(bar.at)} y=${TOP - 6} width=${step} height=${BOTTOM - TOP + 6} />
          ${bar.all > 0 && html`<rect x=${x(bar.at) + gap / 2} y=${y(bar.all)} width=${Math.max(1, step - gap)} height=${MIDDLE - y(bar.all)} rx="1" fill="var(--c-ok)" />`}
          ${bar.failed > 0 && html`<rect x=${x(bar.at) + gap / 2} y=${yFailed(bar.failed)} width=${Math.max(1, step - gap)} height=${BOTTOM - yFailed(bar.failed)} rx="1" fill="var(--c-err)" />`}
          ${isLabelled && html`<text x=${middle} y=${HEIGHT - 9} text-anchor="middle">${interval < 60 && ticks < 60 ? second(bar.at) : minute(bar.at)}</text>`}
        </g>`;
      })}
      ${shown.map((/** @type {any} */ mark) => html`<line x1=${x(mark.at)} x2=${x(mark.at)} y1=${TOP - 14} y2=${BOTTOM} stroke="var(--text-3)" stroke-dasharray="2 3"><title>${markText(mark)}</title></line>`)}
      ${placed.map((mark) => mark.anchor && html`<text class="mark-text" x=${mark.x + (mark.anchor === "end" ? -6 : 6)} y=${TOP - 9} text-anchor=${mark.anchor}>${mark.text}</text>`)}
    </svg>
    <div aria-live="polite">${one && html`<div class="tip" style=${{ left: `${Math.max(8, Math.min(x(one.at) + step + 8, width - 150))}px` }}><b>${interval < 60 ? second(one.at) : minute(one.at)}</b><br />${counted(one.all, "invocation")}<br />${count(one.failed)} failed</div>`}</div>
  </div>`;
}
