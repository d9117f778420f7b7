/** Numbers, times and money as the pages write them: local time, 24 hours, a true minus, grouped thousands. */

const grouped = new Intl.NumberFormat("en-US");
const MINUS = "\u2212";
export const DASH = "\u2013";
const pad = (/** @type {number} */ value, width = 2) => String(value).padStart(width, "0");

/** @param {number} value */
export const count = (value) => grouped.format(Math.round(value));

/** `1 invocation`, `2 invocations`. @param {number} value @param {string} one @param {string} [many] */
export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** `182 ms`, `3.00 s`, `2 min 04 s`, `11 h 24 min`. @param {number|null|undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return DASH;
  if (seconds < 0.00095) return seconds === 0 ? "0 ms" : `${Math.max(0.01, seconds * 1000).toFixed(2)} ms`;
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.995) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** A number and its unit apart, for the key figures. @param {number|null|undefined} seconds @returns {[string, string]} */
export function durationParts(seconds) {
  const text = duration(seconds);
  const at = text.indexOf(" ");
  return at < 0 || text.indexOf(" ", at + 1) > 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** `14:35`. @param {number} at epoch seconds */
export function minute(at) {
  const date = new Date(at * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** `14:35:02`. @param {number} at */
export function second(at) {
  return `${minute(at)}:${pad(new Date(at * 1000).getSeconds())}`;
}

/** `14:35:02.118`. @param {number} at */
export function clock(at) {
  const milliseconds = Math.round(at * 1000);
  return `${second(milliseconds / 1000)}.${pad(milliseconds % 1000, 3)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Today`, `Yesterday`, `21 Nov`. @param {number} at */
export function day(at, now = Date.now() / 1000) {
  const midnight = (/** @type {number} */ value) => new Date(value * 1000).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(at)) / 86400000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days === -1) return "Tomorrow";
  const date = new Date(at * 1000);
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** A clock time, with its day unless that is today. @param {number} at */
export const moment = (at) => (day(at) === "Today" ? clock(at) : `${day(at)} ${second(at)}`);

/** `Today 13:35 – 14:35`. @param {number} from @param {number} to */
export function span(from, to) {
  const [first, last] = [day(from), day(to)];
  if (first === last) return `${first} ${minute(from)} ${DASH} ${minute(to)}`;
  return `${first} ${minute(from)} ${DASH} ${last.toLowerCase()} ${minute(to)}`;
}

/** `in 9:36`, `in 11 h 24`, `in 3 days`. @param {number} at */
export function until(at, now = Date.now() / 1000) {
  const left = Math.round(at - now);
  if (left <= 0) return "now";
  if (left < 3600) return `in ${Math.floor(left / 60)}:${pad(left % 60)}`;
  if (left < 172800) return `in ${Math.floor(left / 3600)} h ${pad(Math.floor((left % 3600) / 60))}`;
  return `in ${Math.floor(left / 86400)} days`;
}

/** `12 s ago`, `3 min ago`. @param {number|null|undefined} at */
export function ago(at, now = Date.now() / 1000) {
  if (!at) return "never";
  const gone = Math.max(0, Math.round(now - at));
  if (gone < 60) return `${gone} s ago`;
  if (gone < 3600) return `${Math.floor(gone / 60)} min ago`;
  if (gone < 86400) return `${Math.floor(gone / 3600)} h ago`;
  return `${Math.floor(gone / 86400)} d ago`;
}

/** `$0.021`, `$40.20`, `$15,170`. @param {number|null|undefined} dollars */
export function money(dollars) {
  if (dollars === null || dollars === undefined) return DASH;
  const sign = dollars < 0 ? MINUS : "";
  const amount = Math.abs(dollars);
  if (amount === 0) return "$0";
  if (amount < 0.000001) return `${sign}under $0.000001`;
  if (amount < 0.1) return `${sign}$${Number(amount.toPrecision(2)).toFixed(Math.min(8, 1 - Math.floor(Math.log10(amount))))}`;
  if (amount < 1000) return `${sign}$${amount.toFixed(2)}`;
  return `${sign}$${count(amount)}`;
}

/** `214 B`, `2.1 MB`. @param {number|null|undefined} size */
export function bytes(size) {
  if (size === null || size === undefined) return DASH;
  if (size < 1024) return `${size} B`;
  for (const [unit, power] of /** @type {[string, number][]} */ ([["KB", 1], ["MB", 2], ["GB", 3]])) {
    const value = size / 1024 ** power;
    if (value < 999.5 || unit === "GB") return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return `${size} B`;
}

/** `0.70%`, and `0.1%` if `digits` is 1. @param {number} part @param {number} whole */
export function share(part, whole, digits = 2) {
  return whole ? `${((part / whole) * 100).toFixed(digits)}%` : "0%";
}

/** A change with its sign. @param {number} value @param {(value: number) => string} text */
export function signed(value, text) {
  return value < 0 ? `${MINUS}${text(-value)}` : `+${text(value)}`;
}

/** `4bf92f35…e4736`. @param {string} id */
export const shortId = (id) => (id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-5)}` : id);

/** The last part of a path. @param {string} path */
export const fileName = (path) => path.split("/").pop() ?? path;
