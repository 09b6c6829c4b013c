"""Sums of products as inner products: the same numbers, no array of products."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import function


def names(f):
    return [step.node.op.name for step in f.program.steps]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (1,), (511,), (1025,), (784, 50), (3, 4, 500)])
def test_sums_of_squares_and_products(dtype, shape):
    rng = np.random.default_rng(0)
    v = rng.normal(size=shape).astype(dtype)
    x = T.TensorType(dtype, (None,) * len(shape))("x")
    f = function([x], [(x**2).sum(), (x * T.tanh(x)).sum(), T.sum(x * x)])
    assert names(f).count("inner") == 2  # x * x is x**2, or merges with it
    for array in (v, np.asfortranarray(v), np.repeat(v, 2, axis=-1)[..., ::2]):
        wide = array.astype("float64")
        for got, want in zip(f(array), (wide**2, wide * np.tanh(wide), wide**2), strict=True):
            assert got.dtype == dtype
            np.testing.assert_allclose(got, want.sum(), rtol=1e-6 if dtype == "float32" else 1e-13)


def test_long_sums_are_as_accurate_as_pairwise_ones():
    x = T.fvector("x")
    f = function([x], (x**2).sum())
    v = np.random.default_rng(0).random(4_000_003).astype("float32")
    want = (v.astype("float64") ** 2).sum()
    assert abs(f(v) - want) / want < 2e-7


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (lambda x, y: (x**2).sum(axis=0), [9, 17, 29]),
        (lambda x, y: (x**2).sum(keepdims=True), [[55]]),
        (lambda x, y: (x * y).sum(), 19),  # one may be repeated, and is here
        (lambda x, y: (T.cast(x, "int64") ** 2).sum(), 55),
        (lambda x, y: (x * 2).sum(), 30),
    ],
)
def test_other_sums_stay(make, want):
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], make(x, y), on_unused_input="ignore")
    assert "inner" not in names(f)
    np.testing.assert_array_equal(f(np.arange(6.0).reshape(2, 3), np.arange(3.0)[None]), want)


def test_an_infinity_and_a_nan():
    x = T.dvector("x")
    f = function([x], (x**2).sum())
    assert f([1.0, -np.inf]) == np.inf
    assert np.isnan(f([1.0, np.nan]))
    assert f([1e200, 1.0]) == np.inf
