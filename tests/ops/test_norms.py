import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.types import TensorType

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
