"""Generated source: readable, valid for any name, registered, traced back to, and freed."""

from __future__ import annotations

import gc
import keyword
import linecache
import traceback

import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad.tensor as T
from symgrad import ShapeError, function, shared

NASTY = [
    *keyword.kwlist,
    "t1",
    "t2",
    "dot",
    "exp",
    "array",
    "errstate",
    "results",
    "k2",
    "lock",
    "lock_2",
    "cell_W",
    "W_new",
    "W",
    "f",
    "fit",
    "deepcopy",
    "function",
    "int",
    "len",
    "print",
    "θ",
    "ﬁ",
    "x y",
    "a[0]",
    "x'",
    "",
    " ",
    "1st",
    "\n",
    "#",
    '"',
    "x" * 300,
    "\ud800",
    "__builtins__",
    "self",
]


def compute(names, name=None):
    """A function whose variables have these names; its results are known."""
    names = (names * 5)[:5]
    x, y = T.dvector(names[0]), T.dvector(names[1])
    w, b = shared(np.ones(2), names[2]), shared(np.ones((2, 2)), names[3])
    h = T.exp(x) * 2
    h.name = names[4]
    out = T.dot(b, h * y) + w
    f = function([x, y], [out, h], updates=[(w, w + out), (b, b * 2)], name=name)
    for k in range(2):
        got, hidden = f(np.zeros(2), np.ones(2))
        np.testing.assert_array_equal(hidden, [2, 2])
        np.testing.assert_array_equal(got, [5, 5] if k == 0 else [14, 14])
    return f


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_variables_and_functions(name):
    compute([name], name)


@given(st.lists(st.sampled_from(NASTY) | st.text(max_size=8), min_size=5, max_size=5))
def test_any_mixture_of_names(names):
    compute(names, names[0])


def test_the_source_as_it_reads():
    x, y = T.dmatrix("x"), T.ivector("y")
    W = shared(np.zeros((3, 2)), "W")
    p = T.dot(x, W)
    p.name = "p"
    f = function([x, y], [-p + 1, y], updates=[(W, W * 2)], name="predict", mode="FAST_COMPILE")
    lines = [line.split("  #")[0].rstrip() for line in f.source.splitlines()]
    assert lines == [
        "def predict(x, y):",
        "    if type(x) is not ndarray or x.dtype is not float64 or x.ndim != 2: x = check_x(x)",
        "    if type(y) is not ndarray or y.dtype is not int32 or y.ndim != 1: y = check_y(y)",
        "    with errstate(all='ignore'), lock:",
        "        W = cell_W.value",
        "        memory = t1, home = take(x.shape, W.shape)",
        "        W_spare = spare(cell_W, W)",
        "        p = dot(x, W, t1)",
        "        t1 = neg(p, t1)",
        "        t2 = add(t1, k1)",
        "        t3 = mul(W, k2, W_spare)",
        "        W_new = t3",
        "        result = [t2, array(y)]",
        "        home.append(memory)",
        "        cell_W.value = W_new; cell_W.spare = W",
        "        return result",
    ]
    assert "# test_source.py:" in f.source


def test_long_lists_are_wrapped():
    inputs = [T.dscalar(f"a_long_name_{k}") for k in range(30)]
    cells = [shared(0.0, f"c{k}") for k in range(12)]
    f = function(inputs, inputs, updates=[(c, c + inputs[0]) for c in cells])
    body = [
        line
        for line in f.source.splitlines()
        if "cell_c0.value = " not in line and " is not ndarray " not in line
    ]
    assert max(map(len, body)) <= 100
    assert f(*range(30)) == list(range(30))
    assert cells[3].get_value() == 0.0
    f(*[1] * 30)
    assert cells[3].get_value() == 1.0


def test_hundreds_of_updates():
    """More locks than one `with` statement may hold."""
    cells = [shared(float(k), "s") for k in range(300)]
    f = function(
        [], [], updates=[(a, b) for a, b in zip(cells, cells[1:] + cells[:1], strict=True)]
    )
    f()
    assert [float(c.get_value()) for c in cells] == [*range(1, 300), 0]
    assert all(c.cell.lock.acquire(blocking=False) for c in cells)


def test_a_traceback_shows_the_generated_line():
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], T.exp(x) + y, name="mine")
    with pytest.raises(ShapeError) as caught:
        f(np.ones(2), np.ones(3))
    text = "".join(traceback.format_exception(caught.value))
    assert "in mine" in text
    assert "t2 = add(t1, y" in text
    assert '"<symgrad mine ' in text


def test_the_source_is_unregistered_when_the_function_is_freed():
    def mine():
        return {name for name in linecache.cache if name.startswith("<symgrad mine")}

    gc.collect()
    before = mine()
    f = function([], 1.0, name="mine")
    (name,) = mine() - before
    assert linecache.getline(name, 1) == "def mine():\n"
    linecache.checkcache()
    assert linecache.getline(name, 1) == "def mine():\n"
    del f
    gc.collect()
    assert mine() == before


def test_a_users_file_of_any_name_stays_a_comment():
    scope = {"T": T, "function": function}
    code = compile("x = T.dvector('x')\ny = T.exp(x)", "a\nimport os; boom()  \ud800.py", "exec")
    exec(code, scope)
    f = function([scope["x"]], scope["y"])
    np.testing.assert_array_equal(f([0]), [1])
    assert "a?import os; boom()  ?.py:2" in f.source


def test_constants_are_bound_by_value():
    x = T.dvector("x")
    f = function([x], [x + 1.5, x * -3, x - np.nan, x + 1e-5, x + True, x + np.arange(2.0)])
    for name in ("k1_5", "kneg_3", "knan", "constant"):
        assert name in f.source
    np.testing.assert_array_equal(f([0, 0])[0], [1.5, 1.5])
