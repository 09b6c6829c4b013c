import gc
import threading

import pytest

import symgrad.tensor as T
from symgrad import function, grad
from symgrad.graph.collector import collector_paused


def test_blocks_nest_and_leave_what_was():
    assert gc.isenabled()
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_ends_the_pause():
    @collector_paused()
    def fails():
        assert not gc.isenabled()
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fails()
    assert gc.isenabled()


def test_threads_share_one_pause():
    inside, go_on = threading.Event(), threading.Event()

    def first():
        with collector_paused():
            inside.set()
            go_on.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with collector_paused():
        go_on.set()
        thread.join()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_gradient_leaves_the_collector_running():
    x = T.dvector("x")
    T.grad(T.exp(x).sum(), x)
    assert gc.isenabled()


def test_functions_are_still_made_at_the_users_line():
    x = T.dscalar("x")
    assert function([x], grad(x**2, x)).name.startswith("test_collector.py:")
