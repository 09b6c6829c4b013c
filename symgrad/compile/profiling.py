"""Functions that are timed (Theano's `theano.compile.profiling`)."""

from __future__ import annotations

import weakref
from time import perf_counter
from typing import Any

from symgrad.backend.profiling.profile import ProfileStats as ProfileStats
from symgrad.backend.profiling.timing import Timing
from symgrad.compile.call import Function
from symgrad.compile.recipe import Recipe
from symgrad.errors import GraphTypeError, quoted, repr_of
from symgrad.flags import config
from symgrad.plan import Program


def requested(profile: Any) -> ProfileStats | None:
    """What ``function(profile=...)`` asks for; None: nothing.

    >>> requested(False) is None, requested("the encoder").message
    (True, 'the encoder')
    """
    if profile is None:
        profile = config.profile
    if isinstance(profile, ProfileStats):
        return profile
    if isinstance(profile, str):
        return ProfileStats(message=profile)
    if not isinstance(profile, int):
        raise GraphTypeError(
            "function: profile must be True, False, None (what config.profile says), a title, or a "
            f"ProfileStats, not {repr_of(profile)}."
        )
    return ProfileStats() if profile else None


class ProfiledFunction(Function):
    """A function that measures how long each of its steps takes; see its `profile`."""

    profile: ProfileStats
    _timing: Timing

    def __init__(
        self, recipe: Recipe, program: Program, stats: ProfileStats, making: dict[str, float]
    ) -> None:
        made = f"the function made at {recipe.origin}" if recipe.origin else "a function"
        timing = Timing(quoted(recipe.name or made), program)
        timing.making.update(making)
        self._called = False
        super().__init__(recipe, program, timing)
        self.profile = stats
        stats.add(timing)
        weakref.finalize(self, stats.let_go, timing).atexit = False

    def _compile(self) -> None:
        started = perf_counter()
        super()._compile()
        self._timing.making["writing the source"] = perf_counter() - started
        memory = self._timing.memory = self._compiled.memory
        if memory is not None:  # what was measured may live longer than the function
            weakref.finalize(self, memory.free).atexit = False

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compute, and note how long it took."""
        if not self._called:
            self._called = True
            self.profile.first_call()
        start = perf_counter()
        try:
            results = super().__call__(*args, **kwargs)
        except BaseException:
            self._timing.failed += 1
            raise
        self._timing.ended.append(perf_counter() - start)
        return results
