/** Small marks that say one thing: how it ended, which verb, which service. Never by colour alone. */
import { duration } from "../library/format.js";
import { html } from "../library/html.js";
import { serviceColour } from "../library/session.js";
import { Icon } from "./icon.js";

/** @type {Record<string, [string, string, string]>} word, class, icon */
const OUTCOMES = {
  succeeded: ["Success", "ok", "ok"],
  failed: ["Failed", "failed", "failed"],
  dead: ["Dead letter", "failed", "failed"],
};

/** How it is said: what was answered with 4xx has run as it should, and is no success. @param {string} outcome @param {number} status */
const said = (outcome, status) => (outcome === "succeeded" && status >= 400 ? ["Refused", "care", "issues"] : OUTCOMES[outcome] ?? [outcome, "care", "issues"]);

/** @param {{ outcome: string, status?: number }} props `status` of HTTP, else 0 */
export function Result({ outcome, status = 0 }) {
  const [word, kind, icon] = said(outcome, status);
  return html`<span class=${`result ${kind}`}><${Icon} name=${icon} small />${word}${status ? html`<span class="number status">${status}</span>` : ""}</span>`;
}

/** The icon alone, for narrow rows; its word is there for who cannot see it. @param {{ outcome: string, status?: number }} props */
export function ResultIcon({ outcome, status = 0 }) {
  const [word, kind, icon] = said(outcome, status);
  return html`<span class=${`result ${kind}`}><${Icon} name=${icon} small /><span class="unseen">${word}</span></span>`;
}

/** @param {{ outcome: string, status?: number }} props */
export function ResultChip({ outcome, status = 0 }) {
  const [word, kind] = said(outcome, status);
  return html`<span class=${`chip ${kind}`}>${word}</span>`;
}

/** @param {{ service: string }} props */
export const Swatch = ({ service }) =>
  html`<i class="swatch" style=${{ background: serviceColour(service) }} title=${service || null}></i>`;

/** @type {Record<string, string>} */
export const KINDS = { http: "HTTP", task: "TASK", topic: "TOPIC", schedule: "CRON", bucket: "BUCKET", table: "TABLE" };

/** What an invocation was set off by: the verb or kind, and the path or name. @param {{ kind: string, name: string }} one */
export function entryOf({ kind, name }) {
  if (kind === "http") {
    const at = name.indexOf(" ");
    return { verb: at > 0 ? name.slice(0, at) : "HTTP", text: at > 0 ? name.slice(at + 1) : name };
  }
  const at = name.indexOf(":");
  return { verb: KINDS[kind] ?? kind.toUpperCase(), text: at > 0 ? name.slice(at + 1) : name };
}

/** @param {{ verb: string }} props */
export const Verb = ({ verb }) => html`<span class=${`verb ${verb.toLowerCase()}`}>${verb}</span>`;

/** @param {{ kind: string, name: string }} props */
export function Entry(props) {
  const { verb, text } = entryOf(props);
  return html`<span class="entry"><${Verb} verb=${verb} /><span class="mono cut" title=${text}>${text}</span></span>`;
}

/** @type {Record<string, string>} */
const ISSUE_KINDS = { error: "failed", failed: "failed", e: "failed", warning: "care", care: "care", w: "care" };

/** @param {{ issues: { kind: string, text: string }[] }} props */
export const Issues = ({ issues }) =>
  issues?.length
    ? html`<span class="row wrap">${issues.map((one) => html`<span class=${`chip cut ${ISSUE_KINDS[one.kind] ?? ""}`} title=${one.text}>${one.text}</span>`)}</span>`
    : html`<span class="third" aria-label="none">–</span>`;

/** The line of a transaction: which service worked when. @param {{ transaction: any }} props */
export function Waterline({ transaction }) {
  const { segments = [], seconds, started_at } = transaction;
  const whole = seconds || 0.000001;
  const offset = segments.some((/** @type {any} */ one) => one.from > 1e8) ? started_at : 0;
  const text = segments.map((/** @type {any} */ one) => `${one.service} ${duration(one.to - one.from)}`).join(", ");
  return html`<span class="waterline" title=${text}>
    ${segments.map((/** @type {any} */ one) => {
      const left = Math.min(97, Math.max(0, ((one.from - offset) / whole) * 100));
      const width = Math.min(100 - left, Math.max(3, ((one.to - one.from) / whole) * 100));
      return html`<i style=${{ left: `${left}%`, width: `${width}%`, background: serviceColour(one.service) }}></i>`;
    })}
  </span>`;
}
