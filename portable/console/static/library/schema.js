/** JSON Schema as far as a form needs it: what a field is, and a first value for it. */

/** @typedef {Record<string, any>} Schema */

/** Follows `$ref` and picks the one choice beside null. @param {Schema} schema @param {Schema} root @returns {Schema & { isOptional?: boolean }} */
export function resolved(schema, root, depth = 0) {
  if (depth > 8) return {};
  if (schema.$ref) {
    const found = schema.$ref.replace(/^#\//, "").split("/").reduce((/** @type {any} */ at, /** @type {string} */ word) => at?.[word], root) ?? {};
    return resolved({ ...found, ...(schema.description ? { description: schema.description } : {}) }, root, depth + 1);
  }
  const choices = schema.anyOf ?? schema.oneOf ?? (schema.allOf?.length === 1 ? schema.allOf : null);
  if (choices) {
    const real = choices.filter((/** @type {Schema} */ one) => one.type !== "null");
    if (real.length === 1) return { title: schema.title, description: schema.description, ...resolved(real[0], root, depth + 1), isOptional: real.length < choices.length };
  }
  return schema;
}

/** How a value is asked for. @param {Schema} schema @returns {"object"|"choice"|"text"|"number"|"truth"|"json"} */
export function fieldKind(schema) {
  if (schema.enum) return "choice";
  if (schema.type === "object" && schema.properties) return "object";
  if (schema.type === "string") return "text";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "truth";
  return "json";
}

/** What a form begins with: the example where a member has to be given, else what it is by default. @param {Schema} root @param {any} example */
export function firstPayload(root, example) {
  const schema = resolved(root, root);
  const first = firstValue(root, root);
  if (fieldKind(schema) !== "object") return example ?? first;
  const required = Object.entries(example ?? {}).filter(([name]) => (schema.required ?? []).includes(name));
  return { ...first, ...Object.fromEntries(required) };
}

/** @param {Schema} given @param {Schema} root @returns {any} */
export function firstValue(given, root, depth = 0) {
  const schema = resolved(given, root);
  if (given.default !== undefined) return given.default;
  if (schema.default !== undefined) return schema.default;
  if (schema.isOptional) return null;
  switch (fieldKind(schema)) {
    case "object":
      if (depth > 6) return {};
      return Object.fromEntries(Object.entries(schema.properties).filter(([name]) => (schema.required ?? []).includes(name) || schema.properties[name].default !== undefined).map(([name, inner]) => [name, firstValue(inner, root, depth + 1)]));
    case "choice":
      return schema.enum[0];
    case "text":
      return "";
    case "number":
      return 0;
    case "truth":
      return false;
    default:
      return schema.type === "array" ? [] : {};
  }
}
