"""Finding elements, against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, IndexRangeError, ShapeError
from symgrad.graph.types import TensorType

SHAPES = st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)
INTS = ("int64", "int32", "int8", "uint8")


@settings(max_examples=50)
@given(shape=SHAPES, bits=st.integers(0, 2**20), dtype=st.sampled_from(["bool", "float32", "int8"]))
def test_nonzero_and_kin_agree_with_numpy(shape, bits, dtype):
    numbers = [bits >> k & 1 for k in range(20)]
    values = np.resize(np.array(numbers) * 3, shape).astype(dtype)
    x = TensorType(dtype, (None,) * len(shape))()
    positions = T.nonzero(x)
    assert isinstance(positions, tuple)
    others = [T.nonzero(x, True), T.flatnonzero(x), T.nonzero_values(x), T.argwhere(x)]
    f = symgrad.function([x], [*positions, *others, x[x.nonzero()], T.where(x)[0]])
    *got, matrix, flat, nonzeros, rows, picked, first = f(values)
    for have, want in zip(got, np.nonzero(values), strict=True):
        np.testing.assert_array_equal(have, want, strict=True)
    np.testing.assert_array_equal(matrix, np.stack(np.nonzero(values)), strict=True)
    np.testing.assert_array_equal(flat, np.flatnonzero(values), strict=True)
    np.testing.assert_array_equal(nonzeros, values[values != 0], strict=True)
    np.testing.assert_array_equal(rows, np.argwhere(values), strict=True)
    np.testing.assert_array_equal(picked, nonzeros)
    np.testing.assert_array_equal(first, got[0])


def test_nonzero_of_scalars():
    x = T.scalar("x")
    with pytest.raises(GraphTypeError, match="(?s)nonzero: x .* has no positions.*x = T.scalar"):
        x.nonzero()
    np.testing.assert_array_equal(T.flatnonzero(x).eval({x: 2.0}), [0])
    np.testing.assert_array_equal(x.nonzero_values().eval({x: 2.0}), [2.0])


def test_where():
    x = T.vector("x")
    np.testing.assert_array_equal(T.where(x > 0, x, -x).eval({x: [1.0, -2.0]}), [1, 2])
    with pytest.raises(GraphTypeError, match="1 choice was given"):
        T.where(x > 0, x)


def test_gradient_of_values_that_are_not_zero():
    x = T.vector("x")
    g = symgrad.grad(T.sum(x.nonzero_values() ** 2), x)
    np.testing.assert_array_equal(g.eval({x: [3.0, 0.0, -1.0]}), [6, 0, -2])


@settings(max_examples=50)
@given(
    x=st.lists(st.integers(-5, 5), max_size=8),
    v=st.lists(st.integers(-6, 6), min_size=1, max_size=6),
    shape=st.sampled_from([(), (0,), (3,), (2, 3)]),
    side=st.sampled_from(["left", "right"]),
    dtypes=st.tuples(*[st.sampled_from(["float64", "float32", "int64", "int8"])] * 2),
)
def test_searchsorted_agrees_with_numpy(x, v, shape, side, dtypes):
    numbers, wanted = np.array(x, dtypes[0]), np.resize(np.array(v), shape).astype(dtypes[1])
    a, b = TensorType(dtypes[0], (None,))(), TensorType(dtypes[1], (None,) * len(shape))()
    order = T.lvector()
    found = T.searchsorted(a, b, side)
    assert (found.dtype, found.ndim) == ("int64", len(shape))
    by_sorter = a.searchsorted(b, side, sorter=order)
    both = symgrad.function([a, b, order], [found, by_sorter], on_unused_input="ignore")
    ascending = np.sort(numbers)
    sorter = np.argsort(numbers)
    got, _ = both(ascending, wanted, np.arange(len(x)))
    np.testing.assert_array_equal(got, np.searchsorted(ascending, wanted, side))
    _, got = both(numbers, wanted, sorter)
    np.testing.assert_array_equal(got, np.searchsorted(numbers, wanted, side, sorter))


def test_searchsorted_takes_python_numbers_and_refuses_the_rest():
    x = T.fvector("x")
    found = T.searchsorted(x, 0.1)
    np.testing.assert_array_equal(found.eval({x: np.array([0.1, 0.2], "float32")}), 0)
    with pytest.raises(GraphTypeError, match="first argument must be a vector"):
        T.searchsorted(T.matrix(), 1)
    with pytest.raises(GraphValueError, match="side='middle'; expected left or right"):
        T.searchsorted(x, 1, "middle")
    with pytest.raises(GraphTypeError, match="sorter must be integers"):
        T.searchsorted(x, 1, sorter=T.vector())
    with pytest.raises(GraphTypeError, match="sorter must be a vector"):
        T.searchsorted(x, 1, sorter=T.lmatrix())
    g = symgrad.grad(T.sum(T.cast(T.searchsorted(x, x), "float32")), x)
    np.testing.assert_array_equal(g.eval({x: np.ones(2, "float32")}), [0, 0])


@settings(max_examples=50)
@given(
    x=st.lists(st.integers(0, 9), max_size=12),
    dtype=st.sampled_from([*INTS, "uint64"]),
    minlength=st.none() | st.integers(0, 15),
    weights=st.sampled_from([None, "float64", "float32", "int32"]),
    symbolic=st.booleans(),
)
def test_bincount_agrees_with_numpy(x, dtype, minlength, weights, symbolic):
    v, w, m = TensorType(dtype, (None,))(), TensorType(weights or "int8", (None,))(), T.lscalar()
    least = m if symbolic and minlength is not None else minlength
    numbers = np.array(x, dtype)
    scale = None if weights is None else (np.arange(len(x)) * 2).astype(weights)
    counts = T.bincount(v, None if weights is None else w, least)
    f = symgrad.function([v, w, m], counts, on_unused_input="ignore")
    got = f(numbers, np.zeros(0, "int8") if scale is None else scale, minlength or 0)
    expected = np.bincount(numbers.astype("int64"), scale, minlength or 0)
    if weights is not None:  # of nothing, NumPy returns integers
        expected = expected.astype("float32" if weights == "float32" else "float64")
    np.testing.assert_array_equal(got, expected, strict=True)


def test_bincount_gradient_and_errors():
    x, w = T.lvector("x"), T.vector("w")
    counts = T.bincount(x, w)
    g = symgrad.grad(T.sum(counts**2), w)
    np.testing.assert_array_equal(g.eval({x: [1, 1, 0], w: [1.0, 2.0, 3.0]}), [6, 6, 6])
    np.testing.assert_array_equal(T.bincount(T.gt(w, 0)).eval({w: [1.0, -1.0, 2.0]}), [1, 2])
    with pytest.raises(GraphTypeError, match="x must be integers"):
        T.bincount(w)
    for wrong in ((T.lmatrix(), None), (x, T.matrix())):
        with pytest.raises(GraphTypeError, match="must be a vector. Use x.flatten()"):
            T.bincount(*wrong)
    with pytest.raises(ShapeError, match="bincount"):
        T.bincount([0, 1], [1.0, 2.0, 3.0])
    f = symgrad.function([x], T.bincount(x))
    with pytest.raises(GraphValueError, match="negative(.|\n)*test_searching.py"):
        f([-1])


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    seed=st.integers(0, 99),
    order=st.sampled_from("CF"),
    result=st.sampled_from([(), (0,), (7,), (2, 3)]),
    dtype=st.sampled_from(INTS),
    mode=st.sampled_from(["raise", "wrap", "clip"]),
)
def test_positions_in_many_dimensions_and_in_one(shape, seed, order, result, dtype, mode):
    rng = np.random.default_rng(seed)
    total = min(int(np.prod(shape)), 127)
    flat = rng.integers(0, total, result).astype(dtype)
    index = TensorType(dtype, (None,) * len(result))()
    first = T.lscalar()
    dims = (first, *shape[1:])
    found = T.unravel_index(index, dims, order)
    back = T.ravel_multi_index(found, T.stack(dims), mode, order)
    f = symgrad.function([index, first], [*found, back])
    *got, again = f(flat, shape[0])
    for have, want in zip(got, np.unravel_index(flat, shape, order), strict=True):
        np.testing.assert_array_equal(have, want)
        assert have.dtype == "int64"
    np.testing.assert_array_equal(again, flat)
    if mode != "raise":
        wild = [rng.integers(-9, 9, (3,)) for _ in shape]
        got = T.ravel_multi_index(wild, shape, mode, order).eval()
        np.testing.assert_array_equal(got, np.ravel_multi_index(wild, shape, mode, order))


def test_positions_broadcast_and_may_be_one_tensor():
    rows, columns = np.array([[0], [1]]), np.array([0, 2, 3])
    got = T.ravel_multi_index((rows, columns), (2, 4))
    assert got.static_shape == (2, 3)
    np.testing.assert_array_equal(got.eval(), np.ravel_multi_index((rows, columns), (2, 4)))
    stacked = T.lmatrix()
    values = [[0, 1], [3, 2]]
    got = T.ravel_multi_index(stacked, (2, 4)).eval({stacked: values})
    np.testing.assert_array_equal(got, [3, 6])
    dims = T.lvector()
    got = [p.eval({dims: [2, 4]}) for p in T.unravel_index(5, dims, ndim=2)]
    assert got == [1, 1]


def test_positions_out_of_range():
    i = T.lvector("i")
    unravel = symgrad.function([i], T.unravel_index(i, (2, 3)))
    ravel = symgrad.function([i], T.ravel_multi_index((i, 0), (2, 3)))
    for wrong in (-1, 6):
        with pytest.raises(IndexRangeError, match=f"position {wrong} is not one of"):
            unravel([0, wrong])
        with pytest.raises(IndexRangeError, match=f"position {wrong} is not one of 2 .* axis 0"):
            ravel([0, wrong])
    with pytest.raises(ShapeError, match="1 positions given for 2 lengths"):
        T.ravel_multi_index((i,), (2, 3))
    with pytest.raises(GraphValueError, match="mode='bounce'"):
        T.ravel_multi_index((i, i), (2, 3), mode="bounce")
    with pytest.raises(GraphValueError, match="order='K'; expected C or F"):
        T.unravel_index(i, (2, 3), "K")
    with pytest.raises(GraphTypeError, match="indices must be integers"):
        T.unravel_index(T.vector(), (2, 3))
    with pytest.raises(GraphValueError, match="at least one axis"):
        T.unravel_index(i, ())


@settings(max_examples=30)
@given(values=st.lists(st.integers(0, 5), max_size=8))
def test_unique_agrees_with_numpy(values):
    x = T.fvector("x")
    array = np.array(values, "float32")
    got = symgrad.function([x], list(T.unique(x, True, True, True)))(array)
    for have, want in zip(got, np.unique(array, True, True, True), strict=True):
        np.testing.assert_array_equal(have, want)
    np.testing.assert_array_equal(T.unique(x).eval({x: array}), got[0])
    assert got[0].dtype == "float32"


def test_gradient_of_unique_goes_to_the_first():
    x = T.vector("x")
    g = symgrad.grad(T.sum(T.unique(x) ** 2), x)
    np.testing.assert_array_equal(g.eval({x: [3.0, 1.0, 3.0]}), [6, 2, 0])


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_counts_up_to_the_largest_integer_are_refused(dtype):
    """NumPy's `bincount` answers with an empty array, and has written beyond its memory."""
    i = T.vector("i", dtype=dtype)
    f = symgrad.function([i], T.bincount(i))
    with pytest.raises(symgrad.SymgradError, match="bincount"):
        f(np.array([2**63 - 1, 0], dtype))
    assert f(np.array([1, 1], dtype)).tolist() == [0, 2]
