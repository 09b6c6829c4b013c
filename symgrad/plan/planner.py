"""From a graph to a `Program`: order, names, last uses, and who writes into whose memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import TensorType, TupleType
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.shaping import SumLike
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.op import Op, Project
from symgrad.plan.chain import ChainPlanner
from symgrad.plan.integers import integers, wrapping
from symgrad.plan.memory import Shapes, memory_roots, overlaps
from symgrad.plan.names import Namer, constant_name
from symgrad.plan.order import chains, early, schedule
from symgrad.plan.program import Chain, Fitting, Program, Result, Scratch, Step
from symgrad.rewrite.equal_lengths import equal_lengths


def plan(
    name: str,
    inputs: Sequence[Expr],
    outputs: Sequence[Expr],
    updates: Sequence[tuple[Shared, Expr]],
) -> Program:
    """Order the nodes, name them, find memory for each.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> [(step.target, step.out) for step in plan("f", [x], [T.exp(x.sum() * x).sum()], []).steps]
    [('t1', None), ('t2', 't2'), ('t2', 't2'), ('t3', None)]
    """
    return Planner(name, inputs, outputs, updates).program()


class Planner:
    """What `plan` finds out, in order; see `program`."""

    def __init__(
        self,
        name: str,
        inputs: Sequence[Expr],
        outputs: Sequence[Expr],
        updates: Sequence[tuple[Shared, Expr]],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.updates = updates
        self.results = [*outputs, *(new for _, new in updates)]
        self.order = toposort(self.results)
        self.uses = Counter([*self.results, *(i for node in self.order for i in node.inputs)])
        self.roots = memory_roots(self.order)
        self.sharing: dict[Expr, list[Expr]] = {}
        for node, root in self.roots.items():
            self.sharing.setdefault(root, []).append(node)
        self.ints = integers(self.order, self.results)
        self.wraps = wrapping(self.order, self.ints)
        self.early = early(self.order, self.ints)
        # Memory made for equal lengths that are not would make another operation fail than the one
        # that is wrong; so only lengths that are checked before memory is made.
        checked = {n for n in self.order if n.op is None or n in self.early}
        self.known, self.equal = equal_lengths(self.order, checked)
        self.shapes = Shapes(self.order, self.known, self.early)
        self.chain_of = chains(self.order, self.known)
        self.units = self._units()
        self.namer = Namer()
        self.names: dict[Expr, str] = {}
        self._name_leaves()
        # The memory of a result is the caller's, that of an update the shared variable's.
        self.leaving = {self.roots[node] for node in self.results}
        self.items = self._items()
        self.changes = self._changes()
        self.fitting: list[Fitting] = []
        self.spares = self._spares()
        self.last = self._last_uses()
        self.used_outside = self._used_outside()
        self.register: dict[Expr, str] = {}  # whose memory each root has, where it is ours
        self.idle: dict[object, list[str]] = {}  # registers of a shape and dtype that are free
        self.arrays: list[tuple[str, Expr]] = []
        self.works: list[tuple[str, Expr]] = []
        self.solvers: list[tuple[str, Expr]] = []
        self.reuses = config.stress.reuse != "never"

    # -- what is found out first ---------------------------------------------------------------

    def _units(self) -> list[list[Expr]]:
        units = schedule(self.order, self.chain_of)
        first = [unit for unit in units if unit[0] in self.early]
        return first + [unit for unit in units if unit[0] not in self.early]

    def _name_leaves(self) -> None:
        names, unique = self.names, self.namer.unique
        for node in self.inputs:
            names[node] = unique(node.name or "x")
        for node in self.order:
            if isinstance(node, Shared) and node not in names:
                names[node] = unique(node.name or "shared")
            elif isinstance(node, Constant) and node not in names:
                names[node] = unique(constant_name(node))
        for shared, _ in self.updates:
            if shared not in names:
                names[shared] = unique(shared.name or "shared")

    def _items(self) -> dict[Expr, list[Expr | None]]:
        """For each node of several results, those that are taken out."""
        found: dict[Expr, list[Expr | None]] = {}
        for node in self.order:
            if isinstance(node.op, Project) and isinstance(node.inputs[0].type, TupleType):
                several = node.inputs[0].type
                items = found.setdefault(node.inputs[0], [None] * len(several.items))
                items[node.op.index] = self.roots[node]
        return found

    def _changes(self) -> dict[Expr, tuple[Shared, str, str]]:
        """Nodes that change parts of a shared variable one after the other, to update it."""
        found: dict[Expr, tuple[Shared, str, str]] = {}
        for shared, new in self.updates:
            steps: list[Expr] = []
            node = new
            while isinstance(node.op, IncIndex) and self.uses[node] == 1 and node not in found:
                steps.append(node)
                node = node.inputs[0]
            if node is shared and steps:
                name = self.names[shared]
                copied = self.namer.unique(f"{name}_copy"), self.namer.unique(f"{name}_changes")
                found.update((step, (shared, *copied)) for step in steps)
        return found

    def _spares(self) -> dict[Expr, tuple[Shared, str]]:
        """The updates that are written into memory which their variables keep for it.

        Where it shows only at a call whether an update has its variable's shape, a name for what
        finds the memory then goes into `fitting`, with the nodes whose shapes must be equal.
        """
        found: dict[Expr, tuple[Shared, str]] = {}
        for shared, new in self.updates:
            own = tuple((shared, axis) for axis in range(shared.ndim))
            lengths = tuple(
                known if static is None else static
                for known, static in zip(own, shared.static_shape, strict=True)
            )
            if (
                new.op is None
                or new in self.changes
                or new in found
                or self.roots[new] is not new
                or not self._may_take_out(new)
                or new.dtype != shared.dtype
            ):
                continue
            name = f"{self.names[shared]}_spare"
            if self.known[new] != self.known.get(shared, lengths):
                if shared not in self.shapes.certain:
                    continue
                finder = self.namer.unique(f"{name}_that_fits")
                self.fitting.append(Fitting(finder, shared, (shared, new)))
            found[new] = (shared, self.namer.unique(name))
            start = self._start_of(new, shared)
            if start is not None:
                found[start] = found[new]
        return found

    def _start_of(self, new: Expr, shared: Shared) -> Expr | None:
        """What `new` adds products to, if that can be computed where they are then added."""
        if not (isinstance(new.op, Gemm) and new.op.start == "plain"):
            return None
        start = new.inputs[0]
        if not isinstance(start.op, Elementwise) or not self._may_take_out(start):
            return None
        if self.uses[start] != 1:  # read elsewhere, or as a factor of one of the products
            return None
        if self.known[start] != self.known[new]:
            if not self.fitting or new not in self.fitting[-1].nodes:
                return None
            finder, _, nodes = self.fitting[-1]
            self.fitting[-1] = Fitting(finder, shared, (*nodes, start))
        return start

    def _last_uses(self) -> dict[Expr, int]:
        """For each root of memory, the last unit that uses it; for results, one past the end."""
        last = dict.fromkeys(self.leaving, len(self.units))
        for position in range(len(self.units) - 1, -1, -1):
            for node in self.units[position]:
                for i in node.inputs:
                    last.setdefault(self.roots[i], position)
        return last

    def _used_outside(self) -> set[Expr]:
        """Nodes of chains that are results, or needed by nodes outside of their chain."""
        found = set(self.results)
        for node in self.order:
            mine = self.chain_of.get(node)
            found.update(i for i in node.inputs if self.chain_of.get(i) is not mine)
        return found

    def _may_take_out(self, node: Expr) -> bool:
        if not node.op.takes_out:
            return False
        if node in self.items:
            taken = [i for i in self.items[node] if i is not None]
            if any(i not in self.shapes.certain or i in self.leaving for i in taken):
                return False
        elif type(node.type) is not TensorType or not node.ndim or node not in self.shapes.certain:
            return False
        asks = type(node.op).workspace is not Op.workspace
        return not asks or all(i in self.shapes.certain for i in node.inputs)

    # -- memory ----------------------------------------------------------------------------------

    def kind(self, node: Expr) -> object:
        """What memory must have in common to hold one value after another: lengths and dtype."""
        if node in self.items:
            return node
        return self.known[node], node.dtype

    def _dying(self, unit: Sequence[Expr], position: int) -> list[Expr]:
        """The roots that nothing needs after this unit."""
        found = dict.fromkeys(self.roots[i] for node in unit for i in node.inputs)
        inside = set(unit)
        return [r for r in found if r not in inside and self.last[r] == position]

    def _reusable(self, node: Expr, i: Expr, dying: Sequence[Expr]) -> str | None:
        """The name by which an input's memory may be overwritten by the result."""
        root = self.roots[i]
        if (
            root.op is not None
            and root.ndim
            and root in dying
            and i.dtype == node.dtype
            and self.known[i] == self.known[node]
            # sum_like passes its input on, or makes an array; which of the two is not known here
            and (i is root or (isinstance(i.op, SumLike) and root not in self.register))
            and not overlaps(i)
        ):
            return self.register.get(i) or self.names[i]
        return None

    def free_register(self, node: Expr) -> str:
        """Scratch memory for a result: some that is idle, or more."""
        idle = self.idle.get(self.kind(node))
        if idle and self.reuses:
            return idle.pop()
        name = self.namer.register()
        self.arrays.append((name, node))
        return name

    # -- units ------------------------------------------------------------------------------------

    def program(self) -> Program:
        """The finished plan."""
        units: list[Step | Chain] = []
        for position, unit in enumerate(self.units):
            dying = self._dying(unit, position)
            if unit[0] in self.chain_of:
                units.append(ChainPlanner(self, unit, dying).chain())
            else:
                units.append(self._step(unit[0], dying))
        taken: set[Expr] = set()

        def result(node: Expr) -> Result:
            root = self.roots[node]
            copy = root.op is None or root in taken or node.ndim == 0 or overlaps(node)
            taken.add(root)
            return Result(node, self.names[node], copy)

        updates = tuple((shared, result(new)) for shared, new in self.updates)
        outputs = tuple(result(node) for node in self.outputs)
        return Program(
            name=self.name,
            inputs=tuple((node, self.names[node]) for node in self.inputs),
            integers=frozenset(self.names[n] for n in self.ints),
            shared=tuple((n, s) for n, s in self.names.items() if isinstance(n, Shared)),
            constants=tuple((n, s) for n, s in self.names.items() if isinstance(n, Constant)),
            units=tuple(units),
            early=sum(unit[0] in self.early for unit in self.units),
            scratch=self._scratch(units),
            spares=dict(self.spares.values())
            | {shared: copy for shared, copy, _ in self.changes.values()},
            changes={shared: changes for shared, _, changes in self.changes.values()},
            outputs=outputs,
            updates=updates,
            names=self.names,
            taken=frozenset(self.namer.used),
            shapes=self.shapes,
        )

    def _step(self, node: Expr, dying: Sequence[Expr]) -> Step:
        args = tuple(self.names[i] for i in node.inputs)
        out = work = None
        reused: Expr | None = None
        changes = None
        if node in self.changes:
            _, out, changes = self.changes[node]
        elif node in self.spares:
            out = self.spares[node][1]
        elif node.ndim and node.op.in_place and self.reuses:
            for i in self._overwritable(node):
                out = self._reusable(node, i, dying)
                if out is not None and node in self.leaving and self.roots[i] in self.register:
                    out = None  # scratch memory is never the caller's
                if out is not None:
                    reused = self.roots[i]
                    break
        # A single cast is faster into an array of its own.
        alone = isinstance(node.op, Cast) and config.stress.reuse != "always"
        pooled = node not in self.leaving and not alone and not isinstance(node.op, IncIndex)
        if out is None and pooled and self._may_take_out(node):
            out = self.free_register(node)
            self.register[node] = out
        elif reused in self.register:
            self.register[node] = self.register[reused]
        asks = type(node.op).workspace is not Op.workspace
        if out is not None and asks and self._may_take_out(node):
            work = self.namer.unique("work")
            self.works.append((work, node))
        solver = self._solver(node) if out is None else None
        if node.name:
            target = self.namer.unique(node.name)
        elif isinstance(node.op, Project) and node.inputs[0] in self.register:
            target = self.register[node] = self.namer.register()
        elif out is not None and (reused is not None or node in self.register):
            target = out
        else:
            target = self.namer.register()
        self.names[node] = target
        dead = self.release(dying, {reused}, target)
        integer, wraps = node in self.ints, node in self.wraps
        return Step(node, target, args, out, work, changes, solver, integer, wraps, dead)

    def _overwritable(self, node: Expr) -> Sequence[Expr]:
        """The inputs whose memory the result could take: those of which no view is read as well."""
        root, inputs = self.roots, node.inputs
        if isinstance(node.op, IncIndex):
            alone = all(root[j] is not root[inputs[0]] for j in inputs[1:])
            return inputs[:1] if alone else ()
        return [i for i in inputs if all(j is i or root[j] is not root[i] for j in inputs)]

    def _solver(self, node: Expr) -> str | None:
        """A name for the function that computes the node, if that depends on shapes."""
        if type(node.op).resolve is Op.resolve:
            return None
        if any(i not in self.shapes.certain for i in node.inputs):
            return None
        name = self.namer.unique(node.op.name)
        self.solvers.append((name, node))
        return name

    def release(
        self, dying: Sequence[Expr], reused: Container[Expr | None], target: str
    ) -> tuple[str, ...]:
        """Give idle memory back; the names of arrays that go."""
        dead: list[str] = []
        for root in dying:
            if root in reused or root.op is None:
                continue
            if root in self.register:
                self.idle.setdefault(self.kind(root), []).append(self.register[root])
            elif root.ndim:  # a view would keep all of it
                dead += [self.names.get(node, target) for node in self.sharing[root]]
        return tuple(name for name in dict.fromkeys(dead) if name != target)

    def _scratch(self, units: Sequence[Step | Chain]) -> Scratch:
        wanted = {node for _, node in self.arrays}
        for _, node in (*self.works, *self.solvers):
            wanted.update(node.inputs)
        wanted.update(i for items in self.items.values() for i in items if i is not None)
        for unit in units:
            if isinstance(unit, Chain):
                wanted.update(node for node, _, _ in unit.results)
        wanted.update(node for fitting in self.fitting for node in fitting.nodes)
        wanted.update(n[0] for pair in self.equal for n in pair if isinstance(n, tuple))
        wanted &= self.shapes.certain
        sources, rules = self.shapes.rules(wanted)
        return Scratch(
            tuple((node, self.names[node]) for node in sources),
            tuple(rules),
            tuple(self.arrays),
            tuple(self.works),
            tuple(self.solvers),
            {node: tuple(items) for node, items in self.items.items()},
            self.equal,
            tuple(self.fitting),
        )
