"""Evidence is a value where the old form really fails and the new one is really right."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.explain.story.evidence import array_text, find_evidence, number_text
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.stability import STABILITY


@pytest.mark.parametrize(
    ("make", "dtype", "expected"),
    [
        (lambda v: T.log(T.nnet.softmax(v)), "float64", ("(0, 800)", "−inf", "−800")),
        (lambda v: T.log(T.nnet.softmax(v)), "float32", ("(0, 200)", "−inf", "−200")),
        (lambda v: T.log(1 + T.exp(v)), "float64", ("(0, 800)", "inf", "800")),
        (lambda v: T.log(T.nnet.sigmoid(v)), "float64", ("(0, −800)", "−inf", "−800")),
        (lambda v: T.exp(v) - 1, "float64", ("(0, 1e−20)", "0", "1e−20")),
        (lambda v: T.sqrt(v**2), "float64", ("(0, 1e200)", "inf", "1e200")),
        (lambda v: T.log(T.exp(v).sum()), "float64", ("(0, 800)", "inf", "800")),
        (lambda v: 1 - T.nnet.sigmoid(v), "float64", ("(0, 40)", "0", "4.24835e−18")),
        (lambda v: T.exp(v) / T.exp(v).sum(), "float64", ("(0, 800)", "NaN", "1")),
    ],
)
def test_of_common_forms(make, dtype, expected):
    v = T.vector("v", dtype=dtype)
    before = make(v)
    (after,) = rewrite([before], [STABILITY])
    found = find_evidence(before, after, [v], {})
    assert found is not None
    assert (found.inputs[0][1], found.before, found.after) == expected
    assert found.dtype == dtype


def test_along_the_axis_that_matters():
    x = T.dmatrix("x")
    before = T.log(T.nnet.softmax(x.T).T)
    found = find_evidence(before, rewrite([before], [STABILITY])[0], [x], {})
    assert found is not None
    assert (found.before, found.after) == ("−inf", "−800")


def test_where_the_new_form_is_wrong_there_is_none():
    v = T.dvector("v")
    assert find_evidence(T.exp(v), T.log(v), [v], {}) is None
    assert find_evidence(T.log(1 + T.exp(v)), v + 1, [v], {}) is None


def test_where_both_are_right_there_is_none():
    v, w = T.dvectors("v", "w")
    assert find_evidence(v + w, w + v, [v, w], {}) is None
    assert find_evidence(v + 0, v, [], {}) is None
    i = T.ivector("i")
    assert find_evidence(i + 0, i, [i], {}) is None


def test_of_two_variables_and_names():
    a, b = T.dscalars("a", "b")
    before = T.log(T.exp(a) + T.exp(b))
    found = find_evidence(before, rewrite([before], [STABILITY])[0], [a, b], {a: "u"})
    assert found is not None
    assert [name for name, _ in found.inputs] == ["u", "b"]
    assert found.before == "inf"


def test_numbers():
    assert number_text(np.float32(-1.5)) == "−1.5"
    assert number_text(3e12) == "3e12"
    assert number_text(True) == "True"
    assert array_text(np.arange(6.0)) == "(0, 1, 2, 3, …)"


def test_the_evidence_of_a_story_is_what_numpy_computes():
    w = T.dscalar("w")
    story = symgrad.function([w], T.sqrt(w**2)).story()
    evidence = story.events[0].evidence
    assert evidence is not None
    value = float(evidence.inputs[0][1])
    with np.errstate(over="ignore"):
        assert np.sqrt(np.float64(value) ** 2) == np.inf
    assert float(evidence.after) == abs(value)
