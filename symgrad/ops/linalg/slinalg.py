"""What Theano keeps in `slinalg`: solvers, the matrix exponential, generalised eigenvalues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.errors import (
    ExecutionError,
    GraphTypeError,
    GraphValueError,
    describe,
    made_at,
    repr_of,
)
from symgrad.graph.types import ValueType
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.constructors import eye, tril, triu
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.linalg.decompositions import Eigh, cholesky
from symgrad.ops.linalg.linalg import kron, matrix_transpose
from symgrad.ops.linalg.nlinalg import as_matrix, solve_columns
from symgrad.ops.op import Arg, Example, Op, common_dtype, constant, projections

_STRUCTURES = ("general", "symmetric", "lower_triangular", "upper_triangular")


def solve(A: Any, b: Any, A_structure: str = "general", lower: bool = False) -> Any:
    """Solution `x` of ``A @ x = b``.

    Parameters
    ----------
    A : array_like
        Shape (..., n, n).
    b : array_like
        Shape (n,), or (..., n, k) for k right-hand sides.
    A_structure : {"general", "symmetric", "lower_triangular", "upper_triangular"}
        Only the triangle is read of a triangular matrix.
    lower : bool
        Of a symmetric matrix, read the lower triangle instead of the upper one.

    Raises
    ------
    ShapeError
        If lengths do not fit.
    GraphValueError
        When the function runs on a singular matrix.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]).eval()
    array([0.5 , 0.25])
    """
    if A_structure not in _STRUCTURES:
        raise GraphValueError(
            f"solve: A_structure={repr_of(A_structure)}; expected one of {', '.join(_STRUCTURES)}."
        )
    A = as_matrix(A, "solve")
    if A_structure == "symmetric":
        half, rest = (tril(A), tril(A, -1)) if lower else (triu(A), triu(A, 1))
        A = half + matrix_transpose(rest)
    elif A_structure != "general":
        A = tril(A) if A_structure == "lower_triangular" else triu(A)
    return solve_columns(A, b, "solve")


def solve_symmetric(A: Any, b: Any) -> Any:
    """Solution `x` of ``A @ x = b`` for a symmetric matrix, of which the upper triangle is read.

    >>> solve_symmetric([[2.0, 0.0], [9.0, 4.0]], [1.0, 1.0]).eval()
    array([0.5 , 0.25])
    """
    return solve(A, b, "symmetric")


def solve_lower_triangular(A: Any, b: Any) -> Any:
    """Solution `x` of ``A @ x = b``; of `A` the lower triangle is read.

    >>> solve_lower_triangular([[2.0, 9.0], [0.0, 4.0]], [1.0, 1.0]).eval()
    array([0.5 , 0.25])
    """
    return solve(A, b, "lower_triangular")


def solve_upper_triangular(A: Any, b: Any) -> Any:
    """Solution `x` of ``A @ x = b``; of `A` the upper triangle is read.

    >>> solve_upper_triangular([[2.0, 0.0], [9.0, 4.0]], [1.0, 1.0]).eval()
    array([0.5 , 0.25])
    """
    return solve(A, b, "upper_triangular")


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Solution `x` of ``a @ x = b`` for a triangular matrix, as `scipy.linalg.solve_triangular`.

    Parameters
    ----------
    a : array_like
        Shape (..., n, n); one triangle is read.
    b : array_like
        Shape (n,), or (..., n, k).
    trans : {0, 1, "N", "T"}
        1 and "T" solve ``a.T @ x = b``.
    lower : bool
        Which triangle.
    unit_diagonal : bool
        Take the diagonal for ones, without reading it.

    >>> solve_triangular([[2.0, 9.0], [0.0, 4.0]], [1.0, 1.0], lower=True).eval()
    array([0.5 , 0.25])
    """
    if trans not in (0, 1, "N", "T"):
        raise GraphValueError(
            f"solve_triangular: trans={repr_of(trans)}; expected 0, 1, 'N' or 'T'."
        )
    a = as_matrix(a, "solve_triangular")
    if unit_diagonal:
        ones = eye(dim(a, -1), dtype=a.dtype)
        a = (tril(a, -1) if lower else triu(a, 1)) + ones
    else:
        a = tril(a) if lower else triu(a)
    return solve_columns(matrix_transpose(a) if trans in (1, "T") else a, b, "solve_triangular")


# -- functions of matrices -------------------------------------------------------------------


class Expm(Op):
    """The exponential of a square matrix."""

    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        try:
            from scipy.linalg import expm
        except ImportError:
            raise ExecutionError("expm needs SciPy: python -m pip install scipy") from None
        return np.asarray(expm(arrays[0]))

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        from jax.scipy.linalg import expm

        return expm(arrays[0])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # The exponential of [[a, g], [0, a]] has the derivative along g in its corner.
        (x,) = inputs
        corners = [np.eye(2), np.eye(2, k=1)]
        same, above = (constant(c.astype(x.dtype)) for c in corners)
        blocks = kron(same, x.T) + kron(above, g)
        n = dim(x, 0)
        return (Expm().make(blocks)[:n, n:],)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for n in (3, 1, 2):
            yield Example(cls(), (Arg((n, n)),))


def expm(a: Any) -> Any:
    """Exponential of a square matrix; needs SciPy.

    >>> expm([[0.0, 1.0], [0.0, 0.0]]).eval()
    array([[1., 1.],
           [0., 1.]])
    """
    a = as_matrix(a, "expm")
    if a.ndim != 2:
        raise GraphTypeError(f"expm takes a matrix, not {describe(a)}.\n{made_at(a)}")
    return Expm().make(a)


def Cholesky(
    lower: bool = True, destructive: bool = False, on_error: str = "raise"
) -> Callable[[Any], Any]:
    """Theano's `Cholesky`: a function of a matrix, `cholesky` with these settings.

    Parameters
    ----------
    lower, on_error
        As for `cholesky`.
    destructive : bool
        Theano's argument, without effect.

    >>> Cholesky(lower=False)([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 1.],
           [0., 2.]])
    """
    return partial(cholesky, lower=lower, on_error=on_error)


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Any:
    """Eigenvalues of a symmetric matrix, the smallest first; with `b`, generalised ones.

    Parameters
    ----------
    a : array_like
        Shape (..., n, n); only one triangle is read.
    b : array_like, optional
        Symmetric and positive definite: the values `w` solve ``a @ v = w * b @ v``.
    lower : bool
        Which triangle is read.

    >>> eigvalsh([[4.0, 0.0], [0.0, 3.0]]).eval()
    array([3., 4.])
    """
    a = as_matrix(a, "eigvalsh")
    if b is None:
        return projections(Eigh(bool(lower)).make(a))[0]
    b = as_matrix(b, "eigvalsh")
    dtype = common_dtype((a, b))
    a, b = cast(a, dtype), cast(b, dtype)
    half, rest = (tril(a), tril(a, -1)) if lower else (triu(a), triu(a, 1))
    a = half + matrix_transpose(rest)
    factor = cholesky(b) if lower else matrix_transpose(cholesky(b, lower=False))
    halfway = matrix_transpose(solve_columns(factor, a, "eigvalsh"))
    return projections(Eigh(True).make(solve_columns(factor, halfway, "eigvalsh")))[0]
