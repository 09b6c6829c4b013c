"""Results are the caller's own: no later call, argument or shared variable changes them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

import symgrad as theano
import symgrad.tensor as T
from symgrad import (
    function,
    shared,
)


def own_results(x, v, w):
    """Expressions whose values could share memory with something."""
    e = T.exp(x)
    row = v.dimshuffle("x", 0)
    return {
        "input": x,
        "view": x.T,
        "view of view": x.T[1:],
        "shared": w,
        "shared view": w.T,
        "constant": T.constant(np.ones((2, 3))),
        "constant view": T.constant(np.ones((2, 3))).T,
        "fresh": e,
        "fresh view": e.T,
        "fresh row": e[0],
        "reshaped": e.reshape((3, 2)),
        "reshaped input": x.reshape((-1,)),
        "broadcast": T.zeros_like(x) + row,
        "grad": T.grad(x.sum(), x),
        "scalar": e.sum(),
        "number": T.constant(3.0),
        "printed": theano.printing.Print("p", attrs=("shape",))(e),
    }


KEYS = sorted(own_results(T.dmatrix(), T.dvector(), shared(np.ones((2, 3)))))


@given(st.lists(st.sampled_from(KEYS), max_size=6), st.sampled_from(KEYS))
def test_results_share_memory_with_nothing(chosen, updated):
    x, v = T.dmatrix("x"), T.dvector("v")
    w = shared(np.full((2, 3), 2.0), "w")
    table = own_results(x, v, w)
    outputs = [table[key] for key in chosen]
    new = table[updated]
    updates = [(w, new)] if new.ndim == 2 and updated not in TRANSPOSED else []
    f = function([x, v], outputs, updates=updates, on_unused_input="ignore")
    a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    before = a.copy(), b.copy()
    constants = [c.value for c, _ in f.program.constants]

    first = f(a, b)
    expected = [np.array(r) for r in first]
    state = w.get_value()
    kept = [*constants, a, b, w.get_value(borrow=True)]
    for k, result in enumerate(first):
        assert type(result) is np.ndarray
        for other in [*kept, *first[:k]]:
            assert not np.shares_memory(result, other)
        result[...] = -1  # writable, and nobody else notices
    np.testing.assert_array_equal(w.get_value(), state)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])

    w.set_value(np.full((2, 3), 2.0))
    second = f(a, b)
    f(a + 1, b + 1)
    for got, want in zip(second, expected, strict=True):
        np.testing.assert_array_equal(got, want)


TRANSPOSED = {"view", "view of view", "shared view", "constant view", "fresh view", "reshaped"}


def test_a_borrowed_value_is_never_written_to():
    w = shared(np.zeros(3), "w")
    mine = np.ones(3)
    w.set_value(mine, borrow=True)
    function([], [], updates=[(w, w + 1)])()
    np.testing.assert_array_equal(mine, [1, 1, 1])
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])


def test_gradients_may_be_accumulated_in_place():
    w, i = shared(np.ones(2)), T.lscalar("i")
    batch_grad = function([i], T.grad(T.sum(w * i), w))
    total = batch_grad(0)
    for k in range(1, 4):
        total += batch_grad(k)
    np.testing.assert_array_equal(total, [6, 6])


def test_a_generic_shared_variable_passes_through():
    box = shared([1, [2]])
    x = T.dscalar("x")
    f = function([x], [x, box])
    got = f(1)[1]
    assert got == [1, [2]]
    got[1].append(3)
    assert f(1)[1] == [1, [2]]
    other = shared({"a": 1})
    function([], [], updates=[(box, other)])()
    assert box.get_value() == {"a": 1}
