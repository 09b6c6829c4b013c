"""The fused cross-entropy beside its formula in mpmath and float64."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.ops.nnet.row_losses import RowLoss, ScaleRows
from symgrad.ops.op import Spec

RTOL = {"float64": 1e-12, "float32": 1e-5}


def computed(z, y, paired=False, wanted=(True, True)):
    op = RowLoss(paired)
    losses, excess = op.impl(np, z, y)
    out = [
        np.full(r.shape, np.nan, z.dtype) if w else None
        for r, w in zip((losses, excess), wanted, strict=True)
    ]
    specs = op.workspace(Spec(z.shape, z.dtype.name), Spec(y.shape, y.dtype.name))
    with np.errstate(all="ignore"):
        op.impl_into(out, [np.full(s.shape, 7, s.dtype) for s in specs], z, y)
    for have, want in zip(out, (losses, excess), strict=True):
        if have is not None:
            np.testing.assert_array_equal(have, want)
    return losses, excess


def formula(z, y):
    z = z.astype("longdouble")
    with np.errstate(all="ignore"):
        below = z - z.max(axis=1, keepdims=True)
        e = np.exp(below)
        rows = np.arange(len(y))
        excess = e / e.sum(axis=1, keepdims=True)
        losses = np.log(e.sum(axis=1)) - below[rows, y]
        excess[rows, y] -= 1
    return losses, excess


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("labels", ["int8", "uint8", "int32", "int64", "uint64"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (20, 10), (600, 3), (40, 32), (40, 33), (3, 900)]
)
def test_losses_and_gradients_are_what_the_formula_gives(shape, labels, dtype):
    rng = np.random.default_rng(0)
    z = rng.normal(size=shape, scale=4).astype(dtype)
    y = rng.integers(0, min(shape[1], 100), shape[0]).astype(labels)
    for scores in (z, np.asfortranarray(z), np.repeat(z, 2, axis=1)[:, ::2], z[::-1]):
        before = scores.copy()
        losses, excess = computed(scores, y)
        want_losses, want_excess = formula(scores, y)
        np.testing.assert_allclose(losses, want_losses, rtol=RTOL[dtype], atol=RTOL[dtype])
        np.testing.assert_allclose(excess, want_excess, rtol=RTOL[dtype], atol=RTOL[dtype])
        assert losses.dtype == excess.dtype == dtype
        np.testing.assert_array_equal(scores, before, err_msg="an input was overwritten")


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("top", [0.0, 30.0, 87.0, 100.0, 800.0, 2000.0])
def test_nothing_cancels_or_overflows(top, dtype):
    rows = np.array([[top, 0, 0], [0, top, 0.5], [-top, top, -top], [top, top, 0], [-3, -top, 1]])
    z = np.vstack([rows, rows, rows]).astype(dtype)
    y = np.repeat([0, 1, 2], len(rows))
    mp = mpmath.mp.clone()
    mp.dps = 2000
    losses, excess = computed(z, y)
    limit, tiny = (1e-12, 1e-300) if dtype == "float64" else (2e-5, 1e-37)
    for i, row in enumerate(z):
        e = [mp.exp(mp.mpf(float(v))) for v in row]
        total = mp.fsum(e)
        others = mp.fsum(v for k, v in enumerate(e) if k != y[i])
        want = [v / total for v in e]
        want[y[i]] = -others / total
        np.testing.assert_allclose(
            losses[i], float(mp.log1p(others / e[y[i]])), rtol=limit, atol=tiny
        )
        np.testing.assert_allclose(excess[i], [float(w) for w in want], rtol=limit, atol=tiny)


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays("float64", (4, 3), elements=st.floats(-1e3, 1e3, allow_subnormal=False)),
    st.lists(st.integers(-3, 2), min_size=4, max_size=4),
)
def test_gradients_of_a_row_add_up_to_0_and_losses_are_positive(z, y):
    losses, excess = computed(z, np.array(y))
    np.testing.assert_allclose(excess.sum(axis=1), np.zeros(4), atol=1e-15)
    assert (losses >= 0).all()
    assert np.isfinite(losses).all()
    wanted, _ = formula(z, np.array(y))
    np.testing.assert_allclose(losses, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("length", [3, 40])
def test_infinite_and_undefined_scores_stay_in_their_rows(length):
    inf, nan = np.inf, np.nan
    z = np.zeros((7, length))
    z[0, 0], z[1, 1], z[2, 0], z[3, 1], z[4, 0], z[5] = nan, nan, inf, -inf, -inf, -inf
    losses, excess = computed(z, np.zeros(7, "int32"))
    assert np.isnan(losses[[0, 1, 2, 5]]).all()
    assert np.isnan(excess[[0, 1, 5]]).all()
    np.testing.assert_allclose(losses[[3, 4, 6]], [np.log(length - 1), inf, np.log(length)])
    np.testing.assert_allclose(excess[4], [-1] + [1 / (length - 1)] * (length - 1))
    np.testing.assert_allclose(excess[6], [1 / length - 1] + [1 / length] * (length - 1))
    assert excess[3, 1] == 0
    losses, excess = computed(np.full((2, 1), nan), np.zeros(2, "int32"))
    assert np.isnan(losses).all()
    assert np.isnan(excess).all()


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
@pytest.mark.parametrize("top", [1.0, 1000.0])
def test_what_is_not_wanted_is_not_needed(top, wanted):
    computed(np.array([[0, top], [top, 0]]), np.array([0, 0]), wanted=wanted)


@pytest.mark.parametrize("labels", ["int8", "int32", "int64"])
@pytest.mark.parametrize("wrong", [3, -4, 100, -100])
def test_classes_out_of_range_are_refused(wrong, labels):
    z = np.zeros((2, 3))
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 1 with size 3"):
        RowLoss(False).impl(np, z, np.array([0, wrong], labels))


def test_large_classes_do_not_wrap_around():
    for wrong in (2**62, -(2**63), 2**32):
        with pytest.raises(IndexError, match="out of bounds"):
            RowLoss(False).impl(np, np.zeros((4, 4)), np.array([0, 0, 0, wrong]))


def test_negative_classes_count_from_the_end():
    z = np.random.default_rng(0).normal(size=(3, 4))
    pairs = zip(computed(z, np.array([-1, -4, 2])), computed(z, np.array([3, 0, 2])), strict=True)
    for have, want in pairs:
        np.testing.assert_array_equal(have, want)


def test_rows_without_a_class_have_no_gradient():
    z = np.random.default_rng(0).normal(size=(5, 4))
    losses, excess = computed(z, np.array([1, 2]))
    want_losses, want_excess = computed(z[:2], np.array([1, 2]))
    np.testing.assert_array_equal(losses, want_losses)
    np.testing.assert_array_equal(excess[:2], want_excess)
    np.testing.assert_array_equal(excess[2:], np.zeros((3, 4)))
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        RowLoss(False).impl(np, z, np.zeros(6, int))


def test_pairs_repeat_what_there_is_one_of():
    z = np.random.default_rng(0).normal(size=(5, 4))
    one = computed(z, np.array([2]), paired=True)
    for have, want in zip(one, computed(z, np.full(5, 2)), strict=True):
        np.testing.assert_array_equal(have, want)
    many = computed(z[:1], np.array([2, 0, 1]), paired=True)
    for have, want in zip(many, computed(z[[0, 0, 0]], np.array([2, 0, 1])), strict=True):
        np.testing.assert_array_equal(have, want)
    with pytest.raises(IndexError, match="5 rows and 2 classes"):
        RowLoss(True).impl(np, z, np.array([1, 2]))


@pytest.mark.parametrize("shape", [(0, 3), (0, 0)])
def test_no_rows(shape):
    losses, excess = computed(np.zeros(shape), np.zeros(0, "int64"))
    assert losses.shape == (0,)
    assert excess.shape == shape


def test_no_classes_at_all():
    with pytest.raises(IndexError, match="index 0 is out of bounds for axis 1 with size 0"):
        RowLoss(False).impl(np, np.zeros((2, 0)), np.array([0, 0]))


@pytest.mark.parametrize("length", [5, 3, 1, 0])
def test_rows_are_scaled(length):
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    scale = np.arange(2, 2 + length).astype("float32")
    want = np.zeros_like(x)
    want[: 5 if length == 1 else length] = x * 2 if length == 1 else x[:length] * scale[:, None]
    np.testing.assert_array_equal(ScaleRows().impl(np, x, scale), want)


def test_losses_beside_an_infinite_score_are_those_of_log_softmax():
    inf = np.inf
    z = np.array([[inf, 1, 2], [inf, 1, 2], [inf, inf, 0], [-inf, 1, 2], [-inf, -inf, -inf]])
    y = np.array([1, 0, 2, 0, 1, 1])
    for dtype in ("float64", "float32"):
        largest = np.append(z, [[inf, np.finfo(dtype).max, 1]], 0)
        x, k = T.matrix("x", dtype=dtype), T.lvector("k")
        loss = T.nnet.crossentropy_softmax_1hot(x, k)[0]
        g = T.grad(loss.sum(), x)
        (have, slope), (want, plain) = (
            symgrad.function([x, k], [loss, g], mode=mode)(largest.astype(dtype), y)
            for mode in ("FAST_RUN", "FAST_COMPILE")
        )
        np.testing.assert_array_equal(have, want)
        np.testing.assert_allclose(slope, plain, rtol=1e-6)
