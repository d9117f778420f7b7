/**
 * A long list of the API: pages of it as one scrolls, and what is new at its top. Nothing comes twice, nothing is
 * missed: what is new is asked for by the same filter, and joined by id.
 */
import { get, Problem } from "./api.js";
import { inTime, keepSeen, lastSeen } from "./data.js";
import { onEvent } from "./events.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { session } from "./session.js";

const PAGE = 200;
const MOST_PAGES = 100;
const QUIET_MS = 400;

/** @param {any} one a trace has no id but that of its trace */
const idOf = (one) => one.id ?? one.trace_id;

/** Two lists, the newer one first, as one; of what is in both the newer word counts. @param {any[]} newer @param {any[]} older */
export function joined(newer, older) {
  const known = new Set(newer.map(idOf));
  return [...newer, ...older.filter((one) => !known.has(idOf(one)))];
}

/** Puts what began long before it was told, so that it is not among the newest, where it belongs. @param {any[]} items @param {any[]} late */
export function withLate(items, late) {
  const known = new Set(items.map(idOf));
  const missing = late.filter((one) => !known.has(one.id));
  if (!missing.length) return items;
  return [...items, ...missing].sort((left, right) => right.started_at - left.started_at);
}

/**
 * @param {string[]} path
 * @param {Record<string, unknown>} query
 * @param {string} event what tells that there may be more
 * @param {number} [pageSize]
 */
export function useLiveList(path, query, event, pageSize = PAGE) {
  const key = JSON.stringify([path, query]);
  const [state, setState] = useState(/** @type {any} */ ({ key: "", items: null, next: null, error: null, total: null }));
  const [waiting, setWaiting] = useState(0);
  const [isSlow, setSlow] = useState(false);
  const [turn, setTurn] = useState(0);
  const isFiltered = Object.keys(query).some((name) => name !== "last" && query[name]);
  const busy = useRef(false);
  const current = useRef(state);
  current.current = state;
  const { isLive, connection } = session.use();

  useEffect(() => {
    const control = new AbortController();
    const slow = setTimeout(() => setSlow(true), 300);
    setWaiting(0);
    get(path, { ...inTime(query), limit: pageSize }, control.signal).then(
      (page) => {
        keepSeen(key, page.items);
        setState({ key, items: page.items, next: page.next, error: null, total: page.total ?? null });
      },
      (error) => {
        if (control.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        setState((/** @type {any} */ old) => ({ key, items: (old.key === key ? old.items : null) ?? lastSeen(key, error), next: null, error, total: old.key === key ? old.total : null }));
      },
    ).finally(() => {
      clearTimeout(slow);
      setSlow(false);
    });
    return () => {
      clearTimeout(slow);
      control.abort();
    };
  }, [key, turn]);

  /** What came since the first row: pages from the top, until one of them reaches what is known. */
  const catchUp = useCallback(async (/** @type {any[]} */ late) => {
    const { items } = current.current;
    if (!items || current.current.key !== key) return;
    const known = new Set(items.map(idOf));
    /** @type {any[]} */
    let fresh = [];
    let cursor = null;
    /** @type {number|null} */
    let total = null;
    const open = inTime({ ...query });
    delete open.to;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await get(path, { ...open, limit: pageSize, cursor });
      fresh = [...fresh, ...page.items];
      total = page.total ?? total;
      cursor = page.next;
      if (!cursor || page.items.some((/** @type {any} */ one) => known.has(idOf(one)))) break;
    }
    setState((/** @type {any} */ old) => {
      if (old.key !== key) return old;
      const whole = joined(fresh, old.items ?? []);
      return { ...old, items: isFiltered || event !== "invocation" || path[0] !== "invocations" ? whole : withLate(whole, late), error: null, total };
    });
  }, [key]);

  useEffect(() => {
    let timer = 0;
    let isAsking = false;
    /** @type {any[]} */
    let late = [];
    const look = async () => {
      isAsking = true;
      const those = late;
      late = [];
      try {
        await catchUp(those);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
      } finally {
        isAsking = false;
      }
    };
    const happened = (/** @type {any} */ one = null) => {
      if (!isLive) return setWaiting((count) => count + 1);
      if (one) late.push(one);
      if (timer) return undefined;
      timer = setTimeout(() => {
        timer = 0;
        if (isAsking) happened();
        else look();
      }, QUIET_MS);
      return undefined;
    };
    if (isLive && connection === "live") {
      setWaiting(0);
      happened();
    }
    const end = onEvent(event, happened);
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [event, catchUp, isLive, connection]);

  const more = useCallback(async () => {
    const { next, items } = current.current;
    if (!next || busy.current || current.current.key !== key) return;
    busy.current = true;
    try {
      const page = await get(path, { ...inTime(query), limit: pageSize, cursor: next });
      setState((/** @type {any} */ old) => (old.key === key && old.next === next ? { ...old, items: joined(old.items, page.items), next: page.next } : old));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setState((/** @type {any} */ old) => ({ ...old, error, items }));
    } finally {
      busy.current = false;
    }
  }, [key]);

  const isThis = state.key === key;
  return {
    items: isThis ? state.items : null,
    hasMore: isThis && state.next !== null,
    total: isThis ? state.total : null,
    error: isThis ? state.error : null,
    isSlow: isSlow && !isThis,
    waiting,
    more,
    refresh: () => setTurn((value) => value + 1),
  };
}
