"""Graphs as pictures: what is drawn, with which words, in which groups, but not where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.compile.call import Function
from symgrad.errors import QUOTED, GraphTypeError, repr_of, short
from symgrad.explain.draw.labels import Given, Label, label
from symgrad.explain.draw.lengths import shape_text, type_text
from symgrad.explain.draw.reading import Reading
from symgrad.explain.draw.steps import update_step
from symgrad.explain.draw.texts import Operand
from symgrad.graph.collector import collector_paused
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.meant import as_meant
from symgrad.graph.shared import Shared
from symgrad.ops.op import Project
from symgrad.origins import is_of_gradient, scope_of, text_of_line

# the kinds of nodes that nothing computes, and what several of a kind are called
LEAVES = ("input", "shared", "constant")
PLURALS = {
    "input": "inputs",
    "shared": "shared variables",
    "constant": "constants",
    "output": "outputs",
    "update": "updates",
}


class Node(NamedTuple):
    """Something that is drawn.

    Attributes
    ----------
    id : str
        The same whenever the same graph is drawn.
    label : str
        What it is in mathematics: ``softmax``, ``× 0.13``.
    name : str
        The user's name for it, or "".
    kind : str
        ``input``, ``shared``, ``constant``, ``operation``, ``output``, ``update``; ``group`` stands
        for several that are folded.
    type : str
        ``float32 (600, 10)``.
    role : str
        ``forward``, ``gradient`` or ``update``.
    scope, place, source : str
        The user's name scope, the file and line, and the text of that line.
    expr : Expr or None
        What it stands for.
    """

    id: str
    label: str
    name: str
    kind: str
    type: str
    role: str
    scope: str
    place: str
    source: str
    expr: Expr | None


class Edge(NamedTuple):
    """An arrow: what flows along it, and which operand it is where that matters."""

    source: str
    target: str
    text: str
    position: str


class Group(NamedTuple):
    """Nodes that belong together: of one role, scope, source line, or the body of a loop."""

    id: str
    title: str
    kind: str
    parent: str | None
    members: tuple[str, ...]


class Picture(NamedTuple):
    """What is drawn of a graph."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]


class Roots(NamedTuple):
    """What is asked for: outputs and what they are called, updates, a title, a call's inputs."""

    title: str
    outputs: tuple[tuple[str, Expr], ...]
    updates: tuple[tuple[Shared, Expr], ...] = ()
    inputs: tuple[Expr, ...] = ()


@collector_paused()
def picture(x: Any, written: bool = False) -> Picture:
    """What is drawn of an expression, several, or a compiled function.

    Parameters
    ----------
    x : variable, sequence or dict of variables, or Function
        What to draw.
    written : bool
        Draw a function as it was written, before rewriting.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> drawn = picture(T.nnet.softmax(x * 2).sum(axis=0))
    >>> [node.label for node in drawn.nodes]
    ['x', '× 2', 'softmax', 'sum over axis 0', 'output']
    >>> drawn.edges[1]
    Edge(source='n2', target='n3', text='float64 n×m', position='')
    """
    return _Painter(roots(x, written)).paint()


def roots(x: Any, written: bool = False) -> Roots:
    """The expressions that are asked for."""
    if isinstance(x, Roots):
        return x
    if isinstance(x, Function):
        return _of_function(x, written)
    entries: list[tuple[str, Any]]
    if isinstance(x, Mapping):
        entries = [(str(name), entry) for name, entry in x.items()]
    elif isinstance(x, (list, tuple)):
        entries = [("", entry) for entry in x]
    else:
        entries = [("", x)]
    outputs: list[tuple[str, Expr]] = []
    for name, entry in entries:
        if not isinstance(entry, Expr):
            raise GraphTypeError(
                f"draw: expected a variable, a list or dict of variables, or a compiled function, "
                f"not {repr_of(entry)}. Give it what T.grad or function returned, or an expression."
            )
        outputs.append((name, entry))
    title = _cut(outputs[0][1].name) if len(outputs) == 1 else ""
    return Roots(title, tuple(outputs))


def _of_function(f: Function, written: bool) -> Roots:
    recipe, program = f._recipe, f.program
    if written:
        inputs, results, updates = recipe.written()
    else:
        inputs = [node for node, _ in program.inputs]
        made = [result.node for result in program.outputs]
        shown = as_meant([*made, *(result.node for _, result in program.updates)])
        results, news = shown[: len(made)], shown[len(made) :]
        updates = [(s, new) for (s, _), new in zip(program.updates, news, strict=True)]
    keys = recipe.keys or ("",) * len(results)
    names = [key or own.name or "" for key, own in zip(keys, recipe.results, strict=True)]
    how = "as written" if written else "as compiled"
    outputs = tuple(zip(names, results, strict=True))
    return Roots(f"{_cut(f.name)}, {how}", outputs, tuple(updates), tuple(inputs))


class _Painter:
    def __init__(self, wanted: Roots) -> None:
        self.wanted = wanted
        self.places = _Places()
        news = [new for _, new in wanted.updates]
        self.reading = Reading([*(node for _, node in wanted.outputs), *news])
        read = self.reading
        count = len(wanted.outputs)
        self.outputs = [read.target(root) for root in read.roots[:count]]
        steps = zip(wanted.updates, read.roots[count:], strict=True)
        self.steps = [update_step(read, shared, new) for (shared, _), new in steps]
        ends = [*self.outputs, *(o.node for step in self.steps for o in step.operands)]
        self.order = list(read.drawn(ends))
        self.ids = {node: f"n{k + 1}" for k, node in enumerate(self.order)}
        self.operands = {node: read.operands(node) for node in self.order}
        loops = dict.fromkeys(read.loop_of[n] for n in self.order if n in read.loop_of)
        self.loops = {loop: k + 1 for k, loop in enumerate(loops)}
        self.roles = self._find_roles()

    def paint(self) -> Picture:
        """The whole picture."""
        nodes: list[Node] = []
        edges: list[Edge] = []
        for node in self.order:
            made, marks = self._node(node)
            nodes.append(made)
            edges += self._edges(made.id, self.operands[node], marks)
        several = len(self.outputs) > 1
        for k, (name, _) in enumerate(self.wanted.outputs):
            source = self.outputs[k]
            title = _cut(name or source.name) or (f"output {k + 1}" if several else "output")
            nodes.append(self._end(f"out{k + 1}", title, "output", self.reading.roots[k]))
            edges.append(self._edge(source, f"out{k + 1}", ""))
        for k, step in enumerate(self.steps):
            nodes.append(self._end(f"new{k + 1}", step.text, "update", step.shared))
            edges += self._edges(f"new{k + 1}", step.operands, step.marks)
        return Picture(self.wanted.title, tuple(nodes), tuple(edges), self._groups(nodes))

    # -- nodes and edges ---------------------------------------------------------------------

    def _node(self, node: Expr) -> tuple[Node, dict[int, str]]:
        marks: dict[int, str] = {}
        if isinstance(node, Constant) or node in self.reading.texts:
            kind, text = "constant", self._constant(node)
        elif node.op is None:
            kind = "shared" if isinstance(node, Shared) else "input"
            text = _cut(node.name)
            if node in self.reading.loop_of:
                kind, text = "operation", self._loop_input(node)
            if not text.strip():
                text = "unnamed shared" if kind == "shared" else "unnamed input"
        else:
            kind = "operation"
            text, marks = self._label(node)
        made = Node(
            self.ids[node],
            text,
            _cut(node.name),
            kind,
            type_text(node, self.reading.symbols),
            self.roles[node],
            scope_of(node.origin),
            *self.places.of(node),
            node,
        )
        return made, marks

    def _constant(self, node: Expr) -> str:
        text = self.reading.texts.get(node)
        shape = shape_text(node, self.reading.symbols)
        if text is None:
            return _cut(node.name or f"constant {shape}")
        if not node.ndim or text.counts or "[" in text.text:
            return text.text
        return f"{ {'0': 'zeros', '1': 'ones'}.get(text.text, text.text + ' in all of') } {shape}"

    def _loop_input(self, node: Expr) -> str:
        (source,) = self.reading.inputs(node)
        return f"each element of {_cut(source.name)}" if source.name else "each element"

    def _label(self, node: Expr) -> Label:
        if node in self.reading.means:
            total = self.reading.means[node]
            given = Given(total, self.operands[node], self.reading.lengths)
            return Label(label(given).text.replace("sum", "mean", 1))
        operands = self.operands[node]
        return label(Given(node, operands, self.reading.lengths))

    def _end(self, id: str, text: str, kind: str, node: Expr) -> Node:
        type_ = type_text(node, self.reading.symbols)
        if isinstance(node, Shared):
            shape = getattr(node.cell.value, "shape", ())
            type_ = f"{node.dtype} {shape}" if shape else node.dtype
        role = "update" if kind == "update" else self.roles[self.reading.target(node)]
        name = _cut(node.name)
        return Node(id, text, name, kind, type_, role, "", *self.places.of(node), node)

    def _edges(self, id: str, operands: Iterable[Operand], marks: dict[int, str]) -> list[Edge]:
        found: dict[tuple[str, str], Edge] = {}
        for k, operand in enumerate(operands):
            for source in _sources([operand]):
                mark = marks.get(k, "") if operand.text is None else ""
                edge = self._edge(source, id, mark)
                before = found.get((edge.source, id))
                if before is not None:  # both operands are one: x · x
                    both = [m for m in (before.position, mark) if m and not m.isdecimal()]
                    edge = edge._replace(position=", ".join(both))
                found[edge.source, id] = edge
        return list(found.values())

    def _edge(self, source: Expr, target: str, mark: str) -> Edge:
        shape = shape_text(source, self.reading.symbols)
        text = f"{source.dtype} {shape}".strip()
        return Edge(self.ids[source], target, "" if source.dtype == "tuple" else text, mark)

    # -- roles and groups ----------------------------------------------------------------------

    def _find_roles(self) -> dict[Expr, str]:
        """Gradients are marked; only updates need the rest of what no output needs."""
        read = self.reading
        roles = {n: "gradient" if is_of_gradient(n.origin) else "update" for n in self.order}
        stack = [node for node in self.order if roles[node] == "gradient"]
        stack = [i for node in stack for i in _sources(self.operands[node])] + list(self.outputs)
        seen: set[Expr] = set()
        while stack:
            node = stack.pop()
            if node not in seen and node in roles:
                seen.add(node)
                if roles[node] == "update":
                    roles[node] = "forward"
                stack += _sources(self.operands[node])
        self._give_loops_roles(roles)
        users: dict[Expr, set[str]] = {}
        for node in self.order:
            for leaf in _sources(self.operands[node]):
                users.setdefault(leaf, set()).add(roles[node])
        for node in self.order:
            if node.op is None and node not in read.loop_of:
                roles[node] = self._role_of_leaf(node, users, roles)
        return roles

    def _give_loops_roles(self, roles: dict[Expr, str]) -> None:
        """The body of a loop and its results are one: a gradient if any of it is."""
        for loop in self.loops:
            inside = [node for node in self.order if self.reading.loop_of.get(node) is loop]
            results = [n for n in self.order if isinstance(n.op, Project) and n.inputs[0] is loop]
            marked = any(roles[node] == "gradient" for node in inside)
            outside = [roles[node] for node in results] or ["forward"]
            role = "gradient" if marked else outside[0]
            roles.update(dict.fromkeys([*inside, *results], role))

    @staticmethod
    def _role_of_leaf(node: Expr, users: Mapping[Expr, set[str]], roles: Any) -> str:
        """That of the first part that uses it."""
        found = users.get(node, {"update"})
        return next(role for role in ("forward", "gradient", "update") if role in found)

    def _groups(self, nodes: Sequence[Node]) -> tuple[Group, ...]:
        """Roles, the user's scopes inside them, loops inside those."""
        found: dict[str, tuple[str, str, str | None, list[str]]] = {}
        drawn = [n for n in nodes if n.kind in ("operation", "update", "group")]
        drawn_roles = {n.role for n in drawn}
        titles = {"forward": "forward", "gradient": "gradient", "update": "updates"}
        for node in nodes:
            parent: str | None = None
            if len(drawn_roles) > 1 and node.kind != "output":
                parent = node.role
                found.setdefault(parent, (titles[parent], "role", None, []))
            for part in _paths(node.scope):
                id = f"{node.role}/{part}"
                found.setdefault(id, (part.rpartition("/")[2], "scope", parent, []))
                parent = id
            loop = None if node.expr is None else self.reading.loop_of.get(node.expr)
            if loop is not None and node.kind != "output":
                id = f"loop {self.loops[loop]}"
                rounds = (self.reading.lengths(loop.inputs[0]) or ("n",))[0]
                found.setdefault(id, (f"loop, {rounds} times", "loop", parent, []))
                parent = id
            if parent is not None:
                found[parent][3].append(node.id)
        return tuple(Group(id, t, k, p, tuple(m)) for id, (t, k, p, m) in found.items())


def _sources(operands: Iterable[Operand]) -> Iterator[Expr]:
    for operand in operands:
        yield from [operand.node] if operand.text is None else operand.text.leaves


def _cut(name: str | None) -> str:
    """A name, or the beginning of a long one; what it holds is escaped where it is drawn."""
    return short(name or "", QUOTED)


def _paths(scope: str) -> list[str]:
    """`a/b` has the paths `a` and `a/b`."""
    parts = scope.split("/") if scope else []
    return ["/".join(parts[: k + 1]) for k in range(len(parts))]


class _Places:
    """Where nodes were made, and the text of those lines; each function is read once."""

    def __init__(self) -> None:
        self._lines: dict[Any, list[int | None]] = {}
        self._known: dict[tuple[int, int], tuple[str, str]] = {}

    def of(self, node: Expr) -> tuple[str, str]:
        """`file.py:12`, and the line as far as its file can be read."""
        if not node.origin:
            return "", ""
        code, position = node.origin[0]
        key = id(code), position
        if key not in self._known:
            self._known[key] = self._find(code, position)
        return self._known[key]

    def _find(self, code: Any, position: int) -> tuple[str, str]:
        if isinstance(code, str):
            file, line = code, position
        else:
            if id(code) not in self._lines:
                self._lines[id(code)] = [where[0] for where in code.co_positions()]
            lines = self._lines[id(code)]
            found = lines[position // 2] if position // 2 < len(lines) else None
            file, line = code.co_filename, found or code.co_firstlineno
        return f"{os.path.basename(file)}:{line}", text_of_line(file, line).strip()
