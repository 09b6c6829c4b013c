"""Every registered operation, held to what an operation promises.

Each example of each operation is run on every backend there is: the result must agree with the
inferred type and with the other backends, and gradients with numerical ones, to second order, in
float64 and float32. A new operation is tested the moment it is registered.
"""

import itertools

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.types import TensorType, TupleType, is_discrete, is_float
from symgrad.ops.op import REGISTRY, projections

EXAMPLES = [
    pytest.param(example, id=f"{name}-{k}")
    for name, op in sorted(REGISTRY.items())
    for k, example in enumerate(op.examples())
]
USES = itertools.count(1)
DIFFERENTIABLE = [
    param
    for param in EXAMPLES
    if param.values[0].differentiable
    and any(is_float(arg.dtype) and arg.exact is None for arg in param.values[0].args)
]


def sample(arg, rng, dtype=None):
    """A value such as the example asks for."""
    if arg.exact is not None:
        return np.array(arg.exact, dtype=arg.dtype)
    dtype = dtype if dtype and is_float(arg.dtype) else arg.dtype
    values = rng.uniform(arg.low, arg.high, arg.shape)
    if dtype == "bool":
        return np.array(values > (arg.low + arg.high) / 2)
    return np.array(np.round(values) if is_discrete(dtype) else values).astype(dtype)


def build(example, known_lengths, dtype=None):
    """Placeholders for the inputs, and the results as a list."""
    inputs = []
    for arg in example.args:
        kind = dtype if dtype and is_float(arg.dtype) and arg.exact is None else arg.dtype
        shape = arg.shape if known_lengths else (None,) * len(arg.shape)
        if arg.exact is not None and not known_lengths:
            shape = (None,) * np.ndim(arg.exact)
        inputs.append(TensorType(kind, shape)())
    node = example.op.make(*inputs)
    return inputs, projections(node) if isinstance(node.type, TupleType) else [node]


def as_list(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


@pytest.mark.parametrize("known_lengths", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_result_is_what_impl_computes_and_has_the_inferred_type(example, known_lengths):
    rng = np.random.default_rng(1)
    values = [sample(arg, rng) for arg in example.args]
    before = [value.copy() for value in values]
    inputs, results = build(example, known_lengths)
    with np.errstate(all="ignore"):
        expected = as_list(example.op.impl(np, *values))
    got = symgrad.function(inputs, results, on_unused_input="ignore")(*values)
    assert len(got) == len(expected)
    for node, have, want in zip(results, got, expected, strict=True):
        np.testing.assert_array_equal(have, want)
        assert have.dtype == node.dtype, "inferred dtype"
        assert np.asarray(want).dtype == node.dtype, "dtype of impl"
        assert have.ndim == node.ndim, "inferred rank"
        for length, static in zip(have.shape, node.static_shape, strict=True):
            assert static in (None, length), "inferred shape"
        assert not any(np.shares_memory(have, value) for value in values), "an input's memory"
        assert have.flags.writeable
    for value, old in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, old, err_msg="an input was overwritten")


@pytest.mark.parametrize("example", [p for p in DIFFERENTIABLE if not p.values[0].fixed_dtype])
def test_float32_stays_float32(example):
    rng = np.random.default_rng(1)
    _, results = build(example, False, "float32")
    values = [sample(arg, rng, "float32") for arg in example.args]
    for have, node in zip(as_list(example.op.impl(np, *values)), results, strict=True):
        assert have.dtype == node.dtype


def scalar_cost(example, dtype="float64"):
    """The inputs, those that are differentiated, and a random linear function of the results."""
    rng = np.random.default_rng(3)
    inputs, results = build(example, False, dtype)
    wrt = [
        i
        for i, arg in zip(inputs, example.args, strict=True)
        if is_float(arg.dtype) and arg.exact is None
    ]
    cost = 0
    values = [sample(arg, rng, dtype) for arg in example.args]
    shapes = symgrad.function(inputs, [r.shape for r in results], on_unused_input="ignore")
    for result, shape in zip(results, shapes(*values), strict=True):
        if is_float(result.dtype):
            weights = rng.uniform(0.5, 1.5, tuple(shape)).astype("float32").astype(result.dtype)
            cost = cost + T.sum(result * T.constant(weights))
    return inputs, wrt, cost, values


def directional(f, inputs, wrt, values, directions, eps=1e-5):
    """Central difference of f along the directions."""

    def at(step):
        moved = list(values)
        for variable, direction in zip(wrt, directions, strict=True):
            k = next(n for n, i in enumerate(inputs) if i is variable)
            moved[k] = values[k] + step * direction
        return [np.asarray(out, dtype="float64") for out in as_list(f(*moved))]

    return [(a - b) / (2 * eps) for a, b in zip(at(eps), at(-eps), strict=True)]


@pytest.mark.parametrize("example", DIFFERENTIABLE)
def test_gradient_agrees_with_differences_to_second_order(example):
    inputs, wrt, cost, values = scalar_cost(example)
    rng = np.random.default_rng(5)
    directions = [
        rng.uniform(-1, 1, v.shape) for v, i in zip(values, inputs, strict=True) if i in wrt
    ]
    grads = symgrad.grad(cost, wrt, disconnected_inputs="ignore")
    for variable, g in zip(wrt, grads, strict=True):
        assert g.dtype == variable.dtype
        assert g.ndim == variable.ndim
    f = symgrad.function(inputs, cost, on_unused_input="ignore")
    df = symgrad.function(inputs, grads, on_unused_input="ignore")
    first = df(*values)
    for variable, g in zip(wrt, first, strict=True):
        k = next(n for n, i in enumerate(inputs) if i is variable)
        assert g.shape == values[k].shape
    along = sum(float((g * d).sum()) for g, d in zip(first, directions, strict=True))
    (numeric,) = directional(f, inputs, wrt, values, directions)
    np.testing.assert_allclose(along, numeric, rtol=1e-5, atol=1e-6)

    weights = [T.constant(d) for d in directions]
    slope = sum((T.sum(g * w) for g, w in zip(grads, weights, strict=True)), T.constant(0.0))
    second = symgrad.grad(slope, wrt, disconnected_inputs="ignore")
    got = symgrad.function(inputs, second, on_unused_input="ignore")(*values)
    expected = directional(df, inputs, wrt, values, directions)
    for have, want in zip(got, expected, strict=True):  # the Hessian is symmetric
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("example", [p for p in DIFFERENTIABLE if not p.values[0].fixed_dtype])
def test_float32_gradient_agrees_with_float64(example):
    grads = {}
    for dtype in ("float64", "float32"):
        inputs, wrt, cost, values = scalar_cost(example, dtype)
        f = symgrad.function(
            inputs,
            symgrad.grad(cost, wrt, disconnected_inputs="ignore"),
            on_unused_input="ignore",
        )
        values = [
            v.astype("float32").astype(v.dtype) if is_float(str(v.dtype)) else v for v in values
        ]
        grads[dtype] = f(*values)
    for wide, narrow in zip(grads["float64"], grads["float32"], strict=True):
        assert narrow.dtype == "float32"
        np.testing.assert_allclose(narrow, wide, rtol=2e-3, atol=2e-4)


@pytest.fixture
def jax():
    """JAX, which keeps what it compiles for each operation and shape: gigabytes, in the end."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    yield jax
    if next(USES) % 35 == 0:
        jax.clear_caches()


@pytest.mark.parametrize("example", EXAMPLES)
def test_jax_computes_the_same(example, jax):
    rng = np.random.default_rng(1)
    values = [sample(arg, rng) for arg in example.args]
    with np.errstate(all="ignore"):
        expected = as_list(example.op.impl(np, *values))
    impl = getattr(example.op, "impl_jax", example.op.impl)
    got = as_list(impl(jax.numpy, *[jax.numpy.asarray(value) for value in values]))
    for have, want in zip(got, expected, strict=True):
        want = np.asarray(want)
        assert have.dtype == want.dtype
        assert have.shape == want.shape
        np.testing.assert_allclose(np.asarray(have), want, rtol=1e-8, atol=1e-10)
