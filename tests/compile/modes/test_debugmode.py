"""Debug mode lets right functions pass, and says what is wrong with the others."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import symgrad
import symgrad as theano
import symgrad.tensor as T
from symgrad import ops
from symgrad.compile.modes.debugmode import DebugMode, DebugModeError, agree, is_better
from symgrad.rewrite.algebra import ALGEBRA
from symgrad.rewrite.lowering import LOWERING


def with_rule(monkeypatch, rules, op, rule):
    """Let a set of rules have one more, until the test ends."""
    monkeypatch.setitem(rules._by_op, op, [rule, *rules._by_op.get(op, ())])


def half_exp(e):
    """exp(x) → exp(x / 2), which is wrong."""
    (x,) = e.inputs
    if x.op is ops.true_div:
        return None
    return ops.exp.make(ops.true_div.make(x, symgrad.tensor.constant(2.0)))


def debugged(inputs, outputs, mode="debug", **settings):
    return symgrad.function(inputs, outputs, mode=mode, name="f", **settings)


@pytest.mark.parametrize("mode", ["debug", "DebugMode", "DEBUG_MODE", DebugMode()])
def test_a_training_step_is_what_it_is_without(mode):
    rng = np.random.default_rng(1)
    data, labels = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)

    def training(mode):
        x, y = T.dmatrix("x"), T.lvector("y")
        W = symgrad.shared(np.zeros((4, 3)), "W")
        p = T.nnet.softmax(T.dot(x, W))
        cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
        step = symgrad.function(
            [x, y], [cost, p], updates=[(W, W - 0.5 * T.grad(cost, W))], mode=mode
        )
        return step, W

    (plain, W), (step, V) = training("FAST_RUN"), training(mode)
    for _ in range(3):
        for a, b in zip(plain(data, labels), step(data, labels), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(W.get_value(), V.get_value())


def test_rewrites_that_make_a_result_better_pass():
    z = T.fmatrix("z")
    f = debugged([z], [T.log(T.nnet.softmax(z)), T.log(1 + T.exp(z)), T.exp(z) - 1])
    results = f(np.array([[0, 200, 1e-9]], "float32"))
    assert np.isfinite(results[0]).all()
    np.testing.assert_allclose(results[2][0, 2], 1e-9)
    x = T.dvector("x")
    assert debugged([x], T.sqrt(x**2))([1e200]) == 1e200


def test_infinities_and_nan_are_compared_as_values():
    x = T.dvector("x")
    np.testing.assert_array_equal(debugged([x], T.log(x))([0.0, -1.0, 1.0]), [-np.inf, np.nan, 0])


def test_a_wrong_rule_is_named(monkeypatch):
    x = T.dvector("x")
    with_rule(monkeypatch, ALGEBRA, ops.exp, half_exp)
    f = debugged([x], T.exp(x + 1).sum())
    with pytest.raises(DebugModeError) as caught:
        f([1.0, 2.0])
    text = str(caught.value)
    assert text.startswith("f(): output 1 differs from the graph as written, by up to")
    assert "by the rule half_exp: exp(x) → exp(x / 2), which is wrong." in text
    assert "exp((x + 1.0))  →  exp(((x + 1.0) / 2.0))" in text
    assert "test_debugmode.py" in text
    assert "as written: 27.474593" in text


def test_a_wrong_rule_of_the_last_pass_is_named_and_nothing_is_updated(monkeypatch):
    x = T.dvector("x")
    w = symgrad.shared(np.ones(2), "w")
    with_rule(monkeypatch, LOWERING, ops.exp, half_exp)
    f = debugged([x], T.exp(x), updates=[(w, w + x)])
    with pytest.raises(DebugModeError, match="by the rule half_exp"):
        f([1.0, 2.0])
    np.testing.assert_array_equal(w.get_value(), [1.0, 1.0])
    f = debugged([x], x, updates=[(w, T.exp(w))])
    with pytest.raises(DebugModeError, match="the update of w differs"):
        f([1.0, 2.0])
    np.testing.assert_array_equal(w.get_value(), [1.0, 1.0])


def test_a_program_that_does_not_do_what_its_graph_says():
    x = T.dvector("x")
    f = debugged([x], x * 3)
    wrong = f._mode.watched(f, lambda x: x * 3 + 1)
    with pytest.raises(DebugModeError, match="the plan or the generated source did"):
        wrong(np.ones(2))


def test_memory_is_checked():
    x = T.dvector("x")
    w = symgrad.shared(np.ones(2), "w")
    f = debugged([x], [x + 0, w + x])

    def called(call):
        return f._mode.watched(f, call)

    def changing(v):
        v += 1
        return [v.copy(), v + 1]

    with pytest.raises(DebugModeError, match=r"the call changed x \(float64 vector\) in place"):
        called(changing)(np.ones(2))
    with pytest.raises(DebugModeError, match="output 1 shares memory with x"):
        called(lambda v: [v[:], v + 1])(np.ones(2))
    with pytest.raises(DebugModeError, match="output 2 shares memory with w"):
        called(lambda v: [v + 0, w.cell.value])(np.zeros(2))

    def twice(v):
        both = np.ones(4)
        return [both[:2], both[1:3]]

    with pytest.raises(DebugModeError, match="output 2 shares memory with output 1"):
        called(twice)(np.ones(2))


def test_finiteness_is_checked_where_asked():
    x = T.dvector("x")
    f = debugged([x], T.log(x), DebugMode(check_isfinite=True))
    assert f([1.0]) == 0
    with pytest.raises(DebugModeError, match="output 1 is not finite; mode='nan-guard' says"):
        f([0.0])
    with symgrad.config.change_flags({"DebugMode.check_finite": True}):
        f = debugged([x], T.log(x))
    with pytest.raises(DebugModeError, match="not finite"):
        pickle.loads(pickle.dumps(f))([0.0])


def test_theanos_arguments_are_accepted():
    mode = theano.compile.DebugMode(
        check_c_code=False, stability_patience=3, require_matching_strides=0
    )
    assert isinstance(mode.including("fusion"), DebugMode)
    assert theano.compile.debugmode.DebugMode is DebugMode


def test_other_errors_are_as_ever():
    x, y = T.dvectors("x", "y")
    with pytest.raises(symgrad.errors.ShapeError):
        debugged([x, y], x + y)([1.0, 2.0], [1.0, 2.0, 3.0])


def test_printing_happens_once(capsys):
    x = T.dvector("x")
    debugged([x], symgrad.printing.Print("x")(x) * 2)([1.0])
    assert capsys.readouterr().out.count("x __str__") == 1


def test_what_agrees():
    one = np.ones(3)
    assert agree(one, one + 1e-10)
    assert not agree(one, one + 1e-6)
    assert agree(one, one + 1e-6, 1e-4)
    assert not agree(one, one.astype("float32"))
    assert agree(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]))
    assert not agree(np.array([np.inf]), np.array([-np.inf]))
    assert not agree(np.arange(3), np.arange(3) + 1)


def test_what_is_better():
    truth = np.array([1.0])
    assert is_better(truth, truth + 0.5, truth)
    assert not is_better(truth + 5, truth + 0.5, truth)
    assert not is_better(np.array([np.nan]), np.array([np.inf]), None)
    assert is_better(np.array([3.0]), np.array([np.inf]), None)
    assert not is_better(np.ones(2), np.ones(3), None)


def test_a_variable_that_a_signal_handler_sets_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread may be inside a call and set its variables: no lock keeps it out."""
    from symgrad.compile.modes.stepwise import Steps

    w = symgrad.shared(2.0, "w")
    f = symgrad.function([], w * 3, updates=[(w, w + 1)], mode="debug")
    run, handlers = Steps.run, [10.0]

    def interrupted(self, *args):
        values = run(self, *args)
        if handlers:
            w.set_value(handlers.pop())
        return values

    monkeypatch.setattr(Steps, "run", interrupted)
    assert f() == 30
    assert w.get_value() == 11
