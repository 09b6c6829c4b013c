// The page: what is open, chosen and looked at, and what keys and pointers do to it.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const stage = byId("graph");
const scene = byId("scene");
const camera = new Camera(stage, scene);

const MOST_OPEN = 2500; // boxes that "Unfold all" may show
const WHOLE = 24; // graphs of at most so many nodes are shown whole at first
const FIRST_VIEW = 60; // boxes in the first view of others
const READABLE = 0.58; // the smallest scale of that

const views = new Map(); // graphs by key, made when they are first shown
let graph = null;
let drawn = null; // what `visible` returned, placed and drawn
let chosen = null;
let looked = null; // the item under the pointer or in focus
let roving = null; // the item that Tab goes to

const say = (text) => (byId("said").textContent = text);

// -- what is shown -------------------------------------------------------------------------------

function showView(key) {
  const before = looked && looked.text;
  if (!views.has(key)) {
    const made = new Graph(data.views.find((view) => view.key === key), data.texts);
    views.set(key, made);
    openFirst(made);
  }
  graph = views.get(key);
  chosen = looked = null;
  for (const button of byId("views").children) button.setAttribute("aria-checked", String(button.dataset.key === key));
  for (const button of byId("views").children) button.tabIndex = button.dataset.key === key ? 0 : -1;
  byId("note").textContent = graph.note;
  roving = graph.nodes.find((node) => node.text === before) || null;
  offerColours();
  writeLegend();
  draw();
  fit();
  look(null);
  say(`${graph.title}: ${graph.countVisible()} boxes shown`);
}

// As much is opened as can be read in this window: forward, gradient and updates one by one, the
// groups inside one group all or none; a small graph is shown whole.
function openFirst(made) {
  const readable = () => {
    if (made.countVisible() > FIRST_VIEW) return false;
    const { root } = place(made);
    const { width, height } = camera.size;
    return fitScale(root.width, root.height, width, height) >= READABLE;
  };
  const open = (groups, how) => {
    for (const group of groups) group.open = how && !group.left_out;
  };
  open(made.groups, true);
  if (made.nodes.length <= WHOLE || readable()) return;
  open(made.groups, false);
  const last = (group) => group.role === "update" || group.kind === "ends";
  const top = made.top.filter((item) => item.nodes);
  top.sort((a, b) => last(a) - last(b) || a.order - b.order);
  const sets = top.map((group) => [group]);
  for (const groups of sets) {
    // grows while it is read
    open(groups, true);
    if (readable()) sets.push(...groups.map((group) => group.inner).filter((inner) => inner.length));
    else open(groups, false);
  }
}

function place(made) {
  const found = made.visible();
  for (const box of found.boxes.values()) measure(box);
  for (const edge of found.edges) measureWire(edge);
  arrange(found.root, found.edges);
  return found;
}

function draw() {
  drawn = place(graph);
  scene.replaceChildren();
  const boxes = [...drawn.boxes.values()];
  for (const box of boxes) if (box.children) drawItem(box, scene);
  const wires = svg("g", { "aria-hidden": "true" }, scene);
  for (const edge of drawn.edges) drawWire(edge, wires);
  for (const box of boxes) if (!box.children) drawItem(box, scene);
  if (!roving || !drawn.boxes.has(roving)) roving = readingOrder()[0] || null;
  if (roving) drawn.boxes.get(roving).element.setAttribute("tabindex", "0");
  paintColours();
  paintChoice();
  if (!byId("list").hidden) writeList();
}

function fit() {
  camera.fit(drawn.root.width, drawn.root.height);
}

// Draw again and keep a box where it is in the window.
function redraw(item) {
  const before = drawn.boxes.get(item);
  const [x, y] = before ? [camera.x + before.x * camera.scale, camera.y + before.y * camera.scale] : [null, null];
  draw();
  const after = drawn.boxes.get(item);
  if (before && after) {
    camera.x = x - after.x * camera.scale;
    camera.y = y - after.y * camera.scale;
  }
  camera.show();
}

function toggle(group) {
  if (group.left_out) {
    say(`the ${group.left_out} nodes of ${group.title} were left out of this file`);
    return;
  }
  const hadFocus = scene.contains(document.activeElement);
  group.open = !group.open;
  roving = group;
  redraw(group);
  camera.follow(group.open ? { ...drawn.boxes.get(group), width: 60, height: 40 } : drawn.boxes.get(group));
  if (hadFocus) focus(group);
  say(`${group.title} ${group.open ? "opened" : "closed"}, ${graph.countVisible()} boxes shown`);
}

function openAll(open) {
  for (const group of graph.groups) {
    group.open = false;
  }
  let left = 0;
  if (open) {
    const todo = [...graph.top];
    let count = todo.length;
    for (const item of todo) {
      // grows while it is read
      if (!item.nodes) continue;
      const inside = item.nodes.length + item.inner.length;
      if (item.left_out || count + inside > MOST_OPEN) {
        left++;
        continue;
      }
      item.open = true;
      count += inside;
      todo.push(...item.nodes, ...item.inner);
    }
  }
  draw();
  fit();
  say(`${graph.countVisible()} boxes shown${left ? `, ${left} groups stay closed` : ""}`);
}

// -- looking and choosing ------------------------------------------------------------------------

function look(item) {
  looked = item;
  showPanel(byId("panel"), graph, item || (chosen && chosen.item), chosen, goTo);
}

function focus(item) {
  const box = drawn.boxes.get(item);
  if (!box) return;
  if (roving && drawn.boxes.has(roving)) drawn.boxes.get(roving).element.setAttribute("tabindex", "-1");
  roving = item;
  box.element.setAttribute("tabindex", "0");
  box.element.focus({ preventScroll: true });
  look(item);
}

// Show an item wherever it is folded, and say what it is.
function goTo(item) {
  const hidden = !drawn.boxes.has(item);
  graph.reveal(item);
  if (hidden) redraw(roving);
  if (camera.scale < 0.5) camera.zoom(0.9 / camera.scale);
  camera.centre(boxToFollow(item));
  choose(item);
  focus(item);
}

function choose(item) {
  const members = graph.members(item);
  const before = graph.reach(members, false);
  const after = graph.reach(members, true);
  const inside = new Set(members);
  const count = (found) => [...found].filter((other) => !other.nodes && !inside.has(other)).length;
  chosen = { item, inside, reach: [before, after], before: count(before), after: count(after) };
  paintChoice();
  look(item);
  say(`${titleOf(item)}: depends on ${chosen.before} nodes, ${chosen.after} depend on it`);
}

function unchoose() {
  chosen = null;
  paintChoice();
  look(looked);
}

function paintChoice() {
  stage.classList.toggle("chosen", chosen !== null);
  for (const box of drawn.boxes.values()) box.element.classList.remove("self", "before", "after");
  for (const edge of drawn.edges) edge.element.classList.remove("before", "after");
  if (!chosen) return;
  const [before, after] = chosen.reach;
  for (const [found, name] of [[before, "before"], [after, "after"]]) {
    for (const item of found) {
      const box = drawn.boxes.get(graph.shown(item));
      if (box && !chosen.inside.has(item)) box.element.classList.add(name);
    }
    for (const edge of drawn.edges) {
      if (edge.edges.some((one) => found.has(one.source) && found.has(one.target))) edge.element.classList.add(name);
    }
  }
  const self = drawn.boxes.get(graph.shown(chosen.item));
  if (self) self.element.classList.add("self");
}

// -- colours by time or by values ------------------------------------------------------------------

function offerColours() {
  const timed = graph.nodes.some((node) => node.times);
  byId("colours").hidden = !timed;
  byId("colour").replaceChildren(html("option", { value: "kind" }, "by kind"), html("option", { value: "time" }, "by time"));
}

function paintColours() {
  const byTime = byId("colour").value === "time" && !byId("colours").hidden;
  const timeOf = (item) => (item.nodes ? item.time : item.times ? item.times.seconds : 0);
  const closed = [...drawn.boxes.values()].filter((box) => !box.children);
  const most = Math.max(1e-12, ...closed.map((box) => timeOf(box.of)));
  for (const box of closed) {
    box.element.classList.toggle("warm", byTime);
    if (byTime) box.element.style.setProperty("--heat", (0.85 * timeOf(box.of)) / most);
  }
}

// -- the page -------------------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

function start() {
  const wantsDark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(wantsDark.matches ? "dark" : "light");
  wantsDark.addEventListener("change", () => setTheme(wantsDark.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  byId("title").textContent = data.title;
  byId("title").title = data.title;
  const several = data.views.length > 1;
  byId("views").hidden = !several;
  for (const view of data.views) {
    byId("views").append(html("button", { role: "radio", "data-key": view.key, click: () => showView(view.key) }, view.title));
  }
  byId("views").addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    const other = [...byId("views").children].find((button) => button.getAttribute("aria-checked") === "false");
    other.click();
    other.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  byId("zoom-in").addEventListener("click", () => camera.zoom(1.25));
  byId("zoom-out").addEventListener("click", () => camera.zoom(0.8));
  byId("fit").addEventListener("click", fit);
  byId("unfold-all").addEventListener("click", () => openAll(true));
  byId("fold-all").addEventListener("click", () => openAll(false));
  byId("colour").addEventListener("change", paintColours);
  overlay("list", writeList);
  overlay("help", writeHelp);
  const find = (words) => {
    const found = graph.nodes.filter((node) => words.every((word) => node.text.includes(word)));
    const ranks = new Map(found.map((node) => [node, rank(node, words)]));
    return found.sort((a, b) => ranks.get(a) - ranks.get(b) || a.order - b.order);
  };
  new Search(byId("search"), byId("results"), find, goTo);
  showView(data.views[0].key);
  const grouped = graph.groups.length > 0;
  byId("unfold-all").hidden = byId("fold-all").hidden = !grouped && !several;
  // For paper, everything at once.
  addEventListener("beforeprint", fit);
  document.documentElement.dataset.ready = "yes";
}
