"""Attributes that users set on variables: taken, kept by copies, and never looked at."""

import copy
import pickle

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError

X = T.dmatrix("x")
KINDS = {
    "placeholder": lambda: T.dmatrix("x"),
    "expression": lambda: T.tanh(T.dmatrix("x")),
    "constant": lambda: T.constant([[1.0]]),
    "part of a shape": lambda: T.constant([2, 3])[1:],
    "shared": lambda: theano.shared(np.ones((2, 2)), "w"),
}
MISTAKES = ["value", "data", "grad", "assign", "item", "numpy", "backward", "detach"]


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_are_taken_and_kept(kind):
    v = KINDS[kind]()
    assert not hasattr(v, "my_own")
    v.my_own = {"shape": (None, 3)}
    v._keras_shape = (None, 3)
    copies = [
        copy.copy(v),
        copy.deepcopy(v),
        pickle.loads(pickle.dumps(v)),
        pickle.loads(pickle.dumps(v, protocol=2)),
        v.clone(),
        v.copy(),
    ]
    for copied in copies:
        assert copied is not v
        assert copied.my_own == {"shape": (None, 3)}
        assert copied._keras_shape == (None, 3)
    del v.my_own
    assert not hasattr(v, "my_own")
    with pytest.raises(AttributeError):
        del v.my_own


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_may_lead_back_to_the_variable(kind):
    v = KINDS[kind]()
    w = T.exp(v)
    v._history, w._history = [w, v], [v]
    for dump in (lambda pair: pickle.loads(pickle.dumps(pair)), copy.deepcopy):
        u, e = dump((v, w))
        assert u._history[1] is u
        assert u._history[0] is e
        assert e._history[0] is u
        assert (e.inputs == (u,)) is (w.inputs == (v,))


def test_attributes_in_the_middle_of_a_graph_survive_pickling():
    h = T.tanh(X)
    h.layer = "first"
    y = pickle.loads(pickle.dumps(h.sum() * 2))
    assert [n.layer for n in theano.graph.walk.toposort([y]) if hasattr(n, "layer")] == ["first"]


def test_attributes_are_no_part_of_what_is_computed():
    a, b = T.exp(X), T.exp(X)
    a.mark, b.mark = 1, 2
    f = theano.function([X], a + b)
    assert sum(str(n.op) == "exp" for n in f.maker.fgraph.toposort()) == 1
    with pytest.raises(GraphTypeError):
        X[theano.In]
    assert f([[0.0]]).tolist() == [[2.0]]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("constant", "part of a shape")])
@pytest.mark.parametrize("name", [*MISTAKES, "requires_grad"])
def test_names_used_by_mistake_say_what_to_write(kind, name):
    v = KINDS[kind]()
    assert not hasattr(v, name)
    hint = r"T\.grad\(cost, x\)" if "grad" in name or name == "backward" else "get_value|disconn"
    with pytest.raises(AttributeError, match=hint) as caught:
        getattr(v, name)
    assert "test_attributes.py" in str(caught.value)
    with pytest.raises(AttributeError, match=hint):
        setattr(v, name, 3)
    assert name not in vars(v)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["shape", "T", "ndim", "dtype", "size", "broadcastable"])
def test_what_a_variable_is_stays_as_it_is(kind, name):
    v = KINDS[kind]()
    before = str(getattr(v, name))
    with pytest.raises(AttributeError):
        setattr(v, name, 3)
    assert str(getattr(v, name)) == before


def test_constants_have_a_value():
    assert T.constant(3).value == T.constant(3).data == 3


@pytest.mark.parametrize("made", [T.dvector, lambda: T.constant(1.0), lambda: theano.shared(1.0)])
def test_completion_offers_what_is_there(made):
    variable = made()
    assert [name for name in dir(variable) if not hasattr(variable, name)] == []
    assert {"shape", "eval", "T", "name"} <= set(dir(variable))
