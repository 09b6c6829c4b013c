// The graph as text, the list of keys, the legend.

function writeList() {
  const lists = new Map([[drawn.root, html("ol")]]);
  const order = readingOrder();
  for (const item of order) {
    const box = drawn.boxes.get(item);
    const entry = html("li", {}, html("button", { click: () => leaveList(item) }, spoken(item)));
    lists.get(box.parent).append(entry);
    if (!box.children) continue;
    const inner = html("ol");
    entry.append(inner);
    lists.set(box, inner);
  }
  const about = `What the picture shows, from top to bottom: ${order.length} entries.`;
  byId("list").replaceChildren(html("h2", {}, titleOfGraph()), html("p", {}, about), lists.get(drawn.root));
}

function titleOfGraph() {
  return graph.key === "graph" ? data.title : `${data.title}, ${graph.title}`;
}

function leaveList(item) {
  byId("list-button").click();
  goTo(item);
}

function overlay(id, write) {
  const button = byId(`${id}-button`);
  button.addEventListener("click", () => {
    const section = byId(id);
    section.hidden = !section.hidden;
    button.setAttribute("aria-expanded", String(!section.hidden));
    if (!section.hidden) {
      write();
      const first = section.querySelector("button");
      if (first) first.focus();
    }
  });
}

function writeHelp() {
  const rows = [
    ["Drag, wheel, two fingers", "move and zoom"],
    ["+  -  0", "zoom in, out, show everything"],
    ["Tab", "into the picture and out of it"],
    ["↓ ↑", "along an edge, to what reads this value or to an input of it"],
    ["← →", "to the neighbour"],
    ["Home  End", "to the first and the last box"],
    ["Enter", "open or close a group; highlight what a node depends on and what depends on it"],
    ["Space", "highlight a node or a group"],
    ["Backspace", "close the group around"],
    ["Escape", "take the highlight away"],
    ["/", "search; then ↓ ↑ and Enter"],
    ["L", "the graph as text"],
  ];
  byId("help").replaceChildren(html("h2", {}, "Keys"), html("table", {}, ...rows.map(([keys, what]) => html("tr", {}, html("td", {}, html("kbd", {}, keys)), html("td", {}, what)))));
}

function writeLegend() {
  const present = new Set(graph.nodes.map((node) => node.kind));
  const kinds = ["input", "shared", "constant", "operation", "output", "update"].filter((kind) => present.has(kind));
  const shapes = { input: ["rect", { x: 1, y: 1, width: 20, height: 12, rx: 6 }], shared: ["path", { d: "M1,3 A10,2.5 0 0 1 21,3 V11 A10,2.5 0 0 1 1,11 Z M1,3 A10,2.5 0 0 0 21,3" }] };
  shapes.update = shapes.shared;
  byId("legend").replaceChildren(...kinds.map((kind) => {
    const picture = svg("svg", { viewBox: "0 0 22 14", class: `node ${kind}` });
    const [tag, attributes] = shapes[kind] || ["rect", { x: 1, y: 1, width: 20, height: 12, rx: kind === "operation" ? 3 : 1 }];
    svg(tag, { class: "shape", ...attributes }, picture);
    return html("span", {}, picture, KINDS[kind] || kind);
  }));
}
