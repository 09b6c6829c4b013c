"""What a condition did not choose has the slope 0, whatever the rest of the chain is there."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad as S
import symgrad.tensor as T
from symgrad.graph.types import is_float
from symgrad.ops.arithmetic.elementwise import maximum, minimum
from symgrad.ops.families import Elementwise
from symgrad.ops.op import REGISTRY
from symgrad.ops.reductions.family import Reduction

NAN, INF = float("nan"), float("inf")
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, -1.0, 1.0, 1e300, -1e300, 5e-324]


def slope(make, *values, second=False):
    """The gradient by the first of some vectors or matrices."""
    inputs = [
        T.TensorType("float64", (None,) * np.ndim(v))("xyzabc"[k]) for k, v in enumerate(values)
    ]
    g = T.grad(make(*inputs).sum(), inputs[0])
    if second:
        g = T.grad(g.sum(), inputs[0], disconnected_inputs="ignore")
    return S.function(inputs, g, on_unused_input="ignore")(*values)


V = [0.0, 2.0]


@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        (lambda v: T.switch(v > 0, T.log(v), 0), [0, 0.5], [0, -0.25]),
        (lambda v: T.where(v > 0, T.log(v), 0), [0, 0.5], [0, -0.25]),
        (lambda v: T.switch(v <= 0, 0, T.log(v)), [0, 0.5], [0, -0.25]),
        (lambda v: T.switch(v > 0, T.log(v), v), [1, 0.5], [0, -0.25]),
        (lambda v: T.switch(v > 0, 1 / v, 7), [0, -0.25], [0, 0.25]),
        (lambda v: T.switch(v > 0, v**v, 0), [0, 4 * (1 + np.log(2))], None),
        (lambda v: T.switch(v > 0, T.switch(v > 3, 1 / v, T.log(v)), 0), [0, 0.5], [0, -0.25]),
        (lambda v: T.switch(v > 3, 1 / v, T.switch(v > 0, T.log(v), 0)), [0, 0.5], [0, -0.25]),
        (lambda v: T.switch(v > 0, T.log(v), 0) * T.switch(v > 1, v, 1), [0, 1 + np.log(2)], None),
        (lambda v: T.switch(v < 1, T.exp(1000 * (1 - v)) * 0 + v, v), [NAN, 1], None),
        (lambda v: T.maximum(T.log(v), -1), [0, 0.5], [0, -0.25]),
        (lambda v: T.maximum(-1, T.log(v)), [0, 0.5], [0, -0.25]),
        (lambda v: T.minimum(-T.log(v), 1), [0, -0.5], [0, 0.25]),
        (lambda v: T.clip(T.log(v), -1, 10), [0, 0.5], [0, -0.25]),
        (lambda v: T.clip(T.sqrt(v), 1, 10), [0, 0.5 / np.sqrt(2)], None),
        (lambda v: T.clip(1 / v, -1, 10), [0, -0.25], [0, 0.25]),
        (lambda v: T.nnet.relu(T.log(v)), [0, 0.5], [0, -0.25]),
        (lambda v: T.log(v).max().reshape((1,)), [0, 0.5], [0, -0.25]),
        (lambda v: T.switch(v > 0, T.log(v.reshape((1, 2))).reshape((2,)), 0), [0, 0.5], None),
        (lambda v: T.switch(v > 0, T.cast(T.log(v), "float32"), 0), [0, 0.5], None),
        (lambda v: T.switch(v[::-1] > 0, T.log(v)[::-1], 0), [0, 0.5], None),
        (lambda v: T.exp(T.switch(v > 0, T.log(v), 0)), [0, 1], [0, 0]),
        (lambda v: T.switch(v > 0, abs(T.log(v)), 0), [0, 0.5], [0, -0.25]),
        (lambda v: T.choose(T.cast(v > 0, "int8"), [v, T.log(v)]), [1, 0.5], [0, -0.25]),
        (lambda v: T.choose(T.cast(v > 0, "int8"), [0.0, T.log(v)]), [0, 0.5], [0, -0.25]),
        (lambda v: T.set_subtensor(T.log(v)[(v <= 0).nonzero()], v[0]), [1, 0.5], [0, -0.25]),
        (lambda v: T.set_subtensor(T.log(v)[:1], 7), [0, 0.5], [0, -0.25]),
        (lambda v: (v > 0) * T.log(v), [NAN, 0.5], None),  # a mask is a factor
    ],
)
def test_the_branch_not_taken(make, first, second):
    np.testing.assert_allclose(slope(make, V), first, rtol=1e-6)
    if second is not None:
        np.testing.assert_allclose(slope(make, V, second=True), second)


def test_a_choice_counts_for_all_that_is_used_twice():
    def shared(v):
        log = T.log(v)
        return T.switch(v > 0, log, 0) + T.switch(v > 1, 2 * log, 0)

    np.testing.assert_allclose(slope(shared, V), [0, 1.5])

    def both(v):
        log = T.log(v)
        return T.switch(v > 1, log, 3 * log)

    np.testing.assert_allclose(slope(both, [0.5, 2.0]), [6, 0.5])


def rows(make):
    """A number of each row, in a branch."""
    return lambda x, v: T.switch(v > 0, make(x), 0)


def log_share(x):
    return T.nnet.logsoftmax(T.log(x))[:, 0]


@pytest.mark.parametrize(
    ("make", "values", "expected"),
    [  # x, broadcast against or reduced to what was chosen from
        (lambda x, m: T.switch(m > 0, T.log(x), 0), (V, [[0, 1.0], [-1, 1]]), [0, 1]),
        (lambda x, m: T.switch(m > 0, T.log(x), 0), (0.0, [[0, -1.0]]), 0),
        (rows(lambda x: T.log(x).sum(1)), ([[0, 1], [1, 2]], V), [[0, 0], [1, 0.5]]),
        (rows(lambda x: T.log(x).max(1)), ([[0, 0], [1, 2]], V), [[0, 0], [0, 0.5]]),
        (rows(lambda x: T.sqrt(x).prod(1)), ([[0, 0], [1, 4]], V), [[0, 0], [1, 0.25]]),
        (rows(lambda x: T.sqrt((x**2).sum(1))), ([[0, 0], [3, 4]], V), [[0, 0], [0.6, 0.8]]),
        (rows(lambda x: x.norm(2, axis=1)), ([[0, 0], [3, 4]], V), [[0, 0], [0.6, 0.8]]),
        (rows(log_share), ([[-1, 1], [1, 3]], V), [[0, 0], [0.75, -0.25]]),
        (lambda x, s: T.switch(s > 0, T.dot(T.log(x), x), 0), (V, 0.0), [0, 0]),
        (lambda x, s: T.switch(s > 0, T.log(x)[0], 0), (V, 0.0), [0, 0]),
        (lambda x, w: T.switch(w > 0, T.log(x)[:2], 0), ([0, 1.0, 2], V), [0, 1, 0]),
        (lambda x, w: T.switch(w > 0, T.stack([T.log(x), x]), 0), (V, [[0, 1], [1, 1]]), [1, 1.5]),
        (lambda x, m: T.switch(m > 0, T.log(x.T).T, 0), ([[0, 1.0]], [[0, 1.0]]), [[0, 1]]),
    ],
)  # fmt: skip
def test_choices_reach_through_what_moves_and_adds(make, values, expected):
    np.testing.assert_allclose(slope(make, *values), expected)


ELEMENTWISE = [
    op for name, op in sorted(REGISTRY.items()) if isinstance(op, Elementwise) and op.differentiable
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("inside", [lambda x: x, T.log, T.sqrt, lambda x: 1 / x, lambda x: x**0.5])
@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_every_operation_in_a_branch(op, inside):
    """At places that are chosen the slope is as ever, at the others 0, to second order."""
    rng = np.random.default_rng(0)
    args = next(iter(op.examples())).args
    special = list(itertools.islice(itertools.cycle(SPECIAL), 40))
    values = []
    for arg in args:
        good = rng.uniform(arg.low, arg.high, 40)
        good = {T.log: np.exp, T.sqrt: np.square}.get(inside, lambda x: x)(good)
        rng.shuffle(special)
        values.append(np.concatenate([good, special]))
    chosen = np.arange(80) < 40
    xs = [T.dvector() for _ in args]
    c = T.TensorType("bool", (None,))()
    y = op(*[inside(x) for x in xs])
    if not is_float(y.dtype):
        pytest.skip("no float")
    for branch, cond in ((T.switch(c, y, 0), chosen), (T.switch(c, 1, y), ~chosen)):
        first = T.grad(branch.sum(), xs, disconnected_inputs="ignore")
        plain = T.grad(y.sum(), xs, disconnected_inputs="ignore")
        total = sum(g.sum() for g in first)
        second = T.grad(total, xs, disconnected_inputs="ignore")
        f = S.function([c, *xs], [*first, *plain, *second], on_unused_input="ignore")
        got = f(cond, *values)
        n = len(xs)
        for g, p in zip(got[:n], got[n : 2 * n], strict=True):
            np.testing.assert_array_equal(g[40:], 0)
            np.testing.assert_allclose(g[:40], p[:40], rtol=1e-12, atol=1e-300)
        for g in got[2 * n :]:
            np.testing.assert_array_equal(g[40:], 0)


@pytest.mark.parametrize("choose", [maximum, minimum])
def test_an_extreme_of_two_sends_nan_both_ways(choose):
    x, y = T.dvectors("x", "y")
    cost = (choose(x, y) ** 2).sum()
    f = S.function([x, y], T.grad(cost, [x, y]))
    for a, b in ((NAN, 0.0), (0.0, NAN), (NAN, NAN)):
        assert np.isnan(f([a], [b])).all()


REDUCTIONS = [
    kind
    for name, kind in sorted(REGISTRY.items())
    if isinstance(kind, type) and issubclass(kind, Reduction)
]


@pytest.mark.parametrize("kind", REDUCTIONS, ids=lambda k: k.__name__)
def test_every_reduction_in_a_branch(kind):
    x, c = T.dmatrix(), T.TensorType("bool", (None,))()
    for example in kind.examples():
        if example.op.axis != (1,) or not is_float(example.args[0].dtype):
            continue
        y = example.op.make(T.log(x))
        cond = c if y.ndim == 1 else c.dimshuffle(0, "x")
        if not is_float(y.dtype):
            continue
        f = S.function([x, c], T.grad(T.switch(cond, y, 0).sum(), x), on_unused_input="ignore")
        for bad in SPECIAL:
            got = f([[2.0, 3.0], [bad, 1.0], [bad, bad]], [True, False, False])
            np.testing.assert_array_equal(got[1:], 0)
            assert np.isfinite(got).all()


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_random_chains(data):
    """A chain of operations, in a branch at a random depth: 0 where it is not taken."""
    steps = [T.log, T.sqrt, T.exp, lambda x: 1 / x, lambda x: x**2, T.tanh, lambda x: x * x - 1]
    moves = [lambda x: x.T, lambda x: x.reshape((4, 3)), lambda x: x[::-1], lambda x: x[:, ::-1]]
    x, c = T.dmatrix("x"), T.matrix("c", dtype="bool")
    y, chosen = x, c
    for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=5)):
        y = step(y)
    move = data.draw(st.sampled_from(moves))
    y = T.switch(move(chosen), move(y), 0)
    for step in data.draw(st.lists(st.sampled_from([T.exp, T.tanh, T.sqr]), max_size=3)):
        y = step(y)
    taken = np.array(data.draw(st.lists(st.booleans(), min_size=12, max_size=12))).reshape(3, 4)
    values = np.where(taken, 1.5, data.draw(st.sampled_from(SPECIAL)))
    got = S.function([x, c], T.grad(y.sum(), x))(values, taken)
    np.testing.assert_array_equal(got[~taken], 0)


def test_what_is_chosen_elsewhere_is_not_multiplied_twice():
    """The choice is made once, at the end: one pass over the memory more than without it."""
    x = T.dvector("x")
    f = S.function([x], T.grad(T.switch(x > 0, T.exp(T.tanh(x)), 0).sum(), x))
    assert f.source.count("kept(") == 1


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_what_is_multiplied_with_a_zero_of_a_condition(mode):
    v = T.dvector("v")
    log, root = T.switch(v > 0, T.log(v), 0), T.sqrt(v)
    for cost, expected in (
        (log * root, lambda x: 1 / np.sqrt(x) + np.log(x) / (2 * np.sqrt(x))),
        (root * T.switch(T.le(v, 0), 0, T.log(v)), None),
        (2 * root * log * v, None),
        (log / (1 + root), None),
    ):
        slope = T.grad(cost.sum(), v)
        second = T.grad(slope.sum(), v)
        first, curvature = S.function([v], [slope, second], mode=mode)([0.0, 2.0])
        assert (first[0], curvature[0]) == (0, 0)
        assert np.isfinite(first[1])
        if expected is not None:
            np.testing.assert_allclose(first[1], expected(2.0))


@pytest.mark.parametrize(
    "cost",
    [
        lambda v, s: T.dot(s, T.sqrt(v)),
        lambda v, s: T.dot(T.sqrt(v), 2 * s),
        lambda v, s: (T.sqrt(v) * (s * 2)).sum(),
        lambda v, s: (-s * T.sqrt(v)).sum(),
        lambda v, s: (s / 3 * T.sqrt(v)).sum(),
        lambda v, s: (s * T.exp(v) * T.sqrt(v)).sum(),
        lambda v, s: (T.sqr(s) * T.sqrt(v)).sum(),
        lambda v, s: (s[:, None] * T.sqrt(v)[:, None]).sum(),
        lambda v, s: (s.dimshuffle("x", 0) * T.sqrt(v)).sum(),
    ],
)
def test_a_factor_is_zero_through_other_factors(cost):
    v = T.dvector("v")
    chosen = T.switch(v > 0, T.log(v), 0)
    got = S.function([v], T.grad(cost(v, chosen), v))([0.0, 2.0])
    ordinary = S.function([v], T.grad(cost(v, T.log(v)), v))([1.0, 2.0])
    assert got[0] == 0
    np.testing.assert_allclose(got[1], ordinary[1], rtol=1e-14)
