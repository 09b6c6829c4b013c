import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.graph.expr import Placeholder
from symgrad.graph.walk import toposort
from symgrad.ops.arrays.lengths import Dim
from symgrad.ops.arrays.shaping import BroadcastLike, SumLike
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.rewrite.pipeline import prepare
from symgrad.rewrite.shapes import known_lengths, simplify_shapes


def ops_of(*outputs):
    return [type(node.op) for node in toposort(outputs) if node.op is not None]


def test_a_length_of_a_computed_tensor_is_asked_of_the_input():
    x = T.dmatrix("x")
    y = T.exp(T.dot(x, x.T)) * 2
    (length,) = simplify_shapes([y.shape[1]])
    assert isinstance(length.op, Dim)
    assert length.inputs == (x,)
    assert ops_of(length) == [Dim]


def test_a_shape_vector_of_a_computed_tensor_computes_no_values():
    x = T.dmatrix("x")
    f = symgrad.function([x], T.exp(x).shape)
    assert "exp" not in f.source
    np.testing.assert_array_equal(f(np.zeros((2, 5))), [2, 5])


def test_gradients_sum_back_only_where_broadcasting_may_happen():
    x, b = T.dmatrix("x"), T.dvector("b")
    alone = simplify_shapes([T.grad(T.exp(x).sum(), x)])
    assert SumLike not in ops_of(*alone)
    both = simplify_shapes([T.grad((T.exp(x) + b).sum(), x)])
    assert SumLike in ops_of(*both)  # x may have one column and b many


def test_unknown_lengths_that_differ_at_run_time_still_broadcast():
    x, b = T.dmatrix("x"), T.dmatrix("b")
    f = symgrad.function([x, b], T.grad((T.exp(x) * b).sum(), [x, b]))
    gx, gb = f(np.zeros((3, 1)), np.ones((1, 4)))
    np.testing.assert_array_equal(gx, np.full((3, 1), 4.0))
    np.testing.assert_array_equal(gb, np.full((1, 4), 3.0))


def heavy(x):
    """Something that must not be computed for its shape."""
    return T.tanh(x) * 2


SHAPES_OF = {
    "elementwise": (heavy, (3, 4)),
    "of a row and a matrix": (lambda x: heavy(x) + heavy(x).sum(axis=0), (3, 4)),
    "dot": (lambda x: T.dot(heavy(x), heavy(x).T), (3, 3)),
    "affine": (lambda x: T.dot(heavy(x), np.ones((4, 5))) + T.dvector("b"), (3, 5)),
    "batched dot": (lambda x: T.batched_dot(heavy(x)[:, :, None], heavy(x)[:, None]), (3, 4, 4)),
    "transposed": (lambda x: heavy(x).T, (4, 3)),
    "sum": (lambda x: heavy(x).sum(axis=1), (3,)),
    "max, axes kept": (lambda x: heavy(x).max(axis=0, keepdims=True), (1, 4)),
    "softmax": (lambda x: T.nnet.softmax(heavy(x)), (3, 4)),
    "flattened": (lambda x: heavy(x).flatten(), (12,)),
    "reshaped": (lambda x: heavy(x).reshape((2, 6)), (2, 6)),
    "reshaped to what is left": (lambda x: heavy(x).reshape((2, -1)), (2, 6)),
    "reshaped to a length": (lambda x: heavy(x).reshape((x.shape[1], x.shape[0])), (4, 3)),
    "joined": (lambda x: T.concatenate([heavy(x), x, heavy(x)]), (9, 4)),
    "joined in the other axis": (lambda x: T.concatenate([heavy(x), x], axis=1), (3, 8)),
    "stacked": (lambda x: T.stack([heavy(x), x]), (2, 3, 4)),
    "tiled": (lambda x: T.tile(heavy(x), (2, 3)), (6, 12)),
    "repeated": (lambda x: T.repeat(heavy(x), 2, axis=0), (6, 4)),
    "sliced": (lambda x: heavy(x)[1:], (2, 4)),
    "sliced backwards": (lambda x: heavy(x)[::-2, :3], (2, 3)),
    "a row": (lambda x: heavy(x)[1], (4,)),
    "looked up": (lambda x: heavy(x)[T.constant([0, 1, 1, 2, 0])], (5, 4)),
    "looked up by a vector": (lambda x: heavy(x)[T.cast(x[0], "int64") * 0], (4, 4)),
    "changed": (lambda x: T.set_subtensor(heavy(x)[1:], 0.0), (3, 4)),
    "sorted": (lambda x: T.sort(heavy(x)), (3, 4)),
    "counted": (lambda x: T.arange(heavy(x).shape[0]), (3,)),
    "filled": (lambda x: T.alloc(0.0, heavy(x).shape[1] + 1, 2), (5, 2)),
    "like it": (lambda x: T.zeros_like(heavy(x)), (3, 4)),
    "cast": (lambda x: T.cast(heavy(x), "float32"), (3, 4)),
    "one hot": (lambda x: T.extra_ops.to_one_hot(T.cast(heavy(x)[0], "int64"), 7), (4, 7)),
    "gradient": (lambda x: T.grad(heavy(x).sum(), x), (3, 4)),
}


@pytest.mark.parametrize("name", SHAPES_OF)
def test_shapes_are_known_without_values(name):
    build, want = SHAPES_OF[name]
    x = T.dmatrix("x")
    y = build(x)
    lengths = [y.shape[a] for a in range(y.ndim)]
    given = {n for n in toposort([y]) if isinstance(n, Placeholder)}
    results = [y.shape, y.size, *lengths]
    f = symgrad.function([x, *given - {x}], results, on_unused_input="ignore")
    shape, size, *got = f(np.ones((3, 4)), *[np.ones(5)] * (len(given) - 1))
    assert tuple(shape) == want
    assert size == np.prod(want)
    assert tuple(got) == want
    graph = prepare(results)
    assert ops.tanh not in {n.op for n in toposort(graph)}


def test_shapes_of_nothing():
    x = T.dmatrix("x")
    y = T.concatenate([T.exp(x), x[:0]]).reshape((x.shape[1], -1))
    for shape in ((2, 4), (0, 3)):
        value = np.ones(shape)
        want = np.concatenate([value, value[:0]]).reshape((shape[1], -1)).shape
        np.testing.assert_array_equal(y.shape.eval({x: value}), want)
    n = T.lscalar("n")
    assert T.arange(n).shape[0].eval({n: -3}) == 0


def test_a_length_that_may_be_minus_one_is_asked_of_the_tensor():
    x, n = T.dmatrix("x"), T.lscalar("n")
    f = symgrad.function([x, n], T.exp(x).reshape((n, 2)).shape)
    np.testing.assert_array_equal(f(np.ones((3, 4)), -1), [6, 2])
    np.testing.assert_array_equal(f(np.ones((3, 4)), 6), [6, 2])


def test_a_tensor_reshaped_to_its_own_shape_is_itself():
    x = T.dmatrix("x")
    y = T.exp(x).reshape(x.shape)
    assert ops_of(*prepare([y])) == [type(ops.exp)]
    z = T.exp(x).reshape((x.shape[0], -1))
    np.testing.assert_array_equal(z.eval({x: np.zeros((2, 3))}), np.ones((2, 3)))


def test_what_is_broadcast_to_a_computed_shape_needs_no_values():
    x = T.dmatrix("x")
    y = T.tanh(x)
    g = T.grad((3 * y).sum(), y)
    assert ops.tanh not in {n.op for n in toposort(prepare([g]))}
    np.testing.assert_array_equal(g.eval({x: np.zeros((2, 3))}), np.full((2, 3), 3.0))


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x[::2],
        lambda x: x[:, [0, 0, 1]],
        lambda x: x[T.arange(x.shape[0]), T.arange(x.shape[0])],
        lambda x: x[:, None, T.arange(2)],
        lambda x: x.dimshuffle("x", 0, 1)[0, :, T.arange(3)],
        lambda x: x.dimshuffle(0, "x", 1)[T.arange(2), :, T.arange(2)],
        lambda x: x.dimshuffle(0, 1, "x")[T.arange(2), T.arange(2)],
        lambda x: x.dimshuffle("x", 0, 1)[:, T.arange(2)[:, None] + T.arange(2)],
        lambda x: x[T.cast(x, "int64") * 0],
        lambda x: x[x > 3],
        lambda x: T.concatenate([x, x])[0],
        lambda x: T.batched_dot(x.dimshuffle(0, 1, "x"), x.dimshuffle(0, "x", 1)),
        lambda x: T.sort(x, axis=0),
        lambda x: x.dimshuffle(1, "x", 0),
        lambda x: x.sum(axis=0, keepdims=True),
        lambda x: T.zeros_like(x) + 1,
        lambda x: x[:, 1:],
        lambda x: T.nnet.softmax(x),
        lambda x: T.cast(x, "float32"),
        lambda x: x.reshape((x.shape[1], x.shape[0])),
        lambda x: x * x.sum(axis=1, keepdims=True),
    ],
)
def test_known_lengths_agree_with_the_computed_shape(build):
    x = T.dmatrix("x")
    y = build(x)
    lengths = known_lengths(toposort([y]))[y]
    value = np.arange(12.0).reshape(3, 4)
    result = y.eval({x: value})
    assert len(lengths) == result.ndim
    for length, actual in zip(lengths, result.shape, strict=True):
        if isinstance(length, tuple):
            node, axis = length
            assert node is y or value.shape[axis] == actual
        else:
            assert length == actual


def test_nothing_to_do_returns_the_same_nodes():
    x = T.dmatrix("x")
    y = T.exp(x) + 1
    assert simplify_shapes([y]) == [y]
    assert BroadcastLike not in ops_of(y)


def test_an_increment_at_rows_in_order_is_known_to_be_distinct():
    x, y = T.dmatrix("x"), T.ivector("y")
    picked = x[T.arange(y.shape[0]), y]
    g = T.grad(picked.sum(), x)
    f = symgrad.function([x, y], g)
    (step,) = [s for s in f.program.steps if isinstance(s.node.op, IncIndex)]
    assert step.node.op.distinct
    assert "broadcast_like" not in f.source
    value = f(np.zeros((3, 4)), np.array([1, 1, 3], "int32"))
    np.testing.assert_array_equal(value, np.eye(4)[[1, 1, 3]])


def test_an_increment_that_may_repeat_is_not():
    x, y = T.dmatrix("x"), T.ivector("y")
    f = symgrad.function([x, y], T.grad(x[y, y].sum() + x[T.arange(1), y].sum(), x))
    steps = [s for s in f.program.steps if isinstance(s.node.op, IncIndex)]
    assert len(steps) == 2
    assert not any(s.node.op.distinct for s in steps)
    value = f(np.zeros((3, 3)), np.array([1, 1], "int32"))
    np.testing.assert_array_equal(value, [[0, 2, 0], [0, 2, 0], [0, 0, 0]])


def test_a_repeated_value_is_not_repeated_beside_one_of_full_shape():
    x = T.dmatrix("x")
    f = symgrad.function([x], T.grad((x * x).mean(), x))
    assert "broadcast_like" not in f.source
    np.testing.assert_allclose(f(np.ones((2, 3))), np.full((2, 3), 2 / 6))


def test_what_is_simplified_keeps_its_name_and_line():
    x = T.dmatrix("x")
    rows = T.exp(x).shape[0]
    rows.name = "rows"
    (simpler,) = simplify_shapes([rows])
    assert simpler is not rows
    assert (simpler.name, simpler.origin) == ("rows", rows.origin)


def test_small_integers_that_count_up_may_wrap_and_repeat():
    x = T.dvector("x")
    f = symgrad.function([x], T.inc_subtensor(x[T.arange(300, dtype="uint8")], 1.0))
    assert f(np.zeros(256)).sum() == 300
