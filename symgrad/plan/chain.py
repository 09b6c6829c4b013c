"""Memory inside a chain of elementwise operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graph.expr import Constant, Expr
from symgrad.plan.program import Chain, Step


class ChainPlanner:
    """Registers inside a chain: results go to memory from outside, all else to small arrays.

    `outer` is the `Planner` of the program.
    """

    def __init__(self, outer: Any, unit: Sequence[Expr], dying: Sequence[Expr]) -> None:
        self.outer = outer
        self.unit = unit
        self.dying = dying
        self.results = [node for node in unit if node in outer.used_outside]
        self.last: dict[Expr, int] = {}
        for k in range(len(unit) - 1, -1, -1):
            for i in unit[k].inputs:
                self.last.setdefault(i, k)
        self.names: dict[Expr, str] = {}
        self.inputs: list[str] = []
        self.outs: list[tuple[str, str]] = []
        self.registers: list[tuple[str, str]] = []
        self.held: dict[Expr, str] = {}  # where each value is that may be overwritten once dead
        self.whole: dict[str, str] = {}  # arrays from outside that are ours: name inside, outside
        self.kind: dict[str, object] = {}  # of each register, what values it can hold
        self.idle: dict[object, list[str]] = {}  # registers that are free, by kind

    def chain(self) -> Chain:
        """The chain, with a register for each result."""
        outer = self.outer
        self._take_inputs()
        steps = [self._step(k, node) for k, node in enumerate(self.unit)]
        results = []
        for node in self.results:
            if node.name:
                target = self.names[node]
            else:
                target = outer.register.get(node) or outer.namer.register()
            outer.names[node] = target
            results.append((node, self.names[node], target))
        kept = {outer.register.get(node) for node in self.results}
        reused = {r for r in self.dying if r in outer.register and outer.register[r] in kept}
        return Chain(
            name=outer.namer.unique("chain"),
            steps=tuple(steps),
            inputs=tuple(self.inputs),
            outs=tuple(self.outs),
            registers=tuple(self.registers),
            results=tuple(results),
            dead=outer.release(self.dying, reused, ""),
        )

    def _take_inputs(self) -> None:
        outer = self.outer
        inside = set(self.unit)
        sharing: dict[Expr, int] = {}
        given = dict.fromkeys(i for node in self.unit for i in node.inputs if i not in inside)
        for i in given:
            self.names[i] = outer.names[i]
            sharing[outer.roots[i]] = sharing.get(outer.roots[i], 0) + 1
            if i.ndim or not isinstance(i, Constant):
                self.inputs.append(outer.names[i])
        whole = {outer.known[node] for node in self.results}
        for i in given:
            # A register that dies here may hold a result, if no view of it is read as well, and if
            # it is cut into the blocks that a result is cut into: every block would change one that
            # turns out to be a single row.
            dies = i in outer.register and i in self.dying and sharing[i] == 1
            if dies and outer.known[i] in whole and outer.reuses:
                name = self.held[i] = self.names[i]
                self.whole[name] = outer.register[i]
                self.kind[name] = outer.kind(i)

    def _step(self, k: int, node: Expr) -> Step:
        args = tuple(self.names[i] for i in node.inputs)
        freed = [self.held[i] for i in dict.fromkeys(node.inputs) if self._ends(i, k)]
        in_place = node.op.in_place and self.outer.reuses
        out = self._choose(node, freed if in_place else ())
        for name in freed:
            if name != out and self.outer.reuses:
                self.idle.setdefault(self.kind[name], []).append(name)
        if node not in self.outer.used_outside:
            self.held[node] = out
        elif out in self.whole:
            self.outer.register[node] = self.whole[out]
        target = self.outer.namer.unique(node.name) if node.name else out
        self.names[node] = target
        return Step(node, target, args, out)

    def _ends(self, i: Expr, k: int) -> bool:
        return self.last[i] == k and i in self.held

    def _choose(self, node: Expr, usable: Sequence[str]) -> str:
        """The register that a result is written to; `usable` may be overwritten by this step."""
        outer = self.outer
        result = node in outer.used_outside
        if result:
            if node in outer.spares:
                return self._passed(outer.spares[node][1])
            if outer.roots[node] in outer.leaving:
                return self._passed("None")
        # Scratch arrays of the chain are as large as its results; where shapes turn out to differ,
        # there are none, and each register only meets values of one kind.
        inner = ("inner", outer.kind(node))
        kinds: list[object] = [outer.kind(node)] if result else [inner, outer.kind(node)]
        for kind in kinds:
            found = next((name for name in usable if self.kind[name] == kind), None)
            if found is not None:
                return found
        for kind in kinds:
            if self.idle.get(kind):
                return self.idle[kind].pop()
        if result:
            register = outer.free_register(node)
            self.whole[register] = register
            self.kind[register] = outer.kind(node)
            return self._passed(register)
        name: str = outer.namer.register()
        self.kind[name] = inner
        self.registers.append((name, node.dtype))
        return name

    def _passed(self, actual: str) -> str:
        """An array that the chain is given to write to."""
        name = self.outer.namer.register() if actual == "None" else actual
        self.outs.append((name, actual))
        return name
