/**
 * The system as three columns: what sets things off, the functions, what they use. Within a column the order is that of
 * the neighbours' middle, so that few lines cross. Pure: nodes and edges in, places out.
 */

/** @typedef {{ id: string, kind: string, name: string, service: string }} Node */
/** @typedef {{ from: string, to: string, verbs: string[], calls: number, failed: number }} Edge */
/** @typedef {Node & { x: number, y: number, column: number }} Placed */

export const NODE = { width: 226, height: 40, gap: 12, between: 170, margin: 16 };

/** @param {Node} node */
const columnOf = (node) => (node.kind === "http" || node.kind === "schedule" ? 0 : node.kind === "function" ? 1 : 2);

/** @param {Node[]} nodes @param {Edge[]} edges @returns {{ nodes: Placed[], width: number, height: number }} */
export function layout(nodes, edges) {
  const columns = [0, 1, 2].map((column) => nodes.filter((node) => columnOf(node) === column));
  columns[1].sort((left, right) => left.service.localeCompare(right.service) || left.name.localeCompare(right.name));
  /** @type {Map<string, number>} */
  const rank = new Map();
  const note = (/** @type {Node[]} */ column) => column.forEach((node, index) => rank.set(node.id, index));
  note(columns[1]);
  const middle = (/** @type {Node} */ node) => {
    const near = edges.flatMap((edge) => (edge.from === node.id ? [rank.get(edge.to)] : edge.to === node.id ? [rank.get(edge.from)] : [])).filter((one) => one !== undefined);
    return near.length ? near.reduce((sum, one) => sum + Number(one), 0) / near.length : columns[1].length;
  };
  for (const column of [columns[0], columns[2]]) {
    const middles = new Map(column.map((node) => [node.id, middle(node)]));
    column.sort((left, right) => (middles.get(left.id) ?? 0) - (middles.get(right.id) ?? 0) || left.id.localeCompare(right.id));
  }
  const used = columns.filter((column) => column.length);
  const step = NODE.height + NODE.gap;
  const height = Math.max(1, ...columns.map((column) => column.length)) * step - NODE.gap;
  const placed = used.flatMap((column, place) => {
    const room = Math.min(height / column.length, step * 2.4);
    const offset = (height - room * column.length) / 2;
    return column.map((node, index) => ({ ...node, column: place, x: NODE.margin + place * (NODE.width + NODE.between), y: NODE.margin + offset + index * room + (room - NODE.height) / 2 }));
  });
  const width = NODE.margin * 2 + used.length * NODE.width + Math.max(0, used.length - 1) * NODE.between;
  return { nodes: placed, width, height: height + NODE.margin * 2 };
}

/** The line of an edge, from side to side; `at` is a place of it, from 0 to 1. @param {Placed} from @param {Placed} to */
export function curve(from, to) {
  const isForward = to.x >= from.x;
  const [x1, y1] = [isForward ? from.x + NODE.width : from.x, from.y + NODE.height / 2 + (isForward ? -4 : 6)];
  const [x2, y2] = [isForward ? to.x - 5 : to.x + NODE.width + 5, to.y + NODE.height / 2 + (isForward ? -4 : 6)];
  const bend = isForward ? Math.max(40, (x2 - x1) / 2) : -Math.max(40, (x1 - x2) / 2);
  const at = (/** @type {number} */ share) => {
    const rest = 1 - share;
    const of = (/** @type {number[]} */ [a, b, c, d]) => rest ** 3 * a + 3 * rest ** 2 * share * b + 3 * rest * share ** 2 * c + share ** 3 * d;
    return { x: of([x1, x1 + bend, x2 - bend, x2]), y: of([y1, y1, y2, y2]) };
  };
  return { path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, at };
}

const PLACES = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85, 0.1, 0.9];

/** Where the words of lines stand, so that they cover neither one another nor a node, if there is such a place. @param {{ text: string, at: (share: number) => { x: number, y: number } }[]} labels @param {Placed[]} nodes */
export function placeLabels(labels, nodes) {
  const taken = nodes.map((node) => ({ left: node.x, right: node.x + NODE.width, top: node.y, bottom: node.y + NODE.height }));
  return labels.map(({ text, at }) => {
    const half = text.length * 3.1 + 4;
    const covered = (/** @type {{ left: number, right: number, top: number, bottom: number }} */ box) =>
      taken.reduce((sum, other) => sum + Math.max(0, Math.min(box.right, other.right) - Math.max(box.left, other.left)) * Math.max(0, Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top)), 0);
    const choices = PLACES.map((share) => {
      const { x, y } = at(share);
      const box = { left: x - half, right: x + half, top: y - 8.5, bottom: y + 8.5 };
      return { x, y, box, cost: covered(box) };
    });
    const best = choices.find((one) => one.cost === 0) ?? choices.reduce((left, right) => (right.cost < left.cost ? right : left));
    taken.push(best.box);
    return { text, x: best.x, y: best.y, width: half * 2 };
  });
}

/** @param {string} text */
const plain = (text) => text.replaceAll('"', "'").replace(/[<>]/g, "");

/** Mermaid's flowchart of it. @param {Node[]} nodes @param {Edge[]} edges */
export function mermaid(nodes, edges) {
  const shapes = /** @type {Record<string, [string, string]>} */ ({ function: ["(", ")"], table: ["[(", ")]"], bucket: ["[/", "/]"], topic: ["{{", "}}"], task: ["[[", "]]"], schedule: ["([", "])"], http: [">", "]"] });
  const ids = new Map(nodes.map((node, index) => [node.id, `n${index}`]));
  const lines = nodes.map((node) => {
    const [open, close] = shapes[node.kind] ?? ["[", "]"];
    return `  ${ids.get(node.id)}${open}"${plain(node.kind === "http" ? "HTTP" : `${node.kind} ${node.name}`)}"${close}`;
  });
  const arrows = edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to)).map((edge) => `  ${ids.get(edge.from)} -->|"${plain(edge.verbs.join(", "))}"| ${ids.get(edge.to)}`);
  return ["flowchart LR", ...lines, ...arrows, ""].join("\n");
}
