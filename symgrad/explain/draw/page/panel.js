// What is known of one item, at the side.

function html(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function table(rows) {
  const shown = rows.filter((row) => row && row[1] !== "" && row[1] !== undefined);
  return html("table", {}, ...shown.map(([what, value, bad]) => html("tr", {}, html("td", {}, what), html("td", bad ? { class: "bad" } : {}, String(value)))));
}

// `item` null: the graph as a whole.
function showPanel(panel, graph, item, chosen, go) {
  const parts = item === null ? ofGraph(graph) : item.nodes ? ofGroup(graph, item, go) : ofNode(graph, item, go);
  if (chosen && chosen.item === item) parts.splice(2, 0, ofChoice(chosen));
  panel.replaceChildren(...parts.filter(Boolean));
}

function ofChoice({ before, after }) {
  return html("p", {}, html("span", { class: "before" }, `depends on ${before}`), " · ", html("span", { class: "after" }, `${after} depend on it`));
}

function ofGraph(graph) {
  const kinds = new Map();
  for (const node of graph.nodes) kinds.set(node.kind, (kinds.get(node.kind) || 0) + 1);
  const names = { input: "inputs", shared: "shared variables", constant: "constants", operation: "operations", output: "outputs", update: "updates", group: "folded parts" };
  const rows = Object.entries(names).filter(([kind]) => kinds.has(kind)).map(([kind, name]) => [name, kinds.get(kind).toLocaleString("en")]);
  const troubles = graph.nodes.filter(troubled);
  return [
    html("h2", {}, "The whole graph"),
    graph.key === "graph" ? null : html("p", {}, html("small", {}, graph.title)),
    table(rows),
    graph.note ? html("p", {}, graph.note) : null,
    graph.profile ? html("h3", {}, "Time") : null,
    graph.profile ? table([["calls", graph.profile.calls.toLocaleString("en")], ["a call", seconds(graph.profile.seconds / Math.max(1, graph.profile.calls))], ["in steps", share(graph.profile.steps, graph.profile.seconds)]]) : null,
    troubles.length ? html("p", { class: "bad" }, `${troubles.length} values have NaN or infinity; the first: ${titleOf(troubles[0])}`) : null,
    html("p", {}, html("small", {}, "Point at a node to see it here; click it to see what it depends on and what depends on it.")),
  ];
}

function ofGroup(graph, group, go) {
  const what = { role: "part of the graph", scope: "name scope", line: "made by one line", loop: "body of a loop", part: "consecutive nodes", ends: "side by side" };
  const outer = parentOf(group);
  return [
    html("h2", {}, group.title),
    html("p", {}, html("small", {}, `${what[group.kind] || "group"}, ${group.open ? "open" : "closed"}`)),
    table([["nodes", group.count.toLocaleString("en")], ["left out of this file", group.left_out || ""], timeRow(graph, group.time)]),
    group.about ? html("p", {}, group.about) : null,
    group.source ? html("pre", {}, group.source) : null,
    outer ? html("h3", {}, "Inside") : null,
    outer ? goButton(outer, go) : null,
  ];
}

function ofNode(graph, node, go) {
  const { values, times } = node;
  const kind = node.kind === "operation" ? `operation${node.op ? ` ${node.op}` : ""}` : KINDS[node.kind];
  return [
    html("h2", {}, titleOf(node)),
    html("p", {}, html("small", {}, [kind, node.role, node.scope].filter(Boolean).join(" · "))),
    table([["type", node.type], values && values.shape !== undefined ? ["shape in the sample call", values.shape] : null]),
    node.formula && node.formula !== node.label ? html("p", { class: "formula" }, node.formula) : null,
    ...ofSource(graph, node),
    ...(values ? ofValues(node, values) : []),
    ...(times ? ofTimes(graph, times) : []),
    ...neighbours("Inputs", node.inputs, "source", go),
    ...neighbours("Goes to", node.readers, "target", go),
  ];
}

function ofSource(graph, node) {
  if (!node.place) return [];
  const total = graph.lines[node.place];
  return [
    html("h3", {}, node.role === "gradient" ? `Gradient of ${node.place}` : node.place),
    node.source ? html("pre", {}, node.source) : null,
    total === undefined ? null : html("p", {}, html("small", {}, `this line: ${seconds(total / Math.max(1, graph.profile.calls))} a call`)),
  ];
}

function ofValues(node, values) {
  const percent = (part) => (part ? `${+(100 * part).toPrecision(3)} %` : "");
  const what = node.kind === "update" ? "New value in the sample call" : "Values in the sample call";
  return [
    html("h3", {}, what),
    table([
      ["value", values.value],
      ["least", values.min],
      ["mean", values.mean],
      ["greatest", values.max],
      ["NaN", percent(values.nan), true],
      ["infinite", percent(values.inf), true],
      ["zero", percent(values.zero)],
      ["memory", bytes(values.bytes)],
      ["", values.text],
    ]),
    values.histogram ? histogram(values) : null,
  ];
}

function histogram({ histogram: counts, min, max }) {
  const most = Math.max(...counts);
  const picture = svg("svg", { class: "histogram", viewBox: `0 0 ${counts.length * 10} 46`, preserveAspectRatio: "none", role: "img", "aria-label": `Histogram from ${min} to ${max}: ${counts.join(", ")}` });
  counts.forEach((count, k) => {
    const height = count ? Math.max(1, (44 * count) / most) : 0;
    svg("rect", { x: 10 * k + 0.5, y: round(46 - height), width: 9, height: round(height) }, picture);
  });
  return picture;
}

function ofTimes(graph, times) {
  const { calls } = graph.profile;
  const each = Math.max(1, calls);
  return [
    html("h3", {}, `Measured in ${calls.toLocaleString("en")} calls`),
    table([timeRow(graph, times.seconds), ["a call", seconds(times.seconds / each)], ["bytes read a call", bytes(times.read / each)], ["written", bytes(times.written / each)]]),
    times.chain ? html("p", {}, html("small", {}, `computed together with others, in ${times.chain}`)) : null,
  ];
}

function timeRow(graph, time) {
  return graph.profile && time ? ["time", `${share(time, graph.profile.steps)} of all steps`] : null;
}

function neighbours(title, edges, end, go) {
  if (!edges.length) return [];
  const shown = edges.slice(0, 12);
  const rest = edges.length - shown.length;
  return [
    html("h3", {}, title),
    ...shown.map((edge) => goButton(edge[end], go, edge.position)),
    rest ? html("p", {}, html("small", {}, `and ${rest} more`)) : null,
  ];
}

function goButton(item, go, position) {
  const before = position ? `${position}: ` : "";
  const type = item.nodes ? "" : ` ${item.type}`;
  return html("button", { class: "go", click: () => go(item) }, before, titleOf(item), html("small", {}, type));
}

// -- numbers -------------------------------------------------------------------------------------

function seconds(value) {
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]]) {
    if (value >= size) return `${+(value / size).toPrecision(3)} ${unit}`;
  }
  return `${+(value * 1e9).toPrecision(3)} ns`;
}

function bytes(value) {
  if (!value) return "";
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= size) return `${+(value / size).toPrecision(3)} ${unit}`;
  }
  return `${Math.round(value)} B`;
}

function share(part, whole) {
  return whole ? `${+((100 * part) / whole).toPrecision(2)} %` : "";
}
