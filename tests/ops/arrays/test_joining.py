"""Joining, stacking, splitting, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad import config
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.ops.arrays.joining import Split


def variables(values, known=False):
    return [
        TensorType(v.dtype.name, v.shape if known else (None,) * v.ndim)(f"x{k}")
        for k, v in enumerate(values)
    ]


def numbers(shape, dtype="float64", start=1):
    return np.array(np.arange(start, start + np.prod(shape)).reshape(shape).astype(dtype))


def check(build, want, values):
    """Compare with what NumPy gives, with lengths known and unknown."""
    for known in (True, False):
        inputs = variables(values, known)
        node = build(inputs)
        got = symgrad.function(inputs, node)(*values)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == node.dtype == want.dtype
        assert got.shape == want.shape
        if known:
            assert node.static_shape == want.shape


@st.composite
def parts(draw):
    """Arrays that can be joined along an axis, and the axis."""
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    dtypes = st.sampled_from(["int8", "int64", "float32", "float64", "bool"])
    values = []
    for k in range(draw(st.integers(1, 4))):
        shape[axis] = draw(st.integers(0, 3))
        values.append(numbers(shape, draw(dtypes), 10 * k))
    return values, axis


# -- joining -----------------------------------------------------------------------------------


@settings(max_examples=35)
@given(parts())
def test_concatenate_agrees_with_numpy(drawn):
    values, axis = drawn
    want = np.concatenate(values, axis)
    check(lambda xs: T.concatenate(xs, axis), want, values)
    check(lambda xs: T.join(axis, *xs), want, values)
    flat = np.concatenate(values, None)
    check(lambda xs: T.concatenate(xs, axis=None), flat, values)


@settings(max_examples=35)
@given(parts())
def test_gradient_of_a_join_is_split(drawn):
    values, axis = drawn
    values = [v.astype("float64") for v in values]
    weights = numbers(np.concatenate(values, axis).shape)
    xs = variables(values)
    gs = T.grad((T.concatenate(xs, axis) * weights).sum(), xs)
    places = np.cumsum([v.shape[axis] for v in values])[:-1]
    f = symgrad.function(xs, gs, on_unused_input="ignore")
    for got, want in zip(f(*values), np.split(weights, places, axis), strict=True):
        np.testing.assert_array_equal(got, want)


def test_gradients_of_a_join_keep_dtypes():
    x, y, i = T.fvector("x"), T.dvector("y"), T.ivector("i")
    cost = (T.concatenate([x, y, i]) ** 2).sum()
    gx, gy, gi = T.grad(cost, [x, y, i])
    assert (gx.dtype, gy.dtype, gi.dtype) == ("float32", "float64", "float64")
    values = {x: [1, 2], y: [3], i: [5, 6]}  # (the result is float: i counts as a real vector)
    np.testing.assert_array_equal(gi.eval(values), [10, 12])


def test_joining_takes_numbers_lists_and_shapes():
    x = T.fvector("x")
    assert T.concatenate([x, np.ones(2, "float32")]).dtype == "float32"
    joined = T.concatenate([x, [1, 2]])
    np.testing.assert_array_equal(joined.eval({x: [0.0]}), [0, 1, 2])
    shapes = T.concatenate([x.shape, [3]])
    np.testing.assert_array_equal(T.zeros(shapes).eval({x: np.zeros(2, "float32")}).shape, (2, 3))
    assert T.concatenate([x]) is x
    assert T.concatenate(T.dmatrix().shape[:1] for _ in range(2)).static_shape == (2,)
    assert T.join(T.constant(0), x, x).ndim == 1


def test_joining_refuses():
    x, m = TensorType("float64", (2, 3))("x"), TensorType("float64", (3, 3))("m")
    with pytest.raises(ShapeError, match=r"(?s)dimension 0 they are 2, 3.*test_joining.*x: .*m: "):
        T.concatenate([x, m], axis=1)
    with pytest.raises(GraphTypeError, match="different ranks"):
        T.concatenate([x, T.dvector()])
    with pytest.raises(GraphTypeError, match=r"s .* is a scalar.*T\.stack"):
        T.concatenate([T.dscalar("s"), 1.0])
    with pytest.raises(GraphTypeError, match="list of tensors, not the single variable x"):
        T.concatenate(x)
    with pytest.raises(GraphValueError, match="at least one"):
        T.concatenate([])
    with pytest.raises(GraphValueError, match="concatenate: axis 2"):
        T.concatenate([x, x], axis=2)
    a, b = T.dmatrices("a", "b")
    with pytest.raises(ShapeError, match="test_joining"):
        T.concatenate([a, b], axis=1).eval({a: np.zeros((2, 1)), b: np.zeros((3, 1))})


def test_what_is_known_of_one_is_known_of_the_join():
    a, b = TensorType("float64", (None, 3))("a"), TensorType("float64", (2, None))("b")
    assert T.concatenate([a, b]).static_shape == (None, 3)
    assert T.concatenate([a, b], axis=1).static_shape == (2, None)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_side_by_side_and_below_each_other(shape):
    values = [numbers(shape), numbers(shape, start=100)]
    check(T.hstack, np.hstack(values), values)
    check(T.vstack, np.vstack(values), values)
    if len(shape) == 2:
        check(lambda xs: T.horizontal_stack(*xs), np.hstack(values), values)
        check(lambda xs: T.vertical_stack(*xs), np.vstack(values), values)
    else:
        with pytest.raises(GraphTypeError, match="joins matrices, not x0"):
            T.vertical_stack(*variables(values))


# -- stacking ----------------------------------------------------------------------------------


@settings(max_examples=35)
@given(st.lists(st.integers(0, 3), max_size=3), st.integers(1, 4), st.data())
def test_stack_agrees_with_numpy(shape, count, data):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    dtypes = st.sampled_from(["int8", "float32", "float64"])
    values = [numbers(shape, data.draw(dtypes), 10 * k) for k in range(count)]
    want = np.stack(values, axis)
    check(lambda xs: T.stack(xs, axis=axis), want, values)
    check(lambda xs: T.stack(xs, axis), want, values)
    if axis == 0 and count > 1:
        check(lambda xs: T.stack(*xs), want, values)


def test_gradient_of_a_stack():
    for make, shape in ((T.dscalars, ()), (T.dmatrices, (2, 3))):
        a, b = make("a", "b")
        y = T.stack([a, b, a], axis=0)
        weights = numbers((3, *shape))
        ga, gb = symgrad.function([a, b], T.grad((y**2 * weights).sum(), [a, b]))(
            np.ones(shape), 2 * np.ones(shape)
        )
        np.testing.assert_array_equal(ga, 2 * (weights[0] + weights[2]))
        np.testing.assert_array_equal(gb, 4 * weights[1])


def test_lists_that_hold_symbols_are_stacked_with_weak_numbers():
    x, i = T.fscalar("x"), T.bscalar("i")
    y = T.stacklists([[x, 1], [2, 3.5]])
    assert (y.dtype, y.static_shape) == ("float32", (2, 2))
    np.testing.assert_array_equal(y.eval({x: 7.0}), [[7, 1], [2, 3.5]])
    assert T.stack([i, 1]).dtype == "int8"
    assert T.stack([i, 300]).dtype == "int16"
    assert T.stack([i, 0.5]).dtype == "float64"
    assert T.stack([x, np.float64(1)]).dtype == "float64"
    assert T.stack([i, True]).dtype == "int8"
    with config.change_flags(floatX="float32"):
        assert T.stack([i, 0.5]).dtype == "float32"
    assert T.dot([x, 1], [1.0, 2.0]).eval({x: 3.0}) == 5
    assert T.stacklists([[1, 2], [3, 4]]).dtype == "int64"
    assert T.stacklists([1.0, 2.0]).dtype == "float64"
    assert T.stacklists(x) is x
    vectors = T.stacklists([[T.dvector("a"), [1.0, 2.0]], [T.dvector("b"), np.zeros(2)]])
    assert vectors.static_shape == (2, 2, 2)


def test_a_stack_of_scalars_is_unpacked_as_a_shape_is():
    n, m = T.lscalars("n", "m")
    vector = T.stack([n, m, 2])
    assert len(vector) == 3
    a, b, c = vector
    assert (a + b * c).eval({n: 1, m: 10}) == 21
    assert T.zeros(vector).ndim == 3


def test_stacking_refuses():
    a, b = T.dvector("a"), T.dmatrix("b")
    with pytest.raises(GraphTypeError, match=r"(?s)stack: .* different ranks.*a: .*b: "):
        T.stack([a, b])
    with pytest.raises(GraphTypeError, match="not the single variable b"):
        T.stack(b)
    with pytest.raises(GraphValueError, match="at least one"):
        T.stack([])
    with pytest.raises(GraphValueError, match="expand_dims: axis 2"):
        T.stack([a, a], axis=2)
    with pytest.raises(GraphValueError, match="stack: axis 1"):
        T.stack([T.dscalar(), 1.0], axis=1)
    with pytest.raises(ShapeError, match=r"stack: .* in dimension 0: \?, \?, 2, 3"):
        T.stack([a, a, [1.0, 2.0], [1.0, 2.0, 3.0]])


# -- splitting ---------------------------------------------------------------------------------


@settings(max_examples=35)
@given(parts())
def test_split_undoes_concatenate(drawn):
    values, axis = drawn
    whole = np.concatenate(values, axis)
    sizes = [v.shape[axis] for v in values]
    for known in (True, False):
        (x,) = variables([whole], known)
        outputs = T.split(x, sizes, len(sizes), axis)
        for node, got, want in zip(
            outputs, symgrad.function([x], outputs)(whole), values, strict=True
        ):
            np.testing.assert_array_equal(got, want.astype(whole.dtype))
            assert got.dtype == node.dtype
            assert node.static_shape[axis] == want.shape[axis]
            assert not np.shares_memory(got, whole)


def test_split_in_every_spelling():
    x, n, v = T.dvector("x"), T.lscalar("n"), T.lvector("v")
    value = numbers(5)
    for outputs in (
        T.split(x, [n, 5 - n], 2),
        T.split(x, [2, 3]),
        T.split(x, T.stack([n, 3])),
        T.split(x, v, 2),
        T.split(x, np.array([2, 3]), n_splits=2, axis=-1),
    ):
        f = symgrad.function([x, n, v], outputs, on_unused_input="ignore")
        first, second = f(value, 2, [2, 3])
        np.testing.assert_array_equal(first, [1, 2])
        np.testing.assert_array_equal(second, [3, 4, 5])
    halves = T.split(T.dmatrix(), 2, 3, axis=1)
    assert [h.static_shape for h in halves] == [(None, 2)] * 3
    y = TensorType("float64", (7,))("y")
    assert [p.static_shape for p in T.split(y, [n, 3])] == [(4,), (3,)]


def test_gradient_of_a_split_needs_not_use_every_part():
    x = T.dmatrix("x")
    a, b, c = T.split(x, [1, 2, 1], 3, axis=1)
    g = T.grad((a**2).sum() + (3 * c).sum(), x)
    value = numbers((2, 4))
    want = np.array([[2.0, 0, 0, 3], [10, 0, 0, 3]])
    np.testing.assert_array_equal(g.eval({x: value}), want)
    assert sum(isinstance(n.op, Split) for n in toposort([T.grad(b.sum(), x)])) <= 1


def test_split_refuses():
    x = TensorType("float64", (5, None))("x")
    with pytest.raises(ShapeError, match=r"\[2, 2\] add up to 4, but dimension 0 of x .* length 5"):
        T.split(x, [2, 2], 2)
    with pytest.raises(GraphValueError, match="negative"):
        T.split(x, [6, -1], 2)
    with pytest.raises(GraphValueError, match="2 lengths given, but n_splits=3"):
        T.split(x, [2, 3], 3)
    with pytest.raises(GraphTypeError, match="length of each part"):
        T.split(x, 2)
    with pytest.raises(GraphTypeError, match="unknown length"):
        T.split(x, T.lvector())
    with pytest.raises(GraphValueError, match="at least one part"):
        T.split(x, [])
    with pytest.raises(GraphValueError, match="split: axis 2"):
        T.split(x, [1], 1, axis=2)
    with pytest.raises(ShapeError, match=r"add up to 3, but dimension 1 of .* has length 4"):
        T.split(x, [1, 2], axis=1)[0].eval({x: np.zeros((5, 4))})


@pytest.mark.parametrize("where", [3, 1, [2], [1, 4], [0, 9], np.array([2, 2])])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_numpys_split_counts_parts_or_names_positions(where, axis):
    value = numbers((6, 3))
    for known in (True, False):
        (x,) = variables([value], known)
        outputs = np.split(x, where, axis=axis)
        got = symgrad.function([x], outputs)(value)
        for have, want in zip(got, np.split(value, where, axis), strict=True):
            np.testing.assert_array_equal(have, want)
            assert have.shape == want.shape


def test_numpys_split_into_parts_that_are_not_equal_is_refused():
    with pytest.raises(ShapeError, match="add up to 4, but dimension 0"):
        np.split(TensorType("float64", (5,))("x"), 2)
    x = T.dvector("x")
    with pytest.raises(ShapeError, match="add up to 4, but dimension 0 of .* has length 5"):
        np.split(x, 2)[0].eval({x: numbers(5)})


def test_an_axis_must_be_known_when_the_expression_is_built():
    x, axis = T.dmatrix("x"), T.iscalar("axis")
    with pytest.raises(
        GraphTypeError, match="integer known when the expression is built, not axis"
    ):
        T.concatenate([x, x], axis=axis)
    assert T.concatenate(tensor_list=[x, x], axis=T.constant(1)).ndim == 2
