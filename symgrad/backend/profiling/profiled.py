"""What a profile says of single steps, and of steps that have something in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from symgrad.backend.profiling.timing import Timing, Work
from symgrad.graph.expr import Expr
from symgrad.graph.meant import purpose
from symgrad.ops.op import Op
from symgrad.origins import resolve_frame
from symgrad.plan import Step


class ProfiledStep(NamedTuple):
    """One step of a profiled function, in all of its calls together.

    Attributes
    ----------
    function : str
        The function's name, or where it was made.
    node : Expr
        What is computed.
    text : str
        The step as `f.plan` shows it.
    chain : str
        The name of the chain that it belongs to, or an empty text.
    file : str
    line : int
        The line of the user's program that made the node; 0 where that is not known.
    time : float
        Seconds.
    calls : int
    bytes_read, bytes_written : int
        The sizes of operands and results, be they in memory or in the cache; 0 for views.
    flops : int or None
        Floating-point operations; None where nobody knows.
    """

    function: str
    node: Expr
    text: str
    chain: str
    file: str
    line: int
    time: float
    calls: int
    bytes_read: int
    bytes_written: int
    flops: int | None

    @property
    def op(self) -> Op:
        """What the node is computed for: of a `sgn` that has become a product, `sgn`."""
        op: Op = purpose(self.node)
        return op


class ProfiledGroup(NamedTuple):
    """Steps that have something in common, added up; `steps` are sorted, the slowest first.

    `key` is what they have in common: the name of an operation, or a file and a line.
    """

    key: Any
    time: float
    calls: int
    bytes_read: int
    bytes_written: int
    flops: int | None
    steps: tuple[ProfiledStep, ...]


class Past:
    """What was measured of a function that is gone: numbers and texts, and none of its graph."""

    def __init__(self, timing: Timing) -> None:
        shapes, sets = timing.usual_shapes()
        alone = {step.node: _alone(step.node) for step in timing.steps}
        self.steps = [step._replace(node=alone[step.node]) for step in profiled_steps(timing)]
        self._shapes = {alone[node]: shape for node, shape in shapes.items() if node in alone}, sets
        self._times = timing.times()[1]
        self._overhead = timing.overhead() if timing.calls else 0.0
        self.title, self.making = timing.title, timing.making
        self.calls, self.failed, self.total = timing.calls, timing.failed, timing.total
        self.noted, self.program = timing.noted, None

    def collect(self) -> None:
        """There is nothing more to add up."""

    def reset(self) -> None:
        """Forget all calls."""
        self.calls = self.failed = self.noted = 0
        self.total = self._overhead = 0.0
        self._times = dict.fromkeys(self._times, 0.0)
        self.steps = []

    def times(self) -> tuple[dict[Expr, float], dict[str, float]]:
        """Seconds in each step, and outside of the steps."""
        return {step.node: step.time for step in self.steps}, self._times

    def usual_shapes(self) -> tuple[dict[Expr, Any], int]:
        """The shapes that were met most often, and how many sets of shapes were met, about."""
        return self._shapes

    def overhead(self) -> float:
        """About how many seconds reading the clock and noting it took."""
        return self._overhead


def _alone(node: Expr) -> Expr:
    """A node's operation and what it is computed for, without the graph."""
    alone = Expr(node.op, (), node.type, ())
    if purpose(node) is not node.op:
        alone.note().part_of = Expr(purpose(node), (), node.type, ())
    return alone


def profiled_steps(timing: Timing | Past) -> list[ProfiledStep]:
    """The steps of one function, in the order in which they run."""
    if isinstance(timing, Past):
        return timing.steps
    timing.collect()
    seconds, _ = timing.times()
    chains = {step: c.name for c in timing.chains.values() for step in c.steps}
    found = []
    for step, work in zip(timing.steps, timing.work(), strict=True):
        origin = step.node.origin
        found.append(
            ProfiledStep(
                timing.title,
                step.node,
                step_text(step),
                chains.get(step, ""),
                *(resolve_frame(origin[0]) if origin else ("", 0)),
                seconds[step],
                timing.noted,
                work.read,
                work.written,
                work.flops,
            )
        )
    return found


def step_text(step: Step) -> str:
    """A step as a formula."""
    return f"{step.target} = {step.node.op.name}({', '.join(step.args)})"


def grouped(steps: Iterable[ProfiledStep], key: Callable[[Any], Any]) -> list[ProfiledGroup]:
    """Steps with the same key together, the slowest group first."""
    found: dict[Any, list[ProfiledStep]] = {}
    for step in steps:
        found.setdefault(key(step), []).append(step)
    groups = []
    for name, members in found.items():
        work = Work()
        for m in members:
            work = work.plus(Work(m.bytes_read, m.bytes_written, m.flops))
        members.sort(key=lambda m: -m.time)
        calls = sum(m.calls for m in members)
        groups.append(
            ProfiledGroup(name, sum(m.time for m in members), calls, *work, tuple(members))
        )
    return sorted(groups, key=lambda group: -group.time)
