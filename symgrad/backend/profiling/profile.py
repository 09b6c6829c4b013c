"""`ProfileStats`: where compiled functions spend their time, by step, operation and line."""

from __future__ import annotations

import atexit
import sys
import weakref
from collections import deque
from collections.abc import Iterable
from functools import cache
from itertools import count
from typing import Any

from symgrad.backend.profiling.profiled import (
    Past,
    ProfiledGroup,
    ProfiledStep,
    add_to,
    grouped,
    profiled_steps,
)
from symgrad.backend.profiling.timing import Timing
from symgrad.errors import FileError
from symgrad.files.writing import say
from symgrad.graph.expr import Expr
from symgrad.locks import new_lock
from symgrad.ops.op import Op


class ProfileStats:
    """Times of one function or of several that share this object.

    Parameters
    ----------
    atexit_print : bool
        Print the summary when Python ends, unless it was shown since the last call.
    message : str, optional
        What the summary is headed by.
    **theano
        Theano's further arguments change nothing.

    Attributes
    ----------
    fct_callcount : int
        Calls that returned.
    fct_call_time : float
        Seconds in them, from the outside; `vm_call_time` of these in steps.
    compile_time : float
        Seconds that making the functions took: `optimizer_time` of these for rewriting,
        `linker_time` for planning and writing the source.

    >>> import numpy as np
    >>> import symgrad
    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> times = symgrad.ProfileStats(atexit_print=False)
    >>> f = symgrad.function([x], T.dot(x, x.T).sum(), profile=times)
    >>> for _ in range(3):
    ...     _ = f(np.ones((10, 20)))
    >>> [(group.key, group.calls, group.flops) for group in sorted(times.by_op())]
    [('dim_shuffle', 3, None), ('dot', 3, 12000), ('sum', 3, 300)]
    """

    def __init__(
        self, atexit_print: bool = True, message: str | None = None, **theano: Any
    ) -> None:
        self.atexit_print = atexit_print
        self.message = message
        self._timings: list[Timing | Past] = []
        self._changes: deque[Timing] = deque()
        self._lock = new_lock()
        self._changing = False
        self._shown = -1
        self._number: int | None = None  # of those that may be printed at exit

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy starts to measure on its own."""
        return ProfileStats, (self.atexit_print, self.message)

    def __del__(self) -> None:
        """Nobody can look at it any more, and its functions are gone: the summary at exit waits."""
        if self._number is not None and self.unseen:
            _unheld.append(self)

    def add(self, timing: Timing) -> None:
        """Include one more function."""
        self._changes.append(timing)
        self._change()

    def let_go(self, timing: Timing) -> None:
        """Keep only numbers of a function that is gone."""
        self._changes.append(timing)
        self._change()

    @property
    def timings(self) -> list[Timing | Past]:
        """What is measured of each function, and what remains of those that are gone."""
        self._change()
        return self._timings

    def _change(self) -> None:
        """Work off what waits to be added, or to be let go of if it was added before.

        The collector calls `let_go` in the middle of anything, this included: so nobody waits for
        the lock. Whoever has it finds what another one left.
        """
        if not self._changes or not self._lock.acquire(blocking=False):
            return
        try:
            if self._changing:
                return
            self._changing = True
            try:
                while self._changes:
                    timing = self._changes.popleft()
                    if timing in self._timings:
                        self._timings[self._timings.index(timing)] = Past.of(timing)
                        self._timings = _fewer_pasts(self._timings)
                    else:
                        self._timings.append(timing)
            finally:
                self._changing = False
        finally:
            self._lock.release()

    def first_call(self) -> None:
        """Remember to print at exit; functions that are never called need not be remembered."""
        if self.atexit_print and self._number is None:
            self._number = next(_numbers)
            _print_later(self)

    def reset(self) -> None:
        """Forget all calls so far, the first ones say, which make memory."""
        for timing in self.timings:
            timing.reset()

    # -- what was measured -----------------------------------------------------------------------

    @property
    def steps(self) -> list[ProfiledStep]:
        """Every step of every function, in the order in which they run."""
        return [step for timing in self.timings for step in profiled_steps(timing)]

    def by_op(self) -> list[ProfiledGroup]:
        """The steps by the name of their operation, the slowest first."""
        return grouped(self.steps, lambda step: step.op.name)

    def by_line(self) -> list[ProfiledGroup]:
        """The steps by file and line of the user's program, the slowest first."""
        return grouped(self.steps, lambda step: (step.file, step.line))

    def outside(self) -> dict[str, float]:
        """Seconds of calls that are not in steps, by what they were spent on."""
        totals: dict[str, float] = {}
        for timing in self.timings:
            timing.collect()
            add_to(totals, timing.times()[1])
        rest = self.fct_call_time - self.vm_call_time - sum(totals.values())
        return {**totals, "calling, and noting times": rest}

    @property
    def overhead(self) -> float:
        """About how many seconds of the calls went into measuring."""
        self._collect()
        return sum(timing.overhead() for timing in self.timings)

    def _collect(self) -> None:
        for timing in self.timings:
            timing.collect()

    # -- by Theano's names -----------------------------------------------------------------------

    @property
    def fct_callcount(self) -> int:
        """How many calls returned."""
        self._collect()
        return sum(timing.calls for timing in self.timings)

    @property
    def fct_call_time(self) -> float:
        """Seconds in calls."""
        self._collect()
        return sum(timing.total for timing in self.timings)

    @property
    def vm_call_time(self) -> float:
        """Seconds in the steps of calls."""
        self._collect()
        return sum(sum(timing.times()[0].values()) for timing in self.timings)

    @property
    def compile_time(self) -> float:
        """Seconds that making the functions took."""
        return sum(sum(timing.making.values()) for timing in self.timings)

    @property
    def optimizer_time(self) -> float:
        """Seconds that rewriting their graphs took."""
        return sum(timing.making.get("rewriting", 0.0) for timing in self.timings)

    @property
    def linker_time(self) -> float:
        """Seconds that planning and writing their source took."""
        return self.compile_time - self.optimizer_time

    @property
    def apply_time(self) -> dict[Expr, float]:
        """Seconds in each node."""
        return _added((step.node, step.time) for step in self.steps)

    @property
    def apply_callcount(self) -> dict[Expr, int]:
        """How often each node was computed."""
        return _added((step.node, step.calls) for step in self.steps)

    def op_time(self) -> dict[Op, float]:
        """Seconds in each operation."""
        return _added((step.op, step.time) for step in self.steps)

    def op_callcount(self) -> dict[Op, int]:
        """How often each operation was computed."""
        return _added((step.op, step.calls) for step in self.steps)

    def op_flops(self) -> dict[Op, int]:
        """Floating-point operations of those operations of which they are known."""
        return _added((step.op, step.flops) for step in self.steps if step.flops is not None)

    # -- text ------------------------------------------------------------------------------------

    def summary(
        self,
        file: Any = None,
        n_ops_to_print: int | None = None,
        n_apply_to_print: int | None = None,
    ) -> None:
        """Write the tables: by line of the user's program, by operation, by step.

        Parameters
        ----------
        file : file, optional
            By default what ``config.profiling.destination`` names.
        n_ops_to_print, n_apply_to_print : int, optional
            How many lines and operations, and how many steps; by default
            ``config.profiling.n_ops`` and ``config.profiling.n_apply``.
        """
        from symgrad.backend.profiling.profile_text import show, summary

        show(summary(self, n_ops_to_print, n_apply_to_print) + "\n", file)
        self._shown = self.fct_callcount

    def __str__(self) -> str:
        from symgrad.backend.profiling.profile_text import summary

        self._shown = self.fct_callcount
        return summary(self)

    def __repr__(self) -> str:
        return f"<profile of {self.fct_callcount} calls, {self.fct_call_time:.3g} s>"

    @property
    def unseen(self) -> bool:
        """Whether there were calls since the summary was last shown."""
        return self._shown != self.fct_callcount > 0


def _added(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    totals: dict[Any, Any] = {}
    for key, value in pairs:
        totals[key] = totals.get(key, 0) + value
    return totals


# -- when Python ends --------------------------------------------------------------------------

_numbers = count()
_called: weakref.WeakSet[ProfileStats] = weakref.WeakSet()
_unheld: deque[ProfileStats] = deque()  # of `_called`, those that only the summary needs
_others: list[Past] = []  # what is left of further ones
_merged = 0  # how many they were
_lock = new_lock()
_MOST_AT_EXIT = 10
_APART = 32  # functions that are gone, or profiles that nobody holds, until they are added up


def _fewer_pasts(timings: list[Timing | Past]) -> list[Timing | Past]:
    """Add up the quicker ones of the functions that are gone, if there are many."""
    pasts = [timing for timing in timings if isinstance(timing, Past)]
    if len(pasts) <= _APART:
        return timings
    pasts.sort(key=lambda past: (past.functions == 1, past.total))  # those added up before first
    quick = pasts[: _APART - _MOST_AT_EXIT]
    return [Past.together(quick), *(timing for timing in timings if timing not in quick)]


@cache
def _at_exit() -> None:
    atexit.register(_print_all)


def _print_later(stats: ProfileStats) -> None:
    with _lock:
        _at_exit()
        _called.add(stats)
        if len(_unheld) > _APART:
            _merge()


def _merge() -> None:
    """Add up all profiles that nobody holds but for the slowest, which are shown each."""
    global _merged
    unheld = [_unheld.popleft() for _ in range(len(_unheld))]
    unheld.sort(key=lambda stats: -stats.fct_call_time)
    _unheld.extend(unheld[:_MOST_AT_EXIT])
    rest = unheld[_MOST_AT_EXIT:]
    pasts = [timing for stats in rest for timing in stats.timings if isinstance(timing, Past)]
    _others[:] = [Past.together([*_others, *pasts])]
    _merged += len(rest)


def _print_all() -> None:
    """Print the profiles that nobody looked at: each of the slowest, and all together."""
    try:
        _print_unseen()
    except FileError as error:
        say(f"symgrad: the profile: {error.message}\n", sys.stderr)
    except OSError:  # nobody reads any more
        pass


def _print_unseen() -> None:
    from symgrad.backend.profiling.profile_text import show

    unseen = [stats for stats in {*_called, *_unheld} if stats.unseen]
    unseen.sort(key=lambda stats: stats._number or 0)
    slowest = sorted(unseen, key=lambda stats: -stats.fct_call_time)[:_MOST_AT_EXIT]
    for stats in unseen:
        if stats in slowest:
            stats.summary()
            show("\n\n")
    if len(unseen) + _merged > 1:
        together = ProfileStats(False, f"all {len(unseen) + _merged:,} profiles together")
        timings = [timing for stats in unseen for timing in stats.timings]
        together._timings = [*timings, *_others]
        together.summary()
