/**
 * The stream of what happens: server-sent events over fetch, since EventSource cannot send our header. After a break
 * it goes on from the last id, so nothing is missed. Also says whether the server is there.
 */
import { address, HEADERS } from "./api.js";

/** @typedef {(data: any) => void} Listener */

/** @type {Map<string, Set<Listener>>} */
const listeners = new Map();

/** @param {string} name @param {Listener} listener @returns {() => void} */
export function onEvent(name, listener) {
  const those = listeners.get(name) ?? new Set();
  listeners.set(name, those.add(listener));
  return () => those.delete(listener);
}

/** @param {string} name @param {any} data */
function tell(name, data) {
  for (const listener of [...(listeners.get(name) ?? [])]) listener(data);
}

/** What happened meanwhile is not known any more: whoever listens looks at everything anew. */
function tellAll() {
  for (const name of listeners.keys()) tell(name, null);
}

// A page that is left is kept for the way back, with its connections, of which a browser has six for one host: it would
// be the sixth page that waits for a minute.
// The same holds for tabs that are not looked at: what they missed they are told when they are shown again.
let isLeft = false;
let leaving = new AbortController();
let shown = () => {};
const isAway = () => isLeft || document.hidden;
function changed() {
  if (isAway()) return leaving.abort();
  if (leaving.signal.aborted) leaving = new AbortController();
  return shown();
}
addEventListener("pagehide", () => {
  isLeft = true;
  changed();
});
addEventListener("pageshow", () => {
  isLeft = false;
  changed();
});
document.addEventListener("visibilitychange", changed);

/** Keeps a stream open for as long as the page is shown and looked at. @param {(state: "live"|"disconnected") => void} onState */
export async function follow(onState) {
  let lastId = "";
  let wait = 250;
  let hasMissed = false;
  for (;;) {
    if (isAway()) {
      await new Promise((/** @type {(value?: unknown) => void} */ resolve) => (shown = resolve));
      continue;
    }
    try {
      const headers = { ...HEADERS, Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
      const answer = await fetch(address(["events"]), { headers, credentials: "same-origin", signal: leaving.signal });
      if (!answer.ok || !answer.body) throw new Error(`events answered ${answer.status}`);
      onState("live");
      wait = 250;
      if (hasMissed && !lastId) tellAll();
      hasMissed = true;
      for await (const event of events(answer.body)) {
        if (event.id) lastId = event.id;
        if (event.name === "reset") tellAll();
        else if (event.data) tell(event.name, JSON.parse(event.data));
      }
    } catch {
      // A refused or broken stream is a state that is shown, and tried again below.
    }
    if (isAway()) continue;
    onState("disconnected");
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 3000);
  }
}

/** @param {ReadableStream<Uint8Array>} stream */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest = (rest + value).replaceAll("\r\n", "\n");
    const parts = rest.split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield event(part);
  }
}

/** @param {string} text */
function event(text) {
  const found = { name: "message", id: "", data: "" };
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const [field, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (field === "event") found.name = value;
    else if (field === "id") found.id = value;
    else if (field === "data") found.data += (found.data ? "\n" : "") + value;
  }
  return found;
}
