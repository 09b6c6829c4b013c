"""Chains block by block and on threads compute what they compute at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad.tensor as T
from symgrad import config, function
from symgrad.backend.numpy import blocks

DTYPES = ["float32", "float64", "int64"]


@pytest.fixture
def small_blocks():
    """Blocks of eight elements, and threads from sixteen on."""
    with config.change_flags({"stress.block": 8, "stress.threads": 16}):
        yield


def formula(x, y):
    return T.tanh(x * 2 + y) - T.exp(-abs(x)) * y, x * y + 1 > 0


def by_hand(x, y, dtype):
    two = np.asarray(2, x.dtype)
    return (np.tanh(x * two + y) - np.exp(-abs(x)) * y).astype(dtype), x * y + 1 > 0


@st.composite
def pairs(draw):
    shape = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    pair = []
    for _ in range(2):
        lengths = [1 if draw(st.integers(0, 4)) == 0 else n for n in shape]
        if draw(st.integers(0, 4)) == 0:
            lengths = lengths[1:]
        value = np.random.default_rng(draw(st.integers(0, 99))).normal(size=lengths)
        layout = draw(st.sampled_from(["C", "F", "strided"]))
        if layout == "strided" and lengths:
            value = np.repeat(value, 2, axis=-1)[..., ::2]
        pair.append(np.asarray(value, order="F" if layout == "F" else None))
    return pair


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=150, deadline=None)
@given(pairs(), st.sampled_from(["float32", "float64"]), st.sampled_from([1, 3]))
def test_any_shapes_and_layouts(pair, dtype, threads):
    x, y = (v.astype(dtype) for v in pair)
    a, b = (T.TensorType(dtype, (None,) * v.ndim)() for v in (x, y))
    with config.change_flags(threads=threads):
        f = function([a, b], list(formula(a, b)))
        for _ in range(2):
            got = f(x, y)
            want = by_hand(x, y, dtype)
            np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(got[1], want[1])
            assert got[0].shape == want[0].shape
            got[0][...] = 7


def test_blocks_are_used_on_large_arrays_and_agree_with_small_ones():
    x, y = T.fmatrix("x"), T.fvector("y")
    f = function([x, y], formula(x, y)[0])
    rng = np.random.default_rng(0)
    big, row = rng.normal(size=(700, 300)).astype("f4"), rng.normal(size=300).astype("f4")
    (bound,) = [k.bound(big.shape) for _, k in f._compiled.memory.kernels]
    assert isinstance(bound, blocks.Blocks)
    got = f(big, row)
    want = np.concatenate([f(part, row) for part in np.array_split(big, 100)])
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(f(np.asfortranarray(big), row), want)


def test_rows_longer_than_a_block():
    x, y = T.dmatrix("x"), T.dvector("y")
    f = function([x, y], formula(x, y)[0])
    big, row = np.ones((3, 100_000)), np.linspace(-1, 1, 100_000)
    np.testing.assert_allclose(f(big, row), by_hand(big, row, "float64")[0])


@pytest.mark.usefixtures("small_blocks")
def test_an_error_on_a_thread_reaches_the_caller_with_its_line():
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], T.exp(T.tanh(x) * 2) + y)
    with pytest.raises(ValueError, match="test_blocks.py"):
        f(np.ones(40), np.ones(39))


def test_warnings_are_silenced_on_every_thread(recwarn):
    x = T.fvector("x")
    f = function([x], T.exp(T.log(x) * 3) - T.exp(x))
    got = f(np.full(300_000, -1e30, "f4"))
    assert np.isnan(got).all()
    assert not recwarn.list


def test_calls_on_several_threads_at_once():
    x = T.dvector("x")
    f = function([x], T.tanh(T.exp(x) * 2) + x.sum())
    failed = []

    def work(k):
        value = np.full(20_000, k / 10)
        want = np.tanh(np.exp(value) * 2) + value.sum()
        failed.extend(k for _ in range(20) if not np.allclose(f(value), want))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.parametrize(
    ("flag", "variable", "count"), [(3, None, 3), (0, "2", 2), (0, "2,1", 2), (5, "1", 5)]
)
def test_the_number_of_threads(monkeypatch, flag, variable, count):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    with config.change_flags(threads=flag):
        assert blocks.thread_count() == count


@pytest.mark.parametrize("variable", ["", "many", "0", "-1"])
def test_an_odd_setting_leaves_the_number_to_the_machine(monkeypatch, variable):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert 1 <= blocks.thread_count() <= (os.cpu_count() or 1)


FORK = """
import os
import numpy as np
import symgrad.tensor as T
from symgrad import config, function
config.threads = 3
x = T.dvector("x")
f = function([x], T.exp(T.tanh(x)) * 2)
want = f(np.ones(500_000))
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(f(np.ones(500_000)), want) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_starts_threads_of_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "0"
