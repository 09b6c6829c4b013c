"""Gradients of lookups are applied where they are, and never become dense."""

import tracemalloc

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.graph.walk import toposort
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.rewrite.pipeline import prepare

N, WIDTH = 7, 3
INDEX = np.array([5, 0, 5, 5, -1, 2])
TABLE = np.random.default_rng(1).normal(size=(N, WIDTH))


class Model:
    """A table of word vectors, an index into it, and a learning rate."""

    def __init__(self, dtype="float64"):
        self.W = symgrad.shared(TABLE.astype(dtype), "W")
        self.i = T.lvector("i")
        self.rate = T.scalar("rate", dtype=dtype)
        self.rows = self.W[self.i]
        self.cost = (self.rows**3).sum()

    def gradient(self):
        return T.grad(self.cost, self.W)


def twice(m):
    """Several lookups in one table."""
    cost = (m.rows**2).mean() + T.tanh(m.W[m.i[:2]]).sum() + m.W[1].sum() + (m.W[2:4] ** 2).sum()
    return T.grad(cost, m.W)


def by_time(m):
    """One lookup for every step, as an unrolled recurrent net has."""
    state = T.zeros((WIDTH,), dtype=m.W.dtype)
    for t in range(4):
        state = T.tanh(state + m.W[m.i[t]])
    return T.grad(state.sum(), m.W)


def of_matrix(m):
    return T.grad((m.W[m.i.reshape((2, 3))] ** 2).sum(), m.W)


def of_flattened(m):
    rows = m.W[m.i.reshape((2, 3)).flatten()].reshape((2, -1))
    return T.grad((rows**2).sum(), m.W)


UPDATES = {
    "W - rate * g": lambda m: m.W - m.rate * m.gradient(),
    "W - 0.1 * g": lambda m: m.W - 0.1 * m.gradient(),
    "W - g * rate": lambda m: m.W - m.gradient() * m.rate,
    "W + -rate * g": lambda m: m.W + -m.rate * m.gradient(),
    "-rate * g + W": lambda m: -m.rate * m.gradient() + m.W,
    "W - rate * g / n": lambda m: m.W - m.rate * m.gradient() / m.i.shape[0],
    "W - rate / n * g": lambda m: m.W - m.rate / T.cast(m.i.shape[0], m.W.dtype) * m.gradient(),
    "W - rate * (g / 4)": lambda m: m.W - m.rate * (m.gradient() / 4),
    "W - rate * -g": lambda m: m.W - m.rate * -m.gradient(),
    "W + g": lambda m: m.W + m.gradient(),
    "W - g": lambda m: m.W - m.gradient(),
    "W - cast(g)": lambda m: m.W - T.cast(m.rate * T.cast(m.gradient(), "float64"), m.W.dtype),
    "W - rate * (g + g)": lambda m: m.W - m.rate * (m.gradient() + twice(m)),
    "several lookups": lambda m: m.W - m.rate * twice(m),
    "a lookup a step": lambda m: m.W - m.rate * by_time(m),
    "decay": lambda m: m.W * 0.9 - m.rate * m.gradient(),
    "inc_subtensor": lambda m: T.inc_subtensor(m.rows, -m.rate * T.grad(m.cost, m.rows)),
    "pairs": lambda m: m.W - m.rate * T.grad((m.W[m.i, m.i % 3] ** 2).sum(), m.W),
    "a matrix of words": lambda m: m.W - m.rate * of_matrix(m),
    "flattened words": lambda m: m.W - m.rate * of_flattened(m),
}


def compiled_both_ways(inputs, y):
    return [
        symgrad.function(inputs, y, mode=mode, on_unused_input="ignore")
        for mode in ("FAST_RUN", "FAST_COMPILE")
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", UPDATES)
def test_updates_are_applied_to_the_rows_that_were_looked_up(name, dtype):
    m = Model(dtype)
    new = UPDATES[name](m)
    if new.dtype != dtype:
        new = T.cast(new, dtype)
    quick, plain = compiled_both_ways([m.i, m.rate], new)
    rtol = 1e-12 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(quick(INDEX, 0.5), plain(INDEX, 0.5), rtol=rtol, atol=rtol)
    (graph,) = prepare([new])
    assert isinstance(graph.op, IncIndex)
    nodes = toposort([graph])
    assert not any(isinstance(n.op, ops.Alloc) for n in nodes if n.ndim == 2)
    parts = (IncIndex, ops.Index, ops.Dim)
    whole = [n for n in nodes if m.W in n.inputs and not isinstance(n.op, parts)]
    assert len(whole) == (name == "decay")


def test_an_update_with_a_double_rate_stays_in_float32():
    m = Model("float32")
    rate = T.dscalar("rate")
    new = T.cast(m.W - rate * m.gradient(), "float32")
    (graph,) = prepare([new])
    assert isinstance(graph.op, IncIndex)
    assert graph.inputs[0] is m.W
    quick, plain = compiled_both_ways([m.i, rate], new)
    np.testing.assert_allclose(quick(INDEX, 0.3), plain(INDEX, 0.3), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "build",
    [
        lambda m, g: m.W * g,  # each element of W scales its own
        lambda m, g: m.W[0] * g,
        lambda m, g: g * g,
        lambda m, g: T.sqr(g),
        lambda m, g: g - m.W,
        lambda m, g: m.rate / g,
        lambda m, g: m.W[:1] + g,  # g is the larger
        lambda m, g: m.W - T.tanh(g),
        lambda m, g: m.W + T.set_subtensor(g[0], 3.0),
    ],
)
def test_what_is_not_linear_stays(build):
    m = Model()
    quick, plain = compiled_both_ways([m.i, m.rate], build(m, m.gradient()))
    np.testing.assert_allclose(quick(INDEX, 0.5), plain(INDEX, 0.5), rtol=1e-12)


def test_set_subtensor_of_zeros_is_no_increment():
    x, v = T.dvector("x"), T.dvector("v")
    f = symgrad.function([x, v], x + 2 * T.set_subtensor(T.zeros_like(x)[1:], v))
    np.testing.assert_array_equal(f([1.0, 2.0, 3.0], [5.0, 6.0]), [1, 12, 15])


def test_rows_that_were_not_looked_up_keep_their_bits():
    m = Model()
    m.W.set_value(np.array([[-0.0, np.nan, np.inf]] * N))
    f = symgrad.function([m.i, m.rate], m.W - m.rate * T.grad(m.rows.sum(), m.W))
    new = f([1], np.inf)
    np.testing.assert_array_equal(new[0], [0.0, np.nan, np.inf])
    assert np.signbit(new[0, 0])
    np.testing.assert_array_equal(new[1], [-np.inf, np.nan, np.nan])


def test_integers_are_not_rounded_on_the_way():
    x, i = T.lvector("x"), T.lvector("i")
    y = T.cast(T.cast(T.inc_subtensor(T.zeros_like(x)[i], 1), "float64") * 0.5, "int64")
    f = symgrad.function([x, i], y)
    np.testing.assert_array_equal(f(np.zeros(3, "int64"), [0, 0, 1]), [1, 0, 0])


def test_a_gradient_that_is_a_result_is_dense_once():
    m = Model()
    g = -2 * m.gradient() / 3
    (graph,) = prepare([g])
    assert isinstance(graph.op, IncIndex)
    assert sum(isinstance(n.op, ops.Alloc) for n in toposort([graph])) == 1
    quick, plain = compiled_both_ways([m.i], g)
    np.testing.assert_allclose(quick(INDEX), plain(INDEX), rtol=1e-14)


def test_second_derivatives_of_lookups():
    m = Model()
    quick, plain = compiled_both_ways([m.i], T.grad((m.gradient() ** 2).sum(), m.W))
    np.testing.assert_allclose(quick(INDEX), plain(INDEX), rtol=1e-12)
    assert np.any(plain(INDEX))


def of_gradient(W, i):
    cost = (W[i] ** 2).sum()
    return cost, W - np.float32(0.1) * T.grad(cost, W)


def of_part(W, i):
    rows = W[i]
    cost = (rows**2).sum()
    return cost, T.inc_subtensor(rows, np.float32(-0.1) * T.grad(cost, rows))


@pytest.mark.usefixtures("unstressed")
@pytest.mark.parametrize("build", [of_gradient, of_part])
def test_a_step_takes_memory_in_proportion_to_what_is_looked_up(build):
    W, i = symgrad.shared(np.ones((100_000, 64), "float32"), "W"), T.lvector("i")
    cost, new = build(W, i)
    f = symgrad.function([i], cost, updates=[(W, new)])
    index = np.arange(100) * 7
    f(index)
    tracemalloc.start()
    f(index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000  # the rows take 26 kB, the table 26 MB
    rows = W.get_value(borrow=True)[index]
    np.testing.assert_allclose(rows, 0.64, rtol=1e-6)
    assert W.get_value(borrow=True)[1, 0] == 1
