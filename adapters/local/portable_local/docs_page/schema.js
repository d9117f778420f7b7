// A JSON Schema as a tree that opens as far as one wants to look.

import { el, prose } from "./dom.js";

const PREFIX = "#/components/schemas/";

export class Schemas {
  constructor(document) {
    this.shared = document.components?.schemas ?? {};
  }

  name(schema) {
    return schema.$ref?.startsWith(PREFIX) ? schema.$ref.slice(PREFIX.length) : undefined;
  }

  target(schema) {
    for (let count = 0; count < 12 && this.name(schema) !== undefined; count += 1) {
      const { $ref, ...own } = schema;
      schema = { ...this.shared[this.name({ $ref })], ...own };
    }
    return schema;
  }

  // What one would say: "list of Line", "integer or null".
  type(schema) {
    const name = this.name(schema);
    if (name !== undefined) {
      const whole = this.target(schema);
      return whole.enum ? this.type({ enum: whole.enum }) : name;
    }
    const options = schema.anyOf ?? schema.oneOf;
    if (options) return [...new Set(options.map((option) => this.type(option)))].join(" or ");
    if ("const" in schema) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (schema.contentMediaType) return "file";
    if (schema.type === "array") return schema.prefixItems ? "tuple" : `list of ${this.type(schema.items ?? {})}`;
    if (schema.type === "object" && typeof schema.additionalProperties === "object")
      return `object of ${this.type(schema.additionalProperties)}`;
    const kind = Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "anything");
    return schema.format ? `${kind} (${schema.format})` : kind;
  }

  // Constraints and default in words.
  notes(schema) {
    const whole = schema.anyOf
      ? { ...schema, ...this.target(schema.anyOf.find((option) => option.type !== "null") ?? {}) }
      : this.target(schema);
    const found = [];
    const say = (key, words) => {
      if (whole[key] !== undefined) found.push(`${words} ${whole[key]}`);
    };
    say("minimum", "≥");
    say("exclusiveMinimum", ">");
    say("maximum", "≤");
    say("exclusiveMaximum", "<");
    say("multipleOf", "a multiple of");
    say("minLength", "length ≥");
    say("maxLength", "length ≤");
    say("minItems", "items ≥");
    say("maxItems", "items ≤");
    say("pattern", "matches");
    if (whole.uniqueItems) found.push("no repeats");
    if (whole.additionalProperties === false) found.push("no other fields");
    if (schema.default !== undefined && schema.default !== null) found.push(`default ${JSON.stringify(schema.default)}`);
    return found;
  }

  // The schemas that are worth opening below one. Of a list, and of what may be null, those of what is in it.
  parts(schema, depth = 0) {
    const whole = this.target(schema);
    const options = (whole.anyOf ?? whole.oneOf ?? []).filter((option) => option.type !== "null");
    if (depth > 8) return [];
    if (options.length === 1) return this.parts(options[0], depth + 1);
    if (whole.items && typeof whole.items === "object" && !whole.prefixItems) return this.parts(whole.items, depth + 1);
    const required = new Set(whole.required ?? []);
    const found = Object.entries(whole.properties ?? {}).map(([name, part]) => ({
      name, part, required: required.has(name),
    }));
    if (typeof whole.additionalProperties === "object" && this.parts(whole.additionalProperties, depth + 1).length)
      found.push({ name: "any key", part: whole.additionalProperties });
    (whole.prefixItems ?? []).forEach((part, index) => found.push({ name: String(index), part }));
    for (const part of options) if (this.parts(part, depth + 1).length) found.push({ name: "either", part });
    return found;
  }

  view(schema, depth = 0) {
    return el("ul", { class: "schema" }, this.parts(schema).map((entry) => this.row(entry, depth)));
  }

  row({ name, part, required }, depth) {
    const whole = this.target(part);
    const head = [
      el("span", { class: "mono field" }, name),
      el("span", { class: "type" }, this.type(part)),
      required ? el("span", { class: "chip" }, "required") : null,
      this.notes(part).map((note) => el("span", { class: "note" }, note)),
    ];
    const said = whole.description ? prose(whole.description) : null;
    if (!this.parts(part).length) return el("li", {}, el("div", { class: "row" }, head), said);
    // What is inside is drawn when it is opened: a schema may contain itself.
    const inner = el("div", {});
    const details = el("details", { open: depth < 1 && !this.name(part) }, el("summary", { class: "row" }, head), said, inner);
    const draw = () => {
      if (details.open && !inner.hasChildNodes()) inner.append(this.view(part, depth + 1));
    };
    details.addEventListener("toggle", draw);
    draw();
    return el("li", {}, details);
  }
}
