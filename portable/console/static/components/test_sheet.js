/** The invocation as a pytest, and as a file for `portable replay`. */
import { post } from "../library/api.js";
import { useData } from "../library/data.js";
import { python } from "../library/highlight.js";
import { html, useState } from "../library/html.js";
import { save } from "../library/saving.js";
import { Action } from "./buttons.js";
import { copy } from "./copy_button.js";
import { FillFields, settings } from "./fill_fields.js";
import { Sheet } from "./sheet.js";
import { Loaded } from "./states.js";

/** @param {{ one: any, onClose: () => void }} props */
export function TestSheet({ one, onClose }) {
  const needed = one.needed_by_test;
  const [values, setValues] = useState({});
  const [written, setWritten] = useState(/** @type {any} */ (null));
  const test = useData(needed.length ? null : ["invocations", one.id, "test"]);
  const write = async () => setWritten(await post(["invocations", one.id, "test"], { set: settings(needed, values) }));
  const file = useData(["invocations", one.id, "file"]);
  const text = (written ?? test.data)?.text ?? "";
  const name = (one.handler || "request").replace(/\W+/g, "_");
  const footer = html`<span class="third grow">Run the file with <code>portable replay FILE --debug</code></span>
    <button class="button" disabled=${!file.data} onClick=${() => save(`${name}.replay.json`, typeof file.data === "string" ? file.data : JSON.stringify(file.data, null, 2))}>Download replay file</button>
    <button class="button" disabled=${!text} onClick=${() => copy(text, "Copied the test")}>Copy</button>
    <button class="button primary" disabled=${!text} onClick=${() => save(`test_${name}.py`, text)}>Download test</button>`;
  return html`<${Sheet} title=${`${one.handler} as a pytest`} onClose=${onClose} footer=${footer}>
    ${needed.length > 0 && html`<${FillFields} needed=${needed} values=${values} change=${setValues} /><p><${Action} run=${write}>Write the test<//></p>`}
    ${(text || !needed.length) && html`<${Loaded} loaded=${written ? { ...test, data: written } : test}>${() => html`<pre class="code" tabindex="0" aria-label="The test">${python(text)}</pre>`}<//>`}
  <//>`;
}
