// The picture: SVG elements for what `arrange` has placed. All text is set as text, never as markup.

const NS = "http://www.w3.org/2000/svg";

function svg(tag, attributes, parent, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

function textWidth(text, font) {
  const key = `${font} ${text}`;
  if (!widths.has(key)) {
    ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

// -- sizes, before anything is placed ------------------------------------------------------------

function measure(box) {
  const item = box.of;
  if (item.nodes) {
    box.caption = shorten(item.title, 44);
    const title = textWidth(box.caption, "600 12.5px") + 40;
    if (box.children) {
      box.least = title + 12;
      return;
    }
    box.about = shorten(aboutGroup(item), 48);
    box.width = Math.max(title, textWidth(box.about, "10.5px") + 22, 110);
    box.height = 42;
    return;
  }
  box.caption = shorten(titleOf(item), 40);
  box.type = item.kind === "output" ? "" : shorten(item.type, 34);
  const bold = item.name && item.kind !== "operation" ? "600 13px" : "13px";
  const text = Math.max(textWidth(box.caption, bold), textWidth(box.type, "10.5px"));
  const round = item.kind === "input" ? 30 : 20;
  box.width = Math.max(text + round, 44);
  box.height = (box.type ? 38 : 26) + (["shared", "update"].includes(item.kind) ? 8 : 0);
}

function aboutGroup(group) {
  const count = `${group.count.toLocaleString("en")} ${group.count === 1 ? "node" : "nodes"}`;
  if (group.left_out) return `${count}, not in this file`;
  return group.about ? `${count}: ${group.about}` : count;
}

// What is written at an arrow: which operand it brings.
function measureWire(edge) {
  if (edge.target.of.nodes) return;
  edge.mark = shorten([...new Set(edge.edges.map((one) => one.position).filter(Boolean))].join(", "), 16);
  if (edge.mark) edge.room = textWidth(edge.mark, "9.5px") + 12;
}

// -- elements ------------------------------------------------------------------------------------

function drawItem(box, scene) {
  const item = box.of;
  const kind = item.nodes ? `group ${item.kind} role-${item.role} ${box.children ? "open" : "closed"}` : `node ${item.kind}`;
  const g = svg("g", { class: `item ${kind}`, id: `item-${item.id}`, tabindex: "-1", role: "button", transform: `translate(${round(box.x)},${round(box.y)})` }, scene);
  g.setAttribute("aria-label", spoken(item));
  if (item.nodes) g.setAttribute("aria-expanded", String(Boolean(box.children)));
  box.element = g;
  if (item.nodes) drawGroup(box, g);
  else drawNode(box, g);
  if (troubled(item) || (item.nodes && !box.children && item.trouble)) {
    svg("circle", { class: "mark", cx: round(box.width - 3), cy: 3, r: 8 }, g);
    svg("text", { class: "sign", x: round(box.width - 3), y: 7 }, g, "!");
  }
  return g;
}

function drawNode(box, g) {
  const { width, height } = box;
  const { kind, name } = box.of;
  if (kind === "shared" || kind === "update") {
    const lid = 5;
    svg("path", { class: "shape", d: `M0,${lid} A${round(width / 2)},${lid} 0 0 1 ${round(width)},${lid} V${height - lid} A${round(width / 2)},${lid} 0 0 1 0,${height - lid} Z M0,${lid} A${round(width / 2)},${lid} 0 0 0 ${round(width)},${lid}` }, g);
  } else {
    const corner = kind === "input" ? height / 2 : kind === "operation" ? 6 : 2;
    svg("rect", { class: "shape", width: round(width), height, rx: corner }, g);
  }
  const middle = height / 2 + (kind === "shared" || kind === "update" ? 4 : 0);
  const x = round(width / 2);
  svg("text", { class: name && kind !== "operation" ? "name" : "", x, y: middle + (box.type ? -2 : 4.5) }, g, box.caption);
  if (box.type) svg("text", { class: "type", x, y: middle + 11.5 }, g, box.type);
}

function drawGroup(box, g) {
  const { width, height } = box;
  if (!box.children) svg("rect", { class: "back", x: 4, y: 4, width: round(width), height, rx: 7 }, g);
  svg("rect", { class: "shape", width: round(width), height: round(height), rx: 7 }, g);
  svg("text", { class: "title", x: 29, y: 19 }, g, box.caption);
  if (!box.children) svg("text", { class: "about", x: 11, y: 36 }, g, box.about);
  if (box.of.left_out) return;
  const fold = svg("g", { class: "fold", transform: "translate(8,7)" }, g);
  svg("rect", { width: 15, height: 15, rx: 3 }, fold);
  svg("path", { d: box.children ? "M3.5,7.5 H11.5" : "M3.5,7.5 H11.5 M7.5,3.5 V11.5" }, fold);
}

function drawWire(edge, scene) {
  edge.element = svg("path", { class: "wire", d: wirePath(edge) }, scene);
  if (edge.mark) {
    const { x, top, bottom } = edge.points[edge.points.length - 1];
    svg("text", { class: "position", x: round(x + 4), y: round(edge.up ? top + 13 : bottom - 5) }, scene, edge.mark);
  }
}

// Curves between layers, straight lines through them.
function wirePath({ points, up }) {
  const parts = [];
  let last = null;
  for (const { x, top, bottom } of points) {
    const [near, far] = (up ? [bottom, top] : [top, bottom]).map(round);
    const here = round(x);
    if (!last) parts.push(`M${here},${near}`);
    else if (last.x === here) parts.push(`V${near}`);
    else {
      const half = round((last.y + near) / 2);
      parts.push(`C${last.x},${half} ${here},${half} ${here},${near}`);
    }
    if (far !== near) parts.push(`V${far}`);
    last = { x: here, y: far };
  }
  return parts.join(" ");
}

function round(number) {
  return Math.round(number * 10) / 10;
}

// -- what a screen reader says -------------------------------------------------------------------

const KINDS = { input: "input", shared: "shared variable", constant: "constant", operation: "", output: "output", update: "update", group: "group" };

function spoken(item) {
  if (item.nodes) return `Group ${item.title}, ${aboutGroup(item)}`;
  const [kind, title] = [KINDS[item.kind] || "", titleOf(item)];
  const parts = [kind === title ? title : `${kind} ${title}`.trim(), item.type];
  const names = (edges, end) => [...new Set(edges.map((edge) => shorten(titleOf(edge[end]), 30)))].slice(0, 6).join(" and ");
  if (item.inputs.length) parts.push(`from ${names(item.inputs, "source")}`);
  if (item.readers.length) parts.push(`to ${names(item.readers, "target")}`);
  if (item.place) parts.push(item.place);
  if (troubled(item)) parts.push("has NaN or infinity");
  return parts.filter(Boolean).join(", ");
}
