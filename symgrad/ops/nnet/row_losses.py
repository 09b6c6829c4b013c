"""Cross-entropy of softmax rows with one true class each, and its gradient, in one pass.

These are what `rewrite/losses.py` makes of a finished graph; no gradient is taken of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.graph.types import TupleType, ValueType, tensor_type
from symgrad.ops.indexing.indexing import check_labels
from symgrad.ops.op import Arg, Example, Lengths, Op, Spec, elements

_limits = config.stress
_FEW = 32  # a product with ones adds up rows of this length three times faster than a reduction
_CONSTANTS = {np.dtype(d): (np.ones((), d), np.ones(_FEW, d)) for d in (np.float32, np.float64)}
_COUNTED = 2048  # numbers up to which `_counting` keeps a table for each length
_LONGEST = 2**18  # numbers in the longest table, of which the longer ones are parts
_TABLES = 4  # of those
_UNSIGNED = {n: np.dtype(f"u{n}") for n in (1, 2, 4)}


class RowLoss(Op):
    """Losses ``-log(softmax(z)[i, y[i]])`` and their gradients ``softmax(z) - onehot(y)``.

    Inputs are a matrix of scores z, float32 or float64, and a vector of true classes y. With
    `paired`, rows and classes are repeated to each other's number. Without, there may be fewer
    classes than rows; a row without one has gradient 0. With `from_zero`, a negative class is out
    of range; else it counts from behind.

    Each row is taken relative to the score of its true class: with ``e = exp(z - z[y])`` and s the
    sum of e over the *other* classes, the loss is ``log1p(s)`` and the gradient ``e / (1 + s)``, at
    the true class ``-s / (1 + s)``. Nothing cancels, so both are exact where the true class is
    nearly certain. Where e overflows, rows are taken relative to their largest score instead.
    """

    paired: bool
    from_zero: bool = False

    def infer(self, *types: ValueType) -> ValueType:
        z, y = types
        n, m = z.shape[0], y.shape[0]
        if self.paired:
            n = m = m if n == 1 else n
        return TupleType([tensor_type(z.dtype, (m,)), tensor_type(z.dtype, (n, z.shape[1]))])

    def item_lengths(self, index: int, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths | None:
        z, y = node.inputs
        if self.paired:
            return None
        return known[z] if index else known[y]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        z, y = self._fitted(xp, *arrays)
        if xp is not np:
            return _row_loss(xp, z, y)
        work = [np.empty(len(y), z.dtype) for _ in range(2)]
        out = np.empty(len(y), z.dtype), np.empty(z.shape, z.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            self.impl_into(out, work, z, y)
        return out

    def _fitted(self, xp: Any, z: Any, y: Any) -> tuple[Any, Any]:
        """Scores and classes, repeated to each other's number if they are paired."""
        n, m = z.shape[0], y.shape[0]
        if self.paired and n != m:
            if 1 not in (n, m):
                raise IndexError(f"{n} rows and {m} classes cannot be paired")
            n = m if n == 1 else n
            return xp.broadcast_to(z, (n, z.shape[1])), xp.broadcast_to(y, (n,))
        if self.from_zero:
            check_labels(m, n)
        if m > n:
            raise IndexError(f"index {n} is out of bounds for axis 0 with size {n}")
        return z, y

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        z, y = arrays
        n = y.shape[0] if z.shape[0] == 1 or not self.paired else z.shape[0]
        return Spec((n,), z.dtype), Spec((n,), z.dtype)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        # an element is shifted, exponentiated, added up; for the gradient, divided
        return elements(inputs[0]) * (3 if out[1] is None else 4)

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        """As for every operation; of the results in `out`, one that is None is not computed."""
        z, y = arrays
        losses, excess = out
        if len(y) != len(z):
            z, y = self._fitted(np, z, y)
            z = z[: len(y)]
            if excess is not None:
                excess[len(y) :] = 0
                excess = excess[: len(y)]
        if len(y):
            _row_loss_into(losses, excess, work, z, self._positions(y, z.shape[1]))

    def _positions(self, y: Any, k: int) -> Any:
        """Classes as positions among k, which are in range and not negative."""
        given = y
        checked = self.from_zero or y.dtype.kind == "u"
        if checked and y.dtype.itemsize < 8:
            y = y.view(_UNSIGNED[y.dtype.itemsize])  # a negative class is a large number
        elif checked:
            y = y.view(np.int64)
        if not checked or y.dtype.kind == "u" or np.minimum.reduce(y) >= 0:
            try:
                return _counting(k, 1)[y]
            except IndexError:
                pass
        least = 0 if self.from_zero else -k
        wrong = given[(given >= k) | (given < least)][0]
        why = "; labels count from 0" if -k <= wrong < 0 else ""
        raise IndexError(f"index {wrong} is out of bounds for axis 1 with size {k}{why}")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for paired, rows, columns, classes in (
            (False, 3, 4, [1, 0, -1]),
            (False, 3, 4, [2]),
            (False, 4, _FEW + 1, [1, 3, -1, 16]),
            (False, 2, 1, [0, 0]),
            (False, 0, 3, []),
            (True, 3, 4, [2]),
            (True, 1, 4, [2, 0]),
        ):
            y = Arg((len(classes),), "int32", exact=classes)
            yield Example(cls(paired), (Arg((rows, columns)), y), differentiable=False)


def _row_loss_into(losses: Any, excess: Any, work: Sequence[Any], z: Any, at: Any) -> None:
    """Losses and gradients of at least one row; `at` holds the classes and is overwritten.

    Microseconds, float32 (by hand: the usual eight lines of NumPy):

        shape    (20, 10)  (100, 10)  (600, 10)  (5000, 10)  (600, 100)
        here            6          8         16          80          62
        by hand        10         16         56         400         100

    Turned, so that rows lie side by side, it takes as long: what it saves it loses in turning.
    """
    s, t = work
    n, k = z.shape
    one, ones = _CONSTANTS[z.dtype]
    np.add(at, _counting(n, k), at)
    own = z.reshape(-1)[at]
    e = np.empty((n, k), z.dtype) if excess is None else excess
    flat = e.reshape(-1)
    np.subtract(z, own[:, None], e)
    np.exp(e, e)
    np.subtract(own, own, t)  # 0, or NaN
    flat[at] = t
    if k < _limits.rows and k <= _FEW:
        np.dot(e, ones[:k], s)
    else:
        np.add.reduce(e, 1, None, s)
    infinite = None
    if s.dot(t) == 0:  # all finite
        if losses is not None:
            np.log1p(s, losses)
        np.negative(s, t)
    else:
        top = np.minimum(z.max(axis=1, keepdims=True), np.finfo(z.dtype).max)
        np.subtract(z, top, e)
        own = flat[at]
        np.exp(e, e)
        np.expm1(own, t)
        flat[at] = t
        np.add.reduce(e, 1, None, s)  # the sum less 1; of the others, where the true class is top
        if losses is not None:
            np.log1p(s, losses)
            np.subtract(losses, own, losses)
        np.subtract(t, s, t)
        # beside an infinite score, a finite one has no share; alone among such, that score has all
        infinite = np.isposinf(s) & (own <= 0)  # (0: the largest number there is)
    if excess is not None:
        flat[at] = t
        np.add(s, one, s)
        np.divide(e, s[:, None], e)
        if infinite is not None:
            flat[at[infinite]] = -1


def _counting(n: int, step: int) -> Any:
    """0, step, 2 * step, …: n numbers, which nobody may change.

    Making them takes a fiftieth of the time that the rows do. All that were ever met would be
    gigabytes: those of many rows are parts of one table that grows, 8 MB in all.
    """
    if n <= _COUNTED:
        return _kept_counting(n, step)
    if n > _LONGEST:
        return _count(n, step)
    table = _long_tables.get(step)
    if table is None or len(table) < n:
        if len(_long_tables) >= _TABLES:
            _long_tables.clear()
        table = _long_tables[step] = _count(1 << (n - 1).bit_length(), step)
    return table[:n]


def _count(n: int, step: int) -> Any:
    return np.arange(0, n * step, step, dtype=np.intp) if step else np.zeros(n, np.intp)


_kept_counting = lru_cache(maxsize=64)(_count)
_long_tables: dict[int, Any] = {}


def _row_loss(xp: Any, z: Any, y: Any) -> tuple[Any, Any]:
    """The same in an array namespace that cannot write into memory."""
    m, k = y.shape[0], z.shape[1]
    top = z[:m].max(axis=1, keepdims=True, initial=-np.inf)
    below = z[:m] - xp.minimum(top, xp.finfo(z.dtype).max)
    true = xp.arange(k) == xp.where(y < 0, y + k, y)[:, None]
    own = xp.sum(xp.where(true, below, 0), axis=1)
    less = xp.expm1(own)
    e = xp.where(true, less[:, None], xp.exp(below))
    s = xp.sum(e, axis=1)
    excess = xp.where(true, (less - s)[:, None], e) / (s + 1)[:, None]
    excess = xp.where(true & ((own < 0) & xp.isposinf(s))[:, None], -1, excess)
    rest = xp.zeros((z.shape[0] - m, k), z.dtype)
    return xp.log1p(s) - own, xp.concatenate([excess, rest])


class ScaleRows(Op):
    """Rows of a matrix times the numbers of a vector; a row without a number becomes 0.

    The numbers may be one for all. With labels as a third input, a row without one becomes 0,
    whatever it is multiplied by: the mean over no labels at all has the slope 1 / 0 elsewhere.
    """

    shape_of = 0
    in_place = True

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, scale, *labels = arrays
        if xp is np:
            out = np.empty(x.shape, x.dtype)
            self.impl_into(out, (), *arrays)
            return out
        m = self._scaled(x, scale, *labels)
        scaled = x[:m] * (scale[:, None] if scale.ndim else scale)
        return xp.concatenate([scaled, xp.zeros((x.shape[0] - m, x.shape[1]), x.dtype)])

    def _scaled(self, x: Any, scale: Any, labels: Any = None) -> int:
        """How many rows have a number."""
        if labels is not None:
            return len(labels)
        return len(x) if scale.shape == (1,) else len(scale)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(out)

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        x, scale, *_ = arrays
        m = self._scaled(*arrays)
        if scale.ndim:
            scale = scale[:, None]
        if m == len(x):
            np.multiply(x, scale, out)
        else:
            np.multiply(x[:m], scale, out[:m])
            out[m:] = 0

    def source_into(self, node: Any, args: Any, out: str, work: str | None, bind: Any) -> str:
        return self._plainly(node, [*args, out], bind) + super().source_into(
            node, args, out, work, bind
        )

    def source(self, node: Any, args: Any, bind: Any) -> str:
        return self._plainly(node, args, bind) + super().source(node, args, bind)

    def _plainly(self, node: Any, args: Any, bind: Any) -> str:
        """A product of NumPy, for when each row has a label: 0.1 µs, and 1.3 by `impl_into`."""
        if len(node.inputs) < 3 or node.inputs[1].ndim:
            return ""
        x, scale, labels, *out = args
        product = f"{bind(np.multiply, 'mul')}({', '.join([x, scale, *out])})"
        return f"{product} if len({x}) == len({labels}) else "

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for rows in (3, 2, 1, 0):
            yield Example(cls(), (Arg((3, 4)), Arg((rows,))), differentiable=False)
            labels = Arg((rows,), "int32", exact=[0] * rows)
            yield Example(cls(), (Arg((3, 4)), Arg((rows,)), labels), differentiable=False)
            yield Example(cls(), (Arg((3, 4)), Arg(()), labels), differentiable=False)
        yield Example(cls(), (Arg((0, 4)), Arg((0,))), differentiable=False)
