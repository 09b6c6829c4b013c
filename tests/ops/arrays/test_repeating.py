"""Repeating, rolling, flipping and padding, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType

shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


def check(build, numpys, shape, dtype="float64"):
    """Compare with NumPy, with lengths known and unknown; check the gradient's sum."""
    value = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape).astype(dtype)
    want = numpys(value)
    for lengths in (shape, (None,) * len(shape)):
        x = TensorType(dtype, lengths)("x")
        node = build(x)
        weights = np.arange(1.0, 1.0 + want.size).reshape(want.shape)
        g = T.grad((node * weights).sum(), x)
        got, back = symgrad.function([x], [node, g])(value)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == node.dtype == want.dtype
        assert got.shape == want.shape
        assert all(n in (None, m) for n, m in zip(node.static_shape, want.shape, strict=True))
        if None not in lengths:
            assert node.static_shape == want.shape
        # the operations only copy elements: each gets the weights of its copies
        counted = [weights[want == v].sum() for v in value.ravel()]
        np.testing.assert_array_equal(back.ravel(), counted)
        assert back.shape == value.shape


@settings(max_examples=35)
@given(shapes, st.integers(0, 3), st.data())
def test_repeat_by_a_number(shape, times, data):
    axis = data.draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    check(lambda x: x.repeat(times, axis), lambda x: x.repeat(times, axis), shape)


@settings(max_examples=35)
@given(shapes.filter(bool), st.data())
def test_repeat_by_a_vector(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    times = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    array = np.array(times, dtype="int32")
    check(lambda x: T.repeat(x, array, axis), lambda x: x.repeat(array, axis), shape)


def test_repeats_may_be_symbolic():
    x, n, v = T.dmatrix("x"), T.iscalar("n"), T.lvector("v")
    value = np.arange(6.0).reshape(2, 3)
    outputs = [T.repeat(x, n, 1), T.repeat(x, v, 0), T.repeat(x, [n, 1], 0), T.repeat(x, v[:1], 1)]
    f = symgrad.function([x, n, v], outputs)
    by_n, by_v, by_list, by_one = f(value, 2, [3, 0])
    np.testing.assert_array_equal(by_n, value.repeat(2, 1))
    np.testing.assert_array_equal(by_v, value.repeat([3, 0], 0))
    np.testing.assert_array_equal(by_list, value.repeat([2, 1], 0))
    np.testing.assert_array_equal(by_one, value.repeat(3, 1))


def test_repeat_refuses():
    x = TensorType("float64", (3, None))("x")
    with pytest.raises(ShapeError, match="2 numbers of repeats given for an axis of length 3"):
        T.repeat(x, [1, 2], axis=0)
    with pytest.raises(GraphTypeError, match="integer scalar or vector"):
        T.repeat(x, 1.5)
    with pytest.raises(GraphTypeError, match="integer scalar or vector"):
        T.repeat(x, [[1]])
    with pytest.raises(GraphValueError, match="negative"):
        T.repeat(x, -1, axis=0)
    with pytest.raises(GraphValueError, match="repeat: axis 2"):
        T.repeat(x, 1, axis=2)
    v = T.lvector("v")
    with pytest.raises(ShapeError, match="2 numbers of repeats given for an axis of length 4"):
        T.repeat(x, v, axis=1).eval({x: np.zeros((3, 4)), v: [1, 2]})


@settings(max_examples=35)
@given(shapes, st.lists(st.integers(0, 3), max_size=4))
def test_tile_agrees_with_numpy(shape, reps):
    check(lambda x: T.tile(x, reps), lambda x: np.tile(x, reps), shape)


def test_tile_in_every_spelling():
    x, n, v = T.dmatrix("x"), T.lscalar("n"), T.lvector("v")
    value = np.arange(6.0).reshape(2, 3)
    cases = [
        (T.tile(x, 2), np.tile(value, 2)),
        (T.tile(x, n), np.tile(value, 2)),
        (T.tile(x, (n, 1, 2)), np.tile(value, (2, 1, 2))),
        (T.tile(x, (2,), ndim=3), np.tile(value, (1, 1, 2))),
        (T.tile(x, v, ndim=2), np.tile(value, (3, 2))),
        (T.tile(x, v, ndim=3), np.tile(value, (1, 3, 2))),
        (T.tile(x, x.shape), np.tile(value, (2, 3))),
        (T.tile(x, [1, 1]), value),
    ]
    f = symgrad.function([x, n, v], [c for c, _ in cases])
    for got, (_, want) in zip(f(value, 2, [3, 2]), cases, strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(GraphTypeError, match="unknown length.*ndim"):
        T.tile(x, v)
    with pytest.raises(GraphValueError, match="ndim=1 is less"):
        T.tile(x, 2, ndim=1)
    with pytest.raises(GraphTypeError, match="tile: a length must be an integer"):
        T.tile(x, 1.5)


@settings(max_examples=35)
@given(shapes, st.integers(-7, 7), st.data())
def test_roll_agrees_with_numpy(shape, shift, data):
    axis = data.draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    check(lambda x: T.roll(x, shift, axis), lambda x: np.roll(x, shift, axis), shape)


def test_roll_by_symbols_and_along_several_axes():
    x, n = T.dmatrix("x"), T.lscalar("n")
    value = np.arange(6.0).reshape(2, 3)
    f = symgrad.function(
        [x, n], [T.roll(x, n, 1), T.roll(x, (1, n), (0, 1)), T.roll(x, 1, (0, 1)), T.roll(x, -n)]
    )
    wanted = [np.roll(value, 2, 1), np.roll(value, (1, 2), (0, 1)), np.roll(value, 1, (0, 1)),
              np.roll(value, -2)]  # fmt: skip
    for got, want in zip(f(value, 2), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(GraphValueError, match="3 shifts given for 2 axes"):
        T.roll(x, (1, 2, 3), (0, 1))
    with pytest.raises(GraphValueError, match="roll: axis 2"):
        T.roll(x, 1, 2)


@settings(max_examples=35)
@given(shapes, st.data())
def test_flip_agrees_with_numpy(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    axis = data.draw(st.sampled_from([None, tuple(axes[:1]), tuple(axes[:2]), *axes]))
    check(lambda x: T.flip(x, axis), lambda x: np.flip(x, axis), shape)


def test_flip_up_and_left():
    check(T.flipud, np.flipud, (2, 3))
    check(T.fliplr, np.fliplr, (2, 3))
    with pytest.raises(GraphValueError, match="flip: axis 1"):
        T.fliplr(T.dvector())


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("width", [0, 2, (1, 0), ((1, 2), (7, 5)), [(3,), (1,)]])
def test_pad_agrees_with_numpy(mode, width):
    def numpys(x):
        pairs = [(w[0], w[-1]) for w in width] if np.ndim(width) == 2 else width
        return np.pad(x, pairs, mode)

    check(lambda x: T.pad(x, width, mode), numpys, (3, 4))


def test_pad_takes_symbols_and_values():
    x, n = T.ivector("x"), T.lscalar("n")
    padded = T.pad(x, (n, 1), constant_values=9)
    np.testing.assert_array_equal(padded.eval({x: np.int32([1, 2]), n: 2}), [9, 9, 1, 2, 9])
    assert padded.dtype == "int32"
    check(lambda x: T.pad(x, 2, "reflect"), lambda x: np.pad(x, 2, "reflect"), (1,))


def test_pad_refuses():
    x = T.dmatrix("x")
    for call, message in [
        (lambda: T.pad(x, 1, mode="mean"), "mode='mean'"),
        (lambda: T.pad(x, -1), "negative"),
        (lambda: T.pad(x, ((1, 1), (1, 1), (1, 1))), "3 widths given for x"),
        (lambda: T.pad(x, ((1, 1, 1), (1, 1))), "a number or a pair"),
    ]:
        with pytest.raises(GraphValueError, match=message):
            call()
