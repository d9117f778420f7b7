/** The address of a page is in the fragment: `#/invocations/ID?q=…`. The server only ever sees one document. */
import { useEffect, useState } from "./html.js";

/** @typedef {{ path: string[], query: Record<string, string> }} Route */

/** @param {string} fragment @returns {Route} */
export function parse(fragment) {
  const text = fragment.replace(/^#\/?/, "");
  const [path, query = ""] = text.split("?", 2);
  const words = path.split("/").filter(Boolean).map(decode);
  return { path: words.length ? words : ["overview"], query: Object.fromEntries(new URLSearchParams(query)) };
}

/** A fragment that was typed by hand may hold a lone `%`. @param {string} word */
function decode(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** @param {string[]} path @param {Record<string, string|null|undefined>} [query] */
export function link(path, query = {}) {
  const words = path.map(encodeURIComponent).join("/");
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return `#/${words}${text ? `?${text}` : ""}`;
}

/** @param {string[]} path @param {Record<string, string|null|undefined>} [query] @param {boolean} [replace] */
export function go(path, query = {}, replace = false) {
  const to = link(path, query);
  if (to === location.hash) return;
  if (replace) {
    history.replaceState(null, "", to);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = to;
  }
}

/** The route as it is now; the component is drawn again when it changes. */
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
