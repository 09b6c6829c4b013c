import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType

DTYPES = ["bool", "int8", "int32", "int64", "uint8", "uint32", "float16", "float32", "float64"]
FLOATS = ["float16", "float32", "float64"]


def compute(result, inputs, *values):
    return symgrad.function(inputs, result, on_unused_input="ignore")(*values)


def placeholder(value, known=False):
    shape = value.shape if known else (None,) * value.ndim
    return TensorType(value.dtype.name, shape)("x")


def run(f, value, *args, known=False, **kwargs):
    x = placeholder(value, known)
    result = f(x, *args, **kwargs)
    got = compute(result, [x], value)
    assert got.dtype == result.dtype
    assert got.ndim == result.ndim
    return got


@st.composite
def arrays_and_axes(draw, dtypes=tuple(DTYPES), min_side=0):
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=min_side, max_side=4))
    low, high = (0, 3) if dtype == "bool" or dtype[0] == "u" else (-3, 3)
    values = draw(hnp.arrays("int8", shape, elements=st.integers(low, high)))
    x = values.astype(dtype)
    if draw(st.booleans()) and x.ndim > 1:
        x = np.asfortranarray(x)
    ndim = len(shape)
    axis = draw(
        st.one_of(
            st.none(),
            st.lists(st.integers(0, ndim - 1), unique=True).map(tuple) if ndim else st.just(()),
            st.integers(-ndim, ndim - 1) if ndim else st.none(),
        )
    )
    if isinstance(axis, tuple) and draw(st.booleans()):
        axis = tuple(a - ndim for a in axis)
    return x, axis, draw(st.booleans())


@given(arrays_and_axes(), st.booleans())
@settings(max_examples=60)
def test_sum_and_prod_agree_with_numpy(case, known):
    x, axis, keepdims = case
    for f, reference in ((T.sum, np.sum), (T.prod, np.prod)):
        want = reference(x, axis=axis, keepdims=keepdims)
        got = run(f, x, axis=axis, keepdims=keepdims, known=known)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=5e-3 if x.dtype == "float16" else 1e-6)


@given(arrays_and_axes(min_side=1))
@settings(max_examples=60)
def test_extremes_means_and_truths_agree_with_numpy(case):
    x, axis, keepdims = case
    for f, reference in ((T.max, np.max), (T.min, np.min), (T.any, np.any), (T.all, np.all)):
        got = run(f, x, axis=axis, keepdims=keepdims)
        want = reference(x, axis=axis, keepdims=keepdims)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    got, want = run(T.mean, x, axis=axis, keepdims=keepdims), np.mean(x, axis, keepdims=keepdims)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=2e-3 if x.dtype == "float16" else 1e-6, atol=1e-3)


@given(arrays_and_axes(min_side=1))
@settings(max_examples=40)
def test_argmax_and_argmin_agree_with_numpy(case):
    x, axis, keepdims = case
    for f, reference in ((T.argmax, np.argmax), (T.argmin, np.argmin)):
        got = run(f, x, axis=axis, keepdims=keepdims)
        assert got.dtype == "int64"
        if isinstance(axis, tuple):  # as if these axes were flattened
            order = sorted(a % x.ndim for a in axis)
            kept = [a for a in range(x.ndim) if a not in order]
            shape = [x.shape[a] for a in kept]
            count = int(np.prod([x.shape[a] for a in order]))
            want = reference(x.transpose(*kept, *order).reshape(*shape, count), axis=-1)
            np.testing.assert_array_equal(got.reshape(want.shape), want)
        else:
            np.testing.assert_array_equal(got, reference(x, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("axis", [[0], [0, 2], [-1, 0], np.int64(1), ()])
def test_axes_may_be_lists_and_numpy_integers(axis):
    x = np.arange(24.0).reshape(2, 3, 4)
    want = np.sum(x, axis=tuple(axis) if isinstance(axis, list) else axis)
    np.testing.assert_array_equal(run(T.sum, x, axis), want)


def test_methods_take_the_same_arguments():
    v = np.arange(1.0, 13).reshape(3, 4)
    x = T.dmatrix("x")
    pairs = [
        (x.sum(0, "float32", True, "float64"), v.sum(0, dtype="float32", keepdims=True)),
        (x.prod(axis=1, keepdims=True), v.prod(1, keepdims=True)),
        (x.mean(-1), v.mean(-1)),
        (x.max(0, True), v.max(0, keepdims=True)),
        (x.min(), v.min()),
        (x.argmax(), v.argmax()),
        (x.argmin(1, keepdims=True), v.argmin(1, keepdims=True)),
        (x.all(0), v.all(0)),
        (x.any(), v.any()),
        (x.var(0, 1, True), v.var(0, ddof=1, keepdims=True)),
        (x.std(), v.std()),
        (x.ptp(1), np.ptp(v, 1)),
        (x.norm(2), np.linalg.norm(v)),
        (x.trace(), v.trace()),
        (x.cumsum(0), v.cumsum(0)),
        (x.cumprod(), v.cumprod()),
        (x.dot(x.T), v.dot(v.T)),
    ]
    got = symgrad.function([x], [p[0] for p in pairs])(v)
    for have, (_, want) in zip(got, pairs, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-6)


# -- dtypes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_of_results(dtype):
    x = TensorType(dtype, (None,))("x")
    total = np.sum(np.zeros(2, dtype)).dtype.name
    assert T.sum(x).dtype == total
    assert T.prod(x).dtype == total
    assert T.mean(x).dtype == (dtype if dtype in FLOATS else "float64")
    assert T.var(x).dtype == (dtype if dtype in FLOATS else "float64")
    assert T.max(x).dtype == dtype
    assert T.sum(x, dtype="float32").dtype == "float32"
    assert T.mean(x, dtype="float32").dtype == "float32"
    assert T.sum(x, dtype="int8").dtype == "int8"


def test_acc_dtype_is_where_the_sum_is_made():
    x = np.array([1e8, 1.0, -1e8], dtype="float32")
    assert run(T.sum, x, acc_dtype="float64") == 1.0
    assert run(T.sum, x, acc_dtype="float64").dtype == "float32"
    np.testing.assert_allclose(run(T.mean, x, acc_dtype="float64"), 1 / 3, rtol=1e-6)


def test_mean_of_float16_does_not_overflow():
    x = np.full(100, 60000, dtype="float16")
    assert run(T.mean, x) == np.float16(60000)


def test_sum_of_small_integers_does_not_wrap():
    assert run(T.sum, np.full(10, 100, "int8")) == 1000
    assert run(T.prod, np.full(10, 10, "int32")) == 10**10


# -- edges -------------------------------------------------------------------------------------


def test_nan_wins():
    x = np.array([[1.0, np.nan], [3.0, 2.0]])
    for f in (T.max, T.min):
        np.testing.assert_array_equal(run(f, x, axis=1), [np.nan, f([3.0, 2.0]).eval()])
    assert run(T.argmax, x) == 1
    assert run(T.any, np.array([np.nan]))


def test_of_nothing():
    empty = np.zeros((0, 3))
    np.testing.assert_array_equal(run(T.sum, empty, axis=0), [0, 0, 0])
    np.testing.assert_array_equal(run(T.prod, empty, axis=0), [1, 1, 1])
    assert np.isnan(run(T.mean, empty))
    assert run(T.max, empty, axis=1).shape == (0,)
    assert run(T.all, empty)
    assert not run(T.any, empty)


@pytest.mark.parametrize("f", [T.max, T.min, T.argmax, T.argmin])
def test_extreme_of_nothing_says_so(f):
    x = T.dmatrix("x")
    g = symgrad.function([x], f(x, axis=0))
    with pytest.raises(ShapeError, match=r"(?s)\(0, 3\)\) has no elements along axis.*made at"):
        g(np.zeros((0, 3)))
    with pytest.raises(ShapeError, match="no elements"):
        f(TensorType("float64", (0, 3))("x"), axis=0)


@pytest.mark.parametrize(
    ("axis", "error", "message"),
    [
        (2, GraphValueError, "axis 2 does not exist"),
        (-3, GraphValueError, "axis -3 does not exist"),
        ((0, -2), GraphValueError, "twice"),
        (0.5, GraphTypeError, "must be an integer"),
    ],
)
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "argmax", "all", "var"])
def test_wrong_axes_are_explained(name, axis, error, message):
    x = T.dmatrix("some_matrix")
    with pytest.raises(error, match=message) as caught:
        getattr(T, name)(x, axis=axis)
    assert name in str(caught.value)
    assert "some_matrix" in str(caught.value)


def test_truths_refuse_bool():
    x = T.bvector("x")
    for truth in (T.any(x), T.all(x), x.any()):
        with pytest.raises(GraphTypeError, match="symbolic"):
            bool(truth)
        assert truth.dtype == "bool"


def test_complex_numbers_have_no_largest():
    with pytest.raises(GraphTypeError, match="complex"):
        T.max(T.zvector("x"))
    np.testing.assert_array_equal(run(T.sum, np.array([1 + 2j, 3])), 4 + 2j)
    np.testing.assert_array_equal(run(T.mean, np.array([1 + 2j, 3])), 2 + 1j)


# -- gradients ---------------------------------------------------------------------------------


def gradient(f, value):
    x = placeholder(value)
    return compute(symgrad.grad(T.sum(f(x)), x), [x], value)


@pytest.mark.parametrize("f", [T.max, T.min])
def test_gradient_of_extremes_goes_to_every_tied_element(f):
    x = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0], [1.0, 1.0, 2.0]])
    want = (x == x.max(1, keepdims=True)) if f is T.max else (x == x.min(1, keepdims=True))
    np.testing.assert_array_equal(gradient(lambda v: f(v, axis=1), x), want)
    want = x == (x.max() if f is T.max else x.min())
    np.testing.assert_array_equal(gradient(f, x), want)


@pytest.mark.parametrize("zeros", [(), (1,), (0, 2), (0, 1, 2, 3)])
def test_gradient_of_prod_is_right_with_zeros(zeros):
    x = np.array([2.0, 3.0, -1.5, 0.5])
    x[list(zeros)] = 0
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    np.testing.assert_allclose(gradient(T.prod, x), others)
    np.testing.assert_allclose(gradient(lambda v: T.prod(v.reshape((2, 2))), x), others)
    pairs = [[np.prod(np.delete(x, [i, j])) * (i != j) for i in range(4)] for j in range(4)]
    v = T.dvector()
    np.testing.assert_allclose(compute(symgrad.gradient.hessian(T.prod(v), v), [v], x), pairs)


def test_gradient_of_prod_over_inner_axes():
    x = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4))
    for axis in ((0,), (1,), (0, 2), (2, 1), None):
        want = np.prod(x, axis, keepdims=True) / x
        np.testing.assert_allclose(gradient(lambda v, a=axis: T.prod(v, a), x), want)
        f = lambda v, a=axis: T.prod(v, a, no_zeros_in_input=True)  # noqa: E731
        np.testing.assert_allclose(gradient(f, x), want)


def test_gradients_of_integers_and_of_discrete_results():
    i = T.lvector("i")
    got = compute(symgrad.grad(T.mean(i), i), [i], np.array([1, 2]))
    np.testing.assert_array_equal(got, [0.0, 0.0])
    assert got.dtype == "float64"
    x = np.array([1.0, 3.0, 2.0])
    np.testing.assert_array_equal(gradient(lambda v: T.argmax(v) * v, x), [1, 1, 1])
    np.testing.assert_array_equal(gradient(lambda v: T.cast(T.any(v), "float64") * v, x), [1, 1, 1])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_gradients_keep_the_dtype(dtype):
    x = np.array([1.0, 3.0, 2.0], dtype)
    for f in (T.sum, T.mean, T.prod, T.max, T.var, T.std):
        assert gradient(f, x).dtype == dtype


def test_max_and_argmax():
    x = T.dmatrix("x")
    value = np.array([[1.0, 5.0], [7.0, 4.0]])
    top, where = symgrad.function([x], T.max_and_argmax(x, axis=1, keepdims=True))(value)
    np.testing.assert_array_equal(top, [[5.0], [7.0]])
    np.testing.assert_array_equal(where, [[1], [0]])


def test_max_and_argmax_gives_a_pair():
    top, where = T.max_and_argmax(T.dvector())
    assert (top.dtype, where.dtype) == ("float64", "int64")


# -- integers of any size ------------------------------------------------------------------------


@st.composite
def integers_of_any_size(draw):
    dtype = draw(st.sampled_from([d for d in DTYPES if "int" in d or d == "bool"]))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    x = draw(hnp.arrays(dtype, shape))
    return x, draw(st.none() | st.integers(0, x.ndim - 1))


@settings(max_examples=200, deadline=None)
@given(integers_of_any_size(), st.sampled_from(["mean", "var", "std", "sum", "prod", "max", "min"]))
def test_integers_of_any_size_are_reduced_as_numpy_does(case, name):
    x, axis = case
    want = np.asarray(getattr(np, name)(x, axis=axis))
    got = run(getattr(T, name), x, axis)
    if want.dtype.kind == "f":
        assert got.dtype == want.dtype
        # rounding of the mean, squared in the variance
        scale = np.abs(x.astype("float64")).max(initial=0)
        atol = {"mean": 1e-15, "var": 1e-30, "std": 1e-15}[name] * scale ** (1 + (name == "var"))
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=atol)
    else:
        np.testing.assert_array_equal(got, want, strict=True)


@settings(max_examples=100, deadline=None)
@given(integers_of_any_size(), st.sampled_from(["cumsum", "cumprod"]))
def test_running_totals_of_integers_wrap_as_numpys(case, name):
    x, axis = case
    want = getattr(np, name)(x, axis=axis)
    np.testing.assert_array_equal(run(getattr(T, name), x, axis), want, strict=True)


@given(st.sampled_from([d for d in DTYPES if "int" in d]), st.data())
@settings(max_examples=100, deadline=None)
def test_products_of_matrices_of_integers_wrap_as_numpys(dtype, data):
    n, k, m = (data.draw(st.integers(0, 4)) for _ in range(3))
    a, b = (data.draw(hnp.arrays(dtype, shape)) for shape in ((n, k), (k, m)))
    x, y = placeholder(a), placeholder(b)
    both = compute([T.dot(x, y), T.tensordot(x, y, 1)], [x, y], a, b)
    np.testing.assert_array_equal(both[0], a @ b, strict=True)
    np.testing.assert_array_equal(both[1], np.tensordot(a, b, 1), strict=True)


def test_the_mean_of_large_integers_does_not_wrap():
    x = np.full(3, 2**62)
    assert run(T.mean, x) == 2.0**62
    assert run(T.mean, x, dtype="float32") == 2.0**62
    assert run(T.mean, np.full(3, 2**63, "uint64")) == 2.0**63
    assert run(T.mean, np.full(3, 2**62), acc_dtype="int64") == np.sum(x) / 3  # as asked for


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.sampled_from([0, 1, None]), st.integers(0, 99))
def test_sums_of_float16_are_as_accurate_as_their_dtype(n, axis, seed):
    x = np.random.default_rng(seed).uniform(-1, 4, (n, 3)).astype("float16")
    with np.errstate(over="ignore"):
        for name in ("sum", "mean"):
            exact = getattr(np, name)(x, axis=axis, dtype="float64")
            np.testing.assert_allclose(
                run(getattr(T, name), x, axis), exact.astype("float16"), rtol=1e-3
            )
