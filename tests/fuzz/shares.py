"""References that only some programs are compared with: differences, JAX, Theano."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.fuzz.program import Program
from tests.fuzz.runners import Failure

JAX_SHARE, THEANO_SHARE, DIFFERENCES_SHARE = 50, 20, 3


class Shares:
    """What is only asked now and then."""

    def __init__(self) -> None:
        self.turn = 0

    def check(self, program: Program, way: str, counts: Counter[str]) -> Failure | None:
        return None

    def close(self) -> None:
        pass


__all__: list[Any] = ["Shares"]
