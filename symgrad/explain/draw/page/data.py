"""What a page knows of its graphs, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.backend.profiling.profiled import ProfiledStep, profiled_steps
from symgrad.compile.call import Function
from symgrad.errors import QUOTED, short
from symgrad.explain.draw.page.outline import Outline
from symgrad.explain.draw.page.sampling import Values, call_values, given_values, sampled
from symgrad.explain.draw.picture import Node, picture, roots
from symgrad.explain.notation import text as notation
from symgrad.graph.expr import Expr
from symgrad.ops.op import Project
from symgrad.origins import short_origin

MOST_NODES = 30_000  # of a view; a page of so many has about 2.5 MB
_MOST_FORMULAS = 600
_FORMULA = 30  # nodes of a formula

_COLUMNS = ("label", "name", "kind", "type", "role", "scope", "place", "source")


def page_data(x: Any, sample: Any, title: str | None, most: int = MOST_NODES) -> dict[str, Any]:
    """Everything that is shown of an expression, several, or a function.

    Returns
    -------
    dict
        ``texts``: all texts, each once; wherever else a text is meant, its index stands. ``views``:
        for each graph ``nodes`` (columns, and the index of each node's group), ``edges`` (columns;
        an end that is not less than the number of nodes means a group), ``groups``, ``values`` and
        ``times`` by node, ``lines`` (seconds by line).
    """
    ways = [(True, "as written"), (False, "as compiled")] if isinstance(x, Function) else []
    texts = _Texts()
    views = []
    for written, name in ways[::-1] or [(False, "")]:
        key = ("written" if written else "compiled") if ways else "graph"
        views.append(_View(x, written, sample, texts, most).data(key, name))
    pictured = views[0].pop("name")
    for view in views:
        view.pop("name", None)
    if isinstance(x, Function):
        pictured = short(x.name, QUOTED)
    several = isinstance(x, (list, tuple, Mapping)) and len(x) > 1
    shown = title or pictured or (f"{len(x)} expressions" if several else "expression")
    return {"title": shown, "texts": texts.all, "views": views}


class _Texts:
    def __init__(self) -> None:
        self.all: list[str] = []
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = len(self.all)
            self.all.append(text)
        return known


class _View:
    def __init__(self, x: Any, written: bool, sample: Any, texts: _Texts, most: int) -> None:
        self.x, self.written, self.texts = x, written, texts
        self.wanted = roots(x, written)
        self.picture = picture(self.wanted)
        self.outline = Outline(self.picture)
        nodes = self.picture.nodes
        many = len(nodes) > most
        self.kept = self.outline.leave_out(most) if many else list(range(len(nodes)))
        self.values = {} if sample is None else self._values(sample)

    def data(self, key: str, name: str) -> dict[str, Any]:
        """What the page is given."""
        timed = self._timed()
        nodes = [self.picture.nodes[k] for k in self.kept]
        columns: dict[str, Any] = {
            column: [self.texts(getattr(node, column)) for node in nodes] for column in _COLUMNS
        }
        columns["op"] = [self.texts(_op_name(node)) for node in nodes]
        columns["group"] = [self.outline.box_of[k] for k in self.kept]
        return {
            "key": key,
            "title": name or "the graph",
            "name": self.picture.title,
            "note": self._note(),
            "nodes": columns,
            "edges": self._edges(),
            "groups": [_box_data(box) for box in self.outline.boxes],
            "formulas": self._formulas(nodes),
            "values": self._by_place(nodes, self.values),
            **timed,
        }

    def _note(self) -> str:
        everything, kept = len(self.picture.nodes), len(self.kept)
        if kept == everything:
            return ""
        return (
            f"{everything - kept:,} of {everything:,} nodes are not in this file: groups in the "
            "middle of the graph cannot be opened."
        )

    def _edges(self) -> dict[str, list[int]]:
        """Ends as indices; edges inside one group that was left out are left out too."""
        place = {k: j for j, k in enumerate(self.kept)}
        count = len(self.kept)
        box_of, index = self.outline.box_of, self.outline.index
        ends = [place.get(k, count + box_of[k]) for k in range(len(self.picture.nodes))]
        found: dict[tuple[int, int], str] = {}
        for edge in self.picture.edges:
            pair = ends[index[edge.source]], ends[index[edge.target]]
            if pair[0] != pair[1]:
                found.setdefault(pair, edge.position)
        return {
            "from": [source for source, _ in found],
            "to": [target for _, target in found],
            "position": [self.texts(position) for position in found.values()],
        }

    def _formulas(self, nodes: Sequence[Node]) -> dict[int, int]:
        """What operations compute, in mathematical notation, where there are not too many."""
        if len(nodes) > _MOST_FORMULAS:
            return {}
        return {
            k: self.texts(notation(node.expr, limit=_FORMULA, share=False))
            for k, node in enumerate(nodes)
            if node.expr is not None and node.kind in ("operation", "output")
        }

    # -- values ------------------------------------------------------------------------------------

    @property
    def _roots(self) -> list[Expr]:
        return [node for _, node in self.wanted.outputs] + [new for _, new in self.wanted.updates]

    def _expr(self, node: Node) -> Expr | None:
        """What a node's values are those of: an update's are the new ones."""
        if node.kind == "update":
            return self.wanted.updates[int(node.id.removeprefix("new")) - 1][1]
        return node.expr

    def _values(self, sample: Any) -> Values:
        nodes = [self.picture.nodes[k] for k in self.kept]
        wanted = [expr for node in nodes if (expr := self._expr(node)) is not None]
        f = self.x
        if not isinstance(f, Function):
            return sampled(self._roots, given_values(self._roots, sample), wanted)
        args = call_values(f, sample)
        values = dict(zip(self.wanted.inputs, args, strict=True))
        try:
            return sampled(self._roots, values, wanted)
        except Exception as error:
            raise f._explain(error, args) from error

    def _by_place(self, nodes: Sequence[Node], found: dict[Expr, Any]) -> dict[int, Any]:
        exprs = {k: self._expr(node) for k, node in enumerate(nodes)}
        return {k: found[expr] for k, expr in exprs.items() if expr in found}

    # -- times -------------------------------------------------------------------------------------

    def _timed(self) -> dict[str, Any]:
        """Times of the function's steps, by node where the compiled graph is drawn, and by line."""
        timing = self.x._timing if isinstance(self.x, Function) else None
        if timing is None:
            return {"times": {}, "lines": {}, "profile": None}
        steps = profiled_steps(timing)
        lines: dict[str, float] = {}
        for step in steps:
            place = short_origin(step.node.origin)
            lines[place] = lines.get(place, 0.0) + step.time
        profile = {
            "calls": timing.calls,
            "seconds": timing.total,
            "steps": sum(step.time for step in steps),
        }
        times = {} if self.written else self._times(steps)
        return {"times": times, "lines": lines, "profile": profile}

    def _times(self, steps: Sequence[ProfiledStep]) -> dict[int, dict[str, Any]]:
        """By node. The time of a step that is drawn as part of another node is that node's."""
        drawn: dict[Expr, int] = {}
        for k, place in enumerate(self.kept):
            node = self.picture.nodes[place]
            expr = self._expr(node)
            if expr is not None and (node.kind in ("operation", "constant") or expr not in drawn):
                drawn[expr] = k
        user: dict[Expr, Expr] = {}
        for step in steps:
            for i in step.node.inputs:
                user.setdefault(i, step.node)
        found: dict[int, dict[str, Any]] = {}
        for step in steps:
            owner: Expr | None = step.node
            while owner is not None and owner not in drawn:
                owner = user.get(owner)
            if owner is None:
                continue
            new = {"seconds": 0.0, "read": 0, "written": 0, "chain": step.chain}
            entry = found.setdefault(drawn[owner], new)
            entry["seconds"] += step.time
            entry["read"] += step.bytes_read
            entry["written"] += step.bytes_written
        return found


def _box_data(box: Any) -> dict[str, Any]:
    names = ("title", "kind", "role", "source", "parent", "count", "about", "left_out")
    return {name: value for name in names if (value := getattr(box, name)) not in ("", 0)} | {
        "parent": box.parent
    }


def _op_name(node: Node) -> str:
    op = None if node.expr is None or node.kind != "operation" else node.expr.op
    if op is None or isinstance(op, Project):
        return ""
    return str(op.name)


def to_json(data: Any) -> str:
    r"""JSON that may stand inside a ``<script>``: plain ASCII without any ``<``.

    >>> to_json("</script>é")
    '"\\u003c/script>\\u00e9"'
    """
    return json.dumps(data, separators=(",", ":")).replace("<", r"\u003c")
