/** Failures that are alike, as one line each; one of them with the invocations that it happened in. */
import { Action } from "../components/buttons.js";
import { Icon } from "../components/icon.js";
import { Result, Swatch } from "../components/marks.js";
import { Sparkline } from "../components/sparkline.js";
import { Loaded, Nothing } from "../components/states.js";
import { post } from "../library/api.js";
import { useData } from "../library/data.js";
import { ago, count, counted, duration, moment } from "../library/format.js";
import { html, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { go, link } from "../library/routing.js";
import { say } from "../library/session.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export const IssuesPage = ({ route }) => (route.path[1] ? html`<${IssuePage} key=${route.path[1]} id=${route.path[1]} />` : html`<${IssueList} />`);

function IssueList() {
  const loaded = useData(["issues"], {}, ["issue"]);
  const [at, setAt] = useState(-1);
  const items = loaded.data?.items ?? [];
  useShortcut("j", () => setAt(Math.min(items.length - 1, at + 1)));
  useShortcut("k", () => setAt(Math.max(0, at - 1)));
  useShortcut("Enter", items[at] ? () => go(["issues", items[at].id]) : null);
  return html`<div class="page"><div class="page-head"><div><h1>Issues</h1><p>Failures that are alike, the last one first</p></div></div>
    <section class="card"><${Loaded} loaded=${loaded}>${() => items.length
      ? html`<div class="scrolls" tabindex="0" role="region" aria-label="Issues"><table class="rows"><thead><tr><th>What failed</th><th>Function</th><th>Last 24 hours</th><th class="right">Times</th><th>First</th><th>Last</th><th><span class="unseen">Actions</span></th></tr></thead>
        <tbody>${items.map((/** @type {any} */ one, /** @type {number} */ index) => html`<tr key=${one.id} class=${index === at ? "current" : ""}>
          <td class="long broken"><a class="table-link" href=${link(["issues", one.id])}>${one.title}</a> ${one.is_muted && html`<span class="chip">muted</span>`}</td>
          <td><span class="row"><${Swatch} service=${one.service} /><span class="mono second">${one.handler || "no handler"}</span></span></td>
          <td><${Sparkline} values=${one.sparkline} colour="--c-err" /></td><td class="right number strong">${count(one.count)}</td>
          <td class="number third">${ago(one.first_at)}</td><td class="number second">${ago(one.last_at)}</td>
          <td class="right"><${Mute} issue=${one} done=${loaded.refresh} /></td></tr>`)}</tbody></table></div>`
      : html`<${Nothing}>Nothing has failed. An invocation that raises comes here, grouped with those that fail alike.<//>`}<//></section></div>`;
}

/** @param {{ issue: any, done: () => void }} props */
function Mute({ issue, done }) {
  const run = async () => {
    await post(["issues", issue.id, "mute"], { is_muted: !issue.is_muted });
    say(issue.is_muted ? "Shown again" : "Muted: it is still counted, but not in the number beside Issues");
    done();
  };
  return html`<${Action} class="small" run=${run} label=${`${issue.is_muted ? "Unmute" : "Mute"} ${issue.title}`}>${issue.is_muted ? "Unmute" : "Mute"}<//>`;
}

/** @param {{ id: string }} props */
function IssuePage({ id }) {
  const loaded = useData(["issues", id], {}, ["issue", "invocation"]);
  useShortcut("Escape", () => go(["issues"]));
  return html`<div class="page"><${Loaded} loaded=${loaded}>${(/** @type {any} */ issue) => html`
    <div class="page-head"><div><h1>Issue</h1><p class="mono">${issue.handler}</p></div><div class="actions"><a class="button" href=${link(["issues"])}>All issues</a><${Mute} issue=${issue} done=${loaded.refresh} />
      ${issue.last_invocation && html`<a class="button primary" href=${link(["invocations", issue.last_invocation])}>Open the last one</a>`}</div></div>
    <div class="stack"><div class="banner"><${Icon} name="issues" /><div><b>${issue.title}</b><p>${counted(issue.count, "time")}, first ${ago(issue.first_at)}, last ${ago(issue.last_at)}.</p></div></div>
    <section class="card"><header><h2>Invocations</h2><span class="more hint">the last ${issue.invocations.length}</span></header>
      <div class="scrolls" tabindex="0" role="region" aria-label="Invocations"><table class="rows"><thead><tr><th>Result</th><th>Start time</th><th class="right">Duration</th><th>Attempt</th><th>Error</th></tr></thead>
      <tbody>${issue.invocations.map((/** @type {any} */ one) => html`<tr key=${one.id}><td><${Result} outcome=${one.outcome} /></td><td><a class="table-link number" href=${link(["invocations", one.id])}>${moment(one.started_at)}</a></td>
        <td class="right number">${duration(one.seconds)}</td><td class="number second">${one.attempt} of ${one.max_attempts}</td><td class="fits second" title=${one.error}>${one.error}</td></tr>`)}</tbody></table></div></section></div>`}<//></div>`;
}
