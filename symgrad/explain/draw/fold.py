"""Large pictures on a page: nodes of one scope, source line or role become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from symgrad.explain.draw.picture import LEAVES, PLURALS, Edge, Group, Node, Picture

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

LIMIT = 150  # nodes that a reader can still follow; more are folded
_PAGE = 32  # boxes of operations on a page
_ARROWS = 48  # arrows on a page
_FEW = 24  # boxes of variables, and boxes at the ends
_ENDS = ("output", "update")


class _Key(NamedTuple):
    """What a box holds: its role, the scopes around it, a loop, what else tells it apart."""

    role: str
    scope: str
    loop: str
    place: str
    title: str


def fold(picture: Picture) -> Picture:
    """The same picture if it has at most `LIMIT` nodes, else one of boxes that say what they hold.

    What is folded is what the user put together: operations of one source line, or if those are
    too many of one name scope, or of several scopes one after the other; variables that the same
    boxes use.

    >>> import symgrad.tensor as T
    >>> from symgrad.explain.draw.picture import picture
    >>> y = T.dvector("x")
    >>> for _ in range(1000):
    ...     y = T.tanh(y)
    >>> [(node.label, node.type) for node in fold(picture(y)).nodes][1]
    ('y = T.tanh(y)', '1,000 operations: tanh')
    """
    if len(picture.nodes) <= LIMIT:
        return picture
    return _Folder(picture).run()


class _Folder:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.loops: dict[str, str] = {}
        for group in picture.groups:
            if group.kind == "loop":
                self.loops.update(dict.fromkeys(group.members, group.id))
        self.operations = [n for n in picture.nodes if n.kind not in (*LEAVES, *_ENDS)]
        self.box: dict[str, str] = {}
        self.members: dict[str, list[Node]] = {}
        self.keys: dict[str, _Key] = {}

    def run(self) -> Picture:
        for found in self._ways():
            self.box, self.members = {}, {}
            for key, nodes in found.items():
                self._put(f"g{len(self.members) + 1}", nodes, key)
            self._fold_variables()
            self._fold_ends()
            edges = list(self._edges())
            if len(edges) <= _ARROWS:
                break
        order = {node.id: k for k, node in enumerate(self.picture.nodes)}
        boxes = sorted(self.members, key=lambda box: order[self.members[box][0].id])
        drawn = tuple([self._node(box) for box in boxes])
        return Picture(self.picture.title, drawn, tuple(edges), tuple(self._groups(boxes)))

    # -- who goes where ------------------------------------------------------------------------

    def _put(self, box: str, nodes: Sequence[Node], key: _Key) -> None:
        self.members[box] = list(nodes)
        self.keys[box] = key
        self.box.update((node.id, box) for node in nodes)

    def _ways(self) -> Iterator[dict[_Key, list[Node]]]:
        """Operations by source line, by scope as deep as fits, by runs of scopes, by role."""
        deepest = max((n.scope.count("/") + 1 for n in self.operations if n.scope), default=0)
        found = _collect(self.operations, self._of_line)
        finest = found
        if len(found) <= _PAGE:
            yield found
        for depth in range(deepest, 0, -1):
            found = _collect(self.operations, partial(self._of_scope, depth))
            if len(found) <= _PAGE:
                yield found
        for page in (24, 16, 12, 8):
            if len(found) > page:
                yield self._in_runs(found if deepest else finest, page)
        yield _collect(self.operations, lambda n: _Key(n.role, "", "", "", "all of it"))

    def _of_line(self, node: Node) -> _Key:
        loop = self.loops.get(node.id, "")
        return _Key(node.role, node.scope, loop, node.place, node.source or node.place)

    @staticmethod
    def _of_scope(depth: int, node: Node) -> _Key:
        """Of scopes the title is the last name, and those before it are around it."""
        parts = node.scope.split("/")[:depth]
        around = "/".join(parts[:-1])
        return _Key(node.role, around, "", parts[-1], parts[-1] or "outside any scope")

    @staticmethod
    def _in_runs(found: dict[_Key, list[Node]], page: int) -> dict[_Key, list[Node]]:
        """Scopes or lines one after the other as one: the same in the gradient as forward."""
        parts = list(dict.fromkeys((key.scope, key.place) for key in found))
        titles = {(key.scope, key.place): key.title for key in found}
        named = [part for part in parts if part[1]]
        size = -(-len(named) // max(1, page // len({key.role for key in found})))
        number = {part: k // size + 1 for k, part in enumerate(named)}
        runs: dict[_Key, list[Node]] = {}
        for key, nodes in found.items():
            k = number.get((key.scope, key.place), 0)
            run = named[(k - 1) * size : k * size] if k else []
            first, last = (titles[run[0]], titles[run[-1]]) if k else (key.title, key.title)
            title = first if first == last else f"{_cut(first)} … {_cut(last)}"
            runs.setdefault(_Key(key.role, "", "", str(k), title), []).extend(nodes)
        return runs

    def _fold_variables(self) -> None:
        """Into the first box that uses them; inputs stay outside, with those that the same use."""
        leaves = [n for n in self.picture.nodes if n.kind in LEAVES]
        users: dict[str, dict[str, None]] = {n.id: {} for n in leaves}
        for edge in self.picture.edges:
            if edge.source in users:
                users[edge.source][self.box.get(edge.target, "end")] = None
        shared: list[Node] = []
        for leaf in leaves:
            found = list(users[leaf.id])
            first = next((box for box in found if len(self.members.get(box, ())) > 1), None)
            if leaf.kind != "input" and first is not None:
                self.members[first].append(leaf)
                self.box[leaf.id] = first
            else:
                shared.append(leaf)
        groups = _collect(shared, lambda n: (n.kind, n.role, frozenset(users[n.id])))
        if len(groups) > _FEW:
            groups = _collect(shared, lambda n: (n.kind, n.role, frozenset()))
        self._put_all(groups.values(), "v")

    def _fold_ends(self) -> None:
        ends = [n for n in self.picture.nodes if n.kind in _ENDS]
        sources = {n.id: {""} for n in ends}
        for edge in self.picture.edges:
            if edge.target in sources:
                sources[edge.target].add(self.box[edge.source])
        order = {box: (box[0] == "g", k) for k, box in enumerate(self.members)} | {"": (False, -1)}
        groups = _collect(ends, lambda n: (n.kind, max(sources[n.id], key=order.__getitem__)))
        if len(groups) > _FEW:
            groups = _collect(ends, lambda n: (n.kind, ""))
        self._put_all(groups.values(), "e")

    def _put_all(self, groups: Iterable[list[Node]], letter: str) -> None:
        for k, nodes in enumerate(groups):
            role = "" if nodes[0].kind == "output" else nodes[0].role
            self._put(f"{letter}{k + 1}", nodes, _Key(role, "", "", "", ""))

    # -- what is drawn -------------------------------------------------------------------------

    def _node(self, box: str) -> Node:
        members = self.members[box]
        first = members[0]
        if len(members) == 1:
            return first._replace(id=box)
        if first.kind in (*LEAVES, *_ENDS):
            label = _some([n.label if first.kind in LEAVES else n.name or n.label for n in members])
            counted = f"{len(members):,} {PLURALS[first.kind]}"
            return first._replace(id=box, label=label, name="", type=counted, expr=None)
        operations = [n for n in members if n.kind not in LEAVES]
        inside = [n.label for n in members if n.kind == "shared"]
        words = Counter(_word(n.label) for n in operations)
        common = [text for text, _ in words.most_common(12)]
        kinds_of = ", ".join(text for text in common if len(text) <= 16)
        holds = f"{len(operations):,} operations: {_cut(kinds_of, 40)}"
        if inside:
            holds += f"; {len(inside):,} shared: {_some(inside)}"
        return first._replace(
            id=box, label=self.keys[box].title, name="", kind="group", type=holds, expr=None
        )

    def _edges(self) -> Iterator[Edge]:
        found: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.picture.edges:
            ends = self.box[edge.source], self.box[edge.target]
            if ends[0] != ends[1]:
                found.setdefault(ends, []).append(edge)
        for (source, target), edges in found.items():
            arrays = {edge.source for edge in edges}
            texts = {edge.text for edge in edges}
            text = texts.pop() if len(texts) == 1 else "values"
            if len(arrays) > 1:
                text = (
                    f"{len(arrays):,} × {text}" if text != "values" else f"{len(arrays):,} values"
                )
            folded = len(self.members[source]) > 1 or len(self.members[target]) > 1
            mark = "" if folded else edges[0].position
            yield Edge(source, target, text, mark)

    def _groups(self, boxes: Sequence[str]) -> Iterator[Group]:
        """The roles, and the scopes around what is folded."""
        titles = {g.id: g.title for g in self.picture.groups}
        roles = {self.keys[box].role for box in boxes} - {""}
        found: dict[str, tuple[str, str, str | None, list[str]]] = {}
        for box in boxes:
            role, scope = self.keys[box][:2]
            parent: str | None = None
            if role and len(roles) > 1:
                parent = role
                found.setdefault(role, (titles.get(role, role), "role", None, []))
            path = ""
            for part in scope.split("/") if scope else []:
                path = f"{path}/{part}" if path else part
                id = f"{role}/{path}"
                found.setdefault(id, (part, "scope", parent, []))
                parent = id
            if parent is not None:
                found[parent][3].append(box)
        for id, (title, kind, above, members) in found.items():
            yield Group(id, title, kind, above, tuple(members))


def _collect(items: Sequence[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def _word(label: str) -> str:
    """A label without what differs between operations of one kind: `·` for `x · W`."""
    if " · " in label:
        return "·"
    sign, _, operand = label.partition(" ")
    return sign if len(sign) == 1 and operand and operand[0].isdigit() else label


def _cut(text: str, longest: int = 24) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip(' ,')}…"


def _some(names: Sequence[str]) -> str:
    """`W1, b1, W2`, or the first and the last of many."""
    if len(names) <= 4:
        return _cut(", ".join(names), 48)
    return f"{_cut(names[0], 16)}, {_cut(names[1], 16)} … {_cut(names[-1], 16)}"
