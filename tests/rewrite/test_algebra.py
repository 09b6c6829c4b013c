"""Simplifications: what they remove, and that no value changes."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.expr import Constant
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.shaping import DimShuffle
from symgrad.rewrite.algebra import ALGEBRA
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.pipeline import prepare

SPECIAL = np.array([[0.0, -0.0, 1.5, -2.0], [np.inf, -np.inf, np.nan, 5e-324]])


def simplified(y):
    return rewrite([y], [ALGEBRA])[0]


def op_names(y):
    return op_names_of([y])


def op_names_of(outputs):
    return [str(node.op.name) for node in toposort(outputs) if node.op is not None]


X = T.dmatrix("x")
GONE = {
    "x * 1": X * 1,
    "1 * x": 1 * X,
    "x * [[1]]": X * np.ones((1, 1)),
    "x / 1": X / 1,
    "x - 0": X - 0,
    "x + -0.0": X + T.constant(-0.0),
    "x ** 1": X**1,
    "minus minus x": T.neg(-X),
    "x.T.T": X.T.T,
    "x with an axis and without": X.dimshuffle(0, "x", 1).dimshuffle(0, 2),
    "cast to its own dtype": Cast("float64").make(X),
    "dimshuffle to itself": DimShuffle((0, 1)).make(X),
    "x * -1 * -1": -1 * (X * -1),
}
SHORTER = {
    "x ** 2": (X**2, ["sqr"]),
    "x / 4": (X / 4, ["mul"]),
    "a + -b": (X + -T.exp(X), ["exp", "sub"]),
    "-a + b": (-X + T.exp(X), ["exp", "sub"]),
    "a - -b": (X - -T.exp(X), ["exp", "add"]),
    "dimshuffles": (X.T.dimshuffle("x", 0, 1), ["dim_shuffle"]),
    "x ** 4": (X**4, ["sqr", "sqr"]),
    "x ** -1": (X**-1, ["inv"]),
    "-(x * 3)": (-(X * 3), ["mul"]),
    "-(x / 3)": (-(X / 3), ["true_div"]),
    "-(3 / x)": (-(3 / X), ["true_div"]),
    "-x * 3": (-X * 3, ["mul"]),
    "3 / -x": (3 / -X, ["true_div"]),
    "-a * -b": (-X * -T.exp(X), ["exp", "mul"]),
    "-a / -b": (-X / -T.exp(X), ["exp", "true_div"]),
    "a + -(3 * b)": (T.exp(X) + -(X * 3), ["exp", "mul", "add"]),
    "sqr(-x)": (T.sqr(-X), ["sqr"]),
    "abs(-x)": (abs(-X), ["abs"]),
    "abs(abs(x))": (abs(abs(X)), ["abs"]),
    "sqr(abs(x))": (T.sqr(abs(X)), ["sqr"]),
    "new axes and reshape": (X.dimshuffle(0, "x", 1).reshape((4, 2)), ["reshape"]),
    "axes in front": (X * T.exp(T.constant(2.0)).dimshuffle("x", "x"), ["mul"]),
    "a row": (X * X.sum(axis=0).dimshuffle("x", 0), ["sum", "mul"]),
    "flatten and reshape": (X.flatten().reshape((4, 2)), ["reshape"]),
    "scalars": (X * (T.constant(2.0) + 3) * T.exp(T.constant(0.0)), ["mul"]),
}


def check(y, z):
    """Equal bit by bit, infinities, NaNs and signs of zeros included."""
    with np.errstate(all="ignore"):
        have = symgrad.function([X], z, mode="FAST_COMPILE")(SPECIAL)
        want = symgrad.function([X], y, mode="FAST_COMPILE")(SPECIAL)
        best = symgrad.function([X], y)(SPECIAL)
    for got in (have, best):
        np.testing.assert_array_equal(got, want)
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])
        assert got.dtype == want.dtype


@pytest.mark.parametrize("name", GONE)
def test_identities_disappear(name):
    z = simplified(GONE[name])
    assert z is X
    check(GONE[name], z)


@pytest.mark.parametrize("name", SHORTER)
def test_expressions_become_shorter(name):
    y, want = SHORTER[name]
    z = simplified(y)
    assert op_names(z) == want
    check(y, z)


@pytest.mark.parametrize(
    "y",
    [
        X + 0,  # -0.0 + 0.0 is 0.0
        X - T.constant(-0.0),
        X * 0,
        X - X,
        X / X,
        X / 3,
        X * np.ones((3, 1, 1)),
        X / np.ones((2, 4)),
        X**0.5,
        X**-2,
        (X * 1e300) * 1e300,
        (X * 3) * 0.1,
        (X * 1e308) * 2.0,
        (X / 1e308) * 0.25,
        X / 3 * 5,
        -(X - 1),
        X.reshape((4, 2)).reshape((2, 4)),
        X.dimshuffle(1, "x", 0),
    ],
    ids=str,
)
def test_what_would_change_a_value_or_a_shape_stays(y):
    assert rewrite([y], [ALGEBRA], merge=False) == [y]
    if "3, 1, 1" not in str(y):
        check(y, simplified(y))


def test_integers_add_zero():
    i = T.lvector("i")
    assert simplified(i + 0) is i
    assert simplified(i - 0) is i
    assert simplified(i * 1) is i


@pytest.mark.parametrize(
    ("dtype", "through", "to", "casts"),
    [
        ("float32", "float64", "float32", 0),
        ("int8", "float64", "float32", 1),
        ("int32", "float64", "int32", 0),
        ("bool", "int8", "float32", 1),
        ("uint8", "int16", "uint8", 0),
        ("float64", "float32", "float64", 2),
        ("int64", "float64", "int64", 2),
        ("float32", "int32", "float32", 2),
        ("int8", "uint8", "int16", 2),
    ],
)
def test_lossless_casts_join(dtype, through, to, casts):
    x = T.vector("x", dtype=dtype)
    z = simplified(x.astype(through).astype(to))
    assert len(op_names(z)) == casts
    assert z.dtype == to


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("power", [-1, 1, 2, 3, 4])
def test_small_powers_are_exact_to_the_last_digits(power, dtype):
    x = T.vector("x", dtype=dtype)
    info = np.finfo(dtype)
    rng = np.random.default_rng(power + 1)
    sizes = np.exp2(rng.uniform(info.minexp, info.maxexp, 2000))
    values = np.concatenate([sizes, -sizes, [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1]])
    values = values.astype(dtype)
    with np.errstate(all="ignore"):
        want = np.power(values.astype("longdouble"), power).astype(dtype)
    got = symgrad.function([x], x**power)(values)
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want), strict=True)
    normal = np.isfinite(want) & (abs(want) >= info.tiny)
    np.testing.assert_array_max_ulp(got[normal], want[normal], 2)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    slope = symgrad.function([x], T.grad((x**power).sum(), x))(values[:5])
    with np.errstate(all="ignore"):
        exact = power * np.power(values[:5].astype("longdouble"), power - 1)
        np.testing.assert_allclose(slope, exact.astype(dtype), rtol=1e-5)


GATHERED = {
    "x * 3 * 0.5": (lambda x: x * 3 * 0.5, lambda x: x * 1.5),
    "4 * (x * 0.1)": (lambda x: 4 * (x * 0.1), lambda x: x * (0.1 * 4)),
    "x / 3 * 2": (lambda x: x / 3 * 2, lambda x: x / 1.5),
    "3 / x * -2": (lambda x: 3 / x * -2, lambda x: -6 / x),
    "x * 4 * 0.25": (lambda x: x * 4 * 0.25, lambda x: x * 1),
    "[[2]] * x * 4": (
        lambda x: T.constant(2.0).dimshuffle("x", "x") * x * 4,
        lambda x: x * 8,
    ),
}


@pytest.mark.parametrize("name", GATHERED)
def test_powers_of_two_are_gathered_without_another_rounding(name):
    long_way, short_way = GATHERED[name]
    (z,) = prepare([long_way(X)])
    assert len(op_names(z)) == (0 if name == "x * 4 * 0.25" else 1)
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [rng.normal(size=400) * 10.0 ** rng.integers(-300, 300, 400), [0, -0.0]]
    )
    values = np.append(values, [np.inf, -np.inf, np.nan]).reshape(1, -1)
    got = symgrad.function([X], z)(values)
    want = symgrad.function([X], long_way(X), mode="FAST_COMPILE")(values)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    # What overflowed or underflowed half way is exact.
    extreme = np.array([[5e-324, 1e308, -1e308, 3e-323]])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(symgrad.function([X], z)(extreme), short_way(extreme))


def test_integer_powers_wrap_as_products_do():
    i = T.TensorType("int8", (None,))("i")
    values = np.arange(-128, 128).astype("int8")
    np.testing.assert_array_equal(symgrad.function([i], i**3)(values), values**3, strict=True)


def test_a_number_changes_its_sign_instead_of_a_matrix():
    x, s, t = T.dmatrix("x"), T.dscalar("s"), T.dscalar("t")
    assert op_names(simplified(-(s * x))) == ["neg", "mul"]
    assert simplified(-(s * x)).inputs[0].op.name == "neg"
    assert op_names(simplified(x - -s * x)) == ["mul", "add"]
    assert op_names(simplified(x + -(s * x))) == ["mul", "sub"]
    assert op_names(simplified(-(s * t))) == ["mul", "neg"]  # nothing gained
    f = symgrad.function([x, s], [-(s * x), -(x / s), -(s / x), -x * s, s / -x])
    x_, s_ = np.array([[1.0, -0.0, np.inf]]), np.float64(-2.5)
    with np.errstate(all="ignore"):
        wants = [-(s_ * x_), -(x_ / s_), -(s_ / x_), -x_ * s_, s_ / -x_]
    for got, want in zip(f(x_, s_), wants, strict=True):
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_unsigned_numbers_have_no_minus_to_drop():
    i = T.TensorType("uint8", (None,))("i")
    np.testing.assert_array_equal(symgrad.function([i], abs(-i))([3]), [253])
    np.testing.assert_array_equal(symgrad.function([i], -i * np.uint8(3))([3]), [247])


def test_operations_broadcast_by_themselves():
    x = T.dmatrix("x")
    g = T.grad((x**2).mean(), x)
    f = symgrad.function([x], g)
    assert "broadcast" not in f.source
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(f(values), values / 3)
    b = T.dvector("b")
    y = T.alloc(T.constant(2.0), 3) * b  # b may have length 1
    np.testing.assert_array_equal(symgrad.function([b], y)([1.0]), [2.0] * 3)


def test_constants_are_folded_while_small():
    y = simplified(T.constant(np.arange(4.0)).reshape((2, 2)).T + 1)
    assert isinstance(y, Constant)
    np.testing.assert_array_equal(y.value, [[1.0, 3.0], [2.0, 4.0]])
    large = T.constant(np.zeros(10_000)) + 1
    assert simplified(large) is large
    grown = T.alloc(T.constant(1.0), 10_000)
    assert simplified(grown).op is not None


def test_folding_does_not_fail_early_or_warn():
    y = T.log(T.constant(-1.0)) + T.constant(1.0) / 0
    assert np.isnan(y.eval())
    bad = T.constant([1, 2])[T.constant(0) + 5]
    with pytest.raises(IndexError):
        bad.eval()


def test_gradient_of_the_tutorial_is_small():
    x, y, W = T.dmatrix("x"), T.ivector("y"), T.dmatrix("W")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W)))[T.arange(y.shape[0]), y])
    made = op_names_of(prepare([cost, T.grad(cost, W)]))
    assert made.count("log_softmax") == 1
    assert made.count("dot") == 2
    assert "softmax" not in made
