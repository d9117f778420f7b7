// The two charts, drawn as SVG: net worth by class over time, and the way to the target.
"use strict";
import { cents, fullDay, longMonth, money, month, short } from "./format.js";

const BANDS = [
  ["Property equity", "--a1", ["property", "mortgage"]],
  ["Superannuation", "--a2", ["superannuation"]],
  ["Shares & ETFs", "--a3", ["shares"]],
  ["Cash & other", "--a4", null],
];
const NAMED = BANDS.flatMap(([, , kinds]) => kinds ?? []);

export function bands(points) {
  const value = (point, kinds) => Object.entries(point.kinds)
    .filter(([kind]) => (kinds ? kinds.includes(kind) : !NAMED.includes(kind)))
    .reduce((sum, [, amount]) => sum + Number(amount), 0);
  return BANDS.map(([name, colour, kinds]) => ({ name, colour, values: points.map((point) => value(point, kinds)) }))
    .filter((band) => band.values.some((amount) => Math.abs(amount) >= 0.005));
}

// A round step that gives about `wanted` grid lines.
function step(span, wanted) {
  const rough = span / wanted, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((k) => k * power).find((k) => k >= rough);
}

function axis(low, high, wanted) {
  const by = step(high - low || 1, wanted), bottom = Math.floor(low / by) * by, top = Math.ceil(high / by) * by;
  return { bottom, top, lines: Array.from({ length: Math.round((top - bottom) / by) + 1 }, (_, i) => bottom + i * by) };
}

export function drawHistory(svg, tip, points, currency) {
  const W = svg.clientWidth || 600, H = 288, narrow = W < 560;
  const layers = bands(points), count = points.length, last = count - 1;
  const totals = points.map((point) => Number(point.net_worth));
  const stacked = layers.every((band) => band.values.every((amount) => amount >= 0));
  const { bottom, top, lines } = axis(stacked ? 0 : Math.min(0, ...totals), Math.max(...totals, 1), 5);
  const L = narrow ? 54 : 60, R = narrow || !stacked ? 14 : 176, T = 16, B = 28;
  const x = (i) => L + (last ? i / last : 0.5) * (W - L - R), y = (v) => H - B - (v - bottom) / (top - bottom) * (H - B - T);
  const at = (i, v) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
  let s = "";
  for (const v of lines) s += `<line x1="${L}" x2="${W - R}" y1="${y(v)}" y2="${y(v)}" stroke="var(--grid)"/><text x="${L - 10}" y="${y(v) + 4}" text-anchor="end">${short(v, currency)}</text>`;
  const every = Math.max(1, Math.ceil(count / (narrow ? 4 : 7)));
  points.forEach((point, i) => {
    if ((last - i) % every) return;
    const anchor = i === last && narrow ? "end" : i === 0 ? "start" : "middle";
    s += `<text x="${x(i)}" y="${H - 8}" text-anchor="${anchor}">${month(point.on)}</text>`;
  });
  let base = points.map(() => 0);
  const labels = [];
  if (stacked) for (const band of layers) {
    const upper = band.values.map((v, i) => base[i] + v);
    const there = upper.map((v, i) => at(i, v)).join("L"), back = base.map((v, i) => at(i, v)).reverse().join("L");
    s += `<path d="M${there}L${back}Z" fill="var(${band.colour})"/><path d="M${there}" fill="none" stroke="var(--surface)" stroke-width="1.25"/>`;
    labels.push({ band, y: y((upper[last] + base[last]) / 2) });
    base = upper;
  }
  else s += `<path d="M${totals.map((v, i) => at(i, v)).join("L")}" fill="none" stroke="var(--accent)" stroke-width="2"/>`;
  if (stacked && !narrow) {
    for (let i = 1; i < labels.length; i++) labels[i].y = Math.min(labels[i].y, labels[i - 1].y - 36);
    for (const { band, y: mid } of labels) s += `<rect x="${W - R + 16}" y="${mid - 13}" width="3" height="27" rx="1.5" fill="var(${band.colour})"/><text class="k" x="${W - R + 26}" y="${mid - 2}">${band.name.replace("&", "&amp;")}</text><text class="v" x="${W - R + 26}" y="${mid + 13}">${money(band.values[last], currency)}</text>`;
  }
  s += `<line id="cursor" y1="${T}" y2="${H - B}" stroke="var(--text-2)" stroke-dasharray="3 3" visibility="hidden"/><circle id="dot" cx="${x(last)}" cy="${y(totals[last])}" r="4" fill="var(--text)" stroke="var(--surface)" stroke-width="2"/>`;
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  svg.setAttribute("aria-label", `Net worth by class from ${longMonth(points[0].on)} to ${longMonth(points[last].on)}: ${money(totals[0], currency)} to ${money(totals[last], currency)}. Arrow keys move through the months.`);
  svg.innerHTML = s;

  const cursor = svg.querySelector("#cursor"), dot = svg.querySelector("#dot");
  let shown = last;
  const show = (i) => {
    shown = Math.max(0, Math.min(last, i));
    cursor.setAttribute("x1", x(shown)); cursor.setAttribute("x2", x(shown)); cursor.setAttribute("visibility", "visible");
    dot.setAttribute("cx", x(shown)); dot.setAttribute("cy", y(totals[shown]));
    tip.innerHTML = `<b><span>${fullDay(points[shown].on)}</span></b>` + [...layers].reverse().map((band) => `<div><span class="sw" style="background:var(${band.colour})"></span><span>${band.name.replace("&", "&amp;")}</span><span>${money(band.values[shown], currency)}</span></div>`).join("") + `<div style="color:var(--text);font-weight:600"><span>Net worth</span><span>${money(totals[shown], currency)}</span></div>`;
    tip.hidden = false;
    const left = x(shown) + 14;
    tip.style.left = `${left + tip.offsetWidth > W ? x(shown) - 14 - tip.offsetWidth : left}px`;
  };
  const hide = () => { tip.hidden = true; cursor.setAttribute("visibility", "hidden"); dot.setAttribute("cx", x(last)); dot.setAttribute("cy", y(totals[last])); shown = last; };
  svg.onpointermove = (event) => show(Math.round((event.clientX - svg.getBoundingClientRect().left - L) / (W - L - R) * last));
  svg.onpointerleave = hide; svg.onblur = hide;
  svg.onkeydown = (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count }[event.key];
    if (move) { event.preventDefault(); show(tip.hidden ? last + Math.min(0, move) : shown + move); }
    if (event.key === "Escape") hide();
  };
}

export function numbers(points, currency) {
  const layers = bands(points);
  return `<thead><tr><th>Month</th>${layers.map((band) => `<th>${band.name.replace("&", "&amp;")}</th>`).join("")}<th>Net worth</th></tr></thead><tbody>` +
    points.map((point, i) => `<tr><td>${fullDay(point.on)}</td>${layers.map((band) => `<td>${cents(band.values[i], currency)}</td>`).join("")}<td>${cents(Number(point.net_worth), currency)}</td></tr>`).reverse().join("") + "</tbody>";
}

// What was, and where the pace of the last year leads: a straight line, no returns assumed.
export function drawProjection(svg, points, plan, currency) {
  const W = svg.clientWidth || 330, H = svg.clientHeight || 186, L = 46, R = 10, T = 18, B = 22;
  const now = Number(plan.net_worth), target = Number(plan.target), pace = Number(plan.monthly);
  const past = points.map((point) => Number(point.net_worth)), back = past.length - 1;
  const ahead = pace > 0 ? Math.min(360, Math.max(12, Math.ceil((target - now) / pace * 1.25))) : 60;
  const end = now + pace * ahead;
  const { bottom, top, lines } = axis(Math.min(...past, now, end), Math.max(target, now + pace * 1.3 * ahead, now), 3);
  const x = (m) => L + (m + back) / (back + ahead) * (W - L - R), y = (v) => H - B - (v - bottom) / (top - bottom) * (H - B - T);
  let s = "";
  for (const v of lines) s += `<line x1="${L}" x2="${W - R}" y1="${y(v)}" y2="${y(v)}" stroke="var(--grid)"/><text x="${L - 8}" y="${y(v) + 4}" text-anchor="end">${short(v, currency)}</text>`;
  const start = new Date(points[back].on), years = Math.max(1, Math.ceil((back + ahead) / 12 / 5));
  for (let m = -back; m <= ahead; m++) {
    const when = new Date(start.getFullYear(), start.getMonth() + m, 1);
    if (when.getMonth() === 0 && when.getFullYear() % years === 0 && x(m) < W - 16) s += `<text x="${x(m)}" y="${H - 5}" text-anchor="middle">${when.getFullYear()}</text>`;
  }
  const line = (a, b) => `M${x(0)} ${y(now)}L${x(ahead)} ${y(now + b * ahead)}L${x(ahead)} ${y(now + a * ahead)}Z`;
  if (pace > 0) s += `<path d="${line(pace * 0.7, pace * 1.3)}" fill="var(--ember)" opacity=".14"/>`;
  s += `<path d="M${past.map((v, i) => `${x(i - back).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}" fill="none" stroke="var(--accent)" stroke-width="2"/>`;
  s += `<path d="M${x(0)} ${y(now)}L${x(ahead)} ${y(end)}" fill="none" stroke="var(--ember)" stroke-width="2"/>`;
  s += `<line x1="${L}" x2="${W - R}" y1="${y(target)}" y2="${y(target)}" stroke="var(--text-2)" stroke-dasharray="3 3"/><text class="k" x="${L + 6}" y="${y(target) - 6}">Fat FIRE</text>`;
  if (pace > 0 && target > now) s += `<circle cx="${x((target - now) / pace)}" cy="${y(target)}" r="4.500" fill="var(--ember)" stroke="var(--surface)" stroke-width="2"/>`;
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  svg.innerHTML = s;
}
