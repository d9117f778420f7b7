/** Shortcuts: each part of the page says which keys it takes; none fires inside a field or over an open sheet. */
import { useLayoutEffect, useRef } from "./html.js";

/** @typedef {{ keys: string, label: string, group: string, run: (event: KeyboardEvent) => void }} Shortcut */

/** @type {Map<string, { run: (event: KeyboardEvent) => void }[]>} */
const taken = new Map();
let prefix = "";
let prefixTimer = 0;

/** What the sheet of shortcuts says, in this order. */
export const SHORTCUTS = [
  ["Go anywhere", ["⌘ K"]], ["Filter this page", ["/"]], ["Next, previous", ["j", "k"]], ["Open", ["Enter"]],
  ["Back", ["Esc"]], ["Replay", ["r"]], ["Edit and replay", ["e"]], ["Copy the id", ["c"]],
  ["Pause or go on live", ["p"]], ["Light or dark", ["t"]],
  ["Overview", ["g", "o"]], ["Invocations", ["g", "i"]], ["Traces", ["g", "t"]], ["Logs", ["g", "l"]],
  ["Issues", ["g", "e"]], ["System map", ["g", "m"]], ["Cost", ["g", "c"]], ["Functions", ["g", "f"]], ["API", ["g", "a"]],
  ["Schedules", ["g", "s"]], ["Queues & topics", ["g", "q"]], ["Tables", ["g", "d"]], ["Buckets", ["g", "b"]],
  ["Secrets & config", ["g", "v"]], ["These shortcuts", ["?"]],
];

/** @param {EventTarget|null} target */
function isField(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && target.type !== "checkbox";
}

/** The key as it is written in `shortcut`: `k`, `mod+k`, `g o`. @param {KeyboardEvent} event */
function named(event) {
  if (event.altKey) return "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return event.ctrlKey || event.metaKey ? `mod+${key}` : key;
}

addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  const key = named(event);
  const isEverywhere = key === "mod+k";
  if (!isEverywhere && (isField(event.target) || document.querySelector("dialog[open]"))) return;
  if (key === "Enter" && event.target instanceof Element && event.target.closest("a, button, summary")) return;
  const whole = prefix ? `${prefix} ${key}` : key;
  prefix = "";
  clearTimeout(prefixTimer);
  const last = taken.get(whole)?.at(-1);
  if (last) {
    event.preventDefault();
    last.run(event);
  } else if (key === "g") {
    prefix = "g";
    prefixTimer = setTimeout(() => (prefix = ""), 1500);
  }
});

/** In a component: takes a key as long as the component is there. @param {string} keys @param {((event: KeyboardEvent) => void)|null} run */
export function useShortcut(keys, run) {
  const current = useRef(run);
  current.current = run;
  const isOn = run !== null;
  // Before the page is painted: who sees it may press a key.
  useLayoutEffect(() => {
    if (!isOn) return undefined;
    const entry = { run: (/** @type {KeyboardEvent} */ event) => current.current?.(event) };
    taken.set(keys, [...(taken.get(keys) ?? []), entry]);
    return () => {
      taken.set(keys, (taken.get(keys) ?? []).filter((other) => other !== entry));
    };
  }, [keys, isOn]);
}
