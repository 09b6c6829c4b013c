"""NaN in, NaN out: of values and of slopes, of every operation, wherever the NaN stands."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.types import TensorType, TupleType, is_float
from symgrad.ops.arithmetic.elementwise import unless_nan
from symgrad.ops.families import Elementwise
from symgrad.ops.nnet.softmax import AxisNormalizer
from symgrad.ops.op import REGISTRY, projections
from symgrad.ops.reductions.family import Reduction

NAN = float("nan")

# what may be given NaN and return none: choices, what asks for NaN, and what only looks at one of
# its inputs where another one is NaN as well
CHOOSING = {"switch", "kept", "fmin", "isnan", "isinf", "isfinite", "imag", "leaky_relu"}
CHOOSING |= {"marked", "slope_by_exp"}


def cases():
    """The first example of each operation on floats, and those of all reductions."""
    for name, op in sorted(REGISTRY.items()):
        is_reduction = isinstance(op, type) and issubclass(op, Reduction)
        for k, example in enumerate(op.examples()):
            if (k == 0 or is_reduction) and all(np.prod(a.shape) < 30 for a in example.args):
                yield pytest.param(example, id=f"{name}-{k}")


def drawn(arg, rng):
    if arg.exact is not None:
        return np.array(arg.exact, dtype=arg.dtype)
    return np.asarray(rng.uniform(arg.low, arg.high, arg.shape)).astype(arg.dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("example", list(cases()))
def test_one_nan_at_each_place(example, dtype):
    rng = np.random.default_rng(0)
    values = [drawn(a, rng) for a in example.args]
    if dtype == "float32" and not example.fixed_dtype:
        with np.errstate(over="ignore"):  # of examples near the largest float64
            values = [v.astype("float32") if v.dtype == "float64" else v for v in values]
    inputs = [TensorType(v.dtype.name, (None,) * v.ndim)() for v in values]
    node = example.op.make(*inputs)
    results = projections(node) if isinstance(node.type, TupleType) else [node]
    results = [r for r in results if is_float(r.dtype)]
    open_to = [k for k, a in enumerate(example.args) if is_float(a.dtype) and a.exact is None]
    if not results or not open_to:
        pytest.skip("no floats")
    wrt = [inputs[k] for k in open_to] if example.differentiable else []
    square = sum(T.sum(r**2) for r in results)
    plain = sum(T.sum(r) for r in results)
    slopes = [T.grad(c, wrt, disconnected_inputs="ignore") for c in (square, plain)]
    f = symgrad.function(inputs, [*results, *slopes[0], *slopes[1]], on_unused_input="ignore")
    op = example.op
    by_rule = isinstance(op, (Elementwise, Reduction, AxisNormalizer))
    for nth, k in enumerate(open_to):
        for place in range(values[k].size):
            given = [v.copy() for v in values]
            given[k].flat[place] = NAN
            try:
                got = f(*given)
            except (ValueError, np.linalg.LinAlgError):
                continue  # a decomposition that refuses NaN
            n = len(results)
            with np.errstate(all="ignore"):
                expected = op.impl(np, *given)
            expected = list(expected) if isinstance(expected, (list, tuple)) else [expected]
            expected = [e for e in expected if np.asarray(e).dtype.kind == "f"]
            for have, want in zip(got[:n], expected, strict=True):
                np.testing.assert_array_equal(np.isnan(have), np.isnan(want))
            is_nan = any(np.isnan(r).any() for r in got[:n])
            if by_rule and op.name not in CHOOSING:
                assert is_nan, f"input {k} hides its NaN"
            if not is_nan or not wrt or op is unless_nan:  # that is what makes slopes NaN
                continue
            assert np.isnan(got[n + nth].flat[place]), "the slope of the square"
            if by_rule:
                assert got[n + len(wrt) + nth].flat[place] != 0, "the slope itself"


@pytest.mark.parametrize("n", [3, 40_000])
@pytest.mark.parametrize(
    "f",
    [
        *(T.abs_, T.sgn, T.sqr, T.tanh, T.maximum, T.minimum, T.nnet.relu, T.nnet.elu),
        *(T.nnet.sigmoid, T.nnet.ultra_fast_sigmoid, T.nnet.hard_sigmoid, T.nnet.softplus),
        *(T.nnet.softsign, T.nnet.swish, T.nnet.selu, T.nnet.softmax, T.nnet.logsoftmax),
        *(T.std, T.var, T.mean, T.max, T.min, T.ptp, T.prod, T.cumsum, T.cumprod, T.sort),
        *(lambda v: T.clip(v, -1, 1), lambda v: v.norm(2), lambda v: v.norm(1), T.logsumexp),
        *(lambda v: T.clip(0.5, v, 1), lambda v: T.clip(0.5, 0, v), lambda v: T.maximum(0, v)),
        *(lambda v: T.switch(v > 0, v, 0.1 * v), lambda v: T.nnet.relu(v, 0.1), T.floor),
        *(lambda v: T.nnet.binary_crossentropy(v, 0), lambda v: T.nnet.binary_crossentropy(v, 1)),
        *(lambda v: T.nnet.categorical_crossentropy(v, T.zeros_like(v)), lambda v: v % 2),
        lambda v: T.nnet.categorical_crossentropy(v, 1),
    ],
)
def test_what_users_write(f, n):
    v = T.dvector("v")
    y = f(v, 0) if f in (T.maximum, T.minimum) else f(v)
    slope = T.grad(T.sum(y**2), v)
    compute = symgrad.function([v], [y, slope], on_unused_input="ignore")
    value = np.full(n, 0.5)
    value[1] = NAN
    got, g = compute(value)
    assert np.isnan(got).any()
    if f is not T.floor and f is not T.sgn:  # steps, whose slope is 0 everywhere
        assert np.isnan(g[1])


def test_extremes_of_nan_as_in_theano():
    v = T.dvector("v")
    for cost in (T.max(v) ** 2, T.min(v) ** 2, T.sum(T.maximum(v, 0) ** 2)):
        g = symgrad.function([v], T.grad(cost, v))([NAN, 0.0])
        assert np.isnan(g[0])
    for kind in (T.max, T.min):
        assert np.isnan(symgrad.function([v], T.grad(kind(v) ** 2, v))([NAN, 0.0])).all()


def test_where_theano_is_finite():
    x, y = T.dscalars("x", "y")
    by_power = symgrad.function([x, y], T.grad(x**y, y))
    for power in (-1.0, 0.0, 2.0, -0.5):
        assert by_power(0.0, power) == 0
