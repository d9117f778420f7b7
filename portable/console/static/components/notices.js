/** Across the top: the app has stopped, this page is not let in, or nothing is recorded. */
import { second } from "../library/format.js";
import { html } from "../library/html.js";
import { session } from "../library/session.js";
import { Icon } from "./icon.js";

export function Notices() {
  const value = session.use();
  const { status, connection, lastSeen } = value;
  if (value.refused) {
    return html`<div class="stopped-bar failing" role="alert"><${Icon} name="issues" /><span>This page may not see the app. ${value.refused.title}</span></div>`;
  }
  if (connection === "disconnected" || (status && status.is_running === false)) {
    return html`<div class="stopped-bar" role="alert"><${Icon} name="issues" />portable dev has stopped. Showing what was recorded until ${second(lastSeen)}.</div>`;
  }
  if (status && status.is_recorded === false) {
    return html`<div class="stopped-bar" role="status"><${Icon} name="issues" /><span>Nothing is recorded: <code>PORTABLE_TELEMETRY</code> is off where portable dev was started. What is shown is of before.</span></div>`;
  }
  return null;
}
