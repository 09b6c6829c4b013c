"""A matrix plus products of matrices: what BLAS calls gemm.

`rewrite/products.py` makes these of finished graphs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import ShapeError
from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, broadcast_shapes, tensor_type
from symgrad.ops.arrays.shaping import SumLike
from symgrad.ops.families import broadcast_lengths
from symgrad.ops.linalg.blas import accumulate, routines
from symgrad.ops.linalg.linalg import Dot
from symgrad.ops.op import Arg, Example, Into, Lengths, Op, Shape, Spec, elements

# From `config.stress.gemm` bytes of the result on BLAS adds the product itself; below, that saves
# less than the 4.5 µs of calling it through ctypes. Microseconds of `dot`, `multiply`, `add` with
# `out=`, and of `copyto` and gemm, with one thread of OpenBLAS 0.3.31 on Zen 5, by lengths of the
# result and the number of terms (784×500 in float32 with two threads: 157 and 109):
#
#               784×10, 20  784×50, 20  200×200, 20  784×100, 20  784×500, 20  1024×1024, 256
#     float32    6.9 11.6   22.0 24.8    21.4 24.2    44.2 40.4     219 177      4920 4733
#     float64   11.7 15.7   45.0 41.6    43.8 39.8    87.2 74.0     433 339     10081 9683
_limits = config.stress

_NORMAL = {  # the smallest and the largest normal number
    np.dtype(d): (float(np.finfo(d).tiny), float(np.finfo(d).max)) for d in ("float32", "float64")
}


class Written(NamedTuple):
    """A sum as it was written: what to compute where accumulating would not give the same.

    Attributes
    ----------
    leaves : int
        How many further inputs of `Gemm` the steps start from.
    steps : tuple
        An operation and where its operands are, counted from the first leaf; the last is the sum.
    numbers : int
        How many numbers follow: products of factors, which are right where they are normal.
    rates : int
        How many follow those: factors of sums, which became factors of terms; at most 1 in size,
        lest rounding errors of terms that cancel grow with them.
    reordered : bool
        Whether what is added up may be infinite or NaN although all these numbers are right.
    """

    leaves: int
    steps: tuple[tuple[Op, tuple[int, ...]], ...]
    numbers: int
    rates: int
    reordered: bool

    def is_right(self, tail: Sequence[Any]) -> bool:
        """Whether the factors, which follow the leaves, allow to accumulate."""
        factors = tail[self.leaves :]
        for k, factor in enumerate(factors):
            smallest, largest = _NORMAL[factor.dtype] if k < self.numbers else (0.0, 1.0)
            if not smallest <= abs(float(factor)) <= largest:
                return False
        return True

    def computed(self, leaves: Sequence[Any]) -> Any:
        """The value of the sum."""
        values = list(leaves[: self.leaves])
        for op, places in self.steps:
            values.append(np.asarray(op.impl(np, *[values[k] for k in places])))
        return values[-1]


class Gemm(Op):
    """``c + alpha * dot(a, b)``, with as many such products as there are, of one float dtype.

    Inputs are c, then beta (but for ``start="plain"``), then alpha, a and b of each product. alphas
    and beta have rank 0. BLAS adds a product to a large result where it lies, without another pass
    over memory; transposes are never copied.

    Attributes
    ----------
    start : str
        What the products are added to: ``plain`` is c, ``scaled`` is ``beta * c``, ``decayed`` is
        ``c + beta * c``. The last is for weight decay: in float32 the number ``1 - 2e-6`` is 1.3 %
        off in what it takes away, at every step and for every weight alike.
    broadcasts : bool
        c and the products may turn out to have different shapes, and are broadcast then as in an
        addition. Without, all of them have the shape of the result.
    written : Written or None
        Where a factor of a sum has become one of its terms, or sums are taken in another order: the
        sum as it was. ``s * (c + dot(a, b))`` can be finite where ``s * c`` is not, and a product
        of factors 0 or infinite where theirs with a matrix is not. Where a factor is not as it
        should be, or the result is not finite, the sum is computed as it was written.

    >>> import symgrad.tensor as T
    >>> W, x, e = T.dmatrix("W"), T.dmatrix("x"), T.dmatrix("e")
    >>> new = Gemm("plain").make(W, T.constant(-0.5), x.T, e)
    >>> new.eval({W: np.ones((2, 1)), x: [[1.0, 2.0]], e: [[1.0]]})
    array([[0.5],
           [0. ]])
    """

    start: str
    broadcasts: bool = False
    written: Written | None = None

    def terms(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """The inputs that are added up, without those for the sum as it was written."""
        if self.written is None:
            return inputs
        tail = self.written.leaves + self.written.numbers + self.written.rates
        return inputs[: len(inputs) - tail]

    def _parts(self, inputs: Sequence[Any]) -> tuple[Any, Any, list[Any]]:
        """c, beta or None, and the products."""
        inputs = self.terms(inputs)
        if self.start == "plain":
            c, *rest = inputs
            beta = None
        else:
            c, beta, *rest = inputs
        return c, beta, [rest[k : k + 3] for k in range(0, len(rest), 3)]

    def infer(self, *types: ValueType) -> ValueType:
        c, _, products = self._parts(types)
        shapes = [c.shape, *(Dot().infer(a, b).shape for _, a, b in products)]
        if self.broadcasts:
            return tensor_type(c.dtype, broadcast_shapes(shapes, "gemm"))
        lengths = []
        for found in zip(*shapes, strict=True):
            known = {n for n in found if n is not None}
            if len(known) > 1:
                raise ShapeError(f"gemm: the matrices to add have shapes {shapes}.")
            lengths.append(known.pop() if known else None)
        return tensor_type(c.dtype, tuple(lengths))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        if not self.broadcasts:
            return known[node.inputs[0]]
        c, _, products = self._parts([known[i] for i in node.inputs])
        return broadcast_lengths(node, self._shapes(c, products))

    def result_shape(self, *shapes: Shape) -> Shape:
        c, _, products = self._parts(shapes)
        return np.broadcast_shapes(*self._shapes(c, products))

    def _shapes(self, c: Any, products: Any) -> list[Any]:
        """The shapes of what is added up."""
        return [c, *((a[0], b[1]) for _, a, b in products)]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        c, beta, products = self._parts(arrays)
        if xp is np:
            shape = self.result_shape(*map(np.shape, arrays)) if self.broadcasts else c.shape
            out = np.empty(shape, c.dtype)
            self.impl_into(out, (), *arrays)
            return out
        y = c if beta is None else beta * c if self.start == "scaled" else c + beta * c
        for alpha, a, b in products:
            y = y + alpha * xp.dot(a, b)
        return y

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        _, beta, products = self._parts(inputs)
        start = 0 if beta is None else 1 if self.start == "scaled" else 2
        terms: int = start + sum([2 * (a.shape[1] + 1) for _, a, _ in products])
        return elements(out) * terms

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        return super().traffic(out, *self.terms(inputs))

    def settings_text(self) -> str:
        settings = [f"start={self.start}", *["broadcasts=True"] * self.broadcasts]
        return ", ".join(settings)

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        shape, dtype = arrays[0]
        if self.broadcasts:
            shape = self.result_shape(*[a.shape for a in arrays])
        large = math.prod(shape) * np.dtype(dtype).itemsize >= _limits.gemm
        return () if large and np.dtype(dtype) in routines() else (Spec(shape, dtype),)

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        """Compute the result into `out`, which may be the very array c if no product reads that."""
        if self.written is None:
            self._accumulate(out, work, arrays)
            return
        terms = self.terms(arrays)
        tail = arrays[len(terms) :]
        if self.written.is_right(tail):
            self._accumulate(out, work, terms)
            if not self.written.reordered or _is_finite(out):
                return
        np.copyto(out, self.written.computed(tail))

    def _accumulate(self, out: Any, work: Sequence[Any], arrays: Sequence[Any]) -> None:
        c, *rest = arrays
        direct = out.nbytes >= _limits.gemm
        so_far = c if self.start == "plain" else self._started(out, c, rest.pop(0))
        if direct and so_far is not out:
            np.copyto(out, c)
            so_far = out
        for k in range(0, len(rest), 3):
            alpha, a, b = rest[k : k + 3]
            if direct and accumulate(out, alpha, a, b):
                continue
            fits = work and work[0].shape == (len(a), b.shape[1])
            product = np.dot(a, b, work[0] if fits else None)
            np.multiply(product, alpha, product)
            so_far = np.add(so_far, product, out)

    def source_into(self, node: Any, args: Any, out: str, work: str | None, bind: Any) -> str:
        if self.start == "plain" and len(args) == 4 and not (self.broadcasts or self.written):
            return f"{bind(_add_product, 'gemm')}({', '.join(args)}, {out}, {work})"
        return super().source_into(node, args, out, work, bind)

    def _started(self, out: Any, c: Any, beta: Any) -> Any:
        """What the products are added to, in `out`."""
        if self.start == "scaled":
            return np.multiply(c, beta, out=out)
        if abs(beta) > 1e4 * np.finfo(out.dtype).eps:  # 1 + beta is rounded by less than beta / 1e4
            return np.multiply(c, out.dtype.type(1 + float(beta)), out=out)
        if out is c or c.shape != out.shape or out.nbytes < _limits.gemm:
            return np.add(c, np.multiply(c, beta, out=None if out is c else out), out=out)
        # Part by part in cache: 784×500 takes 106 µs instead of 172.
        rows = max(1, _limits.gemm // max(out[:1].nbytes, 1))
        for start in range(0, len(out), rows):
            here, part = out[start : start + rows], c[start : start + rows]
            np.add(part, np.multiply(part, beta, here), here)
        return out

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        c, beta, products = self._parts(inputs)
        grads = [g if beta is None else g * beta]
        if beta is not None:
            if self.start == "decayed":
                grads[0] = g + grads[0]
            grads.append((g * c).sum())
        if self.broadcasts:
            grads[0] = SumLike().make(grads[0], c)
        for alpha, a, b in products:
            product = Dot().make(a, b)
            part = alpha * (SumLike().make(g, product) if self.broadcasts else g)
            grads += [(g * product).sum(), Dot().make(part, b.T), Dot().make(a.T, part)]
        return [*grads, *[None] * (len(inputs) - len(grads))]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        number, one = Arg(()), (Arg(()), Arg((3, 4)), Arg((4, 2)))
        yield Example(Gemm("plain"), (Arg((3, 2)), *one))
        yield Example(Gemm("scaled"), (Arg((3, 2)), number, *one, *one))
        yield Example(Gemm("decayed"), (Arg((3, 2)), number, *one))
        yield Example(Gemm("plain"), (Arg((3, 2)), number, Arg((3, 0)), Arg((0, 2))))
        yield Example(Gemm("plain"), (Arg((0, 2)), number, Arg((0, 4)), Arg((4, 2))))
        for c in ((3, 2), (1, 2), (3, 1), (1, 1)):
            yield Example(Gemm("plain", True), (Arg(c), *one, *one))
            yield Example(Gemm("scaled", True), (Arg(c), number, *one))
        for a, b in (((1, 4), (4, 2)), ((3, 4), (4, 1))):
            yield Example(Gemm("decayed", True), (Arg((3, 2)), number, number, Arg(a), Arg(b)))


def _is_finite(x: Any) -> bool:
    """Whether all elements are; 784×500 in float32 takes 15 µs, `isfinite(x).all()` 40."""
    flat = x.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(x).all())


def _add_product(c: Any, alpha: Any, a: Any, b: Any, out: Any, work: Any) -> Any:
    """``Gemm("plain")`` of one product; where that is small, a microsecond of 8 faster."""
    if work and out is not None:
        product = np.dot(a, b, work[0])
        return np.add(c, np.multiply(product, alpha, product), out)
    return _ADD_PRODUCT(c, alpha, a, b, out, work)


_ADD_PRODUCT = Into(Gemm("plain"), 4).function()
