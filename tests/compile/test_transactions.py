"""A call stores all of its updates or none, whatever ends it, and calls run beside each other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import (
    ShapeError,
    function,
    shared,
)


def test_a_failing_call_changes_nothing():
    x = T.dvector("x")
    a, b = shared(np.zeros(2), "a"), shared(np.zeros(2), "b")
    f = function([x], a.sum(), updates=[(a, a + 1), (b, b + x)])
    with pytest.raises(ShapeError):
        f(np.ones(3))
    np.testing.assert_array_equal([a.get_value(), b.get_value()], np.zeros((2, 2)))
    f(np.ones(2))
    np.testing.assert_array_equal([a.get_value(), b.get_value()], np.ones((2, 2)))


INTERRUPTED = """
import ctypes, random, signal, sys, threading, time
import numpy as np, symgrad
from symgrad import shared, function
import symgrad.tensor as T

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may inherit SIG_IGN
cells = [shared(np.zeros(50), f"s{k}") for k in range(int(sys.argv[1]))]
x = T.dvector("x")
f = function([x], T.exp(x).sum(), updates=[(s, s + x + 0 * T.exp(x).sum()) for s in cells])
one = np.ones(50)
rng = random.Random(1)
main = threading.main_thread().ident
armed = False

def disturb():
    '''One interrupt each time that `armed` is set.'''
    global armed
    while True:
        time.sleep(rng.random() * 1e-3)
        if armed:
            armed = False
            if sys.argv[2] == "signal":
                signal.raise_signal(signal.SIGINT)
            else:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(main), ctypes.py_object(KeyboardInterrupt))

threading.Thread(target=disturb, daemon=True).start()
calls = caught = 0
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        armed = True
        while True:
            f(one)
            calls += 1
    except KeyboardInterrupt:
        caught += 1
    values = {float(s.get_value()[0]) for s in cells}
    assert len(values) == 1, values
before = cells[0].get_value()[0]
done = []
other = threading.Thread(target=lambda: done.append(f(one)), daemon=True)
other.start()
other.join(10)
assert done, "a lock was left behind"
assert cells[-1].get_value()[0] == before + 1
assert caught > 5, caught
print("ok", calls, caught)
"""


@pytest.mark.parametrize("how", ["signal", "async"])
@pytest.mark.parametrize("cells", [3, 40])
def test_an_interrupt_leaves_all_old_or_all_new(how, cells):
    """Ctrl-C at random moments, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(cells), how, "0.3"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.stdout.startswith("ok"), done.stderr + done.stdout


def run_together(*jobs):
    errors = []

    def guarded(job):
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    assert not errors, errors


def test_overlapping_updates_from_threads_lose_nothing_and_never_wait_for_each_other():
    a, b, c = (shared(np.zeros(100), name) for name in "abc")
    fs = [
        function([], [], updates=[(a, a + 1), (b, b + 1)]),
        function([], [], updates=[(c, c + 1), (b, b + 1)]),
        function([], [], updates=[(c, c + 1), (a, a + 1)]),
        function([], [], updates=[(b, b + 1), (c, c + 1), (a, a + 1)]),
    ]
    count = 300
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_together(*[lambda f=f: [f() for _ in range(count)] for f in fs])
    finally:
        sys.setswitchinterval(old)
    for cell in (a, b, c):
        np.testing.assert_array_equal(cell.get_value(), np.full(100, 3.0 * count))


def test_readers_see_one_consistent_set():
    cells = [shared(np.zeros(2), f"s{k}") for k in range(25)]
    write = function([], [], updates=[(s, s + 1) for s in cells])
    read = function([], cells)
    seen = set()
    stop = threading.Event()

    def writer():
        for _ in range(400):
            write()
        stop.set()

    def reader():
        while not stop.is_set():
            seen.add(len({float(np.ravel(v)[0]) for v in read()}))

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_together(writer, reader, reader)
    finally:
        sys.setswitchinterval(old)
    assert seen == {1}


def test_set_value_waits_for_a_running_update():
    w = shared(np.zeros(2), "w")
    inside, go = threading.Event(), threading.Event()

    x = T.dvector("x")
    f = function([x], [], updates=[(w, w + x)])
    run = f._run

    def slowly(*args):
        with w.cell.lock:
            inside.set()
            assert go.wait(10)
            return run(*args)

    f._run = slowly
    order = []
    caller = threading.Thread(target=lambda: (f(np.ones(2)), order.append("call")))
    caller.start()
    assert inside.wait(10)
    setter = threading.Thread(target=lambda: (w.set_value(np.full(2, 9.0)), order.append("set")))
    setter.start()
    setter.join(0.05)
    assert setter.is_alive()
    go.set()
    caller.join(10)
    setter.join(10)
    np.testing.assert_array_equal(w.get_value(), [9, 9])


def test_an_interrupt_handler_is_still_the_users():
    code = """
import signal
before = signal.getsignal(signal.SIGINT)
import symgrad, symgrad.tensor as T
x = T.dscalar()
symgrad.function([x], x + 1)(1.0)
assert signal.getsignal(signal.SIGINT) is before
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
