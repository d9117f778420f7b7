/** JSON and Python as words with a class each. Everything becomes text nodes: nothing here makes markup of a string. */
import { html } from "./html.js";

const JSON_WORDS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;
const PYTHON_WORDS = /(#.*$)|([rbfRBF]{0,2}(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|not|or|pass|raise|return|try|while|with|yield|None|True|False|match|case)\b|\b(\d[\d_.]*)\b/gm;
export const REDACTED = /^"?\[?(redacted|\*{3,})/i;

/** @param {string} text @param {RegExp} words @param {(match: RegExpMatchArray) => [string, string]} kindOf class, and what of it is coloured */
function coloured(text, words, kindOf) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(words)) {
    const [kind, word] = kindOf(match);
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(html`<span class=${kind}>${word}</span>`);
    at = match.index + word.length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** @param {string} text JSON as text */
export const json = (text) =>
  coloured(text, JSON_WORDS, (match) => {
    if (match[1]) return [match[2] ? "k" : REDACTED.test(match[1]) ? "c" : "s", match[1]];
    return ["n", match[0]];
  });

/** @param {string} text Python source */
export const python = (text) =>
  coloured(text, PYTHON_WORDS, (match) => [match[1] ? "c" : match[2] ? "s" : match[3] ? "k" : "n", match[0]]);

/** JSON laid out on lines; null if it is none. @param {string} text */
export function laidOut(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}
