"""Linear algebra on matrices, and on stacks of them: inverses, determinants, solutions.

Every operation works on the last two axes and leaves those before them alone, as `numpy.linalg`
does. Decompositions are in `decompositions`, what Theano keeps in `slinalg` is in `slinalg`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    ShapeError,
    checks_keywords,
    describe,
    made_at,
)
from symgrad.graph.types import TupleType, ValueType, broadcast_shapes, is_discrete, tensor_type
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.constructors import eye
from symgrad.ops.arrays.diagonals import diagonal
from symgrad.ops.arrays.lengths import check_axis, check_int, dim, product_of_lengths
from symgrad.ops.arrays.shaping import broadcast_like, dimshuffle, reshape, sum_like
from symgrad.ops.linalg.linalg import dot, matmul, matrix_transpose
from symgrad.ops.op import (
    Arg,
    Example,
    NullGrad,
    Op,
    Spec,
    as_expr,
    as_exprs,
    common_dtype,
    elements,
    projections,
)
from symgrad.ops.reductions.reduction import sum

# -- arguments -------------------------------------------------------------------------------


def as_matrix(x: Any, what: str, square: bool = True) -> Any:
    """The argument as a matrix or a stack of matrices in a dtype that LAPACK knows.

    Integers become float64, float16 becomes float32.
    """
    x = as_expr(x, what)
    if x.ndim < 2:
        raise GraphTypeError(
            f"{what} takes a matrix or a stack of matrices, not {describe(x)}.\n{made_at(x)}"
        )
    n, m = x.static_shape[-2:]
    if square and n is not None and m is not None and n != m:
        raise ShapeError(
            f"{what} takes a square matrix, but {describe(x)} is {n} by {m}.\n{made_at(x)}"
        )
    return cast(x, lapack_dtype(x.dtype))


def lapack_dtype(dtype: str) -> str:
    """The dtype in which LAPACK computes.

    >>> lapack_dtype("int8"), lapack_dtype("float16")
    ('float64', 'float32')
    """
    return "float64" if is_discrete(dtype) else "float32" if dtype == "float16" else dtype


def as_column(x: Any) -> Any:
    """A scalar of each matrix of a stack, with two axes of length 1 to its right."""
    return dimshuffle(x, *range(x.ndim), "x", "x")


def _square(x: ValueType) -> int | None:
    return x.shape[-1] if x.shape[-2] is None else x.shape[-2]


# -- inverses ------------------------------------------------------------------------------------


class MatrixInverse(Op):
    """The inverse of each matrix."""

    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.linalg.inv(arrays[0])

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 2 * elements(out) * int(out.shape[-1])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        turned = matrix_transpose(y)
        return (-matmul(matmul(turned, g), turned),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 2, 2), (1, 1)):
            yield Example(cls(), (Arg(shape, low=1.0),))
        yield Example(cls(), (Arg((0, 0)),))


class MatrixPinv(Op):
    """The Moore-Penrose pseudo-inverse of each matrix."""

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        return tensor_type(x.dtype, (*x.shape[:-2], x.shape[-1], x.shape[-2]))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.array(xp.linalg.pinv(arrays[0]))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # Golub and Pereyra, 1973: right wherever the rank does not change.
        (x,) = inputs
        back, turned = matrix_transpose(g), matrix_transpose(y)
        outside = back - matmul(x, matmul(y, back))
        inside = back - matmul(matmul(back, y), x)
        return (
            matmul(outside, matmul(y, turned))
            + matmul(matmul(turned, y), inside)
            - matmul(turned, matmul(g, turned)),
        )

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 2), (2, 4), (2, 3, 3)):
            yield Example(cls(), (Arg(shape),))


def matrix_inverse(x: Any) -> Any:
    """Inverse of a matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like
        Shape (..., n, n); integers are computed in float64.

    Raises
    ------
    ShapeError
        If a matrix is not square.
    GraphValueError
        When the function runs on a singular matrix.

    >>> matrix_inverse([[2.0, 0.0], [0.0, 4.0]]).eval()
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return MatrixInverse().make(as_matrix(x, "matrix_inverse"))


def pinv(x: Any) -> Any:
    """Moore-Penrose pseudo-inverse of a matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like
        Shape (..., n, m); the result has shape (..., m, n).

    >>> pinv([[2.0, 0.0]]).eval()
    array([[0.5],
           [0. ]])
    """
    return MatrixPinv().make(as_matrix(x, "pinv", square=False))


# -- systems of equations --------------------------------------------------------------------


class Solve(Op):
    """The solution `x` of ``a @ x = b`` for each matrix `a` and the columns of `b`."""

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        n, m = _square(a), b.shape[-2]
        if n is not None and m is not None and n != m:
            raise ShapeError(f"solve: {n} equations cannot have {m} right-hand sides.")
        stack = broadcast_shapes([a.shape[:-2], b.shape[:-2]], "solve")
        return tensor_type(a.dtype, (*stack, m if n is None else n, b.shape[-1]))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        a, b = arrays
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"shape mismatch: a is {a.shape} and b is {b.shape}")
        if b.ndim < a.ndim:  # NumPy 1 would read it as vectors
            b = b.reshape((1,) * (a.ndim - b.ndim) + b.shape)
        return xp.linalg.solve(a, b)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        n = int(out.shape[-2])  # the factors of a, then two triangles a column
        return 2 * elements(inputs[0]) * n // 3 + 2 * elements(out) * n

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, b = inputs
        gb = self.make(matrix_transpose(a), g)
        return sum_like(-matmul(gb, matrix_transpose(y)), a), sum_like(gb, b)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for a, b in (((3, 3), (3, 2)), ((2, 2, 2), (2, 1)), ((1, 1), (4, 1, 3))):
            yield Example(cls(), (Arg(a, low=1.0), Arg(b)))


def solve_columns(a: Any, b: Any, what: str) -> Any:
    """Solve for a vector, or for the columns of a matrix."""
    a = as_matrix(a, what)
    b = as_expr(b, what)
    if b.ndim == 0:
        raise GraphTypeError(f"{what}: b must be a vector or a matrix, not {describe(b)}.")
    dtype = common_dtype((a, cast(b, lapack_dtype(b.dtype))))
    a, b = cast(a, dtype), cast(b, dtype)
    try:
        if b.ndim > 1:
            return Solve().make(a, b)
        solved = Solve().make(a, dimshuffle(b, 0, "x"))
    except ShapeError as error:
        raise ShapeError(error.message, nodes=[a, b]) from None
    return solved[..., 0]


def tensorinv(a: Any, ind: int = 2) -> Any:
    """Inverse of a tensor with respect to `tensordot`.

    Parameters
    ----------
    a : array_like
        The product of its first `ind` lengths equals that of the others.
    ind : int
        How many axes count as rows.

    >>> tensorinv([[[2.0, 0.0]], [[0.0, 4.0]]], 1).eval()
    array([[[0.5 , 0.  ],
            [0.  , 0.25]]])
    """
    a, ind = as_expr(a, "tensorinv"), check_int(ind, "tensorinv: ind")
    if not 0 < ind < a.ndim:
        raise GraphValueError(f"tensorinv: ind={ind} must lie between 1 and {a.ndim - 1}.")
    above, below = list(range(ind)), list(range(ind, a.ndim))
    flat = reshape(a, [product_of_lengths(a, above), product_of_lengths(a, below)])
    return reshape(matrix_inverse(flat), [dim(a, k) for k in below + above])


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solution `x` of ``tensordot(a, x, x.ndim) = b``.

    Parameters
    ----------
    a : array_like
        Shape `b.shape + x.shape`.
    b : array_like
        Any shape.
    axes : sequence of int, optional
        Axes of `a` that are moved to the end first.

    >>> tensorsolve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]).eval()
    array([0.5 , 0.25])
    """
    a, b = as_exprs((a, b), "tensorsolve")
    if axes is not None:
        last = [check_axis(a, k, "tensorsolve") for k in axes]
        a = dimshuffle(a, *(k for k in range(a.ndim) if k not in last), *last)
    if a.ndim < b.ndim:
        raise GraphTypeError(f"tensorsolve: {describe(a)} has fewer axes than {describe(b)}.")
    rest = list(range(b.ndim, a.ndim))
    flat = reshape(a, [product_of_lengths(b, range(b.ndim)), product_of_lengths(a, rest)])
    return reshape(solve_columns(flat, b.flatten(), "tensorsolve"), [dim(a, k) for k in rest])


class Lstsq(Op):
    """Least squares of ``a @ x = b``: x, residuals, rank, singular values."""

    rcond: float
    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        return TupleType(
            [
                tensor_type(a.dtype, (a.shape[1], *b.shape[1:])),
                tensor_type(a.dtype, (None,)),
                tensor_type("int64", ()),
                tensor_type(a.dtype, (None,)),
            ]
        )

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, residuals, rank, s = xp.linalg.lstsq(*arrays, rcond=self.rcond)
        return x, residuals, xp.asarray(rank, dtype="int64"), s

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        reason = "lstsq has no gradient; use dot(pinv(a), b), which has"
        return NullGrad(reason), NullGrad(reason)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(1e-10), (Arg((4, 2)), Arg((4, 3))), differentiable=False)
        yield Example(cls(1e-10), (Arg((4, 2)), Arg((4,))), differentiable=False)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> list[Any]:
    """Least-squares solution of ``a @ x = b``: x, residuals, rank and singular values.

    Parameters
    ----------
    a : matrix
    b : vector or matrix
    rcond : float, optional
        Singular values below this share of the largest count as zero; by default float64's
        precision times a thousand.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0])[0].eval()
    array([2.])
    """
    a = as_matrix(a, "lstsq", square=False)
    b = as_expr(b, "lstsq")
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise GraphTypeError(f"lstsq takes a matrix and a vector or matrix, not {describe(b)}.")
    dtype = common_dtype((a, cast(b, lapack_dtype(b.dtype))))
    return projections(Lstsq(rcond or 2.2e-13).make(cast(a, dtype), cast(b, dtype)))


# -- built from other operations -------------------------------------------------------------


@checks_keywords(X="x")
def trace(x: Any) -> Any:
    """Sum of the diagonal of a matrix, or of each of a stack.

    >>> trace([[1.0, 2.0], [3.0, 4.0]]).eval()
    array(5.)
    """
    x = as_expr(x, "trace")
    if x.ndim < 2:
        raise GraphTypeError(f"trace takes a matrix, not {describe(x)}.\n{made_at(x)}")
    return sum(diagonal(x, 0, x.ndim - 2, x.ndim - 1), -1)


def matrix_dot(*args: Any) -> Any:
    """Product of several matrices, from the left.

    >>> matrix_dot([[1.0, 2.0]], [[1.0], [1.0]], [[2.0]]).eval()
    array([[6.]])
    """
    if not args:
        raise GraphTypeError("matrix_dot needs at least one matrix.")
    result = as_expr(args[0], "matrix_dot")
    for factor in args[1:]:
        result = dot(result, factor)
    return result


def matrix_power(M: Any, n: int) -> Any:
    """A square matrix (or each of a stack) to an integer power, negative ones included.

    >>> matrix_power([[1.0, 1.0], [0.0, 1.0]], 5).eval()
    array([[1., 5.],
           [0., 1.]])
    """
    n = check_int(n, "matrix_power: n")
    if n < 0:
        return matrix_power(matrix_inverse(M), -n)
    x = as_expr(M, "matrix_power")
    as_matrix(x, "matrix_power")
    if n == 0:
        return broadcast_like(eye(dim(x, -1), dtype=x.dtype), x)
    result = None
    while True:
        if n % 2:
            result = x if result is None else matmul(result, x)
        n //= 2
        if not n:
            return result
        x = matmul(x, x)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """Product of a list of matrices, as `numpy.linalg.multi_dot`.

    >>> multi_dot([[[1.0, 2.0]], [[1.0], [1.0]]]).eval()
    array([[3.]])
    """
    return matrix_dot(*arrays)


hooks.table["trace"] = trace
