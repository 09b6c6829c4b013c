"""Scratch memory: kept, shared with nobody, let go of; memory of updates; what is predicted."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import ShapeError, function, grad, shared
from symgrad.backend.numpy import scratch
from symgrad.ops.arrays.shaping import sum_like
from symgrad.ops.op import Op


def softened(x):
    return T.tanh(T.dot(x, x.T) * 2).sum(axis=0)


def expected(v):
    return np.tanh(v @ v.T * 2).sum(axis=0)


def kept(f):
    return {shapes: len(sets) for shapes, sets in f._compiled.memory.kept.items()}


# -- scratch -----------------------------------------------------------------------------------


def test_memory_is_kept_for_each_shape_and_let_go_of():
    x = T.dmatrix("x")
    f = function([x], softened(x))
    for n in (2, 3, 2):
        np.testing.assert_allclose(f(np.eye(n)), expected(np.eye(n)))
    assert kept(f) == {((2, 2),): 1, ((3, 3),): 1}
    f.free()
    assert kept(f) == {}
    np.testing.assert_allclose(f(np.eye(2)), expected(np.eye(2)))


def test_only_some_shapes_are_remembered_and_too_many_get_no_memory():
    x = T.dmatrix("x")
    f = function([x], softened(x))
    for n in range(1, 200):
        v = np.full((n % 100, 2), 0.1 * n)
        np.testing.assert_allclose(f(v), expected(v))
    assert len(kept(f)) == scratch._SETS
    assert f._compiled.memory.made > scratch._PATIENCE


@pytest.mark.parametrize("columns", [1, 300])
def test_many_large_sets_are_not_kept(monkeypatch, columns):
    x = T.dmatrix("x")
    f = function([x], [T.tanh(T.dot(x, x.T) * 2).sum(), T.sort(x, 0)[0]])
    monkeypatch.setattr(scratch, "_LARGE", 100_000)
    for n in [1, 2, *range(100, 120)]:
        f(np.ones((n, columns)))
    memory = f._compiled.memory
    assert len(memory.kept) == 2  # 80 kB or more each
    assert memory.sizes.keys() == memory.kept.keys()
    assert all(size >= 8 * key[0][0] ** 2 for key, size in memory.sizes.items())
    made = memory.made
    for n in (119, 118, 119):
        f(np.ones((n, columns)))
    assert memory.made == made
    for n in range(1, 9):
        f(np.ones((n, columns)))
    assert len(memory.kept) == scratch._SETS


def test_calls_on_threads_never_share_memory():
    x = T.dmatrix("x")
    f = function([x], softened(x))
    values = [np.random.default_rng(k).normal(size=(40, 40)) for k in range(6)]
    want = [expected(v) for v in values]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(50) if not np.allclose(f(values[k]), want[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_sum_like_passes_on_is_not_returned():
    x, y = T.dvector("x"), T.dvector("y")
    s = sum_like(T.exp(x) * y, x)
    s = s + sum_like(T.tanh(y) * x, x)
    f = function([x, y], [s + y.sum(), s + 1], mode="FAST_COMPILE")
    for _ in range(2):
        first = f(np.ones(3), np.ones(3))
        kept = [v.copy() for v in first]
        f(np.zeros(3), np.ones(3))
        for now, then in zip(first, kept, strict=True):
            np.testing.assert_array_equal(now, then)


def test_a_call_from_inside_another_gets_memory_of_its_own():
    x = T.dmatrix("x")
    inner, depth = [], []

    class Again(Op, register=False):
        def infer(self, *types):
            return types[0]

        def impl(self, xp, value):
            depth.append(None)
            if len(depth) < 4:
                inner.append(f(np.ones((2, 2))))
            return value + 0

    seen = Again().make(T.dot(x, x))
    f = function([x], T.tanh(seen * 2).sum(axis=0) + T.dot(x, x)[0])
    want = np.tanh(np.full((2, 2), 4.0)).sum(axis=0) + 2
    np.testing.assert_allclose(f(np.ones((2, 2))), want)
    assert len(inner) == 3
    for result in inner:
        np.testing.assert_allclose(result, want)


def test_a_failed_call_changes_nothing():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], T.exp(T.dot(x, x)) + T.dot(x, y))
    good = f(np.eye(2), np.eye(2))
    for _ in range(3):
        with pytest.raises(ShapeError, match="dot failed"):
            f(np.eye(2), np.eye(3))
        np.testing.assert_array_equal(f(np.eye(2), np.eye(2)), good)


def test_shapes_that_do_not_broadcast_are_explained_by_the_operation():
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], T.exp(T.tanh(x) + y).sum())
    with pytest.raises(ShapeError, match=r"(?s)add failed.*test_scratch.py"):
        f(np.ones(2), np.ones(3))
    np.testing.assert_allclose(f(np.zeros(2), np.zeros(1)), 2)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1)])
def test_empty_and_single(shape):
    x = T.dmatrix("x")
    f = function([x], softened(x))
    for _ in range(2):
        np.testing.assert_allclose(f(np.ones(shape)), expected(np.ones(shape)))


# -- prediction --------------------------------------------------------------------------------


def peak_of(call):
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def logistic():
    x, y = T.fmatrix("x"), T.ivector("y")
    W, b = shared(np.zeros((784, 100), "f4"), "W"), shared(np.zeros(100, "f4"), "b")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W) + b))[T.arange(y.shape[0]), y])
    g = grad(cost, [W, b])
    f = function([x, y], cost, updates=[(W, W - 0.1 * g[0]), (b, b - 0.1 * g[1])])
    return f, (np.ones((3000, 784), "f4"), np.zeros(3000, "i4"))


def network():
    x, y = T.dmatrix("x"), T.ivector("y")
    U, W = shared(np.ones((100, 400)) / 50, "U"), shared(np.ones((400, 10)), "W")
    h = T.tanh(T.dot(x, U))
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(h, W)))[T.arange(y.shape[0]), y])
    cost += 0.01 * ((U**2).sum() + (W**2).sum())
    g = grad(cost, [U, W])
    f = function([x, y], cost, updates=[(U, U - 0.1 * g[0]), (W, W - 0.1 * g[1])])
    return f, (np.ones((1000, 100)), np.zeros(1000, "i4"))


def elementwise():
    x = T.fvector("x")
    y = T.tanh(2 * x + 1) * T.nnet.sigmoid(x) - T.log1p(T.exp(-abs(x)))
    return function([x], [y, y.sum()]), (np.ones(1_000_000, "f4"),)


def copies():
    W, V, before = (shared(np.ones((400, 400)), name) for name in ("W", "V", "before"))
    x, i = T.dmatrix("x"), T.lvector("i")
    rows = x[i]
    new = W - 0.1 * T.dot(rows.T, T.dot(rows, W))
    f = function([x, i], [W, new], updates=[(W, new), (before, W), (V, new)])
    return f, (np.ones((900, 400)), np.arange(800))


def indexed():
    x, i, v = T.dmatrix("x"), T.lvector("i"), T.dvector("v")
    W = shared(np.ones((600, 600)), "W")
    slope = T.dot(x[i][:, 0], T.tanh(x))
    first = T.inc_subtensor(x[:, 0], v)
    return function([x, i, v], [T.dot(first[0], x), slope], updates=[(W, W.T)]), (
        np.ones((600, 600)),
        np.arange(600),
        np.ones(600),
    )


@pytest.mark.parametrize("make", [logistic, network, elementwise, copies, indexed])
def test_the_peak_is_predicted_within_ten_percent(make):
    f, args = make()
    foreseen = f.plan.memory(*args)
    first = peak_of(lambda: f(*args))
    assert foreseen.peak == pytest.approx(first, rel=0.1)
    later = peak_of(lambda: f(*args))
    fresh = foreseen.results + foreseen.temporary
    assert fresh == pytest.approx(later, abs=0.1 * first)


def test_the_peak_of_an_update_that_grows_its_variable():
    W, x, y = shared(np.ones((1, 500)), "W"), T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], [], updates=[(W, T.tanh(W) - T.dot(x, y))])
    args = np.ones((500, 5)), np.ones((5, 500))
    for _ in range(2):
        foreseen = f.plan.memory(*args)
        assert foreseen.peak == pytest.approx(peak_of(lambda: f(*args)), rel=0.1)
        f.free()


def test_a_plan_in_words():
    x = T.dmatrix("x")
    text = str(function([x], T.exp(T.tanh(T.dot(x, x.T)) * 2).sum()).plan)
    assert "dot(x, t1)" in text
    assert "block by block" in text
    assert "(x, 0) x (x, 0)" in text
    assert "over t2" in text
