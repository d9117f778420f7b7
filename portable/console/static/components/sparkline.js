/** A line without axes: the shape of the last while. The numbers beside it say how much. */
import { html } from "../library/html.js";

/** @param {{ values: number[], colour: string }} props */
export function Sparkline({ values, colour }) {
  const [width, height] = [76, 26];
  if (!values || values.length < 2) return html`<svg class="spark" viewBox="0 0 76 26" aria-hidden="true"></svg>`;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const points = values.map((value, index) => {
    const x = (index * width) / (values.length - 1);
    const y = most === 0 ? height - 3 : most === least ? height / 2 : height - 3 - ((value - least) / (most - least)) * (height - 6);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return html`<svg class="spark" viewBox="0 0 76 26" aria-hidden="true"><path d=${`M${points.join("L")}`} stroke=${most === 0 ? "var(--line-2)" : `var(${colour})`} /></svg>`;
}
