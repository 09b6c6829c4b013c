"""What is timed and what is hoped for: a row of the table, with its aim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

# Two medians that are closer than this are a tie: a machine's speeds lie further apart.
TIE = 1.3

# What "BLAS time + 15 %" allows.
OVER_BLAS = 1.15

Verdict = Literal["yes", "tie", "no", ""]


@dataclass(frozen=True)
class Aim:
    """What symgrad is to reach in one case.

    Attributes
    ----------
    ratio
        At most this many times the fastest peer's time.
    or_blas
        Or at most the time of the matrix products alone and 15 %.
    seconds
        At most this long, whatever the peers take.
    against, of
        The peers that count, all of them if empty, and what to call them.
    """

    ratio: float | None = None
    or_blas: bool = False
    seconds: float | None = None
    against: tuple[str, ...] = ()
    of: str = ""

    def __str__(self) -> str:
        parts = []
        if self.ratio is not None:
            parts.append(f"≤ {self.ratio}" + (f" of {self.of}" if self.of else ""))
        if self.or_blas:
            parts.append(f"BLAS + {OVER_BLAS - 1:.0%}".replace("%", " %"))
        if self.seconds is not None:
            parts.append(f"≤ {self.seconds * 1e3:g} ms")
        return " or ".join(parts)

    def verdict(self, ratio: float | None, over_blas: float | None, seconds: float) -> Verdict:
        """Whether the aim is met; "tie" where it is missed by less than can be told apart.

        >>> Aim(ratio=0.8, or_blas=True).verdict(0.9, 1.1, 1e-3)
        'yes'
        >>> Aim(ratio=0.8).verdict(1.0, None, 1e-3)
        'tie'
        """
        pairs = (
            (ratio, self.ratio),
            (over_blas, OVER_BLAS if self.or_blas else None),
            (seconds, self.seconds),
        )
        misses = [found / aim for found, aim in pairs if found is not None and aim is not None]
        if not misses:
            return ""
        return "yes" if min(misses) <= 1 else "tie" if min(misses) < TIE else "no"


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes
    ----------
    title
        The row's name.
    params
        What the functions ``by_<peer>`` are called with.
    aim
        What symgrad is to reach.
    calls
        Timed calls in a round; the figure of the round is their mean.
    warm
        Calls before them that are not timed: the round before was another process's.
    caches
        For questions about fresh processes: whether what a library keeps on disk is there.
    limit
        Seconds that a peer may take to set up, and again for a round.
    slow
        Left out by ``--quick``.
    """

    title: str
    params: Mapping[str, Any]
    aim: Aim
    calls: int = 1
    warm: int = 0
    caches: Literal["cold", "warm"] = "cold"
    limit: float = 120.0
    slow: bool = False

    def quick(self) -> Case:
        """The same with a twentieth of the calls."""
        return replace(self, calls=max(1, self.calls // 20), warm=min(self.warm, 1))
