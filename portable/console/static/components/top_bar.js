/** Where one is, the way to anywhere, the span of time, live or paused, light or dark. */
import { useShortcut } from "../library/keyboard.js";
import { html } from "../library/html.js";
import { isConnected, RANGES, session, setRange, toggleLive } from "../library/session.js";
import { switchTheme } from "../library/theme.js";
import { Icon } from "./icon.js";

const JUMP_KEYS = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘ K" : "Ctrl K";

/** @param {{ label: string, showJump: () => void }} props */
export function TopBar({ label, showJump }) {
  const value = session.use();
  const isLive = value.isLive && isConnected(value);
  useShortcut("p", toggleLive);
  useShortcut("t", switchTheme);
  return html`<header class="top">
    <div class="crumbs"><span>${value.status?.app ?? "portable"}</span><span class="separator" aria-hidden="true">/</span><span class="pill">${value.status?.stage ?? "local"}</span>
      ${label && html`<span class="separator" aria-hidden="true">/</span><span>${label}</span>`}</div>
    <button class="jump" onClick=${showJump}><${Icon} name="search" /><span class="cut" title="Jump to function, trace, log">Jump to function, trace, log…</span><kbd>${JUMP_KEYS}</kbd></button>
    <div class="segments" role="group" aria-label="Time range">
      ${/** @type {(keyof RANGES)[]} */ (Object.keys(RANGES)).map((range) => html`<button aria-pressed=${range === value.range} onClick=${() => setRange(range)}>${range}</button>`)}
    </div>
    <button class=${`live ${isLive ? "" : "off"}`} aria-pressed=${isLive} onClick=${toggleLive}><span class="dot"></span>${isLive ? "Live" : value.isLive ? "Stopped" : "Paused"}</button>
    <button class="icon-button" aria-label="Switch theme" title="Light or dark (t)" onClick=${switchTheme}><${Icon} name="moon" /></button>
  </header>`;
}
