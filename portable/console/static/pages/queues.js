/** What waits, what is being done, what is tried again, and what failed for good: sent again, or thrown away. */
import { Action, Danger } from "../components/buttons.js";
import { KINDS, Swatch, Verb } from "../components/marks.js";
import { Failure, Loaded, Missing, Nothing } from "../components/states.js";
import { get, post } from "../library/api.js";
import { useData } from "../library/data.js";
import { ago, count, counted } from "../library/format.js";
import { json, laidOut } from "../library/highlight.js";
import { html, useEffect, useState } from "../library/html.js";
import { link } from "../library/routing.js";
import { say, sayProblem } from "../library/session.js";

/** @param {{ route: import("../library/routing.js").Route }} props */
export function QueuesPage({ route }) {
  const loaded = useData(["queues"], {}, ["invocation"]);
  const chosen = route.path[1];
  return html`<div class="page"><div class="page-head"><div><h1>Queues & topics</h1><p>Everything that is delivered in the background, by the function that takes it</p></div></div>
    <div class="stack"><section class="card"><${Loaded} loaded=${loaded}>${(/** @type {any} */ { items }) => items.length
      ? html`<div class="scrolls" tabindex="0" role="region" aria-label="Queues"><table class="rows"><thead><tr><th>Source</th><th>Function</th><th class="right">Waiting</th><th class="right">In flight</th><th class="right">To be retried</th><th class="right">Dead letters</th><th>Oldest</th></tr></thead>
        <tbody>${items.map((/** @type {any} */ one) => html`<tr key=${one.handler} class=${one.handler === chosen ? "current" : ""}>
          <td><span class="row"><${Verb} verb=${KINDS[one.kind] ?? one.kind} /><span class="mono">${one.source}</span></span></td>
          <td><span class="row"><${Swatch} service=${one.service} /><a class="table-link mono" href=${link(["queues", one.handler])}>${one.handler}</a></span></td>
          <td class="right number">${count(one.depth)}</td><td class="right number">${count(one.in_flight)}</td><td class=${`right number ${one.retrying ? "care strong" : ""}`}>${count(one.retrying)}</td>
          <td class=${`right number ${one.dead ? "bad strong" : ""}`}>${count(one.dead)}</td><td class="number third">${one.oldest_at ? ago(one.oldest_at) : "–"}</td></tr>`)}</tbody></table></div>`
      : html`<${Nothing} snippet=${"@app.task(max_attempts=5)\ndef work(note: Note) -> None: ..."}>No task, topic or change is handled yet.<//>`}<//></section>
    ${chosen && loaded.data && !loaded.data.items.some((/** @type {any} */ one) => one.handler === chosen) ? html`<${Missing} what="queue" name=${chosen} />` : chosen && html`<${DeadLetters} key=${chosen} handler=${chosen} changed=${loaded.refresh} />`}</div></div>`;
}

/** @param {{ handler: string, changed: () => void }} props */
function DeadLetters({ handler, changed }) {
  const loaded = useData(["queues", handler, "dead-letters"], { limit: 100 }, ["invocation"]);
  const [more, setMore] = useState(/** @type {any} */ ({ items: [], next: undefined }));
  const [ids, setIds] = useState(/** @type {string[]} */ ([]));
  const [open, setOpen] = useState("");
  useEffect(() => setMore({ items: [], next: undefined }), [loaded.data]);
  const letters = [...(loaded.data?.items ?? []), ...more.items];
  const next = more.next === undefined ? loaded.data?.next : more.next;
  const picked = ids.filter((id) => letters.some((letter) => letter.id === id));
  const done = (/** @type {string} */ said) => {
    say(said);
    setIds([]);
    loaded.refresh();
    changed();
  };
  const redrive = async (/** @type {any} */ which) => {
    const { count: number } = await post(["queues", handler, "redrive"], which);
    done(`${counted(number, "dead letter")} sent again`);
  };
  const discard = async () => {
    const { count: number } = await post(["queues", handler, "discard"], { ids: picked });
    done(`${counted(number, "dead letter")} thrown away`);
  };
  const load = () => get(["queues", handler, "dead-letters"], { limit: 100, cursor: next }).then((page) => setMore({ items: [...more.items, ...page.items], next: page.next }), sayProblem);
  const toggle = (/** @type {string} */ id) => setIds(picked.includes(id) ? picked.filter((one) => one !== id) : [...picked, id]);
  return html`<section class="card"><header><h2>Dead letters of ${handler}</h2><span class="grow"></span>
      <${Danger} small ask=${`Discard ${picked.length} for good?`} disabled=${!picked.length} run=${discard}>Discard ${picked.length || ""}<//>
      <${Action} class="small" disabled=${!picked.length} run=${() => redrive({ ids: picked })}>Redrive ${picked.length || ""}<//>
      <${Action} class="small primary" disabled=${!letters.length} run=${() => redrive({ all: true })}>Redrive all<//></header>
    ${loaded.error && html`<div class="body"><${Failure} error=${loaded.error} retry=${loaded.refresh} /></div>`}
    ${loaded.data && !letters.length && html`<${Nothing}>No dead letters: nothing failed for good.<//>`}
    ${letters.length > 0 && html`<div class="scrolls" tabindex="0" role="region" aria-label="Dead letters"><table class="rows"><thead><tr><th><span class="unseen">Choose</span></th><th>Error</th><th class="right">Attempts</th><th>Died</th><th><span class="unseen">Actions</span></th></tr></thead>
      <tbody>${letters.map((letter) => html`<tr key=${letter.id}><td><label class="pick"><input type="checkbox" aria-label=${`Choose ${letter.id}`} checked=${picked.includes(letter.id)} onChange=${() => toggle(letter.id)} /></label></td>
        <td class="fits bad" title=${letter.error}>${letter.error || "–"}</td><td class="right number">${letter.attempts}</td><td class="number second">${ago(letter.died_at)}</td>
        <td class="right"><span class="row end">${letter.trace_id && html`<a class="button small" href=${link(["traces", letter.trace_id])}>Trace</a>`}<button class="button small" aria-expanded=${open === letter.id} onClick=${() => setOpen(open === letter.id ? "" : letter.id)}>Payload</button></span></td></tr>
        ${open === letter.id && html`<tr><td></td><td class="long" colspan="4"><pre class="code wrap tall" tabindex="0" aria-label="Payload">${laidOut(letter.body) ? json(laidOut(letter.body) ?? "") : letter.body}</pre></td></tr>`}`)}</tbody></table></div>`}
    ${next && html`<p class="more-line"><button class="button" onClick=${load}>Show more</button></p>`}</section>`;
}
