"""Selecting by number, against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, IndexRangeError, ShapeError
from symgrad.graph.types import TensorType


@settings(max_examples=80)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    rank=st.integers(0, 2),
    mode=st.sampled_from(["raise", "wrap", "clip"]),
    dtype=st.sampled_from(["int64", "int8", "uint8"]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_take_agrees_with_numpy(shape, rank, mode, dtype, seed, data):
    rng = np.random.default_rng(seed)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    low, high = (-length, length) if mode == "raise" else (-9, 9)
    lengths = (data.draw(st.integers(0, 3)), 2)[:rank]
    index = rng.integers(0 if dtype == "uint8" else low, high, lengths).astype(dtype)
    values = rng.normal(size=shape)
    x, i = TensorType("float64", shape)("x"), TensorType(dtype, (None,) * rank)("i")
    taken = x.take(i, axis, mode)
    g = symgrad.grad(T.sum(taken**2), x)
    got, slope = symgrad.function([x, i], [taken, g])(values, index)
    expected = np.take(values, index.astype("int64"), axis, mode=mode)
    np.testing.assert_array_equal(got, expected)
    numbers = np.take(np.arange(values.size).reshape(shape), index.astype("int64"), axis, mode=mode)
    counts = np.bincount(numbers.ravel(), minlength=values.size).reshape(shape)
    np.testing.assert_allclose(slope, 2 * values * counts)
    constant = T.take(x, index, axis, mode)
    assert constant.static_shape == expected.shape


@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99))
def test_take_along_axis_agrees_with_numpy(data, seed):
    rng = np.random.default_rng(seed)
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = [data.draw(st.sampled_from([n, 1])) for n in shape]
    lengths[axis] = data.draw(st.integers(0, 3))
    x_shape = [data.draw(st.sampled_from([n, 1])) for n in shape]
    x_shape[axis] = shape[axis]
    if len(shape) > 1 and data.draw(st.booleans()):
        x_shape = list(shape)
    index = rng.integers(-shape[axis], shape[axis], lengths)
    values = rng.normal(size=x_shape)
    x, i = TensorType("float64", x_shape)(), TensorType("int64", lengths)()
    taken = T.take_along_axis(x, i, axis)
    expected = np.take_along_axis(values, index, axis)
    assert taken.static_shape == expected.shape
    g = symgrad.grad(T.sum(taken**2), x)
    got, slope = symgrad.function([x, i], [taken, g])(values, index)
    np.testing.assert_array_equal(got, expected)
    numbers = np.take_along_axis(np.arange(values.size).reshape(x_shape), index, axis)
    counts = np.bincount(numbers.ravel(), minlength=values.size).reshape(x_shape)
    np.testing.assert_allclose(slope, 2 * values * counts)


def test_take_along_axis_of_the_flattened_tensor_and_its_errors():
    x, i = T.matrix("x"), T.lvector("i")
    got = T.take_along_axis(x, i, None).eval({x: [[1, 2], [3, 4]], i: [3, 0]})
    np.testing.assert_array_equal(got, [4, 1])
    with pytest.raises(GraphTypeError, match="as many dimensions as x"):
        T.take_along_axis(x, i, 0)
    with pytest.raises(GraphTypeError, match="must be integers"):
        T.take_along_axis(x, x, 0)
    with pytest.raises(ShapeError, match="take_along_axis: shapes"):
        T.take_along_axis(np.zeros((2, 3)), np.zeros((3, 1), int), 1)


def test_what_take_refuses():
    x = TensorType("float64", (2, 3))("x")
    with pytest.raises(GraphTypeError, match="take: indices must be integers"):
        T.take(x, [0.5])
    with pytest.raises(GraphValueError, match="take: mode='bounce'; expected one of raise, wrap"):
        T.take(x, [0], mode="bounce")
    with pytest.raises(GraphValueError, match="take: axis 2 does not exist"):
        T.take(x, [0], 2)
    with pytest.raises(IndexRangeError, match="out of range for dimension 1"):
        T.take(x, [3], 1)
    i = T.lvector("i")
    with pytest.raises(IndexRangeError, match="out of bounds(.|\n)*test_selecting.py"):
        T.take(x, i, 1).eval({x: np.zeros((2, 3)), i: [3]})
    assert T.take(x, []).static_shape == (0,)


@settings(max_examples=60)
@given(
    shapes=st.sampled_from(
        [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (4,)), ((2, 1), ()), ((0,), (1,))]
    ),
    count=st.integers(1, 4),
    mode=st.sampled_from(["raise", "wrap", "clip"]),
    as_list=st.booleans(),
    seed=st.integers(0, 99),
)
def test_choose_agrees_with_numpy(shapes, count, mode, as_list, seed):
    rng = np.random.default_rng(seed)
    low, high = (0, count) if mode == "raise" else (-5, 5)
    a, choices = rng.integers(low, high, shapes[0]), rng.normal(size=(count, *shapes[1]))
    x, c = TensorType("int64", (None,) * a.ndim)(), TensorType("float64", (None,) * choices.ndim)()
    chosen = x.choose([c[k] for k in range(count)] if as_list else c, mode=mode)
    g = symgrad.grad(T.sum(chosen**2), c)
    got, slope = symgrad.function([x, c], [chosen, g])(a, choices)
    np.testing.assert_array_equal(got, np.choose(a, choices, mode=mode))
    expected = np.zeros_like(choices)
    number = np.choose(a, np.arange(choices.size).reshape(choices.shape), mode=mode)
    np.add.at(expected.reshape(-1), number, 2 * got)
    np.testing.assert_allclose(slope, expected)


def test_choose_mixes_dtypes_and_checks():
    a = T.lvector("a")
    assert T.choose(a, [np.zeros(3, "float32"), 1, 2.5]).dtype == "float32"
    for choices in ([1.0, 2.0], T.matrix()):
        f = symgrad.function(
            [a, *([] if isinstance(choices, list) else [choices])], T.choose(a, choices)
        )
        values = [] if isinstance(choices, list) else [np.zeros((2, 2))]
        for wrong in (2, -1):
            with pytest.raises(IndexRangeError, match=f"position {wrong} is not one of 2"):
                f([0, wrong], *values)
    with pytest.raises(GraphTypeError, match="must be integers"):
        T.choose(T.vector(), [1, 2])
    with pytest.raises(GraphValueError, match="at least one choice"):
        T.choose(a, [])
    with pytest.raises(GraphTypeError, match="an axis that counts the choices"):
        T.choose(a, 1.0)
    with pytest.raises(GraphTypeError, match="out= is not supported"):
        T.choose(a, [1], out=np.zeros(2))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_compress_agrees_with_numpy(axis):
    x, c = T.matrix("x"), TensorType("bool", (None,))("c")
    values = np.arange(6.0).reshape(2, 3)
    for condition in ([True, False], [False], [False, True]):
        for picked in (T.compress(c, x, axis), c.compress(x, axis)):
            got = picked.eval({x: values, c: condition})
            np.testing.assert_array_equal(got, np.compress(condition, values, axis))
    with pytest.raises(GraphTypeError, match="condition must be a vector"):
        T.compress(x, x)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (0, 3), (1, 1), (3, 3, 3)])
def test_fill_diagonal_agrees_with_numpy(shape):
    x, v = TensorType("float32", (None,) * len(shape))("x"), T.fscalar("v")
    values = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    filled = T.fill_diagonal(x, v)
    grads = symgrad.grad(T.sum(filled**2), [x, v])
    got, gx, gv = symgrad.function([x, v], [filled, *grads])(values, -7)
    expected, kept = values.copy(), 2 * values
    if values.size:
        np.fill_diagonal(expected, -7)
        np.fill_diagonal(kept, 0)
    np.testing.assert_array_equal(got, expected, strict=True)
    np.testing.assert_array_equal(gx, kept)
    assert gv == -14 * min(shape)


@pytest.mark.parametrize("offset", range(-4, 6))
def test_fill_diagonal_offset(offset):
    x, k = T.matrix("x"), T.iscalar("k")
    values = np.zeros((3, 4))
    expected = values + np.eye(3, 4, offset)
    for given_offset in (offset, k):
        f = symgrad.function(
            [x, k], T.fill_diagonal_offset(x, 1, given_offset), on_unused_input="ignore"
        )
        np.testing.assert_array_equal(f(values, offset), expected)


def test_what_filling_refuses():
    with pytest.raises(GraphTypeError, match="at least two dimensions"):
        T.fill_diagonal(T.vector(), 1)
    with pytest.raises(GraphTypeError, match="must have two dimensions"):
        T.fill_diagonal_offset(T.tensor3(), 1, 0)
    with pytest.raises(GraphTypeError, match="val must be a scalar"):
        T.fill_diagonal(T.matrix(), [1.0, 2.0])
    with pytest.raises(GraphTypeError, match="without loss"):
        T.fill_diagonal(T.lmatrix(), 0.5)
    with pytest.raises(GraphTypeError, match="offset must be integers"):
        T.fill_diagonal_offset(T.matrix(), 1, 0.5)
    with pytest.raises(ShapeError, match="all lengths of .* must be equal"):
        T.fill_diagonal(np.zeros((2, 2, 3)), 1)
    x = T.tensor3("x")
    with pytest.raises(ShapeError, match="all lengths must be equal(.|\n)*test_selecting.py"):
        T.fill_diagonal(x, 1).eval({x: np.zeros((2, 2, 3))})


def test_one_hot():
    y, n = T.ivector("y"), T.lscalar("n")
    values = np.array([2, 0, -1], "int32")
    assert T.to_one_hot(y, 3).static_shape == (None, 3)
    for classes in (3, n):
        f = symgrad.function([y, n], T.to_one_hot(y, classes), on_unused_input="ignore")
        np.testing.assert_array_equal(f(values, 3), np.eye(3)[values])
        with pytest.raises(IndexRangeError, match="class 3 is not one of 3"):
            f(np.array([3], "int32"), 3)
    assert T.to_one_hot(y, 3, "int8").dtype == "int8"
    with symgrad.config.change_flags(floatX="float32"):
        assert T.to_one_hot(y, 3).dtype == "float32"
    np.testing.assert_array_equal(T.to_one_hot(np.zeros((0,), int), 2).eval(), np.zeros((0, 2)))
    assert T.to_one_hot([[0, 1]], 2).static_shape == (1, 2, 2)
    with pytest.raises(GraphTypeError, match="y must be integers"):
        T.to_one_hot(T.vector(), 3)
    with pytest.raises(GraphTypeError, match="a length must be an integer scalar"):
        T.to_one_hot(y, 2.5)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_positions_of_every_dtype_are_brought_into_range(dtype):
    limits = np.iinfo(dtype)
    numbers = [int(limits.min), 0, 1, 299, int(limits.max)]
    numbers = [n for n in numbers if n <= limits.max]
    x, i = T.dvector("x"), T.vector("i", dtype=dtype)
    value, index = np.arange(300.0), np.array(numbers, dtype)
    results = [T.take(x, i, mode="wrap"), T.take(x, i, mode="clip"), T.take(x, i)]
    wrap, clip, _ = (symgrad.function([x, i], r) for r in results)
    np.testing.assert_array_equal(wrap(value, index), [n % 300 for n in numbers])
    np.testing.assert_array_equal(clip(value, index), [min(max(n, 0), 299) for n in numbers])
    if dtype[-1] != "8":
        with pytest.raises(symgrad.errors.IndexRangeError):
            symgrad.function([x, i], T.choose(i[-1], [x, x]))(value, index)
