"""The same call gives the same bits: whatever ran before, and for any number of threads."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import config, function
from symgrad.backend.numpy import blocks, scratch
from symgrad.ops.arithmetic import lowered
from symgrad.ops.linalg.blas import one_thread, thread_settings

ROOT = Path(__file__).resolve().parents[1]


def matrices(dtype):
    x = T.TensorType(dtype, (None, None))("x")
    U = T.TensorType(dtype, (None, None))("U")
    return x, U


FORMULAS = [
    lambda x, U: T.tanh(T.dot(x, U)).sum(axis=0),
    lambda x, U: T.exp(x).sum(axis=1),
    lambda x, U: (x * 3).mean(axis=0) + U.sum(),
    lambda x, U: T.nnet.softmax(T.dot(x, U)),
    lambda x, U: T.grad((T.tanh(x + U[:1, :1]) ** 2).sum(), U),
    lambda x, U: T.grad(T.nnet.softplus(T.dot(x, U) + x[:, :1]).sum(), U),
    lambda x, U: T.log1p(T.sqr(x)).var(axis=0),
    lambda x, U: T.tanh(x - T.log1p(T.sqr(x[:, :1]))),
    lambda x, U: T.grad(-T.log(T.nnet.softmax(T.dot(x, U)))[:, 0].mean(), U),
]


def bits(value):
    return value.shape, value.dtype, np.ascontiguousarray(value).tobytes()


@pytest.fixture(params=[False, True])
def slow_log1p(request, monkeypatch):
    """As where NumPy has no vector instructions for it, and its own ones."""
    if request.param:
        monkeypatch.setattr(lowered, "has_vector_log1p", lambda: False)
        monkeypatch.setattr("symgrad.rewrite.lowering.has_vector_log1p", lambda: False)


@pytest.mark.usefixtures("slow_log1p")
@pytest.mark.parametrize("make", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_after_many_other_lengths(make, dtype):
    x, U = matrices(dtype)
    f = function([x, U], make(x, U), on_unused_input="ignore")
    rng = np.random.default_rng(1)
    calls = []
    for n, m in [(600, 10), (64, 7), (19, 19), (1000, 3), (210, 40), (1, 5), (0, 4)]:
        v, u = rng.normal(size=(n, m)).astype(dtype), rng.normal(size=(m, 3)).astype(dtype)
        calls.append((v, u, bits(f(v, u))))
    for n in range(2 * scratch._PATIENCE):
        f(np.ones((n, 2), dtype), np.ones((2, 3), dtype))
    f.free()
    assert f._compiled.memory.made > scratch._PATIENCE
    for v, u, before in calls:
        assert bits(f(v, u)) == before


@pytest.mark.usefixtures("slow_log1p")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5 * 32768 + 400,), (200_003,), (411, 1013)])
def test_for_any_number_of_threads(dtype, shape):
    x = T.TensorType(dtype, (None,) * len(shape))("x")
    y = T.nnet.softplus(x) * T.tanh(x) + T.log1p(T.sqr(x)) - T.exp(-abs(x)) * T.sin(x)
    f = function([x], [y, T.grad(y.sum(), x), y.sum()])
    value = np.random.default_rng(1).normal(size=shape).astype(dtype)
    for v in (value, np.asfortranarray(value), np.repeat(value, 2, axis=-1)[..., ::2]):
        found = set()
        for threads in (1, 2, 3, 7):
            with config.change_flags(threads=threads):
                f.free()
                found.add(tuple(map(bits, f(v))))
        assert len(found) == 1


@pytest.mark.parametrize(("length", "most"), [(1, 1), (10, 4), (1000, 7), (131073, 65536)])
def test_blocks_are_as_long_as_each_other(length, most):
    cuts = blocks._cuts(length, most)
    sizes = {stop - start for start, stop in cuts}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert [start for start, _ in cuts] == [0, *(stop for _, stop in cuts[:-1])]
    assert cuts[-1][1] == length


@pytest.mark.skipif(not thread_settings(), reason="this BLAS does not tell its threads")
def test_for_any_number_of_threads_of_BLAS():
    x, U = matrices("float64")
    y = [T.dot(x, U), T.dot(x.T, x), T.grad(T.tanh(T.dot(x, U)).sum(), U), T.dot(x, U[:, 0])]
    with config.change_flags(deterministic="more"):
        f = function([x, U], y)
    rng = np.random.default_rng(1)
    read, write = thread_settings()[0]
    before = read()
    try:
        for n, m, k in [(300, 211, 97), (1000, 1000, 1), (37, 3000, 41)]:
            v, u = rng.normal(size=(n, m)), rng.normal(size=(m, k))
            found = set()
            for threads in (1, 2, 3):
                write(threads)
                found.add(tuple(map(bits, f(v, u))))
                assert read() == threads
            assert len(found) == 1
    finally:
        write(before)


@pytest.mark.skipif(not thread_settings(), reason="this BLAS does not tell its threads")
def test_the_threads_of_BLAS_come_back():
    read, write = thread_settings()[0]
    before = read()
    try:
        write(2)
        with pytest.raises(KeyError), one_thread:
            with one_thread:
                assert read() == 1
            assert read() == 1
            raise KeyError
        assert read() == 2
    finally:
        write(before)


def digest():
    """Sources and results of some programs, shortly."""
    text = []
    for dtype in ("float32", "float64"):
        x, U = matrices(dtype)
        rng = np.random.default_rng(1)
        v, u = rng.normal(size=(60, 10)).astype(dtype), rng.normal(size=(10, 3)).astype(dtype)
        s = symgrad.shared(u * 0, "s")
        for make in FORMULAS:
            y = make(x, U)
            new = s - 0.1 * T.grad(T.tanh(T.dot(x, s) + y.sum()).sum(), s)
            f = function([x, U], y, updates=[(s, new)], on_unused_input="ignore")
            text += [re.sub("#.*", "", f.source), f(v, u).tobytes().hex()]
            text.append(s.get_value().tobytes().hex())
    return hashlib.sha256("".join(text).encode()).hexdigest()


def test_from_run_to_run():
    """Other addresses and other hashes make other orders of sets."""
    found = set()
    for seed in ("1", "2"):
        code = f"junk = [object() for _ in range({seed} * 4999)]; import test_same_bits as t; "
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code + "print(t.digest())"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1
