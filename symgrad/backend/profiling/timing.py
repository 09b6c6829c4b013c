"""The clock readings of a profiled function, and what they say about each of its steps.

The generated source reads the clock after every step, and at its end notes all readings down in one
tuple; they are added up many calls at a time. A chain runs block by block, maybe on several
threads: the time around it is divided among its steps as the time inside is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symgrad.backend.numpy.scratch import further_shapes
from symgrad.graph.expr import Expr
from symgrad.graph.types import TensorType, is_discrete
from symgrad.locks import new_lock
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.op import Lengths, Shape, Spec
from symgrad.plan import Chain, Program, Step

Sizes = tuple[Shape, ...]
Readings = tuple[float, ...]

_READINGS = 100_000  # so many wait to be added up
_BLOCKS = 1_000_000  # readings inside chains; of more, the last ones stand for all
_SETS = 256  # sets of lengths that are counted; of further ones, only what they add up to is kept

OUTSIDE = ("checking inputs", "locks, shared variables", "taking memory", "results, updates")
INPUTS, LOCKS, MEMORY, RESULTS = OUTSIDE


class Work(NamedTuple):
    """What a step does: bytes read and written, floating-point operations (None: not known)."""

    read: int = 0
    written: int = 0
    flops: int | None = None

    def plus(self, other: Work, times: int = 1) -> Work:
        """A sum of this work and some times another."""
        flops = self.flops
        if other.flops is not None:
            flops = (flops or 0) + times * other.flops
        return Work(self.read + times * other.read, self.written + times * other.written, flops)


class Timing:
    """What is measured of one function.

    Attributes
    ----------
    calls, failed : int
        Calls that returned, and calls that raised an error; nothing else is kept of the latter.
    total : float
        Seconds in calls.
    parts : list of Step, Chain or str
        What the time before each reading of the clock, but the first, went to.
    making : dict
        Seconds that rewriting, planning and writing the source took.
    """

    functions = 1

    def __init__(self, title: str, program: Program) -> None:
        self.title = title
        self.program = program
        self.steps = program.steps
        self.chains = {u.name: u for u in program.units if isinstance(u, Chain)}
        self.making: dict[str, float] = {}
        self.memory: Any = None
        self.parts: list[Any] = []
        self.sizes = _Sizes(program)
        # what other threads add to; appending needs no lock
        self.ended: deque[float] = deque()
        self._rows: deque[tuple[Sizes, Readings]] = deque()
        self._blocks: dict[str, deque[Readings]] = {
            name: deque(maxlen=max(16, _BLOCKS // len(chain.steps)))
            for name, chain in self.chains.items()
        }
        self._lock = new_lock()
        self._clear()

    def _clear(self) -> None:
        self.calls = self.failed = self._noted = 0
        self.total = 0.0
        self._times: Any = 0.0
        self._inside = {name: np.zeros(len(c.steps)) for name, c in self.chains.items()}
        self._runs = dict.fromkeys(self.chains, 0)
        self._counts: dict[Sizes, int] = {}
        self._others = [Work() for _ in self.steps]

    def reset(self) -> None:
        """Forget all calls."""
        self.collect()
        with self._lock:
            self._clear()

    # -- what the generated source calls -------------------------------------------------------

    def note(self, sizes: Sizes, readings: Readings) -> None:
        """Keep the shapes and the clock readings of one call."""
        self._rows.append((sizes, readings))
        if len(self._rows) * len(readings) > _READINGS:
            self.collect()

    def noter(self, chain: str) -> Callable[[Readings], None]:
        """What keeps the clock readings of one run of a chain."""
        return self._blocks[chain].append

    # -- adding up -----------------------------------------------------------------------------

    def collect(self) -> None:
        """Add up what was noted."""
        with self._lock:
            ended = list(_taken(self.ended))
            self.calls += len(ended)
            self.total += sum(ended)
            readings = []
            for sizes, row in _taken(self._rows):
                readings.append(row)
                if sizes in self._counts or len(self._counts) < _SETS:
                    self._counts[sizes] = self._counts.get(sizes, 0) + 1
                else:
                    self._add(self._others, sizes, 1)
            self._noted += len(readings)
            if readings:
                self._times = self._times + np.diff(np.array(readings)).sum(axis=0)
            for name, blocks in self._blocks.items():
                runs = list(_taken(blocks))
                self._runs[name] += len(runs)
                if runs:
                    self._inside[name] += np.diff(np.array(runs)).sum(axis=0)

    def _add(self, totals: list[Work], sizes: Sizes, times: int) -> None:
        shapes = self.sizes.shapes(sizes)
        for k, step in enumerate(self.steps):
            totals[k] = totals[k].plus(self.sizes.work(step, shapes), times)

    def work(self) -> list[Work]:
        """What each step did in all calls together."""
        totals = list(self._others)
        for sizes, times in self._counts.items():
            self._add(totals, sizes, times)
        return totals

    def times(self) -> tuple[dict[Step, float], dict[str, float]]:
        """Seconds in each step, and outside of the steps."""
        inside: dict[Step, float] = dict.fromkeys(self.steps, 0.0)
        outside = dict.fromkeys(OUTSIDE, 0.0)
        if not self._noted:
            return inside, outside
        for part, seconds in zip(self.parts, self._times.tolist(), strict=True):
            if isinstance(part, Chain):
                own = self._inside[part.name]
                share = own / own.sum() if own.any() else np.full(len(own), 1 / len(own))
                inside.update(zip(part.steps, (share * seconds).tolist(), strict=True))
            elif isinstance(part, Step):
                inside[part] = seconds
            else:
                outside[part] += seconds
        return inside, outside

    @property
    def noted(self) -> int:
        """How many calls were timed step by step."""
        return self._noted

    def usual_shapes(self) -> tuple[dict[Expr, Shape], int]:
        """The shapes that were met most often, and how many sets of shapes were met, about."""
        if not self._counts:
            return {}, 0
        most = max(self._counts, key=self._counts.__getitem__)
        return self.sizes.shapes(most), len(self._counts)

    def overhead(self) -> float:
        """About how many seconds reading the clock and noting it took."""
        call, note, reading = _costs()
        cost = self._noted * (call + note + reading * (len(self.parts) + 1))
        for name, chain in self.chains.items():
            cost += self._runs[name] * (note + reading * (len(chain.steps) + 1))
        return cost


def _taken(items: deque[Any]) -> Iterator[Any]:
    """What a deque holds, until it is empty; others may append meanwhile."""
    for _ in range(len(items)):
        try:
            yield items.popleft()
        except IndexError:  # it holds no more than its maximum
            return


@cache
def _costs() -> tuple[float, float, float]:
    """Seconds that a call takes to be timed, to be noted, and each reading of the clock."""

    def seconds(run: Callable[[], object]) -> float:
        times = []
        for _ in range(10):
            start = perf_counter()
            run()
            times.append(perf_counter() - start)
        return min(times)

    count, sizes = 100, ((10, 10), (10, 10), (10,))
    ended: deque[float] = deque()

    def note(readings: int) -> None:
        rows, counts = [(sizes, (*[1.5] * readings,)) for _ in range(count)], {sizes: 0}
        for key, _ in rows:
            counts[key] = counts.get(key, 0) + 1
        np.diff(np.array([row for _, row in rows])).sum(axis=0)

    def nothing(*args: Any, **kwargs: Any) -> Any:
        return args

    def timed(*args: Any, **kwargs: Any) -> Any:  # what `ProfiledFunction` does around a call
        start = perf_counter()
        try:
            result = nothing(*args, **kwargs)
        except BaseException:
            raise
        ended.append(perf_counter() - start)
        return result

    def read() -> None:
        clock = perf_counter
        for _ in range(count):  # unrolled, for the loop takes as long as a reading
            a = clock()
            b = clock()
            c = clock()
            d = clock()
            e = clock()
        del a, b, c, d, e

    few, many = seconds(lambda: note(4)), seconds(lambda: note(104))
    each = (many - few) / 100
    call = seconds(lambda: [timed(1) for _ in range(count)])
    call -= seconds(lambda: [nothing(1) for _ in range(count)])
    return call / count, (few - 4 * each) / count, each / count + seconds(read) / (5 * count)


# -- bytes and operations, from shapes ---------------------------------------------------------


class _Sizes:
    """Which shapes a call must tell, how the others follow, and what each step does then.

    Attributes
    ----------
    given : list of (Expr, str)
        Inputs, shared variables and slices of them, whose shapes a call tells first.
    measured : set of Expr
        Results whose shapes depend on values; told after those, in the order of the steps.
    """

    def __init__(self, program: Program) -> None:
        self.items = program.scratch.items
        sources, rules = program.shapes.rules(program.shapes.certain)
        self.given = [(node, program.names[node]) for node in sources]
        self.measured: dict[Expr, None] = {}
        found = set(program.shapes.certain)
        further: list[tuple[Expr, Lengths | None]] = []
        for unit in program.units:
            for step in unit.steps if isinstance(unit, Chain) else (unit,):
                node = step.node
                if node in found or type(node.type) is not TensorType:
                    continue
                lengths = program.shapes.known[node]
                if _all_in(lengths, found):
                    further.append((node, lengths))
                elif isinstance(node.op, Elementwise) and all(i in found for i in node.inputs):
                    further.append((node, None))
                elif isinstance(unit, Chain):
                    continue
                else:
                    self.measured[node] = None
                found.add(node)
        self.rules = [*rules, *further]

    def shapes(self, sizes: Sizes) -> dict[Expr, Shape]:
        """All shapes, from those that a call told."""
        nodes = [*(node for node, _ in self.given), *self.measured]
        return further_shapes(dict(zip(nodes, sizes, strict=True)), self.rules)

    def work(self, step: Step, shapes: dict[Expr, Shape]) -> Work:
        """What a step does in a call with these shapes."""
        node = step.node
        inputs = [self._spec(i, shapes) for i in node.inputs]
        out = self._spec(node, shapes)
        if step.integer or out is None or None in inputs:
            return Work()
        in_place = isinstance(node.op, IncIndex) and step.out == step.args[0]
        if in_place or step.changes is not None:  # only a part changes, as large as its new value
            value = inputs[1:]
            read, written = node.op.traffic(value[0], *value)
            return Work(read, written)
        read, written = node.op.traffic(out, *inputs)
        specs = [s for s in (*inputs, *(out if type(out) is tuple else (out,))) if s is not None]
        floats = any(isinstance(s, Spec) and not is_discrete(s.dtype) for s in specs)
        return Work(read, written, node.op.flops(out, *inputs) if floats else None)

    def _spec(self, node: Expr, shapes: dict[Expr, Shape]) -> Any:
        """A node's shape and dtype; of several results, a tuple; None where they are not known."""
        if node in self.items:
            return tuple([None if i is None else self._spec(i, shapes) for i in self.items[node]])
        shape = shapes.get(node)
        return None if shape is None else Spec(shape, node.dtype)


def _all_in(lengths: Lengths, found: Collection[Expr]) -> bool:
    return all(isinstance(n, int) or n[0] in found for n in lengths)


# -- what goes into the source -----------------------------------------------------------------


class Clocks:
    """Readings of the clock for generated source; `free` finds names for what they need."""

    def __init__(
        self, timing: Timing, namespace: dict[str, Any], free: Callable[[str], str]
    ) -> None:
        self.timing = timing
        self.namespace = namespace
        self.free = free
        self.clock, self.note, self.given = free("clock"), free("note"), free("sizes")
        self.at, self.size = (_prefix(wish, timing.program.taken) for wish in ("at", "size"))
        namespace[self.clock], namespace[self.note] = perf_counter, timing.note
        self.begin()

    def begin(self) -> None:
        """Start a function."""
        self.parts: list[Any] = []
        self.sizes: list[str] = []
        self.readings = 0

    def reading(self, what: Any = None) -> str:
        """A statement that ends the time of `what`."""
        text = f"{self.at}{self.readings} = {self.clock}()"
        self.readings += 1
        if what is not None:
            self.parts.append(what)
        if isinstance(what, Step) and what.node in self.timing.sizes.measured:
            self.sizes.append(f"{self.size}{len(self.sizes)}")
            text += f"; {self.sizes[-1]} = {what.target}.shape"
        return text

    @property
    def names(self) -> list[str]:
        """The variables that hold the readings."""
        return [f"{self.at}{k}" for k in range(self.readings)]

    @property
    def shapes(self) -> list[str]:
        """The shapes that are known before anything is computed."""
        return [f"{name}.shape" for _, name in self.timing.sizes.given]

    def end(self) -> str:
        """The start of a call that notes the readings of the whole function."""
        self.timing.parts = self.parts
        more = "".join(f"{name}, " for name in self.sizes).rstrip()
        return f"{self.note}({self.given}{f' + ({more})' if more else ''}, ("

    def end_chain(self, chain: Chain) -> str:
        """The start of a call that notes the readings of a chain."""
        name = self.free(f"{self.note}_{chain.name}")
        self.namespace[name] = self.timing.noter(chain.name)
        return f"{name}(("


def _prefix(wish: str, taken: Collection[str]) -> str:
    """What no name starts with, so that numbers behind it make new names."""
    prefix = f"{wish}_"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    return prefix
