/** What is shown when there is nothing, not yet anything, or something went wrong. */
import { html } from "../library/html.js";
import { CopyButton } from "./copy_button.js";
import { Icon } from "./icon.js";

/** @param {{ children?: any, snippet?: string, action?: any }} props */
export const Nothing = ({ children, snippet, action }) => html`<div class="nothing">
  <p>${children}</p>
  ${snippet && html`<div class="snippet"><code>${snippet}</code><${CopyButton} text=${snippet} label="Copy the code" /></div>`}
  ${action}
</div>`;

/** An address names what the app does not have. @param {{ what: string, name: string }} props */
export const Missing = ({ what, name }) => html`<section class="card"><${Nothing}>There is no ${what} <span class="mono">${name}</span>.<//></section>`;

/** @param {{ error: import("../library/api.js").Problem, retry?: () => void }} props */
export const Failure = ({ error, retry }) => html`<div class="banner" role="alert">
  <${Icon} name="issues" />
  <div><b>${error.title}</b>${error.detail && html`<p>${error.detail}</p>`}
    ${retry && html`<p><button class="button small" onClick=${retry}>Try again</button></p>`}</div>
</div>`;

/** Grey blocks where the rows will be. @param {{ rows?: number, height?: number }} props */
export const Blocks = ({ rows = 6, height = 18 }) => html`<div class="blocks" role="status" aria-label="Loading">
  ${Array.from({ length: rows }, (_, row) => html`<span class="block" style=${{ height: `${height}px`, width: `${94 - ((row * 17) % 40)}%` }}></span>`)}
</div>`;

/**
 * One of: the failure, the blocks, the content.
 * @param {{ loaded: import("../library/data.js").Loaded, rows?: number, children: (data: any) => any }} props
 */
export function Loaded({ loaded, rows, children }) {
  if (loaded.data !== null) return children(loaded.data);
  if (loaded.error) return html`<div class="body"><${Failure} error=${loaded.error} retry=${loaded.refresh} /></div>`;
  return loaded.isSlow ? html`<${Blocks} rows=${rows} />` : html`<div style=${{ minHeight: "80px" }}></div>`;
}
