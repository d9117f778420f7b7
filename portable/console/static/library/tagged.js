/** Values that JSON has not are written as objects with one tag (`{"__decimal__": "1.50"}`): read and edited as plain text. */

const TAG = /^__(decimal|bytes|datetime)__$/;

/** @param {any} value @returns {string} the tag of it, or "" */
function tagOf(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "";
  const [name, more] = Object.keys(value);
  return more === undefined && TAG.test(name ?? "") && typeof value[name] === "string" ? name : "";
}

/** Without its tags. @param {any} value @returns {any} */
export function plain(value) {
  const tag = tagOf(value);
  if (tag) return value[tag];
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

/** What was edited, with the tags that it had: a text stands where one with a tag was. @param {any} edited @param {any} before @returns {any} */
export function tagged(edited, before) {
  const tag = tagOf(before);
  if (tag) return typeof edited === "string" ? { [tag]: edited } : edited;
  if (edited === null || typeof edited !== "object" || before === null || typeof before !== "object") return edited;
  // A list that was changed in length has in each place what was nearest to it.
  if (Array.isArray(edited)) return edited.map((one, index) => tagged(one, before[Math.min(index, before.length - 1)]));
  return Object.fromEntries(Object.entries(edited).map(([name, inner]) => [name, tagged(inner, before[name])]));
}
