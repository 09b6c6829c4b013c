"""Random choices: the settings of rows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tests.fuzz.reference import COMPLEX, FLOATS, INTS


class Unfit(Exception):
    """A row cannot be used here."""


class Draw(random.Random):
    """Random choices about arrays."""

    def pick(self, *options: Any) -> Any:
        return options[int(self.random() * len(options))]

    def coin(self, probability: float) -> bool:
        return self.random() < probability

    def given_axis(self, A: Any) -> int:
        if not A.ndim:
            raise Unfit
        return self.randrange(-A.ndim, A.ndim)

    def one_axis(self, A: Any) -> int | None:
        return None if not A.ndim or self.coin(0.25) else self.given_axis(A)

    def axis(self, A: Any) -> Any:
        if A.ndim < 2 or self.coin(0.6):
            return self.one_axis(A)
        return tuple(sorted(self.sample(range(A.ndim), self.randint(1, A.ndim))))

    def number(self, A: Any) -> Any:
        """A Python number to put beside an array."""
        if A.dtype.kind in "iu":
            return self.pick(1, 2, 3, 0.5, 2.0) if self.coin(0.8) else 100
        return self.pick(0, 1, 2, -1, 0.5, 1.0, 1e-3, -2.5, 0.1, 3.0)

    def bounds(self, A: Any) -> dict[str, Any]:
        if A.dtype.kind in "iu":
            return {"low": 0, "high": 3}
        return {"low": self.pick(-1.0, 0.0, 0, -0.5), "high": self.pick(1.0, 0.5, 1)}

    def cast(self, A: Any) -> str:
        kind = A.dtype.kind
        if kind == "c":
            return self.pick(*COMPLEX)
        if kind == "f":
            # A float outside the range of an integer dtype has no value there.
            fits = A.size and np.all(np.abs(A) < 100) and np.all((A >= 0) | (A <= -1))
            if fits and self.coin(0.3):
                return self.pick("int64", "int32", "int8")
            return self.pick(*FLOATS[1:], *FLOATS[1:], *FLOATS[1:], "float16", *COMPLEX)
        return self.pick(*INTS, *FLOATS[1:], "float64", "float32", "bool", "complex64")

    def permutation(self, A: Any) -> tuple[int, ...]:
        axes = list(range(A.ndim))
        self.shuffle(axes)
        return tuple(axes)

    def dimshuffle(self, A: Any) -> dict[str, Any]:
        kept = [a for a in range(A.ndim) if A.shape[a] != 1 or not self.coin(0.3)]
        if len(kept) != A.ndim:
            # what is dropped must be known to have length 1: rows see to that themselves
            kept = list(range(A.ndim))
        self.shuffle(kept)
        pattern: list[Any] = list(kept)
        for _ in range(self.pick(0, 0, 1, 1, 2)):
            if len(pattern) < 4:
                pattern.insert(self.randrange(len(pattern) + 1), "x")
        shape = tuple(1 if p == "x" else A.shape[p] for p in pattern)
        return {"pattern": tuple(pattern), "axes": tuple(kept), "shape": shape}

    def dropped(self, A: Any) -> dict[str, Any]:
        axis = self.randrange(A.ndim)
        rest = [a for a in range(A.ndim) if a != axis]
        self.shuffle(rest)
        order = tuple(a - (a > axis) for a in rest)
        return {"axis": axis, "rest": ", ".join(map(str, rest)), "order": order}

    def new_shape(self, A: Any) -> tuple[int, ...]:
        n = A.size
        options = [(n,), (n, 1), (1, n)]
        options += [(k, n // k) for k in (2, 3, 7) if n and n % k == 0]
        options += [tuple(reversed(A.shape)), (*A.shape, 1)]
        shape = self.choice(options)
        if len(shape) > 4:
            raise Unfit
        if n and self.coin(0.3) and shape:
            k = self.randrange(len(shape))
            shape = (*shape[:k], -1, *shape[k + 1 :])
        return shape

    def reps(self, A: Any) -> tuple[int, ...]:
        return tuple(self.pick(1, 2, 1, 3) for _ in range(A.ndim))

    def index(self, A: Any) -> str:
        """The text of a basic index, with an occasional list."""
        parts: list[str] = []
        for length in A.shape[: self.randint(1, A.ndim)]:
            options = ["1:", ":-1", "::-1", "::2", ":", "-1:", ":1", "5:2:-1", "::-2", "1:7"]
            if length:
                options += ["0", "-1", str(self.randrange(length)), str(self.randrange(-length, 0))]
            parts.append(self.choice(options))
        if self.coin(0.15):
            parts.insert(self.randrange(len(parts) + 1), "None")
        if self.coin(0.15):
            parts.append("...")
        elif self.coin(0.1) and A.shape[0] and len(parts) == 1:
            parts[0] = str([self.randrange(-A.shape[0], A.shape[0]) for _ in range(3)])
        return ", ".join(parts)
