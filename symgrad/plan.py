"""From a graph to a `Program`: order, names, last uses, and who shares memory with whom."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Project
from symgrad.ops.shaping import BroadcastLike, SumLike
from symgrad.rewrite.shapes import known_lengths


class Step(NamedTuple):
    """One node to compute.

    Attributes
    ----------
    node : Expr
        What is computed.
    target : str
        The name that receives it.
    args : tuple of str
        The names of its inputs.
    out : str or None
        A dead array of the right shape and dtype that the result may overwrite.
    dead : tuple of str
        Names that nothing needs after this step.
    """

    node: Expr
    target: str
    args: tuple[str, ...]
    out: str | None
    dead: tuple[str, ...]


class Result(NamedTuple):
    """A value that leaves the program; `copy` where its memory is not the caller's alone."""

    node: Expr
    source: str
    copy: bool


class Program(NamedTuple):
    """Everything a backend needs to make a callable."""

    name: str
    inputs: tuple[tuple[Expr, str], ...]
    shared: tuple[tuple[Shared, str], ...]
    constants: tuple[tuple[Constant, str], ...]
    steps: tuple[Step, ...]
    outputs: tuple[Result, ...]
    updates: tuple[tuple[Shared, Result], ...]
    names: dict[Expr, str]


def plan(
    name: str,
    inputs: Sequence[Expr],
    outputs: Sequence[Expr],
    updates: Sequence[tuple[Shared, Expr]],
) -> Program:
    """Order the nodes, name them, find where each is used last.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> [step.target for step in plan("f", [x], [T.exp(x) + 1], []).steps]
    ['t1', 't1']
    """
    results = [*outputs, *(new for _, new in updates)]
    order = toposort(results)
    namer = _Namer()
    names: dict[Expr, str] = {}
    for node in inputs:
        names[node] = namer.unique(node.name or "x")
    for node in order:
        if isinstance(node, Shared) and node not in names:
            names[node] = namer.unique(node.name or "shared")
        elif isinstance(node, Constant) and node not in names:
            names[node] = namer.unique(_constant_name(node))
    for shared, _ in updates:
        if shared not in names:
            names[shared] = namer.unique(shared.name or "shared")

    computed = [node for node in order if node.op is not None]
    roots = _memory_roots(order)
    last = {roots[node]: len(computed) for node in results}
    last_name: dict[Expr, int] = {node: len(computed) for node in results}
    for position in range(len(computed) - 1, -1, -1):
        node = computed[position]
        last_name.setdefault(node, position)
        for i in node.inputs:
            last.setdefault(roots[i], position)
            last_name.setdefault(i, position)

    lengths = known_lengths(order)
    steps: list[Step] = []
    for position, node in enumerate(computed):
        args = tuple(names[i] for i in node.inputs)
        dying = [
            i for i in dict.fromkeys(node.inputs) if i.op is not None and last_name[i] == position
        ]
        out = None
        if isinstance(node.op, Elementwise) and node.op.ufunc is not None and node.ndim:
            for i in node.inputs:
                root = roots[i]
                if (
                    root.op is not None
                    and root.ndim
                    and last[root] == position
                    and i.dtype == node.dtype
                    and lengths[i] == lengths[node]
                    and (i is root or isinstance(i.op, SumLike))
                    and not _overlaps(i)
                ):
                    out = names[i]
                    break
        dead = [names[i] for i in dying]
        if node.name:
            target = namer.unique(node.name)
        elif dead and any(n in namer.registers for n in dead):
            target = next(n for n in dead if n in namer.registers)
        else:
            target = namer.register()
        names[node] = target
        dead = [n for n in dead if n != target]
        namer.free(dead)
        steps.append(Step(node, target, args, out, tuple(dead)))

    taken: set[Expr] = set()

    def result(node: Expr) -> Result:
        root = roots[node]
        copy = root.op is None or root in taken or node.ndim == 0 or _overlaps(node)
        taken.add(root)
        return Result(node, names[node], copy)

    return Program(
        name=name,
        inputs=tuple((node, names[node]) for node in inputs),
        shared=tuple((n, names[n]) for n in names if isinstance(n, Shared)),
        constants=tuple((n, names[n]) for n in names if isinstance(n, Constant)),
        steps=tuple(steps),
        updates=tuple((shared, result(new)) for shared, new in updates),
        outputs=tuple(result(node) for node in outputs),
        names=names,
    )


def _memory_roots(order: Sequence[Expr]) -> dict[Expr, Expr]:
    """For each node, the node whose memory it may share."""
    roots: dict[Expr, Expr] = {}
    taken: dict[tuple[Expr, int], Expr] = {}
    for node in order:
        view = None if node.op is None else node.op.view_of
        if view is None:
            roots[node] = node
        elif isinstance(node.op, Project) and _is_fresh(node.inputs[0]):
            # each result has memory of its own, shared only with the same one taken out again
            roots[node] = taken.setdefault((node.inputs[0], node.op.index), node)
        else:
            roots[node] = roots[node.inputs[view]]
    return roots


def _is_fresh(node: Expr) -> bool:
    return node.op is not None and node.op.view_of is None


def _overlaps(node: Expr) -> bool:
    """Whether elements of the value may share memory with each other (broadcast views)."""
    while node.op is not None and node.op.view_of is not None:
        if isinstance(node.op, BroadcastLike):
            return True
        node = node.inputs[node.op.view_of]
    return False


class _Namer:
    """Valid, unique Python names that stay close to the user's."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.counts: dict[str, int] = {}
        self.registers: set[str] = set()
        self.idle: list[str] = []

    def unique(self, wish: str) -> str:
        base = name = python_name(wish)
        while name in self.used or _REGISTER.fullmatch(name) or name in _RESERVED:
            self.counts[base] = self.counts.get(base, 1) + 1
            name = f"{base}_{self.counts[base]}"
        self.used.add(name)
        return name

    def register(self) -> str:
        """A name for an unnamed intermediate; names of dead ones are used again."""
        if self.idle:
            return self.idle.pop()
        name = f"t{len(self.registers) + 1}"
        self.registers.add(name)
        return name

    def free(self, names: Sequence[str]) -> None:
        self.idle.extend(n for n in names if n in self.registers)


_RESERVED = {"array", "errstate", "results"}
_REGISTER = re.compile(r"t\d+")
_LONGEST_NAME = 50


def python_name(wish: str) -> str:
    """The Python identifier nearest to what the user called something.

    >>> python_name("W'"), python_name("class"), python_name("(dcost/dW)"), python_name("θ 1")
    ('W_new', 'class_', 'dcost_dW', 'θ_1')
    """
    text = unicodedata.normalize("NFKC", wish[: 4 * _LONGEST_NAME].replace("'", "_new"))
    name = re.sub(r"\W+", "_", text).strip("_")[:_LONGEST_NAME] or "v"
    if not name.isidentifier():
        name = f"v_{name}"
    if not name.isidentifier():  # a digit or a mark that no identifier may hold
        name = "v"
    return f"{name}_" if keyword.iskeyword(name) else name


def _constant_name(node: Constant) -> str:
    if node.name:
        return node.name
    if node.ndim == 0:
        text = str(node.value[()]).removesuffix(".0").replace("-", "neg_")
        return "k" + text.replace(".", "_").replace("+", "")
    return "constant"
