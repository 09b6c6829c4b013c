"""Pictures: DOT that Graphviz reads for any graph and any name, SVG, and no half-written files."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad as theano
import symgrad.tensor as T
from symgrad import GraphTypeError, SymgradError, function, shared
from symgrad.draw import dot, svg

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def model():
    x, y = T.dmatrix("x"), T.ivector("y")
    W, b = shared(np.zeros((4, 3)), "W"), shared(np.zeros(3), "b")
    p = T.nnet.softmax(T.dot(x, W) + b)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    return x, y, W, b, cost


def test_what_is_in_a_picture():
    x, _, W, _, cost = model()
    text = dot(cost)
    assert text.startswith("digraph {")
    assert text.rstrip().endswith("}")
    for name in ("x\nfloat64 matrix", "W\nfloat64 (4, 3)", "softmax", "output", "log"):
        assert name in text, name
    edges = text.count("->")
    assert edges > 10
    assert dot([cost, x.sum()]).count('label="output 2"') == 1
    f = function([x], T.dot(x, W), updates=[(W, W * 2)])
    drawn = dot(f)
    assert "new W" in drawn
    assert "style=dashed" in drawn


def test_the_order_of_inputs_is_told_where_it_matters():
    x, y = T.dscalars("x", "y")
    assert dot(x - y).count("headlabel=1") == 1
    assert dot(x + y).count("headlabel=1") == 0


def test_a_large_graph_is_cut_and_says_so():
    y = T.dscalar("x")
    for _ in range(5000):
        y = T.exp(y)
    text = dot(y, max_nodes=10)
    assert "4991 nodes farther from the outputs are not shown" in text
    assert text.count('label="exp') == 10
    assert "…" in text


@pytest.mark.parametrize("thing", [3, "x", None, [3], [T.dscalar(), "y"]])
def test_other_things_are_refused(thing):
    with pytest.raises(GraphTypeError, match="draw: expected a variable"):
        dot(thing)


@needs_graphviz
def test_svg_of_expressions_and_functions(tmp_path):
    x, y, *_, cost = model()
    path = tmp_path / "cost.svg"
    text = svg(cost, path)
    assert path.read_text("utf-8") == text
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    words = {"".join(t.itertext()) for t in root.iter() if t.tag.endswith("text")}
    assert words >= {"x", "W", "y", "output", "float64 (4, 3)"}
    assert svg(function([x, y], cost)).count("<svg") == 1
    assert theano.draw.svg is svg
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cost.svg"]


@needs_graphviz
@settings(max_examples=25)
@given(st.text(max_size=70))
def test_any_name_can_be_drawn(name):
    x = T.dscalar(name)
    root = ElementTree.fromstring(svg(x + 1))
    words = ["".join(t.itertext()) for t in root.iter() if t.tag.endswith("text")]
    shown = re.sub(r"\s", " ", name)
    if shown.isascii() and shown.isalnum() and len(shown) <= 60:
        assert shown in words


@needs_graphviz
@pytest.mark.parametrize(
    "name", ['"', "\\", "\\n", "<b>&amp;", "]]>", "a\nb", "]; evil [", "%", "\\N"]
)
def test_awkward_names_are_drawn_as_they_are(name):
    root = ElementTree.fromstring(svg(T.dscalar(name) * 2))
    words = ["".join(t.itertext()) for t in root.iter() if t.tag.endswith("text")]
    shown = name.replace("\n", "\\u000a")
    assert shown in words


@needs_graphviz
def test_a_large_constant_is_drawn_by_its_type():
    root = ElementTree.fromstring(svg(T.dvector("x") + np.ones(9)))
    words = ["".join(t.itertext()) for t in root.iter() if t.tag.endswith("text")]
    assert "<float64 vector of shape (9,)>" in words


def test_without_graphviz_there_is_dot_text_and_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "picture.svg"
    with pytest.warns(UserWarning, match=r"written to .*picture\.dot.*Install Graphviz"):
        text = svg(T.dscalar("x"), path)
    assert text.startswith("digraph")
    assert [p.name for p in tmp_path.iterdir()] == ["picture.dot"]
    assert (tmp_path / "picture.dot").read_text("utf-8") == text
    with pytest.warns(UserWarning, match="is returned"):
        svg(T.dscalar("x"))


@needs_graphviz
def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(SymgradError, match=r"cannot write .*nowhere"):
        svg(T.dscalar("x"), tmp_path / "nowhere" / "x.svg")
