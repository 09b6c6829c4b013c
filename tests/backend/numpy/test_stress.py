"""Settings for developers: faults of memory that they are for are noticed under them."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import config, function
from symgrad.backend.numpy import scratch, stress
from symgrad.backend.numpy.stress import arrays_in
from symgrad.errors import ExecutionError
from symgrad.ops.linalg import gemm
from symgrad.plan.chain import ChainPlanner
from symgrad.plan.planner import Planner

pytestmark = pytest.mark.usefixtures("unstressed")

x, y = T.dmatrices("x", "y")
X, Y = np.arange(6.0).reshape(2, 3) / 7, np.ones((2, 3))


@pytest.fixture
def proved():
    with config.change_flags({"stress.prove": True}):
        yield


def test_by_default_nothing_is_added():
    with config.change_flags({"stress.prove": False}):
        f = function([x, y], T.dot(T.tanh(x), y.T))
    assert set(f._compiled.call.__code__.co_names).isdisjoint({"prove", "proved", "spoil"})


@pytest.mark.usefixtures("proved")
def test_the_source_is_the_same():
    z = T.exp(T.tanh(x * y) + x) * y
    f = function([x, y], z)
    with config.change_flags({"stress.prove": False}):
        g = function([x, y], z)
    assert f.source == g.source
    assert any(name.startswith("prove") for name in f._compiled.call.__code__.co_names)
    np.testing.assert_array_equal(f(X, Y), g(X, Y))


def broken_dying(monkeypatch):
    """Everything that is read is taken to be dead."""

    def dying(self, unit, position):
        found = dict.fromkeys(self.roots[i] for node in unit for i in node.inputs)
        return [root for root in found if root not in unit]

    monkeypatch.setattr(Planner, "_dying", dying)


def broken_kinds(monkeypatch):
    """Memory of one dtype is taken to be of one shape."""
    monkeypatch.setattr(Planner, "kind", lambda self, node: node.dtype)


def broken_shapes(monkeypatch):
    """Scratch arrays are a row too short."""
    array = scratch.Memory._array

    def shorter(self, node, found):
        made = array(self, node, found)
        return made[1:] if isinstance(made, np.ndarray) else made

    monkeypatch.setattr(scratch.Memory, "_array", shorter)


def broken_workspace(monkeypatch):
    monkeypatch.setattr(scratch, "_workspace", lambda node, found: (np.empty((1, 1), node.dtype),))


def broken_view(monkeypatch):
    """An operation gives its input back, and does not say so."""
    monkeypatch.setattr(gemm.Gemm, "impl", lambda self, xp, *arrays: arrays[0])


def chained_sums():
    a = T.dot(x, y.T)
    b = T.dot(a, a.T)
    return T.dot(b, a) + T.dot(b.T, T.tanh(a))


BREAKS = [
    (broken_dying, chained_sums, "needed"),
    (broken_dying, lambda: T.tanh(T.dot(x, y.T)) * T.dot(x, y.T).sum(), "needed"),
    (broken_kinds, lambda: T.dot(T.dot(T.dot(T.dot(x, y.T), x).T, y), x.T), "expected"),
    (broken_shapes, chained_sums, "expected"),
    (broken_workspace, lambda: T.nnet.softmax(x).sum(), "workspace"),
    (broken_view, lambda: x - 0.5 * T.dot(y, T.dot(y.T, x)), "view of an input"),
]


@pytest.mark.usefixtures("proved")
@pytest.mark.parametrize(("wrong", "make", "message"), BREAKS)
def test_a_planner_that_is_wrong_is_noticed_before_the_step_runs(wrong, make, message, monkeypatch):
    function([x, y], make(), on_unused_input="ignore")(X, Y)
    wrong(monkeypatch)
    f = function([x, y], make(), on_unused_input="ignore")
    with pytest.raises((AssertionError, ExecutionError), match=message):
        f(X, Y)


@pytest.mark.usefixtures("proved")
@pytest.mark.parametrize("block", [0, 1])
def test_a_chain_that_writes_to_what_is_not_cut_is_noticed(block, monkeypatch):
    take = ChainPlanner._take_inputs

    def whatever_its_lengths(self):
        take(self)
        for i in self.names:
            if i in self.outer.register and i in self.dying:
                name = self.held[i] = self.names[i]
                self.whole[name] = self.outer.register[i]
                self.kind[name] = self.outer.kind(i)

    monkeypatch.setattr(ChainPlanner, "_take_inputs", whatever_its_lengths)
    h = T.dmatrix("h")
    with config.change_flags({"stress.block": block}):
        f = function([x, h, y], T.tanh(x - 0.5 * T.dot(h, y)))
        f(np.ones((4, 3)), np.ones((4, 2)), np.ones((2, 3)))
        with pytest.raises((AssertionError, ExecutionError), match="chain of shape"):
            f(np.ones((4, 3)), np.ones((1, 2)), np.ones((2, 3)))


def test_free_memory_holds_NaN():
    with config.change_flags({"stress.fill": True}):
        f = function([x, y], T.nnet.softmax(T.dot(T.dot(x, y.T), x)).sum())
        assert f(X, Y) == pytest.approx(2)
    ((memory,),) = f._compiled.memory.kept.values()
    arrays = list(arrays_in(memory[:-1]))
    assert len(arrays) >= 3
    assert all(np.isnan(array).all() for array in arrays)


@pytest.mark.parametrize("block", [0, 1])
def test_what_is_read_too_late_is_NaN(block, monkeypatch):
    chained = T.tanh(x * y) * 2 + T.exp(T.tanh(x * y) * 2 + 1) * T.exp(x)
    flags = {"stress.prove": False, "stress.fill": True, "stress.block": block}
    with config.change_flags(flags):
        assert np.isfinite(function([x, y], [chained_sums().sum(), chained.sum()])(X, Y)).all()
        live = stress._Tree._live
        monkeypatch.setattr(stress._Tree, "_live", lambda self: [[] for _ in live(self)])
        assert np.isnan(function([x, y], chained_sums())(X, Y)).any()


@pytest.mark.parametrize("reuse", ["never", "always"])
def test_memory_of_another_call_is_used_or_not(reuse):
    with config.change_flags({"stress.reuse": reuse}):
        s = symgrad.shared(np.zeros((2, 2)), "s")
        f = function([x, y], T.dot(x, y.T).sum(), updates=[(s, T.tanh(s) + T.dot(x, y.T))])
        for n in range(1, 200):
            f(np.ones((2, n)), np.ones((2, n)))
        kept = [memory for sets in f._compiled.memory.kept.values() for memory in sets]
        assert bool(kept) == (reuse == "always")
        written = [step.out for step in f.program.steps if step.out]
        assert len(set(written)) == len(written) or reuse == "always"


@pytest.mark.parametrize("threads", [1, 3])
def test_the_smallest_sizes(threads):
    flags = {"block": 1, "chain": 1, "threads": 1, "gemm": 1, "rows": 1}
    flags = {f"stress.{name}": value for name, value in flags.items()} | {"threads": threads}
    v = T.lvector("v")
    W = symgrad.shared(np.ones((3, 4)) * 0.1, "W")
    p = T.nnet.softmax(T.dot(x, W))
    cost = -T.log(p)[T.arange(v.shape[0]), v].mean() + T.tanh(W).sum()

    def run():
        W.set_value(np.ones((3, 4)) * 0.1)
        f = function([x, v], cost, updates=[(W, W - 0.5 * T.grad(cost, W))])
        return [f(X, [1, 3]) for _ in range(3)], W.get_value()

    want = run()
    with config.change_flags(flags):
        have = run()
    np.testing.assert_allclose(have[0], want[0], rtol=1e-12)
    np.testing.assert_allclose(have[1], want[1], rtol=1e-12)


def test_what_sums_are_products_with_is_no_memory():
    s = T.dmatrix("s")
    with config.change_flags({"stress.fill": True}):
        f = function([s], [s.sum(axis=0), s.sum(axis=1)])
        for _ in range(2):
            down, across = f(X)
    np.testing.assert_allclose(down, X.sum(axis=0))
    np.testing.assert_allclose(across, X.sum(axis=1))
    np.testing.assert_allclose(function([s], s.sum(axis=0))(X), X.sum(axis=0))
