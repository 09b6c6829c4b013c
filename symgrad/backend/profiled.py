"""What a profile says of single steps, and of steps that have something in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from symgrad.backend.timing import Timing, Work
from symgrad.graph.expr import Expr
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
        """What computes the node."""
        op: Op = self.node.op
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


def profiled_steps(timing: Timing) -> list[ProfiledStep]:
    """The steps of one function, in the order in which they run."""
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
