/** The shell: navigation, top bar, and the page that the address names. */
import { Jump } from "./components/jump.js";
import { Navigation, PAGES } from "./components/navigation.js";
import { Notices } from "./components/notices.js";
import { Shortcuts } from "./components/shortcuts.js";
import { Nothing } from "./components/states.js";
import { TopBar } from "./components/top_bar.js";
import "./library/cut_titles.js";
import { html, render, useEffect, useRef, useState } from "./library/html.js";
import { useShortcut } from "./library/keyboard.js";
import { go, useRoute } from "./library/routing.js";
import { isConnected, session, startSession } from "./library/session.js";
import { applyTheme } from "./library/theme.js";
import { ApiPage } from "./pages/api_explorer.js";
import { BucketsPage } from "./pages/buckets.js";
import { CostPage } from "./pages/cost.js";
import { FunctionsPage } from "./pages/functions.js";
import { InvocationsPage } from "./pages/invocations.js";
import { IssuesPage } from "./pages/issues.js";
import { LogsPage } from "./pages/logs.js";
import { OverviewPage } from "./pages/overview.js";
import { QueuesPage } from "./pages/queues.js";
import { SchedulesPage } from "./pages/schedules.js";
import { SystemMapPage } from "./pages/system_map.js";
import { TablesPage } from "./pages/tables.js";
import { TracesPage } from "./pages/traces.js";
import { ValuesPage } from "./pages/values.js";

/** @type {Record<string, any>} */
const BY_NAME = {
  overview: OverviewPage,
  invocations: InvocationsPage,
  traces: TracesPage,
  logs: LogsPage,
  issues: IssuesPage,
  map: SystemMapPage,
  cost: CostPage,
  functions: FunctionsPage,
  api: ApiPage,
  schedules: SchedulesPage,
  queues: QueuesPage,
  tables: TablesPage,
  buckets: BucketsPage,
  values: ValuesPage,
};

const LINKS = PAGES.flatMap(([, pages]) => pages);

/** @param {{ page: { name: string, key: string } }} props */
function PageShortcut({ page }) {
  useShortcut(`g ${page.key}`, () => go([page.name]));
  return null;
}

function focusFilter() {
  const field = document.querySelector("main [data-filter]");
  if (field instanceof HTMLInputElement) {
    field.focus();
    field.select();
  }
}

function App() {
  const route = useRoute();
  const value = session.use();
  const [sheet, setSheet] = useState("");
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  const name = route.path[0];
  const Page = BY_NAME[name];
  useShortcut("mod+k", () => setSheet(sheet === "jump" ? "" : "jump"));
  useShortcut("?", () => setSheet("shortcuts"));
  useShortcut("/", focusFilter);
  useEffect(() => {
    main.current?.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [name]);
  return html`${LINKS.map((page) => html`<${PageShortcut} key=${page.name} page=${page} />`)}
    <div class=${`frame ${isConnected(value) ? "" : "stopped"}`}>
      <${Navigation} current=${name} showShortcuts=${() => setSheet("shortcuts")} />
      <div class="frame-page">
        <${TopBar} label=${name === "overview" ? "" : LINKS.find((page) => page.name === name)?.label ?? ""} showJump=${() => setSheet("jump")} />
        <${Notices} />
        <main ref=${main} tabindex="-1">${
          Page ? html`<${Page} route=${route} />` : html`<${Nothing}>There is no page called ${name}.<//>`
        }</main>
      </div>
    </div>
    ${sheet === "jump" && html`<${Jump} onClose=${() => setSheet("")} />`}
    ${sheet === "shortcuts" && html`<${Shortcuts} onClose=${() => setSheet("")} />`}
    <div class="said" role="status">${value.said}</div>`;
}

applyTheme();
const root = /** @type {HTMLElement} */ (document.getElementById("root"));
startSession();
render(html`<${App} />`, root);
