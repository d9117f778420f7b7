/** A choice from a list. */
import { html } from "../library/html.js";
import { Icon } from "./icon.js";

/** @param {{ label: string, value: string, options: [string, string][], onChange: (value: string) => void }} props */
export const Select = ({ label, value, options, onChange }) => html`<span class="select">
  <select class="field" aria-label=${label} value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
    ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
  </select><${Icon} name="chevron" /></span>`;
