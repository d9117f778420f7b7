/** The only way to the server: JSON under /api/v1, with the header that a page of another origin cannot send. */

const BASE = "/api/v1";
export const HEADERS = { "X-Portable-Console": "1", Accept: "application/json" };

/** What went wrong, as the server's problem document says it. */
export class Problem extends Error {
  /** @param {number} status 0 when the server did not answer @param {string} title @param {string} [detail] */
  constructor(status, title, detail = "") {
    super(title);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/** @param {string[]} path @param {Record<string, unknown>} [query] */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `${BASE}/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/**
 * @param {string} method
 * @param {string[]} path
 * @param {{ query?: Record<string, unknown>, body?: unknown, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} the JSON, or the text of an answer that is not JSON
 */
export async function request(method, path, { query, body, signal } = {}) {
  const headers = { ...HEADERS, ...(method === "GET" ? {} : { "Content-Type": "application/json" }) };
  const sent = method === "GET" ? undefined : JSON.stringify(body ?? {});
  let answer;
  try {
    answer = await fetch(address(path, query), { method, headers, body: sent, signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "The console does not answer", "portable dev may have been stopped in its terminal. Pages that were looked at before stay readable.");
  }
  const isJson = /json/.test(answer.headers.get("Content-Type") ?? "");
  const content = answer.status === 204 ? null : await (isJson ? answer.json() : answer.text());
  if (answer.ok) return content;
  const problem = isJson && content ? content : {};
  throw new Problem(answer.status, problem.detail ?? problem.title ?? `The console answered ${answer.status}`, problem.hint ?? "");
}

/** @param {string[]} path @param {Record<string, unknown>} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => request("GET", path, { query, signal });
/** @param {string[]} path @param {unknown} [body] */
export const post = (path, body) => request("POST", path, { body });
