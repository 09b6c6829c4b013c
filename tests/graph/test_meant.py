"""Pictures, listings, stories and profiles speak of operations as they were written."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.compile import ProfileStats
from symgrad.explain.draw.picture import picture
from symgrad.explain.printing import debugprint
from symgrad.graph.meant import as_meant
from symgrad.graph.walk import toposort
from symgrad.ops import logaddexp
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.pipeline import lower, prepare

x = T.dmatrix("x")
WRITTEN = {
    "sgn": T.sgn(x),
    "relu": T.nnet.relu(x),
    "leaky_relu": T.nnet.relu(x, 0.1),
    "sigmoid": T.nnet.sigmoid(x),
    "softplus": T.nnet.softplus(x),
    "softsign": T.nnet.softsign(x),
    "maximum": T.maximum(x, 0.5),
    "minimum": T.minimum(x, 0.5),
    "logaddexp": logaddexp(x, 2 * x),
    "round": T.round(x),
    "power": x**-2,
    "product": x * x,
    "gradient of relu": T.grad(T.nnet.relu(x).sum(), x),
    "gradient of abs": T.grad(abs(x).sum(), x),
    "gradient of sigmoid": T.grad(T.nnet.sigmoid(x).sum(), x),
    "gradient of softplus": T.grad(T.nnet.softplus(-x).sum(), x),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_lowered_reads_as_before(name):
    (small,) = prepare([WRITTEN[name]])
    shown = rewrite(as_meant(lower([small])))
    assert debugprint(shown, file="str") == debugprint(rewrite([small]), file="str")


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_meant_has_the_value_that_is_computed(name):
    (low,) = lower(prepare([WRITTEN[name]]))
    value = np.array([[-2.5, 1.5, 0.5], [3.0, -1e-9, 40.0]])
    want = symgrad.function([x], WRITTEN[name])(value)
    shown = symgrad.function([x], as_meant([low])[0])(value)
    np.testing.assert_allclose(shown, want)


def network():
    W, b = symgrad.shared(np.ones((3, 4)), "W"), T.dvector("b")
    hidden = T.nnet.relu(T.dot(x, W) + b)
    cost = T.sqr(hidden).mean() + 0.1 * abs(W).sum() + T.nnet.softplus(b).sum()
    return symgrad.function(
        [x, b],
        cost,
        updates=[(W, W - 0.1 * T.grad(cost, W))],
        profile=ProfileStats(False),
        name="step",
    )


def test_pictures_and_listings_of_functions():
    f = network()
    labels = " ".join(node.label for node in picture(f).nodes)
    assert "ReLU" in labels
    assert "softplus" in labels
    listed = debugprint(f, file="str")
    for text in (labels, listed):
        assert "3.599" not in text
        assert "clip" not in text
    assert "sgn" in listed
    low = debugprint(f.maker.fgraph, file="str")
    assert "clip" in low
    assert "e+162" in low


def test_stories_of_functions():
    f = network()
    assert "clip" not in str(f.story())
    assert "softplus" in str(f.story())
    assert "clip" in str(f.story(compiled=True))


def test_profiles_by_operation():
    f = network()
    f(np.ones((2, 3)), np.ones(4))
    names = {group.key for group in f.profile.by_op()}
    assert {"relu", "sgn", "softplus", "dot"} <= names
    assert not {"clip", "log1p", "gemm", "inner"} & names


def test_long_chains_are_read_without_recursion():
    v = T.dvector("v")
    deep = v
    for _ in range(20_000):
        deep = T.nnet.relu(deep)
    low = lower([deep])
    assert len(toposort(as_meant(low))) == 20_001
