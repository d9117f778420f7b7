// Elements made of texts. Nothing in these pages is ever parsed as HTML: names, docstrings and examples are the user's,
// answers are anybody's.

export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else {
      made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  append(made, children);
  return made;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

// `code` between backticks.
export function inline(text) {
  return text.split(/(`[^`\n]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? el("code", {}, part.slice(1, -1)) : part));
}

// A docstring: paragraphs as they are.
export const prose = (text) => el("p", { class: "prose" }, inline(text));

export function copyButton(text) {
  const button = el("button", { type: "button", class: "button", on: { click: copy } }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      fill(button, "Copied");
    } catch {
      fill(button, "Select it and copy by hand");
    }
    setTimeout(() => fill(button, "Copy"), 2000);
  }
  return button;
}

export const json = (value) => JSON.stringify(value, null, 2);
