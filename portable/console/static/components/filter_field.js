/** A filter: finished words of the form `name:value` become chips, the rest is searched for. */
import { html, useEffect, useRef, useState } from "../library/html.js";
import { split } from "../library/filters.js";
import { Icon } from "./icon.js";

const PAUSE_MS = 250;

/** @param {{ value: string, onChange: (value: string) => void, label: string, placeholder: string, withTokens?: boolean }} props */
export function FilterField({ value, onChange, label, placeholder, withTokens = true }) {
  const { tokens, words } = withTokens ? split(value) : { tokens: [], words: value };
  const [typed, setTyped] = useState(words);
  const timer = useRef(0);
  useEffect(() => {
    setTyped(words);
    return () => clearTimeout(timer.current);
  }, [value]);
  const whole = (/** @type {string} */ text) => [...tokens.map((token) => token.text), text].join(" ").trim();
  const tell = (/** @type {string} */ text) => {
    clearTimeout(timer.current);
    if (whole(text) !== value) onChange(whole(text));
  };
  const input = (/** @type {any} */ event) => {
    setTyped(event.target.value);
    clearTimeout(timer.current);
    // A word such as `status:4` is taken when it is finished: by a space, or by Enter.
    if (withTokens && /(^|\s)\w+:\S*$/.test(event.target.value)) return;
    timer.current = setTimeout(() => tell(event.target.value), PAUSE_MS);
  };
  const pressed = (/** @type {any} */ event) => {
    if (event.key === "Enter") tell(typed);
    else if (event.key === "Escape") event.target.blur();
    else if (event.key === "Backspace" && !typed && tokens.length) onChange([...tokens.slice(0, -1).map((token) => token.text)].join(" "));
  };
  return html`<div class="filter"><${Icon} name="search" />
    ${tokens.length > 0 && html`<span class="filter-tokens">${tokens.map((token) => html`<span class="chip">${token.text}
      <button aria-label=${`Remove ${token.text}`} onClick=${() => onChange(value.split(/\s+/).filter((word) => word !== token.text).join(" "))}><${Icon} name="close" small /></button></span>`)}</span>`}
    <input type="text" data-filter aria-label=${label} placeholder=${tokens.length ? "add a filter" : placeholder} value=${typed} onInput=${input} onKeyDown=${pressed} onBlur=${() => tell(typed)} spellcheck="false" autocomplete="off" />
  </div>`;
}
