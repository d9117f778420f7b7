/** Line icons on a grid of 16. They are decoration: the words beside them, or the label of the button, say the same. */
import { html } from "../library/html.js";

/** @type {Record<string, any>} */
const PATHS = {
  overview: html`<rect x="2" y="2" width="5" height="6" rx="1" /><rect x="9" y="2" width="5" height="3.5" rx="1" /><rect x="2" y="10.5" width="5" height="3.5" rx="1" /><rect x="9" y="8" width="5" height="6" rx="1" />`,
  invocations: html`<path d="M9 1.8 3.2 9h4.3l-.6 5.2L12.8 7H8.4z" />`,
  traces: html`<path d="M2 3.5h8M4.5 8h7M8 12.5h6" />`,
  logs: html`<path d="M5.5 3.5H14M5.5 8H14M5.5 12.5H11M2 3.5h.01M2 8h.01M2 12.5h.01" />`,
  issues: html`<path d="M8 2.2 14.3 13H1.7zM8 6.4v3M8 11.2h.01" />`,
  map: html`<circle cx="3.5" cy="8" r="1.7" /><circle cx="12.5" cy="3.7" r="1.7" /><circle cx="12.5" cy="12.3" r="1.7" /><path d="M5.1 7.2 10.9 4.4M5.1 8.8l5.8 2.8" />`,
  cost: html`<circle cx="8" cy="8" r="6" /><path d="M9.9 6.2C9.6 5.4 8.9 5 8 5c-1.1 0-1.9.6-1.9 1.5 0 2 3.9 1 3.9 3 0 .9-.8 1.5-2 1.5-1 0-1.7-.4-2-1.2M8 3.9V5M8 11v1.1" />`,
  functions: html`<path d="M11.5 2.5h-1A2 2 0 0 0 8.6 4L6.4 12a2 2 0 0 1-1.9 1.5H4M4.8 6.5h6" />`,
  api: html`<path d="M5.5 2.5H5a1.7 1.7 0 0 0-1.7 1.7v1.9c0 1-.5 1.6-1.3 1.9.8.3 1.3.9 1.3 1.9v1.9A1.7 1.7 0 0 0 5 13.5h.5M10.5 2.5h.5a1.7 1.7 0 0 1 1.7 1.7v1.9c0 1 .5 1.6 1.3 1.9-.8.3-1.3.9-1.3 1.9v1.9a1.7 1.7 0 0 1-1.7 1.7h-.5" />`,
  schedules: html`<circle cx="8" cy="8" r="6" /><path d="M8 4.6V8l2.3 1.6" />`,
  queues: html`<rect x="2" y="3" width="3" height="10" rx="1" /><rect x="6.7" y="3" width="3" height="10" rx="1" /><path d="M12 5.5 14.3 8 12 10.5" />`,
  tables: html`<rect x="2" y="2.5" width="12" height="11" rx="1.5" /><path d="M2 6.3h12M2 9.9h12M6.3 6.3v7" />`,
  buckets: html`<path d="M2.3 4h11.4l-1.3 9.3H3.600zM2.3 4c0-.9 2.5-1.6 5.7-1.6s5.7.7 5.7 1.6" />`,
  values: html`<circle cx="5" cy="11" r="2.7" /><path d="m7 9 6-6M10.5 5.5l2 2" />`,
  search: html`<circle cx="7" cy="7" r="4.5" /><path d="m10.5 10.5 3 3" />`,
  chevron: html`<path d="m5 6.5 3 3 3-3" />`,
  moon: html`<path d="M13.5 9.3A5.8 5.8 0 0 1 6.7 2.5a5.8 5.8 0 1 0 6.8 6.8z" />`,
  ok: html`<circle cx="8" cy="8" r="6" /><path d="m5.4 8.2 1.8 1.8 3.4-3.8" />`,
  failed: html`<circle cx="8" cy="8" r="6" /><path d="m6 6 4 4M10 6l-4 4" />`,
  close: html`<path d="m4 4 8 8M12 4l-8 8" />`,
  copy: html`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 5.5V4A1.5 1.500 0 0 0 9 2.500H4A1.500 1.500 0 0 0 2.500 4v5A1.500 1.500 0 0 0 4 10.500h1.500" />`,
  file: html`<path d="M4 2h5l3.500 3.500V14H4zM9 2v3.500h3.500" />`,
  rows: html`<path d="M2.500 4h11M2.500 8h11M2.500 12h11" />`,
};

/** @param {{ name: string, small?: boolean, class?: string }} props */
export const Icon = ({ name, small, class: extra = "" }) =>
  html`<svg class=${`icon ${small ? "small" : ""} ${extra}`} viewBox="0 0 16 16" aria-hidden="true">${PATHS[name]}</svg>`;
