"""The clock readings of a profiled function, and what they say about each of its steps.

The generated source reads the clock after every step and notes all readings down at its end, in one
tuple; they are added up a thousand calls at a time. A chain runs block by block, maybe on several
threads: the time around it is divided among its steps as the time inside is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symgrad.backend.scratch import further_shapes
from symgrad.graph.expr import Expr
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Lengths, Spec
from symgrad.plan import Chain, Program, Step
from symgrad.types import TensorType, is_discrete

Shape = tuple[int, ...]
Sizes = tuple[Shape, ...]

_READINGS = 100_000  # this many wait to be added up
_SETS = 256  # sets of lengths whose calls are counted; of others, only what they add up to

START, INPUTS, LOCKS, MEMORY, RESULTS = "start", "inputs", "locks", "memory", "results"


class Work(NamedTuple):
    """What one step does in a call: bytes read and written, floating-point operations if known."""

    read: int
    written: int
    flops: int | None


class Timing:
    """What is measured of one function.

    Attributes
    ----------
    calls, failed : int
        Calls that returned, and that raised an error; of the latter nothing else is kept.
    total : float
        Seconds in calls.
    parts : list
        What the time before each reading of the clock went to: a step, a chain, or words.
    making : dict
        Seconds that rewriting, planning and writing the source took.
    """

    def __init__(self, title: str, program: Program) -> None:
        self.title = title
        self.program = program
        self.steps = program.steps
        self.making: dict[str, float] = {}
        self.plan: Any = None
        self.parts: list[Any] = []
        self.shapes = _Shapes(program)
        self.ended: deque[float] = deque()  # how long each call took; appending is atomic
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all calls."""
        with self._lock:
            self.calls = self.failed = 0
            self.total = 0.0
            self.ended.clear()
            self._rows: deque[tuple[Sizes, tuple[float, ...]]] = deque()
            self._blocks = {c.name: _blocks(c) for c in self.program.units if type(c) is Chain}
            self._times = np.zeros(len(self.parts))
            self._shares = {c.name: np.zeros(len(c.steps)) for c in self._chains}
            self._runs = dict.fromkeys(self._blocks, 0)
            self._counts: dict[Sizes, int] = {}
            self._others = [Work(0, 0, None)] * len(self.steps)

    @property
    def _chains(self) -> list[Chain]:
        return [unit for unit in self.program.units if isinstance(unit, Chain)]

    # -- what the generated source calls -------------------------------------------------------

    def note(self, sizes: Sizes, readings: tuple[float, ...]) -> None:
        """Keep the shapes and the clock readings of one call."""
        rows = self._rows
        rows.append((sizes, readings))
        if len(rows) * len(readings) > _READINGS:
            self.collect()

    def noter(self, chain: Chain) -> Callable[[tuple[float, ...]], None]:
        """What keeps the clock readings of one run of a chain."""
        return lambda readings: self._blocks[chain.name].append(readings)
