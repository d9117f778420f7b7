/** What is typed into the filter of invocations and traces: `fn:core.networth outcome:failed status:5xx some words`. */

/** @type {Record<string, string>} */
const NAMES = { fn: "handler", handler: "handler", service: "service", kind: "kind", outcome: "outcome", status: "status", trace: "trace" };

/** @typedef {{ text: string, name: string, value: string }} Token */

/** @param {string} text @returns {{ tokens: Token[], words: string }} */
export function split(text) {
  /** @type {Token[]} */
  const tokens = [];
  const words = text.split(/\s+/).filter((word) => {
    const at = word.indexOf(":");
    const name = NAMES[word.slice(0, at)];
    if (at < 1 || !name || at === word.length - 1) return word !== "";
    tokens.push({ text: word, name, value: word.slice(at + 1) });
    return false;
  });
  return { tokens, words: words.join(" ") };
}

/** The parameters of the API. @param {string} text */
export function parameters(text) {
  const { tokens, words } = split(text);
  /** @type {Record<string, string>} */
  const found = {};
  for (const { name, value } of tokens) found[name] = name === "outcome" && value === "success" ? "succeeded" : value;
  if (words) found.q = words;
  return found;
}

/** How many things the list is restricted by. @param {string} text */
export function size(text) {
  const { tokens, words } = split(text);
  return tokens.length + (words ? 1 : 0);
}
