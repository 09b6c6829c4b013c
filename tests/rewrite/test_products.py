"""Sums with products of matrices become calls of BLAS."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.graph.walk import toposort
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.linalg.linalg import Dot
from symgrad.rewrite.pipeline import prepare
from symgrad.rewrite.products import use_blas

N, M, K = 4, 3, 5  # inputs, outputs, examples


def count(op, *outputs):
    return sum(type(node.op) is op for node in toposort(outputs))


def lowered(*outputs):
    return use_blas(prepare(outputs))


class Model:
    """x.T @ e beside x @ W, as every gradient of a linear layer has it."""

    def __init__(self, dtype="float64"):
        kind = T.TensorType(dtype, (None, None))
        self.x, self.y, self.lr = kind("x"), kind("y"), T.scalar("lr", dtype=dtype)
        rng = np.random.default_rng(0)
        self.W = symgrad.shared(rng.normal(size=(N, M)).astype(dtype), "W")
        self.v = symgrad.shared(rng.normal(size=(N, M)).astype(dtype), "v")
        self.rate = symgrad.shared(np.array(0.3, dtype), "rate")
        error = T.dot(self.x, self.W) - self.y
        self.cost = T.sum(error**2)
        self.mean_cost = T.mean(T.sqr(error))
        self.g = T.grad(self.cost, self.W)
        self.values = {
            self.x: rng.normal(size=(K, N)).astype(dtype),
            self.y: rng.normal(size=(K, M)).astype(dtype),
            self.lr: np.array(0.1, dtype),
        }

    def gradient(self):
        return self.g.eval({v: self.values[v] for v in (self.x, self.y)})


FORMS = {
    "constant rate": lambda m: (m.W - 0.1 * m.g, "plain"),
    "rate that is an input": lambda m: (m.W - m.lr * m.g, "plain"),
    "rate that is shared": lambda m: (m.W - m.rate * m.g, "plain"),
    "rate that is computed": lambda m: (m.W - m.lr / (1 + m.rate) * m.g, "plain"),
    "rate behind": lambda m: (m.W - m.g * m.lr, "plain"),
    "several rates": lambda m: (m.W - m.lr * (m.rate * (0.5 * m.g)), "plain"),
    "sum": lambda m: (m.W + m.g, "plain"),
    "sum, product first": lambda m: (m.g + m.W, "plain"),
    "product less matrix": lambda m: (m.g - m.W, "scaled"),
    "minus": lambda m: (m.W + (-m.lr) * m.g, "plain"),
    "minus a product": lambda m: (-(m.lr * m.g) + m.W, "plain"),
    "divided": lambda m: (m.W - m.lr * m.g / T.cast(m.x.shape[0], m.W.dtype), "plain"),
    "divided by a constant": lambda m: (m.W - m.lr * (m.g / 20), "plain"),
    "rate as a matrix": lambda m: (m.W - m.lr.dimshuffle("x", "x") * m.g, "plain"),
    "constant as a matrix": lambda m: (
        m.W - T.constant(np.array([[0.1]], m.W.dtype)) * m.g,
        "plain",
    ),
    "mean": lambda m: (m.W - m.lr * T.grad(m.mean_cost, m.W), "plain"),
    "transposed": lambda m: (m.W.T - m.lr * m.g.T, "plain"),
    "transposed whole": lambda m: ((m.W - m.lr * m.g).T, "plain"),
    "decay": lambda m: (m.W - m.lr * (m.g + 0.01 * m.W), "decayed"),
    "decay of the cost": lambda m: (
        m.W - m.lr * T.grad(m.cost + 0.01 * T.sum(m.W**2), m.W),
        "decayed",
    ),
    "decay beside": lambda m: (m.W - m.lr * m.g - m.lr * 0.01 * m.W, "decayed"),
    "decay, rate multiplied out": lambda m: (m.W - (m.lr * m.g + m.lr * 0.01 * m.W), "decayed"),
    "decay as a factor": lambda m: ((1 - 0.01 * m.lr) * m.W - m.lr * m.g, "scaled"),
    "decay and an L1 norm with weight 0": lambda m: (
        m.W - m.lr * T.grad(m.cost + 0.0 * abs(m.W).sum() + 0.01 * (m.W**2).sum(), m.W),
        "decayed",
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_an_update_is_one_gemm(form, dtype):
    m = Model(dtype)
    new, start = FORMS[form](m)
    (node,) = lowered(new)
    assert count(Gemm, node) == 1
    assert count(Dot, node) == 1  # x @ W
    (made,) = [n for n in toposort([node]) if type(n.op) is Gemm]
    assert made.op.start == start
    plain = symgrad.function(list(m.values), new, mode="FAST_COMPILE", on_unused_input="ignore")
    fast = symgrad.function(list(m.values), new, on_unused_input="ignore")
    expected = plain(*m.values.values())
    have = fast(*m.values.values())
    assert have.dtype == dtype
    np.testing.assert_allclose(have, expected, rtol=50 * np.finfo(dtype).eps, atol=1e-6)


def test_momentum_is_one_gemm_where_its_shape_is_known():
    x, e = T.TensorType("float32", (K, N))("x"), T.TensorType("float32", (K, M))("e")
    v = T.TensorType("float32", (N, M))("v")
    (new,) = lowered(0.9 * v - 0.1 * T.dot(x.T, e))
    assert new.op == Gemm("scaled")
    assert new.inputs[0] is v
    np.testing.assert_array_equal(new.inputs[1].value, np.float32(0.9))


def momentum(m, form):
    """What the velocity and the weights become."""
    v = {
        "heavy ball": 0.9 * m.v - m.lr * m.g,
        "average": 0.9 * m.v + (1 - 0.9) * m.g,
        "decay": 0.9 * m.v - m.lr * (m.g + 0.01 * m.W),
        "L1 norm": 0.9 * m.v - m.lr * (m.g + 0.01 * T.sgn(m.W)),
        "rate beside": m.rate * m.v - 0.1 * m.g,
    }[form]
    return v, m.W - m.lr * v if form == "average" else m.W + v


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["heavy ball", "average", "rate beside", "decay", "L1 norm"])
@pytest.mark.parametrize("large", [False, True])
def test_momentum_is_one_gemm(form, dtype, large, monkeypatch):
    """The shapes of W and v are the user's to set: nothing says that they are equal."""
    if large:
        monkeypatch.setattr("symgrad.flags.config.stress.gemm", 0)

    def run(mode):
        m = Model(dtype)
        velocity, weights = momentum(m, form)
        f = symgrad.function(
            list(m.values), [], mode, [(m.v, velocity), (m.W, weights)], on_unused_input="ignore"
        )
        seen = []
        for _ in range(4):
            f(*m.values.values())
            seen.append((m.v.get_value(), m.W.get_value(), id(m.v.cell.value)))
        return f, seen

    f, have = run(None)
    _, expected = run("FAST_COMPILE")
    gemms = [node for node in f.maker.fgraph.toposort() if type(node.op) is Gemm]
    start = "plain" if form in ("decay", "L1 norm") else "scaled"
    assert [(node.op.start, node.op.broadcasts) for node in gemms] == [(start, True)]
    for one, other in zip(have, expected, strict=True):
        for a, b in zip(one[:2], other[:2], strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=100 * np.finfo(dtype).eps, atol=1e-6)
    assert have[1][2] == have[3][2], "an update goes where the value before the last one was"
    assert have[0][2] != have[1][2]


@pytest.mark.parametrize("shape", [(1, M), (N, 1), (1, 1), (N, M)])
@pytest.mark.parametrize("form", ["heavy ball", "decay"])
@pytest.mark.parametrize("large", [False, True])
def test_momentum_broadcasts_where_shapes_differ(shape, form, large, monkeypatch):
    if large:
        monkeypatch.setattr("symgrad.flags.config.stress.gemm", 0)

    def run(mode):
        m = Model()
        m.v.set_value(np.arange(np.prod(shape), dtype="float64").reshape(shape))
        v, W = momentum(m, form)
        f = symgrad.function([m.x, m.y, m.lr], [], mode, [(m.v, v), (m.W, W)])
        before = m.v.get_value(borrow=True)
        kept = before.copy()
        seen = []
        for _ in range(3):
            f(*m.values.values())
            seen += [m.v.get_value(), m.W.get_value()]
        np.testing.assert_array_equal(before, kept)
        return seen

    for a, b in zip(run(None), run("FAST_COMPILE"), strict=True):
        assert a.shape == (N, M)
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_an_update_may_grow_its_variable():
    """The weights take the velocity's shape, which no memory of theirs has."""
    m = Model()
    W = symgrad.shared(np.ones((1, M)), "row")
    v, new = 0.9 * m.v - m.lr * m.g, W + (0.9 * m.v - m.lr * m.g)
    f = symgrad.function([m.x, m.y, m.lr], [], updates=[(m.v, v), (W, new)])
    for _ in range(3):
        expected = W.get_value() + (0.9 * m.v.get_value() - 0.1 * m.gradient())
        f(*m.values.values())
        np.testing.assert_allclose(W.get_value(), expected, rtol=1e-12)
        assert W.get_value().shape == (N, M)


def test_nesterov_computes_its_gradient_once():
    m = Model()
    v = 0.9 * m.v - m.lr * m.g
    weights = m.W + 0.9 * v - m.lr * m.g
    f = symgrad.function([m.x, m.y, m.lr], [], updates=[(m.v, v), (m.W, weights)])
    nodes = f.maker.fgraph.toposort()
    assert sum(type(node.op) in (Gemm, Dot) for node in nodes) == 2  # x @ W and x.T @ e
    old, W, g = m.v.get_value(), m.W.get_value(), m.gradient()
    f(*m.values.values())
    expected = W + 0.9 * (0.9 * old - 0.1 * g) - 0.1 * g
    np.testing.assert_allclose(m.W.get_value(), expected, rtol=1e-12)


def test_tied_weights_accumulate_both_products():
    x = T.dmatrix("x")
    W = symgrad.shared(np.random.default_rng(0).normal(size=(N, M)), "W")
    z = T.nnet.sigmoid(T.dot(T.nnet.sigmoid(T.dot(x, W)), W.T))
    new = W - 0.1 * T.grad(T.sum((z - x) ** 2), W)
    (node,) = lowered(new)
    assert count(Gemm, node) == 1
    assert len(node.op.terms(node.inputs)) == 7
    value = np.random.default_rng(1).normal(size=(K, N))
    expected = symgrad.function([x], new, mode="FAST_COMPILE")(value)
    np.testing.assert_allclose(symgrad.function([x], new)(value), expected, rtol=1e-12)


def test_several_products_are_accumulated_on_any_sum():
    a, b, c, d, e = (T.TensorType("float64", (3, 3))(name) for name in "abcde")
    (node,) = lowered(c * d - 2 * T.dot(a, b) + c - T.dot(d, e) / 3 - e)
    assert (node.op.start, node.op.broadcasts) == ("plain", False)
    assert len(node.op.terms(node.inputs)) == 7
    f = symgrad.function([a, b, c, d, e], node)
    A, B, C, D, E = np.random.default_rng(0).normal(size=(5, 3, 3))
    np.testing.assert_allclose(f(A, B, C, D, E), C * D - 2 * A @ B + C - D @ E / 3 - E, rtol=1e-12)


def test_numbers_are_multiplied_before_they_are_rounded():
    m = Model("float32")
    (node,) = lowered(m.W - 0.1 * (3.0 * (0.7 * m.g)))
    constants = np.float32(0.1), np.float32(3.0), np.float32(0.7)
    exact = -np.prod([float(c) for c in constants])
    # twice of it: the gradient of a square has a factor 2, which may or may not be a part
    assert float(node.inputs[1].value) in (np.float32(exact), np.float32(2 * exact))
    assert node.inputs[1].dtype == "float32"


# -- no infinity and no NaN out of finite numbers --------------------------------------------------

LARGE_AND_SMALL = {  # one number for each of the matrices c, d and dot(a, b), and for s and t
    "a scale over a sum": (lambda c, d, p, s, t: (c - p) / s, (3e8, 0, 3e8, 1e-32, 1)),
    "a large scale": (lambda c, d, p, s, t: (c - p) * s, (3e8, 0, 3e8, 1e32, 1)),
    "a scale within": (lambda c, d, p, s, t: d - s * (p - c), (3e8, 2, 3e8, 1e32, 1)),
    "decay": (lambda c, d, p, s, t: c - s * (p - t * c), (3e8, 0, 3e8, 1e32, 1)),
    "momentum": (lambda c, d, p, s, t: 0.5 * d - s * (p - t * c), (3e8, 2, 3e8, 1e32, 1)),
    "scales in scales": (lambda c, d, p, s, t: d + t * (s * (p - c)), (3e8, 2, 3e8, 1e32, 1e-9)),
    "terms that cancel": (lambda c, d, p, s, t: d - s * (p - c), (3e8, 2, 3e8, 1e5, 1)),
    "transposed": (lambda c, d, p, s, t: (s * (p.T - c.T)).T + d, (3e8, 2, 3e8, 1e32, 1)),
    "a product too large": (lambda c, d, p, s, t: c - s * (t * p), (2, 0, 1e-35, 1e30, 1e30)),
    "a product too small": (lambda c, d, p, s, t: c - s * (t * p), (0, 0, 1e30, 1e-30, 1e-30)),
    "too small on the way": (lambda c, d, p, s, t: c - s * (p * t) / s, (0, 0, 1e20, 1e-30, 1e-20)),
    "a quotient too large": (lambda c, d, p, s, t: c - p / s, (3, 0, 1e-20, 1e-40, 1)),
    "a quotient too small": (lambda c, d, p, s, t: c - p / s, (0, 0, 3e37, 3e38, 1)),
    "constants": (lambda c, d, p, s, t: d - 1e-32 * (1e32 * (c - p)), (3e8, 1, 3e8, 1, 1)),
    "constants too small": (lambda c, d, p, s, t: c - 1e-25 * (1e-25 * p), (0, 0, 1e30, 1, 1)),
    "another order": (lambda c, d, p, s, t: d + (c + p), (3e38, 1e38, -2e38, 1, 1)),
    "half of another order": (lambda c, d, p, s, t: d + 0.5 * (c + p), (3e38, 3e38, -3e38, 1, 1)),
    "a decay in another order": (lambda c, d, p, s, t: c + s * (c + p), (3e38, 0, -3e38, 0.5, 1)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", LARGE_AND_SMALL)
def test_what_is_finite_stays_so(name, large, dtype, monkeypatch):
    """In float64 with numbers of which it has as many powers more as in float32."""
    build, numbers = LARGE_AND_SMALL[name]
    if large:
        monkeypatch.setattr(symgrad.config.stress, "gemm", 1)
    kind = T.TensorType(dtype, (2, 2))
    a, b, c, d = (kind(n) for n in "abcd")
    s, t = T.scalar("s", dtype=dtype), T.scalar("t", dtype=dtype)
    power = 8 if dtype == "float64" else 1
    if power > 1 and not name.startswith(("constants", "half", "another", "a decay in")):
        numbers = tuple(np.sign(n) * float(abs(n)) ** power if n else 0.0 for n in numbers)
    if any(not np.isfinite(n) for n in numbers):
        pytest.skip("no such numbers")
    c_, d_, p_, s_, t_ = (np.array(n, dtype) for n in numbers)
    ones = np.ones((2, 2), dtype)
    values = np.eye(2, dtype=dtype), p_ * ones, c_ * ones, d_ * ones, s_, t_
    output = build(c, d, T.dot(a, b), s, t)
    plain, fast = (
        symgrad.function([a, b, c, d, s, t], output, mode=mode, on_unused_input="ignore")(*values)
        for mode in ("FAST_COMPILE", "FAST_RUN")
    )
    assert np.isfinite(plain).all()
    np.testing.assert_allclose(fast, plain, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, -1.0, 3e38, -3e38, 1e-38, 1e-45, 1e30]), min_size=6))
def test_what_a_decayed_step_computes_with_any_numbers(numbers):
    kind = T.TensorType("float32", (1, 1))
    a, b, c, s, t = kind("a"), kind("b"), kind("c"), T.fscalar("s"), T.fscalar("t")
    output = t * c - s * (T.dot(a, b) + t * c)
    values = [np.full((1, 1), n, "float32") for n in numbers[:3]] + [
        np.float32(n) for n in numbers[3:5]
    ]
    f = [
        symgrad.function([a, b, c, s, t], output, mode=mode)
        for mode in ("FAST_COMPILE", "FAST_RUN")
    ]
    plain, fast = (g(*values) for g in f)
    if np.isfinite(plain).all():
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-44)


DROPPED = {  # with P (3, 2), Q (2, 4), and (4, 3), made of (3, 4, 1)
    "a factor": lambda dot, P, Q, m: P - dot(Q, m).T,
    "a factor in front": lambda dot, P, Q, m: P.T - dot(m.T, Q.T).T,
    "what is added to": lambda dot, P, Q, m: m - dot(P, Q).T,
    "what is added, scaled": lambda dot, P, Q, m: dot(P, Q).T - 0.5 * m,
    "within a transposition": lambda dot, P, Q, m: (m - dot(P, Q).T).T,
    "minus": lambda dot, P, Q, m: -m + 2 * dot(P, Q).T,
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_transposition_that_drops_an_axis(name):
    P, Q, t3 = T.dmatrix("P"), T.dmatrix("Q"), T.dtensor3("t3")
    rng = np.random.default_rng(0)
    p, q, x = rng.normal(size=(3, 2)), rng.normal(size=(2, 4)), rng.normal(size=(3, 4, 5))
    dropped = t3.mean(axis=2, keepdims=True).dimshuffle(1, 0)
    f = symgrad.function([P, Q, t3], DROPPED[name](T.dot, P, Q, dropped), on_unused_input="ignore")
    want = DROPPED[name](np.dot, p, q, x.mean(axis=2).T)
    np.testing.assert_allclose(f(p, q, x), want, rtol=1e-12)


# -- what is left alone ----------------------------------------------------------------------------


def test_no_product_is_computed_twice():
    m = Model()
    v, W = m.v, m.W
    for outputs in (
        [0.9 * v - m.lr * m.g, W + 0.9 * v - m.lr * m.g],  # Nesterov
        [0.9 * v + 0.1 * T.sqr(m.g), W - 0.1 * m.g / T.sqrt(v + T.sqr(m.g))],  # RMSprop
        [m.g, W - m.lr * m.g],
        [W - m.lr * m.g, v - m.rate * m.g],
        [W + m.g + m.g],
    ):
        nodes = lowered(*outputs)
        assert count(Dot, *nodes) == 2
        assert count(Gemm, *nodes) == 0


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b, c: T.dot(a, b),
        lambda a, b, c: 2 * T.dot(a, b),
        lambda a, b, c: T.dot(a, b) + c[0],  # a bias
        lambda a, b, c: T.dot(a, b) + c[:1],
        lambda a, b, c: T.dot(a, b) + c[:, :1],
        lambda a, b, c: T.dot(a, b) + 1,
        lambda a, b, c: T.tanh(T.dot(a, b) + c),  # for the chain that computes tanh
        lambda a, b, c: T.dot(a, b) * c + c,
        lambda a, b, c: c / T.dot(a, b) + c,
        lambda a, b, c: 3 * (T.dot(a, b) + c),  # may be finite where 3 * c is not
        lambda a, b, c: T.dot(a.T, a) + c,  # half of the work
        lambda a, b, c: T.dot(a, b[:, 0]) + c[0],
        lambda a, b, c: c + 1e30 * (1e30 * T.dot(a, b)),  # the number would overflow
        lambda a, b, c: c + 1e-30 * (1e-30 * T.dot(a, b)),
        lambda a, b, c: c + np.float32(np.inf) * T.dot(a, b),
    ],
)
def test_what_gains_nothing_is_left_alone(build):
    a, b, c = (T.TensorType("float32", (3, 3))(name) for name in "abc")
    assert count(Gemm, *lowered(build(a, b, c))) == 0


@pytest.mark.parametrize("dtype", ["int32", "complex64", "complex128"])
def test_other_dtypes_are_left_alone(dtype):
    a, b, c = (T.TensorType(dtype, (3, 3))(name) for name in "abc")
    assert count(Gemm, *lowered(T.dot(a, b) + c)) == 0


@pytest.mark.parametrize("shape", [(1, M), (N, 1), (1, 1)])
def test_what_may_broadcast_when_it_runs_still_does(shape):
    x, e, c = T.dmatrix("x"), T.dmatrix("e"), T.dmatrix("c")
    f = symgrad.function([c, x, e], c - T.dot(x.T, e))
    X, E, C = np.ones((K, N)), np.ones((K, M)), np.arange(np.prod(shape)).reshape(shape) * 1.0
    np.testing.assert_array_equal(f(C, X, E), C - X.T @ E)
    C, E = np.arange(N * M).reshape(N, M) * 1.0, np.ones((K, 1))
    np.testing.assert_array_equal(f(C, X, E), C - X.T @ E)


def test_a_vector_scaled_by_a_matrix_of_one_number():
    a, b, c, v = T.dmatrix("a"), T.dmatrix("b"), T.dmatrix("c"), T.dvector("v")
    s = symgrad.shared(np.full((1, 1), 0.5), "s", broadcastable=(True, True))
    f = symgrad.function([a, b, c, v], (s * v + T.dot(a, b)).T + c)
    A, B, C, V = np.ones((K, N)), np.ones((N, M)), np.ones((M, K)), np.arange(M) * 1.0
    np.testing.assert_array_equal(f(A, B, C, V), (0.5 * V + A @ B).T + C)


def test_sums_of_several_products_broadcast_when_they_run():
    x, W, c, d = T.dmatrix("x"), T.dmatrix("W"), T.dmatrix("c"), T.dmatrix("d")
    h = T.tanh(T.dot(x, W))
    for y in (W - T.dot(x.T, h) - T.dot(c, d), W - T.dot(x.T, h) - T.dot(2 * x.T, h) + c):
        assert all(n.op.broadcasts for n in toposort(lowered(y)) if type(n.op) is Gemm)
        f = symgrad.function([x, W, c, d], y, on_unused_input="ignore")
        plain = symgrad.function([x, W, c, d], y, mode="FAST_COMPILE", on_unused_input="ignore")
        X, V = np.ones((K, 1)), np.ones((1, M))
        for values in ((X, V, np.ones((N, M)), np.ones((M, M))), (X, V, *[np.ones((1, 1))] * 2)):
            np.testing.assert_allclose(f(*values), plain(*values), rtol=1e-12)


def test_a_graph_without_products_is_returned_as_it_is():
    x = T.dmatrix("x")
    y = x + x
    assert use_blas([y, x]) == [y, x]


# -- the graph around it ---------------------------------------------------------------------------


def test_what_is_kept_of_a_sum_is_not_drawn():
    m = Model()
    (node,) = lowered(m.W - m.lr * (m.g + 0.01 * m.W))
    assert node.op.written is not None
    assert "written" not in node.op.settings_text()
    assert len(node.op.terms(node.inputs)) == 5


def test_names_and_origins_are_kept():
    m = Model()
    new = m.W - m.lr * m.g
    new.name = "W_new"
    (node,) = lowered(new)
    assert node.op == Gemm("plain")
    assert node.name == "W_new"
    assert node.origin == new.origin


def test_gemms_may_need_each_other():
    """Gradient steps unrolled: each product reads the matrix that the one before made."""
    m = Model()
    W = m.W
    for _ in range(3):
        W = W - 0.01 * T.dot(m.x.T, T.tanh(T.dot(m.x, W)))
    (node,) = lowered(W)
    assert count(Gemm, node) == 3
    x = m.values[m.x]
    expected = m.W.get_value()
    for _ in range(3):
        expected = expected - 0.01 * x.T @ np.tanh(x @ expected)
    np.testing.assert_allclose(symgrad.function([m.x], W)(x), expected, rtol=1e-12)


def test_a_factor_may_need_a_gemm():
    a, b, c = (T.TensorType("float64", (3, 3))(name) for name in "abc")
    first = c - T.dot(a, b)
    for rate in (first.sum(), first.sum(keepdims=True)):
        (node,) = lowered(c - rate * T.dot(b, a))
        assert count(Gemm, node) == 2
        assert count(Dot, node) == 0
        A, B, C = np.random.default_rng(0).normal(size=(3, 3, 3))
        have = symgrad.function([a, b, c], node)(A, B, C)
        np.testing.assert_allclose(have, C - (C - A @ B).sum() * (B @ A), rtol=1e-12)


def test_a_term_may_be_a_multiple_of_another_sum():
    a, b, c = (T.TensorType("float64", (3, 3))(name) for name in "abc")
    step = 0.5 * (c + T.dot(a, b))
    outputs = [step, step - T.dot(b, a)]
    assert count(Gemm, *lowered(*outputs)) == 2
    A, B, C = np.random.default_rng(0).normal(size=(3, 3, 3))
    have = symgrad.function([a, b, c], outputs)(A, B, C)
    value = 0.5 * (C + A @ B)
    np.testing.assert_allclose(have, [value, value - B @ A], rtol=1e-12)


def test_updates_change_the_variable_and_nothing_else():
    m = Model()
    before = m.W.get_value(borrow=True)
    kept = before.copy()
    step = symgrad.function([m.x, m.y], m.cost, updates=[(m.W, m.W - 0.01 * m.g)])
    x, y = m.values[m.x], m.values[m.y]
    for _ in range(3):
        have = m.W.get_value()
        step(x, y)
        expected = have - 0.01 * 2 * x.T @ (x @ have - y)
        np.testing.assert_allclose(m.W.get_value(), expected, rtol=1e-12)
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("size", [(300, 250), (4, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_stays_so(size, dtype):
    kind = T.TensorType(dtype, (None, None))
    x, W, lr = kind("x"), kind("W"), T.scalar("lr", dtype=dtype)
    e = T.dot(x, W) - 1
    f = symgrad.function([x, W, lr], W - lr * T.dot(x.T, e))
    X, V = np.ones((2, size[0]), dtype), np.zeros(size, dtype)
    X[0, 0] = np.nan
    assert np.isnan(f(X, V, 0)).all()
    assert np.isnan(f(X, V, 1)).all()
    X[0, 0] = np.inf
    V[0, 0] = 1
    assert not np.isfinite(f(X, V, 1)[0, 0])


def test_a_long_chain_takes_linear_time():
    def seconds(n):
        a, c = T.TensorType("float64", (3, 3))("a"), T.TensorType("float64", (3, 3))("c")
        y = T.dot(a, c)
        for _ in range(n):
            y = y + a - c
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            use_blas([y])
            best = min(best, time.perf_counter() - start)
        return best

    seconds(100)
    assert seconds(8000) < 24 * seconds(1000)


# -- any sum ---------------------------------------------------------------------------------------

OPERATIONS = {
    "dot": lambda x, y, s: T.dot(x, y),
    "add": lambda x, y, s: x + y,
    "sub": lambda x, y, s: x - y,
    "neg": lambda x, y, s: -x,
    "transposed": lambda x, y, s: x.T,
    "rate": lambda x, y, s: s * x,
    "computed": lambda x, y, s: x / (2 + T.sqr(y.sum())),
    "half": lambda x, y, s: x * 0.5,
    "matrix": lambda x, y, s: x * T.constant([[0.25]]),
    "over": lambda x, y, s: x / s,
    "-2": lambda x, y, s: -2 * x,
    "0": lambda x, y, s: x + 0.0 * T.sgn(x),
    "tanh": lambda x, y, s: T.tanh(x),
    "row": lambda x, y, s: x + y[:1],
}
PLACES = st.integers(0, 30)
STEPS = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), PLACES, PLACES), max_size=14)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.booleans())
def test_any_graph_has_the_values_that_it_says(steps, static):
    """Sums that share parts, feed each other and each other's factors."""
    kind = T.TensorType("float64", (3, 3) if static else (None, None))
    a, b, s = kind("a"), kind("b"), T.dscalar("s")
    nodes = [a, b]
    for name, i, j in steps:
        nodes.append(OPERATIONS[name](nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)], s))
    outputs = [nodes[-1], nodes[len(nodes) // 2]]
    rng = np.random.default_rng(0)
    values = 0.5 * rng.normal(size=(3, 3)), 0.5 * rng.normal(size=(3, 3)), 0.7
    plain, fast = (
        symgrad.function([a, b, s], outputs, mode=mode, on_unused_input="ignore")(*values)
        for mode in ("FAST_COMPILE", "FAST_RUN")
    )
    for have, want in zip(fast, plain, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-10 * (1 + abs(want).max()))


# -- one BLAS --------------------------------------------------------------------------------------

STEP = """
import sys
import numpy as np
import symgrad as theano
import symgrad.tensor as T

theano.config.floatX = "float32"
rng = np.random.RandomState(0)
x, y = T.fmatrix("x"), T.ivector("y")
W1 = theano.shared(rng.uniform(-0.1, 0.1, (784, 500)).astype("float32"))
W2 = theano.shared(rng.uniform(-0.1, 0.1, (500, 10)).astype("float32"))
b1, b2 = theano.shared(np.zeros(500, "float32")), theano.shared(np.zeros(10, "float32"))
h = T.tanh(T.dot(x, W1) + b1)
p = T.nnet.softmax(T.dot(h, W2) + b2)
params = [W1, b1, W2, b2]
cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y]) + 0.0001 * ((W1 ** 2).sum() + (W2 ** 2).sum())
updates = [(w, w - 0.01 * g) for w, g in zip(params, T.grad(cost, params))]
step = theano.function([x, y], cost, updates=updates)
step(rng.rand(20, 784).astype("float32"), np.arange(20, dtype="int32") % 10)
assert step.source.count("gemm(") == 2, step.source
libraries = set()
if sys.platform.startswith("linux"):
    names = {line.split()[-1].rsplit("/")[-1] for line in open("/proc/self/maps") if ".so" in line}
    libraries = {name for name in names if "blas" in name}
print("scipy" in sys.modules, len(libraries) <= 1)
"""


def test_a_step_never_loads_another_blas():
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_term_that_a_product_takes_too_is_computed_once():
    a, s = T.dmatrix("a"), T.TensorType("float64", shape=(1,))("s")
    b = a / s
    f = symgrad.function([a, s], 0.5 * T.dot(a, b) + b)
    np.testing.assert_allclose(f([[1.0]], [2.0]), [[0.75]])
    np.testing.assert_array_equal(f([[1.0]], [0.0]), [[np.inf]])


TWICE = {
    "in the sum and beside a product": lambda z, m, p: (z + m) + (z + T.dot(p, m)),
    "scaled differently": lambda z, m, p: (z + m) + (T.dot(p, m) - 3 * z),
    "thrice": lambda z, m, p: (z + m) + (z + (T.dot(p, m) + z)),
    "in a product, too": lambda z, m, p: (z + m) + (z + T.dot(z, p)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("s", [0.5, 0.0, 1e-310])
@pytest.mark.parametrize("t", [0.5, 0.0, 1e-310])
def test_a_scaled_term_that_is_added_twice_is_there_before_it_is_needed(name, s, t):
    a, m, p = T.dmatrices("a", "m", "p")
    number, divisor = T.dscalars("s", "t")
    e = TWICE[name](a * number / divisor, m, p)
    values = (*(np.full((2, 2), k) for k in (1.0, 2.0, 3.0)), s, t)
    by_blas, plain = (
        symgrad.function([a, m, p, number, divisor], e, mode=mode)
        for mode in (None, "FAST_COMPILE")
    )
    np.testing.assert_array_equal(by_blas(*values), plain(*values))
