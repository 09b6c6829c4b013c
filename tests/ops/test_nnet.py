"""Activations and normalisations beside SciPy and mpmath."""

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.ops.nnet import LessShare, LogSoftmax, LogSumExp, Softmax, sigmoid, softplus
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


# -- normalising along axes ------------------------------------------------------------------

shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5)
arrays = shapes.flatmap(
    lambda shape: hnp.arrays("float64", shape, elements=st.floats(-900, 900, allow_subnormal=False))
)


@settings(max_examples=60, deadline=None)
@given(arrays, st.data())
def test_softmax_and_kin_agree_with_scipy(values, data):
    axis = data.draw(st.integers(-values.ndim, values.ndim - 1))
    soft = Softmax((axis % values.ndim,)).impl(np, values)
    np.testing.assert_allclose(soft, scipy.special.softmax(values, axis), rtol=1e-12, atol=1e-300)
    log = LogSoftmax((axis % values.ndim,)).impl(np, values)
    np.testing.assert_allclose(log, scipy.special.log_softmax(values, axis), rtol=1e-12, atol=1e-15)
    for keepdims in (False, True):
        total = LogSumExp((axis % values.ndim,), keepdims).impl(np, values)
        want = scipy.special.logsumexp(values, axis, keepdims=keepdims)
        np.testing.assert_allclose(total, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("op", [Softmax, LogSoftmax])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("length", [1, 10, 33])
def test_short_rows_give_what_long_ones_give(op, dtype, length):
    values = np.random.default_rng(1).normal(size=(200, length), scale=5).astype(dtype)
    rows = op((1,)).impl(np, values)
    columns = op((0,)).impl(np, np.ascontiguousarray(values.T)).T
    single = np.stack([op((0,)).impl(np, row) for row in values])
    rtol = 5 * RTOL[dtype]
    np.testing.assert_allclose(rows, columns, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(rows, single, rtol=rtol, atol=rtol)
    assert rows.dtype == dtype
    strided = op((1,)).impl(np, values[::2, ::-1])
    np.testing.assert_allclose(strided, rows[::2, ::-1], rtol=rtol, atol=rtol)
    share = LessShare((1,))
    np.testing.assert_allclose(
        share.impl(np, values, rows)[:50],
        share.impl(np, values[:50], rows[:50]),
        rtol=rtol,
        atol=100 * rtol,
    )


@pytest.mark.parametrize("length", [3, 40])
def test_nearly_certain_and_shared_tops_are_exact(length):
    rows = np.full((150, length), -90.0)
    rows[0, 0], rows[1, :2], rows[2, :], rows[3, 1] = 0, 5, 7, 600
    rows[4:, -1] = np.linspace(-90, 0, 146)
    have = LogSoftmax((1,)).impl(np, rows)
    mp = mpmath.mp.clone()
    mp.dps = 400
    for row, got in zip(rows[:30], have[:30], strict=True):
        total = mp.log(mp.fsum([mp.exp(v) for v in row]))
        np.testing.assert_allclose(got, [float(v - total) for v in row], rtol=1e-12)


@pytest.mark.parametrize("rows", [2, 150])
def test_infinities_and_nan(rows):
    inf, nan = np.inf, np.nan
    values = np.zeros((rows, 3))
    values[0], values[1] = [0, -inf, 0], [-inf, -inf, -inf]
    with np.errstate(invalid="ignore", divide="ignore"):
        soft = Softmax((1,)).impl(np, values)
        log = LogSoftmax((1,)).impl(np, values)
        total = LogSumExp((1,), False).impl(np, values)
        np.testing.assert_array_equal(soft[:2], [[0.5, 0, 0.5], [nan] * 3])
        np.testing.assert_allclose(log[:2], [[-np.log(2), -inf, -np.log(2)], [nan] * 3])
        np.testing.assert_allclose(total[:2], [np.log(2), -inf])
        values[0], values[1] = [0, inf, 0], [0, 0, nan]
        np.testing.assert_array_equal(LogSumExp((1,), False).impl(np, values)[:2], [inf, nan])
        log = LogSoftmax((1,)).impl(np, values)
        assert np.isnan(log[1]).all()
        np.testing.assert_allclose(log[2:], np.full((rows - 2, 3), -np.log(3)))


def test_empty_axes():
    assert evaluate(nnet.softmax, np.zeros((0, 3))).shape == (0, 3)
    assert evaluate(nnet.softmax, np.zeros((3, 0))).shape == (3, 0)
    assert evaluate(nnet.logsoftmax, np.zeros(0)).shape == (0,)
    np.testing.assert_array_equal(
        evaluate(lambda x: T.logsumexp(x, axis=1), np.zeros((2, 0))), [-np.inf] * 2
    )
    np.testing.assert_array_equal(evaluate(T.logsumexp, np.array(3.0)), 3.0)


def test_several_axes():
    values = np.random.default_rng(2).normal(size=(2, 3, 4))
    np.testing.assert_allclose(
        evaluate(lambda x: nnet.softmax(x, axis=(0, -1)), values),
        scipy.special.softmax(values, (0, 2)),
    )
    np.testing.assert_allclose(
        evaluate(lambda x: nnet.logsoftmax(x, axis=-1), values),
        scipy.special.log_softmax(values, -1),
    )
    np.testing.assert_allclose(
        evaluate(lambda x: T.logsumexp(x, axis=(0, 2), keepdims=True), values),
        scipy.special.logsumexp(values, (0, 2), keepdims=True),
    )


def test_softmax_keeps_vectors_and_asks_for_an_axis_from_rank_3_on():
    assert nnet.softmax(T.dvector()).ndim == 1
    for rank in (T.dscalar("s"), T.dtensor3("t")):
        with pytest.raises(GraphTypeError, match=r"neither a vector nor a matrix.*axis=-1"):
            nnet.softmax(rank)
    with pytest.raises(GraphValueError, match="softmax: axis 2 does not exist"):
        nnet.softmax(T.dmatrix("x"), axis=2)
    z = T.TensorType("complex128", (None,))("z")
    for function in (nnet.softmax, nnet.logsoftmax, nnet.elu, nnet.swish, T.logsumexp):
        with pytest.raises(GraphTypeError, match="complex"):
            function(z)
    with pytest.raises(GraphTypeError, match="complex"):
        nnet.sigmoid(z)


def test_gradient_of_softmax_does_not_cancel():
    x = T.dmatrix("x")
    g = T.grad(nnet.softmax(x)[:, 0].sum(), x)
    got = g.eval({x: [[40.0, 0.0, 0.0], [0.0, 40.0, 0.0]]})
    p = mpmath.exp(-40)
    np.testing.assert_allclose(got[0], [float(2 * p), -float(p), -float(p)], rtol=1e-12)
    np.testing.assert_allclose(got[1], [float(p), -float(p), -float(p * p)], rtol=1e-12)


def test_softmax_with_bias():
    x, b = np.arange(6.0).reshape(2, 3), np.array([0.0, 1.0, -1.0])
    np.testing.assert_allclose(
        nnet.softmax_with_bias(x, b).eval(), scipy.special.softmax(x + b, axis=1)
    )


def test_all_of_them_are_registered_for_the_contract_test():
    for name in ("sigmoid", "softplus", "relu", "Softmax", "LogSoftmax", "LessShare", "LogSumExp"):
        assert name in REGISTRY
