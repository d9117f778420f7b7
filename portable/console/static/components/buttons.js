/** Buttons that do something on the server: off while it is away, and a second click for what destroys. */
import { html, useEffect, useState } from "../library/html.js";
import { isConnected, sayProblem, session } from "../library/session.js";

/**
 * @param {{ run: () => Promise<unknown>|unknown, class?: string, disabled?: boolean, label?: string, children?: any }} props
 */
export function Action({ run, class: extra = "", disabled = false, label, children }) {
  const [isBusy, setBusy] = useState(false);
  const isOff = !isConnected(session.use());
  const clicked = async () => {
    setBusy(true);
    try {
      await run();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<button class=${`button ${extra}`} disabled=${disabled || isBusy || isOff} aria-label=${label ?? null} onClick=${clicked}
    title=${isOff ? "portable dev has stopped" : null}>${children}</button>`;
}

/** The first click asks, the second does it. @param {{ run: () => Promise<unknown>|unknown, ask: string, small?: boolean, disabled?: boolean, children?: any }} props */
export function Danger({ run, ask, small = false, disabled = false, children }) {
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    if (!isArmed) return undefined;
    const timer = setTimeout(() => setArmed(false), 6000);
    return () => clearTimeout(timer);
  }, [isArmed]);
  const run2 = () => {
    if (!isArmed) return setArmed(true);
    setArmed(false);
    return run();
  };
  return html`<${Action} run=${run2} disabled=${disabled} class=${`danger ${isArmed ? "armed" : ""} ${small ? "small" : ""}`}>${isArmed ? ask : children}<//>`;
}
