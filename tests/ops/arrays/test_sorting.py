"""Sorting and the largest few, against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.types import TensorType

KINDS = ("quicksort", "mergesort", "heapsort", "stable")


@st.composite
def arrays(draw, dtypes=("float64", "float32", "int8", "uint16", "bool")):
    """An array with many ties, an axis (or None), and static lengths for it."""
    shape = tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))
    dtype = draw(st.sampled_from(dtypes))
    numbers = draw(st.lists(st.integers(0, 4), min_size=1, max_size=30))
    values = np.resize(np.array(numbers), shape).astype(dtype)
    if dtype.startswith("float") and draw(st.booleans()):
        values[values == 4] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    known = tuple(n if draw(st.booleans()) else None for n in shape)
    return values, axis, known


@settings(max_examples=80)
@given(case=arrays(), kind=st.sampled_from(KINDS), transposed=st.booleans())
def test_sort_and_argsort_agree_with_numpy(case, kind, transposed):
    values, axis, known = case
    if transposed:
        values, known = values.T, known[::-1]
    x = TensorType(values.dtype, known)()
    outputs = [T.sort(x, axis, kind), T.argsort(x, axis, kind=kind)]
    for output in outputs:
        if axis is not None:
            assert output.static_shape == known
        elif None not in known:
            assert output.static_shape == (values.size,)
    ordered, order = symgrad.function([x], outputs)(values)
    np.testing.assert_array_equal(ordered, np.sort(values, axis, kind), strict=True)
    expected = np.argsort(values, axis, kind).astype("int64")
    np.testing.assert_array_equal(order, expected, strict=True)


@settings(max_examples=80)
@given(case=arrays(), data=st.data())
def test_topk_gives_the_ends_of_the_sorted(case, data):
    values, axis, known = case
    length = values.size if axis is None else values.shape[axis]
    if not length:
        return
    k = data.draw(st.integers(-length, length).filter(bool))
    x, kth = TensorType(values.dtype, known)(), k
    inputs, given_values = [x], [values]
    if data.draw(st.booleans()):
        kth = T.lscalar("k")
        inputs, given_values = [x, kth], [values, k]
    top, positions = T.topk_and_argtopk(x, kth, axis)
    got, order, alone, order_alone = symgrad.function(
        inputs, [top, positions, T.topk(x, kth, axis), T.argtopk(x, kth, axis, idx_dtype="int32")]
    )(*given_values)
    ordered = np.sort(values, axis)
    along = -1 if axis is None else axis
    ends = np.take(ordered, range(length)[::-1][:k] if k > 0 else range(length)[:-k], along)
    np.testing.assert_array_equal(got, ends, strict=True)
    np.testing.assert_array_equal(alone, got, strict=True)
    flat = values.ravel() if axis is None else values
    np.testing.assert_array_equal(np.take_along_axis(flat, order, along), got)
    np.testing.assert_array_equal(order_alone, order.astype("int32"), strict=True)
    for static, now in zip(top.static_shape, got.shape, strict=True):
        assert static in (None, now)
    if kth is k:
        assert top.static_shape[0 if axis is None else axis] == abs(k)


def test_of_equal_elements_the_front_ones_come_first():
    x = T.dvector()
    for k in (2, -2):
        np.testing.assert_array_equal(T.argtopk(x, k).eval({x: [1.0, 1.0, 1.0]}), [0, 1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: T.sort(x, 0),
        lambda x: T.sort(x, None),
        lambda x: x.sort(),
        lambda x: T.topk(x, 2, 0),
        lambda x: T.topk(x, -3),
        lambda x: T.topk(x, 5, None),
        lambda x: T.permute_row_elements(x, [2, 0, 1, 3]),
        lambda x: T.take_along_axis(x, T.argsort(x, 0), 0),
    ],
)
def test_gradients_follow_the_elements(function, dtype):
    x, v = TensorType(dtype, (None, None))("x"), TensorType(dtype, (None, None))("v")
    values = np.random.default_rng(1).permutation(12).reshape(3, 4).astype(dtype)
    y = function(x)
    weights = symgrad.function([x], y)(values) ** 2 + 1
    w = T.constant(weights)
    g = symgrad.grad(T.sum(w * y * y), x)
    second = symgrad.grad(T.sum(g * v), x)
    slope, curvature = symgrad.function([x, v], [g, second])(values, values)
    expected = np.zeros(12)  # d/dx of (x**2 + 1) x**2 with the weights held
    chosen = np.zeros(12, bool)
    picked = symgrad.function([x], y)(values).ravel().astype(int)
    for number in picked:
        at = values.ravel() == number
        expected[at] += 2 * number * (number**2 + 1)
        chosen |= at
    np.testing.assert_allclose(slope.ravel(), expected)
    np.testing.assert_allclose(
        curvature.ravel(), np.where(chosen, 2 * (values.ravel() ** 2 + 1) * values.ravel(), 0)
    )
    assert slope.dtype == dtype


def test_positions_are_connected_with_zero_gradient():
    x = T.vector("x")
    for order in (T.argsort(x), T.argtopk(x, 1)):
        g = symgrad.grad(T.sum(T.cast(order, "float64")), x)
        np.testing.assert_array_equal(g.eval({x: [1.0, 2.0]}), [0.0, 0.0])


@settings(max_examples=30)
@given(permutation=st.permutations(range(6)), dtype=st.sampled_from(["int64", "int32", "uint8"]))
def test_an_inverse_permutation_undoes(permutation, dtype):
    p, x = TensorType(dtype, (None,))(), T.matrix("x")
    inverse = T.inverse_permutation(p)
    assert inverse.dtype == dtype
    once = T.permute_row_elements(x, p)
    back = T.permute_row_elements(once, p, inverse=True)
    values = np.arange(12.0).reshape(2, 6)
    given_p = np.array(permutation, dtype)
    f = symgrad.function([x, p], [inverse, once, back])
    got, permuted, restored = f(values, given_p)
    np.testing.assert_array_equal(given_p[got], np.arange(6))
    np.testing.assert_array_equal(permuted, values[:, given_p])
    np.testing.assert_array_equal(restored, values)


def test_rows_of_permutations():
    x, rows = T.matrix("x"), T.lmatrix("rows")
    f = symgrad.function([x, rows], [T.permute_row_elements(x, rows), T.inverse_permutation(rows)])
    values, orders = np.arange(6.0).reshape(2, 3), np.array([[2, 1, 0], [1, 2, 0]])
    permuted, inverse = f(values, orders)
    np.testing.assert_array_equal(permuted, np.take_along_axis(values, orders, 1))
    np.testing.assert_array_equal(inverse, [[2, 1, 0], [2, 0, 1]])
    vector = T.permute_row_elements(T.constant([5.0, 6.0, 7.0]), rows).eval({rows: orders})
    np.testing.assert_array_equal(vector, np.array([5.0, 6.0, 7.0])[orders])


def test_errors():
    x = TensorType("float64", (2, 3))("x")
    for function in (T.sort, T.argsort):
        with pytest.raises(GraphValueError, match="(?s)axis 2 does not exist.* x .*x was made at"):
            function(x, 2)
        with pytest.raises(GraphValueError, match="kind='bogo'; expected one of quicksort"):
            function(x, kind="bogo")
        with pytest.raises(GraphTypeError, match="order= is for arrays with named fields"):
            function(x, order="name")
        with pytest.raises(GraphTypeError, match="axis must be an integer"):
            function(x, "rows")
        with pytest.raises(GraphValueError, match="axis -1 does not exist"):
            function(T.scalar())
    for kth in (0, 4, -4):
        with pytest.raises(GraphValueError, match="must not be 0, nor exceed the length"):
            T.topk(x, kth)
    for kth in (1.0, T.scalar(), "a"):
        with pytest.raises(GraphTypeError, match="topk: kth"):
            T.topk(x, kth)
    with pytest.raises(GraphTypeError, match="kth must be a scalar"):
        T.argtopk(x, T.lvector())
    with pytest.raises(GraphTypeError, match="idx_dtype must be an integer dtype"):
        T.argtopk(x, 1, idx_dtype="float32")
    k = T.lscalar("k")
    f = symgrad.function([x, k], T.topk(x, k))
    for wrong in (0, 4):
        with pytest.raises(GraphValueError, match=f"kth={wrong} must not be 0(.|\n)*test_sorting"):
            f(np.zeros((2, 3)), wrong)
    with pytest.raises(GraphTypeError, match="must be integers"):
        T.inverse_permutation([0.5])
    with pytest.raises(GraphTypeError, match="has no rows"):
        T.permute_row_elements(x, 1)


def test_an_axis_may_come_in_a_list():
    x = T.dmatrix("x")
    value = np.array([[3.0, 1.0], [2.0, 4.0]])
    f = symgrad.function([x], [T.sort(x, axis=[0]), T.argsort(x, axis=[0])])
    np.testing.assert_array_equal(f(value)[0], np.sort(value, 0))
    np.testing.assert_array_equal(f(value)[1], np.argsort(value, 0))
    with pytest.raises(GraphTypeError, match="axis"):
        T.sort(x, axis=[0, 1])
