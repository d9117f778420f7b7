/** What all pages know: the app, whether the server is there, the span of time looked at, live or paused. */
import { get, Problem } from "./api.js";
import { follow, onEvent } from "./events.js";
import { Store } from "./store.js";

/** Seconds of each span of time that the top bar offers. */
export const RANGES = /** @type {const} */ ({ "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800 });

/** How they are read: "in the last hour". @type {Record<string, string>} */
export const RANGE_WORDS = { "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days" };

/**
 * @typedef {object} Session
 * @property {any} status what /status said last, null before
 * @property {"connecting"|"live"|"disconnected"} connection
 * @property {number} lastSeen epoch seconds of the last sign of life
 * @property {boolean} isLive
 * @property {keyof RANGES} range
 * @property {Problem|null} refused why the server does not let this page in
 * @property {string} said one sentence shown for a moment
 */

const kept = /** @type {keyof RANGES} */ (sessionStorage.getItem("portable-console-range") ?? "1h");

/** @type {Store<Session>} */
export const session = new Store({
  status: null,
  connection: "connecting",
  lastSeen: Date.now() / 1000,
  isLive: true,
  range: kept in RANGES ? kept : "1h",
  refused: null,
  said: "",
});

/** @param {keyof RANGES} range */
export function setRange(range) {
  sessionStorage.setItem("portable-console-range", range);
  session.change({ range });
}

export function toggleLive() {
  session.change({ isLive: !session.value.isLive });
}

let saidTimer = 0;

/** Says one sentence, also to a screen reader. @param {string} said */
export function say(said) {
  clearTimeout(saidTimer);
  session.change({ said });
  saidTimer = setTimeout(() => session.change({ said: "" }), 4000);
}

/** Says what went wrong with an action. @param {unknown} error */
export function sayProblem(error) {
  if (error instanceof Problem) say(error.detail ? `${error.title}: ${error.detail}` : error.title);
  else throw error;
}

/** Whether actions can be taken. @param {Session} value */
export const isConnected = (value) => value.connection !== "disconnected" && value.status?.is_running !== false;

/** The colour of a service: its place in the order of first appearance. @param {string} service */
export function serviceColour(service) {
  const known = session.value.status?.services?.find((/** @type {any} */ one) => one.name === service);
  return `var(--s${((known?.color_index ?? 6) % 7) + 1})`;
}

async function loadStatus() {
  try {
    const status = await get(["status"]);
    session.change({ status, refused: null, lastSeen: Date.now() / 1000 });
    document.title = `${status.app} (${status.stage}) · portable console`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401 || error.status === 403) session.change({ refused: session.value.refused ?? error });
    else session.change({ connection: "disconnected" });
  }
}

/** Gives the key of the link for a cookie, and takes it out of the address. */
async function enter() {
  const key = /[#&?]key=([^&]+)/.exec(location.hash)?.[1];
  if (!key) return;
  history.replaceState(null, "", "#/overview");
  dispatchEvent(new HashChangeEvent("hashchange"));
  const { request } = await import("./api.js");
  try {
    await request("POST", ["session"], { body: { key: decodeURIComponent(key) } });
  } catch (error) {
    if (error instanceof Problem) session.change({ refused: error });
    else throw error;
  }
}

export async function startSession() {
  await enter();
  await loadStatus();
  for (const name of ["invocation", "log", "mark", "issue", "status"]) {
    onEvent(name, () => (session.value.lastSeen = Date.now() / 1000));
  }
  for (const name of ["status", "mark", "issue"]) onEvent(name, loadStatus);
  follow((connection) => {
    if (connection === session.value.connection) return;
    session.change({ connection });
    if (connection === "live") loadStatus();
  });
}
