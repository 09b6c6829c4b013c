"""Chains of 20,000 operations, and of 100,000: nothing recurses over a graph."""

import copy
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.walk import toposort


class Chain:
    """x * c * c * … with its gradient."""

    def __init__(self, length):
        self.length = length
        self.x, self.c = T.dscalars("x", "c")
        self.y = self.x
        for _ in range(length):
            self.y = self.y * self.c
        self.gradient = T.grad(self.y, self.x)


@pytest.fixture(scope="module", autouse=True)
def _default_recursion_limit():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture(scope="module", params=[20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def chain(request):
    return Chain(request.param)


def test_compiles_and_runs(chain):
    f = symgrad.function([chain.c], chain.gradient)  # a chain as long as y itself
    np.testing.assert_allclose(f(1.00001), 1.00001**chain.length)


def test_pickles(chain):
    x, y = pickle.loads(pickle.dumps([chain.x, chain.y]))
    order = toposort([y])
    assert len(order) == chain.length + 2
    assert x in order


def test_deep_copies(chain):
    x, y = copy.deepcopy([chain.x, chain.y])
    order = toposort([y])
    assert len(order) == chain.length + 2
    assert x in order
    assert chain.x not in order


def test_texts_are_short(chain):
    assert len(str(chain.y)) < 500
    assert len(repr(chain.gradient)) < 500


@pytest.mark.parametrize("length", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_is_freed(length):
    chain = Chain(length)
    nodes = [weakref.ref(chain.y), weakref.ref(chain.gradient)]
    del chain
    gc.collect()
    assert [node() for node in nodes] == [None, None]
