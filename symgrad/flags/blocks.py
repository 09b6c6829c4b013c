"""Flags that are changed for a while, by blocks that may overlap in time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from weakref import ref

from symgrad.flags.machinery import Section, lock

P = ParamSpec("P")
R = TypeVar("R")

_MISSING = object()

# For each changed flag, the blocks that are open, in order, each with the value before it.
_open_blocks: dict[tuple[Section, str], list[list[Any]]] = {}


class Block:
    """Some flags have other values, as a context manager or decorator: see `change_flags`."""

    __slots__ = ("__weakref__", "_changes", "_entered")

    def __init__(self, changes: Sequence[tuple[Section, str, Any]]) -> None:
        self._changes = changes
        self._entered: list[object] = []

    def __enter__(self) -> None:
        block = object()
        self._entered.append(block)
        try:
            with lock:
                _end_lost_blocks()
                for section, name, value in self._changes:
                    now = section.__dict__
                    before = now.get(name, _MISSING)
                    blocks = _open_blocks.setdefault((section, name), [])
                    blocks.append([ref(self), block, before])
                    now[name] = value
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with lock:
            block = self._entered[-1]
            for section, name, _ in self._changes:
                _end(section, name, lambda each: each[1] is block)
            self._entered.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` so that each call runs with the flags changed."""

        @functools.wraps(function)
        def changed(*args: P.args, **kwargs: P.kwargs) -> R:
            with Block(self._changes):
                return function(*args, **kwargs)

        return changed


def _end(section: Section, name: str, ends: Callable[[list[Any]], bool]) -> None:
    """End those open blocks of a flag: the last of them gives it its old value back."""
    blocks = _open_blocks.get((section, name), [])
    for place in range(len(blocks) - 1, -1, -1):
        if not ends(blocks[place]):
            continue
        before = blocks[place][2]
        if place + 1 < len(blocks):  # a block of another thread goes on; it ends as this would
            blocks[place + 1][2] = before
        elif before is _MISSING:
            section.__dict__.pop(name, None)
        else:
            section.__dict__[name] = before
        del blocks[place]


def _end_lost_blocks() -> None:
    """End blocks whose own end was interrupted: nobody holds them any more."""
    for section, name in list(_open_blocks):
        _end(section, name, lambda each: each[0]() is None)
