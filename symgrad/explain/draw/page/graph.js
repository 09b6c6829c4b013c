// One graph: its nodes, edges and groups, and what of them is visible while groups are folded.
//
// Python gives columns of indices into a list of texts (`page/data.py` says which). Ends of edges
// are nodes or, where the nodes of a group were left out, that group.

class Graph {
  constructor(view, texts) {
    Object.assign(this, { key: view.key, title: view.title, note: view.note, profile: view.profile });
    const names = Object.keys(view.nodes).filter((name) => name !== "group");
    this.groups = view.groups.map((group, k) => ({ ...group, id: `g${k}`, inner: [], nodes: [] }));
    this.nodes = view.nodes.group.map((group, k) => {
      const node = { id: `n${k}`, order: k, group: this.groups[group] || null, inputs: [], readers: [] };
      for (const name of names) node[name] = texts[view.nodes[name][k]];
      return node;
    });
    this.top = [];
    for (const group of this.groups) {
      group.parent = this.groups[group.parent] || null;
      (group.parent ? group.parent.inner : this.top).push(group);
      Object.assign(group, { open: false, order: Infinity, inputs: [], readers: [], time: 0 });
    }
    for (const node of this.nodes) (node.group ? node.group.nodes : this.top).push(node);
    this.edges = view.edges.from.map((from, k) => {
      const [source, target] = [this.end(from), this.end(view.edges.to[k])];
      const edge = { source, target, position: texts[view.edges.position[k]] };
      target.inputs.push(edge);
      source.readers.push(edge);
      return edge;
    });
    for (const [k, values] of Object.entries(view.values)) this.nodes[k].values = values;
    for (const [k, times] of Object.entries(view.times)) this.nodes[k].times = times;
    for (const [k, formula] of Object.entries(view.formulas)) this.nodes[k].formula = texts[formula];
    this.lines = view.lines;
    for (const group of this.groups.slice().reverse()) this.sumUp(group);
    for (const node of this.nodes) node.text = searchText(node);
  }

  end(k) {
    return k < this.nodes.length ? this.nodes[k] : this.groups[k - this.nodes.length];
  }

  byId(id) {
    return (id[0] === "g" ? this.groups : this.nodes)[Number(id.slice(1))] || null;
  }

  sumUp(group) {
    for (const child of [...group.nodes, ...group.inner]) {
      group.order = Math.min(group.order, child.order);
      group.time += child.nodes ? child.time : child.times ? child.times.seconds : 0;
      group.trouble = group.trouble || child.trouble || troubled(child);
    }
    if (group.order === Infinity) group.order = this.nodes.length + Number(group.id.slice(1));
  }

  // The outermost closed group around an item, or the item itself.
  shown(item) {
    let shown = item;
    for (let group = parentOf(item); group; group = group.parent) if (!group.open) shown = group;
    return shown;
  }

  // Make an item visible.
  reveal(item) {
    for (let group = parentOf(item); group; group = group.parent) group.open = !group.left_out;
  }

  // The items to lay out, as a tree, and the edges between them, each once.
  visible() {
    const root = { id: "root", children: [], parent: null, order: 0 };
    const boxes = new Map();
    const todo = [[this.top, root]];
    for (const [children, parent] of todo) {
      // grows while it is read
      for (const child of children) {
        const box = { id: child.id, of: child, parent, order: child.order };
        parent.children.push(box);
        boxes.set(child, box);
        if (child.nodes && child.open) {
          box.children = [];
          todo.push([[...child.nodes, ...child.inner], box]);
        }
      }
    }
    const representative = new Map();
    const shown = (item) => {
      let found = representative.get(item);
      if (!found) representative.set(item, (found = boxes.get(this.shown(item))));
      return found;
    };
    const between = new Map();
    for (const edge of this.edges) {
      const [source, target] = [shown(edge.source), shown(edge.target)];
      if (source === target || source.children || target.children) continue;
      const key = `${source.id} ${target.id}`;
      const known = between.get(key);
      if (known) known.edges.push(edge);
      else between.set(key, { source, target, edges: [edge] });
    }
    return { root, boxes, edges: [...between.values()] };
  }

  // Everything that items depend on (or that depends on them), items included.
  reach(items, forwards) {
    const found = new Set(items);
    for (const item of found) {
      // grows while it is read
      for (const edge of forwards ? item.readers : item.inputs) {
        found.add(forwards ? edge.target : edge.source);
      }
    }
    return found;
  }

  // The nodes of a group, those of groups inside it too; of a node, itself.
  members(item) {
    const found = [item];
    for (const member of found) {
      // grows while it is read
      if (member.nodes) for (const child of [...member.nodes, ...member.inner]) found.push(child);
    }
    return found;
  }

  countVisible() {
    let count = 0;
    const todo = [this.top];
    for (const children of todo) {
      count += children.length;
      for (const child of children) {
        if (child.nodes && child.open) todo.push(child.nodes, child.inner);
      }
    }
    return count;
  }
}

function parentOf(item) {
  return item.nodes ? item.parent : item.group;
}

function troubled(item) {
  return Boolean(item.values && (item.values.nan || item.values.inf));
}

function searchText(node) {
  return [node.label, node.name, node.op, node.place, node.scope, node.type, node.source].join("\n").toLowerCase();
}

// What an item is called in one line.
function titleOf(item) {
  if (item.nodes) return item.title;
  const { kind, name, label } = item;
  return kind === "operation" && name && name !== label ? `${name} = ${label}` : label;
}

function shorten(text, most) {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
