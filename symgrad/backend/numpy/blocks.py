"""Chains of elementwise operations on large arrays: block by block, on several threads.

A block is small enough for what a chain computes on the way to stay in the cache. NumPy's functions
let other threads run while they compute, so threads work on different blocks.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from symgrad.flags import config
from symgrad.locks import new_lock

# Bytes of one array's part. Smaller blocks fit a cache nearer to the core, but threads that take
# the interpreter's lock after every few microseconds wait for each other: the expression of
# `benchmarks/elementwise.py` took, with blocks of 8, 16, 32, 64 and 128 thousand float32, 2.0, 1.6,
# 1.5, 1.5, 1.5 ms on one thread and 2.8, 1.7, 1.0, 0.9, 0.9 on two (Zen 5, 1 MiB of L2 a core);
# its gradient 3.9, 3.5, 3.2, 3.3, 3.7 and 6.3, 4.8, 3.6, 2.9, 2.6 (Sapphire Rapids, 2 MiB).
_BLOCK = 1 << 19
_BLOCK_ALONE = 1 << 17
_MOST = 1000  # blocks under `config.stress.block`
# Below `config.stress.threads` elements, waking other threads costs more than they save.


class Kernel(NamedTuple):
    """The function of a chain, and what it takes: scratch arrays, inputs, arrays for results.

    `results` are the positions, among inputs and outs, of the arrays that hold the results.
    `by_size`: how an operation rounds depends on the size of its memory.
    """

    call: Callable[..., Any]
    registers: tuple[str, ...]
    out_dtypes: tuple[str, ...]
    results: tuple[int, ...]
    by_size: bool = False

    def block(self, threads: int, size: int) -> int:
        """How many elements a block of a vector has at most."""
        if config.stress.block > 0:
            return max(config.stress.block, size // _MOST)
        dtypes = (*self.registers, *self.out_dtypes) or ("float64",)
        width = max(np.dtype(dtype).itemsize for dtype in dtypes)
        return max(1, (_BLOCK if threads > 1 else _BLOCK_ALONE) // width)

    def block_of(self, shape: tuple[int, ...], threads: int) -> int:
        """How many elements a block holds at most: one row at least."""
        return max(self.block(threads, math.prod(shape)), math.prod(shape[1:]))

    def threads_for(self, shape: tuple[int, ...]) -> int:
        """How many threads arrays of a shape are worth."""
        size = math.prod(shape)
        if size < max(1, config.stress.threads):
            return 1
        return min(thread_count(), -(-size // self.block_of(shape, 2)))

    def bound(self, shape: tuple[int, ...]) -> Callable[..., Any]:
        """The chain for arrays of one shape, with scratch memory of its own."""
        size = math.prod(shape)
        if size > self.block(self.threads_for(shape), size):
            return Blocks(self, shape)
        return partial(self.call, *[np.empty(shape, dtype) for dtype in self.registers])

    def scratch_bytes(self, shape: tuple[int, ...]) -> int:
        """How much memory `bound` takes."""
        size, threads = math.prod(shape), self.threads_for(shape)
        if size > self.block(threads, size):
            size = self.block_of(shape, threads) * threads
        return size * sum(np.dtype(dtype).itemsize for dtype in self.registers)

    def unbound(self) -> Callable[..., Any]:
        """The chain for arrays of any shape; every operation makes its result."""
        return partial(self.call, *[None] * len(self.registers))


class Blocks:
    """A chain for large arrays of one shape."""

    def __init__(self, kernel: Kernel, shape: tuple[int, ...]) -> None:
        self.kernel = kernel
        self.shape = shape
        self.threads = kernel.threads_for(shape)
        self.work = [
            [np.empty(kernel.block_of(shape, self.threads), dtype) for dtype in kernel.registers]
            for _ in range(self.threads)
        ]

    @cached_property
    def cuts(self) -> list[tuple[int, int]]:
        """The blocks of elements; asked for when there are arrays, which not every length has."""
        size = math.prod(self.shape)
        return _cuts(size, self.kernel.block(self.threads, size))

    @cached_property
    def row_cuts(self) -> list[tuple[int, int]]:
        """Those of rows, where the arrays cannot be seen as vectors."""
        size, rows = math.prod(self.shape), self.shape[0]
        return _cuts(rows, max(1, self.kernel.block(self.threads, size) // (size // rows)))

    def __call__(self, *arrays: Any) -> Any:
        """Compute the chain; `arrays` are its inputs and the arrays for its results, or None."""
        kernel, shape = self.kernel, self.shape
        whole = list(arrays)
        for k, dtype in enumerate(kernel.out_dtypes, len(arrays) - len(kernel.out_dtypes)):
            if whole[k] is None:
                whole[k] = np.empty(shape, dtype)
        rest: tuple[int, ...] = ()
        if all(a.flags.c_contiguous if a.shape == shape else a.size == 1 for a in whole):
            cut = [a.shape == shape for a in whole]
            parts = [a.reshape(-1 if c else ()) for a, c in zip(whole, cut, strict=True)]
            cuts = self.cuts
        else:
            parts, cuts, rest = whole, self.row_cuts, shape[1:]
            cut = [a.ndim == len(shape) and a.shape[0] == shape[0] for a in whole]
        run = partial(self._run, deque(cuts), rest, parts, cut)
        if self.threads == 1:
            run(self.work[0])
        else:
            errors = np.geterr()
            others = [_executor().submit(_quiet, errors, run, w) for w in self.work[1:]]
            run(self.work[0])
            for other in others:
                other.result()
        results = [whole[k] for k in kernel.results]
        return results[0] if len(results) == 1 else results

    def _run(
        self,
        cuts: deque[tuple[int, int]],
        rest: tuple[int, ...],
        parts: Sequence[Any],
        cut: Sequence[bool],
        work: Sequence[Any],
    ) -> None:
        """Compute blocks until none is left."""
        call = self.kernel.call
        row = math.prod(rest)
        sizes: dict[int, Sequence[Any]] = {}  # balanced, so that there are two at most
        while True:
            try:
                start, stop = cuts.popleft()
            except IndexError:
                return
            n = stop - start
            registers = sizes.get(n)
            if registers is None:
                registers = sizes[n] = [w[: n * row].reshape(n, *rest) for w in work]
            call(*registers, *[p[start:stop] if c else p for p, c in zip(parts, cut, strict=True)])


def _cuts(length: int, most: int) -> list[tuple[int, int]]:
    """Where a length is cut into parts that are as long as each other, and none above `most`.

    An operation may compute a few elements in another way than many, with other roundings: a short
    part at the end would depend on the number of threads.

    >>> _cuts(10, 4)
    [(0, 3), (3, 6), (6, 10)]
    """
    count = -(-length // most)
    ends = [length * k // count for k in range(count + 1)]
    return list(pairwise(ends))


def _quiet(errors: dict[str, Any], run: Callable[[Any], None], work: Any) -> None:
    with np.errstate(**errors):
        run(work)


def thread_count() -> int:
    """How many threads a large chain may use: ``config.threads``, or what the machine has."""
    chosen = int(config.threads)
    if chosen > 0:
        return chosen
    try:
        limit = int(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    except ValueError:
        limit = 0
    if limit > 0:
        return limit
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


_pool: Any = None
_pool_lock = new_lock()


def _executor() -> Any:
    """The threads that all functions share."""
    global _pool
    with _pool_lock:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(max(1, thread_count() - 1), "symgrad")
        return _pool


def _after_fork() -> None:
    """Forget the threads: a child process has none of its parent's."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
