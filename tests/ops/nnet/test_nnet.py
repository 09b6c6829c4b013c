"""Activations beside SciPy."""

import numpy as np
import pytest
import scipy.special

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError
from symgrad.ops.nnet.nnet import sigmoid, softplus
from symgrad.ops.op import REGISTRY

nnet = T.nnet
FLOATS = ["float64", "float32", "float16"]
RTOL = {"float64": 1e-13, "float32": 2e-6, "float16": 3e-3}
POINTS = [-800.0, -100.0, -12.0, -1.0, -0.0, 0.0, 0.5, 3.0, 40.0, 800.0]


def evaluate(build, values):
    x = T.TensorType(values.dtype.name, (None,) * values.ndim)("x")
    return symgrad.function([x], build(x))(values)


def gradient(build, values):
    x = T.TensorType(values.dtype.name, (None,) * values.ndim)("x")
    return symgrad.function([x], T.grad(build(x).sum(), x))(values)


REFERENCE = {
    "sigmoid": (nnet.sigmoid, scipy.special.expit),
    "softplus": (nnet.softplus, lambda x: np.logaddexp(0, x)),
    "relu": (nnet.relu, lambda x: np.maximum(x, 0)),
    "leaky relu": (lambda x: nnet.relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "elu": (nnet.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "elu 2": (
        lambda x: nnet.elu(x, 2),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0))),
    ),
    "selu": (
        nnet.selu,
        lambda x: (
            1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
        ),
    ),
    "softsign": (nnet.softsign, lambda x: x / (1 + np.abs(x))),
    "swish": (nnet.swish, lambda x: x * scipy.special.expit(x)),
    "hard_sigmoid": (nnet.hard_sigmoid, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", REFERENCE)
def test_activations_agree_with_their_formulas(name, dtype):
    build, reference = REFERENCE[name]
    points = np.array(POINTS, dtype)
    with np.errstate(all="ignore"):
        want = reference(points.astype("float64")).astype(dtype)
    for values, expected in (
        (points, want),
        (points.reshape(2, 5)[:, ::2], want.reshape(2, 5)[:, ::2]),
    ):
        have = evaluate(build, values)
        assert have.dtype == dtype
        # float16 has no exp(12), so its sigmoid is 0 from there on
        atol = 1e-4 if dtype == "float16" else np.finfo(dtype).tiny
        np.testing.assert_allclose(have, expected, rtol=RTOL[dtype], atol=atol)
    assert evaluate(build, points[:0]).shape == (0,)
    assert evaluate(build, points[3]).shape == ()
    assert np.isfinite(gradient(build, points)).all()


@pytest.mark.parametrize("op", [sigmoid, softplus], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_nothing_overflows_outside_a_compiled_function(op, dtype):
    points = np.array(POINTS, dtype)
    assert np.isfinite(op.impl(np, points)).all()
    assert op.impl(np, points[0]).dtype == dtype
    assert op.impl(np, points[-1]).dtype == dtype


@pytest.mark.parametrize("name", REFERENCE)
def test_integers_become_floats(name):
    build, _ = REFERENCE[name]
    for dtype, result in (("int8", "float32"), ("bool", "float32"), ("int64", "float64")):
        x = T.vector("x", dtype=dtype)
        assert build(x).dtype == result
        values = np.array([0, 1], dtype)
        np.testing.assert_allclose(
            build(x).eval({x: values}), evaluate(build, values.astype(result)), rtol=1e-6
        )


def test_gradient_of_relu_at_0_is_a_half():
    np.testing.assert_array_equal(gradient(nnet.relu, np.array([-1.0, 0.0, 2.0])), [0, 0.5, 1])
    leaky = gradient(lambda x: nnet.relu(x, 0.25), np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(leaky, [0.25, 0.625, 1])


def test_the_slope_of_relu_may_be_symbolic_and_learned():
    x, alpha = T.dmatrix("x"), T.dvector("alpha")
    y = nnet.relu(x, alpha)
    values, slopes = np.array([[-1.0, 2.0], [-3.0, -4.0]]), np.array([0.1, 2.0])
    f = symgrad.function([x, alpha], [y, *T.grad(y.sum(), [x, alpha])])
    got, gx, galpha = f(values, slopes)
    np.testing.assert_allclose(got, np.where(values > 0, values, slopes * values))
    np.testing.assert_allclose(gx, np.where(values > 0, 1, slopes + 0 * values))
    np.testing.assert_allclose(galpha, np.minimum(values, 0).sum(axis=0))
    assert nnet.relu(T.fvector(), 0.1).dtype == "float32"
    assert nnet.relu(T.fvector(), np.float64(0.1)).dtype == "float64"


def test_ultra_fast_sigmoid_is_near_sigmoid():
    points = np.linspace(-9.9, 9.9, 100)
    fast = evaluate(nnet.ultra_fast_sigmoid, points)
    np.testing.assert_allclose(fast, scipy.special.expit(points), atol=0.03)
    np.testing.assert_allclose(fast + fast[::-1], np.ones(100))
    assert (np.diff(fast) >= 0).all()


def test_gradients_of_elu_stay_finite_where_exp_overflows():
    values = np.array([-800.0, 0.0, 800.0])
    np.testing.assert_allclose(gradient(nnet.elu, values), [0, 1, 1], atol=1e-300)
    slopes = gradient(nnet.softsign, np.array([-1e8, 0.0, 1e8, 1e200]))
    np.testing.assert_allclose(slopes, [1e-16, 1, 1e-16, 0], rtol=1e-7)


def test_complex_numbers_are_refused():
    z = T.TensorType("complex128", (None,))("z")
    for function in (nnet.elu, nnet.swish, nnet.sigmoid):
        with pytest.raises(GraphTypeError, match="complex"):
            function(z)


def test_all_of_them_are_registered_for_the_contract_test():
    for name in ("sigmoid", "softplus", "relu"):
        assert name in REGISTRY
