"""What a call needs in memory, told before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.backend.numpy.scratch import Memory, further_shapes, shape_of_chain
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TensorType
from symgrad.ops.op import Shape, Spec, nbytes
from symgrad.plan import Chain, Program, Step


class MemoryUse(NamedTuple):
    """Bytes that a call needs beside its arguments and the values of shared variables.

    Attributes
    ----------
    scratch : int
        Memory for what is computed on the way; the function keeps it for the next call.
    updates : int
        Memory for new values of shared variables, which keep it for the next update.
    results : int
        What the caller gets.
    temporary : int
        The most that arrays of unforeseen memory take at any moment, beyond all these.
    peak : int
        The sum: the most that the first call takes. Later calls find scratch and updates there.
    """

    scratch: int
    updates: int
    results: int
    temporary: int

    @property
    def peak(self) -> int:
        """All bytes together."""
        return self.scratch + self.updates + self.results + self.temporary

    def __str__(self) -> str:
        fields = [*self._asdict().items(), ("peak", self.peak)]
        return "\n".join(f"{name:<10}{value:>14,} bytes" for name, value in fields)


class Plan:
    """A function's plan: its steps, whose memory each writes to, and what a call will need.

    >>> import numpy as np
    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x = T.dmatrix("x")
    >>> f = function([x], T.exp(x).sum())
    >>> print(f.plan)
    t1 = exp(x)     float64  (x, 0) x (x, 1)  in scratch t1
    t2 = sum(t1)    float64  scalar           new
    >>> f.plan.memory(np.ones((1000, 1000))).scratch
    8000000
    """

    def __init__(self, program: Program, memory: Memory | None) -> None:
        self.program = program
        self._memory = memory

    def __str__(self) -> str:
        rows = []
        for unit in self.program.units:
            steps = unit.steps if isinstance(unit, Chain) else (unit,)
            indent = "  " if isinstance(unit, Chain) else ""
            if isinstance(unit, Chain):
                rows.append((f"{unit.name}, block by block:", "", "", ""))
            new = {inside for inside, passed in getattr(unit, "outs", ()) if passed == "None"}
            rows += [(indent + _formula(s), *_row(s, self.program, new)) for s in steps]
        widths = [max([len(row[k]) for row in rows], default=0) for k in range(3)]
        lines = [
            f"{a:<{widths[0]}}    {b:<{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip()
            for a, b, c, d in rows
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def memory(self, *args: Any) -> MemoryUse:
        """Predict what a call with these arguments needs.

        Parameters
        ----------
        *args : array_like
            The arguments of the call; of arrays only the shape matters.

        Returns
        -------
        MemoryUse
            In bytes. What an operation without a plan of its own needs inside is not foreseen.
        """
        return self.use(self._shapes(args))

    def use(self, shapes: dict[Expr, Shape]) -> MemoryUse:
        """The same, of a call in which the nodes have these shapes."""
        program = self.program
        scratch = 0
        if self._memory is not None:
            for _, node in program.scratch.arrays:
                items = program.scratch.items.get(node, (node,))
                scratch += sum(_bytes(shapes, i) for i in items if i is not None)
            for _, node in program.scratch.works:
                scratch += self._memory.workspace_bytes(node, shapes)
            for nodes, kernel in self._memory.kernels:
                shape = shape_of_chain(nodes, shapes)
                scratch += 0 if shape is None else kernel.scratch_bytes(shape)
        fitting = {each.shared: each.nodes for each in program.scratch.fitting}
        updates = 0
        for shared in program.spares:
            nodes = fitting.get(shared, (shared,))
            fits = len({shapes.get(node) for node in nodes}) == 1
            updates += sum(_bytes(shapes, node) for node in (nodes[:1] if fits else nodes[1:]))
        results, before, after = self._fresh(shapes)
        copies = sum(_bytes(shapes, r.node) for r in program.outputs if r.copy)
        after += sum(_bytes(shapes, r.node) for _, r in program.updates if r.copy)
        return MemoryUse(scratch, updates, results + copies, max(before - copies, after))

    def _shapes(self, args: Sequence[Any]) -> dict[Expr, Shape]:
        """The shapes of all nodes, as far as they follow from the arguments'."""
        program = self.program
        values: dict[Expr, Any] = {}
        for (node, _), value in zip(program.inputs, args, strict=False):
            dtype = None if node.dtype == "object" else node.dtype
            values[node] = np.asarray(value, dtype)  # integers have their width
        for node, _ in program.shared:
            values[node] = node.cell.value
        for node, _ in program.constants:
            values[node] = node.value
        for step in program.units[: program.early]:
            if isinstance(step, Step):
                inputs = [
                    i.value if isinstance(i, Constant) else values[i] for i in step.node.inputs
                ]
                values[step.node] = np.asarray(step.node.op.impl(np, *inputs))
        found = {node: np.shape(value) for node, value in values.items()}
        rules = program.shapes.rules(program.shapes.certain)[1]
        return further_shapes(found, rules)

    def _fresh(self, shapes: dict[Expr, Shape]) -> tuple[int, int, int]:
        """What operations make themselves and return; of the rest, the peak and what is left.

        It is left until results that are not the caller's alone are copied.
        """
        leaving = {r.source for r in self.program.outputs if not r.copy}
        live: dict[str, int] = {}
        peak = results = 0
        for unit in self.program.units[self.program.early :]:
            if isinstance(unit, Chain):
                made = [(name, node) for node, _, name in unit.results]
                made = [(n, node) for n, node in made if self._is_new(unit, n)]
            else:
                made = [(unit.target, unit.node)] if unit.out is None else []
                if unit.out in live:
                    live[unit.target] = live.pop(unit.out)
            for name, node in made:
                if node.op.view_of is None and type(node.type) is TensorType:
                    size = _bytes(shapes, node)
                    if name in leaving:
                        results += size
                    else:
                        live[name] = live.get(name, 0) + size
            peak = max(peak, results + sum(live.values()))
            for name in unit.dead:
                live.pop(name, None)
        moved = sum(live.pop(name, 0) for name in leaving)  # computed in place, then returned
        results += moved
        return results, peak - results, sum(live.values())

    def _is_new(self, chain: Chain, name: str) -> bool:
        inside = next(i for _, i, outside in chain.results if outside == name)
        return (inside, "None") in chain.outs


def _bytes(shapes: dict[Expr, Shape], node: Expr) -> int:
    return nbytes(Spec(shapes[node], node.dtype)) if node in shapes else 0


def _formula(step: Step) -> str:
    return f"{step.target} = {step.node.op.name}({', '.join(step.args)})"


def _row(step: Step, program: Program, new: set[str]) -> tuple[str, str, str]:
    node = step.node
    if type(node.type) is not TensorType:
        return "", "", ""
    lengths = [
        str(n) if isinstance(n, int) else f"({program.names.get(n[0], '?')}, {n[1]})"
        for n in program.shapes.known[node]
    ]
    return node.dtype, " x ".join(lengths) or "scalar", _place(step, program, new)


def _place(step: Step, program: Program, new: set[str]) -> str:
    if step.integer:
        return "int"
    if step.node.op.view_of is not None:
        return f"view of {step.args[step.node.op.view_of]}"
    if step.out is None or step.out in new:
        return "new"
    if step.out in program.spares.values():
        return f"in {step.out}"
    return f"over {step.out}" if step.out in step.args else f"in scratch {step.out}"
