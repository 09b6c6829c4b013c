"""Shapes, axes, reshaping and broadcasting, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.expr import Constant
from symgrad.graph.types import TensorType
from symgrad.ops.arrays.axes import expand_dims, moveaxis, rollaxis, squeeze, swapaxes
from symgrad.ops.arrays.lengths import dim, static_value
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike

DTYPES = ["bool", "int8", "uint16", "int64", "float32", "float64", "complex64"]
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def variable(shape, dtype="float64", known=False, name="x"):
    return TensorType(dtype, shape if known else (None,) * len(shape))(name)


def numbers(shape, dtype="float64"):
    values = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    return np.array(values.astype(dtype))


def check(build, expected, *shapes, dtype="float64"):
    """Compare with NumPy, with lengths known and unknown, and the inferred with the true type."""
    values = [numbers(shape, dtype) for shape in shapes]
    want = expected(*values)
    for known in (True, False):
        inputs = [variable(shape, dtype, known, f"x{k}") for k, shape in enumerate(shapes)]
        node = build(*inputs)
        got = symgrad.function(inputs, node)(*values)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == node.dtype == want.dtype
        assert got.shape == want.shape
        for static, length in zip(node.static_shape, want.shape, strict=True):
            assert static in (None, length)
            if known:
                assert static == length
    return want


# -- asking for shapes -------------------------------------------------------------------------


def test_a_shape_is_unpacked_indexed_and_sliced():
    x = T.dmatrix("x")
    n, m = x.shape
    value = np.zeros((2, 5))
    f = symgrad.function([x], [n, m, x.shape[-1], x.shape[:2], x.shape, x.size, T.shape_i(x, 1)])
    for got, want in zip(f(value), [2, 5, 5, [2, 5], [2, 5], 10, 5], strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == "int64"
    with pytest.raises(ValueError, match="unpack"):
        n, m, _ = x.shape


def test_known_shapes_are_constants():
    x = variable((2, 5), known=True)
    assert isinstance(x.shape, Constant)
    assert isinstance(x.shape[0], Constant)
    assert isinstance(x.size, Constant)
    assert x.size.value == 10
    n, m = x.shape
    assert T.zeros((n * m, n + 1)).static_shape == (10, 3)
    assert T.zeros(x.shape[:1]).static_shape == (2,)


def test_size_of_partly_known_and_empty_shapes():
    x = TensorType("float64", (None, 3, None))("x")
    assert x.size.eval({x: np.zeros((2, 3, 4))}) == 24
    assert TensorType("float64", (None, 0))("x").size.value == 0
    assert T.scalar().size.value == 1


def test_static_value_gives_up_on_what_is_not_small_and_constant():
    assert static_value(T.constant(3) * 2 + T.constant([4, 5])[1]) == 11
    assert static_value(T.lscalar("n") + 1) is None
    assert static_value(T.constant(1) // T.constant(0)) is not None  # NumPy's 0, with a warning
    assert static_value(T.constant(np.zeros(1000))) is None
    n = T.constant(1)
    for _ in range(200):
        n = n + 1
    assert static_value(n) is None
    x = T.dmatrix("x")
    assert static_value(dim(x, 0)) is None


# -- lengths that users give -------------------------------------------------------------------


def test_shapes_are_given_in_every_way():
    x, n, v = T.dmatrix("x"), T.lscalar("n"), T.lvector("v")
    value = np.zeros((2, 5))
    shapes = [x.shape, (n, 3), [n, x.shape[1]], n, 4, (), np.array([2, 3]), T.stack([n, n])]
    f = symgrad.function([x, n], [T.zeros(s) for s in shapes], on_unused_input="ignore")
    wanted = [(2, 5), (7, 3), (7, 5), (7,), (4,), (), (2, 3), (7, 7)]
    assert [z.shape for z in f(value, 7)] == wanted
    assert T.zeros((n, 3)).static_shape == (None, 3)
    assert T.zeros((T.iscalar(), np.int32(3))).static_shape == (None, 3)
    with pytest.raises(GraphTypeError, match=r"unknown length.*ndim="):
        T.zeros(v)


@pytest.mark.parametrize("bad", [2.0, "a", [[1]], None])
def test_a_length_must_be_an_integer_scalar(bad):
    with pytest.raises(GraphTypeError, match=r"zeros|full|length"):
        T.zeros((bad, 2))


def test_alloc_takes_lengths_one_by_one():
    n = T.lscalar("n")
    z = T.alloc(0.0, n, 3)
    assert z.static_shape == (None, 3)
    np.testing.assert_array_equal(z.eval({n: 2}), np.zeros((2, 3)))
    assert T.alloc(np.float32(1), 2).dtype == "float32"
    assert T.alloc(1.5, 2, dtype="float32").dtype == "float32"


# -- permuting axes ----------------------------------------------------------------------------


@settings(max_examples=35)
@given(st.data())
def test_dimshuffle_permutes_drops_and_inserts(data):
    shape = data.draw(st.lists(st.integers(0, 3), max_size=4).map(tuple))
    kept = [a for a, n in enumerate(shape) if n != 1 or data.draw(st.booleans())]
    order = data.draw(st.permutations([*kept, *["x"] * data.draw(st.integers(0, 2))]))

    def expected(x):
        dropped = [a for a in range(x.ndim) if a not in kept]
        x = x.transpose(dropped + [a for a in order if a != "x"])[(0,) * len(dropped)]
        return x[tuple(None if a == "x" else slice(None) for a in order)]

    check(lambda x: x.dimshuffle(*order), expected, shape)


def test_dimshuffle_takes_lists_and_negative_axes_and_returns_the_same_where_nothing_changes():
    x = variable((3, 4))
    assert x.dimshuffle([0, 1]) is x
    assert x.dimshuffle((-1, "x", 0)).ndim == 3
    assert x.dimshuffle(0, -1) is x


def test_dimshuffle_refuses_what_cannot_be():
    x = TensorType("float64", (3, None))("x")
    with pytest.raises(
        ShapeError, match=r"(?s)drops dimension 0 of x .*length is 3, not 1.*x was made at"
    ):
        x.dimshuffle(1)
    with pytest.raises(GraphValueError, match="names a dimension of x .* twice"):
        x.dimshuffle(0, 1, -1)
    with pytest.raises(GraphValueError, match="axis 2 does not exist"):
        x.dimshuffle(0, 1, 2)
    with pytest.raises(GraphTypeError, match="'y'"):
        x.dimshuffle(0, 1, "y")
    f = symgrad.function([x], x.dimshuffle(0))
    assert f(np.ones((3, 1))).shape == (3,)
    with pytest.raises(ShapeError, match="drops dimension 1 of .*whose length is 2"):
        f(np.ones((3, 2)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_transpose_in_every_spelling(dtype):
    for build in (lambda x: x.T, lambda x: x.transpose(), lambda x: T.transpose(x, axes=None)):
        check(build, np.transpose, (2, 3, 4), dtype=dtype)
    for build in (
        lambda x: x.transpose(2, 0, 1),
        lambda x: x.transpose((2, 0, 1)),
        lambda x: x.transpose([-1, 0, 1]),
        lambda x: T.transpose(x, (2, 0, 1)),
    ):
        check(build, lambda x: x.transpose(2, 0, 1), (2, 3, 4), dtype=dtype)
    check(lambda x: x.transpose(0), lambda x: x, (3,))
    check(lambda x: x.T, lambda x: x, ())
    with pytest.raises(GraphValueError, match="2 axes given for .* which has 3"):
        variable((2, 3, 4)).transpose(0, 1)


@settings(max_examples=35)
@given(st.data())
def test_moving_axes_agrees_with_numpy(data):
    shape = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple))
    axes = st.integers(-len(shape), len(shape) - 1)
    a, b, start = data.draw(axes), data.draw(axes), data.draw(st.integers(-len(shape), len(shape)))
    check(lambda x: swapaxes(x, a, b), lambda x: np.swapaxes(x, a, b), shape)
    check(lambda x: rollaxis(x, a, start), lambda x: np.rollaxis(x, a, start), shape)
    sources = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(0, len(shape)))]
    targets = data.draw(st.permutations(range(len(shape))))[: len(sources)]
    check(
        lambda x: moveaxis(x, sources, targets), lambda x: np.moveaxis(x, sources, targets), shape
    )


@settings(max_examples=35)
@given(st.data())
def test_axes_of_length_one_come_and_go(data):
    shape = data.draw(st.lists(st.sampled_from([0, 1, 2]), max_size=4).map(tuple))
    rank = len(shape) + 2
    new = tuple(data.draw(st.permutations(range(-rank, 0)))[:2])
    check(lambda x: expand_dims(x, new), lambda x: np.expand_dims(x, new), shape)
    ones = tuple(
        a - data.draw(st.sampled_from([0, len(shape)])) for a, n in enumerate(shape) if n == 1
    )
    check(lambda x: squeeze(x, ones), lambda x: np.squeeze(x, ones), shape)


def test_squeeze_drops_what_is_known_to_be_one():
    x = TensorType("float64", (1, None, 3, 1))("x")
    assert x.squeeze().static_shape == (None, 3)
    assert x.squeeze(1).static_shape == (1, 3, 1)
    with pytest.raises(ShapeError, match="dimension 2 of x .* has length 3, not 1"):
        x.squeeze(2)
    with pytest.raises(GraphValueError, match="name one twice"):
        x.squeeze((0, -4))
    with pytest.raises(GraphValueError, match="axis 4 does not exist"):
        x.squeeze(4)
    with pytest.raises(ShapeError, match="drops dimension 1 of .*whose length is 2"):
        x.squeeze(1).eval({x: np.zeros((1, 2, 3, 1))})


def test_errors_of_moving_axes_name_the_function():
    x = variable((2, 3))
    for call, message in [
        (lambda: T.swapaxes(x, 0, 2), "swapaxes: axis 2"),
        (lambda: T.moveaxis(x, (0, 1), 0), "2 axes to move, but 1"),
        (lambda: T.moveaxis(x, (0, 0), (0, 1)), "moveaxis.*twice"),
        (lambda: T.rollaxis(x, 0, 3), "rollaxis: start 3"),
        (lambda: T.expand_dims(x, 3), "expand_dims: axis 3"),
        (lambda: T.expand_dims(x, (0, 0)), "expand_dims.*twice"),
    ]:
        with pytest.raises(GraphValueError, match=message):
            call()
    with pytest.raises(GraphTypeError, match=r"swapaxes: axis must be an integer, not 1\.5"):
        T.swapaxes(x, 0, 1.5)


def test_padding_a_shape_with_ones():
    x = variable((2, 3), known=True)
    assert T.shape_padleft(x).static_shape == (1, 2, 3)
    assert T.shape_padleft(x, 2).static_shape == (1, 1, 2, 3)
    assert T.shape_padright(x, 2).static_shape == (2, 3, 1, 1)
    assert T.shape_padaxis(x, 1).static_shape == (2, 1, 3)
    assert T.shape_padaxis(x, -1).static_shape == (2, 3, 1)
    assert T.shape_padleft(x, 0) is x


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (2, 3, 4), (1, 2, 3, 4)])
def test_at_least_so_many_axes(shape):
    for ours, numpys in [
        (T.atleast_1d, np.atleast_1d),
        (T.atleast_2d, np.atleast_2d),
        (T.atleast_3d, np.atleast_3d),
    ]:
        check(ours, numpys, shape)
    one, two = T.atleast_2d(1.0, [1.0, 2.0])
    assert (one.static_shape, two.static_shape) == ((1, 1), (1, 2))


# -- reshaping ---------------------------------------------------------------------------------


@settings(max_examples=35)
@given(st.data())
def test_reshape_agrees_with_numpy(data):
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), max_size=4).map(tuple))
    total = int(np.prod(shape))
    new, left = [], total
    for _ in range(data.draw(st.integers(0, 3))):
        n = data.draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
        new.append(n)
        left //= n
    new.append(left)
    new = data.draw(st.permutations(new))
    check(lambda x: x.reshape(new), lambda x: x.reshape(new), shape)
    new[data.draw(st.integers(0, len(new) - 1))] = -1
    check(lambda x: x.reshape(tuple(new)), lambda x: x.reshape(new), shape)


@pytest.mark.parametrize(
    ("shape", "new"),
    [((1, 1), ()), ((), (1, 1)), ((), (-1,)), ((2, 0), (0, 7)), ((0,), (3, -1)), ((0, 3), (-1, 3))],
)
def test_reshape_of_scalars_and_of_nothing(shape, new):
    check(lambda x: x.reshape(new), lambda x: x.reshape(new), shape)


def test_reshape_in_every_spelling():
    x, n, v = T.dmatrix("x"), T.lscalar("n"), T.lvector("v")
    value = numbers((4, 6))
    spellings = [
        x.reshape((n, -1)),
        x.reshape([n, -1]),
        x.reshape(n, -1),
        T.reshape(x, (n, -1)),
        T.reshape(x, v, ndim=2),
        x.reshape(v, ndim=2),
        x.reshape(T.stack([n, -1])),
    ]
    f = symgrad.function([x, n, v], spellings)
    for got in f(value, 8, [8, 3]):
        np.testing.assert_array_equal(got, value.reshape(8, 3))
    assert x.reshape(24).ndim == 1
    for y in (T.reshape(x, (2, 3), ndim=3), x.reshape((2, 3), 1)):
        assert y.static_shape == (2, 3)  # as in Theano, a rank beside lengths says nothing
    with pytest.raises(GraphTypeError, match="unknown length"):
        x.reshape(v)


def test_reshape_of_a_transposed_tensor_reads_rows():
    x = T.dmatrix("x")
    value = numbers((2, 3))
    np.testing.assert_array_equal(x.T.reshape((-1,)).eval({x: value}), value.T.reshape(-1))
    backwards = np.arange(12.0).reshape(3, 4)[::-1, ::2]
    np.testing.assert_array_equal(x.reshape((2, 3)).eval({x: backwards}), backwards.reshape(2, 3))


def test_reshape_knows_as_much_as_can_be_known():
    x = TensorType("float64", (None, 3, 4))("x")
    n = x.shape[0]
    m = T.lscalar("m")
    assert x.reshape((n, -1)).static_shape == (None, 12)
    assert x.reshape((-1, 12)).static_shape == (None, 12)
    assert x.reshape((n, x.shape[1] * x.shape[2])).static_shape == (None, 12)
    assert x.reshape((n, n, -1)).static_shape == (None, None, None)
    assert x.reshape((n, m)).static_shape == (None, None)  # of (0, 3, 4), m may be anything
    assert x.flatten(2).static_shape == (None, 12)
    assert x.flatten().static_shape == (None,)
    y = TensorType("float64", (2, 6))("y")
    assert y.reshape((m, 3)).static_shape == (4, 3)
    assert y.reshape((m, -1)).static_shape == (None, None)
    empty = np.zeros((0, 3, 4))
    assert x.reshape((n, -1)).eval({x: empty}).shape == (0, 12)
    assert x.flatten(2).eval({x: empty}).shape == (0, 12)


@pytest.mark.parametrize(
    ("shape", "new"),
    [
        ((3, 4), (5,)),
        ((3, 4), (5, -1)),
        ((3, 4), (0, -1)),
        ((0, 4), (0, -1)),
        ((3, 4), ()),
        ((None, 4), (3, 2)),
        ((None, 0), (3, 2)),
    ],
)
def test_lengths_that_cannot_fit_raise_when_the_expression_is_built(shape, new):
    x = TensorType("float64", shape)("x")
    with pytest.raises(
        ShapeError, match=r"(?s)reshape: x .* to shape .*x was made at test_shaping"
    ):
        x.reshape(new)


def test_impossible_lengths_are_refused():
    x = variable((3, 4))
    with pytest.raises(GraphValueError, match="only one length may be -1"):
        x.reshape((-1, -1))
    with pytest.raises(GraphValueError, match="negative"):
        x.reshape((-2, 3))
    with pytest.raises(ShapeError, match="test_shaping"):
        x.reshape((5, 5)).eval({x: np.zeros((3, 4))})


@settings(max_examples=35)
@given(shapes, st.data())
def test_flatten_agrees_with_numpy(shape, data):
    ndim = data.draw(st.integers(1, max(1, len(shape))))
    check(
        lambda x: x.flatten(ndim),
        lambda x: x.reshape((*shape[: ndim - 1], int(np.prod(shape[ndim - 1 :])))),
        shape,
    )


def test_flatten_in_every_spelling():
    x = variable((2, 3, 4))
    value = numbers((2, 3, 4))
    for y in (x.flatten(), x.ravel(), T.flatten(x), T.flatten(x, outdim=1), T.flatten(x, ndim=1)):
        np.testing.assert_array_equal(y.eval({x: value}), value.ravel())
    for ndim in (0, 4):
        with pytest.raises(GraphValueError, match=f"cannot be flattened to ndim={ndim}"):
            x.flatten(ndim)


def test_gradients_go_back_through_shapes():
    x = T.dtensor3("x")
    value = numbers((2, 3, 4))
    weights = np.arange(24.0)
    for y in (x.flatten(), x.flatten(2).flatten(), x.T.T.flatten(), x.reshape((4, -1)).flatten()):
        g = T.grad((y * weights).sum(), x)
        np.testing.assert_array_equal(g.eval({x: value}), weights.reshape(2, 3, 4))


# -- broadcasting ------------------------------------------------------------------------------


@settings(max_examples=35)
@given(st.data())
def test_broadcast_to_agrees_with_numpy(data):
    wanted = data.draw(shapes)
    have = tuple(n if data.draw(st.booleans()) else 1 for n in wanted)
    have = have[data.draw(st.integers(0, len(have))) :]
    check(lambda x: T.broadcast_to(x, wanted), lambda x: np.broadcast_to(x, wanted).copy(), have)


def test_broadcast_to_refuses_what_does_not_fit():
    x = TensorType("float64", (3, None))("x")
    for shape in [(2, 4), (4,), (1, 4)]:
        with pytest.raises(ShapeError, match=r"(?s)alloc: shape .* cannot be broadcast.*x: "):
            T.broadcast_to(x, shape)
    with pytest.raises(GraphValueError, match="negative"):
        T.broadcast_to(1.0, (-1,))
    with pytest.raises(ShapeError, match=r"broadcast"):
        T.broadcast_to(x, (3, 4)).eval({x: np.zeros((3, 2))})


def test_a_broadcast_result_may_be_written_to():
    x = T.dvector("x")
    f = symgrad.function([x], T.broadcast_to(x, (2, 3)))
    result = f([1.0, 2.0, 3.0])
    result[0, 0] = 9
    assert result[1, 0] == 1


@settings(max_examples=35)
@given(st.data())
def test_broadcast_arrays_agrees_with_numpy(data):
    wanted = data.draw(shapes)
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        part = tuple(n if data.draw(st.booleans()) else 1 for n in wanted)
        parts.append(part[data.draw(st.integers(0, len(part))) :])
    values = [numbers(part) for part in parts]
    inputs = [variable(part, known=data.draw(st.booleans())) for part in parts]
    got = symgrad.function(inputs, T.broadcast_arrays(*inputs))(*values)
    for have, want in zip(got, np.broadcast_arrays(*values), strict=True):
        np.testing.assert_array_equal(have, want)


def test_broadcast_arrays_names_what_does_not_fit():
    a, b = variable((3,), known=True, name="a"), variable((4,), known=True, name="b")
    with pytest.raises(ShapeError, match=r"(?s)broadcast_arrays.*a: .*b: "):
        T.broadcast_arrays(a, b)
    assert T.broadcast_arrays() == []


def test_filling_keeps_a_shape():
    x = T.fmatrix("x")
    value = np.zeros((2, 3), "float32")
    for y, want, dtype in [
        (T.zeros_like(x), 0, "float32"),
        (T.ones_like(x, dtype="int8"), 1, "int8"),
        (T.full_like(x, 2.5), 2.5, "float32"),
        (T.fill(x, 7), 7, "float32"),
        (x.fill(0.5), 0.5, "float32"),
        (T.fill(x, np.int64(7)), 7, "int64"),
        (x.zeros_like(), 0, "float32"),
        (x.ones_like("float64"), 1, "float64"),
    ]:
        got = y.eval({x: value})
        np.testing.assert_array_equal(got, np.full((2, 3), want, dtype), strict=True)
    row = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(T.fill(x, row).eval({x: value}), [row, row])
    assert T.zeros_like(T.fscalar()).dtype == "float32"


def test_minus_zero_is_not_plain_zero():
    z = T.alloc(-0.0, T.lscalar("n"))
    assert np.signbit(z.eval({z.inputs[1]: 2})).all()


def test_gradient_of_a_filled_tensor_goes_to_the_value_only():
    x, v = T.dmatrix("x"), T.dvector("v")
    cost = (T.fill(x, v) ** 2).sum()
    g = T.grad(cost, v)
    value = np.zeros((4, 3))
    np.testing.assert_allclose(g.eval({x: value, v: [1.0, 2.0, 3.0]}), [8.0, 16.0, 24.0])
    with pytest.raises(symgrad.errors.DisconnectedInputError):
        T.grad(cost, x)


def test_known_lengths_are_taken_from_either_side():
    x, y = TensorType("float64", (None, 1))("x"), TensorType("float64", (2, None))("y")
    assert BroadcastLike().make(x, y).static_shape == (2, None)
    assert BroadcastLike().make(y, x + 0).static_shape == (2, 1)
    with pytest.raises(ShapeError, match="broadcast_like"):
        BroadcastLike().make(y, TensorType("float64", (3, None))())
    assert Alloc().make(y, T.lscalar(), T.lscalar()).static_shape == (2, None)


# -- saying what is known ----------------------------------------------------------------------


def test_specify_shape_is_known_and_checked():
    x, n = T.dmatrix("x"), T.lscalar("n")
    y = T.specify_shape(x, (n, 3))
    assert y.static_shape == (None, 3)
    f = symgrad.function([x, n], [y, T.grad((y**2).sum(), x)])
    got, g = f(np.ones((2, 3)), 2)
    np.testing.assert_array_equal(got, np.ones((2, 3)))
    np.testing.assert_array_equal(g, np.full((2, 3), 2.0))
    with pytest.raises(
        ShapeError, match=r"(?s)dimension 0 of .* has length 5, not 2.*test_shaping"
    ):
        f(np.ones((5, 3)), 2)
    with pytest.raises(ShapeError, match=r"dimension 1 of .* has length 3, not 4"):
        T.specify_shape(y, (n, 4))
    with pytest.raises(GraphValueError, match="1 lengths given for x"):
        T.specify_shape(x, (3,))
    assert T.specify_shape(x, (None, None)) is x
    v = T.lvector("v")
    assert T.specify_shape(x, v).eval({x: np.ones((2, 3)), v: [2, 3]}).shape == (2, 3)
    assert T.specify_shape(x, x.shape).ndim == 2


def test_broadcast_patterns():
    x = T.dmatrix("x")
    row = T.addbroadcast(x, 0)
    assert row.broadcastable == (True, False)
    assert T.addbroadcast(row, 0) is row
    assert T.unbroadcast(row, 0).broadcastable == (False, False)
    assert T.unbroadcast(x, 0) is x
    assert T.patternbroadcast(row, (False, True)).broadcastable == (False, True)
    assert T.Rebroadcast((0, True), (1, False))(x).broadcastable == (True, False)
    np.testing.assert_array_equal(row.eval({x: np.ones((1, 3))}), np.ones((1, 3)))
    with pytest.raises(ShapeError, match="dimension 0 has length 2, but was promised"):
        row.eval({x: np.ones((2, 3))})
    with pytest.raises(ShapeError, match="addbroadcast: dimension 0 has length 3"):
        T.addbroadcast(TensorType("float64", (3, None))("y"), 0)
    with pytest.raises(GraphValueError, match="axis 2 does not exist"):
        T.addbroadcast(x, 2)
    with pytest.raises(GraphValueError, match="3 entries given"):
        T.patternbroadcast(x, (True, False, False))
    with pytest.raises(GraphTypeError, match="pairs"):
        T.Rebroadcast(0)


def test_operations_with_settings_survive_pickling():
    import pickle

    x = T.dmatrix("x")
    y = T.addbroadcast(T.specify_shape(x, (1, None)) + 1, 1)
    for op in (y.op, y.op.__class__((0, True), (1, False))):
        assert pickle.loads(pickle.dumps(op)) == op


def test_only_the_transpose_of_a_matrix_is_called_one():
    m, t3 = T.dmatrix("m"), T.dtensor3("t")
    assert symgrad.pp(m.T) == "m.T"
    assert symgrad.pp(t3.T) == "t.T"
    assert ".T" not in symgrad.pp(t3.dimshuffle(1, 0))


# -- filling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("like", "value"),
    [
        ((2, 1), (3,)),
        ((2, 3), (3,)),
        ((2, 3), ()),
        ((3,), (2, 1)),
        ((3,), (2, 3)),
        ((1,), (3,)),
        ((0, 1), (1,)),
        ((1, 1), (2, 0)),
    ],
    ids=str,
)
def test_fill_broadcasts_both(like, value, known):
    x, v = numbers(like).astype("float32"), numbers(value)
    shapes = [y.shape if known else (None,) * y.ndim for y in (x, v)]
    a, b = T.TensorType("float32", shape=shapes[0])(), T.TensorType("float64", shape=shapes[1])()
    filled = T.fill(a, b)
    cost = (filled * numbers(np.broadcast_shapes(like, value))).sum()
    got, slope = symgrad.function([a, b], [filled, T.grad(cost, b)])(x, v)
    np.testing.assert_array_equal(got, np.broadcast_arrays(x, v)[1], strict=True)
    assert slope.shape == value
    with pytest.raises(symgrad.errors.DisconnectedInputError):  # its values do not count
        T.grad(cost, a)
    if not known:
        np.testing.assert_array_equal(symgrad.function([b], T.fill(x, b))(v), got)
