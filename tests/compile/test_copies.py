"""Copies of functions: shallow, deep and pickled, each with the state that it should have."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import (
    In,
    config,
    function,
    shared,
)


def model():
    x, n = T.dvector("x"), T.dscalar("n")
    w = shared(np.zeros(2), "w")
    f = function([x, In(n, value=1.0)], {"s": (w * x).sum()}, updates=[(w, w + n)], name="step")
    return f, w


@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_have_their_own_state_shared_among_themselves(how):
    f, w = model()
    f([1, 1])
    g, v = how((f, w))
    assert v is not w
    assert g([1, 1]) == {"s": 2.0}
    np.testing.assert_array_equal(w.get_value(), [1, 1])
    np.testing.assert_array_equal(v.get_value(), [2, 2])
    assert (g.name, g([1, 1], n=3)) == ("step", {"s": 4.0})
    assert g.get_shared() == [v]
    assert g.maker.mode is f.maker.mode


def test_a_shallow_copy_shares_the_state():
    f, w = model()
    g = copy.copy(f)
    g([1, 1])
    np.testing.assert_array_equal(w.get_value(), [1, 1])
    assert g is not f


def test_a_copy_is_made_of_what_was_compiled():
    """Not of lists that changed since, nor of flags or default updates that are others now."""
    x, y = T.dscalars("x", "y")
    w, r = shared(0.0, "w"), shared(0, "r")
    inputs, updates, givens = [x, y], {w: w + x}, {}
    with config.change_flags(on_unused_input="ignore"):
        f = function(inputs, w + r, updates=updates, givens=givens)
    inputs.clear()
    updates[w] = w * 0 - 1
    givens[x] = T.constant(5.0)
    r.default_update = r + 1
    g, v = copy.deepcopy((f, w))
    g(2, 3)
    assert v.get_value() == 2


def test_a_function_of_a_deep_graph_pickles():
    x = y = T.dscalar("x")
    for _ in range(2000):
        y = y + 1
    f = pickle.loads(pickle.dumps(function([x], y, mode="FAST_COMPILE")))
    assert f(1) == 2001
