"""Compiled functions: arguments, defaults, and errors during a call."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad import (
    ExecutionError,
    GraphTypeError,
    In,
    IndexRangeError,
    ShapeError,
    SymgradError,
    config,
    function,
    shared,
)
from symgrad.ops.control.debugging import Assert

HERE = "test_call.py"


# -- arguments ---------------------------------------------------------------------------------


def subtract(**settings):
    x, y = T.dscalar("x"), T.dscalar("y")
    return function([x, y], x - y, name="subtract", **settings)


def test_arguments_in_order_and_by_name():
    f = subtract()
    assert f(5, 3) == f(5, y=3) == f(y=3, x=5) == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1, 2, 3), {}, r"subtract\(\) takes 2 inputs \(x, y\), 3 were given"),
        ((1,), {}, r"subtract\(\) needs a value for input 2, y \(float64 scalar\)(?s:.*)" + HERE),
        ((), {"y": 1}, r"needs a value for input 1, x"),
        ((1,), {"x": 2}, r"was given 'x' twice"),
        ((1,), {"z": 2}, r"has no input named 'z'; its inputs are x, y"),
        ((1,), {"yy": 2}, r"no input named 'yy'.*Did you mean 'y'|no input named 'yy'"),
        ((1, "a"), {}, r"subtract\(\): input 2, y \(float64 scalar\): got 'a'(?s:.*)" + HERE),
    ],
)
def test_wrong_arguments_name_the_variable(args, kwargs, message):
    with pytest.raises(TypeError, match=message):
        subtract()(*args, **kwargs)


def test_an_unnamed_function_is_named_by_its_line():
    f = function([], 1.0)
    with pytest.raises(TypeError, match=rf"function made at {HERE}:\d+ takes 0 inputs"):
        f(3)


def test_two_inputs_of_one_name():
    f = function([T.dscalar("x"), T.dscalar("x")], 1.0, on_unused_input="ignore")
    with pytest.raises(TypeError, match="2 inputs named 'x'; give them in order"):
        f(1, x=2)
    assert f(1, 2) == 1


def test_unnamed_inputs():
    x, y = T.dscalar(), T.dscalar()
    assert function([x, y], x / y)(6, 3) == 2


def test_what_an_input_accepts():
    f = function([T.fmatrix("m")], 1.0, on_unused_input="ignore")
    f(np.ones((2, 2), "uint8"))
    f([[1, 2], [3, 4]])
    with pytest.raises(TypeError, match="dtype float64 and shape .2, 2., expected float32"):
        f(np.ones((2, 2)))
    with pytest.raises(TypeError, match="expected a float32 matrix"):
        f(np.ones(2, "float32"))
    x = T.fvector("x")
    down = function([x], x, allow_input_downcast=True)
    np.testing.assert_array_equal(down(np.ones(2)), np.ones(2, "float32"))
    own = function([In(x, allow_downcast=False)], x, allow_input_downcast=True)
    with pytest.raises(TypeError, match="expected float32"):
        own(np.ones(2))
    strict = function([In(x, strict=True)], x)
    with pytest.raises(TypeError, match="strict=True"):
        strict([1.0])


def test_trust_input_skips_the_checks():
    x = T.dvector("x")
    f = function([x], x * 2)
    f.trust_input = True
    np.testing.assert_array_equal(f(np.ones(2)), [2, 2])
    assert f(np.ones(2, "int64")).dtype == "float64"


# -- In ----------------------------------------------------------------------------------------


def test_defaults_come_back_after_each_call():
    x, lr = T.dscalar("x"), T.dscalar("lr")
    f = function([x, In(lr, value=0.5)], x * lr)
    assert [float(v) for v in (f(2), f(2, 3), f(2, lr=4), f(x=2))] == [1, 6, 8, 1]


def test_a_default_before_a_required_input():
    x, y = T.dscalars("x", "y")
    f = function([In(x, value=10), y], x - y)
    assert f(y=1) == 9
    assert f(3, 1) == 2


def test_a_default_is_kept_as_it_was():
    x = T.dvector("x")
    given_value = np.ones(2)
    f = function([In(x, value=given_value)], x)
    given_value[:] = 7
    f()[:] = 8
    np.testing.assert_array_equal(f(), [1, 1])


def test_a_default_of_a_shared_variable_is_its_value_at_the_call():
    x = T.dscalar("x")
    w = shared(1.0)
    f = function([In(x, value=w)], x * 10)
    assert f() == 10
    w.set_value(2.0)
    assert f() == 20
    assert f(3) == 30


def test_a_default_is_checked_when_the_function_is_made():
    x = T.fvector("x")
    with pytest.raises(GraphTypeError, match="the default of input 1, x .*expected float32"):
        function([In(x, value=np.ones(2))], x)
    assert function([In(x, value=np.ones(2))], x, allow_input_downcast=True)().dtype == "float32"


def test_an_input_may_have_another_name():
    x = T.dscalar("x")
    f = function([In(x, name="rate")], x)
    assert f(rate=2) == 2
    with pytest.raises(TypeError, match="no input named 'x'"):
        f(x=2)
    with pytest.raises(TypeError, match="no input named 'x'"):
        function([In(x, autoname=False)], x)(x=2)


def test_param_is_the_old_name_and_update_is_refused():
    x = T.dscalar("x")
    f = function([theano.Param(x, default=2.0, name="scale")], x * 3)
    assert (f(), f(scale=1.0)) == (6, 3)
    with pytest.raises(GraphTypeError, match="needs a value|: input 1, y .*got None"):
        function([y := T.dscalar("y")], y)(None)  # not "the default of input 1"
    assert theano.Param(x, 4.0).value == theano.Param(x, value=4.0).value == 4.0
    with pytest.raises(GraphTypeError, match="Make a shared variable"):
        In(x, value=0, update=x + 1)


# -- what Theano's users find on a function -----------------------------------------------------


def test_attributes():
    x = T.dvector("x")
    w = shared(np.ones(2), "w")
    f = function([x], T.exp(x) * w, updates=[(w, w + x)], name="step")
    graph = f.maker.fgraph
    assert [str(n.op) for n in graph.toposort()] == ["exp", "mul", "add"]
    assert graph.inputs == [x, w]
    assert [str(o.op) for o in graph.outputs] == ["mul", "add"]
    assert graph.apply_nodes == set(graph.toposort())
    assert f.get_shared() == [w]
    assert f.free() is None
    assert f.profile is None
    assert repr(f) == "<symgrad function step(x)>"
    assert "exp(x, " in f.source


# -- errors during a call -------------------------------------------------------------------------


def test_an_error_names_op_operands_and_line():
    x, y = T.dmatrix("x"), T.dvector("y")
    f = function([x, y], T.dot(T.exp(x), y), name="predict")
    with pytest.raises(ShapeError) as caught:
        f(np.ones((2, 3)), np.ones(4))
    text = str(caught.value)
    assert "predict(): dot failed" in text
    assert "exp(x): float64 of shape (2, 3)" in text
    assert "y: float64 of shape (4,)" in text
    assert HERE in text
    assert "T.dot(T.exp(x), y)" in text


def test_an_error_shows_scalars_and_is_of_both_kinds():
    x, i = T.dvector("x"), T.lscalar("i")
    with pytest.raises(IndexRangeError, match=r"i: int64 of shape \(\), value 5"):
        function([x, i], x[i])(np.ones(3), 5)
    x = T.dmatrix("x")
    f = function([x], Assert("too small")(x, T.gt(x.sum(), 0)))
    with pytest.raises(ExecutionError, match="too small") as caught:
        f(np.zeros((1, 1)))
    assert isinstance(caught.value, AssertionError)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), ExecutionError)
    with config.change_flags({"numpy.seterr_all": "raise"}):
        g = function([x], 1 / x)
    with pytest.raises(FloatingPointError, match=r"true_div failed: divide by zero") as caught:
        g(np.zeros((1, 1)))
    assert isinstance(caught.value, SymgradError)


def test_numpy_warnings_as_configured():
    x = T.dscalar("x")
    with config.change_flags({"numpy.seterr_all": "None", "numpy.seterr_divide": "warn"}):
        f = function([x], 1 / x)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        f(0)
    with config.change_flags({"numpy.seterr_all": "None"}):
        g = function([x], 1 / x)
    assert "errstate" not in g.source
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        g(0)
    before = np.geterr()
    function([x], 1 / x)(0)
    assert np.geterr() == before


def test_an_error_deep_in_a_large_graph():
    x, y = T.dvector("x"), T.dvector("y")
    z = x
    for _ in range(3000):
        z = T.tanh(z)
    z = z + y
    for _ in range(3000):
        z = T.tanh(z)
    with pytest.raises(ShapeError, match=r"add failed(?s:.*)y: float64 of shape \(4,\)") as caught:
        function([x, y], z)(np.ones(3), np.ones(4))
    assert "z = z + y" in str(caught.value)
    assert len(str(caught.value)) < 2000
