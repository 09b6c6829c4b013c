import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType


def placeholders(*values, known=False):
    return [
        TensorType(v.dtype.name, v.shape if known else (None,) * v.ndim)(name)
        for v, name in zip(values, "ab", strict=False)
    ]


def run(f, *values, known=False):
    inputs = placeholders(*values, known=known)
    result = f(*inputs)
    got = symgrad.function(inputs, result)(*values)
    assert (got.dtype, got.ndim) == (result.dtype, result.ndim)
    for length, static in zip(got.shape, result.static_shape, strict=True):
        assert static in (None, length)
    return got


def sample(shape, dtype="float64", seed=0):
    values = np.random.default_rng(seed).integers(-3, 4, shape)
    return (values > 0 if dtype == "bool" else values).astype(dtype)


def check_gradient(f, *values):
    """Against central differences along a random direction, to second order."""
    inputs = placeholders(*values)
    rng = np.random.default_rng(7)
    result = f(*inputs)
    shape = symgrad.function(inputs, result.shape)(*values)
    cost = T.sum(result * T.constant(rng.normal(size=tuple(shape))) * result)
    grads = symgrad.grad(cost, inputs)
    first = symgrad.function(inputs, [cost, *grads])
    directions = [rng.normal(size=v.shape) for v in values]
    slope = sum((T.sum(g * T.constant(d)) for g, d in zip(grads, directions, strict=True)), 0)
    second = symgrad.function(inputs, symgrad.grad(slope, inputs))(*values)
    eps = 1e-5
    up = first(*[v + eps * d for v, d in zip(values, directions, strict=True)])
    down = first(*[v - eps * d for v, d in zip(values, directions, strict=True)])
    got = sum((g * d).sum() for g, d in zip(first(*values)[1:], directions, strict=True))
    np.testing.assert_allclose(got, (up[0] - down[0]) / (2 * eps), rtol=1e-6, atol=1e-6)
    for have, above, below in zip(second, up[1:], down[1:], strict=True):
        np.testing.assert_allclose(have, (above - below) / (2 * eps), rtol=1e-5, atol=1e-5)


# -- dot and matmul ----------------------------------------------------------------------------

RANKS = list(itertools.product(range(5), range(5)))


def dot_shapes(rank_a, rank_b, inner):
    free = (2, 3, 1, 2)
    a = (*free[: rank_a - 1], inner) if rank_a else ()
    if rank_b < 2:
        return a, (inner,) * rank_b
    return a, (*(3, 2)[: rank_b - 2], inner, 4)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("rank_a", "rank_b"), RANKS)
def test_dot_agrees_with_numpy_at_every_rank(rank_a, rank_b, known):
    for inner in (3, 1, 0):
        shape_a, shape_b = dot_shapes(rank_a, rank_b, inner)
        a, b = sample(shape_a), sample(shape_b, seed=1)
        got = run(T.dot, a, b, known=known)
        np.testing.assert_array_equal(got, np.dot(a, b))


@pytest.mark.parametrize("ranks", [(3, 2), (2, 3), (3, 3), (1, 3), (3, 1), (4, 2)])
def test_gradient_of_dot_at_higher_ranks(ranks):
    shape_a, shape_b = dot_shapes(*ranks, 3)
    check_gradient(T.dot, sample(shape_a), sample(shape_b, seed=1))


@pytest.mark.parametrize(
    ("dtype_a", "dtype_b", "dtype"),
    [
        ("int64", "int64", "int64"),
        ("int8", "int8", "int8"),
        ("bool", "bool", "bool"),
        ("float32", "float32", "float32"),
        ("float32", "int32", "float64"),
        ("float32", "int8", "float32"),
        ("float16", "float16", "float16"),
        ("uint8", "float64", "float64"),
    ],
)
def test_dot_of_other_dtypes(dtype_a, dtype_b, dtype):
    a, b = np.abs(sample((3, 4), dtype_a)), np.abs(sample((4, 2), dtype_b, 1))
    for f, reference in ((T.dot, np.dot), (T.matmul, np.matmul)):
        got = run(f, a, b)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, reference(a.astype(dtype), b.astype(dtype)))


@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_dot_takes_every_layout(layout):
    a = np.asarray(sample((4, 6)), order="F" if layout == "F" else "C")
    a = np.repeat(a, 2, 1)[:, ::2] if layout == "strided" else a
    np.testing.assert_array_equal(run(lambda x, y: T.dot(x.T, y), a, a), a.T @ a)


def test_a_transposed_operand_is_a_view():
    a, b = T.dmatrices("a", "b")
    source = symgrad.function([a, b], T.dot(a.T, b)).source
    assert ".T" in source
    assert "copy" not in source


@st.composite
def matmul_shapes(draw):
    n, k, m = (draw(st.integers(0, 3)) for _ in range(3))
    stack = draw(st.lists(st.integers(1, 3), max_size=2))
    shapes = []
    for core in ((n, k), (k, m)):
        own = [draw(st.sampled_from([1, length])) for length in stack]
        own = own[draw(st.integers(0, len(own))) :]
        shapes.append((*own, *core))
    if draw(st.booleans()):
        shapes[0] = (k,)
    if draw(st.integers(0, 3)) == 0:
        shapes[1] = (k,)
    return shapes


@given(matmul_shapes(), st.booleans())
@settings(max_examples=50)
def test_matmul_agrees_with_numpy(shapes, known):
    a, b = sample(shapes[0]), sample(shapes[1], seed=1)
    got = run(lambda x, y: x @ y, a, b, known=known)
    np.testing.assert_array_equal(got, a @ b)


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (4, 3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 1, 2, 3), (4, 3, 2))],
)
def test_gradient_of_matmul_sums_over_broadcast_axes(a, b):
    check_gradient(T.matmul, sample(a), sample(b, seed=1))


def test_matmul_with_numpy_on_the_left():
    x = T.dmatrix("x")
    value = sample((3, 2))
    got = symgrad.function([x], np.ones((2, 3)) @ x)(value)
    np.testing.assert_array_equal(got, np.ones((2, 3)) @ value)


# -- tensordot and batches -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3, 4), (4, 5), 1),
        ((2, 3), (4,), 0),
        ((2, 3, 4), (4, 3, 5), ([1, 2], [1, 0])),
        ((2, 3, 4), (4, 3, 5), ((-1, -2), (0, 1))),
        ((2, 3, 4), (5, 2), (0, 1)),
        ((2, 3), (2, 3), ([0, 1], [0, 1])),
        ((2, 0), (0, 3), 1),
        ((), (2,), 0),
        ((2, 3, 4), (3, 4, 5), np.int64(2)),
    ],
)
def test_tensordot_agrees_with_numpy(a, b, axes):
    a, b = sample(a), sample(b, seed=1)
    got = run(lambda x, y: T.tensordot(x, y, axes), a, b)
    np.testing.assert_array_equal(got, np.tensordot(a, b, axes))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4,), (4,)),
        ((4,), (4, 3)),
        ((4, 3), (4, 3)),
        ((4, 2, 3), (4, 3)),
        ((4, 3), (4, 3, 2)),
        ((4, 2, 3), (4, 3, 2)),
        ((4, 1, 2, 3), (4, 2, 3, 5)),
        ((0, 2, 3), (0, 3, 2)),
        ((4, 2, 0), (4, 0, 2)),
    ],
)
def test_batched_dot_is_a_dot_for_each_entry(a, b):
    a, b = sample(a), sample(b, seed=1)
    got = run(T.batched_dot, a, b)
    if len(a):
        want = np.stack([np.dot(x, y) for x, y in zip(a, b, strict=True)])
        np.testing.assert_array_equal(got, want)
        check_gradient(T.batched_dot, a, b)
    else:
        assert got.shape == (0, 2, 2)


@pytest.mark.parametrize(
    ("a", "b", "axes", "each"),
    [
        ((4, 2, 3), (4, 2, 3), 2, 2),
        ((4, 2, 3), (4, 3, 5), 1, 1),
        ((4, 2), (4, 3), 0, 0),
        ((4, 2, 3), (4, 3, 2), ([1, 2], [2, 1]), ([0, 1], [1, 0])),
        ((4, 2, 3), (4, 5, 2), (1, 2), (0, 1)),
    ],
)
def test_batched_tensordot_is_a_tensordot_for_each_entry(a, b, axes, each):
    a, b = sample(a), sample(b, seed=1)
    got = run(lambda x, y: T.batched_tensordot(x, y, axes), a, b)
    want = np.stack([np.tensordot(x, y, each) for x, y in zip(a, b, strict=True)])
    np.testing.assert_array_equal(got, want)


# -- the others ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "reference", "shapes"),
    [
        (T.outer, np.outer, [((3,), (2,)), ((2, 2), (3,)), ((), (3,)), ((0,), (3,))]),
        (T.inner, np.inner, [((3,), (3,)), ((2, 3), (4, 3)), ((), (3,)), ((2, 2, 3), (3,))]),
        (T.vdot, np.vdot, [((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (6,))]),
        (T.kron, np.kron, [((2,), (3,)), ((2, 3), (4, 1)), ((2,), (2, 2)), ((1, 0), (2, 3))]),
    ],
)
def test_other_products_agree_with_numpy(f, reference, shapes):
    for shape_a, shape_b in shapes:
        a, b = sample(shape_a), sample(shape_b, seed=1)
        np.testing.assert_array_equal(run(f, a, b), reference(a, b))


def test_vdot_conjugates():
    a, b = np.array([1 + 2j, 3j]), np.array([2 - 1j, 1.0 + 0j])
    np.testing.assert_allclose(run(T.vdot, a, b), np.vdot(a, b))


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [T.dot, T.matmul, T.batched_dot, T.tensordot])
def test_lengths_that_cannot_fit_are_named_when_built(f):
    a = TensorType("float64", (2, 3, 4))("left")
    b = TensorType("float64", (2, 5, 6))("right")
    with pytest.raises(ShapeError) as caught:
        f(a, b)
    text = str(caught.value)
    assert all(part in text for part in ("left", "right", "2, 3, 4", "2, 5, 6", "test_linalg.py"))


@pytest.mark.parametrize("f", [T.dot, T.matmul, T.batched_dot, T.tensordot])
def test_lengths_that_do_not_fit_are_named_when_run(f):
    a, b = T.dtensor3("left"), T.dtensor3("right")
    g = symgrad.function([a, b], f(a, b))
    with pytest.raises(ShapeError) as caught:
        g(np.ones((2, 3, 4)), np.ones((2, 5, 6)))
    text = str(caught.value)
    assert "(2, 3, 4)" in text
    assert "test_linalg.py" in text


def test_other_mistakes_are_explained():
    m, s = T.dmatrix("m"), T.dscalar("s")
    for f in (T.matmul, T.batched_dot, T.batched_tensordot):
        with pytest.raises(GraphTypeError, match="s "):
            f(m, s)
    with pytest.raises(GraphValueError, match="axes=3"):
        T.tensordot(m, m, 3)
    with pytest.raises(GraphValueError, match="twice"):
        T.tensordot(m, m, ([0, 0], [0, 1]))
    with pytest.raises(GraphValueError, match="cannot be paired"):
        T.tensordot(m, m, ([0, 1], [0]))
    with pytest.raises(GraphValueError, match="axis 2 does not exist"):
        T.tensordot(m, m, (2, 0))
    with pytest.raises(GraphTypeError, match="axes must be"):
        T.tensordot(m, m, "abc")
    with pytest.raises(GraphValueError, match="the batch"):
        T.batched_tensordot(m, m, (0, 1))
