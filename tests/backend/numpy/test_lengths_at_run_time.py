"""A length that turns out to be 1, or 0, inside chains that run block by block.

A chain may write only into memory that every block has a part of its own of; what a product, a
slice or a reduction leaves may turn out to be one row that all blocks read.
"""

from __future__ import annotations

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import config, function
from symgrad.ops.control.evaluation import evaluate


@pytest.fixture
def small_blocks():
    """Blocks of eight elements, and threads from sixteen on."""
    with config.change_flags({"stress.block": 8, "stress.threads": 16}):
        yield


def matrix(h, U):
    return T.dot(h, U)


# Each makes a matrix of h (rows of 4) and U (4 rows), as long as h, in memory of its own.
SOURCES = {
    "product": matrix,
    "softmax": lambda h, U: T.nnet.softmax(matrix(h, U)),
    "index": lambda h, U: matrix(h, U)[T.arange(h.shape[0])],
    "keepdims": lambda h, U: T.stack([matrix(h, U), h[:, :1] * U[:1]]).sum(axis=0),
    "broadcastable": lambda h, U: matrix(h, U).max(axis=1, keepdims=True) + U[:1],
    "slice": lambda h, U: T.concatenate([matrix(h, U), U])[: h.shape[0]],
    "set": lambda h, U: T.set_subtensor(matrix(h, U)[:1], 2.0),
    "cumsum": lambda h, U: T.cumsum(matrix(h, U), axis=1),
    "two": lambda h, U: T.dot(h, U) - T.dot(h * 2, U),
}
CHAINS = [
    lambda X, t: T.tanh(X - 0.5 * t),
    lambda X, t: T.tanh((0.5 * t - X) * T.exp(t)),
    lambda X, t: T.exp(-T.sqr(t + 1)) / (1 + T.sqr(X)),
    lambda X, t: T.switch(t < X, T.tanh(2 * t), T.tanh(X)),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_that_a_chain_reads_for_the_last_time(source, threads, dtype):
    X, h, U = (T.TensorType(dtype, (None, None))(name) for name in "XhU")
    shared = symgrad.shared(np.zeros((1, 1), dtype), "s")
    rng = np.random.default_rng(1)
    with config.change_flags(threads=threads):
        for chain in CHAINS:
            y = chain(X, SOURCES[source](h, U))
            run = function([X, h, U], [y, y.sum()], updates=[(shared, y)])
            # of the chain's own shape, one row, one column, one number, none
            for rows, n, m in [(9, 9, 5), (9, 1, 5), (1, 9, 5), (9, 1, 1), (0, 1, 5), (9, 1, 5)]:
                values = [rng.normal(size=s).astype(dtype) for s in [(rows, 5), (n, 4), (4, m)]]
                (want,) = evaluate([y], np, dict(zip([X, h, U], values, strict=True)))
                for have in (*run(*values)[:1], shared.get_value()):
                    np.testing.assert_allclose(have, want, rtol=2e-5, atol=1e-6)
