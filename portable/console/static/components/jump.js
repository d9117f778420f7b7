/** Jump to anything: a page, a function, a search in the logs, an id. */
import { useData } from "../library/data.js";
import { html, useEffect, useMemo, useRef, useState } from "../library/html.js";
import { link } from "../library/routing.js";
import { PAGES } from "./navigation.js";
import { Sheet } from "./sheet.js";

/** @typedef {{ text: string, kind: string, to: string, mono?: boolean }} Target */

/** @param {string} words @param {any[]} functions @returns {Target[]} */
export function targets(words, functions) {
  const text = words.trim();
  const low = text.toLowerCase();
  const pages = PAGES.flatMap(([, those]) => those).map((page) => ({ text: page.label, kind: "page", to: link([page.name]) }));
  const handlers = functions.map((one) => ({ text: one.handler, kind: `function, ${one.kind}`, to: link(["functions", one.handler]), mono: true }));
  const found = [...pages, ...handlers].filter((one) => low.split(/\s+/).every((word) => one.text.toLowerCase().includes(word)));
  if (!text) return found.slice(0, 40);
  const searches = [
    { text: `Search the logs for “${text}”`, kind: "logs", to: link(["logs"], { q: text }) },
    { text: `Search the invocations for “${text}”`, kind: "invocations", to: link(["invocations"], { filter: text }) },
  ];
  if (/^[0-9a-f]{32}$/.test(low)) searches.unshift({ text: `Trace ${low}`, kind: "trace", to: link(["traces", low]) });
  if (/^[0-9a-f]{16}$/.test(low)) searches.unshift({ text: `Invocation ${low}`, kind: "invocation", to: link(["invocations", low]) });
  return [...found.slice(0, 40), ...searches];
}

/** @param {{ onClose: () => void }} props */
export function Jump({ onClose }) {
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  const input = useRef(/** @type {HTMLElement|null} */ (null));
  const { data } = useData(["functions"]);
  const found = useMemo(() => targets(words, data?.items ?? []), [words, data]);
  const current = Math.min(at, found.length - 1);
  useEffect(() => input.current?.focus(), []);
  useEffect(() => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }), [current]);
  const open = (/** @type {Target} */ target) => {
    onClose();
    location.hash = target.to;
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") setAt(Math.min(found.length - 1, current + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, current - 1));
    else if (event.key === "Enter" && found[current]) open(found[current]);
    else return;
    event.preventDefault();
  };
  return html`<${Sheet} title="Jump to" onClose=${onClose} narrow bare>
    <input class="jump-input" ref=${input} role="combobox" aria-expanded="true" aria-controls="jump-list" aria-autocomplete="list" aria-activedescendant=${found.length ? `jump-${current}` : null}
      aria-label="Jump to function, trace, log" placeholder="Jump to function, trace, log…" value=${words} onKeyDown=${pressed}
      onInput=${(/** @type {any} */ event) => { setWords(event.target.value); setAt(0); }} />
    <div class="jump-list" id="jump-list" role="listbox" aria-label="Where to" ref=${list}>
      ${found.map((one, index) => html`<div role="option" id=${`jump-${index}`} aria-selected=${index === current} onClick=${() => open(one)} onMouseMove=${() => index !== current && setAt(index)}>
        <span class=${`cut ${one.mono ? "mono" : ""}`}>${one.text}</span><span class="kind">${one.kind}</span></div>`)}
    </div>
  <//>`;
}
