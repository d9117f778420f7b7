/** What a replay did otherwise than the first run: result, time, and each thing that differs, as `portable replay` says it. */
import { useData } from "../library/data.js";
import { counted, duration, signed } from "../library/format.js";
import { html } from "../library/html.js";
import { link } from "../library/routing.js";
import { ResultChip } from "./marks.js";

/** A value as it is read: texts as they are, calls one a line, anything else as JSON. @param {any} value */
export function shown(value) {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return value || "(empty)";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join("\n") || "nothing";
  return JSON.stringify(value, null, 1);
}

/** @param {{ one: any }} props */
export function DifferenceCard({ one }) {
  const { data: first } = useData(["invocations", one.replay_of]);
  const { data } = useData(["invocations", one.id, "difference"]);
  if (!first || !data) return null;
  const changed = data.items.filter((/** @type {any} */ item) => !item.is_volatile);
  const fresh = data.items.filter((/** @type {any} */ item) => item.is_volatile);
  return html`<section class="card"><header><h2>Compared with the first run</h2><a class="more link" href=${link(["invocations", first.id])}>Open it</a></header>
    <div class="body row wrap"><${ResultChip} outcome=${first.outcome} />${first.status || ""}<span aria-hidden="true">→</span><span class="unseen">became</span><${ResultChip} outcome=${one.outcome} />${one.status || ""}<span class="third number">${signed(one.seconds - first.seconds, duration)}, ${changed.length ? counted(changed.length, "difference") : "nothing differs"}</span></div>
    ${changed.length > 0 && html`<div class="scrolls" tabindex="0" role="region" aria-label="Differences"><table class="rows differences"><thead><tr><th>Where</th><th>First run</th><th>This run</th></tr></thead>
      <tbody>${changed.map((/** @type {any} */ item) => html`<tr key=${item.where}><td class="mono">${item.where}</td>
        <td class="long"><pre class="removed"><span class="unseen">was </span>${shown(item.recorded)}</pre></td><td class="long"><pre class="added"><span class="unseen">is </span>${shown(item.now)}</pre></td></tr>`)}</tbody></table></div>`}
    ${fresh.length > 0 && html`<p class="quiet">New each time: <span class="mono">${fresh.map((/** @type {any} */ item) => item.where).join(", ")}</span></p>`}
  </section>`;
}
