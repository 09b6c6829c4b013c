"""Chains of 100,000 operations: nothing recurses over a graph."""

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

LENGTH = 100_000


class Chain:
    """x * c * c * … with its gradient."""

    def __init__(self):
        self.x, self.c = T.dscalars("x", "c")
        self.y = self.x
        for _ in range(LENGTH):
            self.y = self.y * self.c
        self.gradient = T.grad(self.y, self.x)


@pytest.fixture(scope="module", autouse=True)
def _default_recursion_limit():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture(scope="module")
def chain():
    return Chain()


def test_compiles_and_runs(chain):
    f = symgrad.function([chain.c], chain.gradient)  # a chain as long as y itself
    np.testing.assert_allclose(f(1.00001), 1.00001**LENGTH)


def test_pickles(chain):
    x, y = pickle.loads(pickle.dumps([chain.x, chain.y]))
    order = toposort([y])
    assert len(order) == LENGTH + 2
    assert x in order


def test_deep_copies(chain):
    x, y = copy.deepcopy([chain.x, chain.y])
    order = toposort([y])
    assert len(order) == LENGTH + 2
    assert x in order
    assert chain.x not in order


def test_texts_are_short(chain):
    assert len(str(chain.y)) < 500
    assert len(repr(chain.gradient)) < 500


def test_is_freed():
    x = T.dscalar("x")
    y = x
    for _ in range(LENGTH):
        y = y + x
    node = weakref.ref(y)
    del y
    gc.collect()
    assert node() is None
