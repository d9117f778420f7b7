/** One invocation: what came in, what it did, what it said, what came out, and how to run it again. */
import { Action } from "../components/buttons.js";
import { CodeFrame } from "../components/code_frame.js";
import { copy } from "../components/copy_button.js";
import { DifferenceCard } from "../components/difference_card.js";
import { Icon } from "../components/icon.js";
import { LogLines } from "../components/log_lines.js";
import { entryOf, ResultChip } from "../components/marks.js";
import { PayloadCard } from "../components/payload.js";
import { ReplaySheet } from "../components/replay_sheet.js";
import { SpanLines } from "../components/span_lines.js";
import { Loaded } from "../components/states.js";
import { TestSheet } from "../components/test_sheet.js";
import { useData } from "../library/data.js";
import { ago, clock, counted, day, duration, fileName, money, shortId } from "../library/format.js";
import { hints } from "../library/hints.js";
import { html, useState } from "../library/html.js";
import { useShortcut } from "../library/keyboard.js";
import { replay } from "../library/replay.js";
import { link } from "../library/routing.js";
import { isConnected, sayProblem, session } from "../library/session.js";

/** @type {Record<string, string>} */
const SOURCES = { http: "Route", task: "Task", topic: "Topic", schedule: "Schedule", bucket: "Bucket", table: "Table" };

/** @param {{ id: string }} props */
export function InvocationDetail({ id }) {
  const loaded = useData(["invocations", id], {}, ["log"]);
  return html`<${Loaded} loaded=${loaded} rows=${9}>${(/** @type {any} */ one) => html`<${Detail} one=${one} />`}<//>`;
}

/** @param {{ one: any }} props */
function Detail({ one }) {
  const [sheet, setSheet] = useState("");
  const isOn = isConnected(session.use());
  // What was redacted is asked for first.
  const again = async () => (one.needed.length ? setSheet("replay") : replay(one.id));
  useShortcut("r", isOn ? () => again().catch(sayProblem) : null);
  useShortcut("e", isOn ? () => setSheet("replay") : null);
  useShortcut("c", () => copy(one.id, "Copied the id"));
  const { text } = entryOf(one);
  const place = one.frame && `${fileName(one.frame.file)}:${one.frame.line}`;
  return html`<article>
    <div class="title-line"><h2>${one.handler || "No handler"}</h2><${ResultChip} outcome=${one.outcome} status=${one.status} />
      ${one.max_attempts > 1 && html`<span class="chip">Attempt ${one.attempt} of ${one.max_attempts}</span>`}${one.cold && html`<span class="chip">Cold start</span>`}
      <div class="actions">
        ${place && html`<button class="button" onClick=${() => copy(`${one.frame.path ?? one.frame.file}:${one.frame.line}`, `Copied ${place}`)}>Copy ${place}</button>`}
        <${Action} run=${() => setSheet("test")}>Save as test<//>
        <${Action} run=${() => setSheet("replay")}>Edit and replay<//>
        <${Action} class="primary" run=${again}>Replay <kbd>R</kbd><//>
      </div></div>
    <dl class="facts">
      <div><dt>${SOURCES[one.kind] ?? one.kind}</dt><dd>${one.kind === "http" ? one.name : text}</dd></div>
      ${one.kind === "http" && one.status > 0 && html`<div><dt>Status</dt><dd>${one.status}</dd></div>`}
      <div><dt>Started</dt><dd>${day(one.started_at) === "Today" ? "" : `${day(one.started_at)} `}${clock(one.started_at)}</dd></div>
      <div><dt>Took</dt><dd>${duration(one.seconds)}</dd></div>
      ${one.waited > 0 && html`<div><dt>Waited</dt><dd>${duration(one.waited)}</dd></div>`}
      <div><dt>Cost per 1M</dt><dd title="An estimate from list prices">${money(one.cost_per_million)}</dd></div>
      <div><dt>Trace</dt><dd class="mono"><a class="link" href=${link(["traces", one.trace_id])}>${shortId(one.trace_id)}</a></dd></div>
      <div><dt>Id</dt><dd class="mono">${one.id}</dd></div>
      ${one.replay_of && html`<div><dt>Replay of</dt><dd class="mono"><a class="link" href=${link(["invocations", one.replay_of])}>${one.replay_of}</a></dd></div>`}
    </dl>
    ${one.error && html`<div class=${`banner ${one.outcome === "succeeded" ? "care" : ""}`}><${Icon} name="issues" /><div><b>${one.error}</b>
      <p>${hints(one).map((hint) => html`${hint.text} ${hint.code && html`<code>${hint.code}</code> `}`)}</p></div></div>`}
    ${one.replay_of && html`<${DifferenceCard} one=${one} />`}
    <${TraceCard} one=${one} />
    <div class="two"><${PayloadCard} title="Request" payload=${one.request} absent="What came in was not kept: payloads are switched off." />
      ${one.frame && html`<${CodeFrame} frame=${one.frame} />`}
      ${(one.response || !one.frame) && html`<${PayloadCard} title="Response" payload=${one.response} absent=${one.kind === "http" ? "What was answered was not kept: payloads are switched off, or nothing was answered." : `A ${one.kind} handler answers nobody: it has no response.`} />`}
      ${one.traceback && html`<section class=${`card ${one.response ? "" : "whole"}`}><header><h2>Traceback</h2></header><pre class="code tall" tabindex="0" aria-label="Traceback">${one.traceback}</pre></section>`}
    </div>
    ${one.replays.length > 0 && html`<section class="card"><header><h2>Replays</h2></header><div class="choices">${one.replays.map((/** @type {any} */ other) => html`<a class="choice" href=${link(["invocations", other.id])}><${ResultChip} outcome=${other.outcome} /><span class="mono">${other.id}</span><span class="count">${ago(other.started_at)}</span></a>`)}</div></section>`}
    <section class="card"><header><h2>Logs</h2><span class="more hint">${counted(one.logs.length, "line")}, all levels</span></header>${one.logs.length ? html`<${LogLines} logs=${one.logs} />` : html`<p class="quiet">It logged and printed nothing.</p>`}</section>
    ${sheet === "replay" && html`<${ReplaySheet} one=${one} onClose=${() => setSheet("")} />`}
    ${sheet === "test" && html`<${TestSheet} one=${one} onClose=${() => setSheet("")} />`}
  </article>`;
}

/** @param {{ one: any }} props */
function TraceCard({ one }) {
  const { data } = useData(["traces", one.trace_id], {}, ["invocation", "span"]);
  const spans = data?.spans ?? [];
  return html`<section class="card"><header><h2>Trace</h2><span class="more hint">${spans.length ? counted(spans.length, "span") : ""}</span></header>
    ${spans.length ? html`<${SpanLines} spans=${spans} current=${spans.length > 1 ? one.id : ""} />` : html`<div style=${{ height: "49px" }}></div>`}</section>`;
}
