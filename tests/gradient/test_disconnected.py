"""Why no gradient arrives: each reason as data, and as a sentence."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import GraphTypeError, shared, why_disconnected
from symgrad.gradient import consider_constant, disconnected_grad, zero_grad

X = T.dmatrix("X")
W = shared(np.ones((3, 2)), "W")
SCORES = T.dot(X, W)


def reason(cost, wrt, **settings):
    (found,) = why_disconnected(cost, wrt, **settings).reasons
    return found


@pytest.mark.parametrize(
    ("cost", "code", "words"),
    [
        (lambda: T.sum(SCORES), "connected", "W is connected"),
        (lambda: T.sum(X), "absent", "not part of the expression at all, which depends on X"),
        (lambda: T.sum(X) + W.shape[0], "shape", "W is used by W.shape[0]"),
        (lambda: T.sum(T.zeros_like(SCORES)), "shape", "shape or type only"),
        (
            lambda: T.sum(disconnected_grad(SCORES)),
            "barrier",
            "disconnected_grad is there for that",
        ),
        (lambda: T.sum(zero_grad(SCORES)), "barrier", "zero_grad"),
        (lambda: T.sum(consider_constant(SCORES)), "barrier", "consider_constant"),
        (lambda: T.mean(T.argmax(SCORES, axis=1)), "integers", "argmax(dot(X, W), axis=(1,))"),
        (lambda: T.mean(SCORES > 0), "integers", "(dot(X, W) > 0.0)"),
        (lambda: T.mean(T.switch(SCORES > 0, 1.0, 0.0)), "integers", "whose values are bool"),
        (lambda: T.sum(T.cast(SCORES, "int32")), "integers", "whose values are int32"),
        (lambda: T.sum(T.round(SCORES)), "zero", "derivative is zero everywhere"),
        (lambda: T.sum(SCORES // 2), "zero", "derivative is zero everywhere"),
        (lambda: T.sum(T.sgn(SCORES)), "zero", "sgn"),
        (lambda: T.sum(T.floor(SCORES)) + T.sum(W), "connected", "W is connected"),
    ],
)
def test_each_reason(cost, code, words):
    found = reason(cost(), W)
    assert (found.code, found.connected) == (code, code == "connected")
    assert words in str(found)
    assert found.variable is W


def test_the_operation_that_cuts_is_given():
    cut = T.argmax(SCORES, axis=1)  # the cut
    found = reason(T.mean(cut), W)
    assert found.node is cut
    assert "test_disconnected.py" in str(found)


def test_held_constant():
    assert reason(T.sum(SCORES), W, consider_constant=[SCORES]).code == "held"
    assert reason(T.sum(SCORES), W).connected


def test_what_integers_were_made_into_has_no_gradient():
    y = T.ivector("y")
    found = reason(T.sum((y // 2) * 1.5), y)
    assert (found.code, found.connected) == ("integers", False)
    assert "whose values are int32: they change in steps" in str(found)
    assert reason(T.sum(y * 1.5), y).connected


def test_another_variable_of_the_same_name():
    other = shared(np.ones((3, 2)), "W")
    found = reason(T.sum(SCORES), other)
    assert (found.code, found.node) == ("same name", W)
    assert "Did you mean that one?" in str(found)
    with pytest.raises(symgrad.DisconnectedInputError, match="another variable of that name"):
        T.grad(T.sum(SCORES), other)


def test_a_copy_with_the_same_storage():
    found = reason(T.sum(SCORES), W.clone())
    assert (found.code, found.node) == ("same name", W)
    assert "same storage" in str(found)


def test_the_same_formula_written_twice():
    found = reason(T.sum(SCORES), T.dot(X, W))
    assert (found.code, found.node) == ("rebuilt", SCORES)
    assert "Keep it in a variable" in str(found)
    assert reason(T.sum(SCORES), SCORES).connected


def test_several_variables():
    b = shared(np.zeros(2), "b")
    found = why_disconnected(T.sum(SCORES), [W, b, X])
    assert [r.code for r in found.reasons] == ["connected", "absent", "connected"]
    assert not found.connected
    assert str(found).count("\n") == 2
    assert why_disconnected(T.sum(SCORES), (W, X)).connected


def test_it_agrees_with_grad():
    for cost in (T.sum(X) + W.shape[0], T.sum(disconnected_grad(W))):
        assert not why_disconnected(cost, W).connected
        with pytest.raises(symgrad.DisconnectedInputError):
            T.grad(cost, W)
    for cost in (T.sum(T.round(W)), T.sum(T.switch(W > 0, 2.0, 3.0)), T.sum(zero_grad(W))):
        assert not why_disconnected(cost, W).connected
        np.testing.assert_array_equal(T.grad(cost, W).eval(), np.zeros((3, 2)))


def test_loops_and_operations_with_several_results_are_followed():
    x = T.dvector("x")
    assert reason(T.sum(T.jacobian(x**3, x)), x).connected
    values, vectors = T.nlinalg.eigh(T.dot(W.T, W))
    assert reason(T.sum(vectors) + T.sum(values), W).connected


def test_what_is_no_variable_is_refused():
    with pytest.raises(GraphTypeError, match="cost must be a symbolic variable, not 3"):
        why_disconnected(3, W)
    with pytest.raises(GraphTypeError, match="wrt must be a symbolic variable, not 'W'"):
        why_disconnected(T.sum(W), ["W"])


def test_a_deep_graph():
    y = X
    for _ in range(20_000):
        y = T.tanh(y)
    found = why_disconnected(T.sum(T.round(y)), [X, W])
    assert [r.code for r in found.reasons] == ["zero", "absent"]
