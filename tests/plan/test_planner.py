"""The plan: random graphs against node-by-node evaluation, buffer reuse, views, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad.tensor as T
from symgrad import function, shared
from symgrad.backend.numpy.source import compile_program
from symgrad.graph.expr import Constant
from symgrad.graph.types import TensorType, TupleType
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic import elementwise as e
from symgrad.ops.arrays.shaping import broadcast_like, sum_like
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.op import Op, projections
from symgrad.ops.reductions.reduction import max as max_of, sum as sum_of
from symgrad.plan import Chain, plan


def interpret(outputs, values):
    """The reference: every node by itself, nothing reused."""
    found = dict(values)
    with np.errstate(all="ignore"):
        for node in toposort(outputs):
            if isinstance(node, Constant):
                found[node] = node.value
            elif node.op is not None:
                inputs = [np.array(found[i]) for i in node.inputs]
                found[node] = np.array(node.op.impl(np, *inputs))
    return [found[output] for output in outputs]


# -- random graphs -------------------------------------------------------------------------------

UNARY = [
    e.exp,
    e.tanh,
    e.neg,
    e.abs,
    e.sqr,
    lambda x: x.T,
    lambda x: x[::2] if x.ndim else x,
    lambda x: x[..., :2] if x.ndim else x,
    lambda x: x.dimshuffle("x", *range(x.ndim)) if x.ndim < 3 else x,
    lambda x: x.reshape((-1,)),
    lambda x: sum_of(x),
    lambda x: sum_of(x, axis=0) if x.ndim else x,
    lambda x: sum_of(x, axis=-1, keepdims=True) if x.ndim else x,
    lambda x: x.astype("float32"),
    lambda x: x.astype("float64"),
    lambda x: x.astype("int64") if x.dtype != "int64" else x,
    lambda x: sum_like(x, x),
    lambda x: sum_like(broadcast_like(x, x.dimshuffle("x", *range(x.ndim))), x),
    lambda x: broadcast_like(x, x.dimshuffle("x", *range(x.ndim))) if x.ndim < 3 else x,
]
BINARY = [e.add, e.sub, e.mul, e.maximum, e.lt, lambda a, b: e.switch(e.gt(a, 0), a, b)]

INPUTS = {
    "scalar": (),
    "vector": (3,),
    "matrix": (2, 3),
    "row": (1, 3),
    "column": (2, 1),
    "empty": (0, 3),
    "tensor": (2, 1, 3),
}


@st.composite
def graphs(draw):
    """Placeholders of lengths known or not, a graph over them, some results, values."""
    pool, values = [], {}
    for name in draw(st.lists(st.sampled_from(sorted(INPUTS)), min_size=1, max_size=3)):
        shape = INPUTS[name]
        dtype = draw(st.sampled_from(["float64", "float32", "int64"]))
        known = tuple(n if draw(st.booleans()) else None for n in shape)
        variable = TensorType(dtype, known)(draw(st.sampled_from([name, "t1", "array", None])))
        rng = np.random.default_rng(draw(st.integers(0, 9)))
        values[variable] = rng.integers(-3, 4, shape).astype(dtype)
        pool.append(variable)
    w = shared(np.arange(6.0).reshape(2, 3), "w")
    pool.append(w)
    values[w] = w.get_value()
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.booleans()):
            node = draw(st.sampled_from(UNARY))(draw(st.sampled_from(pool)))
        else:
            a, b = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
            if not fits(a, b, values):
                continue
            node = draw(st.sampled_from(BINARY))(a, b)
            if node.dtype == "bool":
                node = node.astype("int64")
        if node.ndim > 3:
            continue
        pool.append(node)
    outputs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4))
    return outputs, values


def fits(a, b, values):
    shapes = [np.shape(v) for v in interpret([a, b], values)]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


@settings(max_examples=150)
@given(graphs(), st.sampled_from(["FAST_RUN", "FAST_COMPILE", "plan"]))
def test_a_program_computes_what_its_nodes_compute_one_by_one(graph, mode):
    outputs, values = graph
    inputs = [v for v in values if type(v).__name__ == "Placeholder"]
    given_values = [values[i] for i in inputs]
    before = [v.copy() for v in given_values]
    expected = interpret(outputs, values)
    if mode == "plan":  # nothing rewritten, nothing merged
        call = compile_program(plan("f", inputs, outputs, [])).call
    else:
        call = function(inputs, outputs, mode=mode, on_unused_input="ignore")
    for _ in range(2):
        got = call(*given_values)
        for have, want, node in zip(got, expected, outputs, strict=True):
            assert have.dtype == node.dtype
            assert have.shape == want.shape
            np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5)
        for have, want in zip(given_values, before, strict=True):
            np.testing.assert_array_equal(have, want)
        for k, have in enumerate(got):
            have[...] = 7  # the next call does not see it
            for other in [*got[:k], *given_values]:
                assert not np.shares_memory(have, other)


# -- buffers -----------------------------------------------------------------------------------


def steps(inputs, outputs):
    return plan("f", inputs, outputs, []).steps


@pytest.mark.usefixtures("unstressed")
def test_what_dies_is_overwritten_and_what_is_idle_used_again():
    x = T.dmatrix("x")
    a = e.exp(x)
    dot = T.dot(a, a)
    outs = [step.out for step in steps([x], [sum_of(e.abs(T.dot(dot, a)))])]
    assert outs == ["t1", "t2", "t3", "t3", None]
    x = T.TensorType("float64", (2, 2))("x")
    program = plan("f", [x], [sum_of(T.dot(T.dot(T.dot(x, x), x), x))], [])
    assert [step.out for step in program.steps] == ["t1", "t2", "t1", None]


@pytest.mark.usefixtures("unstressed")
@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: [e.neg(x)],  # an input
        lambda x, y: (lambda t: [t, e.neg(t)])(e.neg(x)),  # a result
        lambda x, y: [e.neg(x).cumsum() + y],  # lengths that may broadcast
        lambda x, y: [e.neg(e.neg(x)[1:])],  # a part
        lambda x, y: [e.neg(broadcast_like(e.neg(x.sum()), x))],  # elements that share memory
    ],
)
def test_nothing_else_is_overwritten(make):
    x, y = T.dvector("x"), T.dvector("y")
    program = plan("f", [x, y], make(x, y), [])
    owned = {name for name, _ in program.scratch.arrays}
    leaving = {result.node for result in program.outputs}
    for step in program.steps:
        assert step.out is None or step.out in owned
        assert step.node not in leaving or step.out is None


def test_an_array_is_not_overwritten_while_a_view_of_it_lives():
    x = T.dmatrix("x")
    t = e.exp(x)
    got = function([x], t.T - e.tanh(t).T, mode="FAST_COMPILE")(np.zeros((2, 2)))
    np.testing.assert_array_equal(got, np.full((2, 2), 1 - np.tanh(1)))


def test_nothing_is_written_over_what_is_read_through_a_view_too():
    x = TensorType("float64", (None, 2, 2))("x")
    product = T.batched_dot(T.exp(x), T.tanh(x))
    f = function([x], T.dot((product - product.dimshuffle(0, 2, 1))[:, 0], [1.0, 2.0]))
    value = np.arange(12.0).reshape(3, 2, 2) / 10
    want = np.exp(value) @ np.tanh(value)
    want = (want - want.swapaxes(1, 2))[:, 0] @ [1.0, 2.0]
    np.testing.assert_allclose(f(value), want)


def test_a_broadcast_view_passed_through_sum_like_is_not_overwritten():
    """sum_like returns its input where nothing was broadcast; that may be read-only."""
    x, v = T.dmatrix("x"), T.dvector("v")
    wide = sum_like(broadcast_like(e.exp(v), x), x)
    call = compile_program(plan("f", [x, v], [e.tanh(wide)], [])).call
    np.testing.assert_array_equal(
        call(np.zeros((2, 3)), np.zeros(3))[0], np.full((2, 3), np.tanh(1))
    )


class Both(Op, register=False):
    """Two results of one operation."""

    def infer(self, *types):
        return TupleType([types[0], types[0]])

    def impl(self, xp, x):
        return x + 1, x + 2


def test_results_of_one_operation_have_memory_of_their_own():
    x = T.dvector("x")
    a, b = projections(Both().make(x))
    program = plan("f", [x], [a, b], [])
    assert [result.copy for result in program.outputs] == [False, False]
    assert function([x], [e.tanh(a), b])([0])[1] == 2
    twice = projections(a.inputs[0])[0]
    first, second = compile_program(plan("f", [x], [a, twice], [])).call(np.zeros(2))
    assert not np.shares_memory(first, second)
    got = compile_program(plan("f", [x], [e.tanh(e.neg(a)), twice + 0], [])).call(np.zeros(2))
    np.testing.assert_array_equal(got[1], [1, 1])


def test_names_are_deleted_after_their_last_use():
    x = T.dvector("x")
    named = x.cumsum()
    named.name = "h"
    program = plan("f", [x], [max_of(named) + 1], [])
    assert program.steps[1].dead == ("h",)


def test_views_are_deleted_with_what_they_show():
    x, i = T.dmatrix("x"), T.lvector("i")
    rows = x[i]
    program = plan("f", [x, i], [T.dot(T.dot(rows.T, rows), x)], [])
    assert [set(s.dead) for s in program.steps if s.dead] == [{s.target for s in program.steps[:2]}]


@pytest.mark.parametrize("large", [False, True])
def test_what_a_product_reads_is_not_where_it_is_added(large, monkeypatch):
    if large:
        monkeypatch.setattr("symgrad.flags.config.stress.gemm", 0)
    W, x = shared(np.zeros((2, 2)), "W"), T.dmatrix("x")
    start = T.tanh(W * 0.5 + 1)
    f = function([x], [], updates=[(W, start - T.dot(start, x) - T.dot(x, start))])
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    value = np.zeros((2, 2))
    for _ in range(3):
        f(X)
        s = np.tanh(value * 0.5 + 1)
        value = s - s @ X - X @ s
        np.testing.assert_allclose(W.get_value(), value, rtol=1e-12)


@pytest.mark.usefixtures("unstressed")
def test_parts_are_changed_where_they_are_unless_they_are_read_there():
    x, v = T.dmatrix("x"), T.dmatrix("v")
    t = T.dot(x, x)
    changed = T.inc_subtensor(t[1:], v)
    twice = T.inc_subtensor(t[1:], t[:-1])
    f = function([x, v], [T.dot(changed, x), T.dot(twice, x)], mode="FAST_COMPILE")
    x0, v0 = np.arange(9.0).reshape(3, 3), np.ones((2, 3))
    a, b = x0 @ x0, x0 @ x0
    a[1:] += v0
    b[1:] += (x0 @ x0)[:-1]
    for got, want in zip(f(x0, v0), (a @ x0, b @ x0), strict=True):
        np.testing.assert_array_equal(got, want)
    one = plan("f", [x, v], [T.dot(changed, x)], [])
    assert [s.out for s in one.steps if isinstance(s.node.op, IncIndex)] == ["t1"]
    other = plan("f", [x], [T.dot(twice, x)], [])
    assert [s.out for s in other.steps if isinstance(s.node.op, IncIndex)] == [None]


def test_scratch_memory_is_never_a_result():
    x = T.dvector("x")
    t = e.exp(x)
    f = function([x], [e.tanh(t) * 2, t.cumsum() - t, (t * 3)[::2]], mode="FAST_COMPILE")
    kept = [(f(np.full(4, k)), k) for k in (0.0, 1.0, 2.0)]
    for results, k in kept:
        for got, want in zip(results, f(np.full(4, k)), strict=True):
            np.testing.assert_array_equal(got, want)
            got[...] = 7


# -- chains ------------------------------------------------------------------------------------


def chains_of(inputs, outputs):
    return [unit for unit in plan("f", inputs, outputs, []).units if isinstance(unit, Chain)]


@pytest.mark.usefixtures("unstressed")
def test_neighbours_of_one_shape_share_a_chain():
    x = T.dmatrix("x")
    (chain,) = chains_of([x], [sum_of(e.tanh(e.exp(x) * 2 + x))])
    assert [step.node.op.name for step in chain.steps] == ["exp", "mul", "add", "tanh"]
    assert len(chain.registers) == 1
    assert len(chain.results) == 1


def test_a_chain_is_cut_where_something_else_lies_between():
    x = T.dmatrix("x")
    a = e.tanh(e.exp(x))
    b = e.exp(e.tanh(a - sum_of(a)))  # a is needed before and after the sum
    first, second = chains_of([x], [b * a])
    assert {step.node.op.name for step in first.steps} == {"exp", "tanh"}
    assert {step.node.op.name for step in second.steps} == {"sub", "exp", "tanh", "mul"}


@pytest.mark.usefixtures("unstressed")
def test_what_a_chain_reads_for_the_last_time_may_hold_its_result():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    (chain,) = chains_of([x, y], [sum_of(e.exp(T.dot(x, y)) * 2 + 1)])
    assert chain.inputs == ("t1",)
    assert chain.outs == ()
    (_, inside, outside) = chain.results[0]
    assert inside == outside == "t1"


def test_no_view_of_it_may_be_read_as_well():
    x = T.TensorType("float64", (3, 3))("x")
    t = T.dot(x, x)
    (chain,) = chains_of([x], [sum_of(e.exp(t) * 2 + t.T)])
    assert chain.inputs == ("t1", "t2")
    assert chain.outs[0][1] not in ("t1", "t2")
    got = function([x], sum_of(e.exp(t) * 2 + t.T), mode="FAST_COMPILE")(np.eye(3))
    np.testing.assert_allclose(got, 6 * np.e + 12 + 3)


@pytest.mark.usefixtures("unstressed")
def test_long_chains_are_planned_in_linear_time():
    x = T.dvector("x")
    y = x
    for _ in range(3000):
        y = e.tanh(y) + 1
    (chain,) = chains_of([x], [y])
    assert len(chain.steps) == 6000
    assert len(chain.registers) == 1
