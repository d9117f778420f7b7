/** The pages, what there is of each, and whether the app is being watched. */
import { count, counted, duration, second } from "../library/format.js";
import { html } from "../library/html.js";
import { link } from "../library/routing.js";
import { isConnected, session } from "../library/session.js";
import { Icon } from "./icon.js";

/** @typedef {{ name: string, label: string, count?: string, key: string }} PageLink */

/** @type {[string, PageLink[]][]} */
export const PAGES = [
  ["", [
    { name: "overview", label: "Overview", key: "o" },
    { name: "invocations", label: "Invocations", key: "i" },
    { name: "traces", label: "Traces", key: "t" },
    { name: "logs", label: "Logs", key: "l" },
    { name: "issues", label: "Issues", key: "e" },
    { name: "map", label: "System map", key: "m" },
    { name: "cost", label: "Cost", key: "c" },
  ]],
  ["Resources", [
    { name: "functions", label: "Functions", count: "functions", key: "f" },
    { name: "api", label: "API", count: "routes", key: "a" },
    { name: "schedules", label: "Schedules", count: "schedules", key: "s" },
    { name: "queues", label: "Queues & topics", count: "queues", key: "q" },
    { name: "tables", label: "Tables", count: "tables", key: "d" },
    { name: "buckets", label: "Buckets", count: "buckets", key: "b" },
    { name: "values", label: "Secrets & config", count: "values", key: "v" },
  ]],
];

/** @param {{ current: string, showShortcuts: () => void }} props */
export function Navigation({ current, showShortcuts }) {
  const value = session.use();
  const { status } = value;
  const isOn = isConnected(value);
  const dropped = Object.entries(status?.dropped ?? {}).filter(([, one]) => Number(one) > 0);
  return html`<nav class="navigation" aria-label="Console">
    <div class="brand"><span class="brand-mark"><svg viewBox="0 0 14 14" aria-hidden="true"><rect x="1.5" y="4.3" width="11" height="7.7" rx="1.8" /><path d="M4.6 4.3V3.2A1.2 1.2 0 0 1 5.8 2h2.4a1.2 1.2 0 0 1 1.2 1.2v1.1M1.5 7.8h11" /></svg></span>portable</div>
    <div class="app-name">${status && html`<b class="cut">${status.app}</b><small>${status.stage} · ${status.services.length === 1 ? "1 service" : `${status.services.length} services`}</small>`}</div>
    ${PAGES.map(([heading, pages]) => html`${heading && html`<h2>${heading}</h2>`}
      ${pages.map((page) => {
        const number = page.name === "issues" ? status?.issues : page.count && status?.counts?.[page.count];
        return html`<a href=${link([page.name])} aria-current=${page.name === current ? "page" : null}>
          <${Icon} name=${page.name} />${page.label}${number ? html`<span class=${`badge ${page.name === "issues" ? "failing" : ""}`}>${count(number)}</span>` : null}</a>`;
      })}`)}
    <div class="foot"><div>
      <b><span class=${`dot ${isOn ? "" : "off"}`}></span>${watching(status, isOn)}</b>
      ${status?.last_reload && html`<span>Reloaded ${second(status.last_reload.at)} in ${duration(status.last_reload.seconds)}</span>`}
      ${dropped.length > 0 && html`<span class="care" title=${dropped.map(([name, one]) => `${counted(Number(one), name)}`).join(", ")}>${counted(dropped.reduce((sum, [, one]) => sum + Number(one), 0), "record")} not kept</span>`}
      <button onClick=${showShortcuts}>Press <kbd>?</kbd> for shortcuts</button>
    </div></div>
  </nav>`;
}

/** @param {any} status @param {boolean} isOn */
function watching(status, isOn) {
  if (!status) return "Connecting";
  if (!isOn) return "Stopped";
  return status.watched_files === 1 ? "Watching 1 file" : `Watching ${count(status.watched_files ?? 0)} files`;
}
