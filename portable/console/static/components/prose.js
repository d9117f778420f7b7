/** Text in which `names` stand between backticks, as documentation of code has it. */
import { html } from "../library/html.js";

/** @param {{ text: string }} props */
export const Prose = ({ text }) => html`${text.split(/`([^`\n]+)`/).map((part, index) => (index % 2 ? html`<code>${part}</code>` : part))}`;
