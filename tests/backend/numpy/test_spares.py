"""Updates in memory that held earlier values: of all of it, and of parts."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import IndexRangeError, ShapeError, function, grad, shared


def counter(order="C"):
    w = shared(np.asarray(np.zeros((3, 2)), order=order), "w")
    return w, function([], [], updates=[(w, w + 1)])


def test_an_update_is_written_to_what_held_an_earlier_value():
    w, f = counter()
    f()
    f()
    ids = set()
    for _ in range(6):
        f()
        ids.add(id(w.cell.value))
    assert len(ids) == 2
    np.testing.assert_array_equal(w.get_value(), np.full((3, 2), 8.0))


@pytest.mark.parametrize("look", [lambda v: v, lambda v: v[1:], lambda v: v.T, memoryview])
def test_a_value_that_somebody_holds_is_never_written_to(look):
    w, f = counter()
    held = []
    for k in range(6):
        held.append((k, look(w.get_value(borrow=True))))
        f()
    for k, value in held:
        np.testing.assert_array_equal(np.asarray(value), k)


def test_memory_that_belongs_to_another_array_is_left_alone():
    base = np.zeros((2, 3, 2))
    w, f = counter()
    for k in range(4):
        w.set_value(base[0], borrow=True)
        for _ in range(3):
            f()
        np.testing.assert_array_equal(base, 0)
        np.testing.assert_array_equal(w.get_value(), 3), k


@pytest.mark.parametrize("prepare", [np.asfortranarray, lambda v: v[::-1]])
def test_odd_layouts_and_read_only_values(prepare):
    w, f = counter()
    for _ in range(3):
        value = prepare(np.zeros((3, 2)))
        value.flags.writeable = False
        w.set_value(value, borrow=True)
        del value
        for _ in range(3):
            f()
        np.testing.assert_array_equal(w.get_value(), 3)


def test_the_shape_of_a_shared_variable_may_change():
    w, f = counter()
    for n in (2, 5, 2):
        w.set_value(np.zeros((n, 2)))
        for _ in range(3):
            f()
        np.testing.assert_array_equal(w.get_value(), np.full((n, 2), 3.0))


def test_variables_that_swap_their_values():
    a, b = shared(np.zeros(3), "a"), shared(np.ones(3), "b")
    f = function([], [a, b], updates=[(a, b), (b, a * 1)])
    g = function([], [], updates=[(a, a + b), (b, a - b)])
    for _ in range(4):
        f()
        g()
    x, y = np.zeros(3), np.ones(3)
    for _ in range(4):
        x, y = y, x
        x, y = x + y, x - y
    np.testing.assert_array_equal(a.get_value(), x)
    np.testing.assert_array_equal(b.get_value(), y)


def test_a_reader_on_another_thread_sees_whole_values():
    w = shared(np.zeros(50_000), "w")
    step = function([], [], updates=[(w, w + 1)])
    spread = function([], w.max() - w.min())
    stop = threading.Event()
    torn = []

    def read():
        while not stop.is_set():
            if spread() != 0:
                torn.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(400):
        step()
    stop.set()
    reader.join()
    assert not torn


# -- updates of parts ----------------------------------------------------------------------------


def embedding(n=1000, d=8):
    """A step that changes the rows that are looked up, and the same by hand."""
    E = shared(np.random.default_rng(0).normal(size=(n, d)), "E")
    i = T.lvector("i")
    cost = (E[i] ** 2).sum()
    f = function([i], cost, updates=[(E, E - 0.1 * grad(cost, E))])
    value = E.get_value()

    def by_hand(i):
        g = np.zeros_like(value)
        np.add.at(g, i, 2 * value[i])
        value[...] -= 0.1 * g
        return value

    return E, f, by_hand


def test_rows_change_and_others_stay():
    E, f, by_hand = embedding()
    rng = np.random.default_rng(1)
    for k in range(30):
        rows = rng.integers(-1000, 1000, rng.integers(0, 20))
        f(rows)
        want = by_hand(rows)
        if k % 3 == 0:  # reading by another way than a function changes nothing
            np.testing.assert_allclose(E.get_value(), want)
    np.testing.assert_allclose(E.get_value(), want)
    assert "E_copy" in f.source


@pytest.mark.usefixtures("unstressed")
def test_it_costs_what_is_looked_up():
    E, f, _ = embedding(100_000, 64)
    rows = np.arange(50)
    for _ in range(3):
        f(rows)
    tracemalloc.start()
    for _ in range(3):
        f(rows + 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 64 * 8 * 20 < E.get_value(borrow=True).nbytes / 50


def test_the_callers_index_may_change_afterwards():
    E, f, by_hand = embedding(5, 2)
    rows = np.array([0, 1])
    for k in range(6):
        rows[...] = k % 5, (k + 2) % 5
        f(rows)
        want = by_hand(rows.copy())
        rows[...] = 3
    np.testing.assert_allclose(E.get_value(), want)


def test_changing_the_value_in_between_is_not_lost():
    E, f, by_hand = embedding(6, 2)
    for k in range(8):
        f([k % 6])
        value = by_hand([k % 6])
        if k == 2:
            E.set_value(E.get_value() + 1)
            value += 1
        if k == 4:
            E.get_value(borrow=True)[5] = 7
            value[5] = 7
        if k == 5:
            held = E.get_value(borrow=True)
            before = held.copy()
        if k == 6:
            np.testing.assert_array_equal(held, before)
            held[...] = 99  # what held an earlier value is the caller's
            del held
    np.testing.assert_allclose(E.get_value(), value)


def test_a_failed_change_is_undone():
    E, f, by_hand = embedding(6, 2)
    for k in range(5):
        f([k, 1])
        value = by_hand([k, 1])
        with pytest.raises(IndexRangeError):
            f([0, 2, 6])
        np.testing.assert_allclose(E.get_value(), value)


def test_another_update_that_fails_leaves_what_a_change_builds_on():
    w, v = shared(np.zeros((4, 3)), "w"), shared(np.zeros((4, 3)), "v")
    i, x = T.lscalar("i"), T.dmatrix("x")
    f = function([i], [], updates=[(w, T.inc_subtensor(w[i], 1.0))])
    g = function([x], [], updates=[(w, T.exp(w) * 5), (v, T.dot(x, v))])
    for k in range(4):
        f(k)
        with pytest.raises(ShapeError):
            g(np.ones((4, 2)))
        f(k)
    np.testing.assert_array_equal(w.get_value(), np.full((4, 3), 2.0))


def test_parts_of_what_held_a_read_only_value():
    w, i = shared(np.zeros((4, 3)), "w"), T.lscalar("i")
    f = function([i], [], updates=[(w, T.inc_subtensor(w[i], 1.0))])
    value = np.zeros((4, 3))
    value.flags.writeable = False
    w.set_value(value, borrow=True)
    del value
    for k in (0, 1, 2, 3):
        f(k)
    np.testing.assert_array_equal(w.get_value(), np.ones((4, 3)))


def test_parts_set_by_the_user_one_after_the_other():
    s = shared(np.zeros((4, 3)), "s")
    k = T.lscalar("k")
    new = T.set_subtensor(s[k], s[k] + 1)
    new = T.inc_subtensor(new[:, 1], 10)
    new = T.set_subtensor(new[-1:], 5)
    f = function([k], s.sum(), updates=[(s, new)])
    value = np.zeros((4, 3))
    for k in range(8):
        total = f(k % 4)
        assert total == value.sum()  # of the old value
        value[k % 4] += 1
        value[:, 1] += 10
        value[-1:] = 5
        np.testing.assert_array_equal(s.get_value(), value)


def test_another_function_updates_the_whole():
    E, f, by_hand = embedding(6, 2)
    double = function([], [], updates=[(E, E * 2)])
    for k in range(9):
        f([k % 6, 0])
        value = by_hand([k % 6, 0])
        if k % 3 == 1:
            double()
            value *= 2
    np.testing.assert_allclose(E.get_value(), value)


def test_the_new_value_as_a_result_is_the_callers():
    s = shared(np.zeros(4), "s")
    new = T.inc_subtensor(s[:2], 1)
    f = function([], new, updates=[(s, new)])
    for k in range(1, 5):
        got = f()
        np.testing.assert_array_equal(got, [k, k, 0, 0])
        got[...] = 9
