"""Every spelling of a stable function, exact in value and gradient, with mpmath as reference."""

import mpmath
import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.gradient import disconnected_grad
from symgrad.graph.walk import toposort
from symgrad.rewrite.engine import names, rewrite
from symgrad.rewrite.pipeline import prepare
from symgrad.rewrite.stability import STABILITY

mp = mpmath.mp.clone()
mp.dps = 900  # 1 + exp(-2000) needs 870 digits
POINTS = [-800.0, -40.0, -20.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 20.0, 40.0, 800.0]
RTOL = {"float64": 1e-12, "float32": 2e-5}


def check(have, want, dtype, message):
    """Relative where the exact value is a normal number, absolute below the smallest of them."""
    have = np.asarray(have)
    assert have.dtype == dtype
    want = np.array([[float(w) for w in row] for row in want]).reshape(have.shape)
    assert np.isfinite(have).all(), (message, have)
    error = np.abs(have - want) - np.finfo(dtype).tiny
    assert (error <= RTOL[dtype] * np.abs(want)).all(), (message, have, want)


# -- functions of one number -------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log(1 + mp.exp(x))


def slope(x):
    return sigmoid(x) * sigmoid(-x)


SIGMOID = (sigmoid, slope)
OPPOSITE = (lambda x: sigmoid(-x), lambda x: -slope(x))
SOFTPLUS = (softplus, sigmoid)
LOG_SIGMOID = (lambda x: -softplus(-x), lambda x: sigmoid(-x))
LOG_OPPOSITE = (lambda x: -softplus(x), lambda x: -sigmoid(x))
IDENTITY = (lambda x: x, lambda x: mp.mpf(1))

s, e = T.nnet.sigmoid, T.exp
ELEMENTWISE = {
    "log(sigmoid(x))": (lambda x: T.log(s(x)), LOG_SIGMOID),
    "log(sigmoid(x).reshape)": (lambda x: T.log(s(x).reshape((-1, 1))), LOG_SIGMOID),
    "log(sigmoid(x)[::-1])[::-1]": (lambda x: T.log(s(x)[::-1])[::-1], LOG_SIGMOID),
    "log(sigmoid(x).dimshuffle)": (lambda x: T.log(s(x).dimshuffle("x", 0)), LOG_SIGMOID),
    "log(1 / (1 + exp(-x)))": (lambda x: T.log(1 / (1 + e(-x))), LOG_SIGMOID),
    "log(exp(x) / (1 + exp(x)))": (lambda x: T.log(e(x) / (1 + e(x))), LOG_SIGMOID),
    "-log(1 + exp(-x))": (lambda x: -T.log(1 + e(-x)), LOG_SIGMOID),
    "x - log(1 + exp(x))": (lambda x: x - T.log(1 + e(x)), LOG_SIGMOID),
    "log(1 - sigmoid(-x))": (lambda x: T.log(1 - s(-x)), LOG_SIGMOID),
    "log(1 - sigmoid(x))": (lambda x: T.log(1 - s(x)), LOG_OPPOSITE),
    "log(-sigmoid(x) + 1)": (lambda x: T.log(-s(x) + 1), LOG_OPPOSITE),
    "log(1 - sigmoid(x)[:])": (lambda x: T.log(1 - s(x)[:]), LOG_OPPOSITE),
    "log1p(-sigmoid(x))": (lambda x: T.log1p(-s(x)), LOG_OPPOSITE),
    "log1p((-sigmoid(x))[:])": (lambda x: T.log1p((-s(x))[:]), LOG_OPPOSITE),
    "log(1 - 1 / (1 + exp(-x)))": (lambda x: T.log(1 - 1 / (1 + e(-x))), LOG_OPPOSITE),
    "log(1 / (1 + exp(x)))": (lambda x: T.log(1 / (1 + e(x))), LOG_OPPOSITE),
    "xlogy0(1, 1 - sigmoid(x))": (lambda x: T.xlogx.xlogy0(1, 1 - s(x)), LOG_OPPOSITE),
    "log(1 + exp(x))": (lambda x: T.log(1 + e(x)), SOFTPLUS),
    "log(exp(x) + 1)": (lambda x: T.log(e(x) + 1), SOFTPLUS),
    "log(exp(x) + int8 1)": (lambda x: T.log(e(x) + np.int8(1)), SOFTPLUS),
    "log([1] + exp(x))": (lambda x: T.log(T.constant(np.ones(1, x.dtype)) + e(x)), SOFTPLUS),
    "log(ones_like(x) + exp(x))": (lambda x: T.log(T.ones_like(x) + e(x)), SOFTPLUS),
    "log1p(exp(x))": (lambda x: T.log1p(e(x)), SOFTPLUS),
    "log1p(exp(x)[:])": (lambda x: T.log1p(e(x)[:]), SOFTPLUS),
    "log1p(1 / exp(-x))": (lambda x: T.log1p(1 / e(-x)), SOFTPLUS),
    "log(exp(0) + exp(x))": (lambda x: T.log(e(T.zeros_like(x)) + e(x)), SOFTPLUS),
    "-log(sigmoid(-x))": (lambda x: -T.log(s(-x)), SOFTPLUS),
    "log(exp(x))": (lambda x: T.log(e(x)), IDENTITY),
    "log(exp(x)[:])": (lambda x: T.log(e(x)[:]), IDENTITY),
    "log(sqrt(exp(x) * exp(x)))": (lambda x: T.log(T.sqrt(e(x) * e(x))), IDENTITY),
    "log(exp(x)**2 ... )": (lambda x: T.log(T.sqr(e(x))) / 2, IDENTITY),
    "1 / (1 + exp(-x))": (lambda x: 1 / (1 + e(-x)), SIGMOID),
    "inv(1 + exp(-x))": (lambda x: T.inv(1 + e(-x)), SIGMOID),
    "(1 + exp(-x)) ** -1": (lambda x: (1 + e(-x)) ** -1, SIGMOID),
    "exp(x) / (1 + exp(x))": (lambda x: e(x) / (1 + e(x)), SIGMOID),
    "exp(x) / (exp(x) + exp(0))": (lambda x: e(x) / (e(x) + e(T.zeros_like(x))), SIGMOID),
    "exp(0) / (exp(0) + exp(-x))": (lambda x: e(0 * x) / (e(0 * x) + e(-x)), SIGMOID),
    "1 - sigmoid(-x)": (lambda x: 1 - s(-x), SIGMOID),
    "exp(x) * sigmoid(-x)": (lambda x: e(x) * s(-x), SIGMOID),
    "sigmoid(x)": (s, SIGMOID),
    "1 - sigmoid(x)": (lambda x: 1 - s(x), OPPOSITE),
    "1 - sigmoid(x)[:]": (lambda x: 1 - s(x)[:], OPPOSITE),
    "sigmoid(x) * exp(-x)": (lambda x: s(x) * e(-x), OPPOSITE),
    "softplus(x) - x": (
        lambda x: T.nnet.softplus(x) - x,
        (lambda x: softplus(-x), lambda x: -sigmoid(-x)),
    ),
    "log(switch(c, sigmoid(x), 1))": (
        lambda x: T.log(T.switch(T.ge(x, -1e3), s(x), 1)),
        LOG_SIGMOID,
    ),
    "log(switch(c, sigmoid(x), 1 - sigmoid(x)))": (
        lambda x: T.log(T.switch(T.gt(x, 1e3), s(x), 1 - s(x))),
        LOG_OPPOSITE,
    ),
    "log(join(sigmoid(x), sigmoid(-x)))": (
        lambda x: T.log(T.concatenate([s(x), s(-x)]))[: x.shape[0]],
        LOG_SIGMOID,
    ),
    "log(sigmoid(x)**3) / 3": (lambda x: T.log(s(x) ** 3) / 3, LOG_SIGMOID),
    "log(exp(x)**2.5) / 2.5": (lambda x: T.log(e(x) ** 2.5) / 2.5, IDENTITY),
    "log((1 + exp(-x))**-1)": (lambda x: T.log((1 + e(-x)) ** -1), LOG_SIGMOID),
    "(1 + tanh(x / 2)) / 2": (lambda x: (1 + T.tanh(x / 2)) / 2, SIGMOID),
    "0.5 * (tanh(0.5 * x) + 1)": (lambda x: 0.5 * (T.tanh(0.5 * x) + 1), SIGMOID),
    "0.5 * tanh(0.5 * x) + 0.5": (lambda x: 0.5 * T.tanh(0.5 * x) + 0.5, SIGMOID),
    "tanh(x / 2) / 2 + 0.5": (lambda x: T.tanh(x / 2) / 2 + 0.5, SIGMOID),
    "(1 - tanh(x / 2)) / 2": (lambda x: (1 - T.tanh(x / 2)) / 2, OPPOSITE),
    "log((1 + tanh(x / 2)) / 2)": (lambda x: T.log((1 + T.tanh(x / 2)) / 2), LOG_SIGMOID),
    "log(0.5 * (1 - tanh(x / 2)))": (lambda x: T.log(0.5 * (1 - T.tanh(x / 2))), LOG_OPPOSITE),
    "sqrt(sqr(x - 900))": (
        lambda x: T.sqrt(T.sqr((x - 900) * 1e30)) / 1e30,
        (lambda x: 900 - x, lambda x: mp.mpf(-1)),
    ),
    "sqrt((x - 900)**2)": (
        lambda x: T.sqrt((x - 900) ** 2),
        (lambda x: 900 - x, lambda x: mp.mpf(-1)),
    ),
    "log2(sigmoid(x))": (
        lambda x: T.log2(s(x)),
        (lambda x: -softplus(-x) / mp.log(2), lambda x: sigmoid(-x) / mp.log(2)),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_one_number_are_exact_everywhere(name, dtype):
    build, (value, derivative) = ELEMENTWISE[name]
    x = T.vector("x", dtype=dtype)
    y = build(x)
    g = T.grad(y.sum(), x)
    curvature = T.grad(g.sum(), x, disconnected_inputs="ignore")
    f = symgrad.function([x], [y, g, curvature])
    points = np.array(POINTS, dtype=dtype)
    have_value, have_slope, have_curvature = f(points)
    exact = [mp.mpf(float(p)) for p in points]
    check(have_value, [[value(p) for p in exact]], dtype, "value")
    check(have_slope, [[derivative(p) for p in exact]], dtype, "gradient")
    assert np.isfinite(have_curvature).all()


def test_gradients_of_sigmoid_and_softplus_are_exact_to_second_order():
    x = T.dvector("x")
    points = [p for p in POINTS if abs(p) != 1e-9]  # sigmoid bends by about 0 there
    exact = [mp.mpf(p) for p in points]
    g = T.grad(T.log(1 + e(x)).sum(), x)
    check(T.grad(g.sum(), x).eval({x: points}), [[slope(v) for v in exact]], "float64", "")
    g = T.grad(s(x).sum(), x)
    bends = [slope(v) * (sigmoid(-v) - sigmoid(v)) for v in exact]
    check(T.grad(g.sum(), x).eval({x: points}), [bends], "float64", "")


EXPM1 = {
    "exp(x) - 1": (lambda x: e(x) - 1, 1),
    "exp(x) + -1": (lambda x: e(x) + -1, 1),
    "exp(x)[:] - [1]": (lambda x: e(x)[:] - T.constant(np.ones(1, x.dtype)), 1),
    "1 - exp(x)": (lambda x: 1 - e(x), -1),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXPM1)
def test_exp_minus_one_is_exact_near_0(name, dtype):
    build, sign = EXPM1[name]
    x = T.vector("x", dtype=dtype)
    y = build(x)
    points = np.array([-800, -40, -1, -1e-20, 0, 1e-20, 1e-8, 1, 40], dtype=dtype)
    exact = [mp.mpf(float(p)) for p in points]
    value, slope = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    check(value, [[sign * mp.expm1(p) for p in exact]], dtype, "value")
    check(slope, [[sign * mp.exp(p) for p in exact]], dtype, "gradient")


TANH = {
    "by exponentials": lambda x: (e(x) - e(-x)) / (e(x) + e(-x)),
    "below in another order": lambda x: (e(x) - e(-x)) / (e(-x) + e(x)),
    "of twice": lambda x: (e(2 * x) - 1) / (e(2 * x) + 1),
    "of minus twice": lambda x: (1 - e(-2 * x)) / (1 + e(-2 * x)),
    "of two numbers": lambda x: (e(x + 3) - e(3 - x)) / (e(x + 3) + e(3 - x)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TANH)
def test_tanh_spelled_out_is_finite(name, dtype):
    x = T.vector("x", dtype=dtype)
    y = TANH[name](x)
    shift = name == "of two numbers"  # x + 3 has lost digits of a small x already
    points = [p for p in POINTS if not (shift and abs(p) == 1e-9)]
    value, slope = symgrad.function([x], [y, T.grad(y.sum(), x)])(np.array(points, dtype))
    exact = [mp.mpf(float(np.dtype(dtype).type(p))) for p in points]
    check(value, [[mp.tanh(p) for p in exact]], dtype, "value")
    want = np.array([float(1 - mp.tanh(p) ** 2) for p in exact])
    np.testing.assert_allclose(slope, want, atol=2 * np.finfo(dtype).eps, rtol=RTOL[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_complements_of_erf_are_exact_in_the_tails(dtype):
    x = T.vector("x", dtype=dtype)
    points = np.array([-9.0, -5.0, -1.0, -1e-9, 0.0, 1.0, 5.0, 9.0], dtype)
    exact = [mp.mpf(float(p)) for p in points]
    slopes = [2 * mp.exp(-(p**2)) / mp.sqrt(mp.pi) for p in exact]
    for y, value, sign in (
        (1 - T.erf(x), mp.erfc, -1),
        (1 + T.erf(x), lambda p: mp.erfc(-p), 1),
        (T.erf(x) + 1, lambda p: mp.erfc(-p), 1),
        (1 - T.erf(x)[:], mp.erfc, -1),
        (1 - T.erfc(x), mp.erf, 1),
    ):
        got, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
        check(got, [[value(p) for p in exact]], dtype, "value")
        np.testing.assert_allclose(g, [float(sign * d) for d in slopes], rtol=RTOL[dtype])


def test_the_root_of_a_square_has_a_gradient_at_0():
    x = T.dvector("x")
    points = [-np.inf, -1e200, -1e-200, -0.0, 0.0, np.inf, np.nan]
    y = T.sqrt(T.sqr(x))
    value, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    np.testing.assert_array_equal(value, np.abs(points))
    assert not np.signbit(value[:6]).any()
    np.testing.assert_array_equal(g[:6], [-1, -1, -1, 0, 0, 1])
    z = T.TensorType("complex128", (None,))("z")
    np.testing.assert_allclose(T.sqrt(T.sqr(z)).eval({z: [3 - 4j]}), [3 - 4j])


def tanh_slope(x):
    return 4 * slope(2 * x)


def normal_tail(x):
    return mp.erfc(x) / 2


# name: the graph, its exact value, and points
TAILS = {
    "log(1 - 1 / exp(x))": (
        lambda x: T.log(1 - 1 / e(x)),
        lambda x: mp.log(-mp.expm1(-x)),
        [1e-20, 1.0, 40.0],
    ),
    "log(1 - inv(exp(x)))": (
        lambda x: T.log(1 - T.inv(e(x))),
        lambda x: mp.log(-mp.expm1(-x)),
        [1e-20, 1.0, 40.0],
    ),
    "log(1 - exp(x)**2)": (
        lambda x: T.log(1 - e(x) ** 2),
        lambda x: mp.log(-mp.expm1(2 * x)),
        [-1e-20, -1.0, -40.0],
    ),
    "log(1 - (exp(x) * exp(x))[::-1])[::-1]": (
        lambda x: T.log(1 - (e(x) * e(x))[::-1])[::-1],
        lambda x: mp.log(-mp.expm1(2 * x)),
        [-1e-20, -1.0, -40.0],
    ),
    "log(exp(x) - 1)": (
        lambda x: T.log(e(x) - 1),
        lambda x: mp.log(mp.expm1(x)),
        [1e-20, 1.0, 40.0, 800.0],
    ),
    "log2(3 * expm1(x))": (
        lambda x: T.log2(3 * T.expm1(x)),
        lambda x: mp.log(3 * mp.expm1(x)) / mp.log(2),
        [1e-20, 1.0, 40.0, 800.0],
    ),
    "log(sinh(x) / 3)": (
        lambda x: T.log(T.sinh(x) / 3),
        lambda x: mp.log(mp.sinh(x) / 3),
        [1e-9, 1.0, 40.0, 800.0],
    ),
    "log(cosh(x))": (
        lambda x: T.log(T.cosh(x)),
        lambda x: mp.log(mp.cosh(x)),
        [-800.0, -1e-9, 0.3, 1.0, 1.1, 800.0],
    ),
    "log(1 + cosh(x))": (
        lambda x: T.log(1 + T.cosh(x)),
        lambda x: mp.log(1 + mp.cosh(x)),
        [-800.0, -1.0, 0.3, 1.1, 800.0],
    ),
    "log(0.5 * erfc(x))": (
        lambda x: T.log(0.5 * T.erfc(x)),
        lambda x: mp.log(normal_tail(x)),
        [-9.0, -5.0, -0.1, 0.0, 0.1, 5.0, 30.0],
    ),
    "log((1 + erf(x)) / 2)": (
        lambda x: T.log((1 + T.erf(x)) / 2),
        lambda x: mp.log(normal_tail(-x)),
        [-30.0, -5.0, -0.1, 0.0, 0.1, 5.0, 9.0],
    ),
    "log(0.5 + erf(x) / 2)": (
        lambda x: T.log(0.5 + T.erf(x) / 2),
        lambda x: mp.log(normal_tail(-x)),
        [-30.0, -5.0, -0.1, 0.0, 0.1, 5.0, 9.0],
    ),
    "1 - 0.5 * erfc(x)": (
        lambda x: 1 - 0.5 * T.erfc(x),
        lambda x: normal_tail(-x),
        [-9.0, -5.0, -0.1, 0.0, 0.1, 5.0],
    ),
    "exp(x**2) * erfc(x)": (
        lambda x: e(x**2) * T.erfc(x),
        lambda x: mp.exp(x * x) * mp.erfc(x),
        [-5.0, 0.0, 1.0, 12.0, 60.0],
    ),
    "erfc(x) / exp(-x * x)": (
        lambda x: T.erfc(x) / e(-x * x),
        lambda x: mp.exp(x * x) * mp.erfc(x),
        [-5.0, 0.0, 1.0, 12.0, 60.0],
    ),
    "sigmoid(x) - sigmoid(x)**2": (lambda x: s(x) - s(x) ** 2, slope, [-40.0, -1.0, 1.0, 40.0]),
    "1 - tanh(x)": (lambda x: 1 - T.tanh(x), lambda x: 2 * sigmoid(-2 * x), [-1.0, 0.3, 20.0]),
    "log(1 - tanh(x))": (
        lambda x: T.log(1 - T.tanh(x)),
        lambda x: mp.log(2 * sigmoid(-2 * x)),
        [-1.0, -1e-9, 1e-9, 0.3, 0.5, 0.7, 20.0, 800.0],
    ),
    "log1p(tanh(x))": (
        lambda x: T.log1p(T.tanh(x)),
        lambda x: mp.log(2 * sigmoid(2 * x)),
        [-800.0, -20.0, -0.7, -0.5, -1e-9, 1e-9, 1.0],
    ),
    "1 - tanh(x)**2": (lambda x: 1 - T.tanh(x) ** 2, tanh_slope, [-20.0, -1e-9, 0.3, 1.0, 20.0]),
    "log(1 - tanh(x)**2)": (
        lambda x: T.log(1 - T.tanh(x) ** 2),
        lambda x: mp.log(tanh_slope(x)),
        [-800.0, -20.0, -1e-9, 1e-9, 0.7, 1.1, 20.0],
    ),
    "log(1 - tanh(x) * tanh(x))": (
        lambda x: T.log(1 - T.tanh(x) * T.tanh(x)),
        lambda x: mp.log(tanh_slope(x)),
        [-800.0, -20.0, -1e-9, 1e-9, 0.7, 1.1, 20.0],
    ),
}


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TAILS)
def test_what_overflows_or_cancels_in_its_tails_is_exact_there(name, dtype, mode):
    build, value, points = TAILS[name]
    x = T.vector("x", dtype=dtype)
    y = build(x)
    points = np.array(points, dtype)
    have, derivative = symgrad.function([x], [y, T.grad(y.sum(), x)], mode=mode)(points)
    exact = [mp.mpf(float(p)) for p in points]
    check(have, [[value(p) for p in exact]], dtype, "value")
    step = mp.mpf(10) ** -200
    slopes = [(value(p + step) - value(p - step)) / (2 * step) for p in exact]
    check(derivative, [slopes], dtype, "gradient")


SHIFTED = {
    "softmax": lambda x, m: T.nnet.softmax(x - m),
    "log of softmax": lambda x, m: T.log(T.nnet.softmax(x - m)),
    "logsoftmax": lambda x, m: T.nnet.logsoftmax(x - m),
    "by hand": lambda x, m: e(x - m) / e(x - m).sum(axis=1, keepdims=True),
    "log by hand": lambda x, m: x - m - T.log(e(x - m).sum(axis=1, keepdims=True)),
    "logsumexp": lambda x, m: T.log(e(x - m).sum(axis=1, keepdims=True)) + m,
    "logsumexp without axes": lambda x, m: x.max(axis=1) + T.log(e(x - m).sum(axis=1)),
}
LARGEST = {
    "keepdims": lambda x: x.max(axis=1, keepdims=True),
    "dimshuffle": lambda x: x.max(axis=1).dimshuffle(0, "x"),
    "None": lambda x: x.max(axis=1)[:, None],
    "constant": lambda x: disconnected_grad(x.max(axis=1, keepdims=True)),
}


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("name", SHIFTED)
def test_shifting_by_the_largest_is_undone(name, largest):
    x = T.dmatrix("x")
    y = SHIFTED[name](x, LARGEST[largest](x))
    graph = prepare([y])
    kinds = {type(n.op) for n in toposort(graph) if n.op is not None}
    assert kinds <= {ops.Softmax, ops.LogSoftmax, ops.LogSumExp}, graph
    weights = T.constant(np.arange(1.0, 13.0).reshape(6, 2))
    weights = weights if y.ndim == 2 and "logsumexp" not in name else weights[:, :1]
    got, g = symgrad.function([x], [y, T.grad((y * weights.reshape(y.shape)).sum(), x)])(ROWS)
    plain = {"softmax": T.nnet.softmax, "by hand": T.nnet.softmax}.get(name, T.nnet.logsoftmax)
    z = T.logsumexp(x, axis=1, keepdims=y.ndim == 2) if "logsumexp" in name else plain(x)
    want, h = symgrad.function([x], [z, T.grad((z * weights.reshape(z.shape)).sum(), x)])(ROWS)
    np.testing.assert_allclose(got, want, rtol=1e-14)
    np.testing.assert_allclose(g, h, rtol=1e-12, atol=1e-300)


def test_shifting_by_something_else_stays():
    x = T.dmatrix("x")
    for m in (x.max(axis=0), x.max(axis=1), x.min(axis=1, keepdims=True), x.max()):
        assert "softmax_of_shifted" not in fired(T.nnet.softmax(x - m))
        assert "logsumexp_shifted_back" not in fired(T.log(e(x - m).sum(axis=1)) + m)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: T.log(1 + x),
        lambda x: T.log(x + 1),
        lambda x: T.log(1 - (-x)),
        lambda x: T.log(1 - (0 - x)),
        lambda x: T.log1p(x),
    ],
)
def test_log_of_one_plus_is_exact_near_0(build):
    x = T.dvector("x")
    points = [-0.5, -1e-9, -1e-20, 0.0, 1e-20, 1e-9, 1.0, 1e200]
    y = build(x)
    value, slope = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    check(value, [[mp.log(1 + mp.mpf(p)) for p in points]], "float64", "value")
    check(slope, [[1 / (1 + mp.mpf(p)) for p in points]], "float64", "gradient")


# -- functions of a row ------------------------------------------------------------------------

ROWS = [[0.0, 2000.0], [40.0, 0.0], [800.0, -800.0], [-800.0, -800.0], [1.0, 2.0], [-3.0, -3.5]]
LABELS = [[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]


def exact_softmax(row):
    powers = [mp.exp(mp.mpf(v)) for v in row]
    return [p / mp.fsum(powers) for p in powers]


def picked(values, y):
    return values[T.arange(y.shape[0]), y]


def by_hand(x):
    return e(x) / e(x).sum(axis=1, keepdims=True)


def shifted(x):
    powers = e(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1).dimshuffle(0, "x")


softmax = T.nnet.softmax
PICKED = {
    "log(p)[arange, y]": lambda x, y: picked(T.log(softmax(x)), y),
    "log(p[arange, y])": lambda x, y: T.log(picked(softmax(x), y)),
    "log(p.reshape)": lambda x, y: picked(T.log(softmax(x).reshape((-1, 2))), y),
    "log(p.T)": lambda x, y: picked(T.log(softmax(x).T).T, y),
    "log(softmax(x.T, axis=0))": lambda x, y: T.log(softmax(x.T, axis=0))[y, T.arange(y.shape[0])],
    "log(p.flatten())": lambda x, y: T.log(softmax(x).flatten())[2 * T.arange(y.shape[0]) + y],
    "log(cast(p))": lambda x, y: T.cast(picked(T.log(T.cast(softmax(x), "float64")), y), x.dtype),
    "log(dimshuffled[...])": lambda x, y: T.log(
        softmax(x).dimshuffle(0, "x", 1)[T.arange(y.shape[0]), 0, y]
    ),
    "log(exp / sum keepdims)": lambda x, y: picked(T.log(by_hand(x)), y),
    "log((exp / sum)[arange, y])": lambda x, y: T.log(picked(by_hand(x), y)),
    "log(exp(x - max) / sum)": lambda x, y: T.log(picked(shifted(x), y)),
    "x - log(sum(exp(x)))": lambda x, y: picked(x - T.log(T.sum(e(x), axis=1, keepdims=True)), y),
    "x - log(sum(exp(x))).dimshuffle": lambda x, y: picked(
        x - T.log(T.sum(e(x), axis=1)).dimshuffle(0, "x"), y
    ),
    "x - log(sum(exp(x)).dimshuffle)": lambda x, y: picked(
        x - T.log(T.sum(e(x), axis=1).dimshuffle(0, "x")), y
    ),
    "(x.T - log(sum(exp(x.T), axis=0))).T": lambda x, y: picked(
        (x.T - T.log(T.sum(e(x.T), axis=0))).T, y
    ),
    "x - logsumexp(x)": lambda x, y: picked(x - T.logsumexp(x, axis=1, keepdims=True), y),
    "logsoftmax": lambda x, y: picked(T.nnet.logsoftmax(x), y),
    "-categorical_crossentropy": lambda x, y: -T.nnet.categorical_crossentropy(softmax(x), y),
    "-categorical_crossentropy 1-hot": lambda x, y: (
        -T.nnet.categorical_crossentropy(
            softmax(x), T.cast(T.eq(y.dimshuffle(0, "x"), [0, 1]), x.dtype)
        )
    ),
    "-crossentropy_softmax_1hot": lambda x, y: -T.nnet.crossentropy_softmax_1hot(x, y)[0],
    "-crossentropy_softmax_argmax_1hot_with_bias": lambda x, y: (
        -T.nnet.crossentropy_softmax_argmax_1hot_with_bias(x, T.zeros_like(x[0]), y)[0]
    ),
    "xlogy0(1, p)": lambda x, y: T.xlogx.xlogy0(1, picked(softmax(x), y)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PICKED)
def test_log_of_softmax_is_exact_in_every_spelling(name, dtype):
    x, y = T.matrix("x", dtype=dtype), T.ivector("y")
    value = PICKED[name](x, y)
    g = T.grad(value.sum(), x)
    curvature = T.grad((g * T.constant(np.array([1.0, -0.5], dtype))).sum(), x)
    f = symgrad.function([x, y], [value, g, curvature])
    for labels in LABELS:
        have_value, have_grad, have_curvature = f(np.array(ROWS, dtype), np.array(labels, "int32"))
        shares = [exact_softmax(row) for row in ROWS]
        check(have_value, [[mp.log(p[k])] for p, k in zip(shares, labels, strict=True)], dtype, "")
        slopes = [  # of two classes, 1 - p of one is p of the other
            [p[1 - k] if j == k else -p[j] for j in range(2)]
            for p, k in zip(shares, labels, strict=True)
        ]
        check(have_grad, slopes, dtype, "gradient")
        half = mp.mpf("1.5")  # d/dx of -(p_0 - p_1 / 2), for two classes
        bends = [[-half * p[0] * p[1], half * p[0] * p[1]] for p in shares]
        check(have_curvature, bends, dtype, "second derivative")


BY_HAND = {
    "keepdims": by_hand,
    "shifted": shifted,
    "[:, None]": lambda x: e(x) / T.sum(e(x), axis=1)[:, None],
    "[:, numpy.newaxis] of x - max": lambda x: by_hand(x - x.max(axis=1)[:, np.newaxis]),
    "reshape": lambda x: e(x) / e(x).sum(axis=1).reshape((-1, 1)),
    "reshape to a length": lambda x: e(x) / e(x).sum(axis=1).reshape((x.shape[0], 1)),
    "shape_padright": lambda x: e(x) / T.shape_padright(e(x).sum(axis=1)),
    "transposed": lambda x: (e(x).T / e(x).sum(axis=1)).T,
    "times the inverse": lambda x: e(x) * (1 / e(x).sum(axis=1, keepdims=True)),
    "inv times": lambda x: T.inv(e(x).sum(axis=1))[:, None] * e(x),
    "of the transpose": lambda x: (e(x.T) / e(x.T).sum(axis=0)).T,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_softmax_by_hand_is_finite_in_every_spelling(name):
    x = T.dmatrix("x")
    y = BY_HAND[name](x)
    value, g = symgrad.function([x], [y, T.grad(y[:, 0].sum(), x)])(ROWS)
    shares = [exact_softmax(row) for row in ROWS]
    check(value, shares, "float64", "value")
    check(g, [[p[0] * p[1], -p[0] * p[1]] for p in shares], "float64", "gradient")


def test_sums_that_stand_elsewhere_are_no_softmax():
    x = T.dmatrix("x")
    for y in (
        e(x).T / e(x).sum(axis=0),
        e(x) / e(x).sum(axis=1)[None, :],
        e(x) / e(x).sum(axis=0)[:, None],
        e(x) * (2 / e(x).sum(axis=1)[:, None]),
        e(x) / e(x).sum(axis=1)[::-1, None],
    ):
        assert not {"softmax_spelled_out", "softmax_as_product"} & set(fired(y))


def test_the_log_of_a_choice_keeps_a_guard_against_0():
    x = T.dvector("x")
    y = T.log(T.switch(x > 0, x, 1))
    assert fired(y) == []
    np.testing.assert_array_equal(T.grad(y.sum(), x).eval({x: [0.0, 2.0]}), [0, 0.5])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("axis", [0, 1, None, (0, 1)])
def test_logsumexp_in_every_spelling(axis, dtype):
    x = T.matrix("x", dtype=dtype)
    rows = np.array([[-800.0, 40.0, 0.0], [-800.0, 0.0, -1.0]], dtype)
    axes = (0, 1) if axis is None else (axis,) if isinstance(axis, int) else axis
    with mp.workdps(400):
        shares = np.array([[mp.exp(mp.mpf(float(v))) for v in row] for row in rows])
        totals = shares.sum(axis=axes, keepdims=True)
        want = [[mp.log(v) for v in np.atleast_1d(totals).ravel()]]
        slopes = (shares / totals).tolist()
    for y in (
        T.log(T.sum(e(x), axis=axis)),
        T.log(e(x).sum(axis=axis, keepdims=True)),
        T.logsumexp(x, axis=axis),
        T.log(e(x).mean(axis=axis)) + np.log(rows.size // totals.size).astype(dtype),
        T.log((e(x) * 0.5).sum(axis=axis)) + np.log(2.0).astype(dtype),
    ):
        value, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(rows)
        check(value, want, dtype, "value")
        check(g, slopes, dtype, "gradient")


def test_log_of_a_sum_of_exponentials():
    a, b, c = T.dvectors("a", "b", "c")
    values = [[0.0, 800.0, -800.0, 2000.0], [0.0, -800.0, -800.0, 2000.0], [0.0, 1.0, -801.0, 0.0]]
    exact = [[mp.mpf(v) for v in column] for column in zip(*values, strict=True)]
    for y, count in ((T.log(e(a) + e(b)), 2), (T.log(e(a) + e(b) + e(c)), 3)):
        wrt = [a, b, c][:count]
        got = symgrad.function(wrt, [y, *T.grad(y.sum(), wrt)])(*values[:count])
        totals = [mp.fsum([mp.exp(v) for v in column[:count]]) for column in exact]
        check(got[0], [[mp.log(t) for t in totals]], "float64", "value")
        for k in range(count):
            shares = [mp.exp(column[k]) / t for column, t in zip(exact, totals, strict=True)]
            check(got[1 + k], [shares], "float64", "gradient")


def test_log_of_a_product_of_many_probabilities():
    x = T.dmatrix("x")
    values = np.array([[-800.0, -40.0, 3.0], [0.0, 800.0, -1.0]])
    y = T.log(s(x).prod(axis=1))
    got, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(values)
    exact = [[mp.mpf(v) for v in row] for row in values]
    check(got, [[mp.fsum([-softplus(-v) for v in row]) for row in exact]], "float64", "value")
    check(g, [[sigmoid(-v) for v in row] for row in exact], "float64", "gradient")


# -- what no rule may do -------------------------------------------------------------------------


def fired(expr):
    trace = []
    rewrite([expr], [STABILITY], trace=trace)
    return names(trace)


def test_a_larger_one_keeps_its_shape():
    x = T.dvector("x")
    column = np.ones((3, 1))
    for y in (
        T.log(column + e(x)),
        T.log(e(x) + column),
        1 / (column + e(-x)),
        column / (1 + e(-x)),
        column - s(x),
        e(x) - column,
        T.log(column - s(x)),
        -s(x) + column,
    ):
        got = y.eval({x: [0.0, 1.0]})
        assert got.shape == (3, 2)
    maybe = T.log(T.constant(np.ones(3)) + e(x))  # x may have length 1
    np.testing.assert_allclose(maybe.eval({x: [0.0]}), np.log([2.0] * 3))
    np.testing.assert_allclose((1 - T.alloc(1.0, 3) * s(x)).eval({x: [0.0]}), [0.5] * 3)
    np.testing.assert_allclose(T.log(T.alloc(1.0, 3) + e(x)).eval({x: [0.0]}), np.log([2.0] * 3))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_sum_that_does_not_stand_in_line_is_no_softmax(axis):
    x = T.dmatrix("x")
    values = np.array([[1.0, 2.0], [3.0, 5.0]])
    total = np.exp(values).sum(axis=axis)
    y = e(x) / e(x).sum(axis=axis)
    np.testing.assert_allclose(y.eval({x: values}), np.exp(values) / total)
    y = x - T.log(e(x).sum(axis=axis))
    np.testing.assert_allclose(y.eval({x: values}), values - np.log(total))
    y = x - T.log(e(x).sum(axis=axis, keepdims=True)).T
    np.testing.assert_allclose(
        y.eval({x: values}), values - np.log(np.exp(values).sum(axis=axis, keepdims=True)).T
    )
    other = T.dmatrix("other")
    assert fired(e(x) / e(other).sum(axis=axis, keepdims=True)) == []


def test_complex_logarithms_keep_their_branch():
    z = T.TensorType("complex128", (None,))("z")
    np.testing.assert_allclose(T.log(e(z)).eval({z: [4j]}), np.log(np.exp([4j])))
    assert fired(T.log(1 + e(z))) == []


POWERS = {  # of vectors that are 0, 1, infinite or NaN somewhere
    "sigmoid": s,
    "softmax": T.nnet.softmax,
    "exp": e,
    "softmax by hand": lambda x: e(x) / e(x).sum(),
    "product": lambda x: e(x) * s(x),
    "sum": lambda x: s(x) + e(x),
    "choice": lambda x: T.switch(x > 0, e(x), s(x)),
}


@pytest.mark.parametrize("power", [0, 0.0, -0.0, [0.0, 1.0, 0.0, 2.0, -1.0, 0.0], [0] * 6])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", POWERS)
def test_the_log_of_a_power_of_0_is_0(name, dtype, power):
    x = T.TensorType(dtype, (6,))("x")
    log = T.log2 if name == "product" else T.log
    c = np.array(power, dtype if isinstance(power, list) else None)[()]
    value = log(POWERS[name](x) ** c)
    f = symgrad.function([x], [value, T.grad(value.sum(), x)])
    for values in (
        [0.0, 1, 2, 3, 4, 5],
        [-np.inf, 0, np.nan, 1, 1, np.inf],
        [-800, 0, 1, 1, 1, 800],
    ):
        values = np.array(values, dtype)
        have, slope = f(values)
        zero = np.broadcast_to(c == 0, (6,))
        np.testing.assert_array_equal(have[zero], 0)
        if not name.startswith("softmax"):  # there each element depends on all
            np.testing.assert_array_equal(slope[zero & np.isfinite(values)], 0)


def test_what_is_added_to_probabilities_needs_no_logaddexp():
    x = T.dmatrix("x")
    assert fired(T.log(softmax(x) + 1e-8)) == []
    assert fired(T.log(s(x) + 0.5)) == []
    assert fired(T.log(x * s(x))) == []  # x may be negative
    assert fired(T.log(0 * s(x))) == []


SOME = {
    "nll": lambda x: -T.log(softmax(x))[:, 0].mean(),
    "bce": lambda x: -(0.3 * T.log(s(x)) + 0.7 * T.log(1 - s(x))).mean(),
    "lse": lambda x: T.log(e(x).sum(axis=1)).mean(),
    "spelled out": lambda x: T.log(by_hand(x)[:, 0]).mean(),
}


@pytest.mark.parametrize("name", SOME)
def test_stabilising_twice_changes_nothing(name):
    x = T.dmatrix("x")
    cost = SOME[name](x)
    (once,) = rewrite([cost], [STABILITY])
    trace = []
    rewrite([once], [STABILITY], trace=trace)
    assert names(trace) == []
    first, second = [], []
    rewrite([cost], [STABILITY], trace=first)
    rewrite([cost], [STABILITY], trace=second)
    assert names(first) == names(second)


@pytest.mark.parametrize("name", SOME)
def test_cost_and_gradient_share_the_forward_part(name):
    x = T.dmatrix("x")
    cost = SOME[name](x)
    f = symgrad.function([x], [cost, T.grad(cost, x)])
    lines = [line for line in f.source.splitlines() if " = " in line]
    for function in ("log_softmax(", "log_sum_exp(", "softplus("):
        calls = [line.split("=", 1)[1].split("#")[0].strip() for line in lines if function in line]
        assert len(calls) == len(set(calls))
        assert len(calls) <= (2 if function == "softplus(" else 1)
    assert not any(" log(" in line for line in lines)


def test_rules_look_through_any_finite_input_without_making_nan():
    x = T.dvector("x")
    points = np.array([-np.inf, -800.0, 0.0, 800.0, np.inf])
    for build, want in (
        (lambda x: T.xlogx.xlogy0(0, 1 - s(x)), np.zeros(5)),
        (lambda x: 1 - s(x), [1, 1, 0.5, 0, 0]),
        (lambda x: T.log(1 + e(x)), [0, 0, np.log(2), 800, np.inf]),
        (lambda x: T.log(s(x)), [-np.inf, -800, -np.log(2), 0, 0]),
        (lambda x: 1 / (1 + e(-x)), [0, 0, 0.5, 1, 1]),
    ):
        np.testing.assert_allclose(build(x).eval({x: points}), want, atol=1e-300)


def test_graph_nodes_of_the_user_keep_their_names():
    x = T.dvector("x")
    inner = e(x)
    outer = T.log(inner)
    outer.name = "outer"
    symgrad.function([x], [outer, inner])
    assert inner.name is None
    assert x.name == "x"
    assert outer in toposort([outer])


# -- 1 - exp(x), erfc, mixtures ------------------------------------------------------------------

ONE_LESS_EXP = {
    "log(1 - exp(x))": lambda x: T.log(1 - e(x)),
    "log(-expm1(x))": lambda x: T.log(-T.expm1(x)),
    "log(0 - expm1(x))": lambda x: T.log(0 - T.expm1(x)),
    "log1p(-exp(x))": lambda x: T.log1p(-e(x)),
    "log(-exp(x) + 1)": lambda x: T.log(-e(x) + 1),
    "log(-(exp(x) - 1))": lambda x: T.log(-(e(x) - 1)),
    "log of a view": lambda x: T.log((1 - e(x))[::-1])[::-1],
    "log2": lambda x: T.log2(1 - e(x)) * np.log(2).astype(x.dtype),
    "log10": lambda x: T.log10(-T.expm1(x)) * np.log(10).astype(x.dtype),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ONE_LESS_EXP)
def test_log_of_one_minus_exp_in_every_spelling(name, dtype):
    points = np.array([-800.0, -95, -40, -1, -0.7, -0.69, -0.1, -1e-5, -1e-20, -1e-30], dtype)
    x = T.vector("x", dtype=dtype)
    y = ONE_LESS_EXP[name](x)
    value, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    exact = [mp.mpf(float(v)) for v in points]
    check(value, [[mp.log(-mp.expm1(v)) for v in exact]], dtype, "value")
    check(g, [[-1 / mp.expm1(-v) for v in exact]], dtype, "gradient")
    with np.errstate(all="ignore"):
        at = y.eval({x: np.array([0, -0.0, -np.inf, np.nan], dtype)})
    np.testing.assert_array_equal(at, [-np.inf, -np.inf, 0, np.nan])


LOG_ERFC = {
    "log(erfc(x))": (lambda x: T.log(T.erfc(x)), 0),
    "log(1 - erf(x))": (lambda x: T.log(1 - T.erf(x)), 0),
    "log1p(-erf(x))": (lambda x: T.log1p(-T.erf(x)), 0),
    "log1p(erf(-x))": (lambda x: T.log1p(T.erf(-x)), 0),
    "log of half": (lambda x: T.log(0.5 * T.erfc(x)), -np.log(2)),
    "log of a normal distribution": (lambda x: T.log((1 + T.erf(-x)) / 2), -np.log(2)),
    "log of a square": (lambda x: T.log(T.erfc(x) ** 2) / 2, 0),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOG_ERFC)
def test_log_of_erfc_in_every_spelling(name, dtype):
    points = np.array([-30.0, -5, -1, -0.4, 0.3, 0.6, 1, 3, 9, 26, 30, 100], dtype)
    x = T.vector("x", dtype=dtype)
    build, more = LOG_ERFC[name]
    y = build(x)
    value, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    with mp.workdps(50):
        exact = [mp.mpf(float(v)) for v in points]
        logs = [mp.log(mp.erfc(v)) for v in exact]
        slopes = [-2 / mp.sqrt(mp.pi) * mp.exp(-v * v) / mp.erfc(v) for v in exact]
    if more:  # a logarithm of a number is added, which is rounded
        want = [float(v) + more for v in logs]
        np.testing.assert_allclose(value, want, rtol=RTOL[dtype], atol=4 * np.finfo(dtype).eps)
    else:
        check(value, [logs], dtype, "value")
    check(g, [slopes], dtype, "gradient")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_erfcx_and_its_slope(dtype):
    points = np.array([-5.0, -1, 0, 0.5, 3, 9.5, 10.5, 26, 49, 51, 1e3, 1e10], dtype)
    x = T.vector("x", dtype=dtype)
    y = T.erfcx(x)
    value, g = symgrad.function([x], [y, T.grad(y.sum(), x)])(points)
    with mp.workdps(60):
        exact = [mp.mpf(float(v)) for v in points]
        far = [v for v in exact if v > 2000]
        scaled = [mp.exp(v * v) * mp.erfc(v) for v in exact if v not in far]
        scaled += [1 / (v * mp.sqrt(mp.pi)) * (1 - 1 / (2 * v * v)) for v in far]
        slopes = [2 * v * s - 2 / mp.sqrt(mp.pi) for v, s in zip(exact, scaled, strict=True)]
        slopes[len(slopes) - len(far) :] = [-1 / (v * v * mp.sqrt(mp.pi)) for v in far]
    check(value, [scaled], dtype, "value")
    np.testing.assert_allclose(
        g, [float(v) for v in slopes], rtol=1e-11 if dtype == "float64" else 2e-4
    )


MIXTURES = {
    "t p + (1 - t) (1 - p)": lambda t, p: t * p + (1 - t) * (1 - p),
    "p t + (1 - p) (1 - t)": lambda t, p: p * t + (1 - p) * (1 - t),
    "the other first": lambda t, p: (1 - t) * (1 - p) + t * p,
    "a difference": lambda t, p: t * p - (t - 1) * (1 - p),
    "of the opposite": lambda t, p: (1 - t) * (1 - p) + p * t,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spelled", [False, True])
@pytest.mark.parametrize("name", MIXTURES)
def test_log_of_a_mixture_at_saturation(name, spelled, dtype):
    points = [-800.0, -800, -800, 800, 800, 800, -40, 40, 0, 3, -3]
    targets = [0, 1, 0.25, 0, 1, 0.25, 1, 0, 0.25, 1, 0.75]
    x, t = T.vector("x", dtype=dtype), T.vector("t", dtype=dtype)
    p = 1 / (1 + e(-x)) if spelled else s(x)
    y = T.log(MIXTURES[name](t, p))
    f = symgrad.function([x, t], [y, T.grad(y.sum(), x)])
    value, g = f(np.array(points, dtype), np.array(targets, dtype))
    want, slopes = [], []
    for v, a in zip(points, targets, strict=True):
        mixture = a * sigmoid(mp.mpf(v)) + (1 - a) * sigmoid(-mp.mpf(v))
        want.append(mp.log(mixture))
        slopes.append((2 * mp.mpf(a) - 1) * slope(mp.mpf(v)) / mixture)
    check(value, [want], dtype, "value")
    check(g, [slopes], dtype, "gradient")


def test_weights_of_a_mixture_may_be_any_numbers():
    x, a, b = T.dvectors("x", "a", "b")
    y = T.log(a * s(x) + b * s(-x))
    f = symgrad.function([x, a, b], [y, *T.grad(y.sum(), [x, a, b])])
    values = [1.0, -2.0, 0.5], [1.5, -0.5, 3.0], [-0.5, 1.5, 0.0]
    have = f(*values)
    for k, (v, p, q) in enumerate(zip(*values, strict=True)):
        v = mp.mpf(v)
        mixture = p * sigmoid(v) + q * sigmoid(-v)
        want = mp.log(mixture), (p - q) * slope(v) / mixture, sigmoid(v) / mixture
        np.testing.assert_allclose([h[k] for h in have[:3]], [float(w) for w in want], rtol=1e-12)
        np.testing.assert_allclose(have[3][k], float(sigmoid(-v) / mixture), rtol=1e-12)
