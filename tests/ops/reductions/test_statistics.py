import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError
from symgrad.graph.types import TensorType


def run(f, value, *args, **kwargs):
    x = TensorType(value.dtype.name, (None,) * value.ndim)("x")
    result = f(x, *args, **kwargs)
    got = symgrad.function([x], result)(value)
    assert (got.dtype, got.ndim) == (result.dtype, result.ndim)
    return got


@given(
    hnp.arrays("int8", hnp.array_shapes(max_dims=3, max_side=4), elements=st.integers(-9, 9)),
    st.sampled_from(["int8", "bool", "float32", "float64"]),
    st.integers(0, 2),
    st.booleans(),
    st.data(),
)
@settings(max_examples=50)
def test_spread_agrees_with_numpy(values, dtype, ddof, keepdims, data):
    x = values.astype(dtype)
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of too few elements
        for f, reference in ((T.var, np.var), (T.std, np.std)):
            want = reference(x, axis=axis, ddof=ddof, keepdims=keepdims)
            got = run(f, x, axis, ddof, keepdims)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
            corrected = run(f, x, axis, ddof, keepdims, corrected=True)
            np.testing.assert_allclose(corrected, want, rtol=1e-5, atol=1e-5)
    if dtype != "bool":
        np.testing.assert_array_equal(run(T.ptp, x, axis), np.ptp(x, axis))


def test_correction_removes_what_the_mean_lost():
    x = (np.random.default_rng(0).normal(size=1000) * 1e-3 + 1e4).astype("float32")
    want = np.var(x.astype("float64"))
    plain, better = run(T.var, x), run(T.var, x, corrected=True)
    assert abs(better - want) <= abs(plain - want)
    np.testing.assert_allclose(better, want, rtol=1e-4)


def test_float16_is_computed_in_float32():
    x = np.array([300.0, -300.0, 300.0, -300.0], "float16")
    np.testing.assert_allclose(run(T.std, x), 300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_std_is_finite_where_all_are_equal(dtype):
    x = TensorType(dtype, (None, None))("x")
    value = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], dtype)
    cost = T.sum(T.std(x, axis=1))
    got = symgrad.function([x], symgrad.grad(cost, x))(value)
    deviation = value[1].std() * 3
    np.testing.assert_allclose(got, [[0, 0, 0], [-1 / deviation, 0, 1 / deviation]], rtol=1e-6)


@pytest.mark.parametrize("f", [T.var, T.std])
def test_gradient_of_one_element_is_zero(f):
    x = T.dvector("x")
    assert symgrad.function([x], symgrad.grad(f(x), x))(np.array([3.0])).tolist() == [0.0]


def test_mistakes_are_explained():
    with pytest.raises(GraphTypeError, match="complex"):
        T.var(T.zvector("z"))
    with pytest.raises(GraphTypeError, match="booleans"):
        T.ptp(TensorType("bool", (None,))("b"))
    with pytest.raises(GraphTypeError, match="ddof"):
        T.var(T.dvector("x"), ddof=0.5)


@pytest.mark.parametrize("settings", [{}, {"rowvar": False}, {"bias": True}, {"ddof": 0}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_covariances_are_numpys(dtype, settings):
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-3, 4, (4, 4)).astype(dtype) for _ in range(2))
    x, y = TensorType(dtype, (None, None))("x"), TensorType(dtype, (None, None))("y")
    one, two = symgrad.function([x, y], [T.cov(x, **settings), T.cov(x, y, **settings)])(a, b)
    assert one.dtype == "float64"
    np.testing.assert_allclose(one, np.cov(a.astype(float), **settings), atol=1e-12)
    both = np.cov(a.astype(float), b.astype(float), **settings)
    np.testing.assert_allclose(two, both, atol=1e-12)


def test_covariances_of_vectors_and_what_is_refused():
    v = T.dvector("v")
    np.testing.assert_allclose(T.cov(v).eval({v: [1.0, 2.0, 4.0]}), np.cov([1.0, 2.0, 4.0]))
    assert T.cov(v).ndim == 0
    symgrad.gradient.verify_grad(lambda m: T.cov(m), [np.random.default_rng(0).normal(size=(2, 5))])
    for wrong in ({"fweights": [1]}, {"aweights": [1]}):
        with pytest.raises(GraphTypeError, match="weights are not supported"):
            T.cov(v, **wrong)
    with pytest.raises(GraphTypeError, match="cov takes real"):
        T.cov(T.dtensor3("t"))
