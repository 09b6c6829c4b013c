"""The gradient of a matrix, given those of its singular values and vectors."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from symgrad.ops.arithmetic.elementwise import cast, eq, le, maximum
from symgrad.ops.arrays.constructors import eye
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.linalg.equal_values import (
    antisymmetric,
    columns,
    length_of,
    matrices_of,
    noise_of,
    product,
    quotient,
    rates,
    rows,
    shorter,
    speed_of,
    total,
)
from symgrad.ops.linalg.linalg import matmul, matrix_transpose
from symgrad.ops.op import Op, projections
from symgrad.ops.reductions.powers_summed import EuclideanNorm


def path_of_svd(node: Any, values: Collection[Op]) -> tuple[Collection[Op], Any, Any]:
    """See `equal_values.rates`: the singular values move, and the matrix with them."""
    u, s, vt = projections(node)
    speed, k = speed_of(s, False), dim(s, -1)
    return values, speed, lambda: matmul(u[..., :k] * rows(speed), vt[..., :k, :])


def slope_of_svd(x: Any, y: Any, gu: Any, gs: Any, gv: Any) -> Any:
    """The gradient by a matrix `x` with the decomposition `y`.

    Townsend, "Differentiating the singular value decomposition", 2016. His quotients by
    ``s[j]**2 - s[i]**2`` are taken apart: where t is what turns the left vectors and r the right
    ones, ``(s[j] t + s[i] r) / (s[j]**2 - s[i]**2)`` is half of ``(t + r) / (s[j] - s[i])`` and
    ``(t - r) / (s[j] + s[i])``. Each has a limit of its own, at equal values and at two zeros.
    """
    u, s, vt = projections(y)
    k: Any = shorter(*x.static_shape[-2:])
    k = dim(s, -1) if k is None else k
    left, right = u[..., :k], matrix_transpose(vt[..., :k, :])
    inner = None if gs is None else matrices_of(gs)
    if gu is None and gv is None:
        return product(left, inner, matrix_transpose(right))
    speed = speed_of(s, False)
    rate_u, rate_v = rates([gu, gv], y)
    size = length_of(s)
    common = {"size": size, "n": cast(maximum(dim(x, -1), dim(x, -2)), s.dtype)}
    gv, rate_v, v = (None if g is None else matrix_transpose(g) for g in (gv, rate_v, vt))
    sides = [_Side(u, gu, rate_u, k, size), _Side(v, gv, rate_v, k, size)]
    noise = total([side.noise for side in sides])
    turns = common | {"noise": noise + matrix_transpose(noise), "unused": eq(eye(k), 1)}
    a, b = sides
    apart = quotient(
        total([a.turn, b.turn]),
        rows(s) - columns(s),
        total([a.turn_rate, b.turn_rate]),
        rows(speed) - columns(speed),
        **turns,
    )
    along = quotient(
        total([a.turn, _minus(b.turn)]),
        rows(s) + columns(s),
        total([a.turn_rate, _minus(b.turn_rate)]),
        rows(speed) + columns(speed),
        **turns,
    )
    parts = [product(left, total([inner, 0.5 * (apart + along)]), matrix_transpose(right))]
    for side, length in ((a, dim(x, -2)), (b, dim(x, -1))):
        if side.out is not None:
            settings = common | {"noise": side.out_noise, "unused": le(length, k)}
            out = quotient(side.out, rows(s), side.out_rate, rows(speed), **settings)
            turned = matmul(out, matrix_transpose(right if side is a else left))
            parts.append(turned if side is a else matrix_transpose(turned))
    return total(parts)


def _minus(x: Any) -> Any:
    return None if x is None else -x


class _Side:
    """The left singular vectors or the right ones, as columns, and the gradient by them.

    `turn` is what turns them into each other, `out` what leads out of the space of the first `k`,
    unless these are known to be all that there can be.
    """

    def __init__(self, vectors: Any, g: Any, rate: Any, k: Any, size: Any) -> None:
        self.noise = self.out_noise = None
        self.turn, self.out = _turns(vectors, g, k)
        self.turn_rate, self.out_rate = _turns(vectors, rate, k)
        if g is not None:
            noise = noise_of(g, rate, size)
            self.noise = noise[..., :k]
            self.out_noise = self.noise + EuclideanNorm((g.ndim - 1,), True).make(noise[..., k:])


def _turns(vectors: Any, g: Any, k: Any) -> tuple[Any, Any]:
    if g is None:
        return None, None
    first, inside = vectors[..., :k], g[..., :k]
    turn = matmul(matrix_transpose(first), inside)
    n, used = vectors.static_shape[-2], first.static_shape[-1]
    if n is not None and n == used:
        return antisymmetric(turn), None
    back = matmul(matrix_transpose(g[..., k:]), first)
    out = inside - matmul(first, turn) - matmul(vectors[..., k:], back)
    return antisymmetric(turn), out
