import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.types import TensorType
from symgrad.ops.reductions.cumulative import CumProd, Recurrence, Shift


def run(f, value, *args, **kwargs):
    x = TensorType(value.dtype.name, (None,) * value.ndim)("x")
    result = f(x, *args, **kwargs)
    got = symgrad.function([x], result)(value)
    assert (got.dtype, got.ndim) == (result.dtype, result.ndim)
    return got


@given(
    hnp.arrays(
        "int8", hnp.array_shapes(max_dims=3, min_side=0, max_side=5), elements=st.integers(-2, 2)
    ),
    st.sampled_from(["bool", "int8", "uint16", "int64", "float32", "float64"]),
    st.data(),
)
@settings(max_examples=50)
def test_running_sums_and_products_agree_with_numpy(values, dtype, data):
    x = np.abs(values).astype(dtype) if dtype[0] in "ub" else values.astype(dtype)
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    for f, reference in ((T.cumsum, np.cumsum), (T.cumprod, np.cumprod)):
        want = reference(x, axis=axis)
        got = run(f, x, axis=axis)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@given(hnp.arrays("int16", hnp.array_shapes(max_dims=3, max_side=5)), st.integers(0, 3), st.data())
@settings(max_examples=40)
def test_differences_agree_with_numpy(x, n, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run(T.diff, x, n, axis), np.diff(x, n, axis))
    np.testing.assert_array_equal(run(T.diff, x > 0, n, axis), np.diff(x > 0, n, axis))


def test_of_scalars():
    assert run(T.cumsum, np.array(3.0)).tolist() == [3.0]
    assert run(T.cumprod, np.array(3.0)).tolist() == [3.0]


def test_float32_sums_keep_their_digits():
    x = np.full(1 << 18, 0.1, "float32")
    got = run(T.cumsum, x)
    np.testing.assert_allclose(got, np.float64(x[0]) * np.arange(1, x.size + 1), rtol=1e-7)


@pytest.mark.parametrize("zeros", [(), (0,), (2,), (1, 3), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_gradient_of_products_is_right_with_zeros(zeros, reverse, exclusive):
    x = np.array([2.0, 3.0, -1.5, 0.5, 1.1])
    x[list(zeros)] = 0
    weights = np.array([1.0, -2.0, 0.7, 3.0, 0.4])
    n = len(x)
    want = np.zeros(n)
    for k in range(n):
        used = range(k + (not exclusive)) if not reverse else range(k + exclusive, n)
        for j in used:
            want[j] += weights[k] * np.prod([x[i] for i in used if i != j])
    v = T.dvector("v")
    cost = T.sum(CumProd(0, reverse, exclusive).make(v) * weights)
    np.testing.assert_allclose(symgrad.function([v], symgrad.grad(cost, v))(x), want, rtol=1e-12)


def test_gradient_of_a_running_sum():
    v = T.dmatrix("v")
    weights = np.arange(6.0).reshape(2, 3)
    got = symgrad.function([v], symgrad.grad(T.sum(T.cumsum(v, 1) * weights), v))(weights)
    np.testing.assert_array_equal(got, weights[:, ::-1].cumsum(1)[:, ::-1])


@given(
    hnp.arrays(
        "float64", st.tuples(st.integers(0, 9), st.integers(1, 3)), elements=st.floats(-2, 2)
    ),
    st.booleans(),
)
@settings(max_examples=30)
def test_recurrence_is_a_loop(a, reverse):
    b = np.cos(np.arange(a.size)).reshape(a.shape)
    want = np.zeros_like(b)
    before = np.zeros(a.shape[1])
    for k in reversed(range(len(a))) if reverse else range(len(a)):
        before = want[k] = a[k] * before + b[k]
    np.testing.assert_allclose(Recurrence(0, reverse).impl(np, a, b), want, rtol=1e-9, atol=1e-9)


def test_shift_fills_with_zeros():
    x = np.arange(1.0, 5)
    assert Shift(0, 1).impl(np, x).tolist() == [0, 1, 2, 3]
    assert Shift(0, -2).impl(np, x).tolist() == [3, 4, 0, 0]
    assert Shift(0, 9).impl(np, x).tolist() == [0, 0, 0, 0]


def test_mistakes_are_explained():
    x = T.dvector("x")
    with pytest.raises(GraphValueError, match="axis 1 does not exist"):
        T.cumsum(x, axis=1)
    with pytest.raises(GraphValueError, match="n must not be negative"):
        T.diff(x, n=-1)
    with pytest.raises(GraphTypeError, match="at least one axis"):
        T.diff(T.dscalar("s"))
