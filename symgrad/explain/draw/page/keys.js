// What pointers and keys do to the picture.

// -- pointers ------------------------------------------------------------------------------------

const itemAt = (target) => {
  const element = target instanceof Element ? target.closest(".item") : null;
  return element ? graph.byId(element.id.slice("item-".length)) : null;
};

stage.addEventListener("click", (event) => {
  if (camera.moved > 4) return;
  const item = itemAt(event.target);
  if (!item) {
    unchoose();
    return;
  }
  if (event.target.closest(".fold")) {
    toggle(item);
    return;
  }
  if (item.nodes && item.open) {
    unchoose();
    return;
  }
  focus(item);
  choose(item);
});
stage.addEventListener("dblclick", (event) => {
  const item = itemAt(event.target);
  if (item && item.nodes && !event.target.closest(".fold")) toggle(item);
});
stage.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch" && !camera.pointers.size) look(itemAt(event.target));
});
stage.addEventListener("pointerleave", () => look(null));
// Not on an element of the picture: Chromium lets Tab stop at those that listen to this.
byId("stage").addEventListener("focusin", (event) => {
  const item = itemAt(event.target);
  if (item && item !== looked) look(item);
});

// -- keys ------------------------------------------------------------------------------------------

const centre = (box) => ({ x: box.x + box.width / 2, y: box.children ? box.y : box.y + box.height / 2 });

const inOrder = (boxes) => boxes.slice().sort((a, b) => a.y - b.y || a.x - b.x);

// From top to bottom, a group before what is inside it.
function readingOrder() {
  const found = [];
  const stack = inOrder(drawn.root.children).reverse();
  while (stack.length) {
    const box = stack.pop();
    found.push(box.of);
    if (box.children) stack.push(...inOrder(box.children).reverse());
  }
  return found;
}

// Along an edge: to the reader (or the input) that is straightest below (or above).
function along(item, forwards) {
  const box = drawn.boxes.get(item);
  const from = centre(box);
  const ends = drawn.edges
    .filter((edge) => (forwards ? edge.source : edge.target) === box)
    .map((edge) => (forwards ? edge.target : edge.source));
  const far = (other) => Math.hypot(centre(other).x - from.x, centre(other).y - from.y);
  ends.sort((a, b) => far(a) - far(b));
  if (ends.length) return ends[0].of;
  const order = readingOrder();
  return box.children ? order[order.indexOf(item) + (forwards ? 1 : -1)] || null : null;
}

// The nearest neighbour to the left or to the right in the same row.
function beside(item, direction) {
  const box = drawn.boxes.get(item);
  const bottom = (one) => one.y + (one.children ? 30 : one.height);
  let [best, least] = [null, Infinity];
  for (const other of drawn.boxes.values()) {
    const far = (centre(other).x - centre(box).x) * direction;
    const sameRow = other.y < bottom(box) && bottom(other) > box.y;
    if (far > 0 && far < least && sameRow) [best, least] = [other.of, far];
  }
  return best;
}

const MOVES = {
  ArrowDown: (item) => along(item, true),
  ArrowUp: (item) => along(item, false),
  ArrowLeft: (item) => beside(item, -1),
  ArrowRight: (item) => beside(item, 1),
  Home: () => readingOrder()[0],
  End: () => readingOrder().pop(),
};

const KEYS = {
  "+": () => camera.zoom(1.25),
  "=": () => camera.zoom(1.25),
  "-": () => camera.zoom(0.8),
  0: fit,
  "/": () => byId("search").focus(),
  l: () => byId("list-button").click(),
  "?": () => byId("help-button").click(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input, select")) return;
  const item = document.activeElement && scene.contains(document.activeElement) ? itemAt(document.activeElement) : null;
  if (event.key === "Escape") {
    for (const id of ["list", "help"]) if (!byId(id).hidden) byId(`${id}-button`).click();
    unchoose();
  } else if (item && MOVES[event.key]) {
    const next = MOVES[event.key](item);
    if (next) {
      focus(next);
      camera.follow(boxToFollow(next));
    }
  } else if (item && (event.key === "Enter" || event.key === " ")) {
    if (item.nodes && event.key === "Enter") toggle(item);
    else choose(item);
  } else if (item && event.key === "Backspace" && parentOf(item)) {
    toggle(parentOf(item));
    focus(parentOf(item));
  } else if (KEYS[event.key.toLowerCase()]) KEYS[event.key.toLowerCase()]();
  else return;
  event.preventDefault();
});

function boxToFollow(item) {
  const box = drawn.boxes.get(item);
  return box.children ? { x: box.x, y: box.y, width: 60, height: 30 } : box;
}
