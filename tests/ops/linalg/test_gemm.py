"""A matrix plus products, in one call of BLAS and without."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import ShapeError
from symgrad.flags import config
from symgrad.ops.linalg import blas, gemm
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.op import Spec

DTYPES = ["float32", "float64"]
STARTS = ["plain", "scaled", "decayed"]


@pytest.fixture(params=["direct", "expression"])
def direct(request, monkeypatch):
    """Both ways to compute it, whatever the size."""
    monkeypatch.setattr(config.stress, "gemm", 0 if request.param == "direct" else 2**60)
    return request.param == "direct"


def operands(dtype, start, count=1, m=30, n=20, k=5):
    rng = np.random.default_rng(1)

    def normal(*shape):
        return np.array(rng.normal(size=shape), dtype)

    inputs = [normal(m, n), *([] if start == "plain" else [normal()])]
    for _ in range(count):
        inputs += [normal(), normal(k, m).T, normal(k, n)]
    return inputs


def exact(start, c, *rest):
    wide = [np.asarray(x, "float64") for x in rest]
    y = np.asarray(c, "float64")
    if start != "plain":
        beta, *wide = wide
        y = beta * y if start == "scaled" else y + beta * y
    for k in range(0, len(wide), 3):
        alpha, a, b = wide[k : k + 3]
        y = y + alpha * (a @ b)
    return y


def computed(op, inputs, out=None):
    out = np.full(inputs[0].shape, np.nan, inputs[0].dtype) if out is None else out
    specs = op.workspace(*[Spec(x.shape, str(x.dtype)) for x in inputs])
    op.impl_into(out, [np.full(s.shape, np.nan, s.dtype) for s in specs], *inputs)
    return out


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_both_ways_compute_the_sum(direct, dtype, start, count):
    op, inputs = Gemm(start), operands(dtype, start, count)
    before = [x.copy() for x in inputs]
    y = computed(op, inputs)
    assert y.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, exact(start, *inputs), rtol=20 * eps, atol=40 * eps)
    np.testing.assert_array_equal(y, op.impl(np, *inputs))
    for value, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("start", STARTS)
def test_the_result_may_replace_the_matrix(direct, start):
    inputs = operands("float64", start, 2)
    expected = computed(Gemm(start), inputs)
    assert computed(Gemm(start), inputs, out=inputs[0]) is inputs[0]
    np.testing.assert_array_equal(inputs[0], expected)


def test_small_results_are_the_very_numbers_of_the_expression():
    W, _, a, b = operands("float32", "plain")
    lr = np.float32(0.13)
    np.testing.assert_array_equal(Gemm("plain").impl(np, W, -lr, a, b), W - lr * np.dot(a, b))


def test_large_results_are_accumulated_by_blas(monkeypatch):
    if not blas.routines():
        pytest.skip("no BLAS was found behind this NumPy")
    inputs = operands("float32", "plain", 2, m=300, n=300)
    assert inputs[0].nbytes >= config.stress.gemm
    monkeypatch.setattr(gemm.np, "dot", None)
    y = computed(Gemm("plain"), inputs)
    np.testing.assert_allclose(y, exact("plain", *inputs), rtol=1e-5, atol=1e-5)
    assert not Gemm("plain").workspace(*[Spec(x.shape, "float32") for x in inputs])


def test_without_a_blas_large_results_are_computed_too(monkeypatch):
    monkeypatch.setattr(blas, "_found", {})
    inputs = operands("float32", "scaled", 2, m=300, n=300)
    specs = Gemm("scaled").workspace(*[Spec(x.shape, "float32") for x in inputs])
    assert list(specs) == [Spec((300, 300), "float32")]
    y = computed(Gemm("scaled"), inputs)
    np.testing.assert_allclose(y, exact("scaled", *inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("number", [0.0, 1.0, np.inf])
def test_what_is_not_finite_comes_through(direct, number, value):
    """0 * NaN is NaN, though BLAS does not look at what it multiplies by 0."""
    number = np.array(number)
    good, bad = np.ones((2, 2)), np.full((2, 2), value)
    with np.errstate(invalid="ignore"):
        for start, *inputs in (
            ("plain", good, number, bad, good),
            ("scaled", bad, number, number, good, good),
            ("decayed", bad, number, number, good, good),
        ):
            np.testing.assert_array_equal(Gemm(start).impl(np, *inputs), exact(start, *inputs))


@pytest.mark.parametrize("decay", [-1e-9, -2e-6, -1e-3, -0.3, -1.0, 0.0, 0.5])
def test_decay_is_as_strong_as_it_should_be(decay):
    """Over weights that are not special, to two thousandths; not so `(1 - decay) * W`."""
    W = np.random.default_rng(0).uniform(1, 2, (2000, 1000)).astype("float32")
    zeros = np.zeros((2000, 1), "float32"), np.zeros((1, 1000), "float32")
    y = Gemm("decayed").impl(np, W, np.float32(decay), np.float32(1), *zeros)
    change = (y.astype("float64") - W).sum()
    expected = float(np.float32(decay)) * W.sum(dtype="float64")
    if abs(decay) > 1e-7:  # a smaller change of one weight is rounded away in any case
        assert change == pytest.approx(expected, rel=2e-3)
    np.testing.assert_allclose(y, W + np.float64(np.float32(decay)) * W, rtol=1.2e-7, atol=1e-12)


def test_lengths_that_do_not_fit_are_refused():
    matrix = T.TensorType("float64", (3, 2))
    c, a, b = (
        matrix("c"),
        T.TensorType("float64", (4, 3))("a"),
        T.TensorType("float64", (3, 2))("b"),
    )
    with pytest.raises(ShapeError, match=r"\(3, 2\).*\(4, 2\)"):
        Gemm("plain").make(c, T.constant(1.0), a, b)
    with pytest.raises(ShapeError, match="inner lengths"):
        Gemm("plain").make(c, T.constant(1.0), b, b)


def test_lengths_are_those_of_the_matrix():
    c, a, b = T.dmatrix("c"), T.dmatrix("a"), T.TensorType("float64", (None, 7))("b")
    y = Gemm("plain").make(c, T.constant(1.0), a, b)
    assert y.static_shape == (None, 7)
    assert y.op.lengths(y, {c: ((c, 0), (c, 1))}) == ((c, 0), (c, 1))


def test_wrong_lengths_at_run_time_are_an_error(direct):
    c, a, b = T.dmatrix("c"), T.dmatrix("a"), T.dmatrix("b")
    f = symgrad.function([c, a, b], Gemm("plain").make(c, T.constant(1.0), a, b))
    for shapes in (((3, 2), (3, 4), (5, 2)), ((3, 2), (4, 4), (4, 2)), ((3, 2), (3, 4), (4, 3))):
        with pytest.raises((ShapeError, ValueError)):
            f(*[np.ones(shape) for shape in shapes])
