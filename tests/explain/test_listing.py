"""`debugprint`: what can be added to its lines, and which things it takes."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import GraphTypeError, GraphValueError, function
from symgrad.explain.printing import debugprint


def tree(obj, **settings):
    return debugprint(obj, file="str", **settings).splitlines()


@pytest.fixture
def e():
    return T.exp(T.TensorType("float32", (None, 3))("x"))


def test_shapes_and_clients(e):
    lines = tree(e * e.sum(), print_shape=True, print_clients=True, ids="")
    assert lines[0] == "mul shape=(?, 3)"
    assert lines[1] == " |exp shape=(?, 3) used by sum, mul"
    assert lines[2] == " | |x shape=(?, 3)"


def test_what_was_printed_before(e):
    done = {}
    assert tree(e, done=done) == ["exp [id A]", " |x [id B]"]
    assert tree(T.sqrt(e), done=done) == ["sqrt [id C]", " |exp [id A] (see above)"]


def test_names_that_pytensor_gives_arguments(e):
    assert tree(e, used_ids={}, print_op_info=True) == ["exp [id A]", " |x [id B]"]
    assert tree(e, id_type="int") == ["exp [id 0]", " |x [id 1]"]
    assert tree(e, ids="id")[0] == f"exp [id {id(e)}]"
    assert tree(e, ids="auto") == tree(e)
    with pytest.raises(GraphTypeError, match="no argument 'colour'"):
        debugprint(e, colour=True)
    with pytest.raises(GraphValueError, match="ids='ROMAN'"):
        debugprint(e, id_type="ROMAN")


def test_the_range_of_a_constant():
    constant = T.constant(np.arange(5.0))
    assert tree(constant, print_storage=True, ids="") == [
        "<float64 vector of shape (5,)> from 0.0 to 4.0"
    ]


def test_dicts_and_compiled_graphs():
    x = T.dvector("x")
    f = function([x], T.exp(x))
    assert tree({"a": x, "b": f}, ids="") == ["a: x", "b: exp", " |x"]
    assert tree(f.maker.fgraph, ids="") == ["exp", " |x"]


def test_the_graph_inside_of_a_loop_follows():
    x = T.dvector("x")
    lines = tree(T.jacobian(T.tanh(x), x))
    [start] = [k for k, line in enumerate(lines) if line.startswith("Inner graph of map [id ")]
    assert lines[start - 1] == ""
    assert any(" |" in line and "[id " in line for line in lines[start + 1 :])


def test_a_deep_graph_takes_no_square():
    y = T.dscalar("x")
    for _ in range(5000):
        y = T.tanh(y)
    text = debugprint(y, file="str")
    assert len(text) < 5000 * 200
    assert text.splitlines()[-1].endswith("... (level 5000) x [id GJI]")
