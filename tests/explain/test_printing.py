"""`pp`, `debugprint`, `min_informative_str`: what they print, for any graph."""

from __future__ import annotations

import io

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad import GraphTypeError, GraphValueError, function, shared
from symgrad.explain.printing import debugprint, min_informative_str, pp, pprint, pydotprint


def test_formulas():
    x, y = T.dvector("x"), T.dvector("y")
    m, i = T.dmatrix("m"), T.lscalar("i")
    assert pp(x + y * 2) == "(x + (y * 2.0))"
    assert pp(-T.exp(x)) == "(-exp(x))"
    assert pp(T.neq(x, y)) == "(x != y)"
    assert pp(T.dot(m.T, x)) == "dot(m.T, x)"
    assert pp(m[i, 1:]) == "m[i, 1:]"
    assert pp(m.shape[0]) == "m.shape[0]"
    assert pp(x.astype("float32")) == "float32(x)"
    assert pp(m.sum(axis=0)) == "sum(m, axis=(0,))"
    assert pp(T.dvector()) == "<float64 vector>"
    assert pp(T.constant(np.ones(9))) == "<float64 vector of shape (9,)>"
    assert pp is pprint
    assert theano.pp is pp
    assert min_informative_str(x + 1) == "(x + 1.0)"


def test_a_formula_stays_short():
    y = T.dscalar("x")
    for _ in range(200):  # 2**200 characters if written out
        y = y * y
    assert len(pp(y)) < 20_000
    for _ in range(20_000):
        y = T.exp(y)
    assert len(pp(y)) < 20_000


@pytest.mark.parametrize("show", [pp, debugprint, min_informative_str, pydotprint])
@pytest.mark.parametrize("thing", [3, "x", None])
def test_other_things_are_refused(show, thing):
    with pytest.raises(GraphTypeError, match="expected a"):
        show(thing)


def tree(obj, **settings):
    return debugprint(obj, file="str", **settings).splitlines()


def test_debugprint_of_a_variable():
    x = T.dvector("x")
    t = T.exp(x)
    t.name = "t"
    out = (t * t).sum() - T.exp(t.sum())
    assert tree(out) == [
        "sub [id A]",
        " |sum{axis=(0,)} [id B]",
        " | |mul [id C]",
        " | | |exp 't' [id D]",
        " | | | |x [id E]",
        " | | |exp 't' [id D] (see above)",
        " |exp [id F]",
        " | |sum{axis=(0,)} [id G]",
        " | | |exp 't' [id D] (see above)",
    ]


def test_debugprint_settings(capsys):
    x = T.dvector("x")
    t = T.exp(x)
    t.name = "t"
    out = T.tanh(t)
    assert tree(out, ids="int") == ["tanh [id 0]", " |exp 't' [id 1]", " | |x [id 2]"]
    assert tree(out, ids="") == ["tanh", " |exp 't'", " | |x"]
    assert tree(out, depth=2, ids="") == ["tanh", " |exp 't'"]
    assert tree(out, stop_on_name=True, ids="") == ["tanh", " |exp 't'"]
    assert tree(out, print_type=True, ids="")[0] == "tanh <float64 vector>"
    w = shared(np.array([1.0, 2.0]), "w")
    assert tree(w, print_storage=True, ids="") == ["w [1. 2.]"]
    assert debugprint(out) is None
    assert capsys.readouterr().out.startswith("tanh [id A]\n")
    file = io.StringIO()
    debugprint(out, file=file)
    assert file.getvalue().count("\n") == 3
    with pytest.raises(GraphValueError, match="ids='ROMAN'"):
        debugprint(out, ids="ROMAN")


def test_debugprint_of_functions_and_lists():
    x = T.dscalar("x")
    w = shared(0.0, "w")
    f = function([x], T.exp(x), updates=[(w, w + x)])
    text = "\n".join(tree(f))
    assert text.startswith("exp [id A]\n |x [id B]\nnew w: add [id C]")
    assert "\n".join(tree([x, T.exp(x)], ids="")) == "x\nexp\n |x"


def test_debugprint_of_names_that_the_stream_cannot_show():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    debugprint(T.exp(T.dscalar("\N{GREEK SMALL LETTER THETA}")), file=stream)
    stream.seek(0)
    assert stream.read() == "exp [id A]\n |\\u03b8 [id B]\n"


def test_debugprint_of_many_nodes():
    x = y = T.dscalar("x")
    for _ in range(3000):
        y = y + 1
    assert tree(y, depth=3)[0].startswith("add")
    assert len(tree([x] * 30)) == 30
    assert tree([T.dscalar() for _ in range(30)])[27].endswith("[id AB]")
