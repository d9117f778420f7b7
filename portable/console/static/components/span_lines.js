/** Spans as a tree beside a common axis of time. */
import { count, duration } from "../library/format.js";
import { html } from "../library/html.js";
import { link } from "../library/routing.js";
import { serviceColour } from "../library/session.js";
import { entryOf } from "./marks.js";

/** Parents before children, each with its depth; what has no parent here is a root. @param {any[]} spans */
export function tree(spans) {
  const ids = new Set(spans.map((span) => span.id));
  /** @type {Map<string, any[]>} */
  const children = new Map();
  for (const span of spans) {
    const parent = ids.has(span.parent) && span.parent !== span.id ? span.parent : "";
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  /** @type {{ span: any, depth: number, isRepeated: boolean }[]} */
  const rows = [];
  const seen = new Set();
  const repeated = new Set(spans.filter((span) => attemptOf(span) > 1).map(deliveryOf));
  const add = (/** @type {string} */ parent, /** @type {number} */ depth) => {
    for (const span of (children.get(parent) ?? []).sort((left, right) => left.started_at - right.started_at)) {
      if (seen.has(span.id)) continue;
      seen.add(span.id);
      rows.push({ span, depth, isRepeated: repeated.has(deliveryOf(span)) });
      add(span.id, depth + 1);
    }
  };
  add("", 0);
  return rows;
}

const STEPS = [0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** The places of the axis' labels. @param {number} seconds */
export function axis(seconds) {
  const step = STEPS.find((one) => seconds / one <= 5) ?? seconds / 4;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** @param {number} at */
const tickText = (at, /** @type {number} */ whole) => {
  if (whole >= 1) return at < 60 ? `${Number(at.toFixed(1))} s` : duration(at);
  return `${Number((at * 1000).toFixed(2))} ms`;
};

/** `table:notes get` as it is read: `table get notes`. @param {string} name */
export function callName(name) {
  const [, kind, resource, verb] = /^([\w-]+):(.*) (\S+)$/.exec(name) ?? [];
  return kind ? `${kind} ${verb} ${resource}` : name;
}

/** @param {any} span */
const attemptOf = (span) => span.attributes?.["portable.attempt"] ?? 1;

/** Which spans are attempts of the same. @param {any} span */
const deliveryOf = (span) => JSON.stringify([span.parent, span.kind, span.handler, span.attributes?.["messaging.message.id"]]);

/** The handler; of several attempts each has its number. @param {any} span @param {boolean} [isRepeated] */
export function spanName(span, isRepeated = attemptOf(span) > 1) {
  if (span.kind === "call") return callName(span.name);
  if (span.kind === "external") return `${span.service}: ${span.name}`;
  const { verb, text } = entryOf(span);
  return `${span.handler || `${verb} ${text}`}${isRepeated ? `, attempt ${attemptOf(span)}` : ""}`;
}

/** @param {{ spans: any[], current?: string, choose?: (span: any) => void, chosen?: string }} props */
export function SpanLines({ spans, current, choose, chosen }) {
  const started = Math.min(...spans.map((span) => span.started_at));
  const whole = Math.max(0.000001, ...spans.map((span) => span.started_at + span.seconds - started));
  const ticks = axis(whole);
  const row = (/** @type {{ span: any, depth: number, isRepeated: boolean }} */ { span, depth, isRepeated }) => {
    const failed = span.outcome !== "succeeded";
    const colour = serviceColour(span.service);
    const left = ((span.started_at - started) / whole) * 100;
    const inside = html`<span class="span-name" style=${{ paddingLeft: `${Math.min(depth, 10) * 16}px` }}><i style=${{ background: colour }}></i><span class=${`mono cut ${failed ? "bad" : ""}`} title=${`${span.name}${span.error ? `: ${span.error}` : ""}`}>${spanName(span, isRepeated)}${failed && html`<span class="unseen">, failed</span>`}</span></span>
      <span class="span-track">${ticks.slice(1).map((at) => html`<u style=${{ left: `${(at / whole) * 100}%` }}></u>`)}
        <i style=${{ left: `${Math.min(99.5, left)}%`, width: `${Math.min(100 - left, (span.seconds / whole) * 100)}%`, background: failed && span.kind === "call" ? "var(--c-err)" : colour }}></i></span>
      <span class="span-time">${duration(span.seconds)}</span>`;
    const classes = `span-line ${span.id === current || span.id === chosen ? "current" : ""}`;
    if (choose) return html`<button key=${span.id} class=${classes} aria-pressed=${span.id === chosen} onClick=${() => choose(span)}>${inside}</button>`;
    if (span.kind !== "call" && span.kind !== "external") return html`<a key=${span.id} class=${classes} href=${link(["invocations", span.id])}>${inside}</a>`;
    return html`<div key=${span.id} class=${classes}>${inside}</div>`;
  };
  return html`<div>
    <div class="span-line span-axis" aria-hidden="true"><span></span><span class="span-track">${ticks.map((at) => {
      const place = at / whole;
      return html`<span style=${{ left: `${place * 100}%`, transform: `translateX(${place > 0.94 ? "-100%" : place ? "-50%" : "0"})` }}>${tickText(at, whole)}</span>`;
    })}</span><span></span></div>
    ${tree(spans).map(row)}
    ${spans.length >= 2000 && html`<p class="third">The first ${count(spans.length)} spans.</p>`}
  </div>`;
}
