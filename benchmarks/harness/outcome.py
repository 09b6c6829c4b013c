"""What came out of one case: times of all rounds, the ratios that they give, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness.case import Case, Verdict
from benchmarks.harness.peers import BLAS, SYMGRAD


@dataclass
class Outcome:
    """The figures of one case.

    Attributes
    ----------
    question, case
        What was asked.
    times
        Seconds of a call by peer, one per round; NaN for a round that failed.
    failed
        Peers that could not answer, with a word for the table.
    wrong
        Peers whose numbers differ from the others', with what differs.
    busy
        Peers whose threads did not sleep between their turns, with seconds of processor time.
    """

    question: str
    case: Case
    times: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def medians(self) -> dict[str, float]:
        """The median of each peer that answered."""
        return {
            peer: median(times)
            for peer, times in self.times.items()
            if times and peer not in self.failed
        }

    def fastest(self) -> str | None:
        """The peer with the smallest median, of those that count and computed the right numbers."""
        counted = {
            peer: seconds
            for peer, seconds in self.medians().items()
            if peer not in (SYMGRAD, BLAS)
            and peer not in self.wrong
            and (not self.case.aim.against or peer in self.case.aim.against)
        }
        return min(counted, key=lambda peer: counted[peer]) if counted else None

    def ratio_to(self, peer: str | None) -> float | None:
        """The median over rounds of symgrad's time over that of `peer` in the same round."""
        if peer is None or not {peer, SYMGRAD} <= self.medians().keys():
            return None
        pairs = zip(self.times[SYMGRAD], self.times[peer], strict=True)
        return median(ours / theirs for ours, theirs in pairs)

    def ratio(self) -> float | None:
        """Symgrad's time over the fastest peer's."""
        return self.ratio_to(self.fastest())

    def over_blas(self) -> float | None:
        """Symgrad's time over that of the matrix products alone."""
        return self.ratio_to(BLAS)

    def verdict(self) -> Verdict:
        """Whether symgrad reaches the aim."""
        if SYMGRAD in self.failed or SYMGRAD in self.wrong:
            return "no"
        if SYMGRAD not in self.medians():
            return ""
        return self.case.aim.verdict(self.ratio(), self.over_blas(), self.medians()[SYMGRAD])

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "question": self.question,
            "case": self.case.title,
            "calls": self.case.calls,
            "seconds": self.times,
            "median": self.medians(),
            "best": {peer: min(self.times[peer]) for peer in self.medians()},
            "fastest": self.fastest(),
            "ratio": self.ratio(),
            "over_blas": self.over_blas(),
            "aim": str(self.case.aim),
            "met": self.verdict(),
            "failed": self.failed,
            "wrong": self.wrong,
            "busy": self.busy,
        }


# ----------------------------------------------------------------------------------- agreement
def same(one: Sequence[Any], other: Sequence[Any], rtol: float, atol: float) -> bool:
    """Whether two results are the same arrays to within a tolerance."""
    return len(one) == len(other) and all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )


def describe(one: Sequence[Any], other: Sequence[Any]) -> str:
    """What is found and what is expected, in a line.

    >>> describe([np.float32(2.5)], [2.0])
    'found 2.5, others 2'
    """
    for a, b in zip(one, other, strict=False):
        if np.shape(a) != np.shape(b):
            return f"found shape {np.shape(a)}, others {np.shape(b)}"
        apart = np.nan_to_num(np.abs(np.asarray(a, "f8") - np.asarray(b, "f8")), nan=np.inf)
        if apart.size and apart.max() > 0:
            at = np.unravel_index(int(np.argmax(apart)), apart.shape)
            found, expected = float(np.asarray(a)[at]), float(np.asarray(b)[at])
            where = f" at {tuple(map(int, at))}" if at else ""
            return f"found {found:.7g}, others {expected:.7g}{where}"
    return f"found {len(one)} results, others {len(other)}"


def disagreements(numbers: Mapping[str, Sequence[Any]], rtol: float, atol: float) -> dict[str, str]:
    """The peers whose numbers differ, each with what differs.

    The measure is the peer with which most others agree, the first of them where several are: so
    that one peer that is wrong is named, and not all others.

    >>> disagreements({"a": [1.0], "b": [2.0], "c": [2.0]}, 1e-3, 0)
    {'a': 'found 1, others 2'}
    """
    if not numbers:
        return {}
    agreeing = {
        peer: sum(same(other, mine, rtol, atol) for other in numbers.values())
        for peer, mine in numbers.items()
    }
    measure = numbers[max(agreeing, key=lambda peer: agreeing[peer])]
    return {
        peer: describe(mine, measure)
        for peer, mine in numbers.items()
        if not same(mine, measure, rtol, atol)
    }
