"""The values that functions hold: reading and setting them, and copies of functions."""

import copy
import pickle

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError

V = T.dvector("v")
X, Y = T.dscalars("x", "y")


def make():
    s = theano.shared(5.0, "s")
    inputs = [V, theano.In(X, value=2.0), theano.In(Y, name="yy", value=3.0)]
    return theano.function(inputs, V * X * Y * s, updates=[(s, s + 1)]), s


def test_values_are_read_by_name_variable_and_number():
    f, s = make()
    for read in (f.__getitem__, f.value.__getitem__, lambda key: f.container[key].value):
        assert [float(read(key)) for key in ("x", X, 1)] == [2.0] * 3
        assert read("yy") == 3.0
        assert read("s") == read(s) == 5.0
        assert read("v") is None
        for missing in ("y", "nope", T.dscalar(), 7):
            with pytest.raises(GraphTypeError, match="it has v, x, yy, s"):
                read(missing)
    assert type(f["x"]) is np.ndarray
    assert "x" in f
    assert "yy" in f.container
    assert "nope" not in f
    with pytest.raises(TypeError, match="not iterable"):
        list(f)
    assert f.container["x"].name == "x"


def test_a_default_that_is_set_serves_the_next_call():
    f, s = make()
    for put in (
        lambda value: f.__setitem__("x", value),
        lambda value: f.__setitem__(X, value),
        lambda value: f.value.__setitem__("x", value),
        lambda value: setattr(f.container["x"], "value", value),
    ):
        s.set_value(1.0)
        put(7)
        assert f["x"] == 7.0
        assert f([1.0]) == 21.0
        assert f["x"] == 2.0
        assert f([1.0]) == 12.0


def test_shared_variables_are_set_for_good():
    f, s = make()
    f["s"] = 1.0
    assert s.get_value() == 1.0
    f.container[s].value = 4
    assert f["s"] == s.get_value() == 4.0


def test_what_is_set_is_checked():
    f, _ = make()
    with pytest.raises(GraphTypeError, match="x .float64 scalar.*shape"):
        f["x"] = [1.0, 2.0]
    with pytest.raises(GraphTypeError, match="expected float64 numbers"):
        f["x"] = "two"
    with pytest.raises(GraphTypeError, match=r"no default.*In\(v, value="):
        f["v"] = [1.0]


def test_what_is_read_is_a_copy():
    array = np.ones(2)
    f = theano.function([theano.In(V, value=array)], V * 2)
    f["v"][0] = 9.0
    array[1] = 9.0
    assert f().tolist() == [2.0, 2.0]
    mine = np.zeros(2)
    f["v"] = mine
    mine[0] = 5.0
    assert f().tolist() == [0.0, 0.0]


def test_two_of_a_name_must_be_told_apart():
    a, b = T.dscalar("a"), T.dscalar("a")
    f = theano.function([theano.In(a, value=1.0), theano.In(b, value=2.0)], a - b)
    with pytest.raises(GraphTypeError, match="2 of its inputs"):
        f["a"]
    assert f[b] == 2.0


# -- pairs as inputs, and other ways to write a function ---------------------------------------


@pytest.mark.parametrize(
    ("inputs", "args", "kwargs"),
    [
        ([V, (X, 2.0)], ([1.0, 2.0],), {}),
        ([V, [X, 2.0]], ([1.0, 2.0],), {}),
        ([V, (X, 7.0)], ([1.0, 2.0], 2.0), {}),
        ([V, ("rate", X)], ([1.0, 2.0],), {"rate": 2.0}),
        ([V, ("rate", X, 2.0)], ([1.0, 2.0],), {}),
        ([(X, 2.0), V], (), {"v": [1.0, 2.0]}),
        ([V, (X, theano.shared(2.0))], ([1.0, 2.0],), {}),
    ],
)
def test_inputs_as_pairs(inputs, args, kwargs):
    assert theano.function(inputs, V * X)(*args, **kwargs).tolist() == [2.0, 4.0]


@pytest.mark.parametrize("entry", [(), (2.0, X), (X, 1.0, 2.0), ("x",), ((X, X + 1), 3.0)])
def test_tuples_that_are_no_pairs(entry):
    with pytest.raises(GraphTypeError, match=r"\(variable, value\)"):
        theano.function([entry], X)


def test_an_input_may_be_named_self():
    x = T.dscalar("self")
    for profile in (False, True):
        f = theano.function([x], x * 2, profile=profile)
        assert f(self=2.0) == 4.0
        assert str(f.profile)  # a profile that nobody looks at is printed in the end


@pytest.mark.parametrize("second", [X + 1, [X + 1], theano.Out(X + 1)])
def test_outputs_without_a_list(second):
    with pytest.raises(GraphTypeError, match=r"outputs into a list: function\(inputs, \[a, b\]\)"):
        theano.function([X], X, second)


# -- copies --------------------------------------------------------------------------------------


def test_theanos_tutorial_on_copies():
    state = theano.shared(0)
    inc = T.iscalar("inc")
    accumulator = theano.function([inc], state, updates=[(state, state + inc)])
    assert accumulator(10) == 0
    assert state.get_value() == 10
    new_state = theano.shared(0)
    new_accumulator = accumulator.copy(swap={state: new_state})
    assert new_accumulator(100) == 0
    assert (state.get_value(), new_state.get_value()) == (10, 100)
    null_accumulator = accumulator.copy(delete_updates=True)
    assert null_accumulator(9000) == 10
    assert state.get_value() == 10


def test_copies_keep_inputs_names_and_structure():
    w = theano.shared(np.ones(2), "w")
    f = theano.function(
        [V, (X, 2.0)], {"y": V * w * X}, updates={w: w + 1}, name="f", allow_input_downcast=True
    )
    g = f.copy()
    assert g.name == "f copy"
    assert f.copy(name="g").name == "g"
    assert g([1.0, 1.0])["y"].tolist() == [2.0, 2.0]
    assert f(v=[1.0, 1.0])["y"].tolist() == [4.0, 4.0]
    f["x"] = 9.0
    assert g["x"] == 2.0
    assert "No call returned yet" in str(f.copy(profile=True).profile)
    h = f.copy(True, {w: theano.shared(np.zeros(2))}, True)
    assert h([1.0, 1.0])["y"].tolist() == [0.0, 0.0]
    again = pickle.loads(pickle.dumps(h))
    assert again([1.0, 1.0])["y"].tolist() == [0.0, 0.0]
    assert copy.copy(f)([1.0, 1.0])["y"].tolist() == [6.0, 6.0]


def test_swaps_in_expressions_that_read_each_other():
    a, b = theano.shared(1.0, "a"), theano.shared(2.0, "b")
    f = theano.function([], a - b, updates={a: a + b, b: a})
    g = f.copy(swap={a: b, b: a})
    assert g() == 1.0
    assert (a.get_value(), b.get_value()) == (2.0, 3.0)


def test_swaps_that_cannot_be():
    state = theano.shared(0, "state")
    inc = T.lscalar("inc")
    f = theano.function([inc], state + inc, updates=[(state, state + inc)], name="f")
    other = theano.shared(0)
    with pytest.raises(GraphValueError, match=r"copy of f\(\): it does not use"):
        f.copy(swap={other: state})
    with pytest.raises(GraphTypeError, match="must map shared variables"):
        f.copy(swap={inc: other})
    with pytest.raises(GraphTypeError, match="float64 scalar"):
        f.copy(swap={state: theano.shared(1.0)})


# -- updates that variables bring themselves -------------------------------------------------------


def test_what_an_input_replaces_is_not_updated():
    a = theano.shared(5.0, "a")
    a.default_update = a * 3
    c = a - 1
    assert theano.function([c], c)(2.0) == 2.0
    assert a.get_value() == 5.0
    assert theano.function([c], c + a)(2.0) == 7.0
    assert a.get_value() == 15.0


def test_below_an_input_that_a_default_update_needs():
    a, b = theano.shared(5.0, "a"), theano.shared(1.0, "b")
    a.default_update = a * 3
    c = a - 1
    b.default_update = b + c
    assert theano.function([c], b)(2.0) == 1.0
    assert (a.get_value(), b.get_value()) == (5.0, 3.0)


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_a_default_update_counts_what_the_expression_was_written_from(shape):
    x = T.TensorType("float64", (None,) * len(shape))("x")
    for build in (
        lambda a: T.grad((2 * a).sum(), a),
        lambda a: T.grad((a + x).sum(), x),
        lambda a: T.grad(T.sgn(a).sum(), a),
        T.ones_like,
        T.zeros_like,
    ):
        a = theano.shared(np.ones(shape))
        a.default_update = a * 3
        f = theano.function([x], build(a), on_unused_input="ignore")
        f(np.ones(shape))
        np.testing.assert_array_equal(a.get_value(), 3 * np.ones(shape))
        below = a - 1
        theano.function([below], T.ones_like(below))(np.ones(shape))
        np.testing.assert_array_equal(a.get_value(), 3 * np.ones(shape))


def test_a_default_update_may_be_deleted():
    a = theano.shared(5.0, "a")
    a.default_update = a * 3
    del a.default_update
    assert a.default_update is None
    assert theano.function([], a)() == 5.0
    assert a.get_value() == 5.0
    del a.default_update
    assert pickle.loads(pickle.dumps(a)).default_update is None


def test_a_given_number_is_rounded_as_an_argument_is():
    x = T.fscalar("x")
    assert theano.function([], x, givens={x: 0.1})() == np.float32(0.1)
    with pytest.raises(GraphTypeError, match="does not fit"):
        theano.function([], x, givens={x: np.float64(0.1)})
    f = theano.function([], x, givens={x: np.float64(0.1)}, rebuild_strict=False)
    assert f() == np.float32(0.1)


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("float32", 2.5, True),
        ("float32", 0.1, True),
        ("float32", np.float64(0.5), True),
        ("float32", np.float64(0.1), False),
        ("int32", 3, True),
        ("int32", 2.0, True),
        ("int32", 2.5, False),
        ("int8", 300, False),
        ("int8", np.int64(3), True),
        ("int64", True, True),
        ("float64", np.array(2.0), True),
        ("float32", np.array(2.0), False),
        ("float32", [1.5, 2], True),
        ("int32", [1.0, 2.0], True),
        ("int32", [1.5], False),
        ("int8", range(2), True),
        ("float32", np.ones(2), False),
        ("float64", "text", False),
    ],
)
def test_numbers_as_updates_are_judged_as_set_value_judges(dtype, value, fits):
    start = np.zeros((1,) * (0 if isinstance(value, str) else np.ndim(value)), dtype)
    for change in (
        lambda s: s.set_value(value),
        lambda s: theano.function([], [], updates=[(s, value)])(),
    ):
        s = theano.shared(start, "s")
        if fits:
            change(s)
            assert s.get_value().dtype == dtype
            np.testing.assert_array_equal(s.get_value(), np.array(value, dtype))
        else:
            with pytest.raises(GraphTypeError, match=r"of (the shared variable )?s\b"):
                change(s)


def test_updates_may_be_lists_that_hold_variables():
    x = T.dscalar("x")
    s = theano.shared(np.zeros(2))
    theano.function([x], [], updates={s: [x, 1.0]})(3.0)
    assert s.get_value().tolist() == [3.0, 1.0]
    with pytest.raises(GraphTypeError, match="update of"):
        theano.function([], [], updates={s: 1.0})
