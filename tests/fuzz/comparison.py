"""When two results differ by more than rounding explains.

What agrees within a few units in the last place is taken at once. For the rest there are an exact
value (in a wider precision) and *witnesses*: the same computation with random rounding errors. A
result may be as far from the exact value as witnesses are, and a little further.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_UNITS = 32.0  # taken at once, in units of the last place
_STRETCH = 20.0  # how much further than witnesses a result may be from the exact value


def differing(have: Any, want: Any) -> Any:
    """Where two arrays of one shape are further apart than a few units in the last place."""
    if have.dtype.kind not in "fc":
        return np.asarray(have != want)
    with np.errstate(all="ignore"):
        info = np.finfo(have.dtype)
        size = np.maximum(np.abs(have), np.abs(want))
        near = np.abs(have - want) <= _UNITS * float(info.eps) * size + 4 * float(
            info.smallest_subnormal
        )
        near &= np.isfinite(size)  # (a number is no few units from an infinity)
        same = near | (have == want) | (_nan(have) & _nan(want))
        if have.dtype.kind == "c":  # of an infinite number, the finite part
            infinite = np.isinf(have) & np.isinf(want)
            parts = differing(have.real, want.real) | differing(have.imag, want.imag)
            same |= infinite & ~parts
        return np.asarray(~same)


def _nan(x: Any) -> Any:
    return x != x


def unexplained(
    have: Any,
    exact: Any,
    witnesses: list[Any],
    stretch: float = 1.0,
    cleaned: Any = None,
    nodes: Any = None,
) -> Any:
    """Where a result is wrong, as far as the exact value and witnesses tell.

    `cleaned` gives the exact value that there is if no NaN is among what is given. Where that is
    NaN too, it was made on the way, as in ``exp(1e6) / exp(1e6)``; a number there is no mistake.
    `nodes` are the results of the nodes: beyond the largest number of the dtype it depends on the
    order of additions whether there is an infinity or NaN, so those of the nodes are taken.
    """
    witnesses = [w for w in witnesses if w.shape == have.shape]
    if exact.shape != have.shape:
        return np.ones(have.shape, bool)
    with np.errstate(all="ignore"):
        bad = differing(have, exact.astype(have.dtype))
        for witness in witnesses:
            bad &= differing(have, witness.astype(have.dtype))
    if have.dtype.kind not in "fc" or not np.any(bad):
        return bad
    broken = bad & _nan(exact) & ~_nan(have)
    if np.any(broken) and cleaned is not None:
        other = cleaned()
        if other.shape == have.shape:
            bad &= ~(broken & _nan(other))
    with np.errstate(all="ignore"):
        high = np.clongdouble if have.dtype.kind == "c" else np.longdouble
        exact, given = exact.astype(high), have.astype(high)
        spread = np.zeros(have.shape, np.longdouble)
        plain = [w.astype(high) for w in witnesses]
        for k, one in enumerate(plain):
            # where an exact value is no number, witnesses are compared with each other
            for other in [exact, *plain[:k]]:
                apart = np.abs(one - other)
                spread = np.maximum(spread, np.where(np.isfinite(apart), apart, 0))
        centre = np.where(np.isfinite(exact), exact, plain[0] if plain else exact)
        info = np.finfo(have.dtype)
        allowed = (
            stretch * _STRETCH * spread
            + stretch * _UNITS * float(info.eps) * np.abs(centre)
            + 8 * float(info.smallest_subnormal)
        )
        if plain:  # where the plain computation breaks down, a stable form may lose some digits
            broken = np.all([~np.isfinite(one) for one in plain], axis=0)
            allowed = np.where(broken, allowed + 4096 * float(info.eps) * np.abs(centre), allowed)
        # A stable form is finite where longdouble underflows, too: log(sigmoid(-1e200)).
        near = np.isfinite(given) | (given == centre)
        near = np.where(np.isfinite(centre), np.abs(given - centre) <= allowed, near)
        # A stable form finds what longdouble loses beside 1, or where it overflows.
        near |= (exact == 0) & (np.abs(given) <= 8 * float(np.finfo(np.longdouble).eps))
        if nodes is not None and nodes.shape == have.shape:
            over = np.isfinite(exact) & ~np.isfinite(exact.astype(have.dtype))
            near |= over & ~np.isfinite(have) & ~differing(have, nodes)
    return bad & ~near
