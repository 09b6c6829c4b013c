"""Long lives: what is made and dropped, called and drawn again and again, leaves nothing behind.

Three measures: Python's own blocks (no noise but for caches that fill), the bytes that are traced
(arrays too), and, for volumes, the memory of a process of its own.
"""

from __future__ import annotations

import copy
import ctypes
import gc
import io
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import symgrad.draw

import symgrad
import symgrad.tensor as T
from symgrad import ProfileStats, function, grad, origins, shared
from symgrad.backend.numpy import scratch
from symgrad.compile.modes.monitormode import MonitorMode
from symgrad.compile.modes.nanguardmode import NanGuardMode
from symgrad.explain.linting import lint
from symgrad.ops.nnet import row_losses

ROOT = Path(__file__).parent.parent


def training(classes=3, **options):
    x, y = T.dmatrix("x"), T.lvector("y")
    w, b = shared(np.zeros((4, classes)), "w"), shared(np.zeros(classes), "b")
    p = T.nnet.softmax(T.dot(T.tanh(x), w) + b)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    updates = [(v, v - 0.1 * g) for v, g in zip((w, b), grad(cost, [w, b]), strict=True)]
    return function([x, y], cost, updates=updates, **options)


def small(**options):
    x, w = T.dvector("x"), shared(np.ones(3), "w")
    f = function([x], T.exp(x * w).sum(), updates=[(w, w - x)], **options)
    f(np.ones(3))
    return f


def step(f, n=5):
    return f(np.ones((n, 4)), np.zeros(n, int))


TRAINED, SMALL = training(), small()
RAGGED = T.dmatrix("r")
OF_ANY_SHAPE = [
    function([RAGGED], out)
    for out in (
        *(RAGGED.sum(0), RAGGED.astype("float32").sum(1), T.nnet.softmax(RAGGED), RAGGED.var(1)),
        *(T.tanh(RAGGED) * 2 + RAGGED, T.repeat(RAGGED, 2, 0), T.cumsum(RAGGED, 0)),
        grad(T.log(T.exp(RAGGED).sum(1)).sum(), RAGGED),
    )
]


# -- what is done again and again; each takes the number of the round --------------------------


def made_and_dropped(i):
    step(training())


def of_a_new_name(i):
    x = T.dvector(f"a_name_of_its_own_{i}")
    f = function([x], T.exp(x) * 3 + i, name=f"function_{i}")
    f([1.0])


def with_profile(i):
    stats = ProfileStats(atexit_print=False)
    small(profile=stats)
    stats.by_op()
    stats.summary(io.StringIO())


def profiled(i):
    """The summary at exit wants it."""
    small(profile=True)


def in_mode(mode, i):
    small(mode=mode() if callable(mode) else mode)


def nan_found(i):
    x = T.dvector("x")
    f = function([x], T.log(x), mode=NanGuardMode(nan_is_error=True))
    with pytest.raises(AssertionError):
        f([-1.0])


def with_givens(i):
    x, z = T.dvector("x"), T.dvector("z")
    function([z], T.exp(x).sum(), givens={x: z * i})([1.0, 2.0])


def differentiated(i):
    x, v = T.dvector("x"), T.dvector("v")
    y = T.exp(x) * i
    function([x], [T.jacobian(y, x), T.hessian((x**3).sum(), x)])([1.0, 2.0])
    T.Rop(y, x, v), T.Lop(y, x, v), grad(y.sum(), x)


def drawn(i):
    x = T.dvector("x")
    symgrad.draw.html(T.tanh(x * i).sum())
    symgrad.draw.dot(SMALL)


def told(i):
    x = T.dvector("x")
    cost = T.log(1 + T.exp(x * i)).sum()
    str(function([x], cost).story())
    str(symgrad.derive(cost, x))
    str(lint(cost))


def printed(i):
    x = T.dvector(f"x{i}")
    symgrad.pp(T.exp(x) + i)
    symgrad.debugprint(TRAINED, file=io.StringIO())
    str(TRAINED.plan)


def pickled(i):
    for f in (pickle.loads(pickle.dumps(SMALL)), copy.deepcopy(SMALL), SMALL.copy()):
        f(np.ones(3))


def failing(i):
    x = T.dvector("x")
    attempts = (
        lambda: TRAINED(np.ones((2, 5)), np.zeros(2, int)),
        lambda: TRAINED("a", [0]),
        lambda: TRAINED(np.ones((2, 4)), [7, 7]),
        lambda: T.dot(T.dscalar(), T.tensor3()) + x.nothing,
        lambda: function([x], T.dvector("y") * i),
        lambda: grad(x, x),
        lambda: x[i, 2],
    )
    for attempt in attempts:
        with pytest.raises(Exception) as error:
            attempt()
        str(error.value)


def source_of_its_own(i):
    """A notebook's cell, or a program that writes programs."""
    source = f"f = function([x := T.dmatrix()], T.dot(x, x) + {i})\nf(np.ones((2, 3)))"
    with pytest.raises(symgrad.SymgradError) as error:
        exec(compile(source, f"<cell {i}>", "exec"), {"T": T, "function": function, "np": np})
    str(error.value)


def of_variables(i):
    v = shared(np.ones(100), f"v{i}")
    v.set_value(v.get_value() + i)
    with symgrad.change_flags(floatX="float32"), symgrad.name_scope(f"scope{i}"):
        T.tanh(v).eval()


def of_many_shapes(i):
    n = i * 7919 % 307 + 1
    OF_ANY_SHAPE[i % len(OF_ANY_SHAPE)](np.ones((n, 3)))
    step(TRAINED, n)


def on_threads(i):
    def work():
        step(TRAINED, i % 3 + 1)
        x = T.dvector("x")
        with symgrad.name_scope("thread"), symgrad.change_flags({"traceback.limit": 3}):
            function([x], T.exp(x).sum())([1.0])
        pickle.loads(pickle.dumps(x * 2))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ROUNDS = {
    "made and dropped": made_and_dropped,
    "a new name": of_a_new_name,
    "profile": with_profile,
    "FAST_COMPILE": partial(in_mode, "FAST_COMPILE"),
    "DebugMode": partial(in_mode, "DEBUG_MODE"),
    "NanGuardMode": partial(in_mode, NanGuardMode),
    "MonitorMode": partial(in_mode, partial(MonitorMode, pre_func=lambda *_: None)),
    "NaN found": nan_found,
    "givens": with_givens,
    "differentiated": differentiated,
    "drawn": drawn,
    "told": told,
    "printed": printed,
    "pickled": pickled,
    "failing": failing,
    "source of its own": source_of_its_own,
    "variables": of_variables,
    "shapes": of_many_shapes,
    "threads": on_threads,
}


def blocks_left(act, start, rounds):
    """How many blocks of memory `rounds` rounds leave behind."""
    gc.collect()
    before = sys.getallocatedblocks()
    for i in range(start, start + rounds):
        act(i)
    gc.collect()
    return sys.getallocatedblocks() - before


def bytes_left(act, start, rounds):
    """How many bytes they leave: arrays, too."""
    gc.collect()
    tracemalloc.start()
    try:
        for i in range(start, start + 10):
            act(i)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for i in range(start + 10, start + 10 + rounds):
            act(i)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


KEPT = []


def kept_on_purpose(i):
    KEPT.append(T.dvector())


def array_kept_on_purpose(i):
    KEPT.append(np.ones(1000))


# From Python 3.12 on, the names of variables in compiled code stay for good, two blocks for each.
NAMES = 4 if sys.version_info >= (3, 12) else 0


def leaves_blocks(act, rounds=25, most=0.9 + NAMES):
    """Whether each of several times as many rounds leaves more than `most` blocks a round.

    Tables that fill, to their bounds, leave some at first; so those that leave none soon do not.
    """
    return all(
        blocks_left(act, start, rounds) > most * rounds for start in range(10, 9 * rounds, rounds)
    )


def leaves_bytes(act, rounds=20, most=2000):
    """The same of bytes. What is measured takes some itself, for the names of files."""
    return all(
        bytes_left(act, start, rounds) > most * rounds for start in range(1000, 1300, rounds + 10)
    )


DEAR = ("differentiated", "told", "pickled")  # half of the time
KINDS = [
    pytest.param(act, id=name, marks=[pytest.mark.slow] if name in DEAR else [])
    for name, act in ROUNDS.items()
]


@pytest.mark.parametrize("act", KINDS)
def test_nothing_stays(act, monkeypatch):
    monkeypatch.setattr(origins, "_MOST", 8)
    for i in range(800 if act is of_many_shapes else 10):
        act(i)
    assert not leaves_blocks(act)
    if act is not of_many_shapes:  # tables of arrays that are full take new ones for old
        assert not leaves_bytes(act)


def test_what_stays_is_noticed():
    try:
        assert leaves_blocks(kept_on_purpose)
        assert leaves_bytes(array_kept_on_purpose)
    finally:
        KEPT.clear()


# -- what each table may hold ------------------------------------------------------------------


def test_names_of_generated_files_are_not_kept():
    x = T.dvector("x")
    function([x], T.hessian((x**3).sum(), x))([1.0, 2.0])
    assert not [name for name in origins._internal if name.startswith("<symgrad")]
    assert origins.is_internal("<symgrad f 1>")


def test_code_that_is_gone_is_let_go(monkeypatch):
    monkeypatch.setattr(origins, "_MOST", 5)
    for i in range(12):
        made = {"T": T}
        exec(compile(f"x = T.dvector()\ny = x * {i}", f"<cell {i}>", "exec"), made)
        assert origins.resolve_frame(made["y"].origin[0]) == (f"<cell {i}>", 2)
        assert len(origins._lines) <= 5
        assert len(origins._internal) <= 5


def test_calls_at_once_leave_as_much_as_may_compute_at_once():
    x = T.dmatrix("x")
    f = function([x], (T.tanh(x) * T.dot(x, x)).sum())
    f(np.ones((3, 3)))
    memory = f._compiled.memory
    taken = [memory.take(*next(iter(memory.kept))) for _ in range(scratch._AT_ONCE + 20)]
    for arrays in taken:
        arrays[-1].append(arrays)
    [sets] = memory.kept.values()
    assert len(sets) == scratch._AT_ONCE


def test_numbers_of_many_rows_are_parts_of_few_tables(monkeypatch):
    monkeypatch.setattr(row_losses, "_long_tables", tables := {})
    longest = row_losses._LONGEST
    for step in range(10):
        for n in (2049, 5000, 3000, longest, longest + 1):
            counted = row_losses._counting(n, step)
            np.testing.assert_array_equal(counted, np.arange(n) * step)
        assert counted.base is None  # not a part of a table
        assert sum(table.nbytes for table in tables.values()) <= 2**23
    assert row_losses._counting(5000, step).base is tables[step]
    kept = row_losses._kept_counting.cache_info()
    assert kept.maxsize * row_losses._COUNTED * 8 < 2e6


# -- volumes: each in a process of its own -----------------------------------------------------


def again(act, times):
    for i in range(times):
        act(i)


def many_threads(i):
    """A hundred threads with a thousand calls each."""
    x = T.dmatrix("x")
    f = function([x], [T.tanh(T.dot(x, x.T) * 2).sum(0), T.nnet.softmax(x)])

    def work(k):
        for i in range(1000):
            f(np.ones((k % 7 + i % 3 + 1, 20)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


VOLUMES = {
    "functions": (made_and_dropped, 1000, 10_000),
    "profiles": (with_profile, 1000, 10_000),
    "profiled": (profiled, 1000, 10_000),
    "calls": (lambda i: step(TRAINED), 10_000, 1_000_000),
    "shapes": (of_many_shapes, 4000, 20_000),
    "lengths": (lambda i: step(TRAINED, i * 7919 % 20_011 + 1), 2000, 20_000),
    "threads": (many_threads, 1, 2),
    "pictures": (drawn, 1000, 10_000),
    "sources": (source_of_its_own, 1500, 10_000),
    "failures": (failing, 500, 10_000),
}


def resident():
    """Megabytes of this process, without what the allocator holds for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def live(name):
    """Print the memory after a warm-up, and after the volume."""
    act, warm, rounds = VOLUMES[name]
    again(act, warm)
    before = resident()
    again(act, rounds)
    print(before, resident())  # noqa: T201


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", VOLUMES)
def test_memory_is_flat(name):
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_long_lives", name],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(float, done.stdout.split())
    assert after < 1.05 * before


if __name__ == "__main__":
    live(sys.argv[1])
