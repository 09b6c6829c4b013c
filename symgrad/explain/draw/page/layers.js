// One group's layers: orders in which wires cross little, and positions that keep them straight.

// -- orders ----------------------------------------------------------------------------------------

function orderLayers(layers, arcs) {
  const rounds = arcs > 4000 ? 3 : arcs > 800 ? 8 : 24;
  let best = layers.map((layer) => layer.slice());
  let least = Infinity;
  for (let round = 0; round < rounds && least > 0; round++) {
    const down = round % 2 === 0;
    for (let k = 0; k < layers.length; k++) {
      const layer = layers[down ? k : layers.length - 1 - k];
      for (const vertex of layer) vertex.wish = middle(vertex, down ? vertex.ups : vertex.downs, down);
      layer.sort((a, b) => a.wish - b.wish || a.place - b.place);
      layer.forEach((vertex, place) => (vertex.place = place));
    }
    if (arcs <= 2500) swapNeighbours(layers);
    const crossings = countCrossings(layers);
    if (crossings < least) {
      least = crossings;
      best = layers.map((layer) => layer.slice());
    }
  }
  best.forEach((layer, k) => {
    layer.forEach((vertex, place) => (vertex.place = place));
    layers[k] = layer;
  });
}

// Where the neighbours in the layer above (or below) stand on average.
function middle(vertex, arcs, down) {
  if (!arcs.length) return vertex.place;
  let sum = 0;
  for (const arc of arcs) sum += end(down ? arc.upper : arc.lower, down ? arc.upperPort : arc.lowerPort);
  return sum / arcs.length;
}

// The place of one end of an arc in its layer; ports of one group differ by parts of a place.
function end(vertex, port) {
  return port ? vertex.place + 0.8 * (port.x / vertex.width - 0.5) : vertex.place;
}

const upperEnd = (arc) => end(arc.upper, arc.upperPort);
const lowerEnd = (arc) => end(arc.lower, arc.lowerPort);

// Neighbours change places wherever that saves crossings.
function swapNeighbours(layers) {
  const between = (left, right, arcsOf, endOf) => {
    let saved = 0;
    for (const a of arcsOf(left)) {
      for (const b of arcsOf(right)) saved += Math.sign(endOf(a) - endOf(b));
    }
    return saved;
  };
  for (let round = 0; round < 4; round++) {
    let changed = false;
    for (const layer of layers) {
      for (let k = 0; k + 1 < layer.length; k++) {
        const [left, right] = [layer[k], layer[k + 1]];
        const saved =
          between(left, right, (v) => v.ups, upperEnd) + between(left, right, (v) => v.downs, lowerEnd);
        if (saved > 0) {
          [layer[k], layer[k + 1]] = [right, left];
          [left.place, right.place] = [right.place, left.place];
          changed = true;
        }
      }
    }
    if (!changed) return;
  }
}

// Pairs of arcs that cross, by merge sort.
function countCrossings(layers) {
  let total = 0;
  for (const layer of layers) {
    const arcs = layer.flatMap((vertex) => vertex.downs);
    arcs.sort((a, b) => upperEnd(a) - upperEnd(b) || lowerEnd(a) - lowerEnd(b));
    total += inversions(arcs.map(lowerEnd));
  }
  return total;
}

function inversions(values) {
  let count = 0;
  let from = values;
  let into = new Array(values.length);
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const half = Math.min(start + width, values.length);
      const stop = Math.min(start + 2 * width, values.length);
      let [a, b] = [start, half];
      for (let k = start; k < stop; k++) {
        if (a < half && (b >= stop || from[a] <= from[b])) into[k] = from[a++];
        else {
          into[k] = from[b++];
          count += half - a;
        }
      }
    }
    [from, into] = [into, from];
  }
  return count;
}

// -- positions -------------------------------------------------------------------------------------

// Where on a box its arcs begin and end: at the port, or side by side where several arrive.
function attachArcs(layers) {
  const spread = (arcs, far, at, width) => {
    arcs.sort((a, b) => far(a) - far(b));
    const sum = arcs.reduce((total, arc) => total + arc.room, 0);
    const scale = Math.min(1, Math.max(width - 10, 4) / sum);
    let x = (-sum * scale) / 2;
    for (const arc of arcs) {
      arc[at] = x + (arc.room * scale) / 2;
      x += arc.room * scale;
    }
  };
  for (const layer of layers) {
    for (const vertex of layer) {
      for (const arc of vertex.ups) if (arc.lowerPort) arc.lowerAt = arc.lowerPort.x - vertex.width / 2;
      for (const arc of vertex.downs) if (arc.upperPort) arc.upperAt = arc.upperPort.x - vertex.width / 2;
      if (!vertex.item || vertex.item.children) continue;
      const arriving = vertex.ups.filter((arc) => !arc.up);
      const rising = vertex.downs.filter((arc) => arc.up);
      spread(arriving, upperEnd, "lowerAt", vertex.width);
      spread(rising, lowerEnd, "upperAt", vertex.width);
    }
  }
}

function apart(a, b) {
  const boxes = !!a.item + !!b.item;
  const gap = boxes === 2 ? SPACE.item : boxes ? (SPACE.item + SPACE.wire) / 2 : SPACE.wire;
  return (a.width + b.width) / 2 + gap;
}

// Horizontal positions: again and again, each layer as near as it can be to where its neighbours
// would have it.
function positionAcross(layers) {
  for (const layer of layers) {
    layer.forEach((vertex, k) => {
      vertex.x = k ? layer[k - 1].x + apart(layer[k - 1], vertex) : 0;
    });
    const half = layer.length ? (layer[0].x + layer[layer.length - 1].x) / 2 : 0;
    for (const vertex of layer) vertex.x -= half;
  }
  const vertices = layers.reduce((sum, layer) => sum + layer.length, 0);
  const rounds = vertices > 3000 ? 6 : 14;
  for (let round = 0; round < rounds; round++) {
    const last = round >= rounds - 4;
    const down = round % 2 === 0;
    for (let k = 0; k < layers.length; k++) {
      settle(layers[down ? k : layers.length - 1 - k], last || down, last || !down);
    }
  }
}

// The positions of a layer, in its order and apart from each other, that are nearest to the wishes:
// neighbours that would come too close form a block, which stands at the mean of their wishes.
function settle(layer, useUps, useDowns) {
  const blocks = [];
  let offset = 0;
  layer.forEach((vertex, k) => {
    if (k) offset += apart(layer[k - 1], vertex);
    vertex.offset = offset;
    let sum = 0;
    let weight = 0;
    if (useUps) {
      for (const arc of vertex.ups) {
        sum += arc.weight * (arc.upper.x + arc.upperAt - arc.lowerAt);
        weight += arc.weight;
      }
    }
    if (useDowns) {
      for (const arc of vertex.downs) {
        sum += arc.weight * (arc.lower.x + arc.lowerAt - arc.upperAt);
        weight += arc.weight;
      }
    }
    if (!weight) {
      weight = 0.05;
      sum = weight * vertex.x;
    }
    let block = { sum: sum - weight * offset, weight, first: k };
    while (blocks.length) {
      const before = blocks[blocks.length - 1];
      if (before.sum / before.weight < block.sum / block.weight) break;
      blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, first: before.first };
    }
    blocks.push(block);
  });
  blocks.forEach((block, k) => {
    const stop = k + 1 < blocks.length ? blocks[k + 1].first : layer.length;
    for (let j = block.first; j < stop; j++) layer[j].x = block.sum / block.weight + layer[j].offset;
  });
}

// Vertical positions, and the size of the group around.
function positionDown(container, layers, isRoot) {
  let [left, right] = [Infinity, -Infinity];
  for (const layer of layers) {
    for (const vertex of layer) {
      left = Math.min(left, vertex.x - vertex.width / 2);
      right = Math.max(right, vertex.x + vertex.width / 2);
    }
  }
  const pad = isRoot ? 0 : SPACE.pad;
  const width = Math.max(right - left + 2 * pad, container.least || 0);
  const shift = (width - (right - left)) / 2 - left;
  for (const layer of layers) for (const vertex of layer) vertex.x += shift;
  let y = 0;
  layers.forEach((layer, k) => {
    const inside = k > 0 && k < layers.length - 1;
    if (k === 1) y += isRoot ? 0 : SPACE.header + (layers[0].length ? 8 : 0);
    const height = Math.max(0, ...layer.map((vertex) => (vertex.item ? vertex.item.height : 0)));
    if (k > 1) y += inside ? gapAbove(layer) : isRoot ? 0 : pad + (layer.length ? 6 : 0);
    for (const vertex of layer) {
      vertex.top = y;
      vertex.bottom = y + height;
      if (vertex.item) {
        const { item } = vertex;
        item.x = vertex.x - vertex.width / 2;
        // What only has wires above stands high, what only has wires below stands low.
        const free = vertex.ups.length ? (vertex.downs.length ? 0.5 : 0) : 1;
        item.y = y + (height - item.height) * free;
      } else if (vertex.port) vertex.port.x = vertex.x;
    }
    y += height;
  });
  container.width = width;
  container.height = y;
}

// Wires that run far to the side need room to do so.
function gapAbove(layer) {
  let widest = 0;
  for (const vertex of layer) {
    for (const arc of vertex.ups) {
      widest = Math.max(widest, Math.abs(arc.upper.x + arc.upperAt - arc.lower.x - arc.lowerAt));
    }
  }
  return SPACE.layer + Math.min(SPACE.steepest, widest * SPACE.slope);
}
