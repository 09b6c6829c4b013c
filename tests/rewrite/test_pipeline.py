"""What is rewritten before a graph is computed, and in which order."""

import symgrad.tensor as T
from symgrad import ops
from symgrad.gradient import disconnected_grad
from symgrad.graph.walk import toposort
from symgrad.rewrite.pipeline import prepare


def ops_of(*outputs):
    return [node.op for node in toposort(outputs) if node.op is not None]


def test_barriers_leave_so_that_stability_sees_through_them():
    x = T.dmatrix("x")
    (y,) = prepare([T.log(disconnected_grad(T.nnet.softmax(x)))], simplify=False)
    assert ops_of(y) == [ops.LogSoftmax((1,))]


def test_without_simplifying_only_what_keeps_values_finite_is_done():
    x = T.dmatrix("x")
    assert ops_of(*prepare([T.log(1 + x) * 1], simplify=False)) == [ops.log1p, ops.mul]
    assert ops_of(*prepare([T.log(1 + x) * 1])) == [ops.log1p]


def test_what_simpler_shapes_make_possible_is_done_too():
    x = T.dmatrix("x")
    n = T.exp(x).shape[0]
    (y,) = prepare([T.zeros((n, x.shape[1])) + x * 1])
    assert len(ops_of(y)) <= 4
    assert ops.exp not in ops_of(y)
