import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.walk import toposort
from symgrad.ops.indexing import IncIndex
from symgrad.ops.lengths import Dim
from symgrad.ops.shaping import BroadcastLike, SumLike
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


@pytest.mark.parametrize(
    "build",
    [
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
