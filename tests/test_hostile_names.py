"""Names, keys and settings may hold anything: no text that we write repeats it raw or at length."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
import xml.dom.minidom
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import symgrad.draw

import symgrad
import symgrad.tensor as T

NAMES = {
    "terminal": "a\x1b[2J\x1b]0;x\x07b\x9bJ\x08",
    "lines": "a\nb\r\nc\x0bd\x85e\u2028f",
    "directions": "a\u202eb\u200fc\u2066d\ufeff",
    "long": "x" * 10_000,
    "markup": "</svg></script><script>alert(1)</script><!-- ]]>",
    "formats": "%s%n%(a)d{}{0}{x!r}$HOME`id`",
    "quotes": "a'b\"c\\",
    "surrogate": "a\ud800b",
    "nul": "a\0b",
    "gradient": "(d" + "/d" * 5_000,
    "spaces": " \t ",
}


def texts(name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What shows a name, each as a function that returns or prints it."""
    x, y = T.dmatrix(name), T.dvector(name)
    W = symgrad.shared(np.ones((2, 2)), name=name)
    e = (T.dot(x, W) + y).sum()
    f = symgrad.function([x, y], e, updates=[(W, W - T.grad(e, W))], name=name, profile=True)
    f(np.ones((2, 2)), np.ones(2))
    yield "pp", lambda: symgrad.pp(e)
    yield "str", lambda: f"{x} {e!r} {W} {f!r} {symgrad.In(x, name=name)!r}"
    yield "debugprint", lambda: symgrad.debugprint({name: e, "f": f})
    yield (
        "debugprint with all",
        lambda: symgrad.debugprint(e, print_storage=True, print_clients=True, print_type=True),
    )
    yield "source", lambda: f.source
    yield "plan", lambda: str(f.plan)
    yield "profile", lambda: str(f.profile)
    yield "story", lambda: str(f.story())
    yield "derivation", lambda: symgrad.derive(e, [x, W]).text()
    yield "derivation in ASCII", lambda: symgrad.derive(e, [x, W]).text(ascii=True)
    yield "derivation in LaTeX", lambda: symgrad.derive(e, [x, W]).latex()
    yield "lint", lambda: str(symgrad.lint(e, [W, T.dmatrix(name)], [(W, W)]))
    yield "disconnected", lambda: str(symgrad.why_disconnected(e, T.dscalar(name)))


def mistakes(name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What must raise, and quotes the name."""
    x, y = T.dmatrix(name), T.dvector(name)
    W = symgrad.shared(np.ones((2, 2)), name=name)
    e = (T.dot(x, W) + y).sum()
    f = symgrad.function([x, y], e, updates=[(W, W * 2)], name=name)
    square, two, other = np.ones((2, 2)), np.ones(2), name + "y"
    yield "argument", lambda: f(name, two)
    yield "array", lambda: f(np.array([[{name: 1}]]), two)
    yield "too few", lambda: f()
    yield "too many", lambda: f(square, two, name)
    yield "keyword", lambda: f(square, two, **{other: 1})
    yield "lengths", lambda: f(np.ones((2, 3)), two)
    yield "value", lambda: f[other]
    yield "set_value", lambda: W.set_value(name)
    yield "name", lambda: T.dmatrix([name])
    yield "dtype", lambda: T.matrix("x", dtype=name)
    yield "cast", lambda: T.cast(x, name)
    yield "axis", lambda: x.sum(axis=name)
    yield "index", lambda: x[name]
    yield "operand", lambda: T.exp(name)
    yield "dimshuffle", lambda: x.dimshuffle(name)
    yield "choice", lambda: T.sort(x, kind=name)
    yield "mode", lambda: symgrad.function([x], x, mode=name)
    yield "choice of function", lambda: symgrad.function([x], x, on_unused_input=name)
    yield "unused", lambda: symgrad.function([x, y], x)
    yield "missing", lambda: symgrad.function([x], e)
    yield "updates", lambda: symgrad.function([x], x, updates=[(name, name)])
    yield "outputs", lambda: symgrad.function([x], {name: name})
    yield "grad", lambda: T.grad(e, name)
    yield "disconnected", lambda: T.grad(e, T.dscalar(name))
    yield "eval", lambda: e.eval({name: 1})
    yield "clone", lambda: symgrad.clone(e, {name: x})
    yield "derive", lambda: symgrad.derive(e, name)
    yield "Print", lambda: symgrad.printing.Print("m", attrs=(name,))
    yield "format", lambda: symgrad.printing.pydotprint(e, "a", format=name)
    yield "flag", lambda: setattr(symgrad.config, name, 1)
    yield "value of a flag", lambda: setattr(symgrad.config, "floatX", name)
    yield "change_flags", lambda: symgrad.config.change_flags({name: name})
    yield "attribute", lambda: getattr(symgrad, name)
    yield (
        "guard",
        lambda: symgrad.function([x, y], e, mode="nan-guard", name=name)(square * np.nan, two),
    )


def check(text: str, where: str) -> None:
    raw = {c for c in text if not c.isprintable()} - {"\n"}
    assert not raw, f"{where}: {sorted(raw)!a}"
    assert not re.search("x{201}|(?:/d){101}", text), f"{where} quotes more than 200 characters"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_texts(name: str) -> None:
    lines = set()
    for where, show in texts(name):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            text = show()
        text = printed.getvalue() + (text or "")
        check(text, where)
        lines.add((where, text.count("\n")))
    if name == NAMES["lines"]:  # a name begins no line of its own
        usual = {(where, shown) for where, shown in lines if where == "pp"}
        assert usual == {("pp", 0)}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_messages(name: str) -> None:
    for where, fail in mistakes(name):
        with pytest.raises((symgrad.errors.SymgradError, ValueError, AttributeError)) as caught:
            fail()
        assert type(caught.value) is not UnicodeEncodeError, where
        check(str(caught.value), where)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_pictures_and_pages(name: str, tmp_path: Path) -> None:
    x = T.dmatrix(name)
    W = symgrad.shared(np.ones((2, 2)), name=name)
    with symgrad.name_scope(name.replace("/", "")):
        e = T.tanh(T.dot(x, W)).sum()
    f = symgrad.function([x], e, updates=[(W, W - T.grad(e, W))], name=name)
    for graph in (e, f):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            page = symgrad.draw.html(graph)
        check(page, "html")
        assert "<script>alert" not in page
        assert len(page) < 600_000
    f.story().html(tmp_path / "story.html")
    check((tmp_path / "story.html").read_text("utf-8"), "story")
    assert "<script>alert" not in (tmp_path / "story.html").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_drawings(name: str, tmp_path: Path) -> None:
    from symgrad.explain.draw.layout import LayoutError

    x = T.dmatrix(name)
    with symgrad.name_scope(name.replace("/", "")):
        e = T.tanh(x).sum()
    try:
        symgrad.draw.svg(e, tmp_path / "a.svg")
    except LayoutError:
        pytest.skip("neither Graphviz's dot nor pygraphviz is installed")
    svg = (tmp_path / "a.svg").read_text("utf-8")
    check(svg.replace("\xa0", " "), "svg")
    assert xml.dom.minidom.parseString(svg.encode()).getElementsByTagName("script") == []
