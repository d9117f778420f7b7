// "Send a request": fields for an operation's parameters and body, the answer, and the line for a shell.

import { append, copyButton, el, fill, json } from "./dom.js";
import { curl, requestOf, send } from "./request.js";

const MOST_SHOWN = 200_000;
const FORM = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";
let count = 0;

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const listed = (value) => (Array.isArray(value) ? value.map(shown).join("\n") : shown(value));

// One field: its element, and what was given as a list of texts (or files).
function field(schemas, name, { schema, example, required, where }) {
  const whole = schemas.target(schema);
  const many = whole.type === "array";
  const inner = many ? schemas.target(whole.items ?? {}) : whole;
  const id = `field-${(count += 1)}`;
  const common = { id, required };
  const hint = example === undefined ? "" : listed(example);
  let input;
  let read = () => (input.value === "" ? [] : [input.value]);
  if (inner.contentMediaType) {
    input = el("input", { ...common, type: "file", multiple: many });
    read = () => [...input.files];
  } else if (many) {
    input = el("textarea", { ...common, rows: 2, placeholder: hint || "one on each line", spellcheck: "false" });
    if (required) input.value = hint;
    read = () => input.value.split("\n").filter((line) => line !== "");
  } else if (inner.enum || inner.type === "boolean") {
    const choices = (inner.enum ?? [true, false]).map(shown);
    input = el("select", common, required ? null : el("option", { value: "" }, "–"),
      choices.map((choice) => el("option", { value: choice }, choice)));
    if (required && example !== undefined) input.value = hint;
  } else {
    input = el("input", { ...common, type: "text", placeholder: hint, autocomplete: "off", spellcheck: "false" });
    if (required) input.value = hint;
  }
  const label = el("label", { for: id }, el("span", { class: "mono" }, name),
    el("span", { class: "type" }, where ?? "", many && !inner.contentMediaType ? " · one on each line" : ""),
    required ? el("span", { class: "chip" }, "required") : null);
  return { name, element: el("div", { class: "field" }, label, input), read };
}

function bodyPart(schemas, content) {
  const types = Object.keys(content);
  const type = types.includes(MULTIPART) && !types.includes(FORM) ? MULTIPART : types[0];
  const { schema, example } = content[type];
  if (type === FORM || type === MULTIPART) {
    const whole = schemas.target(schema ?? {});
    const fields = Object.entries(whole.properties ?? {}).map(([name, part]) =>
      field(schemas, name, {
        schema: part, example: example?.[name], required: (whole.required ?? []).includes(name), where: "form",
      }));
    const pairs = () => fields.flatMap(({ name, read }) => read().map((value) => [name, value]));
    return {
      element: fields.map(({ element }) => element),
      read: () => type === MULTIPART
        ? { fields: pairs() }
        : { type, text: pairs().map((pair) => pair.map(encodeURIComponent).join("=")).join("&") },
    };
  }
  const id = `field-${(count += 1)}`;
  if (type !== "application/json") {
    const input = el("input", { id, type: "file" });
    const element = el("div", { class: "field" }, el("label", { for: id }, "Body", el("span", { class: "type" }, type)), input);
    return { element, read: () => (input.files.length ? { type, file: input.files[0] } : undefined) };
  }
  const input = el("textarea", { id, class: "mono", spellcheck: "false", rows: 3 });
  input.value = example === undefined ? "" : json(example);
  input.rows = Math.min(16, Math.max(3, input.value.split("\n").length));
  const element = el("div", { class: "field" }, el("label", { for: id }, "Body", el("span", { class: "type" }, type)), input);
  return { element, read: () => (input.value.trim() === "" ? undefined : { type, text: input.value }) };
}

export function requestForm(schemas, method, path, operation) {
  const parameters = operation.parameters ?? [];
  const fields = parameters.map((parameter) => ({
    parameter,
    ...field(schemas, parameter.name, {
      schema: parameter.schema ?? {}, example: parameter.example, required: parameter.required, where: parameter.in,
    }),
  }));
  const body = operation.requestBody ? bodyPart(schemas, operation.requestBody.content) : undefined;
  const line = el("code", { class: "mono", tabindex: "0", "aria-label": "The same request with curl" });
  const result = el("div", { class: "result", "aria-live": "polite" });
  const button = el("button", { type: "submit", class: "button primary" }, "Send");
  const current = () => requestOf(location.origin, method, path,
    fields.map(({ parameter, read }) => ({ parameter, texts: read() })), body?.read());
  const refresh = () => fill(line, curl(current()));
  const form = el("form", {
    class: "try", "aria-label": `Send ${method.toUpperCase()} ${path}`, on: { input: refresh, change: refresh, submit },
  },
  el("h4", {}, "Send a request"),
  fields.map(({ element }) => element),
  body?.element,
  el("div", { class: "actions" }, button),
  el("div", { class: "line" }, line, copyButton(() => line.textContent)),
  result);
  refresh();

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      showAnswer(result, await send(current()));
    } catch (error) {
      fill(result, el("p", { class: "banner" }, el("b", {}, "No answer. "),
        `${error.message}. Is portable dev still running?`));
    } finally {
      button.disabled = false;
    }
  }
  return form;
}

function showAnswer(place, { response, bytes, milliseconds }) {
  if (response.type === "opaqueredirect") {
    fill(place, el("p", { class: "banner" }, "A redirect, which browsers do not show to a page. The curl line shows it."));
    return;
  }
  const type = response.headers.get("content-type") ?? "";
  const good = response.status < 400;
  fill(place,
    el("p", { class: "status" },
      el("b", { class: good ? "ok" : "err" }, good ? "✓ " : "✕ ", response.status, " ", response.statusText),
      el("span", { class: "type" }, `${Math.round(milliseconds)} ms · ${bytes.length.toLocaleString("en")} bytes`)),
    el("details", {}, el("summary", {}, "Headers"),
      el("pre", { tabindex: "0" }, [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"))));
  if (!bytes.length) return append(place, [el("p", { class: "type" }, "No body")]);
  if (!/json|text|xml|javascript/.test(type)) return append(place, [el("p", { class: "type" }, type)]);
  let text = new TextDecoder().decode(bytes.subarray(0, MOST_SHOWN));
  if (/json/.test(type) && bytes.length <= MOST_SHOWN) {
    try {
      text = json(JSON.parse(text));
    } catch {
      append(place, [el("p", { class: "type" }, "This is not the JSON that it says it is.")]);
    }
  }
  append(place, [el("pre", { class: "body", tabindex: "0", "aria-label": "Body" }, text)]);
  if (bytes.length > MOST_SHOWN)
    append(place, [el("p", { class: "type" }, `The first ${MOST_SHOWN / 1000} KB of ${Math.round(bytes.length / 1000)} KB`)]);
  return place;
}
