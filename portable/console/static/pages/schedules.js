/** Schedules: when next, run now, pause. */
import { Action } from "../components/buttons.js";
import { Swatch } from "../components/marks.js";
import { Loaded, Nothing } from "../components/states.js";
import { post } from "../library/api.js";
import { useData, useSeconds } from "../library/data.js";
import { ago, day, minute, second, until } from "../library/format.js";
import { html } from "../library/html.js";
import { link } from "../library/routing.js";
import { say } from "../library/session.js";

/** @param {number} at */
const short = (at) => (day(at) === "Today" ? minute(at) : `${day(at)} ${minute(at)}`);

export function SchedulesPage() {
  const loaded = useData(["schedules"], {}, ["invocation", "status"]);
  const now = useSeconds();
  const act = async (/** @type {any} */ one, /** @type {string} */ what, /** @type {string} */ said) => {
    await post(["schedules", one.handler, what]);
    say(`${one.handler} ${said}`);
    loaded.refresh();
  };
  return html`<div class="page"><div class="page-head"><div><h1>Schedules</h1><p>The next five runs, in the time of this machine</p></div></div>
    <section class="card"><${Loaded} loaded=${loaded}>${(/** @type {any} */ { items }) => items.length
      ? html`<div class="scrolls" tabindex="0" role="region" aria-label="Schedules"><table class="rows"><thead><tr><th>Function</th><th>When</th><th>Next</th><th>Then</th><th>Last run</th><th><span class="unseen">Actions</span></th></tr></thead>
        <tbody>${items.map((/** @type {any} */ one) => html`<tr key=${one.handler}>
          <td><span class="row"><${Swatch} service=${one.service} /><a class="table-link mono" href=${link(["functions", one.handler])}>${one.handler}</a></span></td>
          <td class="long"><span title=${`${one.cron} in ${one.zone}`}>${one.text}</span></td>
          <td class="number">${one.is_paused ? html`<span class="chip care">Paused</span>` : one.next[0] ? html`<b class="strong">${until(one.next[0], now)}</b> <span class="third">${second(one.next[0])}</span>` : "–"}</td>
          <td class="long number third">${one.is_paused ? "" : one.next.slice(1, 5).map(short).join(", ")}</td>
          <td class="number second">${ago(one.last, now)}</td>
          <td class="right"><span class="row end"><${Action} class="small" label=${`${one.is_paused ? "Resume" : "Pause"} ${one.handler}`} run=${() => act(one, one.is_paused ? "resume" : "pause", one.is_paused ? "runs again" : "is paused")}>${one.is_paused ? "Resume" : "Pause"}<//>
            <${Action} class="small" label=${`Run now: ${one.handler}`} run=${() => act(one, "run", "runs now")}>Run now<//></span></td></tr>`)}</tbody></table></div>`
      : html`<${Nothing} snippet="@app.every(minutes=15)">No schedules yet.<//>`}<//></section></div>`;
}
