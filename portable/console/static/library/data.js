/** Data of the API in a component: loaded, kept while it is loaded anew, and loaded anew when something happened. */
import { get, Problem } from "./api.js";
import { onEvent } from "./events.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { session } from "./session.js";

/**
 * @typedef {object} Loaded
 * @property {any} data null until it is there
 * @property {Problem|null} error
 * @property {boolean} isSlow nothing is there yet, and that for more than 300 ms
 * @property {() => void} refresh
 */

const QUIET_MS = 700;

/** What was read last, by its key: shown again when nobody answers any more. @type {Map<string, any>} */
const seen = new Map();
const MOST_SEEN = 300;

/** @param {string} key @param {any} data */
export function keepSeen(key, data) {
  seen.delete(key);
  seen.set(key, data);
  if (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value ?? "");
}

/** @param {string} key @param {Problem} error what was seen of it, if nobody answers; else null */
export const lastSeen = (key, error) => (error.status === 0 ? seen.get(key) ?? null : null);

/** `last: 3600` is the hour before now, at the moment of asking. @param {Record<string, unknown>} query */
export function inTime({ last, ...query }) {
  if (!last) return query;
  const to = Date.now() / 1000;
  return { ...query, from: (to - Number(last)).toFixed(3), to: to.toFixed(3) };
}

/**
 * @param {string[]|null} path null: nothing is asked
 * @param {Record<string, unknown>} [query]
 * @param {string[]} [on] names of events after which it is loaded anew, while the page is live
 * @returns {Loaded}
 */
export function useData(path, query = {}, on = []) {
  const key = path ? JSON.stringify([path, query]) : "";
  const [state, setState] = useState(/** @type {any} */ ({ key: "", data: null, error: null }));
  const [isSlow, setSlow] = useState(false);
  const [turn, setTurn] = useState(0);
  const refresh = useCallback(() => setTurn((value) => value + 1), []);
  const { connection } = session.use();

  useEffect(() => {
    // What was there stays, while nobody would answer.
    if (!path || (connection === "disconnected" && state.key === key && state.data !== null)) return undefined;
    const control = new AbortController();
    const slow = setTimeout(() => setSlow(true), 300);
    const ended = () => {
      clearTimeout(slow);
      setSlow(false);
    };
    get(path, inTime(query), control.signal).then(
      (data) => {
        ended();
        keepSeen(key, data);
        setState({ key, data, error: null });
      },
      (error) => {
        if (control.signal.aborted) return;
        ended();
        if (!(error instanceof Problem)) throw error;
        setState((/** @type {any} */ old) => ({ key, data: old.key === key && old.data !== null ? old.data : lastSeen(key, error), error }));
      },
    );
    return () => {
      clearTimeout(slow);
      control.abort();
    };
  }, [key, turn, connection === "live"]);

  const waiting = useRef(0);
  useEffect(() => {
    const happened = () => {
      if (!session.value.isLive || waiting.current || document.hidden) return;
      waiting.current = setTimeout(() => {
        waiting.current = 0;
        refresh();
      }, QUIET_MS);
    };
    const ends = on.map((name) => onEvent(name, happened));
    return () => {
      for (const end of ends) end();
      clearTimeout(waiting.current);
      waiting.current = 0;
    };
  }, [key, on.join()]);

  const isThis = state.key === key;
  const samePath = state.key && path && JSON.stringify(JSON.parse(state.key)[0]) === JSON.stringify(path);
  return {
    data: isThis || samePath ? state.data : null,
    error: isThis ? state.error : null,
    isSlow: isSlow && !isThis,
    refresh,
  };
}

/** The width of an element, as it changes. @returns {[import("../vendor/preact.js").RefObject<any>, number]} */
export function useWidth(first = 640) {
  const ref = useRef(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref.current]);
  return [ref, width];
}

/** Draws the component again each second, for countdowns. */
export function useSeconds() {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
