"""An exception may come at any line: Ctrl-C, or what another thread throws. Nothing stays changed.

A tracer raises at the n-th line of symgrad's own that is executed, for many n. The lines of
`finally`, of `__exit__` and of a `with` statement's end are left out: no Python code can guard
those; what was interrupted there is mended by the next use.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import functools
import gc
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import config, function, grad, shared
from symgrad.locks import _locks
from symgrad.origins import _local

PACKAGE = str(Path(symgrad.__file__).parent)


class Interrupt(BaseException):
    """Comes from nowhere."""


@functools.cache
def unguarded(filename):
    """Lines of a file that no Python code can guard."""
    if filename.startswith("<"):
        return frozenset()
    tree = ast.parse(Path(filename).read_text(encoding="utf-8"))
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            parts = [*node.finalbody, *(b for h in node.handlers for b in h.body)]
            lines |= {h.lineno for h in node.handlers}
        elif isinstance(node, ast.FunctionDef) and node.name in ("__exit__", "__del__", "_end"):
            parts = [node]
        elif isinstance(node, ast.With):
            lines.add(node.lineno)
            continue
        else:
            continue
        for part in parts:
            lines |= set(range(part.lineno, part.end_lineno + 1))
    return frozenset(lines)


class Tracer:
    """Counts lines of symgrad's, and raises at one of them."""

    def __init__(self, at=-1):
        self.at = at
        self.count = 0
        self.where = None

    def __call__(self, frame, event, arg):
        name = frame.f_code.co_filename
        if not name.startswith((PACKAGE, "<symgrad")):
            return None
        return self.line

    def line(self, frame, event, arg):
        if event == "line":
            if frame.f_lineno in unguarded(frame.f_code.co_filename):
                return self.line
            if name_is_generated_with(frame):
                return self.line
            self.count += 1
            if self.count == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise Interrupt
        return self.line

    def run(self, action):
        sys.settrace(self)
        try:
            action()
        finally:
            sys.settrace(None)


def name_is_generated_with(frame):
    """Whether a line of generated source is the end of its `with` statement."""
    if not frame.f_code.co_filename.startswith("<symgrad"):
        return False
    import linecache

    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith("with ")


@pytest.fixture(scope="module", autouse=True)
def few_objects():
    """Leave out what earlier tests have made: each round here collects, which took seconds then."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as conftest.py does


class World:
    """Variables and functions, and what must hold of them after an interrupt."""

    def __init__(self):
        self.x = T.dvector("x")
        self.w = shared(np.ones(3), "w")
        self.v = shared(np.zeros(3), "v")
        self.many = [shared(float(k), f"s{k}") for k in range(20)]
        cost = T.sqr(self.w * self.x - 1).sum()
        slope = grad(cost, self.w)
        self.updates = [(self.v, 0.9 * self.v - 0.1 * slope), (self.w, self.w + self.v)]
        self.step = function([self.x], cost, updates=self.updates)
        self.debug = function([self.x], cost, updates=self.updates, mode="debug")
        self.guard = function([self.x], cost, updates=self.updates, mode="nan-guard")
        self.all = function([], [], updates=[(s, s + 1) for s in self.many])
        self.data = np.array([1.0, 2.0, 3.0])

    def values(self):
        return [s.get_value() for s in (self.w, self.v, *self.many)]

    ACTIONS = {
        "building": lambda self: T.tanh(T.dot(self.x, self.x) + self.w.sum() * 2),
        "gradient": lambda self: grad(T.log(T.nnet.sigmoid(self.x * self.w)).sum(), self.w),
        "compiling": lambda self: function([self.x], T.exp(self.x) + self.w, updates=self.updates),
        "calling": lambda self: self.step(self.data),
        "many updates": lambda self: self.all(),
        "debug mode": lambda self: self.debug(self.data),
        "guard mode": lambda self: self.guard(self.data),
        "set_value": lambda self: self.w.set_value(np.full(3, 5.0)),
        "flags": lambda self: flagged(),
        "jacobian": lambda self: symgrad.gradient.jacobian(self.x * self.w, self.w),
        "an error": lambda self: failing(self.step),
        "printing": lambda self: symgrad.debugprint(self.step, file="str"),
        "scopes": lambda self: scoped(self.x),
    }


def flagged():
    outer = symgrad.change_flags(floatX="float32", on_unused_input="ignore")
    with outer, symgrad.change_flags(floatX="float64"):
        T.scalar("a")


def failing(function):
    with pytest.raises(symgrad.ShapeError):
        function(np.ones(2))


def scoped(x):
    with symgrad.name_scope("layer"):
        return x * 2


def check(world, before, after):
    """Nothing stays changed but, all together, the values."""
    assert gc.isenabled()
    assert (config.floatX, config.on_unused_input) == ("float64", "raise")
    assert _local.origin is None
    assert _local.scope == ""
    assert free(*_locks), "a lock is still held"
    values = world.values()
    assert same(values, before) or same(values, after), "some values are old, others new"
    y = world.x + 1
    assert y.origin[0][0].co_name == "check"


def free(*locks):
    """Whether another thread could take these locks."""
    found = []

    def take():
        for lock in locks:
            if not lock.acquire(blocking=False):
                return
            lock.release()
        found.append(True)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(found)


def same(ours, others):
    return all(np.array_equal(a, b) for a, b in zip(ours, others, strict=True))


def restore(world, values):
    for variable, value in zip((world.w, world.v, *world.many), values, strict=True):
        variable.set_value(value)


POINTS = int(os.environ.get("SYMGRAD_TEST_INTERRUPTS", "15"))  # of each action


@pytest.mark.parametrize("name", World.ACTIONS)
def test_an_exception_at_any_line(name):
    action = World.ACTIONS[name]
    world = World()
    action(world)  # what is imported and remembered at first use
    counting = Tracer()
    before = world.values()
    counting.run(lambda: action(world))
    assert counting.count > 3
    restore(world, before)
    action(world)
    after = world.values()
    step = max(1, counting.count // POINTS)
    for at in range(1, counting.count + 1, step):
        restore(world, before)
        tracer = Tracer(at)
        with contextlib.suppress(Interrupt):
            tracer.run(functools.partial(action, world))
        assert tracer.where or tracer.count < at
        try:
            check(world, before, after)
        except BaseException as error:
            error.add_note(f"interrupted at {tracer.where}")
            raise
    restore(world, before)
    action(world)
    assert same(world.values(), after)


def test_ends_that_were_interrupted_are_made_up_for():
    """At the lines that are left out above, the next use restores the state."""
    from symgrad.graph.collector import collector_paused

    block = collector_paused()
    block.__enter__()
    del block  # its end never came
    assert not gc.isenabled()
    with collector_paused():
        pass
    assert gc.isenabled()

    change = symgrad.change_flags(floatX="float32")
    change.__enter__()
    del change
    with symgrad.change_flags(on_unused_input="ignore"):
        assert config.floatX == "float64"

    from symgrad.locks import all_of, new_lock
    from symgrad.origins import inherit_origin

    inherit_origin(()).__enter__()
    assert (T.dscalar() * 2).origin

    locks = [new_lock() for _ in range(3)]
    held = all_of(locks)
    held.__enter__()
    assert not free(locks[0])
    del held
    assert free(*locks)


def test_signal_handlers_may_do_what_they_interrupt():
    world = World()
    done = []

    def handler(number, frame):
        world.step(world.data)
        world.w.set_value(np.ones(3))
        with symgrad.change_flags(floatX="float32"):
            function([], shared(1.0) + 1)()
        done.append(number)
        signal.setitimer(signal.ITIMER_REAL, 0.002)  # (not one within the other for ever)

    if not hasattr(signal, "setitimer"):
        pytest.skip("no timers here")
    old = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for name in ("building", "compiling", "calling", "many updates", "set_value", "flags"):
                World.ACTIONS[name](world)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(done) > 10
    assert config.floatX == "float64"
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-?threaded.*")
def test_a_child_process_finds_all_locks_free():
    world = World()
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            world.step(world.data)
            World.ACTIONS["flags"](world)
            World.ACTIONS["compiling"](world)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if not child:
                signal.alarm(20)  # a child that hangs is ended
                code = 1
                try:
                    world.step(world.data)
                    world.all()
                    World.ACTIONS["compiling"](world)
                    world.w.set_value(np.ones(3))
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("name", ["calling", "compiling", "debug mode", "flags", "many updates"])
def test_exceptions_from_another_thread(name):
    """As `PyThreadState_SetAsyncExc` throws them, at random times."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    world = World()
    action = World.ACTIONS[name]
    action(world)
    rng = random.Random(0)
    me = threading.get_ident()
    lost = 0
    for _ in range(20):
        wait = rng.random() * 0.003
        armed = threading.Event()

        def throw(wait=wait, armed=armed):
            armed.wait()
            time.sleep(wait)
            raise_in(ctypes.c_ulong(me), ctypes.py_object(Interrupt))

        thread = threading.Thread(target=throw)
        thread.start()
        try:
            armed.set()
            after = 0
            while after < 100:  # raised in a callback of the collector, it is lost
                action(world)
                after += not thread.is_alive()
            lost += 1
        except Interrupt:
            pass
        thread.join()
        for _ in range(2):  # the second use makes up for an end that was interrupted
            World.ACTIONS["flags"](world)
            world.step(world.data)
            World.ACTIONS["gradient"](world)
        gc.collect()
        assert gc.isenabled()
        assert config.floatX == "float64"
        assert free(*_locks)
        numbers = {float(s.get_value()) - k for k, s in enumerate(world.many)}
        assert len(numbers) == 1  # all old, or all new
    assert lost < 3
