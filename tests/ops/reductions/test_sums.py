import itertools

import numpy as np
import pytest

from symgrad.ops.reductions.sums import accurate_sum, sum_for, sum_of_lines

SHAPES = [(1,), (21,), (1000,), (600, 10), (607, 3), (97, 300), (20, 5), (5, 70, 3), (2, 3, 40, 2)]
EPS = np.finfo("float32").eps


def layouts(x):
    yield "C", x
    yield "F", np.asfortranarray(x)
    yield "strided", np.repeat(x, 2, axis=-1)[..., ::2]
    yield "reversed", x[::-1]
    if x.ndim > 2:
        yield "permuted", np.ascontiguousarray(x.transpose(1, 0, *range(2, x.ndim))).swapaxes(0, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sum_over_every_axis_and_layout(shape, dtype):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 1.5, shape).astype(dtype)
    if np.finfo("longdouble").eps >= np.finfo(dtype).eps:
        pytest.skip("there is no wider dtype here to compare with")
    limit = 25 * np.finfo(dtype).eps  # 16 in a row, and log2 of what is left
    for count in range(len(shape) + 1):
        for axis in itertools.combinations(range(len(shape)), count):
            for name, x in layouts(base):
                exact = x.astype("longdouble").sum(axis)
                for keepdims in (False, True):
                    got = accurate_sum(np, x, axis, keepdims)
                    assert got.dtype == dtype, name
                    assert got.shape == np.sum(x, axis=axis, keepdims=keepdims).shape, name
                    error = np.abs(got.reshape(exact.shape) / exact - 1).max()
                    assert error < limit, (name, axis)


@pytest.mark.parametrize("shape", [(1 << 18, 2), (1 << 16, 40), (2000, 1000)], ids=str)
def test_long_float32_columns_lose_nothing(shape):
    x = np.full(shape, 0.1, dtype="float32")
    got = accurate_sum(np, x, (0,), False)
    exact = float(np.float32(0.1)) * shape[0]
    np.testing.assert_allclose(got, exact, rtol=8 * EPS)
    assert np.abs(np.add.reduce(x, axis=0) / exact - 1).max() > 20 * EPS  # what NumPy would give


def test_float16_is_added_up_in_a_wider_dtype():
    x = np.full((3000, 4), 1.0, dtype="float16")
    np.testing.assert_array_equal(accurate_sum(np, x, (0,), False), [3000] * 4)
    assert accurate_sum(np, x, (0,), False).dtype == "float16"


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("shape", [(50, 3), (3, 5)])
def test_infinities_and_nan_stay_in_their_place(shape, value):
    x = np.ones(shape, "float32")
    x[1, 2] = value
    for axis in ((0,), (1,), (0, 1)):
        np.testing.assert_array_equal(accurate_sum(np, x, axis, False), x.sum(axis))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_sum_of_nothing_is_zero(shape):
    x = np.ones(shape, "float32")
    for axis in ((0,), tuple(range(len(shape)))):
        np.testing.assert_array_equal(accurate_sum(np, x, axis, False), x.sum(axis))


def test_result_is_fresh_memory():
    x = np.ones((1, 3), "float32")
    for axis in ((0,), (1,), ()):
        assert not np.shares_memory(accurate_sum(np, x, axis, True), x)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (32, 40), (33, 40), (2000, 30), (0, 3), (3, 0)])
def test_sums_of_lines_go_into_given_memory(shape, dtype):
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype)
    for axis in (0, 1):
        for given in (x, np.ascontiguousarray(x.T).T):
            out = np.full(shape[1 - axis], np.nan, dtype)
            sum_of_lines(given, axis, out)
            exact = x.astype("float64").sum(axis)
            np.testing.assert_allclose(out, exact, rtol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((7,), (0,)),
        ((1,), (0,)),
        ((600,), (0,)),
        ((20, 10), (0,)),
        ((600, 10), (0,)),
        ((101, 10), (0,)),  # a prime
        ((100, 3), (0,)),
        ((1, 5), (0,)),
        ((20, 500), (0,)),
        ((0, 3), (0,)),
        ((30, 10), (1,)),
        ((3, 4, 5), (2,)),
        ((3, 4, 5), (0,)),
        ((3, 4, 5), (0, 2)),
    ],
)
def test_sums_for_one_shape(shape, axis, dtype):
    x = np.random.default_rng(0).normal(size=shape) * 8
    x = x.astype(dtype)
    add_up = sum_for(shape, dtype, axis)
    for layout in (x, np.asfortranarray(x), np.repeat(x, 2, axis=-1)[..., ::2]):
        got = add_up(layout)
        assert got.dtype == dtype
        want = layout.astype("float64").sum(axis=axis)
        rtol = {"float32": 2e-6, "float16": 2e-2}.get(dtype, 1e-12)
        size = np.abs(layout.astype("float64")).sum(axis=axis).max(initial=0)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * size)


def test_sums_for_one_shape_are_as_accurate_as_pairwise_ones():
    x = np.full((600, 10), 0.1, "float32")
    exact = 600 * np.float64(np.float32(0.1))
    assert abs(sum_for(x.shape, "float32", (0,))(x) - exact).max() / exact < 2e-7
