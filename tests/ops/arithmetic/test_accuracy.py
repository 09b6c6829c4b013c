"""Compiled activations against exact ones: in float32 all 2**32 inputs, or a sample of them.

How NumPy computes `exp`, `log`, `log1p` and `expm1` depends on the processor, and so does what
symgrad makes of `softplus` and kin; the paths of lesser processors run in processes of their own.
"""

import importlib
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpmath
import numpy as np
import pytest

import symgrad
import symgrad.tensor as T

MOST = 4  # units in the last place
BLOCK = 2**16

mp = mpmath.mp.clone()
mp.dps = 700  # 1 + exp(-700) needs 304 digits


def sigmoid(x):
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


FUNCTIONS = {  # the function, with NumPy for float64, and with mpmath
    "sigmoid": (T.nnet.sigmoid, sigmoid, lambda x: 1 / (1 + mp.exp(-x))),
    "softplus": (T.nnet.softplus, softplus, lambda x: mp.log(1 + mp.exp(x))),
    "log1p": (T.log1p, np.log1p, lambda x: mp.log(1 + x)),
    "expm1": (T.expm1, np.expm1, lambda x: mp.exp(x) - 1),
}


def compiled(name, dtype):
    x = T.TensorType(dtype, (None,))("x")
    return symgrad.function([x], FUNCTIONS[name][0](x))


def distance(have, want):
    """How many float32 lie between two; NaNs are equal, -0.0 is not 0.0."""
    a, b = (v.view(np.int32).astype(np.int64) for v in (have, want))
    apart = np.abs(np.where(a < 0, -(2**31) - 1 - a, a) - np.where(b < 0, -(2**31) - 1 - b, b))
    return np.where(np.isnan(have) & np.isnan(want), 0, apart)


def worst(name, f, bits):
    """The largest distance from the correctly rounded value, and the input that has it."""
    x = bits.astype(np.uint32).view(np.float32)
    have = f(x)
    with np.errstate(all="ignore"):
        want = FUNCTIONS[name][1](x.astype(np.float64)).astype(np.float32)
        near = np.abs(have.view(np.int32) - want.view(np.int32))  # of equal signs
    if near.min() >= 0 and near.max() <= MOST:
        return int(near.max()), 0.0
    apart = distance(have, want)
    return int(apart.max()), float(x[apart.argmax()])


def check(name, stride):
    """Compare at one float32 of each `stride`, and at all that are close to where forms change."""
    f = compiled(name, "float32")
    draw = np.random.default_rng(0)

    def part(start):
        bits = np.arange(start, start + BLOCK * stride, stride, dtype=np.int64)
        return worst(name, f, bits + draw.integers(stride))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(part, range(0, 2**32, BLOCK * stride)))
    marks = [0, 1e-45, 1e-38, 2**-24, 0.5, 1, 2, 17, 88.7228, 103.97, 3e38, np.inf]
    marks = np.array(marks, np.float32).view(np.uint32).astype(np.int64)
    near = (np.concatenate([marks, marks + 2**31])[:, None] + np.arange(-99, 100)).ravel()
    most, at = max([*found, worst(name, f, near % 2**32)])
    assert most <= MOST, f"{name} is {most} units off at {at!r}"


def dispatched():
    """The instruction sets that NumPy may use beyond those it was built for."""
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            return importlib.import_module(module).__cpu_dispatch__
        except ImportError:
            continue
    return []


def check_without(keep_avx2, stride):
    """Run `check` in a process whose NumPy believes itself on a lesser processor."""
    lost = [f for f in dispatched() if not keep_avx2 or f.startswith(("AVX512", "X86_V4"))]
    if not lost:
        pytest.skip("NumPy has one path here")
    root = Path(__file__).parents[3]
    environment = {"NPY_DISABLE_CPU_FEATURES": " ".join(lost), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(stride)],
        env=os.environ | environment,
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


PATHS = pytest.mark.parametrize("keep_avx2", [True, False], ids=["avx2", "no-avx2"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sample_of_float32(name):
    check(name, 2**12 - 1)


@PATHS
def test_sample_of_float32_on_lesser_processors(keep_avx2):
    check_without(keep_avx2, 2**12 - 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float32(name):
    check(name, 1)


@pytest.mark.slow
@PATHS
def test_many_float32_on_lesser_processors(keep_avx2):
    check_without(keep_avx2, 15)  # with all, 4 minutes: float64 is slow there too


# -- float64 -----------------------------------------------------------------------------------


def points(name):
    """Numbers of all magnitudes where the function is neither 0 nor infinite nor rounded away."""
    draw = np.random.default_rng(1)
    small = 10 ** draw.uniform(-300, 0, 100)
    large = 10 ** draw.uniform(0, np.log10(600), 100)
    x = np.concatenate([small, -small, large, -large, draw.normal(size=100)])
    return x[x > -1] if name == "log1p" else x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_is_within_4_ulp(name):
    x = points(name)
    have = compiled(name, "float64")(x)
    exact = [FUNCTIONS[name][2](mp.mpf(v)) for v in x]
    off = [
        abs(mp.mpf(h) - e) / mp.mpf(math.ulp(float(e))) for h, e in zip(have, exact, strict=True)
    ]
    assert max(off) <= MOST, (x[np.argmax(off)], max(off))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_reference_of_the_float32_tests_is_exact(name):
    x = points(name).astype(np.float32).astype(np.float64)
    exact = np.array([float(FUNCTIONS[name][2](mp.mpf(v))) for v in x])
    np.testing.assert_allclose(FUNCTIONS[name][1](x), exact, rtol=1e-14)


def test_distance_counts_floats():
    one = np.array([1, -0.0, 1e-45, np.nan, np.inf, 1], np.float32)
    other = np.array([1 + 2**-23, 0, -1e-45, np.nan, np.nan, -1], np.float32)
    assert distance(one, one).max() == 0
    got = distance(one, other)
    assert got[:4].tolist() == [1, 1, 3, 0]
    assert got[4:].min() > 10**6


# -- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_and_signs_of_zero(dtype):
    x = np.array([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf, np.nan], dtype)
    with np.errstate(all="ignore"):
        want = {
            "sigmoid": [0, 0, 0.5, 0.5, 1, 1, np.nan],
            "softplus": [0, 0, np.log(2), np.log(2), 1e30, np.inf, np.nan],
            "log1p": np.log1p(x),
            "expm1": np.expm1(x),
        }
    for name, values in want.items():
        have = compiled(name, dtype)(x)
        np.testing.assert_allclose(have, np.array(values, dtype), rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(np.signbit(have)[:-1], np.signbit(values)[:-1])


if __name__ == "__main__":
    for _name in sys.argv[2:] or FUNCTIONS:
        check(_name, int(sys.argv[1]))
