"""`Print` and `Assert`: run once for each call, whatever is rewritten around them."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import ExecutionError, GraphTypeError, function, grad
from symgrad.ops.control.debugging import Assert, Print, assert_op


def test_print_prints_each_time_and_passes_on(capsys):
    x = T.dvector("x")
    f = function([x], Print("x is", attrs=("__str__", "shape", "sum"))(x) * 2)
    np.testing.assert_array_equal(f([1, 2]), [2, 4])
    assert capsys.readouterr().out == "x is __str__ = [1. 2.]\nx is shape = (2,)\nx is sum = 3.0\n"
    f([3])
    assert capsys.readouterr().out.startswith("x is __str__ = [3.]\n")


def test_prints_are_neither_merged_nor_dropped(capsys):
    x = T.dscalar("x")
    function([x], Print("a")(x) + Print("a")(x))(1)
    assert capsys.readouterr().out.count("a __str__ = 1.0") == 2
    y = Print("once")(x)
    function([x], [y * 1 + y, y])(1)
    assert capsys.readouterr().out.count("once") == 1


def test_print_of_a_scalar_and_gradient(capsys):
    x = T.dscalar("x")
    got = function([x], grad(Print("s")(x) ** 2, x))(3)
    assert got == 6
    assert "s __str__ = 3.0" in capsys.readouterr().out


def test_print_refuses_what_arrays_do_not_have():
    with pytest.raises(GraphTypeError, match="arrays have no attribute 'colour'"):
        Print("x", attrs=("colour",))


def test_what_print_returns_is_the_callers_own():
    x = T.dvector("x")
    mine = np.ones(2)
    out = function([x], Print("", attrs=())(x))(mine)
    assert not np.shares_memory(out, mine)


@pytest.mark.parametrize("make", [lambda x: Assert("no")(x, x > 0), lambda x: assert_op(x, x > 0)])
def test_assert_passes_or_raises(make):
    x = T.dvector("x")
    f = function([x], make(x) * 2)
    np.testing.assert_array_equal(f([1, 2]), [2, 4])
    with pytest.raises(ExecutionError, match="test_debugging.py"):
        f([1, -2])
    with pytest.raises(AssertionError):
        f([1, -2])


def test_assert_of_several_conditions_and_gradient():
    x, y = T.dscalars("x", "y")
    checked = Assert("x must be below y")(x, x < y, y > 0)
    f = function([x, y], grad(checked**2, x))
    assert f(1, 2) == 2
    with pytest.raises(AssertionError, match="x must be below y"):
        f(3, 2)


def test_asserts_are_not_dropped():
    x = T.dscalar("x")
    f = function([x], Assert("negative")(x, x > 0) * 0 + 1)
    with pytest.raises(AssertionError, match="negative"):
        f(-1)
