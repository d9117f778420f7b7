/** The system map: from the manifest, with the traffic and the failures of the last hour on its lines. */
import { Swatch } from "../components/marks.js";
import { Loaded, Nothing } from "../components/states.js";
import { useData } from "../library/data.js";
import { count, counted } from "../library/format.js";
import { html, useRef, useState } from "../library/html.js";
import { curve, layout, mermaid, NODE, placeLabels } from "../library/map_layout.js";
import { link } from "../library/routing.js";
import { save } from "../library/saving.js";
import { serviceColour, session } from "../library/session.js";
import { copy } from "../components/copy_button.js";

/** Where a node leads. @param {any} node */
function pageOf(node) {
  if (node.kind === "http") return link(["api"]);
  if (node.kind === "table" || node.kind === "bucket") return link([`${node.kind}s`, node.name]);
  if (node.kind === "function") return link(["functions", node.name]);
  return link([node.kind === "schedule" ? "schedules" : "queues"]);
}

export function SystemMapPage() {
  const loaded = useData(["map"], {}, ["invocation", "mark"]);
  const [isTable, setTable] = useState(false);
  const drawing = useRef(/** @type {SVGElement|null} */ (null));
  const { status } = session.use();
  const name = status?.app ?? "app";
  return html`<div class="page"><div class="page-head"><div><h1>System map</h1><p>What is declared, with the traffic of the last hour. Arrows go from what starts or uses to what is started or used.</p></div>
    ${loaded.data && html`<div class="actions"><button class="button" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>${isTable ? "As map" : "As table"}</button>
      <button class="button" onClick=${() => copy(mermaid(loaded.data.nodes, loaded.data.edges), "Copied as Mermaid")}>Copy as Mermaid</button>
      <button class="button" disabled=${isTable} onClick=${() => drawing.current && save(`${name}-map.svg`, standalone(drawing.current), "image/svg+xml")}>Save as SVG</button></div>`}</div>
    <section class="card"><${Loaded} loaded=${loaded}>${(/** @type {any} */ data) => data.nodes.length
      ? isTable ? html`<${EdgeTable} data=${data} />` : html`<${Drawing} data=${data} drawing=${drawing} />`
      : html`<${Nothing} snippet=${'@app.get("/")\ndef hello() -> str:\n    return "hello"'}>The app declares nothing yet.<//>`}<//></section></div>`;
}

/** @param {{ data: any, drawing: any }} props */
function Drawing({ data, drawing }) {
  const [near, setNear] = useState("");
  const { nodes, width, height } = layout(data.nodes, data.edges);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = data.edges.filter((/** @type {any} */ edge) => byId.has(edge.from) && byId.has(edge.to));
  const labelled = edges.filter((/** @type {any} */ edge) => (near ? edge.from === near || edge.to === near : edge.calls)).sort((/** @type {any} */ left, /** @type {any} */ right) => right.failed - left.failed || right.calls - left.calls);
  const label = (/** @type {any} */ edge) => ({
    text: edge.calls ? `${count(edge.calls)}${edge.failed ? `, ${count(edge.failed)} failed` : ""}` : edge.verbs.join(", "),
    at: curve(/** @type {any} */ (byId.get(edge.from)), /** @type {any} */ (byId.get(edge.to))).at,
  });
  const most = Math.max(1, ...edges.map((/** @type {any} */ edge) => edge.calls));
  return html`<div class="map scrolls body" tabindex="0" role="region" aria-label="Map"><svg ref=${drawing} viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="group" aria-label=${`${counted(nodes.length, "node")}, ${counted(edges.length, "edge")}`}>
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0 8 4 0 8z" /></marker></defs>
    ${edges.map((/** @type {any} */ edge) => {
      const { path } = curve(/** @type {any} */ (byId.get(edge.from)), /** @type {any} */ (byId.get(edge.to)));
      const isFaint = near && edge.from !== near && edge.to !== near;
      return html`<path d=${path} class=${edge.failed ? "failing" : edge.calls ? "busy" : ""} opacity=${isFaint ? 0.15 : 1} stroke-width=${edge.calls ? 1.2 + 1.8 * Math.sqrt(edge.calls / most) : 1} marker-end="url(#arrow)"><title>${edgeText(edge)}</title></path>`;
    })}
    ${placeLabels(labelled.map(label), nodes).map(({ text, x, y, width: wide }, index) => html`<g><rect class="edge-plate" x=${x - wide / 2} y=${y - 8.5} width=${wide} height="17" rx="4" /><text class=${`edge-text ${labelled[index].failed ? "failing" : ""}`} x=${x} y=${y + 4} text-anchor="middle">${text}</text></g>`)}
    ${nodes.map((node) => html`<a href=${pageOf(node)} key=${node.id} onMouseEnter=${() => setNear(node.id)} onMouseLeave=${() => setNear("")} onFocus=${() => setNear(node.id)} onBlur=${() => setNear("")}><g class="node" transform=${`translate(${node.x} ${node.y})`}>
      <title>${node.name}</title><rect width=${NODE.width} height=${NODE.height} rx="6" /><rect class="node-mark" x="0" y="8" width="3" height=${NODE.height - 16} style=${{ fill: serviceColour(node.service), stroke: "none" }} />
      <text x="14" y="17">${shortened(node.kind === "http" ? "HTTP requests" : node.name, 32)}</text><text class="node-kind" x="14" y="32">${node.kind}${node.service && node.kind !== "http" ? `, ${node.service}` : ""}</text></g></a>`)}
  </svg></div>`;
}

/** @param {string} text @param {number} most */
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** @param {any} edge */
const edgeText = (edge) => `${edge.from} → ${edge.to}: ${edge.verbs.join(", ")}; ${counted(edge.calls, "call")}, ${count(edge.failed)} failed`;

/** @param {{ data: any }} props */
function EdgeTable({ data }) {
  const byId = new Map(data.nodes.map((/** @type {any} */ node) => [node.id, node]));
  const label = (/** @type {string} */ id) => {
    const node = byId.get(id);
    return node ? html`<span class="row"><${Swatch} service=${node.service} /><span class="third">${node.kind}</span> <span class="mono">${node.name}</span></span>` : id;
  };
  return html`<div class="scrolls" tabindex="0" role="region" aria-label="Edges"><table class="rows"><thead><tr><th>From</th><th>To</th><th>How</th><th class="right">Calls</th><th class="right">Failed</th></tr></thead>
    <tbody>${data.edges.map((/** @type {any} */ edge) => html`<tr><td>${label(edge.from)}</td><td>${label(edge.to)}</td><td class="mono second">${edge.verbs.join(", ")}</td><td class="right number">${count(edge.calls)}</td><td class=${`right number ${edge.failed ? "bad strong" : ""}`}>${count(edge.failed)}</td></tr>`)}</tbody></table></div>`;
}

/** The drawing as a file that needs no stylesheet. @param {SVGElement} drawing */
function standalone(drawing) {
  const copied = /** @type {SVGElement} */ (drawing.cloneNode(true));
  const live = [drawing, ...drawing.querySelectorAll("*")];
  [copied, ...copied.querySelectorAll("*")].forEach((element, index) => {
    const style = getComputedStyle(live[index]);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "font-weight", "opacity"]) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("style");
    element.removeAttribute("class");
    if (element.tagName === "a") element.removeAttribute("href");
  });
  copied.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copied);
}
