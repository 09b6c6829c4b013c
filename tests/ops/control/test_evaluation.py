"""evaluate: a graph node by node, without a compiler."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import MissingInputError
from symgrad.ops.control.evaluation import evaluate


def test_agrees_with_the_compiled_program():
    x, w = T.dmatrix("x"), symgrad.shared(np.array([[1.0, 2.0], [3.0, -1.0]]), "w")
    y = T.nnet.softmax(T.dot(x, w))
    outputs = [y, T.grad(T.sum(y**2), w), y.shape[0]]
    point = np.array([[0.5, -1.0], [2.0, 0.0], [1.0, 1.0]])
    have = evaluate(outputs, np, {x: point})
    for a, b in zip(have, symgrad.function([x], outputs)(point), strict=True):
        np.testing.assert_allclose(a, b)


def test_values_may_stand_for_inner_nodes():
    x = T.dscalar("x")
    h = T.exp(x)
    assert evaluate([h + 1], np, {h: np.array(2.0)}) == [3.0]
    with pytest.raises(MissingInputError, match="evaluate: x .* needs a value"):
        evaluate([h + 1], np, {})


def test_long_chains():
    x = T.dscalar("x")
    y = x
    for _ in range(3000):
        y = y + 1
    assert evaluate([y], np, {x: np.array(0.0)}) == [3000.0]


def test_runs_with_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    x = T.dvector("x")
    (have,) = evaluate([T.sum(T.tanh(x) * 2)], jax.numpy, {x: jax.numpy.array([1.0, 2.0])})
    assert isinstance(have, jax.Array)
    np.testing.assert_allclose(have, 2 * np.tanh([1.0, 2.0]).sum())
