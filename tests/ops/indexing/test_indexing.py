"""Indexing against NumPy's own: every form, read, set and increased, with symbols and without."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, IndexRangeError, ShapeError
from symgrad.graph.expr import Constant
from symgrad.graph.types import TensorType
from symgrad.ops.arrays.searching import nonzero
from symgrad.ops.indexing.index_spec import slice_length
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.indexing.scatter import add_at

INDEX_DTYPES = ("int64", "int32", "int8", "uint8", "uint64")


class Symbols:
    """Placeholders for parts of an index, and their values."""

    def __init__(self, draw):
        self.draw = draw
        self.inputs, self.values = [], []

    def maybe(self, value):
        """The value itself, or a placeholder for it."""
        if value is None or not self.draw(st.booleans()):
            return value
        array = np.asarray(value)
        known = self.draw(st.booleans())
        symbol = TensorType(array.dtype, array.shape if known else (None,) * array.ndim)()
        self.inputs.append(symbol)
        self.values.append(array)
        return symbol


def draw_entry(draw, symbols, shape, axis, count):
    """One entry for an axis: as NumPy takes it, as symgrad takes it, and how many axes it eats."""
    length = shape[axis]
    kinds = ["slice", "slice", "array", "list"] + ["int", "scalar"] * (length > 0)
    kind = draw(st.sampled_from([*kinds, "mask"]))
    bound = st.none() | st.integers(-5, 5)
    if kind == "slice":
        parts = [draw(bound), draw(bound), draw(bound.filter(lambda s: s != 0))]
        return slice(*parts), slice(*map(symbols.maybe, parts)), 1
    if kind == "int":
        position = draw(st.integers(-length, length - 1))
        return position, symbols.maybe(position), 1
    if kind == "scalar":
        position = np.array(draw(st.integers(0, length - 1)), draw(st.sampled_from(INDEX_DTYPES)))
        return int(position), draw(st.sampled_from([position, position[()]])), 1
    if kind == "mask":
        rank = draw(st.integers(1, min(2, len(shape) - axis)))
        lengths = shape[axis : axis + rank]
        bits = draw(st.lists(st.booleans(), min_size=24, max_size=24))
        mask = np.resize(np.array(bits), lengths)
        return mask, symbols.maybe(mask), rank
    dtype = draw(st.sampled_from(INDEX_DTYPES))
    low = 0 if dtype[0] == "u" else -length
    shape = draw(st.sampled_from([(count,), (count,), (1,), (2, count), (2, 1)]))
    numbers = draw(st.lists(st.integers(low, max(length - 1, low)), min_size=12, max_size=12))
    array = np.resize(np.array(numbers), shape).astype(dtype)
    if length == 0:
        array = array[..., :0]
    if kind == "list" and array.size:
        return array, array.tolist(), 1
    return array, symbols.maybe(array), 1


@st.composite
def indexings(draw):
    """A shape, static lengths, an index for NumPy and one for symgrad, and values of symbols."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    symbols = Symbols(draw)
    count = draw(st.integers(0, 3))
    ours, theirs = [], []
    axis, dots = 0, False
    while axis < len(shape):
        choice = draw(st.sampled_from(["entry"] * 6 + ["new", "dots", "stop"]))
        if choice == "stop":
            break
        if choice == "new":
            ours.append(None)
            theirs.append(None)
        elif choice == "dots" and not dots:
            dots = True
            ours.append(Ellipsis)
            theirs.append(Ellipsis)
            axis += draw(st.integers(0, len(shape) - axis))
            rest = len(shape) - axis
            if rest == 0:
                break
        else:
            their, our, taken = draw_entry(draw, symbols, shape, axis, count)
            if dots and axis + taken > len(shape):
                break
            ours.append(our)
            theirs.append(their)
            axis += taken
    if dots and axis < len(shape):  # what follows the dots must reach the last axis
        ours.extend([slice(None)] * (len(shape) - axis))
        theirs.extend([slice(None)] * (len(shape) - axis))
    known = tuple(n if draw(st.booleans()) else None for n in shape)
    if len(ours) == 1 and draw(st.booleans()) and not isinstance(ours[0], list):
        return shape, known, ours[0], theirs[0], symbols
    return shape, known, tuple(ours), tuple(theirs), symbols


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(case=indexings(), dtype=st.sampled_from(["float64", "float32", "int16"]), data=st.data())
def test_reading_and_writing_agree_with_numpy(case, dtype, data):
    shape, known, ours, theirs, symbols = case
    x = TensorType(dtype, known)("x")
    value = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    try:
        expected = value[theirs]
    except IndexError:  # arrays that cannot be broadcast together
        with pytest.raises((ShapeError, IndexRangeError)):
            symgrad.function([x, *symbols.inputs], x[ours])(value, *symbols.values)
        return
    part = x[ours]
    assert part.ndim == expected.ndim
    for static, length in zip(part.static_shape, expected.shape, strict=True):
        assert static in (None, length)
    if None not in known and not symbols.inputs:
        assert part.static_shape == expected.shape, "nothing was unknown"
    new_shape = tuple(n if data.draw(st.booleans()) else 1 for n in expected.shape)
    new_shape = new_shape[data.draw(st.integers(0, len(new_shape))) :]
    y = TensorType(dtype, (None,) * len(new_shape))("y")
    new = (100 + np.arange(int(np.prod(new_shape)))).reshape(new_shape).astype(dtype)
    f = symgrad.function(
        [x, y, *symbols.inputs],
        [part, T.set_subtensor(part, y), T.inc_subtensor(part, y)],
        on_unused_input="ignore",
    )
    read, written, increased = f(value, new, *symbols.values)
    np.testing.assert_array_equal(read, expected, strict=True)
    after = value.copy()
    after[theirs] = new
    np.testing.assert_array_equal(written, after, strict=True)
    after = value.copy()
    np.add.at(after, theirs, new)
    np.testing.assert_array_equal(increased, after, strict=True)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(case=indexings())
def test_gradients_of_every_form(case):
    shape, known, ours, theirs, symbols = case
    value = np.arange(1.0, 1 + int(np.prod(shape))).reshape(shape)
    try:
        part_value = value[theirs]
    except IndexError:
        return
    x, y = TensorType("float64", known)("x"), TensorType("float64", (None,) * part_value.ndim)("y")
    part = x[ours]
    read = T.sum(part * part * y)
    changed = [T.sum(change(part, y) ** 2) for change in (T.set_subtensor, T.inc_subtensor)]
    grads = [symgrad.grad(cost, [x, y]) for cost in [read, *changed]]
    outputs = [gradient for pair in grads for gradient in pair]
    f = symgrad.function([x, y, *symbols.inputs], outputs, on_unused_input="ignore")
    new = part_value / 2 + 3
    got = f(value, new, *symbols.values)

    expected = np.zeros(shape)
    np.add.at(expected, theirs, 2 * part_value * new)
    np.testing.assert_allclose(got[0], expected)
    np.testing.assert_allclose(got[1], part_value**2)

    written, kept = value.copy(), np.ones(shape)
    written[theirs], kept[theirs] = new, 0
    last = np.full(shape, -1)
    numbers = np.arange(part_value.size).reshape(part_value.shape)
    last[theirs] = numbers
    np.testing.assert_allclose(got[2], 2 * written * kept)
    np.testing.assert_allclose(got[3], 2 * new * (last[theirs] == numbers))

    increased = value.copy()
    np.add.at(increased, theirs, new)
    np.testing.assert_allclose(got[4], 2 * increased)
    np.testing.assert_allclose(got[5], 2 * increased[theirs])


@settings(max_examples=100)
@given(
    n=st.integers(0, 6),
    parts=st.tuples(*[st.none() | st.integers(-7, 7)] * 3).filter(lambda p: p[2] != 0),
)
def test_length_of_a_slice(n, parts):
    length = len(np.zeros(n)[slice(*parts)])
    assert slice_length(n, *parts) == length
    assert slice_length(None, *parts) in (None, length)


def test_slices_that_are_empty_at_any_length_are_known():
    x = T.vector()
    for index in (slice(0, 0), slice(3, 2), slice(-1, -3), slice(None, 0), slice(1, 4, -1)):
        assert x[index].static_shape == (0,)
    assert x[2:3].static_shape == x[-1:].static_shape == x[::-1].static_shape == (None,)


# -- adding where an index repeats -------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32", "uint8", "complex128"])
@pytest.mark.parametrize(
    "index",
    [
        (np.arange(900) % 7 - 3,),
        (np.arange(900) % 7, np.arange(900) % 5),
        (slice(None, None, 2), None, np.arange(600).reshape(2, 300) % 8),
        (np.arange(300)[:, None] % 9, slice(1, None), np.array([0, 5, -1])),
        (slice(None), np.arange(300) % 4, Ellipsis, np.arange(300) % 5),
        (3, slice(None), np.arange(300) % 4),
        (np.arange(10), slice(None), slice(None, None, -1)),
        (np.arange(500) % 2, np.ones((8, 6), bool).nonzero()[0][:1], 2),
    ],
    ids=range(8),
)
def test_add_at_agrees_with_numpy(index, dtype):
    rng = np.random.default_rng(1)
    out = rng.integers(0, 9, (10, 8, 6)).astype(dtype)
    expected = out.copy()
    value = rng.integers(0, 3, expected[index].shape).astype(dtype)
    np.add.at(expected, index, value)
    for memory in (out.copy(), np.asfortranarray(out)):
        add_at(memory, index, value)
        np.testing.assert_array_equal(memory, expected, strict=True)
        add_at(memory, index, np.array(1, dtype))  # broadcast


def test_add_at_adds_in_float64():
    for shape in ((3,), (3, 2)):
        out = np.full(shape, 1.0, "float32")
        add_at(out, (np.ones(100_000, "int64"),), np.float32(1e-4))
        np.testing.assert_allclose(out[1], 11.0, rtol=1e-6)  # one by one in float32: 10.95
        np.testing.assert_array_equal(out[0], 1.0)


def test_add_at_leaves_other_elements_alone():
    out = np.array([[-0.0, np.nan], [np.inf, 1.0]], "float32")
    add_at(out, (np.ones(300, "int64"), np.ones(300, "int64")), np.float32(1))
    assert np.signbit(out[0, 0])
    assert np.isnan(out[0, 1])
    assert np.isposinf(out[1, 0])
    assert out[1, 1] == 301


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32", "complex64"])
@pytest.mark.parametrize(
    ("rows", "count", "width"),
    [
        (1000, 20, 10),
        (1000, 100, 64),
        (20_000, 300, 64),  # hardly any repeats
        (400, 900, 40),  # most repeat a few times
        (8, 900, 40),  # all repeat often
        (3, 9000, 1),
        (50, 0, 4),
        (1, 500, 20),
        (900, 900, 0),
    ],
)
def test_add_at_sums_any_number_of_repeats(rows, count, width, dtype):
    rng = np.random.default_rng(rows + count)
    index = (rng.integers(0, rows, count) * rng.random(count) ** 3).astype("int64")  # 0 most often
    out = rng.integers(-2, 3, (rows, width)).astype(dtype)
    value = rng.integers(-1, 2, (count, width)).astype(dtype)
    want = out.astype("complex128" if dtype == "complex64" else "float64")
    np.add.at(want, index, value)
    got = out.copy()
    add_at(got, (index,), value)
    np.testing.assert_array_equal(got, want.astype(dtype), strict=True)
    part = np.zeros((rows, 2 * width), dtype)[:, ::2]  # not contiguous
    part[...] = out
    add_at(part, (index - rows * (index % 2),), value)  # every other one from behind
    np.testing.assert_array_equal(part, got)


def test_add_at_is_as_accurate_as_sums_by_halves():
    rng = np.random.default_rng(0)
    for count, rows in ((128, 1), (1000, 1), (1000, 200), (5000, 10)):
        value = rng.random((count, 100)).astype("float32")
        index = rng.integers(0, rows, count)
        out, exact = np.zeros((rows, 100), "float32"), np.zeros((rows, 100))
        add_at(out, (index,), value)
        np.add.at(exact, index, value.astype("float64"))
        np.testing.assert_allclose(out, exact, rtol=1e-6)


def test_add_at_takes_no_memory_in_proportion_to_the_whole():
    out = np.zeros((200_000, 8), "float32")
    index = np.arange(500) * 7 % 451
    tracemalloc.start()
    add_at(out, (index,), np.float32(1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150_000  # the whole takes 6,400 kB, and one byte a row 200
    assert out.sum() == 4000


INCREMENTS = {
    "set": (True, False),
    "added": (False, False),
    "added once": (False, True),
}


@pytest.mark.parametrize("name", INCREMENTS)
@pytest.mark.parametrize(
    ("spec", "index", "shape"),
    [
        ((("slice", 1, None, None),), [], (4, 3)),
        ((("int", "$"),), [np.array(-2)], (3,)),
        ((("int", 0), ("int", 1)), [], ()),
        ((("array",),), [np.array([0, 4, 2])], (3, 3)),
        ((("array",), ("array",)), [np.array([0, 4]), np.array([1, 1])], (2,)),
        ((("mask", 1, 2),), [np.array([True, False, False, True, False])], (2, 3)),
    ],
)
def test_a_part_is_changed_in_place(name, spec, index, shape):
    op = IncIndex(spec, *INCREMENTS[name])
    x = np.arange(15.0).reshape(5, 3)
    value = np.arange(np.prod(shape)).reshape(shape) + 100.0
    want = op.impl(np, x, value, *index)
    before = x.copy()
    assert op.inc_into(x, value, *index) is None
    np.testing.assert_array_equal(x, want)
    assert (x != before).any()


@pytest.mark.parametrize("name", INCREMENTS)
def test_a_part_that_cannot_be_changed_leaves_the_whole(name):
    op = IncIndex((("array",),), *INCREMENTS[name])
    x = np.zeros((5, 200))
    for index, value in (([1, 7], 1.0), ([1, 2] * 200, np.ones((3, 200))), ([1, -6] * 300, 1.0)):
        with pytest.raises((IndexError, ValueError)):
            op.inc_into(x, value, np.array(index))
        assert not x.any()


@pytest.mark.parametrize("wrong", [-11, 10])
@pytest.mark.parametrize("size", [3, 300])
def test_add_at_checks_positions(wrong, size):
    index = np.arange(size) % 10
    index[1] = wrong
    for shape in ((10,), (10, 2)):
        with pytest.raises(IndexError, match=f"{wrong} is out of bounds"):
            add_at(np.zeros(shape), (index,), 1.0)


# -- the forms that programs rely on -----------------------------------------------------------


def test_the_probability_of_the_right_class():  # THEANO S13
    p, y = T.matrix("p"), T.ivector("y")
    picked = p[T.constant(np.arange(3)), y]
    values = np.arange(12.0).reshape(3, 4)
    g = symgrad.grad(T.sum(picked**2), p)
    f = symgrad.function([p, y], [picked, g])
    got, slope = f(values, np.array([1, 1, 3], "int32"))
    np.testing.assert_array_equal(got, [1, 5, 11])
    expected = np.zeros((3, 4))
    expected[[0, 1, 2], [1, 1, 3]] = [2, 10, 22]
    np.testing.assert_array_equal(slope, expected)


def test_an_embedding_accumulates_and_minus_one_is_the_last_row():  # THEANO S13
    table = symgrad.shared(np.arange(10.0, dtype="float32").reshape(5, 2), "table")
    words = T.imatrix("words")
    looked_up = table[words]
    assert looked_up.ndim == 3
    g = symgrad.grad(T.sum(looked_up), table)
    f = symgrad.function([words], [looked_up, g])
    got, slope = f(np.array([[0, -1], [4, 0]], "int32"))
    np.testing.assert_array_equal(got[0, 1], [8, 9])
    assert slope.dtype == "float32"
    np.testing.assert_array_equal(slope[:, 0], [2, 0, 0, 0, 2])


def test_in_place_operators_make_new_nodes():  # THEANO S20
    x = T.vector("x")
    before, y = x, x[1:]
    y += 1
    x *= 2
    assert x is not before
    np.testing.assert_array_equal((x[1:] + y).eval({before: [1.0, 2.0]}), [7.0])
    with pytest.raises(GraphTypeError, match="T.set_subtensor"):
        x[0] = 1
    with pytest.raises(GraphTypeError, match="T.inc_subtensor"):
        x[0] += 1


def test_a_shared_integer_is_an_index():  # THEANO S25
    x, i = T.matrix("x"), symgrad.shared(0)
    f = symgrad.function([x], x[:, i], updates=[(i, (i + 1) % x.shape[1])])
    values = np.arange(6.0).reshape(2, 3)
    for column in (0, 1, 2, 0):
        np.testing.assert_array_equal(f(values), values[:, column])


def test_a_batch_of_a_shared_dataset_keeps_symbolic_bounds():
    data = symgrad.shared(np.arange(20.0).reshape(10, 2), "data")
    i = T.lscalar("i")
    f = symgrad.function([i], data[i * 3 : (i + 1) * 3])
    np.testing.assert_array_equal(f(3), [[18.0, 19.0]])
    assert "data[" in f.source


def test_parts_of_shapes_can_be_unpacked():
    x = TensorType("float64", (None, 3, None))("x")
    a, b = x.shape[:2]
    assert isinstance(b, Constant)
    assert len(x.shape[1:]) == 2
    values = np.zeros((5, 3, 2))
    outputs = [a, x.shape[-1], x.shape[::-1], x.shape[1:][1], x.shape[1:2], x.shape[[2, 0]]]
    got = symgrad.function([x], outputs)(values)
    for have, want in zip(got, [5, 2, [2, 3, 5], 2, [3], [2, 5]], strict=True):
        np.testing.assert_array_equal(have, want)
        assert have.dtype == "int64"
    with pytest.raises(IndexRangeError, match="out of range"):
        x.shape[3]


def test_lengths_that_are_known_stay_known():
    n, m = TensorType("float64", (2, 3))().shape
    assert isinstance(n, Constant)
    assert T.matrix().reshape((n, m)).static_shape == (2, 3)
    constant = T.constant([4, 5, 6])
    np.testing.assert_array_equal(T.set_subtensor(constant[1], 9).eval(), [4, 9, 6])
    np.testing.assert_array_equal(T.inc_subtensor(constant[1:], 1).eval(), [4, 6, 7])


def test_scalars_and_nothing_as_index():
    x = T.scalar("x")
    for part, shape in ((x[()], ()), (x[...], ()), (x[None], (1,)), (x[None, ..., None], (1, 1))):
        assert part.static_shape == shape
        assert part.eval({x: 2.0}).shape == shape
    assert T.set_subtensor(x[()], 5).eval({x: 2.0}) == 5


def test_python_lists_of_booleans_and_of_symbols():
    x, i = T.vector("x"), T.lscalar("i")
    np.testing.assert_array_equal(x[[True, False, True]].eval({x: [1, 2, 3]}), [1, 3])
    assert x[[True, False, True]].static_shape == (2,)
    assert x[[i, 0, -1]].static_shape == (3,)
    np.testing.assert_array_equal(x[[i, 0, -1]].eval({x: [1, 2, 3], i: 1}), [2, 1, 3])


def test_the_index_that_nonzero_gives():
    x = T.matrix("x")
    zeroed = T.set_subtensor(x[nonzero(x > 1)], 0)
    np.testing.assert_array_equal(zeroed.eval({x: [[1, 2], [3, 0]]}), [[1, 0], [0, 0]])


def test_changing_a_part_of_an_expression():
    x = T.vector("x")
    y = T.set_subtensor((x * 2)[1:], x[:-1])
    g = symgrad.grad(T.sum(y * T.constant([1.0, 10.0, 100.0])), x)
    got, slope = symgrad.function([x], [y, g])([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(got, [2, 1, 2])
    np.testing.assert_array_equal(slope, [12, 100, 0])


def test_changing_a_part_through_a_transposed_or_reshaped_view():
    x = T.matrix("x")
    values = np.zeros((3, 4))
    column = T.inc_subtensor(x[:, 1].dimshuffle(0, "x"), [[1], [2], [3]])
    np.testing.assert_array_equal(column.eval({x: values})[:, 1], [1, 2, 3])
    turned = T.set_subtensor(x[:2].T, [1, 2])
    np.testing.assert_array_equal(turned.eval({x: values})[:2], [[1] * 4, [2] * 4])
    flat = T.set_subtensor(x[1:].reshape((-1,)), 7)
    np.testing.assert_array_equal(flat.eval({x: values})[1:], np.full((2, 4), 7))


def test_what_is_only_changed_is_not_read():
    x, i = T.matrix("x"), T.lvector("i")
    f = symgrad.function([x, i], T.inc_subtensor(x[i], 1))
    assert len(f.program.steps) == 1


# -- dtypes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [T.set_subtensor, T.inc_subtensor])
def test_values_are_cast_to_what_they_go_into(change):
    x = T.fvector("x")
    for value in (1, 0.1, True, [0.1, 2], np.int8(3), np.float16(2), T.bscalar("b")):
        assert change(x[:2], value).dtype == "float32"
    for value in (np.float64(1), T.dscalar(), T.lscalar(), np.zeros(2), np.int64(2**40)):
        assert change(x[:2], value).dtype == "float32"
    assert change(T.lvector()[0], 3).dtype == "int64"
    for value in ([1, 2], np.int64(3), np.array([7, -128]), T.lscalar(), T.vector(dtype="uint8")):
        assert change(T.bvector()[:2], value).dtype == "int8"
    for base, value in (
        (T.lvector(), 0.5),
        (T.lvector(), 2.0),
        (T.lvector(), [0.5, 1]),
        (T.lvector(), np.float32(1)),
        (T.lvector(), T.fscalar()),
        (T.bvector(), 300),
        (T.bvector(), np.array([0, 300])),
        (T.vector(dtype="uint8"), -1),
        (T.lvector(), np.array(2**63, "uint64")),
        (x, 1j),
        (T.dvector(), T.zscalar()),
    ):
        with pytest.raises(GraphTypeError, match="without loss"):
            change(base[:2], value)


def test_the_value_that_is_cast_has_its_own_gradient():
    x, y = T.fvector("x"), T.dvector("y")
    for change in (T.set_subtensor, T.inc_subtensor):
        new = change(x[1:], y)
        g = symgrad.grad((new**2).sum(), y)
        f = symgrad.function([x, y], [new, g])
        got, slope = f(np.ones(3, "float32"), [0.1, 0.2])
        want = np.ones(3, "float32")
        want[1:] = np.float32([0.1, 0.2]) + (change is T.inc_subtensor)
        np.testing.assert_array_equal(got, want, strict=True)
        np.testing.assert_array_equal(slope, np.float64(2 * want[1:]), strict=True)


def test_booleans_are_set_but_not_increased():
    x = TensorType("bool", (None,))("x")
    np.testing.assert_array_equal(T.set_subtensor(x[1:], True).eval({x: [False] * 2}), [0, 1])
    with pytest.raises(GraphTypeError, match="booleans, which have no sum"):
        T.inc_subtensor(x[1:], True)


def test_integers_have_zero_gradient_and_indices_none():
    x, i = T.vector("x"), T.lvector("i")
    with pytest.raises(symgrad.errors.DisconnectedInputError):
        symgrad.grad(T.sum(x[i]), i)
    ints = T.lvector("ints")
    g = symgrad.grad(T.sum(x * ints[1:]), ints)
    np.testing.assert_array_equal(g.eval({ints: [1, 2]}), [0.0, 0.0])
    assert g.dtype == "float64"


# -- errors ------------------------------------------------------------------------------------


def test_what_is_no_index():
    x = T.matrix("x")
    for index in (1.5, "a", {}, True, np.bool_(False), T.vector(), [0.5], np.array([]), (0, 1j)):
        with pytest.raises(GraphTypeError, match="^x (is|cannot be) indexed with"):
            x[index]
    for bound in (1.5, "a", T.scalar(), T.lvector()):
        with pytest.raises(GraphTypeError, match="slice bound of x must be an integer"):
            x[bound:]
    with pytest.raises(GraphValueError, match="step of a slice of x is 0"):
        x[::0]


def test_too_many_entries_name_the_line():
    x = T.matrix("x")
    with pytest.raises(IndexRangeError, match="3 for x .* has 2 dimensions.\n.*test_indexing.py"):
        x[0, 0, 0]
    with pytest.raises(IndexRangeError, match="has 0 dimensions"):
        T.scalar()[0]
    with pytest.raises(IndexRangeError, match="one `...`, not 2"):
        x[..., 0, ...]
    with pytest.raises(IndexRangeError, match="too many indices: 3"):
        x[np.ones((2, 2), bool), 0]


def test_positions_known_to_be_out_of_range():
    x = TensorType("float64", (3, None))("x")
    for index in (3, -4, [0, 3], np.array([-4]), T.constant(5), np.uint8(255)):
        with pytest.raises(
            IndexRangeError, match="(?s)out of range for dimension 0.* 3.*x was made at"
        ):
            x[index]
    with pytest.raises(ShapeError, match="mask of length 2 does not fit dimension 0 of length 3"):
        x[np.array([True, False])]
    with pytest.raises(ShapeError, match="indices: shapes .* do not fit together"):
        x[[0, 1], [0, 1, 2]]


def test_positions_found_out_of_range_at_run_time():
    x, i, j = T.vector("x"), T.lscalar("i"), T.lvector("j")
    m = TensorType("bool", (None,))("m")
    read = symgrad.function([x, i], x[i])
    with pytest.raises(IndexRangeError, match=r"test_indexing.py.*\n*.*read = symgrad"):
        read([1.0], 1)
    for part in (x[j], T.inc_subtensor(x[j], 1), T.set_subtensor(x[j], 1)):
        with pytest.raises(IndexRangeError, match="out of bounds"):
            symgrad.function([x, j], part)([1.0], [0, 1])
    with pytest.raises(IndexRangeError, match="boolean mask of length 2"):
        symgrad.function([x, m], x[m])([1.0], [True, False])
    with pytest.raises(GraphValueError, match="step cannot be zero"):
        symgrad.function([x, i], x[::i])([1.0], 0)


@pytest.mark.parametrize("change", [T.set_subtensor, T.inc_subtensor])
def test_values_that_do_not_fit(change):
    x, y = TensorType("float64", (3, 4))("x"), T.vector("y")
    with pytest.raises(ShapeError, match="shape .3,. does not fit in a part of"):
        change(x[:2], [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="2 dimensions does not fit"):
        change(x[0], T.matrix())
    with pytest.raises(GraphTypeError, match="must be a part of a tensor"):
        change(x, 1)
    with pytest.raises(GraphTypeError, match="must be a part of a tensor"):
        change(np.zeros(3), 1)
    for part in (x[0], x[[0]]):
        with pytest.raises(ShapeError, match="shape"):
            symgrad.function([x, y], change(part, y))(np.zeros((3, 4)), [1.0, 2.0])


def test_texts_and_source_show_the_index():
    x, i = T.matrix("x"), T.lvector("i")
    y = T.inc_subtensor(x[i, 1:], 2.0)
    assert str(y) == "inc_subtensor(x[i, 1:], 2.0)"
    assert "[i, 1:]" in symgrad.function([x, i], y).source


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_positions_beyond_int64_are_out_of_range(mode):
    x, i, y = T.dvector("x"), T.vector("i", dtype="uint64"), T.dvector("y")
    far, last = np.array([2**64 - 1], "uint64"), np.array([2], "uint64")
    cost = (x[i] ** 2).sum()
    for result in (x[i], T.inc_subtensor(x[i], y), T.set_subtensor(x[i], y), T.grad(cost, x)):
        f = symgrad.function([x, i, y], result, on_unused_input="ignore", mode=mode)
        f([1.0, 2.0, 3.0], last, [1.0])
        with pytest.raises(IndexRangeError, match=f"{far[0]} is out of bounds"):
            f([1.0, 2.0, 3.0], far, [1.0])
