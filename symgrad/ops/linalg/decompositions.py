"""Decompositions of matrices, and of stacks of them: SVD, QR, eigenvalues, Cholesky."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import GraphValueError, checks_keywords, repr_of
from symgrad.graph.types import TupleType, ValueType, tensor_type
from symgrad.ops.arithmetic.elementwise import cast, eq, minimum
from symgrad.ops.arrays.constructors import eye, tril, triu
from symgrad.ops.arrays.diagonals import diagonal
from symgrad.ops.arrays.joining import join
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.arrays.shaping import zeros_like
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
    undetermined,
)
from symgrad.ops.linalg.linalg import matmul, matrix_transpose
from symgrad.ops.linalg.nlinalg import Solve, as_matrix
from symgrad.ops.linalg.svd_slopes import path_of_svd, slope_of_svd
from symgrad.ops.op import Arg, Example, NullGrad, Op, Project, Spec, elements, projections

# -- singular values -------------------------------------------------------------------------


class SingularValues(Op):
    """The singular values of each matrix, the largest first."""

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        return tensor_type(x.dtype, (*x.shape[:-2], shorter(*x.shape[-2:])))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.linalg.svd(arrays[0], compute_uv=False)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        u, _, v = projections(SVD(False).make(inputs[0]))
        return (matmul(u * rows(g), v),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 4), (2, 3, 2), (1, 1)):
            yield Example(cls(), (Arg(shape),))


class SVD(Op):
    """The singular value decomposition of each matrix: u, s, v with x = u @ diag(s) @ v."""

    full_matrices: bool

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        *stack, n, m = x.shape
        k = shorter(n, m)
        u, v = ((n, n), (m, m)) if self.full_matrices else ((n, k), (k, m))
        return TupleType([tensor_type(x.dtype, (*stack, *part)) for part in (u, (k,), v)])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return tuple(xp.linalg.svd(arrays[0], full_matrices=self.full_matrices))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # Townsend, "Differentiating the singular value decomposition", 2016.
        (x,) = inputs
        n, m = x.static_shape[-2:]
        if not self.full_matrices or (n is not None and n == m):
            return (slope_of_svd(x, y, *g),)
        # What is added to u and v is only orthogonal to the rest.
        u, s, vt = projections(y)
        k = dim(s, -1)
        doubts = []
        if g[0] is not None:
            doubts.append(undetermined(u[..., k:], g[0][..., k:]))
        if g[2] is not None:
            added, g_added = vt[..., k:, :], g[2][..., k:, :]
            doubts.append(undetermined(matrix_transpose(added), matrix_transpose(g_added)))
        return (total([slope_of_svd(x, y, *g), *doubts]),)

    def path(self, node: Any) -> Any:
        """How the singular values move where they are equal; see `equal_values`."""
        return path_of_svd(node, [Project(1), SingularValues()])

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 4), (4, 2), (2, 2, 2)):
            yield Example(cls(False), (Arg(shape),))
        yield Example(cls(True), (Arg((2, 4)),), differentiable=False)


@checks_keywords(a="x")
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular value decomposition of a matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like
        Shape (..., n, m), with k the smaller of n and m.
    full_matrices : bool
        Give u and v as square matrices (n, n) and (m, m), instead of (n, k) and (k, m).
    compute_uv : bool
        Give u and v at all.

    Returns
    -------
    list or variable
        `[u, s, v]` with ``x = u @ diag(s) @ v``, or the singular values `s`.

    Notes
    -----
    Vectors of equal singular values, of zeros, and what `full_matrices` adds, are determined only
    as a space. The gradient is right where a cost depends on no more than that, as ``u @ v`` and
    ``u @ diag(s**3) @ v`` do, and NaN where it depends on more; see `eigh` for the rest.

    >>> svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False).eval()
    array([4., 3.])
    """
    x = as_matrix(x, "svd", square=False)
    if not compute_uv:
        return SingularValues().make(x)
    return projections(SVD(bool(full_matrices)).make(x))


# -- QR ----------------------------------------------------------------------------------------


class QR(Op):
    """The QR decomposition of each matrix; `complete` gives a square q."""

    complete: bool

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        *stack, n, m = x.shape
        k = n if self.complete else shorter(n, m)
        return TupleType(
            [tensor_type(x.dtype, (*stack, n, k)), tensor_type(x.dtype, (*stack, k, m))]
        )

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return tuple(xp.linalg.qr(arrays[0], mode="complete" if self.complete else "reduced"))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # Of a wide matrix, the first columns are a square one with the same q: r = [r1, q.T @ x2].
        # What `complete` adds to q is only orthogonal to the rest.
        (x,), (gq, gr) = inputs, g
        q, r = projections(y)
        n, m = x.static_shape[-2:]
        k: Any = shorter(n, m)
        k = minimum(dim(x, -2), dim(x, -1)) if k is None else k
        doubt = more = None
        left, r = q[..., :k], r[..., :k, :k]
        if gq is not None:
            gq, g_added = gq[..., :k], gq[..., k:]
            if self.complete:
                added = q[..., k:]
                gq = gq - matmul(added, matmul(matrix_transpose(g_added), left))
                doubt = undetermined(added, g_added)
        if n is None or m is None or n < m:
            more = zeros_like(x[..., k:])
        if gr is not None:
            if more is not None:
                g_more = gr[..., :k, k:]
                gq = total([gq, matmul(x[..., k:], matrix_transpose(g_more))])
                more = matmul(left, g_more)
            gr = gr[..., :k, :k]
        middle = total(
            [
                None if gr is None else matmul(r, matrix_transpose(gr)),
                None if gq is None else -matmul(matrix_transpose(gq), left),
            ]
        )
        both = tril(middle) + matrix_transpose(tril(middle, -1))
        right = total([gq, matmul(left, both)])
        found = matrix_transpose(Solve().make(r, matrix_transpose(right)))
        found = found if more is None else join(-1, found, more)
        return (found if doubt is None else found + doubt,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (4, 2), (2, 3, 2)):
            yield Example(cls(False), (Arg(shape, low=0.2),))
        yield Example(cls(True), (Arg((3, 2)),), differentiable=False)
        yield Example(cls(False), (Arg((2, 3), low=0.2),))
        yield Example(cls(True), (Arg((2, 3), low=0.2),))


@checks_keywords(a="x")
def qr(x: Any, mode: str = "reduced") -> Any:
    """QR decomposition of a matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like
        Shape (..., n, m), with k the smaller of n and m. The gradient needs k columns that are
        independent: all, or the first n.
    mode : {"reduced", "complete", "r"}
        `reduced`: q has shape (n, k); `complete`: (n, n); `r`: give r only. The columns that
        `complete` adds are determined only as a space: if a cost depends on more than that, its
        gradient is NaN.

    Returns
    -------
    list or variable
        `[q, r]`, or `r`.

    >>> q, r = qr([[3.0], [4.0]])
    >>> abs(r).eval()
    array([[5.]])
    """
    x = as_matrix(x, "qr", square=False)
    if mode not in ("reduced", "complete", "r"):
        raise GraphValueError(f"qr: mode={repr_of(mode)}; expected 'reduced', 'complete' or 'r'.")
    q, r = projections(QR(mode == "complete").make(x))
    return r if mode == "r" else [q, r]


# -- eigenvalues -------------------------------------------------------------------------------


def _of_triangle(full: Any, lower: bool) -> Any:
    """The gradient of a symmetric matrix for one of which one triangle is read."""
    if lower:
        return tril(full) + matrix_transpose(triu(full, 1))
    return triu(full) + matrix_transpose(tril(full, -1))


class Eigh(Op):
    """Eigenvalues, the smallest first, and eigenvectors of each symmetric matrix."""

    lower: bool

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        return TupleType([tensor_type(x.dtype, x.shape[:-1]), x])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return tuple(xp.linalg.eigh(arrays[0], UPLO="L" if self.lower else "U"))

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        uplo = "L" if self.lower else "U"
        return tuple(xp.linalg.eigh(arrays[0], UPLO=uplo, symmetrize_input=False))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        gw, gv = g
        w, v = projections(y)
        vt = matrix_transpose(v)
        inner = None if gw is None else matrices_of(gw)
        if gv is not None:
            speed = speed_of(w, True)
            (rate,) = rates([gv], y)
            size = length_of(w)
            noise = noise_of(gv, rate, size)
            turns = quotient(
                antisymmetric(matmul(vt, gv)),
                rows(w) - columns(w),
                None if rate is None else antisymmetric(matmul(vt, rate)),
                rows(speed) - columns(speed),
                noise=noise + matrix_transpose(noise),
                size=size,
                n=cast(dim(w, -1), w.dtype),
                unused=eq(eye(dim(w, -1)), 1),
            )
            inner = total([inner, 0.5 * turns])
        return (_of_triangle(product(v, inner, vt), self.lower),)

    def path(self, node: Any) -> Any:
        """How the eigenvalues move where they are equal; see `equal_values`."""
        w, v = projections(node)
        speed = speed_of(w, True)
        return [w.op], speed, lambda: matmul(v * rows(speed), matrix_transpose(v))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for lower, shape in ((True, (3, 3)), (False, (3, 3)), (True, (2, 2, 2)), (True, (1, 1))):
            yield Example(cls(lower), (Arg(shape),))


class Eig(Op):
    """Eigenvalues and eigenvectors of each square matrix, complex."""

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        dtype = "complex64" if x.dtype in ("float32", "complex64") else "complex128"
        return TupleType([tensor_type(dtype, x.shape[:-1]), tensor_type(dtype, x.shape)])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        dtype = "complex64" if arrays[0].dtype.name in ("float32", "complex64") else "complex128"
        return tuple(part.astype(dtype) for part in xp.linalg.eig(arrays[0]))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (NullGrad("eig has no gradient; for symmetric matrices use eigh, which has"),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(), (Arg((1, 1)),), differentiable=False)
        yield Example(cls(), (Arg((0, 0)),), differentiable=False)


def eigh(a: Any, UPLO: str = "L") -> list[Any]:
    """Eigenvalues and eigenvectors of a symmetric matrix, or of each of a stack.

    Parameters
    ----------
    a : array_like
        Shape (..., n, n); only one triangle is read.
    UPLO : {"L", "U"}
        Which triangle.

    Returns
    -------
    list
        The eigenvalues, the smallest first, and a matrix with the eigenvectors as columns.

    Notes
    -----
    Vectors of equal eigenvalues are determined only as a space. The gradient is right where a cost
    depends on no more than that, as every function of matrices ``(V * f(w)) @ V.T`` does; where a
    cost depends on which vectors of the space there are, it is NaN. NaN at equal values, too, are
    second derivatives of what depends on vectors and values, and gradients that come by such a
    pair a second time: of a decomposition of what was made of a decomposition.

    Values count as equal up to rounding. Where they are closer than the square root of the
    precision, gradients have about half of the digits.

    >>> eigh([[4.0, 0.0], [0.0, 3.0]])[0].eval()
    array([3., 4.])
    """
    if UPLO not in ("L", "U"):
        raise GraphValueError(f"eigh: UPLO={repr_of(UPLO)}; expected 'L' or 'U'.")
    return projections(Eigh(UPLO == "L").make(as_matrix(a, "eigh")))


def eig(a: Any) -> list[Any]:
    """Eigenvalues and eigenvectors of a square matrix, always complex; without a gradient.

    >>> eig([[0.0, -1.0], [1.0, 0.0]])[0].eval().imag.tolist()
    [1.0, -1.0]
    """
    return projections(Eig().make(as_matrix(a, "eig")))


# -- Cholesky ----------------------------------------------------------------------------------


class Cholesky(Op):
    """The lower triangle `l` with ``l @ l.T`` equal to each symmetric positive definite matrix."""

    nan_on_error: bool
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        try:
            return xp.linalg.cholesky(arrays[0])
        except np.linalg.LinAlgError:
            if self.nan_on_error:
                return np.tril(np.full(arrays[0].shape, np.nan, dtype=arrays[0].dtype))
            raise

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(out) * int(out.shape[-1]) // 3

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        return xp.linalg.cholesky(arrays[0], symmetrize_input=False)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # Murray, "Differentiation of the Cholesky decomposition", 2016, eq. 10.
        turned = matrix_transpose(y)
        middle = tril(matmul(turned, g))
        middle = middle - 0.5 * matrices_of(diagonal(middle, 0, g.ndim - 2, g.ndim - 1))
        left = Solve().make(turned, middle)
        full = matrix_transpose(Solve().make(turned, matrix_transpose(left)))
        return (_of_triangle(full, True),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(False), (Arg((1, 1), low=0.5),))
        yield Example(cls(False), (Arg((3, 1, 1), low=0.5),))
        known = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
        yield Example(cls(False), (Arg((3, 3), exact=known),))
        yield Example(cls(True), (Arg((2, 2), exact=-np.eye(2)),))


def cholesky(x: Any, lower: bool = True, on_error: str = "raise") -> Any:
    """Cholesky factor of a symmetric positive definite matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like
        Shape (..., n, n); only the triangle that is asked for is read.
    lower : bool
        Give `l` with ``x = l @ l.T``; otherwise `u` with ``x = u.T @ u``.
    on_error : {"raise", "nan"}
        What happens where a matrix is not positive definite.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]])
    """
    if on_error not in ("raise", "nan"):
        raise GraphValueError(f"cholesky: on_error={repr_of(on_error)}; expected 'raise' or 'nan'.")
    x = as_matrix(x, "cholesky")
    op = Cholesky(on_error == "nan")
    return op.make(x) if lower else matrix_transpose(op.make(matrix_transpose(x)))
