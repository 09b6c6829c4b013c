"""What a question is made of: its cases, and the task that a peer makes of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from benchmarks.harness.case import Case
from benchmarks.harness.outcome import Outcome


@dataclass(frozen=True)
class Question:
    """What one file asks.

    Attributes
    ----------
    module
        The file's ``__name__``.
    title
        The question, in a few words.
    cases
        The rows.
    rounds
        How often every peer has its turn.
    fresh
        Whether each round is a new process, in which the library has been imported.
    growing
        Whether who cannot answer one case is not asked the next.
    rtol, atol
        How far two peers' numbers may lie apart.
    remark
        A line below the table, from the outcomes of the cases that were run.
    """

    module: str
    title: str
    cases: Sequence[Case]
    rounds: int = 21
    fresh: bool = False
    growing: bool = False
    rtol: float = 1e-3
    atol: float = 1e-5
    remark: Callable[[Sequence[Outcome]], str | None] = field(default=lambda outcomes: None)

    @property
    def name(self) -> str:
        """The name on the command line: the file's."""
        return self.module.rpartition(".")[2]

    def quick(self) -> Question:
        """Two short rounds of the cases that are not slow."""
        cases = tuple(case.quick() for case in self.cases if not case.slow)
        return replace(self, cases=cases, rounds=1 if self.fresh else 2)


@dataclass(frozen=True)
class Task:
    """What a peer makes of a case: a call without arguments that returns when its result is there.

    `numbers` turns the last result into arrays that are compared with the other peers'; a task that
    has none is not compared.
    """

    call: Callable[[], Any]
    numbers: Callable[[Any], Sequence[Any]] = lambda result: [result]


def function_name(peer: str) -> str:
    """The function that answers for a peer.

    >>> function_name("torch-compile")
    'by_torch_compile'
    """
    return f"by_{peer.replace('-', '_')}"


def answers(module: ModuleType, peer: str) -> bool:
    """Whether the question has been written for this peer."""
    return callable(getattr(module, function_name(peer), None))
