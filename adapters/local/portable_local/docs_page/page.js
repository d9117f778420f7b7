// The page: the document's operations by tag, each with what goes in, what comes out, and a form to try it.

import { el, fill, inline, json, prose } from "./dom.js";
import { requestForm } from "./form.js";
import { Schemas } from "./schema.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];
const $ = (id) => document.getElementById(id);
let operations = [];

async function start() {
  let loaded;
  try {
    const response = await fetch("/_portable/docs/openapi.json", { cache: "no-store" });
    loaded = await response.json();
    if (!response.ok) throw new Error(loaded.detail ?? loaded.title);
  } catch (error) {
    fill($("title"), "The API");
    fill($("operations"), el("p", { class: "banner", role: "alert" },
      el("b", {}, "The document cannot be shown. "), error.message));
    return;
  }
  show(loaded);
}

function show(loaded) {
  document.title = `${loaded.info.title} · API · portable dev`;
  fill($("app"), loaded.info.title);
  fill($("version"), `version ${loaded.info.version}`);
  fill($("crumb"), loaded.info.title);
  fill($("title"), `${loaded.info.title} API`);
  if (loaded.info.description) fill($("about"), prose(loaded.info.description));
  const schemas = new Schemas(loaded);
  operations = Object.entries(loaded.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => draw(loaded, schemas, path, method, item[method])));
  if (!operations.length) {
    fill($("operations"), el("div", { class: "card empty" }, el("p", {}, "No routes yet."),
      el("pre", {}, '@app.get("/hello")\ndef hello() -> str:\n    return "hello"')));
    return;
  }
  const groups = (loaded.tags ?? []).map((tag) => ({ tag, list: operations.filter(({ of }) => of === tag.name) }));
  fill($("index"), groups.map(({ tag, list }) => [
    el("h2", {}, tag.name), el("ul", {}, list.map(({ entry }) => el("li", {}, entry))),
  ]));
  fill($("operations"),
    groups.map(({ tag, list }) => el("section", { class: "group", "aria-label": tag.name },
      el("h2", {}, tag.name), tag.description ? prose(tag.description) : null,
      el("div", { class: "card" }, list.map(({ details }) => details)))),
    el("div", { class: "card empty", id: "nothing", hidden: true }, el("p", {}),
      el("button", { type: "button", class: "button", on: { click: clear } }, "Clear the filter")));
  filter();
  follow();
}

function draw(loaded, schemas, path, method, operation) {
  const id = operation.operationId;
  const verb = el("span", { class: `verb ${method}` }, method.toUpperCase());
  const summary = el("summary", {}, verb, el("span", { class: "mono path" }, path),
    operation.deprecated ? el("span", { class: "chip warn" }, "deprecated") : null,
    el("span", { class: "said" }, inline(operation.summary)));
  const inner = el("div", { class: "operation" });
  const details = el("details", { id: `operation-${id}` }, summary, inner);
  const open = () => {
    details.open = true;
    if (inner.hasChildNodes()) return;
    fill(inner, el("div", { class: "described" }, described(loaded, schemas, operation)),
      requestForm(schemas, method, path, operation));
  };
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    open();
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
    mark(id);
  });
  const entry = el("a", { href: `#${encodeURIComponent(id)}`, title: `${method.toUpperCase()} ${path}` },
    el("span", { class: `verb ${method}` }, method.toUpperCase()), el("span", { class: "mono" }, path));
  const text = `${method} ${path} ${id} ${operation.summary}`.toLowerCase();
  return { id, of: operation.tags?.[0], details, summary, entry, open, text };
}

function described(loaded, schemas, operation) {
  const parameters = operation.parameters ?? [];
  return [
    operation.description ? prose(operation.description) : null,
    parameters.length ? [
      el("h4", {}, "Parameters"),
      el("ul", { class: "schema" }, parameters.map((parameter) => el("li", {},
        el("div", { class: "row" }, el("span", { class: "mono field" }, parameter.name),
          el("span", { class: "type" }, `${parameter.in} · ${schemas.type(parameter.schema ?? {})}`),
          parameter.required ? el("span", { class: "chip" }, "required") : null,
          parameter.deprecated ? el("span", { class: "chip warn" }, "deprecated") : null,
          schemas.notes(parameter.schema ?? {}).map((note) => el("span", { class: "note" }, note))),
        parameter.description ? prose(parameter.description) : null))),
    ] : null,
    operation.requestBody ? [
      el("h4", {}, "Body"),
      operation.requestBody.description ? prose(operation.requestBody.description) : null,
      contents(schemas, operation.requestBody.content),
    ] : null,
    el("h4", {}, "Answers"),
    Object.entries(operation.responses).map(([status, response]) => answer(loaded, schemas, status, response)),
  ];
}

function answer(loaded, schemas, status, response) {
  const shared = response.$ref?.startsWith("#/components/responses/");
  const whole = shared ? loaded.components.responses[response.$ref.split("/").pop()] : response;
  const kind = /^2/.test(status) ? "ok" : /^[45]/.test(status) || status === "default" ? "err" : "";
  const head = [el("b", { class: `code ${kind}` }, status === "default" ? "other" : status), el("span", {}, inline(whole.description))];
  if (!whole.content) return el("div", { class: "answer row" }, head);
  const details = el("details", { class: "answer", open: !shared });
  const inner = el("div", {});
  details.append(el("summary", { class: "row" }, head), inner);
  const fillIn = () => {
    if (details.open && !inner.hasChildNodes()) fill(inner, contents(schemas, whole.content));
  };
  details.addEventListener("toggle", fillIn);
  fillIn();
  return details;
}

function contents(schemas, content) {
  return Object.entries(content).map(([type, { schema, example }]) => el("div", { class: "content" },
    el("div", { class: "row" }, el("span", { class: "mono" }, type), el("span", { class: "type" }, schema ? schemas.type(schema) : "")),
    schema && schemas.target(schema).description ? prose(schemas.target(schema).description) : null,
    schema && schemas.parts(schema).length ? schemas.view(schema) : null,
    example !== undefined && schema && schemas.parts(schema).length
      ? el("details", { class: "example" }, el("summary", {}, "Example"), el("pre", { tabindex: "0" }, typeof example === "string" ? example : json(example)))
      : null));
}

// Filter, links and keys

function filter() {
  const wanted = $("filter").value.trim().toLowerCase();
  let found = 0;
  for (const { details, entry, text } of operations) {
    const fits = text.includes(wanted);
    details.hidden = entry.parentElement.hidden = !fits;
    found += fits ? 1 : 0;
  }
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector("details:not([hidden])");
  for (const title of document.querySelectorAll("#index h2")) title.hidden = !title.nextElementSibling.querySelector("li:not([hidden])");
  $("nothing").hidden = found > 0;
  fill($("nothing").firstElementChild, `No operation matches “${wanted}”.`);
  fill($("said"), wanted ? `${found} of ${operations.length} operations` : "");
}

function clear() {
  $("filter").value = "";
  filter();
  $("filter").focus();
}

function follow() {
  let wanted;
  try {
    wanted = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  const found = operations.find(({ id }) => id === wanted);
  if (!found) return;
  found.open();
  mark(wanted);
  found.details.scrollIntoView({ block: "start" });
  found.entry.scrollIntoView({ block: "nearest" });
  found.summary.focus({ preventScroll: true });
}

function mark(wanted) {
  for (const { id, entry } of operations) {
    if (id === wanted) entry.setAttribute("aria-current", "true");
    else entry.removeAttribute("aria-current");
  }
}

function move(step) {
  const seen = operations.filter(({ details }) => !details.hidden);
  const at = seen.findIndex(({ summary }) => summary === document.activeElement);
  const next = seen[Math.min(seen.length - 1, Math.max(0, at + step))];
  next?.summary.focus();
}

addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") $("filter").focus();
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else return;
  event.preventDefault();
});
addEventListener("hashchange", follow);
$("filter").addEventListener("input", () => operations.length && filter());
start();
