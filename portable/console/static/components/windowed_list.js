/** A list of any length of which only the rows in sight are in the document. New rows above do not move what is read. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../library/html.js";

const SPARE = 6;

/**
 * @param {{ items: any[], keyOf: (item: any) => string, rowHeight: number, row: (item: any, index: number) => any,
 *   label: string, chosen?: string|null, onEnd?: () => void, onTop?: (isAtTop: boolean) => void }} props
 */
export function WindowedList({ items, keyOf, rowHeight, row, label, chosen, onEnd, onTop }) {
  const ref = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: 900 });
  const first = useRef("");
  const frame = useRef(0);

  const measure = () => {
    frame.current = 0;
    if (ref.current) setView({ top: ref.current.scrollTop, height: ref.current.clientHeight });
  };
  const scrolled = () => {
    if (!frame.current) frame.current = requestAnimationFrame(measure);
    onTop?.((ref.current?.scrollTop ?? 0) < rowHeight);
  };
  useEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, []);

  useLayoutEffect(() => {
    const before = first.current;
    first.current = items.length ? keyOf(items[0]) : "";
    if (!before || before === first.current || !ref.current || ref.current.scrollTop < rowHeight) return;
    const added = items.findIndex((item) => keyOf(item) === before);
    if (added > 0) ref.current.scrollTop += added * rowHeight;
  }, [items]);

  useLayoutEffect(() => {
    const index = chosen ? items.findIndex((item) => keyOf(item) === chosen) : -1;
    if (index < 0 || !ref.current) return;
    const { scrollTop, clientHeight } = ref.current;
    if (index * rowHeight < scrollTop) ref.current.scrollTop = index * rowHeight;
    else if ((index + 1) * rowHeight > scrollTop + clientHeight) ref.current.scrollTop = (index + 1) * rowHeight - clientHeight;
  }, [chosen]);

  const from = Math.max(0, Math.floor(view.top / rowHeight) - SPARE);
  const to = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + SPARE);
  useEffect(() => {
    if (onEnd && items.length && to >= items.length - SPARE) onEnd();
  }, [to, items.length, onEnd]);

  return html`<div class="windowed" ref=${ref} onScroll=${scrolled} tabindex="0" role="list" aria-label=${label}>
    <div class="window-room" role="presentation" style=${{ height: `${items.length * rowHeight}px` }}>
      ${items.slice(from, to).map((item, index) => html`<div key=${keyOf(item)} role="listitem" aria-setsize=${items.length} aria-posinset=${from + index + 1} style=${{ top: `${(from + index) * rowHeight}px`, height: `${rowHeight}px` }}>${row(item, from + index)}</div>`)}
    </div>
  </div>`;
}
