"""The last rewrites: what becomes of each elementwise operation, and that no value changes."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.flags import config
from symgrad.graph.expr import Constant
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic import lowered
from symgrad.ops.families import Elementwise
from symgrad.ops.op import REGISTRY
from symgrad.rewrite import lowering
from symgrad.rewrite.pipeline import lower, prepare

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
SPECIAL = [-np.inf, -800.0, -90.0, -1.5, -1.0, -0.5, -1e-40, -0.0]
SPECIAL = np.array([*SPECIAL, *(-v for v in SPECIAL), np.nan, 0.25, 3.0, 17.0])


def names(*outputs):
    """The operations of what is computed, in order."""
    return [n.op.name for n in toposort(lower(prepare(outputs))) if n.op is not None]


def vector(dtype="float64", name="x"):
    return TensorType(dtype, (None,))(name)


def evaluate(output, values, **settings):
    """Compile and call, with the values of the inputs."""
    return symgrad.function(list(values), output, **settings)(*values.values())


def same(have, want):
    """Equal to the last bit; NaNs are alike, and zeros of different signs are not."""
    np.testing.assert_array_equal(have, want)
    real = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(have)[real], np.signbit(want)[real])


# -- all of the registry ---------------------------------------------------------------------

WHOLE = {  # what stays a Python function of arrays, and why
    "ultra_fast_sigmoid": "three pieces; nobody is served by its speed",
    "marked": "the value of its first input; it stands where slopes are refused",
    "real": "a view of half the memory",
    "imag": "a view of half the memory",
    "sigmoid_binary_crossentropy": "a loss",
}


@pytest.mark.parametrize("name", [n for n, op in REGISTRY.items() if isinstance(op, Elementwise)])
def test_every_elementwise_operation_can_write_into_given_memory(name):
    op = REGISTRY[name]
    example = next(iter(op.examples()))
    inputs = [TensorType(a.dtype, (None,) * len(a.shape))() for a in example.args]
    made = [n.op for n in toposort(lower([op.make(*inputs)])) if n.op is not None]
    if name in WHOLE:
        assert op in made, "take it off the list"
    else:
        assert all(each.takes_out for each in made), made


# -- sigmoid, softplus and kin -----------------------------------------------------------------


def test_value_and_gradient_of_sigmoid_share_one_exponential():
    x = vector()
    y = T.nnet.sigmoid(x)
    assert names(y) == ["exp", "clip", "add", "true_div"]
    both = names(y, T.grad(y.sum(), x))
    assert both.count("exp") == 1
    assert len(both) == 5


def test_softplus_and_its_gradient_share_one_exponential():
    x = vector()
    for z in (x, -x, -abs(x), abs(x)):
        y = T.nnet.softplus(z)
        made = names(y, T.grad(y.sum(), x))
        assert made.count("exp") == 1, made


SPELLINGS = {
    "sigmoid(-x)": lambda x: T.nnet.sigmoid(-x),
    "1 - sigmoid(x)": lambda x: 1 - T.nnet.sigmoid(x),
    "1 / (1 + exp(x))": lambda x: 1 / (1 + T.exp(x)),
    "exp(-x) / (1 + exp(-x))": lambda x: T.exp(-x) / (1 + T.exp(-x)),
    "inv(1 + exp(x))": lambda x: T.inv(1 + T.exp(x)),
    "(1 + exp(x)) ** -1": lambda x: (1 + T.exp(x)) ** -1.0,
    "sigmoid(x) * exp(-x)": lambda x: T.nnet.sigmoid(x) * T.exp(-x),
    "sigmoid(-x), with a gradient": lambda x: (
        T.nnet.sigmoid(-x) + 0 * T.grad(T.nnet.sigmoid(x).sum(), x)
    ),
    "the slope of softplus(-x)": lambda x: -T.grad(T.nnet.softplus(-x).sum(), x),
    "the slope of log(sigmoid(x))": lambda x: T.grad(T.log(T.nnet.sigmoid(x)).sum(), x),
    "(1 - tanh(x / 2)) / 2": lambda x: (1 - T.tanh(x / 2)) / 2,
}


@DTYPES
@pytest.mark.parametrize("name", SPELLINGS)
def test_sigmoid_is_the_same_in_every_spelling(name, dtype):
    """Where the result is subnormal too."""
    x = vector(dtype)
    draw = np.random.default_rng(0)
    values = np.concatenate(
        [[95, 103, 720, 744, 800, -95, -720, 0, np.inf], 9 * draw.normal(size=50)]
    )
    values = values.astype(dtype)
    want = evaluate(T.nnet.sigmoid(x), {x: -values})
    assert (want[0 if dtype == "float32" else 2] > 0).all()
    same(evaluate(SPELLINGS[name](x), {x: values}), want)
    with np.errstate(all="ignore"):
        exact = 1 / (1 + np.exp(values.astype(np.longdouble)))
    limits = np.finfo(dtype)
    np.testing.assert_allclose(
        want.astype(np.longdouble), exact, rtol=5 * limits.eps, atol=2 * limits.smallest_subnormal
    )


@DTYPES
@pytest.mark.parametrize("z", [lambda x: x, lambda x: -x, lambda x: -abs(x), lambda x: 2 * x])
def test_softplus_where_it_is_subnormal(z, dtype):
    x = vector(dtype)
    values = np.array([95, 103, 720, 744, -95, -103, -720, -744], dtype)
    with np.errstate(all="ignore"):
        inner = z(values.astype(np.longdouble))
        exact = np.log1p(np.exp(-np.abs(inner))) + np.maximum(inner, 0)
    limits = np.finfo(dtype)
    have = evaluate(T.nnet.softplus(z(x)), {x: values})
    np.testing.assert_allclose(
        have.astype(np.longdouble), exact, rtol=5 * limits.eps, atol=2 * limits.smallest_subnormal
    )


def test_gradients_of_logaddexp_need_two_exponentials():
    x, y = TensorType("float64", (5,))("x"), TensorType("float64", (5,))("y")
    made = names(*T.grad(T.sum(T.log(T.exp(x) + T.exp(y))), [x, y]))
    assert made.count("exp") == 2


def test_what_a_long_expression_costs():
    """The benchmark: 13 steps for the value, 25 for the gradient; exp(x) and exp(-|x|)."""
    x, a, b = vector("float32"), T.fscalar("a"), T.fscalar("b")
    y = T.tanh(a * x + b) * T.nnet.sigmoid(x) - T.log1p(T.exp(-abs(x)))
    g = T.grad(y.sum(), x)
    for outputs, count in (([y], 13), ([g], 25), ([y, g], 28)):
        made = names(*outputs)
        assert len(made) == count, made
        assert made.count("exp") == 2
        assert made.count("tanh") == 1


@DTYPES
@pytest.mark.parametrize("z", [lambda x: x, lambda x: -x, lambda x: -abs(x), abs])
def test_sigmoid_and_softplus_of_signs(z, dtype):
    x = vector(dtype)
    values = SPECIAL.astype(dtype)
    with np.errstate(all="ignore"):
        exact = z(values.astype(np.longdouble))
        want = {
            T.nnet.sigmoid: 1 / (1 + np.exp(-exact)),
            T.nnet.softplus: np.log1p(np.exp(-np.abs(exact))) + np.maximum(exact, 0),
        }
        for f, expected in want.items():
            have = evaluate(f(z(x)), {x: values})
            limits = np.finfo(dtype)
            np.testing.assert_allclose(have, expected, rtol=5 * limits.eps, atol=limits.tiny)


@DTYPES
def test_slope_of_sigmoid_where_it_is_small(dtype):
    x = vector(dtype)
    near = [1, 40, 80, 87, 88, 88.7, 89, 95, 102, 708, 709, 709.8, 710, 720, 744, 800, np.inf]
    values = np.array([0, *near, *[-v for v in near]], dtype)
    mp = mpmath.mp.clone()
    mp.dps = 900
    want = np.array([float(1 / (mp.exp(v) + 2 + mp.exp(-v))) for v in values.tolist()])
    limits = np.finfo(dtype)
    close = {"rtol": 10 * limits.eps, "atol": 2 * limits.smallest_subnormal}
    s = T.nnet.sigmoid(x)
    for g in (T.grad(s.sum(), x), T.grad((1 / (1 + T.exp(-x))).sum(), x), s * T.nnet.sigmoid(-x)):
        np.testing.assert_allclose(evaluate(g, {x: values}), want.astype(dtype), **close)
        np.testing.assert_allclose(evaluate(-g, {x: -values}), -want.astype(dtype), **close)
    have = evaluate(T.grad(s.sum(), x), {x: np.array([np.nan, 708, 710, np.nan], dtype)})
    np.testing.assert_array_equal(np.isnan(have), [True, False, False, True])
    if dtype == "float64":
        assert (have[1:3] > 0).all()
    scaled = T.grad((limits.max / 2 * T.nnet.sigmoid(-x)).sum(), x)
    for v in values[np.isfinite(values)]:  # alone, and among those that are far out
        [alone] = evaluate(scaled, {x: np.array([v])})
        np.testing.assert_array_equal(evaluate(scaled, {x: values})[values == v][0], alone)


@DTYPES
def test_logaddexp_is_numpys(dtype):
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype)))
    x, y = vector(dtype), vector(dtype, "y")
    have = evaluate(T.log(T.exp(x) + T.exp(y)), {x: a, y: b})
    with np.errstate(all="ignore"):
        want = np.logaddexp(a.astype(np.longdouble), b.astype(np.longdouble))
    atol = 4 * np.finfo(dtype).eps  # the result is near 0 where log1p cancels the larger one
    np.testing.assert_allclose(have, want.astype(dtype), rtol=atol, atol=atol)


@pytest.mark.parametrize("flag", ["seterr_all", "seterr_over", "seterr_divide", "seterr_invalid"])
def test_nothing_is_raised_for_a_right_result(flag):
    x, y = vector(), vector(name="y")
    with config.change_flags({f"numpy.{flag}": "raise"}):
        made = lower([T.nnet.sigmoid(x), T.nnet.softplus(x), ops.logaddexp(x, y)])
        assert [e.op for e in made] == [ops.sigmoid, ops.softplus, ops.logaddexp]
        values = np.array([-800.0, 800.0, np.inf, -np.inf, 0.0])
        outputs = [T.nnet.sigmoid(x), T.nnet.softplus(x), ops.logaddexp(x, y)]
        got = symgrad.function([x, y], outputs)(values, values)
    np.testing.assert_array_equal(got[0], [0, 1, 1, 0, 0.5])
    np.testing.assert_allclose(got[1], [0, 800, np.inf, 0, np.log(2)])
    np.testing.assert_allclose(got[2], values + np.log(2))


# -- where NumPy's log1p and expm1 are slow ------------------------------------------------------


@pytest.fixture
def slow_log1p(monkeypatch):
    monkeypatch.setattr(lowering, "has_vector_log1p", lambda: False)
    monkeypatch.setattr(lowering, "has_vector_tanh", lambda: True)


def test_only_float32_avoids_numpys_log1p(slow_log1p):
    for dtype, log1p, expm1 in (
        ("float32", ["log1p_by_log"], ["mul", "tanh", "exp", "add", "mul"]),
        ("float64", ["log1p"], ["expm1"]),
    ):
        x = vector(dtype)
        assert names(T.log1p(x)) == log1p
        assert sorted(names(T.expm1(x))) == sorted(expm1)
    assert "log1p_of_fraction" in names(T.nnet.softplus(vector("float32")))
    x = vector("float32")
    assert names(T.expm1(x), T.exp(x)).count("exp") == 1


@pytest.mark.parametrize("op", [lowered.log1p_of_fraction, lowered.log1p_by_log])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 4), (8192,), (20_001,), (2, 3, 5_000)])
def test_log1p_in_float32_at_any_size(op, shape):
    x = np.random.default_rng(0).uniform(0, 1, shape).astype("float32")
    have = op.impl(np, x)
    assert have.dtype == "float32"
    assert have.shape == shape
    np.testing.assert_allclose(have, np.log1p(x.astype(float)), rtol=4e-7)
    out = np.full(shape, np.nan, "float32")
    turned = np.array(x, order="F")
    op.impl_into(out, (), turned)
    np.testing.assert_array_equal(out, have)
    np.testing.assert_array_equal(turned, x)


@pytest.mark.parametrize("times", [1, 100, 1000])  # a few, a block, more
def test_log1p_in_float32_at_limits(times):
    x = np.array([-np.inf, -2, -1, -0.0, 0, 1e-45, -1e-45, 3.4e38, np.inf, np.nan], "float32")
    x = np.tile(x, times)
    with np.errstate(all="ignore"):
        want = np.log1p(x)
    have = lowered.log1p_by_log.impl(np, x)
    np.testing.assert_allclose(have, want, rtol=2e-7)
    assert np.signbit(have[3::10]).all()


def test_expm1_in_float32_at_limits(slow_log1p):
    x = vector("float32")
    values = np.array([-np.inf, -200, -0.0, 0, 3e-45, 88.7, 89, np.inf, np.nan], "float32")
    with np.errstate(all="ignore"):
        want = np.expm1(values)
    have = evaluate(T.expm1(x), {x: values})
    np.testing.assert_allclose(have, want, rtol=4e-7, atol=2e-45)
    assert np.signbit(have[2])


def test_what_numpy_says_of_the_processor():
    assert isinstance(lowered.has_vector_log1p(), bool)
    assert isinstance(lowered.has_vector_tanh(), bool)
    assert all(isinstance(v, bool) for v in lowered.cpu_features().values())


# -- the same values to the last bit ---------------------------------------------------------------

EXACT = {
    "relu": lambda x, y: T.nnet.relu(x),
    "leaky_relu by a number": lambda x, y: T.nnet.relu(x, 0.1),
    "leaky_relu by -0.5": lambda x, y: T.nnet.relu(x, -0.5),
    "leaky_relu by 3": lambda x, y: T.nnet.relu(x, 3),
    "leaky_relu by 1": lambda x, y: T.nnet.relu(x, 1),
    "leaky_relu by a tensor": lambda x, y: T.nnet.relu(x, y),
    "softsign": lambda x, y: T.nnet.softsign(x),
    "clip": lambda x, y: T.clip(x, -1, y),
    "maximum with a number": lambda x, y: T.maximum(x, 0.25),
    "minimum with a number": lambda x, y: T.minimum(-0.5, x),
    "maximum with infinity": lambda x, y: T.maximum(x, -np.inf),
    "times_or_zero": lambda x, y: ops.times_or_zero(x, y),
    "xlogx": lambda x, y: ops.xlogx(x),
    "xlogy0": lambda x, y: ops.xlogy0(x, y),
    "round": lambda x, y: T.round(x, mode="half_away_from_zero"),
    "switch": lambda x, y: T.switch(T.gt(x, y), x, y),
    "switch to a number": lambda x, y: T.switch(T.gt(x, y), x, 0),
    "x * x": lambda x, y: x * x,
    "-x * y": lambda x, y: -x * y,
    "x * -y": lambda x, y: x * -y,
    "-x * -y": lambda x, y: -x * -y,
    "-x / y": lambda x, y: -x / y,
    "x / -y": lambda x, y: x / -y,
    "x + -y * x": lambda x, y: x + -y * x,
    "x - -y * x": lambda x, y: x - -y * x,
    "-(-x * y)": lambda x, y: -(-x * y),
    "abs(-x)": lambda x, y: abs(-x),
    "sqr(-x)": lambda x, y: T.sqr(-x),
    "x * -1": lambda x, y: x * -1,
    "x * -ones_like(x)": lambda x, y: x * -T.ones_like(x),
}


@DTYPES
@pytest.mark.parametrize("name", EXACT)
def test_lowering_changes_no_bit(name, dtype):
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype)))
    x, y = vector(dtype), vector(dtype, "y")
    output = EXACT[name](x, y)
    with np.errstate(all="ignore"):
        memo = {x: a, y: b}
        for node in toposort([output]):  # by `impl` alone, nothing rewritten
            if isinstance(node, Constant):
                memo[node] = node.value
            elif node.op is not None:
                memo[node] = np.asarray(node.op.impl(np, *[memo[i] for i in node.inputs]))
        want = np.broadcast_to(memo[output], a.shape)
    have = symgrad.function([x, y], output, on_unused_input="ignore")(a, b)
    assert have.dtype == dtype
    same(have, want)


# -- powers and quotients -------------------------------------------------------------------------


@DTYPES
def test_inverse_square_is_exact_where_a_square_would_overflow(dtype):
    x = vector(dtype)
    assert "pow" not in names(x**-2)
    values = np.concatenate([SPECIAL, [5e-20, 1e-30, 1e20, -1e25]]).astype(dtype)
    with np.errstate(all="ignore"):
        want = np.power(values, np.array(-2, dtype))
    have = evaluate(x**-2, {x: values})
    np.testing.assert_allclose(have, want, rtol=4 * np.finfo(dtype).eps, atol=0)


def test_a_product_with_an_inverse_is_a_quotient():
    x, y = vector(), vector(name="y")
    assert names(x * (1 / y)) == ["true_div"]
    assert names((1 / y) * x) == ["true_div"]
    s = T.dscalar("s")
    assert names(x * (1 / s)) == ["true_div", "mul"]  # one division is less than many
    row, m = T.drow("r"), T.dmatrix("m")
    assert "mul" in names(m * (1 / row))


def test_a_negated_filling_is_one_number():
    x = vector()
    assert names(T.nnet.sigmoid(x) * -T.ones_like(x))[-1] in ("neg", "mul")
    assert "broadcast_like" not in names(T.grad(T.nnet.sigmoid(-x).sum(), x))


def test_a_bound_of_unknown_shape_is_not_clipped_away():
    x, row = T.dvector("x"), T.constant(np.zeros((1, 1)))
    assert evaluate(T.maximum(x, row), {x: np.ones(3)}).shape == (1, 3)
    assert names(T.maximum(x, np.nan)) == ["maximum"]
    assert names(T.maximum(T.ivector("i"), 3)) == ["maximum"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(width=32, allow_subnormal=False), min_size=0, max_size=20),
    st.sampled_from(["relu", "leaky", "softsign"]),
)
def test_activations_of_any_length_and_layout(values, kind):
    f = {
        "relu": T.nnet.relu,
        "leaky": lambda x: T.nnet.relu(x, 0.3),
        "softsign": T.nnet.softsign,
    }[kind]
    x = T.fmatrix("x")
    array = np.array([values, values], "float32").T  # not in C order
    array = array.reshape(len(values), 2)
    with np.errstate(all="ignore"):
        want = {
            "relu": np.maximum(array, 0),
            "leaky": np.where(array > 0, array, np.float32(0.3) * array),
            "softsign": array / (1 + np.abs(array)),
        }[kind]
    np.testing.assert_array_equal(evaluate(f(x), {x: array}), want)
