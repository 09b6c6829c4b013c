"""Random graphs, compiled, against the same graphs computed node by node.

Lengths are unknown when a graph is built and often 1 when it runs, views are frequent, and outputs
and updates share what they are computed from: where memory is planned wrongly, numbers differ.
"""

import random

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import SymgradError
from symgrad.ops.arrays.shaping import broadcast_like, sum_like
from symgrad.ops.control.evaluation import evaluate

BINARY = [T.add, T.sub, T.mul, T.maximum, T.true_div]
UNARY = [T.exp, T.tanh, T.neg, T.sqr, T.abs, T.nnet.sigmoid, T.nnet.softplus]
STEPS = [
    *[lambda r, x, y, z: r.choice(BINARY)(x, y)] * 5,
    *[lambda r, x, y, z: r.choice(UNARY)(x)] * 4,
    lambda r, x, y, z: x.T,
    lambda r, x, y, z: x[::-1],
    lambda r, x, y, z: x[1:] if r.random() < 0.5 else x[:1],
    lambda r, x, y, z: x.flatten(),
    lambda r, x, y, z: x.dimshuffle("x", *range(x.ndim)),
    lambda r, x, y, z: x.sum(axis=0, keepdims=r.random() < 0.5),
    lambda r, x, y, z: T.switch(x > 0, y, z),
    lambda r, x, y, z: T.set_subtensor(x[:1], 2.0),
    lambda r, x, y, z: T.inc_subtensor(x[::-1], x),
    lambda r, x, y, z: T.concatenate([x, y], axis=0),
    lambda r, x, y, z: T.stack([x, y]),
    lambda r, x, y, z: broadcast_like(x, y),
    lambda r, x, y, z: sum_like(x * y, x),
    lambda r, x, y, z: T.cast(x, r.choice(["float32", "float64"])),
    lambda r, x, y, z: x * r.choice([0, 1, 2, -1, 0.5]) + r.choice([0, -0.0, 1]),
]


def grow(r, values):
    """Add nodes to a graph whose leaves and their values are given; return the new ones."""
    pool, made = list(values), []
    for _ in range(r.randint(8, 40)):
        try:
            node = r.choice(STEPS)(r, r.choice(pool), r.choice(pool), r.choice(pool))
            (value,) = evaluate([node], np, values)
        except (SymgradError, ValueError, IndexError):
            continue  # ranks or lengths that do not fit
        if node.ndim <= 3 and value.size <= 500:
            values[node] = value
            pool.append(node)
            made.append(node)
    return made


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_compiled_graphs_compute_what_their_nodes_say(seed):
    r, rng = random.Random(seed), np.random.RandomState(seed)
    n, m = r.choice([1, 2, 3]), r.choice([1, 2, 3])
    inputs = [T.dmatrix("a"), T.dmatrix("b"), T.dvector("v"), T.dscalar("c"), T.fmatrix("f")]
    given = [
        rng.randn(n, m),
        rng.randn(r.choice([1, n]), r.choice([1, m])),
        rng.randn(r.choice([1, m])),
        np.array(rng.randn()),
        rng.randn(n, m).astype("float32"),
    ]
    shared = [symgrad.shared(rng.randn(n, m), name) for name in ("s", "t")]
    values = dict(zip(inputs, given, strict=True)) | {s: s.get_value() for s in shared}
    made = grow(r, values)
    outputs = [r.choice(list(values)) for _ in range(r.randint(1, 4))]
    fitting = [e for e in [*shared, *inputs[:1], *made] if e.ndim == 2 and e.dtype == "float64"]
    updates = [(s, r.choice(fitting)) for s in shared if r.random() < 0.6]

    mode = r.choice(["FAST_RUN", "FAST_COMPILE"])
    f = symgrad.function(inputs, outputs, updates=updates, mode=mode, on_unused_input="ignore")
    before = [value.copy() for value in given]
    held = [s.get_value(borrow=True) for s in shared]
    results = f(*given)

    for have, node in zip(results, outputs, strict=True):
        assert (have.dtype, have.shape) == (values[node].dtype, values[node].shape)
        np.testing.assert_allclose(have, values[node], rtol=3e-6, atol=1e-7)
    for s, new in updates:
        np.testing.assert_allclose(s.get_value(), values[new], rtol=1e-9)
    for old, s in zip(held, shared, strict=True):
        np.testing.assert_array_equal(old, values[s])
    # Results are the caller's own: to change one changes nothing else.
    kept = [s.get_value() for s in shared]
    for k, result in enumerate(results):
        rest = [other.copy() for other in results[k + 1 :]]
        result[...] = 7
        for other, copied in zip(results[k + 1 :], rest, strict=True):
            np.testing.assert_array_equal(other, copied)
    for s, value in zip(shared, kept, strict=True):
        np.testing.assert_array_equal(s.get_value(), value)
    for value, copied in zip(given, before, strict=True):
        np.testing.assert_array_equal(value, copied)
