"""What is inside what on a page: groups of groups of nodes, none of them long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symgrad.explain.draw.picture import LEAVES, PLURALS, Picture

SMALL = 150  # a graph of at most so many nodes keeps the groups that its picture has
_MANY = 40  # a group of more children than this is divided
_PARTS = 12  # into so many parts, or a few times: a column of them fits a screen


@dataclass
class Box:
    """A group on the page.

    Attributes
    ----------
    title, kind, role, source : str
        Its name; ``role``, ``scope``, ``loop``, ``line``, ``part`` or ``ends``; the role of what it
        holds; the line of source that made it.
    parent : int
        The box around, or -1. Boxes stand after those around them.
    count : int
        The nodes inside, those of inner boxes too.
    about : str
        What most of the operations inside are.
    left_out : int
        How many of its own nodes are not part of the page.
    """

    title: str
    kind: str
    parent: int
    role: str = ""
    source: str = ""
    count: int = 0
    left_out: int = 0
    about: str = ""


class Outline:
    """The boxes of a picture, and the box of each node (-1: none).

    The picture's own groups are kept. Where one holds too much, what one line made becomes a group,
    and if that is not enough, what follows one another. No such group closes a circle: each only
    depends on those that come before it.

    >>> import symgrad.tensor as T
    >>> from symgrad.explain.draw.picture import picture
    >>> y = T.dvector("x")
    >>> for _ in range(1000):
    ...     y = T.tanh(y)
    >>> boxes = Outline(picture(y)).boxes
    >>> [(box.title, box.about) for box in boxes if box.parent == -1][:2]
    [('part 1 of 12', 'tanh'), ('part 2 of 12', 'tanh')]
    """

    def __init__(self, picture: Picture) -> None:
        self.nodes = picture.nodes
        self.boxes: list[Box] = []
        self.box_of = [-1] * len(picture.nodes)
        self.index = {node.id: k for k, node in enumerate(picture.nodes)}
        self.readers: list[list[int]] = [[] for _ in picture.nodes]
        self.inputs: list[list[int]] = [[] for _ in picture.nodes]
        for edge in picture.edges:
            source, target = self.index[edge.source], self.index[edge.target]
            self.readers[source].append(target)
            self.inputs[target].append(source)
        self._level = [0] * len(picture.nodes)
        self._take_over(picture)
        if len(picture.nodes) > SMALL:
            self._place_leaves()
            self._collect_ends()
            for box in range(-1, len(self.boxes)):
                self._divide_by_line(box)
            self._divide_long()
        self._count()

    def _take_over(self, picture: Picture) -> None:
        numbers: dict[str, int] = {}
        for group in picture.groups:
            numbers[group.id] = len(self.boxes)
            parent = -1 if group.parent is None else numbers[group.parent]
            role = group.id if group.kind == "role" else ""
            self.boxes.append(Box(group.title, group.kind, parent, role))
            for member in group.members:
                self.box_of[self.index[member]] = numbers[group.id]

    def _around(self, box: int) -> list[int]:
        """A box and those around it, from the outermost inwards."""
        found = [box]
        while box != -1:
            box = self.boxes[box].parent
            found.append(box)
        return found[::-1]

    def _place_leaves(self) -> None:
        """Variables go into the innermost box that holds all that read them in the forward part."""
        for k, node in enumerate(self.nodes):
            if node.kind not in LEAVES or self.box_of[k] != -1 or not self.readers[k]:
                continue
            readers = [r for r in self.readers[k] if self.nodes[r].role == "forward"]
            boxes = {self.box_of[r] for r in readers or self.readers[k]}
            common = -1
            for level in zip(*(self._around(box) for box in boxes), strict=False):
                if len(set(level)) > 1:
                    break
                common = level[0]
            self.box_of[k] = common

    def _collect_ends(self) -> None:
        """Outputs, updates and variables that stand side by side in great numbers."""
        found: dict[tuple[int, str], list[int]] = {}
        for k, node in enumerate(self.nodes):
            if node.kind in PLURALS:
                found.setdefault((self.box_of[k], node.kind), []).append(k)
        for (box, kind), members in found.items():
            if len(members) > _PARTS and (box == -1 or self.boxes[box].kind != "ends"):
                title = f"{len(members):,} {PLURALS[kind]}"
                if box != -1 and len(members) == self.box_of.count(box):
                    continue
                self.boxes.append(Box(title, "ends", box))
                for k in members:
                    self.box_of[k] = len(self.boxes) - 1

    # -- dividing ------------------------------------------------------------------------------

    def _children(self) -> dict[int, tuple[list[int], list[int]]]:
        """The nodes and boxes directly inside each box."""
        found: dict[int, tuple[list[int], list[int]]] = {-1: ([], [])}
        for k in range(len(self.boxes)):
            found[k] = ([], [])
        for k, box in enumerate(self.box_of):
            found[box][0].append(k)
        for k, inner in enumerate(self.boxes):
            found[inner.parent][1].append(k)
        return found

    def _divide_by_line(self, box: int) -> None:
        """Group what one line made and what depends on nothing of another line in between.

        The level of a node is the number of changes of line on the longest way to it. Between
        groups of one line and level each arrow leads to a higher level: there is no circle.
        """
        inside = [k for k, own in enumerate(self.box_of) if own == box]
        if len(inside) <= _MANY:
            return
        runs: dict[tuple[str, str, int], list[int]] = {}
        level = self._level
        operations = [k for k in inside if self.nodes[k].kind == "operation"]
        for k in operations:
            node = self.nodes[k]
            for i in self.inputs[k]:
                if self.box_of[i] == box and self.nodes[i].kind == "operation":
                    level[k] = max(level[k], level[i] + (self.nodes[i].place != node.place))
            runs.setdefault((node.role, node.place, level[k]), []).append(k)
        if len(runs) == 1:
            return
        for (role, place, _), members in runs.items():
            if len(members) < 3 or not place:
                continue
            made = len(self.boxes)
            source = self.nodes[members[0]].source
            self.boxes.append(Box(source or place, "line", box, role, f"{place}: {source}"))
            for k in members:
                self.box_of[k] = made
        for k in inside:  # what only one of these groups reads
            if self.nodes[k].kind in LEAVES and self.readers[k]:
                level[k] = min(level[r] for r in self.readers[k])
                readers = {self.box_of[r] for r in self.readers[k]}
                if len(readers) == 1 and (only := readers.pop()) != box and only != -1:
                    self.box_of[k] = only if self.boxes[only].parent == box else self.box_of[k]

    def _divide_long(self) -> None:
        """Part what still holds too much, in the order of computation, again and again."""
        children = self._children()
        first = self._first_levels(children)
        todo = list(children)
        for box in todo:  # grows while it is read
            nodes, boxes = children[box]
            if len(nodes) + len(boxes) <= _MANY:
                continue
            entries = [(self._key(k), False, k) for k in nodes]
            entries += [(first[k], True, k) for k in boxes]
            entries.sort()
            number = min(_PARTS, -(-len(entries) // _PARTS))
            bounds = [len(entries) * k // number for k in range(number + 1)]
            for k in range(number):
                made = len(self.boxes)
                self.boxes.append(Box(f"part {k + 1} of {number}", "part", box))
                part = entries[bounds[k] : bounds[k + 1]]
                children[made] = ([e[2] for e in part if not e[1]], [e[2] for e in part if e[1]])
                for _, is_box, entry in part:
                    if is_box:
                        self.boxes[entry].parent = made
                    else:
                        self.box_of[entry] = made
                todo.append(made)
        self._sort_boxes()

    def _key(self, k: int) -> tuple[int, int]:
        """Where a node stands in the order of computation; variables right before their use."""
        order = min(self.readers[k], default=k) if self.nodes[k].kind in LEAVES else k
        return self._level[k], order

    def _first_levels(
        self, children: dict[int, tuple[list[int], list[int]]]
    ) -> dict[int, tuple[int, int]]:
        first: dict[int, tuple[int, int]] = {}
        for box in reversed(range(len(self.boxes))):
            nodes, boxes = children[box]
            keys = [self._key(k) for k in nodes] + [first[k] for k in boxes if k in first]
            first[box] = min(keys, default=(0, 0))
        return first

    def _sort_boxes(self) -> None:
        """Put each box after the one around it."""
        inner: dict[int, list[int]] = {}
        for k, box in enumerate(self.boxes):
            inner.setdefault(box.parent, []).append(k)
        order = list(inner.get(-1, ()))
        for k in order:  # grows while it is read
            order += inner.get(k, ())
        new = {old: k for k, old in enumerate(order)} | {-1: -1}
        self.boxes = [self.boxes[old] for old in order]
        for box in self.boxes:
            box.parent = new[box.parent]
        self.box_of = [new[box] for box in self.box_of]

    # -- what the boxes say --------------------------------------------------------------------

    def _count(self) -> None:
        labels: list[Counter[str]] = [Counter() for _ in self.boxes]
        roles: list[Counter[str]] = [Counter() for _ in self.boxes]
        ends: list[list[int]] = [[] for _ in self.boxes]  # what is no operation
        for k, own in enumerate(self.box_of):
            if own == -1:
                continue
            node = self.nodes[k]
            self.boxes[own].count += 1
            if node.kind in ("operation", "update"):
                roles[own][node.role] += 1
            if node.kind == "operation":
                labels[own][node.label] += 1
            else:
                ends[own].append(k)
        for k, box in reversed(list(enumerate(self.boxes))):
            box.about = _most(labels[k]) or self._names(sorted(ends[k]))
            if not box.role and roles[k]:
                box.role = roles[k].most_common(1)[0][0]
            if box.parent != -1:
                labels[box.parent].update(labels[k])
                roles[box.parent].update(roles[k])
                ends[box.parent] += ends[k]
                self.boxes[box.parent].count += box.count
        for box in self.boxes:
            if box.parent != -1:
                box.role = self.boxes[box.parent].role or box.role

    def _names(self, nodes: Sequence[int]) -> str:
        """The first and the last of some names."""
        names = [self.nodes[k].name or self.nodes[k].label for k in nodes]
        return ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]} … {names[-1]}"

    def leave_out(self, most: int) -> list[int]:
        """The nodes that a page of at most about `most` nodes has: those near both ends.

        Whole boxes that hold no others are left out, and say so.
        """
        outer = {box.parent for box in self.boxes}
        innermost: dict[int, list[int]] = {}
        kept = []
        for k, box in enumerate(self.box_of):
            if box == -1 or box in outer:
                kept.append(k)
            else:
                innermost.setdefault(box, []).append(k)
        boxes = sorted(innermost, key=lambda box: innermost[box][0])
        room = most - len(kept)
        for box in _from_both_ends(boxes):
            room -= len(innermost[box])
            if room >= 0:
                kept += innermost[box]
            else:
                self.boxes[box].left_out = len(innermost[box])
        return sorted(kept)


def _from_both_ends(entries: Sequence[int]) -> Iterable[int]:
    first, last = 0, len(entries) - 1
    while first <= last:
        yield entries[last]
        if first < last:
            yield entries[first]
        first, last = first + 1, last - 1


def _most(labels: Counter[str]) -> str:
    """The commonest labels, `dot ×40, tanh ×40`."""
    ranked = sorted(labels.items(), key=lambda entry: -entry[1])
    if len(ranked) == 1:
        return ranked[0][0]
    texts = [
        f"{text} ×{count:,}" if count > 1 else text for text, count in ranked if len(text) < 25
    ]
    return ", ".join(texts[:4])
