/** One line of the log. */
import { clock } from "../library/format.js";
import { html } from "../library/html.js";

/** @param {string} level */
export const isFailing = (level) => level === "ERROR" || level === "CRITICAL";

/** Fields behind the message, as one would print them. @param {Record<string, unknown>} fields */
export const fieldText = (fields) =>
  Object.entries(fields ?? {}).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");

/** @param {any} log */
export const LogCells = (log) => html`<span class="at">${clock(log.at)}</span><span class=${`level-${log.level.toLowerCase()}`}>${log.level}</span>`;

/** @param {{ logs: any[] }} props */
export const LogLines = ({ logs }) => html`<div role="list" aria-label="Log lines">${logs.map((log) => html`<div role="listitem" class=${`log-line ${isFailing(log.level) ? "failing" : ""}`} key=${log.id}>
  ${LogCells(log)}<span class="cut" title=${log.message}>${log.message} <span class="third">${fieldText(log.fields)}</span></span></div>`)}</div>`;
