"""Pictures and derivations take the same lengths to be equal, whatever letters they give them."""

from __future__ import annotations

import pytest

import symgrad.tensor as T
from symgrad.explain.derivation.lengths import Letters
from symgrad.explain.draw.lengths import symbols
from symgrad.graph.walk import toposort

x, W, b, y = T.dmatrix("x"), T.dmatrix("W"), T.dvector("b"), T.lvector("y")
p = T.nnet.softmax(T.dot(x, W) + b)


@pytest.mark.parametrize(
    ("graph", "equal"),
    [
        (T.tanh(T.dot(x, W) + b), [[(x, 0)], [(x, 1), (W, 0)], [(W, 1), (b, 0)]]),
        (T.log(p)[T.arange(y.shape[0]), y], [[(x, 0), (y, 0)], [(b, 0), (W, 1)]]),
        (x[T.arange(5), 0], [[(x, 0), 5], [(x, 1)]]),
        (x[T.arange(3)], [[(x, 0)], [(x, 1)], [3]]),
        (T.set_subtensor(x[T.arange(y.shape[0]), y], 0.0), [[(x, 0), (y, 0)], [(x, 1)]]),
        (T.dcol("c") * b + x[:1, :1], [[(b, 0)], [(x, 0)], [(x, 1)]]),
    ],
    ids=str,
)
def test_what_is_equal(graph, equal):
    texts = symbols(toposort([graph]), lambda node: node.inputs)
    letters = Letters()
    letters.learn([graph])
    for name in (lambda v, axis: texts[v][axis], lambda v, axis: letters.shape(v)[axis]):
        classes = [{str(n) if isinstance(n, int) else name(*n) for n in each} for each in equal]
        assert all(len(each) == 1 for each in classes)
        assert len(set.union(*classes)) == len(classes)
