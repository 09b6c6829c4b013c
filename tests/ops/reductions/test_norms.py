import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.types import TensorType

INF = np.inf


def run(f, value):
    x = TensorType(value.dtype.name, (None,) * value.ndim)("x")
    result = f(x)
    got = symgrad.function([x], result)(value)
    assert (got.dtype, got.ndim) == (result.dtype, result.ndim)
    return got


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, 0.5, INF, -INF, 2.5])
def test_norms_of_vectors_agree_with_numpy(ord, keepdims):
    x = np.array([[3.0, -4.0, 0.0], [1.0, 2.0, -2.0]])
    for axis in (0, 1, -1):
        got = run(lambda v, a=axis: T.norm(v, ord, a, keepdims), x)
        np.testing.assert_allclose(got, np.linalg.norm(x, ord, axis, keepdims))
        if ord is not None:
            np.testing.assert_allclose(run(lambda v, a=axis: v.norm(ord, a, keepdims), x), got)
    np.testing.assert_allclose(run(lambda v: T.norm(v, ord), x[0]), np.linalg.norm(x[0], ord))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, INF, -INF])
def test_norms_of_matrices_agree_with_numpy(ord, keepdims):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in ((0, 1), (1, 2), (-1, 0)):
        got = run(lambda v, a=axis: T.norm(v, ord, a, keepdims), x)
        np.testing.assert_allclose(got, np.linalg.norm(x, ord, axis, keepdims))
    got = run(lambda v: T.nlinalg.norm(v, ord), x[0])
    np.testing.assert_allclose(got, np.linalg.norm(x[0], ord))


def test_theanos_spelling_of_infinity():
    x = np.array([[1.0, -5.0], [2.0, 2.0]])
    assert run(lambda v: T.norm(v, "inf"), x) == 6
    assert run(lambda v: T.norm(v, "-inf"), x[0]) == 1


@pytest.mark.parametrize("dtype", ["int8", "int64", "bool"])
def test_norms_of_integers_are_floats(dtype):
    x = np.array([1, 0, 1]).astype(dtype)
    np.testing.assert_allclose(run(lambda v: v.norm(2), x), np.sqrt(2), rtol=1e-6)
    assert run(lambda v: v.norm(0), x) == 2


@pytest.mark.parametrize("ord", [2, 3, 2.5])
def test_gradient_at_zero_is_zero(ord):
    x = T.dmatrix("x")
    value = np.array([[0.0, 0.0], [3.0, 4.0]])
    got = symgrad.function([x], symgrad.grad(T.sum(x.norm(ord, 1)), x))(value)
    want = value[1] ** (ord - 1) / np.linalg.norm(value[1], ord) ** (ord - 1)
    np.testing.assert_allclose(got, [[0, 0], want])


LARGE = {"float64": [1e200, 1e-200, 1e300, 1e-300], "float32": [1e30, 1e-30, 1e36, 1e-35]}
ORDS = [None, 2, 3, 4, 2.5, 0.5, 1, INF, -INF, -1, -2.5, "symbolic 3", "symbolic -1"]


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("ord", ORDS, ids=str)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_norms_and_slopes_follow_the_size_of_the_vector(ord, axis, dtype):
    x = TensorType(dtype, (None, None))("x")
    value = np.random.default_rng(2).uniform(0.3, 1, (3, 40)).astype(dtype)
    value[:, ::3] *= -1
    order = T.scalar("p", dtype=dtype) if isinstance(ord, str) else ord
    given = [np.asarray(float(ord.split()[1]), dtype)] if isinstance(ord, str) else []
    length = x.norm(2 if order is None else order, axis)
    slope = T.grad(T.sum(length), x)
    f = symgrad.function([x, order][: 1 + len(given)], [length, slope])
    want, slopes = f(value, *given)
    rtol = 2e-5 if dtype == "float32" else 1e-12
    for size in LARGE[dtype]:
        scaled = size * value if ord != 0.5 or size < 1 else size / 1e4 * value
        got, same = f(scaled, *given)
        np.testing.assert_allclose(got / (scaled / value).flat[0], want, rtol=rtol)
        np.testing.assert_allclose(same, slopes, rtol=20 * rtol)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, INF, -INF])
@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_norms_of_large_and_small_matrices(ord, size):
    value = np.random.default_rng(2).normal(size=(3, 4))
    x = T.dmatrix("x")
    f = symgrad.function([x], [T.norm(x, ord), T.grad(T.norm(x, ord), x)])
    (want, slopes), (got, same) = f(value), f(value * size)
    np.testing.assert_allclose(got / size, want)
    np.testing.assert_allclose(same, slopes, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("ord", [2, 3])
def test_second_derivatives_of_norms_of_large_and_small_vectors(ord):
    x = T.dvector("x")
    weights = np.array([1.0, -2.0, 0.5])
    second = T.grad((T.grad(x.norm(ord), x) * weights).sum(), x)
    f = symgrad.function([x], second)
    value = np.array([1.0, 2.0, -3.0])
    for size in (1e200, 1e-200):
        np.testing.assert_allclose(f(value * size) * size, f(value))


@pytest.mark.parametrize("ord", [2, 3, 0.5, -1])
def test_norms_of_rows_that_differ_in_size(ord):
    x = np.array([[3.0, 4.0], [3e200, 4e200], [0.0, 0.0], [3e-200, 4e-200], [INF, 1.0]])
    x = np.concatenate([x, np.array([[np.nan, 1.0], [1.0, np.nan]])])
    for rows in (x, np.tile(x, (20, 1))):
        got = run(lambda v: v.norm(ord, 1), rows)
        first = np.linalg.norm(x[0], ord)
        last = INF if ord > 0 else 1
        want = [first, first * 1e200, 0, first * 1e-200, last, np.nan, np.nan]
        np.testing.assert_allclose(got, np.tile(want, len(rows) // 7))
    assert run(lambda v: v.norm(ord, 1), x[:0]).shape == (0,)


def test_norms_of_half_precision_do_not_overflow():
    assert run(lambda v: v.norm(2), np.array([3000, 4000], "float16")) == 5000


def test_the_norm_may_be_symbolic():
    x, p = T.dvector("x"), T.dscalar("p")
    got = symgrad.function([x, p], x.norm(p))(np.array([3.0, 4.0]), 2.0)
    np.testing.assert_allclose(got, 5)


def test_mistakes_are_explained():
    with pytest.raises(GraphTypeError, match="Say which axes"):
        T.norm(T.dtensor3("x"), 1)
    with pytest.raises(GraphValueError, match="is for matrices"):
        T.norm(T.dvector("x"), "fro")
    with pytest.raises(GraphValueError, match="ord=3 of a matrix"):
        T.norm(T.dmatrix("x"), 3)
    with pytest.raises(GraphValueError, match="twice"):
        T.norm(T.dmatrix("x"), 1, axis=(0, -2))
    with pytest.raises(GraphValueError, match="pair of ints"):
        T.norm(T.dtensor3("x"), 1, axis=(0, 1, 2))
