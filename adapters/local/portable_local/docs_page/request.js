// What the fields of a form mean as a request, and the same request as a line for a shell. No DOM here.

// `values` are [{ parameter, texts }]: the texts that were given for it, none if it is left out.
export function requestOf(origin, method, path, values, body) {
  const query = [];
  const headers = [];
  const cookies = [];
  for (const { parameter, texts } of values) {
    const name = parameter.name;
    if (parameter.in === "path") path = path.replace(`{${name}}`, () => encodeURIComponent(texts[0] ?? ""));
    else if (!texts.length) continue;
    else if (parameter.in === "query") for (const text of texts) query.push([name, text]);
    else if (parameter.in === "header") headers.push([name, texts.join(", ")]);
    else cookies.push([name, texts[0]]);
  }
  if (body?.type) headers.push(["content-type", body.type]);
  const search = query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  return { method: method.toUpperCase(), url: `${origin}${path}${search ? `?${search}` : ""}`, headers, cookies, body };
}

export function quoted(text) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curl(request) {
  const words = ["curl"];
  if (request.method === "HEAD") words.push("--head");
  else if (request.method !== (request.body ? "POST" : "GET")) words.push("--request", request.method);
  words.push(quoted(request.url));
  for (const [name, value] of request.headers) words.push("--header", quoted(`${name}: ${value}`));
  if (request.cookies.length)
    words.push("--cookie", quoted(request.cookies.map(([name, value]) => `${name}=${value}`).join("; ")));
  if (request.body?.text !== undefined) words.push("--data-binary", quoted(request.body.text));
  else if (request.body?.file) words.push("--data-binary", quoted(`@${request.body.file.name}`));
  for (const [name, value] of request.body?.fields ?? [])
    if (typeof value === "string") words.push("--form-string", quoted(`${name}=${value}`));
    else words.push("--form", quoted(`${name}=@${value.name}`));
  return words.join(" ");
}

export async function send(request) {
  for (const [name, value] of request.cookies)
    document.cookie = `${name}=${value}; path=/; SameSite=Strict; max-age=60`;
  let body = request.body?.text ?? request.body?.file;
  if (request.body?.fields) {
    body = new FormData();
    for (const [name, value] of request.body.fields) body.append(name, value);
  }
  const started = performance.now();
  const response = await fetch(request.url, {
    method: request.method, headers: request.headers, body, redirect: "manual", cache: "no-store",
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { response, bytes, milliseconds: performance.now() - started };
}
