"""Elementwise operations beside NumPy: values, dtypes, shapes, and gradients at their edges."""

import copy
import doctest
import pickle
import sys
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, NullTypeGradError, ShapeError
from symgrad.graph.types import TensorType
from symgrad.ops.families import Elementwise
from symgrad.ops.op import REGISTRY

INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
dtypes = st.sampled_from(["bool", *INTS, *FLOATS])
seeds = st.integers(0, 2**32 - 1)
nan, inf = float("nan"), float("inf")


def test_an_integer_that_is_too_large_for_a_float_is_refused():
    with pytest.raises(GraphValueError, match="does not fit in float32"):
        T.fvector() * 10**400


def test_complex_numbers_are_weak():
    assert (T.tensor("float16", (False,)) * 1j).dtype == "complex64"
    assert (T.fvector() * 1j).dtype == "complex64"
    assert (T.dvector() * 1j).dtype == "complex128"


def draw(seed, dtype, shape, low=-3, high=4):
    """Small values, so that no integer overflows; none is negative where there is no sign."""
    values = np.random.default_rng(seed).uniform(low, high, shape)
    if dtype == "bool":
        return np.asarray(values > 0)
    if "int" in dtype:
        values = np.abs(np.round(values)) if dtype[0] == "u" else np.round(values)
    return np.asarray(values).astype(dtype)


def run(function, *arrays):
    """Compile for inputs of these dtypes and ranks, and call."""
    inputs = [TensorType(a.dtype, (None,) * a.ndim)() for a in arrays]
    return symgrad.function(inputs, function(*inputs))(*arrays)


def slope(function, *values, wrt=0):
    """The derivative of the sum of the results by one argument."""
    inputs = [TensorType(np.asarray(v).dtype, (None,) * np.ndim(v))() for v in values]
    g = symgrad.grad(T.sum(function(*inputs)), inputs[wrt])
    return symgrad.function(inputs, g, on_unused_input="ignore")(*map(np.asarray, values))


# -- the registry ----------------------------------------------------------------------------


ELEMENTWISE = sorted(name for name, op in REGISTRY.items() if isinstance(op, Elementwise))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_example_in_the_docstring_runs(name):
    op = REGISTRY[name]
    names = vars(sys.modules[op.__module__])
    test = doctest.DocTestParser().get_doctest(op.__doc__, dict(names), name, None, 0)
    assert test.examples, "every operation shows an example"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report = []
    result = doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_inferred_dtype_is_computed_whatever_the_input(name):
    op = REGISTRY[name]
    for dtype, rank in [(d, 2) for d in ("bool", "int8", "int64", *FLOATS)] + [("float32", 0)]:
        inputs = [TensorType(dtype, (None,) * rank)() for _ in range(op.nin)]
        try:
            result = op(*inputs)
        except GraphTypeError as refused:
            assert name in str(refused)  # noqa: PT017
            continue
        f = symgrad.function(inputs, result)
        for length in (0, 1, 3) if rank else (1,):
            value = f(*[np.ones((length,) * rank, dtype) for _ in inputs])
            assert value.dtype == result.dtype
            assert value.shape == (length,) * rank


def test_operations_are_values_that_survive_pickling():
    assert pickle.loads(pickle.dumps(T.tanh)) is T.tanh
    assert copy.deepcopy(T.exp) is T.exp
    assert T.tanh == T.tanh
    assert T.tanh != T.exp


# -- two arguments ---------------------------------------------------------------------------


ARITHMETIC = [
    (T.add, np.add),
    (T.mul, np.multiply),
    (T.maximum, np.maximum),
    (T.minimum, np.minimum),
    (T.eq, np.equal),
    (T.neq, np.not_equal),
    (T.lt, np.less),
    (T.le, np.less_equal),
    (T.gt, np.greater),
    (T.ge, np.greater_equal),
    (T.int_div, np.floor_divide),
    (T.mod, np.mod),
    (T.sub, np.subtract),
]


@pytest.mark.parametrize(("ours", "numpys"), ARITHMETIC, ids=lambda f: getattr(f, "__name__", ""))
@given(dtypes, dtypes, mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), seeds)
@settings(max_examples=15)
def test_two_arguments_give_what_numpy_gives(ours, numpys, first, second, shapes, seed):
    a = draw(seed, first, shapes.input_shapes[0])
    b = draw(seed + 1, second, shapes.input_shapes[1])
    if ours in (T.int_div, T.mod):
        b = np.where(b == 0, np.ones_like(b), b)
    if ours is T.sub:
        a, b = (np.maximum(a, b), np.minimum(a, b)) if first == second else (a, b)
        if a.dtype == b.dtype == bool:
            with pytest.raises(GraphTypeError, match="not defined for booleans"):
                run(ours, a, b)
            return
    common = np.promote_types(a.dtype, b.dtype)  # NumPy 1 looks at the values of 0-d arrays
    expected = numpys(a.astype(common), b.astype(common))
    got = run(ours, a, b)
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == expected.dtype
    assert got.shape == shapes.result_shape


@given(dtypes, dtypes, seeds)
@settings(max_examples=25)
def test_division_of_integers_is_floatX(first, second, seed):
    a, b = draw(seed, first, (4,)), draw(seed + 1, second, (4,), 1, 4)
    b = np.where(b == 0, np.ones_like(b), b)
    got = run(T.true_div, a, b)
    np.testing.assert_allclose(got, a.astype("float64") / b, rtol=5e-3)
    both = np.promote_types(first, second)
    real = "f" in (a.dtype.kind, b.dtype.kind)
    assert got.dtype == (both if real else "float64")
    with symgrad.config.change_flags(floatX="float32"):
        assert run(T.true_div, a, b).dtype == (both if real else "float32")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "float64"])
def test_powers_and_squares(dtype):
    a = draw(3, dtype, (5,), 0, 4)
    for ours, numpys in ((T.pow, np.power), (lambda x, y: x**y, np.power)):
        got = run(ours, a, a)
        np.testing.assert_allclose(got, numpys(a, a), rtol=1e-6)
        assert got.dtype == np.power(a, a).dtype
    np.testing.assert_array_equal(run(T.sqr, a), np.square(a))
    assert run(T.sqr, a).dtype == np.square(a).dtype


@given(st.sampled_from(["bool", "int8", "uint8", "int64"]), seeds)
@settings(max_examples=12)
def test_bits_and_truth(dtype, seed):
    a, b = draw(seed, dtype, (3, 4)), draw(seed + 1, dtype, (4,))
    for ours, numpys in (
        (T.and_, np.bitwise_and),
        (T.or_, np.bitwise_or),
        (T.xor, np.bitwise_xor),
        (lambda x, y: x & y, np.bitwise_and),
        (lambda x, y: x | y, np.bitwise_or),
        (lambda x, y: x ^ y, np.bitwise_xor),
        (T.logical_and, np.logical_and),
        (T.logical_or, np.logical_or),
        (T.logical_xor, np.logical_xor),
    ):
        got = run(ours, a, b)
        np.testing.assert_array_equal(got, numpys(a, b))
        assert got.dtype == numpys(a, b).dtype
    np.testing.assert_array_equal(run(T.invert, a), np.invert(a))
    np.testing.assert_array_equal(run(lambda x: ~x, a), ~a)
    np.testing.assert_array_equal(run(T.logical_not, a), np.logical_not(a))


def test_logical_functions_take_floats_and_complex_numbers():
    x = np.array([0.0, -0.0, nan, 2.5])
    np.testing.assert_array_equal(run(T.logical_not, x), np.logical_not(x))
    z = np.array([0j, 1j])
    np.testing.assert_array_equal(run(T.logical_and, z, z), np.logical_and(z, z))


@given(seeds)
@settings(max_examples=10)
def test_isclose_is_numpys(seed):
    rng = np.random.default_rng(seed)
    special = [0.0, 1.0, 1.0 + 1e-9, 1.0 + 1e-4, nan, inf, -inf, 1e-9]
    a, b = rng.choice(special, (2, 30))
    for equal_nan in (False, True):
        got = run(lambda x, y, e=equal_nan: T.isclose(x, y, equal_nan=e), a, b)
        np.testing.assert_array_equal(got, np.isclose(a, b, equal_nan=equal_nan))
        got = run(lambda x, y, e=equal_nan: T.allclose(x, y, equal_nan=e), a, b)
        assert got == np.allclose(a, b, equal_nan=equal_nan)
    assert run(lambda x: T.allclose(x, x + 1e-12), np.arange(3.0))


def test_isclose_of_unsigned_integers_does_not_wrap():
    a, b = np.array([1, 5], "uint8"), np.array([2, 5], "uint8")
    np.testing.assert_array_equal(run(T.isclose, a, b), [False, True])


# -- one argument ----------------------------------------------------------------------------


UNARY = (
    "exp exp2 expm1 log log2 log10 log1p sqrt tanh sin cos tan sinh cosh arcsin arccos arctan "
    "arcsinh arccosh arctanh deg2rad rad2deg"
).split()


@pytest.mark.parametrize("name", UNARY)
@given(dtypes, seeds)
@settings(max_examples=10)
def test_one_argument_gives_what_numpy_gives(name, dtype, seed):
    x = draw(seed, dtype, (3, 2))
    got = run(getattr(T, name), x)
    wide = {"float16": "float16", "float32": "float32"}.get(dtype, "float64")
    if np.dtype(dtype).itemsize <= 2 and np.dtype(dtype).kind in "biu":
        wide = "float32"
    assert got.dtype == wide
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x.astype(wide))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", "ceil floor trunc round isnan isinf isfinite abs".split())
@pytest.mark.parametrize("dtype", [*INTS, *FLOATS])
def test_rounding_and_tests_keep_integers(name, dtype):
    x = draw(1, dtype, (6,))
    if dtype in FLOATS:
        x[:5] = [nan, inf, -inf, -0.0, 0.5]
    got = run(getattr(T, name), x)
    np.testing.assert_array_equal(got, getattr(np, name)(x))
    assert got.dtype == ("bool" if name.startswith("is") else dtype)


def test_rounding_of_halves():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 2.0**52 + 1, inf, nan])
    np.testing.assert_array_equal(run(T.round, x), np.round(x))
    np.testing.assert_array_equal(run(T.round_half_to_even, x), np.round(x))
    away = [-3, -2, -1, 1, 2, 3, 0, 2.0**52 + 1, inf, nan]
    np.testing.assert_array_equal(run(T.round_half_away_from_zero, x), away)
    np.testing.assert_array_equal(run(lambda v: T.round(v, mode="half_away_from_zero"), x), away)
    np.testing.assert_array_equal(run(lambda v: v.round("half_to_even"), x), np.round(x))
    np.testing.assert_array_equal(run(lambda v: round(v), x), np.round(x))


def test_rounding_to_an_unknown_mode_lists_the_modes():
    with pytest.raises(GraphValueError, match="half_to_even, half_away_from_zero"):
        T.round(T.vector(), mode="up")


def test_non_contiguous_and_read_only_inputs():
    x = np.arange(24.0).reshape(4, 6)[::2, ::-3]
    x.flags.writeable = False
    np.testing.assert_array_equal(run(T.exp, x), np.exp(x))
    np.testing.assert_array_equal(run(T.add, x, x.T[:, :, None]), x + x.T[:, :, None])


# -- choices ---------------------------------------------------------------------------------


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3), dtypes, dtypes, seeds)
@settings(max_examples=25)
def test_switch_is_where(shapes, first, second, seed):
    condition, a, b = (
        draw(seed + k, dtype, shape)
        for k, (dtype, shape) in enumerate(
            zip(("bool", first, second), shapes.input_shapes, strict=True)
        )
    )
    common = np.promote_types(first, second)
    got = run(T.switch, condition, a, b)
    np.testing.assert_array_equal(got, np.where(condition, a.astype(common), b.astype(common)))
    assert got.dtype == common


def test_the_dtype_of_a_condition_does_not_matter():
    x = T.fvector()
    for dtype in ("bool", "int8", "int64", "float64"):
        condition = TensorType(dtype, (None,))()
        assert T.switch(condition, x, 0.5).dtype == "float32"
        assert T.switch(condition, 0, x).dtype == "float32"
    assert T.switch(T.lvector(), 1, 0).dtype == "int8"
    assert T.switch(True, x, 0).dtype == "float32"
    got = run(lambda c: T.switch(c, 1.0, 2.0), np.array([nan, 0.0, -0.0, 3.0]))
    np.testing.assert_array_equal(got, [1, 2, 2, 1])


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3), dtypes, seeds)
@settings(max_examples=25)
def test_clip_is_numpys(shapes, dtype, seed):
    x, low, high = (draw(seed + k, dtype, s) for k, s in enumerate(shapes.input_shapes))
    got = run(T.clip, x, low, high)
    np.testing.assert_array_equal(got, np.minimum(np.maximum(x, low), high))
    assert got.dtype == dtype


def test_clip_with_one_bound_or_numpys_names():
    x = np.array([-3.0, 0.0, 3.0])
    np.testing.assert_array_equal(run(lambda v: T.clip(v, None, 1), x), np.clip(x, None, 1))
    np.testing.assert_array_equal(run(lambda v: T.clip(v, -1), x), np.clip(x, -1, None))
    np.testing.assert_array_equal(run(lambda v: T.clip(v, a_min=-1, a_max=1), x), [-1, 0, 1])
    np.testing.assert_array_equal(run(lambda v: v.clip(-1, 1), x), [-1, 0, 1])
    assert T.clip(T.fvector(), 0.5, 2).dtype == "float32"
    with pytest.raises(GraphTypeError, match="at least one bound"):
        T.clip(T.vector())


def test_largest_and_smallest_take_any_number():
    a, b, c = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(run(T.largest, a, b, c), np.max([a, b, c], axis=0))
    np.testing.assert_array_equal(run(T.smallest, a, b, c), np.min([a, b, c], axis=0))
    np.testing.assert_array_equal(run(T.largest, a), a)
    with pytest.raises(GraphTypeError, match="at least one"):
        T.largest()


def test_sums_and_products_of_many():
    a, b, c = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(run(T.add, a, b, c), a + b + c)
    np.testing.assert_array_equal(run(T.mul, a, b, c), a * b * c)


def test_divmod():
    a, b = np.array([7.5, -7.5, 7.5]), np.array([2.0, 2.0, -2.0])
    for function in (T.divmod, divmod):
        got = symgrad.function([], [*function(T.constant(a), T.constant(b))])()
        np.testing.assert_array_equal(got, np.divmod(a, b))


# -- Python numbers, Theano's S15 --------------------------------------------------------------


def test_python_numbers_are_weak_and_numpy_scalars_are_not():
    f, i, b = T.fvector(), T.ivector(), T.bvector()
    for result in (0.95 * f, f / 3, f**2, 2**f, f - 1e30, T.maximum(f, 0), T.switch(f > 0, f, 0.0)):
        assert result.dtype == "float32"
    assert (f * np.float64(2)).dtype == "float64"
    assert (f * np.float32(2)).dtype == "float32"
    assert (b + 1).dtype == "int8"
    assert (b + 300).dtype == "int16"
    assert (i + 1).dtype == "int32"
    assert (f * i).dtype == "float64"  # the upcast table, S14
    assert (b * 0.5).dtype == "float64"
    with symgrad.config.change_flags(floatX="float32"):
        assert (b * 0.5).dtype == "float32"
    assert (T.TensorType("float16", (None,))() * 2.5).dtype == "float16"


def test_comparison_with_a_number_outside_the_dtype_is_right():
    assert run(lambda x: x < 300, np.array([5], "int8")).tolist() == [True]
    assert run(lambda x: x > -1, np.array([0, 255], "uint8")).tolist() == [True, True]
    assert run(lambda x: T.eq(x, 0.5), np.array([0, 1], "int64")).tolist() == [False, False]


# -- complex numbers -------------------------------------------------------------------------


def test_parts_of_complex_numbers():
    z = np.array([1 + 2j, -3j, -4 + 0j])
    for name in ("real", "imag", "conj", "angle", "abs"):
        got = run(getattr(T, name), z)
        np.testing.assert_allclose(got, getattr(np, name)(z))
        assert got.dtype == getattr(np, name)(z).dtype
        assert (
            run(getattr(T, name), z.astype("complex64")).dtype
            == getattr(np, name)(z.astype("complex64")).dtype
        )
        x = np.array([-1.5, 0.0, 2.0])
        np.testing.assert_allclose(run(getattr(T, name), x), getattr(np, name)(x))
    np.testing.assert_array_equal(run(lambda v: v.real, z), z.real)
    np.testing.assert_array_equal(run(lambda v: v.imag, z), z.imag)
    np.testing.assert_allclose(run(T.exp, z), np.exp(z))


@pytest.mark.parametrize("part", [T.real, T.imag, T.angle, abs])
def test_gradients_stop_at_complex_numbers_with_an_explanation(part):
    x = T.vector("x")
    with pytest.raises(NullTypeGradError, match="complex"):
        symgrad.grad(T.sum(part(T.cast(x, "complex128") * 1j)), x)


@pytest.mark.parametrize("name", "maximum lt floor round mod int_div arctan2 clip sgn erf".split())
def test_what_needs_an_order_refuses_complex_numbers(name):
    z = TensorType("complex128", (None,))()
    arguments = {"clip": 3, "floor": 1, "round": 1, "sgn": 1, "erf": 1}.get(name, 2)
    with pytest.raises(GraphTypeError, match="complex"):
        getattr(T, name)(*[z] * arguments)


def test_a_cast_never_drops_an_imaginary_part():
    with pytest.raises(GraphTypeError, match=r"z .*imaginary part"):
        T.cast(TensorType("complex64", ())("z"), "float32")


# -- gradients at ties, kinks and edges ----------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (abs, [-2.0, 0.0, -0.0, 3.0], [-1, 0, 0, 1]),
        (lambda x: T.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0], [0, 1, 1, 1, 0]),
        (lambda x: T.maximum(x, 1.0), [0.0, 1.0, 2.0], [0, 1, 1]),
        (lambda x: T.maximum(1.0, x), [0.0, 1.0, 2.0], [0, 0, 1]),
        (lambda x: T.minimum(x, 1.0), [0.0, 1.0, 2.0], [1, 1, 0]),
        (lambda x: T.minimum(1.0, x), [0.0, 1.0, 2.0], [1, 0, 0]),
        (lambda x: T.largest(x, 1.0, 1.0), [1.0], [1]),
        (lambda x: T.largest(x, x), [1.0], [1]),
        (lambda x: T.largest(x, x, x), [1.0, nan], [3, nan]),
        (lambda x: T.smallest(x, x, x, 2.0), [1.0, 2.0, 3.0], [3, 3, 0]),
        (lambda x: T.largest(x, 2 * x, 1.0, 2 * x), [-1.0, 0.5, 1.0], [0, 4, 4]),
        (lambda x: x**2, [0.0, -1.5], [0, -3]),
        (lambda x: x**1, [0.0, -1.5], [1, 1]),
        (lambda x: x**0, [0.0, -1.5, inf, nan], [0, 0, 0, 0]),
        (lambda x: x ** T.constant([0.0, 1.0, 2.0, 3.0]), [0.0] * 4, [0, 1, 0, 0]),
        (lambda x: x**0.5, [0.0, 4.0], [inf, 0.25]),
        (lambda x: 2**x, [0.0], [np.log(2)]),
        (lambda x: 0**x, [0.0, 1.0, -1.0], [0, 0, 0]),
        (T.sqrt, [0.0, inf], [inf, 0]),
        (lambda x: T.switch(x > 0, T.log(x), 0), [2.0], [0.5]),
        (T.expm1, [-60.0, 0.0], [np.exp(-60), 1]),
        (T.log1p, [-1.0, 0.0], [inf, 1]),
        (T.arcsin, [-1.0, 1.0], [inf, inf]),
        (T.arctan, [-inf, 1e200], [0, 0]),
        (T.tanh, [-inf, -800.0, 800.0], [0, 0, 0]),
        (T.xlogx.xlogx, [0.0, 1.0, np.e], [-inf, 1, 2]),
        (lambda x: T.xlogx.xlogy0(x, 2.0), [0.0, 3.0], [np.log(2)] * 2),
        (lambda y: T.xlogx.xlogy0(0.0, y), [0.0, -0.0, nan, 2.0], [0, 0, 0, 0]),
        (lambda y: T.xlogx.xlogy0(3.0, y), [0.0, 2.0], [inf, 1.5]),
        (lambda x: x % 2.0, [3.5, -3.5], [1, 1]),
        (lambda x: 7.0 % x, [2.0, -2.0], [-3, 4]),
        (lambda x: x / T.constant([1e200, 1e-200]), [1e200, 1e-200], [1e-200, 1e200]),
        (lambda x: 1e200 / x, [1e200], [-1e-200]),
        (T.inv, [0.5, -inf], [-4, 0]),
    ],
)
def test_gradient_at_an_edge(function, at, expected):
    np.testing.assert_allclose(slope(function, np.array(at)), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: x**2, 0.0, 2),
        (lambda x: x**3, 0.0, 0),
        (lambda x: x**1, 0.0, 0),
        (lambda x: T.xlogx.xlogx(x), 2.0, 0.5),
        (abs, 0.0, 0),
        (lambda x: T.clip(x, -1, 1) ** 2, 1.0, 2),
        (lambda x: T.sqr(T.maximum(x, 0.0)), 0.0, 2),
    ],
)
def test_second_derivative_at_an_edge(function, at, expected):
    x = T.dscalar()
    second = symgrad.grad(symgrad.grad(function(x), x), x, disconnected_inputs="ignore")
    assert symgrad.function([x], second, on_unused_input="ignore")(at) == expected


def test_third_derivative_of_a_square_is_zero_at_zero():
    x = T.dscalar()
    g = x**2
    for _ in range(3):
        g = symgrad.grad(g, x, disconnected_inputs="ignore")
    assert symgrad.function([x], g, on_unused_input="ignore")(0.0) == 0


def test_mixed_derivative_of_xlogy0_where_x_is_zero():
    x, y = T.dscalars("x", "y")
    mixed = symgrad.grad(symgrad.grad(T.xlogx.xlogy0(x, y), y), x)
    assert mixed.eval({x: 0.0, y: 4.0}) == 0.25


def test_gradient_by_an_exponent():
    a, b = np.array([0.0, 0.0, 0.0, 2.0]), np.array([-1.0, 0.0, 2.0, 3.0])
    got = slope(lambda x, y: x**y, a, b, wrt=1)
    np.testing.assert_allclose(got, [0, 0, 0, 8 * np.log(2)])
    x, c = T.dscalar(), T.constant(2.0)
    assert symgrad.grad(x**c, c).eval({x: np.e}) == pytest.approx(np.e**2)


@pytest.mark.parametrize("wrt", [0, 1, 2])
def test_gradients_of_clip_follow_the_bound_that_holds(wrt):
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 0.0])
    low, high = np.array([-1.0] * 5 + [2.0]), np.array([1.0] * 6)
    expected = [[0, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]
    np.testing.assert_array_equal(slope(T.clip, x, low, high, wrt=wrt), expected[wrt])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x // 2,
        T.round,
        T.sgn,
        T.ceil,
        T.floor,
        T.trunc,
        T.round_half_away_from_zero,
        lambda x: T.cast(x > 0, "float64"),
        lambda x: T.switch(x, 1.0, 2.0),
        lambda x: T.cast(x, "int32") * 1.0,
    ],
)
def test_steps_are_connected_and_have_gradient_zero(function):
    x = T.dvector()  # a disconnected gradient would raise
    g = symgrad.grad(T.sum(function(x)), x)
    np.testing.assert_array_equal(g.eval({x: [0.3, -1.7]}), [0, 0])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*UNARY, "sqr", "abs", "inv", "tensor_copy"])
def test_a_gradient_has_the_dtype_of_its_variable(name, dtype):
    x = TensorType(dtype, (None,))()
    function = getattr(T, name)
    g = symgrad.grad(T.sum(function(x)), x)
    assert g.dtype == dtype
    at = np.array([1.5 if name == "arccosh" else 0.5], dtype)
    wide = slope(function, at.astype("float64"))
    np.testing.assert_allclose(g.eval({x: at}), wide, rtol=1e-2 if dtype == "float16" else 1e-5)


def test_gradients_sum_back_over_what_was_broadcast_at_run_time():
    x, y = T.matrix(), T.matrix()
    f = symgrad.function([x, y], symgrad.grad(T.sum(x * y), [x, y]))
    gx, gy = f(np.ones((3, 1)), np.full((1, 4), 2.0))
    np.testing.assert_array_equal(gx, np.full((3, 1), 8.0))
    np.testing.assert_array_equal(gy, np.full((1, 4), 3.0))


# -- errors ------------------------------------------------------------------------------------


def test_negative_powers_of_integers():
    n = T.ivector("n")
    with pytest.raises(GraphTypeError, match=r"n \(int32 vector\).*T\.inv"):
        n**-1
    assert (n**-1.0).dtype == "float64"
    with pytest.raises(GraphValueError, match="negative integer powers"):
        run(T.pow, np.array([2]), np.array([-1]))


def test_booleans_have_no_difference():
    with pytest.raises(GraphTypeError, match="xor"):
        (T.vector() > 0) - (T.vector() > 1)
    with pytest.raises(GraphTypeError, match="neg.*invert"):
        -(T.vector() > 0)


def test_floats_have_no_bits():
    with pytest.raises(GraphTypeError, match=r"and_ needs integers.*float64"):
        T.vector() & T.vector()


def test_shapes_that_do_not_fit_name_both_and_the_lines():
    a = TensorType("float64", (3, 4))("a")
    b = TensorType("float64", (5,))("b")
    with pytest.raises(ShapeError, match=r"(?s)mul.*test_elementwise\.py.*a: .*b: "):
        a * b


def test_arguments_that_are_too_many_too_few_or_named():
    with pytest.raises(GraphTypeError, match="takes 1 argument, 2"):
        T.exp(T.vector(), T.vector())
    with pytest.raises(GraphTypeError, match="takes 2 arguments, 1"):
        T.maximum(T.vector())
    with pytest.raises(GraphTypeError, match="'out' is unknown; it takes x"):
        T.exp(T.vector(), out=None)
    with pytest.raises(GraphTypeError, match="'a' was given twice"):
        T.add(T.vector(), a=1)
    with pytest.raises(GraphTypeError, match="takes 3 arguments, 2"):
        T.switch(cond=True, iff=1.0)
    with pytest.raises(GraphTypeError, match="exp.*'text'"):
        T.exp("text")


def test_arguments_may_be_given_by_name():
    assert T.switch(T.constant(True), iff=1.0, ift=2.0).eval() == 2.0
    assert T.switch(iff=1.0, ift=2.0, cond=False).eval() == 1.0


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: x > 0,
        lambda x: T.eq(x, 1),
        lambda x: (x > 0) & (x < 1),
        lambda x: ~(x > 0),
        T.isnan,
        lambda x: T.isclose(x, 1),
        lambda x: T.logical_not(x),
    ],
)
def test_conditions_refuse_to_be_true_or_false(condition):
    with pytest.raises(GraphTypeError, match=r"T\.switch"):
        bool(condition(T.vector()))


@pytest.mark.parametrize("division", ["int", "floatX", "raise"])
def test_a_slash_divides_whatever_the_flag(division):
    i = T.ivector()
    with symgrad.config.change_flags(int_division=division):
        assert (i / 2).eval({i: np.array([7], "int32")}).tolist() == [3.5]
        assert (7 / i).dtype == "float64"
        assert T.true_div(i, 2).dtype == "float64"


def test_constants_cast_without_a_warning():
    assert T.cast(T.constant([nan]), "bool").eval().tolist() == [True]
    T.cast(T.constant([nan, inf]), "int32")
    T.cast(T.constant([1e300]), "float32")


# -- several operands ----------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([*INTS, *FLOATS]), min_size=1, max_size=5),
    st.sampled_from(["add", "mul"]),
    st.sampled_from(["FAST_RUN", "FAST_COMPILE"]),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_several_operands_meet_in_the_type_of_the_result(dtypes, name, mode, data):
    values = []
    for dtype in dtypes:
        if "int" in dtype:
            limits = np.iinfo(dtype)
            number = data.draw(st.sampled_from([limits.min, limits.max, 1, 7, 100]))
        else:
            number = data.draw(st.sampled_from([1e8, 1.0, 2.5, -3.0, 1e-3]))
        with np.errstate(over="ignore"):
            values.append(np.array([number]).astype(dtype))
    common = reduce(np.promote_types, dtypes)
    with np.errstate(all="ignore"):
        want = values[0].astype(common)
        for value in values[1:]:
            want = {"add": np.add, "mul": np.multiply}[name](want, value.astype(common))
    inputs = [TensorType(dtype, (None,))() for dtype in dtypes]
    result = getattr(T, name)(*inputs)
    got = symgrad.function(inputs, result, mode=mode)(*values)
    assert got.dtype == result.dtype == common
    np.testing.assert_array_equal(got, want)


def test_what_pairs_would_lose_is_kept_in_values_and_slopes():
    a, b, c = T.bvector(), T.bvector(), T.lvector()
    f = symgrad.function([a, b, c], T.add(a, b, c))
    np.testing.assert_array_equal(f([100], [100], [0]), [200])
    a, b = T.ivector(), T.wvector()
    f = symgrad.function([a, b], T.mul(a, b, 2.5))
    np.testing.assert_allclose(f([2147483647], [7]), [2147483647 * 17.5])
    a, b, c = T.fvector(), T.fvector(), T.dvector()
    assert symgrad.function([a, b, c], T.add(a, b, c))([1e8], [1.0], [0.0]) == 1e8 + 1
    slope = symgrad.grad(T.mul(a, b, c).sum(), c)
    big, odd = np.float32(16777216.0), np.float32(3.3)
    assert symgrad.function([a, b, c], slope, on_unused_input="ignore")(
        [big], [odd], [1.0]
    ) == np.float64(big) * np.float64(odd)
    long = T.and_(T.bvector("p"), T.bvector("q"), T.lvector("r"))
    assert long.dtype == "int64"


def test_one_operand_is_the_result():
    v = T.dvector()
    assert T.add(v) is v
    assert T.mul(v) is v
    assert T.add(3).eval() == 3
    with pytest.raises(GraphTypeError, match="0 were given"):
        T.add()


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_quotients_of_integers_are_floatX_whatever_their_signs(floatX):
    with symgrad.config.change_flags(floatX=floatX):
        for a in ["bool", *INTS]:
            for b in ["bool", *INTS]:
                quotient = T.vector("a", dtype=a) / T.vector("b", dtype=b)
                assert quotient.dtype == floatX  # Theano's answer, too
        got = symgrad.function([n := T.lvector(), m := T.vector(dtype="uint64")], n / m)([-7], [2])
        assert got == -3.5
