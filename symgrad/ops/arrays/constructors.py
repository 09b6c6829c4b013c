"""Tensors made from numbers: filled, counted, gridded, triangular."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, copysign, isinf, isnan
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError, describe, made_at, repr_of
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ValueType, check_dtype, is_complex, is_discrete, tensor_type
from symgrad.graph.written import written_from
from symgrad.ops.arithmetic.elementwise import cast, eq, le, maximum, switch
from symgrad.ops.arrays.broadcasting import broadcast_arrays
from symgrad.ops.arrays.lengths import (
    Dim,
    as_int64,
    as_length,
    as_lengths,
    dim,
    length_args,
    length_constant,
    static_length,
    static_value,
)
from symgrad.ops.arrays.shaping import Alloc, dimshuffle, filling_in
from symgrad.ops.op import Arg, Example, Lengths, Op, as_expr, as_exprs, common_dtype

_EXACT = 2**53  # up to it float64 holds every integer

# -- filled --------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros.

    Parameters
    ----------
    shape : int, sequence of int or symbolic scalars, or vector of known length
        ``zeros(x.shape)``, ``zeros((n, 3))`` and ``zeros(5)`` all work.
    dtype : str, optional
        By default floatX.

    >>> zeros((2, 3), "int32").eval()
    array([[0, 0, 0],
           [0, 0, 0]], dtype=int32)
    """
    return full(as_lengths(shape, "zeros"), 0, config.floatX if dtype is None else dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones.

    Parameters
    ----------
    shape : int, sequence of int or symbolic scalars, or vector of known length
        As for `zeros`.
    dtype : str, optional
        By default floatX.

    >>> ones(3).eval()
    array([1., 1., 1.])
    """
    return full(as_lengths(shape, "ones"), 1, config.floatX if dtype is None else dtype)


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return a tensor to be filled; its content is zeros here, whatever it is elsewhere.

    >>> empty((2, 2)).static_shape
    (2, 2)
    """
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return a value repeated to a shape.

    Parameters
    ----------
    shape : int, sequence of int or symbolic scalars, or vector of known length
        As for `zeros`.
    fill_value : array_like
        It is broadcast.
    dtype : str, optional
        By default that of the value.

    >>> full(2, 0.5).eval()
    array([0.5, 0.5])
    """
    value = as_expr(fill_value, "full")
    value = value if dtype is None else filling_in(value, dtype, "full")
    return Alloc().make(value, *as_lengths(shape, "full"))


# -- counted -------------------------------------------------------------------------------------


class Arange(Op):
    """Numbers from a start up to a stop in equal steps, all three scalar inputs."""

    dtype: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, (None,))

    def make(self, *inputs: Expr) -> Expr:
        if static_value(inputs[2]) == 0:
            raise GraphValueError("arange: the step is 0.")
        values = [static_value(i) for i in inputs]
        known = all(v is not None for v in values)
        length = _arange_length(*[v.item() for v in values]) if known else None
        return Expr(self, inputs, tensor_type(self.dtype, (length,)))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        start, stop, step = (a.item() for a in arrays)
        if step == 0:
            raise ValueError("the step is 0")
        if is_discrete(self.dtype) or isinstance(step, int):
            if xp is np and max(map(abs, (start, stop, step, stop - start))) >= _EXACT:
                return _large_arange(start, stop, step).astype(self.dtype)
            return xp.arange(start, stop, step).astype(self.dtype)
        length = _arange_length(start, stop, step)
        return (start + xp.arange(length) * step).astype(self.dtype)

    def counts_up(self, node: Expr) -> bool:
        """Whether a node of this operation is 0, 1, 2, … up to its stop (int8 would wrap)."""
        start, _, step = node.inputs
        wide = self.dtype in ("int32", "uint32", "int64", "uint64")
        return wide and _is_number(start, 0) and _is_number(step, 1)

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        stop = node.inputs[1]
        if self.counts_up(node) and isinstance(stop.op, Dim):
            return (known[stop.inputs[0]][stop.op.axis],)
        return super().lengths(node, known)

    def takes_int(self, node: Expr, index: int) -> bool:
        return self.dtype == node.inputs[0].dtype == "int64" and self.counts_up(node)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        if self.dtype == node.inputs[0].dtype == "int64" and self.counts_up(node):
            is_length = isinstance(node.inputs[1].op, Dim)
            count_up = bind(np.arange, "arange") if is_length else bind(_count_up, "count_up")
            return f"{count_up}({args[1]})"
        return super().source(node, args, bind)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        if is_discrete(self.dtype):
            return None, None, None
        return g.sum(), None, (g * cast(arange(dim(y, 0)), g.dtype)).sum()

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Arange("int64"), tuple(length_args(0, 5, 1)))
        yield Example(Arange("int32"), tuple(length_args(7, -2, -2)))
        yield Example(Arange("int64"), tuple(length_args(3, 3, 1)))
        yield Example(Arange("float32"), tuple(length_args(3, 7, 2)))
        floats = (
            Arg((), low=0.0, high=0.1),
            Arg((), low=2.0, high=2.1),
            Arg((), low=0.55, high=0.6),
        )
        yield Example(Arange("float64"), floats)  # always four numbers


def _large_arange(start: int, stop: int, step: int) -> Any:
    """`numpy.arange` of large ints; it counts in float64: one from 0 to 2**60 + 1 by 2**60."""
    wide, length = 2**64, _arange_length(start, stop, step)
    if length >= wide // 4:  # NumPy's arange(2**63) is empty
        raise ValueError("Maximum allowed size exceeded")
    numbers = np.arange(length).astype("uint64")
    numbers = numbers * np.uint64(step % wide) + np.uint64(start % wide)
    return numbers if max(start, stop) >= wide // 2 else numbers.astype("int64")


def _count_up(stop: Any) -> Any:
    """`numpy.arange`, which is empty from 2**63 - 512 on."""
    return np.arange(stop) if stop < 2**62 else _large_arange(0, int(stop), 1)


def _is_number(e: Expr, number: int) -> bool:
    return isinstance(e, Constant) and bool(e.value == number)


def _arange_length(start: Any, stop: Any, step: Any) -> int:
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return max(0, -((start - stop) // step))  # exact, and of any size
    steps = float((stop - start) / step)
    if isnan(steps) or isinf(steps):
        raise GraphValueError(f"arange: from {start} to {stop} in steps of {step} never ends.")
    if steps == 0 and start != stop:  # the quotient is too small for a float
        return 0 if copysign(1, steps) < 0 else 1
    if steps >= 2.0**62:  # NumPy's arange(2**63) is empty
        raise GraphValueError(f"arange: {steps:.3g} numbers are more than any memory holds.")
    return max(0, ceil(steps))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Return numbers in equal steps, the stop excluded.

    Parameters
    ----------
    start, stop, step : scalars
        Numbers or symbolic scalars. With one argument, ``arange(stop)`` counts from 0.
    dtype : str, optional
        By default int64 for integers, otherwise the common dtype of the arguments (Python floats
        are floatX).

    Returns
    -------
    vector
        Its length is known where all arguments are constants.

    >>> arange(3).eval(), arange(1.0, 2.0, 0.5).eval()
    (array([0, 1, 2]), array([1. , 1.5]))
    """
    if stop is None:
        start, stop = 0, start
    exprs = as_exprs((start, stop, step), "arange")
    for e in exprs:
        if e.ndim or is_complex(e.dtype):
            raise GraphTypeError(
                f"arange: start, stop and step must be real scalars, not {describe(e)}."
                f"\n{made_at(e)}"
            )
    common = common_dtype(exprs)
    if is_discrete(common):
        result = "uint64" if common.startswith("uint") else "int64"
    else:
        result = common
    inner = common if common == "uint64" else "int64" if is_discrete(common) else "float64"
    return Arange(result if dtype is None else check_dtype(dtype)).make(
        *[cast(e, inner) for e in exprs]
    )


class NotNegative(Op):
    """A count itself; an error where it is negative."""

    what: str

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def make(self, *inputs: Expr) -> Expr:
        known = static_length(inputs[0])
        if known is None:
            return super().make(*inputs)
        self._check(known)
        return inputs[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        self._check(int(arrays[0]))
        return arrays[0]

    def _check(self, count: int) -> None:
        if count < 0:
            raise GraphValueError(f"{self.what} is negative: {count}.")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(NotNegative("the count"), tuple(length_args(3)), differentiable=False)


def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None) -> Any:
    """Return `num` numbers at equal distances, the stop included unless `endpoint` is False.

    Raises
    ------
    GraphValueError
        If `num` is negative.

    >>> linspace(0.0, 1.0, 5).eval()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    start, stop = as_exprs((start, stop), "linspace")
    if start.ndim or stop.ndim:
        raise GraphTypeError("linspace: start and stop must be scalars.")
    count = as_length(num, "linspace")
    inner = common_dtype((start, stop))
    inner = config.floatX if is_discrete(inner) else inner
    start, stop = cast(start, inner), cast(stop, inner)
    if not isinstance(count.op, Dim):
        count = NotNegative("the number of samples").make(count)
    last = count - 1 if endpoint else count
    k = arange(count)
    values = start + cast(k, inner) * ((stop - start) / cast(maximum(last, 1), inner))
    if endpoint:
        values = switch(eq(k, maximum(last, 1)), stop, values)
    return values if dtype is None else cast(values, dtype)


def bartlett(M: Any) -> Any:
    """Return the Bartlett window, a triangle that is 0 at both ends; float64, as NumPy's.

    >>> bartlett(5).eval()
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    count = as_length(M, "bartlett")
    k = cast(arange(count), "float64")
    last = cast(maximum(count - 1, 1), k.dtype)
    rising = 2 * k / last
    triangle = switch(le(2 * k, last), rising, 2 - rising)
    return switch(eq(count, 1), 1, triangle)


# -- gridded -------------------------------------------------------------------------------------


def meshgrid(*vectors: Any, indexing: str = "xy", sparse: bool = False) -> list[Any]:
    """Return coordinates on a grid: one tensor per vector, all of one shape.

    Parameters
    ----------
    *vectors : array_like
        Vectors (a scalar is a vector of one).
    indexing : {'xy', 'ij'}
        With 'xy', the first two axes of the results are exchanged, as in pictures.
    sparse : bool
        Leave axes of length 1 where they would be repeated.

    >>> x, y = meshgrid([1, 2, 3], [10, 20])
    >>> y.eval()
    array([[10, 10, 10],
           [20, 20, 20]])
    """
    if indexing not in ("xy", "ij"):
        raise GraphValueError(f"meshgrid: indexing={repr_of(indexing)}; expected 'xy' or 'ij'.")
    exprs = [as_expr(v, "meshgrid") for v in vectors]
    for e in exprs:
        if e.ndim > 1:
            raise GraphTypeError(f"meshgrid takes vectors, not {describe(e)}.\n{made_at(e)}")
    order = list(range(len(exprs)))
    if indexing == "xy" and len(exprs) > 1:
        order[:2] = 1, 0
    open_grid = []
    for e, axis in zip(exprs, order, strict=True):
        pattern: list[Any] = ["x"] * len(exprs)
        pattern[axis] = 0
        open_grid.append(dimshuffle(e.flatten(), *pattern))
    return open_grid if sparse else broadcast_arrays(*open_grid)


class Grid:
    """What `mgrid` and `ogrid` are: they are indexed with slices, as NumPy's.

    A step such as ``5j`` means five numbers with both ends.
    """

    def __init__(self, name: str, sparse: bool) -> None:
        self.name = name
        self.sparse = sparse

    def __repr__(self) -> str:
        return f"symgrad.tensor.{self.name}"

    def __getitem__(self, index: Any) -> Any:
        slices = index if isinstance(index, tuple) else (index,)
        for s in slices:
            if not isinstance(s, slice) or s.stop is None:
                raise GraphTypeError(
                    f"{self.name} is indexed with slices that have a stop, such as "
                    f"{self.name}[0:3, 0:1:5j], not {repr_of(s)}."
                )
        vectors = [_range(s) for s in slices]
        if len(vectors) == 1 and not isinstance(index, tuple):
            return vectors[0]
        return meshgrid(*vectors, indexing="ij", sparse=self.sparse)


def _range(s: slice) -> Any:
    start = 0 if s.start is None else s.start
    step = 1 if s.step is None else s.step
    if isinstance(step, complex):
        return linspace(start, s.stop, int(abs(step)))
    return arange(start, s.stop, step)


mgrid = Grid("mgrid", sparse=False)
ogrid = Grid("ogrid", sparse=True)


# -- triangles and the unit matrix ---------------------------------------------------------------


class DiagonalOp(Op, register=False):
    """A matrix of two lengths and an offset: what it holds depends on a diagonal alone."""

    dtype: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, (None, None))

    def make(self, *inputs: Expr) -> Expr:
        return _matrix(self, inputs)


class Tri(DiagonalOp):
    """Ones on and below a diagonal, zeros above: a matrix of two lengths and an offset."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        n, m, k = (int(a) for a in arrays)
        return xp.tri(n, m, k, dtype=self.dtype)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Tri("float64"), tuple(length_args(3, 4, 0)))
        yield Example(Tri("bool"), tuple(length_args(3, 2, -1)))
        yield Example(Tri("int32"), tuple(length_args(0, 2, 1)))


class Eye(DiagonalOp):
    """Ones on a diagonal: a matrix of two lengths and an offset."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        n, m, k = (int(a) for a in arrays)
        return xp.eye(n, m, k, dtype=self.dtype)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Eye("float64"), tuple(length_args(3, 4, 1)))
        yield Example(Eye("int8"), tuple(length_args(3, 2, -1)))
        yield Example(Eye("bool"), tuple(length_args(2, 0, 0)))


def _matrix(op: DiagonalOp, inputs: Sequence[Expr]) -> Expr:
    shape = tuple(static_length(n) for n in inputs[:2])
    if any(n is not None and n < 0 for n in shape):
        raise GraphValueError(f"{op.name}: a length is negative in {shape}.")
    return Expr(op, tuple(inputs), tensor_type(op.dtype, shape))


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """Return a matrix with ones on a diagonal and zeros elsewhere.

    Parameters
    ----------
    n, m : int or symbolic integer scalars
        Rows and columns; `m` defaults to `n`.
    k : int or symbolic integer scalar
        Which diagonal: 0 is the main one, positive ones lie above it.
    dtype : str, optional
        By default floatX.

    >>> eye(2, 3, 1).eval()
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """
    return Eye(_dtype(dtype)).make(*_matrix_args(n, m, k, "eye"))


def identity(n: Any, dtype: Any = None) -> Any:
    """Return the unit matrix.

    >>> identity(2).eval()
    array([[1., 0.],
           [0., 1.]])
    """
    return eye(n, dtype=dtype)


def identity_like(x: Any, dtype: Any = None) -> Any:
    """Return a matrix of the shape and dtype of `x`, with ones on the main diagonal.

    >>> identity_like([[5.0, 6.0, 7.0]]).eval()
    array([[1., 0., 0.]])
    """
    x = as_expr(x, "identity_like")
    if x.ndim != 2:
        raise GraphTypeError(f"identity_like takes a matrix, not {describe(x)}.\n{made_at(x)}")
    made = eye(dim(x, 0), dim(x, 1), 0, x.dtype if dtype is None else dtype)
    return made if None in x.static_shape else written_from(made, [x])


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """Return a matrix with ones on and below a diagonal and zeros above it.

    Parameters
    ----------
    N, M : int or symbolic integer scalars
        Rows and columns; `M` defaults to `N`.
    k : int or symbolic integer scalar
        Which diagonal: 0 is the main one, positive ones lie above it.
    dtype : str, optional
        By default floatX.

    >>> tri(3).eval()
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """
    return Tri(_dtype(dtype)).make(*_matrix_args(N, M, k, "tri"))


def tril(m: Any, k: Any = 0) -> Any:
    """Return the lower triangle of a matrix (or of each of a stack), zeros above diagonal `k`.

    >>> tril([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([[1., 0.],
           [3., 4.]])
    """
    x = _stack_of_matrices(m, "tril")
    return switch(_triangle(x, _diagonal(k, "tril")), x, _zero(x))


def triu(m: Any, k: Any = 0) -> Any:
    """Return the upper triangle of a matrix (or of each of a stack), zeros below diagonal `k`.

    >>> triu([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([[1., 2.],
           [0., 4.]])
    """
    x = _stack_of_matrices(m, "triu")
    return switch(_triangle(x, _diagonal(k, "triu") - 1), _zero(x), x)


def _triangle(x: Any, k: Any) -> Any:
    return Tri("bool").make(dim(x, -2), dim(x, -1), k)


def _zero(x: Any) -> Any:
    return cast(as_expr(0), x.dtype)


def _stack_of_matrices(m: Any, what: str) -> Any:
    x = as_expr(m, what)
    if x.ndim < 2:
        raise GraphTypeError(f"{what} takes a matrix, not {describe(x)}.\n{made_at(x)}")
    return x


def _dtype(dtype: Any) -> str:
    return check_dtype(config.floatX if dtype is None else dtype)


def _matrix_args(n: Any, m: Any, k: Any, what: str) -> list[Any]:
    rows = as_length(n, what)
    columns = rows if m is None else as_length(m, what)
    return [rows, columns, length_constant(0) if k is None else _diagonal(k, what)]


def _diagonal(k: Any, what: str) -> Any:
    """The number of a diagonal; 1.0 is 1, as in Theano."""
    whole = isinstance(k, (float, np.floating)) and k.is_integer()
    given = as_expr(int(k) if whole else k, what)
    return as_length(as_int64(given) if given.dtype == "uint64" else given, what)
