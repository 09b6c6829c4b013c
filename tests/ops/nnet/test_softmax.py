"""Softmax and its kin beside SciPy and mpmath."""

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.ops.control.evaluation import evaluate as computed
from symgrad.ops.nnet.softmax import LessShare, LogSoftmax, LogSumExp, Softmax
from symgrad.ops.op import Spec

nnet = T.nnet
FLOATS = ["float64", "float32", "float16"]
RTOL = {"float64": 1e-13, "float32": 2e-6, "float16": 3e-3}


def evaluate(build, values):
    x = T.TensorType(values.dtype.name, (None,) * values.ndim)("x")
    return symgrad.function([x], build(x))(values)


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
    assert evaluate(lambda x: T.dot(nnet.softmax(x), x.T), np.zeros((3, 0))).shape == (3, 3)
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
    for function in (nnet.softmax, nnet.logsoftmax, T.logsumexp):
        with pytest.raises(GraphTypeError, match="complex"):
            function(z)


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


LINES = [
    ((3, 4), (1,)),
    ((70, 4), (1,)),
    ((70, 4), (0,)),
    ((5, 40), (1,)),
    ((40, 5), (0,)),
    ((6, 7, 5), (2,)),
    ((2, 3, 4), (0, 1)),
    ((2, 3, 4), (1,)),
    ((2, 3, 4), (0, 2)),
    ((4,), (0,)),
    ((0, 4), (1,)),
    ((70, 1), (1,)),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [Softmax, LogSoftmax, LessShare, LogSumExp])
@pytest.mark.parametrize(("shape", "axis"), LINES)
def test_given_memory_receives_what_the_formula_gives(shape, axis, op, dtype):
    rng = np.random.default_rng(4)
    x = rng.normal(size=shape, scale=3).astype(dtype)
    node = op(axis, False) if op is LogSumExp else op(axis)
    arrays = [x, Softmax(axis).impl(np, x)] if op is LessShare else [x]
    if op is LogSumExp:
        want = scipy.special.logsumexp(x.astype("float64"), axis)
    elif not x.size:
        want = x
    else:  # the formula along any axes, in float64
        want = node.along(np, axis, *[a.astype("float64") for a in arrays])
    for layout in (np.asarray, np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
        given = [layout(a) for a in arrays]
        before = [a.copy() for a in given]
        out = np.full(np.shape(want), np.nan, dtype)
        specs = node.workspace(*[Spec(a.shape, dtype) for a in given])
        node.impl_into(out, [np.full(s.shape, 7).astype(s.dtype) for s in specs], *given)
        np.testing.assert_allclose(out, want, rtol=20 * RTOL[dtype], atol=20 * RTOL[dtype])
        for a, b in zip(given, before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg="an input was overwritten")


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_slope_of_the_only_class_is_zero_times_what_comes_in(number, mode):
    x, y, c = T.dmatrix("x"), T.lvector("y"), T.dscalar("c")
    loss = -T.log(T.nnet.softmax(x))[T.arange(y.shape[0]), y]
    slope = T.grad(T.sum(loss * c), x)
    f = symgrad.function([x, y, c], slope, mode=mode)
    (have,) = computed([slope], np, {x: np.ones((1, 1)), y: np.array([0]), c: np.array(number)})
    assert np.isnan(have)
    assert np.isnan(f([[1.0]], [0], number))
    assert f([[1.0]], [0], 2.0) == 0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 40), (2, 3, 4)])
@pytest.mark.parametrize("axis", [0, -1])
def test_beside_an_infinite_score_a_finite_one_has_no_share(shape, axis):
    values = np.zeros(shape)
    values[(0,) * len(shape)] = np.inf
    x = T.TensorType("float64", (None,) * len(shape))("x")
    have = symgrad.function([x], T.nnet.softmax(x, axis=axis))(values)
    with np.errstate(invalid="ignore"):
        want = np.exp(values) / np.exp(values).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(have, want)
