"""Slopes of quotients by exponentials and kin: exact as far as the values are."""

import mpmath
import numpy as np
import pytest

import symgrad
import symgrad.tensor as T


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("f", "slope", "most"),
    [
        (lambda v: v / T.exp(v), lambda x: (1 - x) * mpmath.exp(-x), 1.0),
        (lambda v: 1 / T.exp(v), lambda x: -mpmath.exp(-x), 1.0),
        (lambda v: 3 * v / T.exp(v), lambda x: 3 * (1 - x) * mpmath.exp(-x), 1.0),
        (lambda v: v / T.exp(2 * v), lambda x: (1 - 2 * x) * mpmath.exp(-2 * x), 0.5),
        (lambda v: -(T.exp(v) ** -1), lambda x: mpmath.exp(-x), 1.0),
        (lambda v: v / (T.exp(v) * T.exp(v)), lambda x: (1 - 2 * x) * mpmath.exp(-2 * x), 0.5),
        (lambda v: v / T.exp(v) ** 2, lambda x: (1 - 2 * x) * mpmath.exp(-2 * x), 0.5),
        (lambda v: T.inv(3 * T.exp(v)), lambda x: -mpmath.exp(-x) / 3, 1.0),
        (lambda v: T.sqrt(T.exp(v)), lambda x: mpmath.exp(x / 2) / 2, 2.0),
        (lambda v: T.exp(v) ** 0.25, lambda x: mpmath.exp(x / 4) / 4, 4.0),
        (lambda v: v / T.exp2(v), lambda x: (1 - x * mpmath.log(2)) * mpmath.mpf(2) ** -x, 1.0),
        (lambda v: T.cosh(v) ** -2, lambda x: -2 * mpmath.tanh(x) / mpmath.cosh(x) ** 2, 0.5),
        (
            lambda v: 1 / (T.exp(v) + T.exp(-v)),
            lambda x: -mpmath.tanh(x) / mpmath.cosh(x) / 2,
            1.0,
        ),
        (
            lambda v: 2 / (3 + T.exp(v)),
            lambda x: -2 * mpmath.exp(x) / (3 + mpmath.exp(x)) ** 2,
            1.0,
        ),
        (
            lambda v: (0.1 + T.exp(v)) ** -2,
            lambda x: -2 * mpmath.exp(x) * (mpmath.mpf(0.1) + mpmath.exp(x)) ** -3,
            0.5,
        ),
        (lambda v: v / (1 - T.exp(-v - 1000)), lambda x: mpmath.mpf(1), 0.1),
        (
            lambda v: 1 / T.nnet.sigmoid(v),
            lambda x: -mpmath.exp(-x),
            1.0,
        ),
        (
            lambda v: T.exp(v) / (1 + T.exp(v)) ** 2,
            lambda x: -mpmath.tanh(x / 2) / (2 + 2 * mpmath.cosh(x)),
            1.0,
        ),
        (lambda v: T.nnet.sigmoid(v) / (1 - T.nnet.sigmoid(v)), mpmath.exp, 1.0),
        (lambda v: 1 / T.cosh(v), lambda x: -mpmath.tanh(x) / mpmath.cosh(x), 1.0),
        (lambda v: 3 * v / T.cosh(v), lambda x: 3 * (1 - x * mpmath.tanh(x)) / mpmath.cosh(x), 1.0),
    ],
)
@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_slopes_over_exponentials_vanish_no_sooner_than_values(f, slope, most, dtype, mode):
    v = T.vector("v", dtype=dtype)
    end = most * (80 if dtype == "float32" else 700)
    values = np.linspace(-end, end, 41).astype(dtype)
    have = symgrad.function([v], T.grad(f(v).sum(), v), mode=mode)(values)
    want = [float(slope(mpmath.mpf(x))) for x in values.tolist()]
    np.testing.assert_allclose(have, want, rtol=300 * np.finfo(dtype).eps)


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [T.expm1, T.sinh])
def test_slopes_over_what_is_zero_somewhere(f, dtype, mode):
    v = T.vector("v", dtype=dtype)
    end = 80 if dtype == "float32" else 700
    values = np.array([-end, -3, -0.5, 0.5, 3, end / 2, end], dtype)
    got = symgrad.function(
        [v], [T.grad((v / f(v)).sum(), v), T.grad((f(v) ** 2).sum(), v)], mode=mode
    )
    exact = {T.expm1: mpmath.expm1, T.sinh: mpmath.sinh}[f]
    with mpmath.workdps(60):
        for x, have in zip(values.tolist(), got(values)[0], strict=True):
            want = mpmath.diff(lambda t: t / exact(t), mpmath.mpf(x), h=mpmath.mpf(10) ** -25)
            assert have == pytest.approx(float(want), rel=1e-4 if dtype == "float32" else 1e-8)
    assert got(np.zeros(1, dtype))[1] == 0


def test_gradients_by_what_grows_itself():
    """What a gradient is taken by is not passed by."""
    v, w = T.dvectors("v", "w")
    p = T.exp(v)
    by_p, by_w, by_v = T.grad((w / p).sum(), [p, w, v])
    f = symgrad.function([v, w], [by_p, by_w, by_v, T.grad((w / p + p).sum(), p)])
    x, y = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    e = np.exp(x)
    for have, want in zip(f(x, y), [-y / e**2, 1 / e, -y / e, 1 - y / e**2], strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-14)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", [(3, 1), (1, 4), (3, 4), (4,), (1,), ()])
def test_slopes_over_exponentials_are_summed_where_they_broadcast(shape, known):
    m = T.dmatrix("m")
    s = T.TensorType("float64", shape=shape if known else (None,) * len(shape))("s")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 4)), rng.normal(size=shape)
    have = symgrad.function([m, s], T.grad((T.sqr(m) / T.exp(s)).sum(), s))(x, y)
    want = -np.square(x) / np.exp(y)
    assert have.shape == shape
    keep = tuple(range(2 - len(shape)))
    want = want.sum(keep)
    for axis, n in enumerate(shape):
        want = want.sum(axis, keepdims=True) if n == 1 else want
    np.testing.assert_allclose(have, want.reshape(shape), rtol=1e-13)
