// Where everything stands: a layered layout of nodes in nested boxes.
//
// Each open group is laid out on its own and is one box in the group around it. A wire that leaves a
// group passes through a port on its border, so that no wire crosses a box that it does not end in.
// Inside a group: layers by the longest path, orders that cross little, then positions that keep
// wires straight. Wires from one source share their way, as in a circuit diagram.
//
// An item has {parent, order, width, height}; an open group has `children` as well. An edge has
// {source, target}, two items without children. `arrange` gives items {x, y, width, height} and
// edges `points`: places that they pass, as {x, top, bottom}, downwards or (edge.up) upwards.

const SPACE = { item: 20, arrow: 16, wire: 9, layer: 25, pad: 14, header: 28, slope: 0.11, steepest: 80 };

function arrange(root, edges) {
  const containers = [root];
  for (const container of containers) {
    container.links = [];
    container.nets = new Map();
    container.ports = new Map();
    for (const child of container.children) {
      if (child.children) containers.push(child);
    }
  }
  for (const edge of edges) meet(edge);
  for (const container of containers) turnCycles(container);
  for (const edge of edges) route(edge);
  for (const container of containers.slice().reverse()) arrangeInside(container, container === root);
  root.x = root.y = 0;
  for (const container of containers) {
    for (const child of container.children) {
      child.x += container.x;
      child.y += container.y;
    }
  }
  for (const edge of edges) edge.points = trace(edge);
}

// -- which way an edge takes through the groups ---------------------------------------------------

// The innermost group that holds both ends of an edge, and its children that hold one each.
function meet(edge) {
  const above = new Map();
  for (let item = edge.source; item.parent; item = item.parent) above.set(item.parent, item);
  let item = edge.target;
  while (!above.has(item.parent)) item = item.parent;
  const link = { from: above.get(item.parent), to: item, up: false };
  item.parent.links.push(link);
  edge.link = link;
  edge.container = item.parent;
}

// Links that close a cycle run upwards; the others never do.
function turnCycles(container) {
  const out = new Map(container.children.map((child) => [child, []]));
  for (const link of container.links) out.get(link.from).push(link);
  const state = new Map(); // 1: on the way, 2: done
  const starts = container.children.slice().sort((a, b) => a.order - b.order);
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack = [[start, 0]];
    state.set(start, 1);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const links = out.get(top[0]);
      if (top[1] === links.length) {
        state.set(top[0], 2);
        stack.pop();
        continue;
      }
      const link = links[top[1]++];
      const seen = state.get(link.to);
      if (seen === 1) link.up = true;
      else if (seen === undefined) {
        state.set(link.to, 1);
        stack.push([link.to, 0]);
      }
    }
  }
}

// The nets that an edge is part of, from its source outwards and inwards again to its target.
function route(edge) {
  const { source, target, container } = edge;
  const up = (edge.up = edge.link.up);
  const key = `${source.id} ${up}`;
  edge.hops = [];
  let child = source;
  let port = null;
  for (; child.parent !== container; child = child.parent) {
    const group = child.parent;
    const exit = portOf(group, `out ${key}`, up ? "top" : "bottom");
    join(edge, group, key, { item: child, port }, { own: exit }, up);
    port = exit;
  }
  const inner = [];
  for (let item = target; item.parent !== container; item = item.parent) inner.push(item);
  let end = inner.length ? inner[inner.length - 1].parent : target;
  let entry = inner.length ? portOf(end, `in ${key}`, up ? "bottom" : "top") : null;
  join(edge, container, key, { item: child, port }, { item: end, port: entry }, up);
  while (inner.length) {
    const group = end;
    end = inner.pop();
    const before = entry;
    entry = end.children ? portOf(end, `in ${key}`, up ? "bottom" : "top") : null;
    join(edge, group, key, { own: before }, { item: end, port: entry }, up);
  }
  edge.hops[edge.hops.length - 1].target.room = edge.room || 0; // for what is written at the arrow
}

function portOf(group, key, side) {
  let port = group.ports.get(key);
  if (!port) group.ports.set(key, (port = { key, side, x: 0 }));
  return port;
}

function join(edge, container, key, source, target, up) {
  let net = container.nets.get(key);
  if (!net) container.nets.set(key, (net = { source, up, targets: new Map() }));
  const name = target.own ? target.own.key : target.item.id;
  if (!net.targets.has(name)) net.targets.set(name, { ...target, net });
  edge.hops.push({ container, target: net.targets.get(name) });
}

// -- one group -----------------------------------------------------------------------------------

function arrangeInside(container, isRoot) {
  if (!container.children.length) {
    Object.assign(container, { width: container.least || 80, height: SPACE.header + SPACE.pad });
    return;
  }
  const layers = makeLayers(container);
  const arcs = makeArcs(container, layers);
  orderLayers(layers, arcs.length);
  attachArcs(layers);
  positionAcross(layers);
  positionDown(container, layers, isRoot);
}

// Vertices in layers: items, and the ports in layers of their own at the top and at the bottom.
function makeLayers(container) {
  const below = new Map(container.children.map((child) => [child, new Set()]));
  const count = new Map(container.children.map((child) => [child, 0]));
  for (const { from, to, up } of container.links) {
    const [upper, lower] = up ? [to, from] : [from, to];
    if (!below.get(upper).has(lower)) {
      below.get(upper).add(lower);
      count.set(lower, count.get(lower) + 1);
    }
  }
  const level = new Map();
  const queue = container.children.filter((child) => !count.get(child));
  const entered = new Set();
  for (const net of container.nets.values()) {
    if (net.source.own) for (const target of net.targets.values()) entered.add(target.item);
  }
  const sources = queue.filter((child) => !entered.has(child));
  for (const child of queue) level.set(child, 0);
  for (const child of queue) {
    // grows while it is read
    for (const lower of below.get(child)) {
      level.set(lower, Math.max(level.get(lower) || 0, level.get(child) + 1));
      count.set(lower, count.get(lower) - 1);
      if (!count.get(lower)) queue.push(lower);
    }
  }
  // What has no inputs stands right above its first reader.
  for (const child of sources) {
    const readers = [...below.get(child)].map((lower) => level.get(lower));
    if (readers.length) level.set(child, Math.min(...readers) - 1);
  }
  const depth = Math.max(...level.values()) + 1;
  const layers = Array.from({ length: depth + 2 }, () => []);
  const children = container.children.slice().sort((a, b) => a.order - b.order);
  for (const item of children) addVertex(layers, level.get(item) + 1, item, null);
  for (const port of container.ports.values()) {
    addVertex(layers, port.side === "top" ? 0 : depth + 1, null, port);
  }
  return layers;
}

function addVertex(layers, layer, item, port) {
  const width = item ? item.width : 0;
  const vertex = { layer, item, port, width, x: 0, place: layers[layer].length, ups: [], downs: [] };
  layers[layer].push(vertex);
  if (item) item.vertex = vertex;
  if (port) port.vertex = vertex;
  return vertex;
}

// Arcs between neighbouring layers. The targets of a net share the bends on their way.
function makeArcs(container, layers) {
  const arcs = [];
  const connect = (from, to, up, fromPort, toPort) => {
    const arc = up
      ? { upper: to, lower: from, upperPort: toPort, lowerPort: fromPort }
      : { upper: from, lower: to, upperPort: fromPort, lowerPort: toPort };
    const bends = !arc.upper.item + !arc.lower.item;
    Object.assign(arc, { up, weight: [2, 0.3, 8][bends], upperAt: 0, lowerAt: 0 });
    arc.upper.downs.push(arc);
    arc.lower.ups.push(arc);
    arcs.push(arc);
    return arc;
  };
  for (const net of container.nets.values()) {
    const start = (net.source.own || net.source.item).vertex;
    const step = net.up ? -1 : 1;
    const chain = [start];
    const ends = [...net.targets.values()].map((target) => {
      target.vertex = (target.own || target.item).vertex;
      return target;
    });
    const lengthOf = (target) => (target.vertex.layer - start.layer) * step;
    const longest = Math.max(...ends.map(lengthOf));
    for (let k = 1; k < longest; k++) {
      const bend = addVertex(layers, start.layer + k * step, null, null);
      bend.firstArc = connect(chain[k - 1], bend, net.up, k === 1 ? net.source.port : null, null);
      chain.push(bend);
    }
    for (const target of ends) {
      const length = lengthOf(target);
      target.chain = chain.slice(0, length);
      const fromPort = length === 1 ? net.source.port : null;
      target.arc = connect(chain[length - 1], target.vertex, net.up, fromPort, target.port);
      target.arc.room = Math.max(SPACE.arrow, target.room || 0);
    }
    net.start = start;
  }
  return arcs;
}

// -- the way of an edge ----------------------------------------------------------------------------

function trace(edge) {
  const points = [];
  const { up } = edge;
  for (const { container, target } of edge.hops) {
    const { net, chain, arc } = target;
    const at = (x, a, b) => {
      const [top, bottom] = a < b ? [a, b] : [b, a];
      points.push({ x: x + container.x, top: top + container.y, bottom: bottom + container.y });
    };
    // From a box straight to the edge of its layer, so that no larger box beside it is crossed.
    const border = (vertex, x, leaving) => {
      const below = leaving !== up; // at which border of the box
      if (vertex.port) {
        const y = vertex.port.side === "top" ? 0 : container.height;
        at(x, y, y);
      } else {
        const y = vertex.item.y - container.y + (below ? vertex.item.height : 0);
        at(x, y, below ? vertex.bottom : vertex.top);
      }
    };
    const start = chain.length > 1 ? chain[1].firstArc : arc;
    border(net.start, net.start.x + (up ? start.lowerAt : start.upperAt), true);
    for (const bend of chain.slice(1)) at(bend.x, bend.top, bend.bottom);
    border(target.vertex, target.vertex.x + (up ? arc.upperAt : arc.lowerAt), false);
  }
  return points;
}
