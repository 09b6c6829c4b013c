"""What a profile says of single steps, and of steps that have something in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    """What was measured of functions that are gone: numbers and texts, and none of a graph.

    As many lines as there were functions may be behind it, so steps are added up by line and
    operation, and of those the fastest together where there are more than `_MOST`.
    """

    program = None

    def __init__(self, title: str) -> None:
        self.title = title
        self.functions = 1
        self.steps: list[ProfiledStep] = []
        self.making: dict[str, float] = {}
        self.reset()

    @classmethod
    def of(cls, timing: Timing) -> Past:
        """What remains of one function."""
        past = cls(timing.title)
        past.steps = [step._replace(node=_alone(step.node)) for step in profiled_steps(timing)]
        alone = {step.node: past.node for step, past in zip(timing.steps, past.steps, strict=True)}
        shapes, past._sets = timing.usual_shapes()
        past._shapes = {alone[node]: shape for node, shape in shapes.items() if node in alone}
        past._outside = timing.times()[1]
        past._overhead = timing.overhead() if timing.calls else 0.0
        past.making = timing.making
        past.calls, past.failed, past.total = timing.calls, timing.failed, timing.total
        past.noted = timing.noted
        return past

    @classmethod
    def together(cls, pasts: Sequence[Past]) -> Past:
        """Several as one."""
        count = sum(past.functions for past in pasts)
        past = cls(f"{count:,} functions that are gone")
        past.functions = count
        past.steps = _fewer([step for each in pasts for step in each.steps])
        shapes = {node: shape for each in pasts for node, shape in each._shapes.items()}
        past._shapes = {s.node: shapes[s.node] for s in past.steps if s.node in shapes}
        for each in pasts:
            past._sets += each._sets
            past._overhead += each._overhead
            past.calls += each.calls
            past.failed += each.failed
            past.noted += each.noted
            past.total += each.total
            add_to(past._outside, each._outside)
            add_to(past.making, each.making)
        return past

    def collect(self) -> None:
        """There is nothing more to add up."""

    def reset(self) -> None:
        """Forget all calls."""
        self.calls = self.failed = self.noted = self._sets = 0
        self.total = self._overhead = 0.0
        self._outside: dict[str, float] = {}
        self._shapes: dict[Expr, Any] = {}
        self.steps = []

    def times(self) -> tuple[dict[Expr, float], dict[str, float]]:
        """Seconds in each step, and outside of the steps."""
        return {step.node: step.time for step in self.steps}, self._outside

    def usual_shapes(self) -> tuple[dict[Expr, Any], int]:
        """The shapes that were met most often, and how many sets of shapes were met, about."""
        return self._shapes, self._sets

    def overhead(self) -> float:
        """About how many seconds reading the clock and noting it took."""
        return self._overhead


_MOST = 1000  # steps that are kept of functions that are gone


class _Named(NamedTuple):
    """What stands for an operation, whose settings may hold a graph (the body of a loop does)."""

    name: str


def _alone(node: Expr) -> Expr:
    """The name of what a node is computed for and its type, without the graph."""
    return Expr(_Named(purpose(node).name), (), node.type, ())


def _fewer(steps: Sequence[ProfiledStep]) -> list[ProfiledStep]:
    """Steps of one text on one line added up, and the fastest of very many, too."""
    found: dict[Any, list[ProfiledStep]] = {}
    for step in steps:
        found.setdefault((step.file, step.line, step.op.name, step.text), []).append(step)
    sums = sorted([_sum(same) for same in found.values()], key=lambda step: -step.time)
    if len(sums) <= _MOST:
        return sums
    rest = _sum(sums[_MOST:])
    other = Expr(_Named("other operations"), (), rest.node.type, ())
    return [*sums[:_MOST], rest._replace(node=other, text="other steps", chain="", file="", line=0)]


def _sum(steps: Sequence[ProfiledStep]) -> ProfiledStep:
    slowest, work = max(steps, key=lambda step: step.time), Work()
    for s in steps:
        work = work.plus(Work(s.bytes_read, s.bytes_written, s.flops))
    return slowest._replace(
        time=sum(s.time for s in steps),
        calls=sum(s.calls for s in steps),
        bytes_read=work.read,
        bytes_written=work.written,
        flops=work.flops,
    )


def add_to(totals: dict[str, float], more: dict[str, float]) -> None:
    """Add numbers to those of the same names."""
    for key, value in more.items():
        totals[key] = totals.get(key, 0.0) + value


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
