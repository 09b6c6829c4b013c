"""Pages: what is written into them, whatever is drawn."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, MissingInputError, SymgradError
from symgrad.explain.draw.page.data import page_data
from symgrad.explain.draw.page.outline import Outline
from symgrad.explain.draw.page.sampling import summary
from symgrad.explain.draw.picture import picture

NASTY = "</script><script>alert(1)</script>\"'&<!-- %data% $title \\ \u2028\u202eé\N{SNOWMAN}\x00"


def data_of(page: str) -> Any:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def rows(data: Any, key: str) -> list[dict[str, Any]]:
    """The nodes of a view, with their texts."""
    view = next(view for view in data["views"] if view["key"] == key)
    columns = view["nodes"]
    found = []
    for k in range(len(columns["group"])):
        row = {
            name: data["texts"][column[k]] for name, column in columns.items() if name != "group"
        }
        row |= {"values": view["values"].get(str(k)), "times": view["times"].get(str(k))}
        found.append(row)
    return found


def training(**settings: Any) -> tuple[Any, Any]:
    x, y = T.dmatrix("x"), T.ivector("y")
    W = symgrad.shared(np.zeros((4, 3)), "W")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W)))[T.arange(y.shape[0]), y])
    f = symgrad.function([x, y], cost, updates=[(W, W - 0.5 * T.grad(cost, W))], **settings)
    return f, W


def network(layers: int) -> Any:
    """Two lines of source for each layer, over and over, and the gradient of it all."""
    x = T.dmatrix("x")
    h, params = x, []
    for k in range(layers):
        params.append(symgrad.shared(np.eye(2), f"W{k}"))
        z = T.dot(h, params[-1])
        h = T.tanh(z) + h
    cost = h.sum()
    return [cost, *T.grad(cost, params)]


# -- the file ------------------------------------------------------------------------------------


def test_a_page_loads_nothing_and_holds_no_markup_of_the_users(tmp_path: Path) -> None:
    x = T.dvector(NASTY)
    page = symgrad.draw.html(T.exp(x).sum(), tmp_path / "page.html", title=NASTY)
    assert (tmp_path / "page.html").read_text("utf-8") == page
    assert page.count("</script>") == 2
    assert "alert(1)</script>" not in page
    assert NASTY in data_of(page)["texts"]
    assert data_of(page)["title"] == NASTY
    assert set(re.findall(r"https?://[^\"'\s]*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=\"(?!data:)", page)
    assert set(re.findall(r"url\((.)", page)) == {"#"}
    assert "default-src 'none'" in page


def test_names_with_half_characters_are_written() -> None:
    page = symgrad.draw.html(T.exp(T.dvector("\ud800")), title="\udc00")
    page.encode("utf-8")
    assert "\ud800" in data_of(page)["texts"]


def test_a_page_is_the_same_every_time(tmp_path: Path) -> None:
    program = (
        "import symgrad, symgrad.tensor as T, numpy as np, sys\n"
        "x, W = T.dmatrix('x'), symgrad.shared(np.eye(3), 'W')\n"
        "c = T.tanh(T.dot(x, W)).sum()\n"
        "f = symgrad.function([x], c, updates=[(W, W - T.grad(c, W))])\n"
        "sys.stdout.write(symgrad.draw.html(f, sample=(np.ones((2, 3)),)))\n"
    )
    (tmp_path / "program.py").write_text(program, "utf-8")
    root = Path(symgrad.__file__).parents[1]
    pages = {
        subprocess.run(
            [sys.executable, str(tmp_path / "program.py")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pages) == 1
    assert len(pages.pop()) > 10_000


def test_where_nothing_can_be_written_an_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(SymgradError, match="cannot write .*nowhere"):
        symgrad.draw.html(T.dvector("x"), tmp_path / "nowhere" / "page.html")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(GraphTypeError, match="expected a variable"):
        symgrad.draw.html("x")


@pytest.mark.parametrize("drawn", [[], {"a": T.exp(T.dscalar("x"))}, T.dscalar("x")])
def test_whatever_can_be_drawn_becomes_a_page(drawn: Any) -> None:
    assert [view["key"] for view in data_of(symgrad.draw.html(drawn))["views"]] == ["graph"]


def test_a_function_is_shown_as_compiled_and_as_written() -> None:
    f, _ = training(name="train")
    data = data_of(symgrad.draw.html(f))
    assert data["title"] == "train"
    assert [view["title"] for view in data["views"]] == ["as compiled", "as written"]
    labels = [{row["label"] for row in rows(data, key)} for key in ("compiled", "written")]
    assert "softmax" in labels[1] - labels[0]
    [update] = [row for row in rows(data, "written") if row["kind"] == "update"]
    assert update["name"] == "W"


def test_nodes_know_their_line_and_formula() -> None:
    x = T.dvector("x")
    y = T.exp(x) * 3  # the line
    data = data_of(symgrad.draw.html(y))
    [row] = [row for row in rows(data, "graph") if row["label"] == "exp"]
    assert row["place"].startswith("test_html.py:")
    assert row["source"] == "y = T.exp(x) * 3  # the line"
    assert "exp(x)" in [data["texts"][k] for k in data["views"][0]["formulas"].values()]


# -- groups --------------------------------------------------------------------------------------


def children_of(outline: Outline) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for k, box in enumerate(outline.box_of):
        found.setdefault(box, []).append(("node", k))
    for k, inner in enumerate(outline.boxes):
        assert inner.parent < k
        found.setdefault(inner.parent, []).append(("box", k))
    return found


@pytest.mark.parametrize("layers", [60, 400])
def test_no_group_of_a_large_graph_is_long(layers: int) -> None:
    drawn = picture(network(layers))
    outline = Outline(drawn)
    children = children_of(outline)
    assert max(map(len, children.values())) <= 40
    assert set(children) == set(range(-1, len(outline.boxes)))  # no box is empty
    for k, box in enumerate(outline.boxes):
        inside = sum(1 if kind == "node" else outline.boxes[j].count for kind, j in children[k])
        assert box.count == inside
    assert sum(own == -1 for own in outline.box_of) + sum(
        box.count for box in outline.boxes if box.parent == -1
    ) == len(drawn.nodes)


def test_groups_made_of_lines_and_parts_close_no_circle() -> None:
    outline = Outline(picture(network(100)))
    above: list[list[int]] = [
        [*outline._around(box)[1:], -2 - k] for k, box in enumerate(outline.box_of)
    ]
    graphs: dict[int, dict[int, set[int]]] = {}
    for k, readers in enumerate(outline.readers):
        for reader in readers:
            a, b = above[k], above[reader]
            depth = next(d for d, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1])
            around = a[depth - 1] if depth else -1
            graphs.setdefault(around, {}).setdefault(b[depth], set()).add(a[depth])
    kinds = {"line", "part"}
    checked = 0
    for graph in graphs.values():
        if any(k >= 0 and outline.boxes[k].kind in kinds for k in graph):
            TopologicalSorter(graph).prepare()  # raises CycleError
            checked += 1
    assert checked > 10


def test_name_scopes_are_kept() -> None:
    x = T.dmatrix("x")
    with symgrad.name_scope("encoder"):
        h = T.tanh(x)
    outline = Outline(picture(T.exp(h).sum()))
    assert [(box.title, box.kind, box.count) for box in outline.boxes] == [("encoder", "scope", 1)]


def test_a_group_has_the_role_of_the_group_around_it() -> None:
    x = T.dvector("x")
    J = symgrad.gradient.jacobian(T.tanh(x), x)
    outline = Outline(picture([J, T.grad((J**2).sum(), x)]))
    roles = {box.title: box.role for box in outline.boxes if box.kind == "role"}
    assert roles == {"forward": "forward", "gradient": "gradient"}
    for box in outline.boxes:
        if box.parent != -1:
            assert box.role == outline.boxes[box.parent].role


def test_many_outputs_become_a_group() -> None:
    outline = Outline(picture(network(200)))
    assert "201 outputs" in [box.title for box in outline.boxes if box.kind == "ends"]


def test_what_is_left_out_is_counted() -> None:
    y = T.dvector("x")
    for _ in range(3000):
        y = T.tanh(y)
    [view] = page_data(y, None, None, most=1000)["views"]
    kept = len(view["nodes"]["group"])
    assert 900 <= kept <= 1000
    left_out = sum(group.get("left_out", 0) for group in view["groups"])
    assert kept + left_out == 3002
    assert view["note"].startswith(f"{left_out:,} of 3,002 nodes are not in this file")
    ends = view["edges"]["from"] + view["edges"]["to"]
    assert max(ends) < kept + len(view["groups"])
    targets = {end - kept for end in ends if end >= kept}
    assert all(view["groups"][k].get("left_out") for k in targets)


def test_twenty_thousand_nodes_make_a_small_page() -> None:
    y = T.dvector("x")
    for _ in range(10_000):
        y = T.tanh(y) * 2
    page = symgrad.draw.html(y)
    assert len(page) < 2_500_000
    assert len(rows(data_of(page), "graph")) == 20_002


# -- values --------------------------------------------------------------------------------------


def test_values_of_a_sample_call_and_nothing_is_changed() -> None:
    f, W = training()
    x, y = np.arange(8.0).reshape(2, 4), np.array([0, 2], "int32")
    data = data_of(symgrad.draw.html(f, sample=(x, y)))
    assert not W.get_value().any()
    for key in ("compiled", "written"):
        found = {row["name"] or row["label"]: row["values"] for row in rows(data, key)}
        assert found["x"]["shape"] == "(2, 4)"
        assert (found["x"]["min"], found["x"]["mean"], found["x"]["max"]) == ("0", "3.5", "7")
        assert found["output"]["value"] == f"{np.log(3):.4g}"
    f(x, y)
    new = W.get_value()
    for key in ("compiled", "written"):
        [update] = [row for row in rows(data, key) if row["kind"] == "update"]
        assert update["values"]["max"] == f"{new.max():.4g}"


def test_a_sample_may_be_given_by_name_or_by_variable_or_alone() -> None:
    x = T.dvector("x")
    f = symgrad.function([x], x.sum())
    by_name, alone = {"x": [1.0, 2.0]}, np.array([1.0, 2.0])
    for drawn, sample in [(f, by_name), (f, (alone,)), (f, alone), (x.sum(), {x: [1, 2]})]:
        data = data_of(symgrad.draw.html(drawn, sample=sample))
        found = rows(data, data["views"][0]["key"])
        assert [row["values"]["value"] for row in found if row["kind"] == "output"] == ["3"]


def test_values_where_an_input_is_no_placeholder_and_inside_a_loop() -> None:
    x, y = T.dvectors("x", "y")
    z = x + y
    f = symgrad.function([z, y], [z * 2, symgrad.gradient.jacobian(T.exp(y), y)])
    data = data_of(symgrad.draw.html(f, sample=([1.0, 2.0], [0.0, 0.0])))
    for key in ("compiled", "written"):
        found = {row["label"]: row["values"] for row in rows(data, key) if row["kind"] == "output"}
        assert found["output 1"]["max"] == "4"
        assert found["output 2"]["shape"] == "(2, 2)"


def test_a_sample_that_does_not_fit_is_refused() -> None:
    x = T.dvector("x")
    f = symgrad.function([x], x.sum(), name="f")
    with pytest.raises(GraphTypeError, match=r"f\(\) takes 1 input"):
        symgrad.draw.html(f, sample=(1, 2))
    with pytest.raises(GraphTypeError, match="input 1, x"):
        symgrad.draw.html(f, sample=(np.ones((2, 2)),))
    with pytest.raises(GraphTypeError, match="must be a dict"):
        symgrad.draw.html(x.sum(), sample=[1.0])
    with pytest.raises(GraphTypeError, match="keys of sample"):
        symgrad.draw.html(x.sum(), sample={"x": [1.0]})
    with pytest.raises(MissingInputError, match="no value for x"):
        symgrad.draw.html(x.sum(), sample={})


def test_a_sample_call_that_fails_is_explained_as_a_call_is() -> None:
    x, y = T.dvectors("x", "y")
    f = symgrad.function([x, y], x + y, name="f")
    with pytest.raises(SymgradError, match="x"):
        symgrad.draw.html(f, sample=([1.0, 2.0], [1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.array([np.nan, np.inf, 1.0, 3.0]), {"nan": 0.25, "inf": 0.25, "mean": "2"}),
        (np.array([np.nan, np.nan]), {"nan": 1.0}),
        (np.zeros((2, 0)), {"shape": "(2, 0)", "text": "no elements"}),
        (np.float32(0.1), {"value": "0.1", "shape": "()"}),
        (np.array([True, False]), {"min": "False", "mean": "0.5", "max": "True", "zero": 0.5}),
        (np.array([1, 2, 3], "int8"), {"shape": "(3,)", "bytes": 3, "mean": "2"}),
        (np.array([1 + 2j, 3j]), {"shape": "(2,)"}),
        (np.array([-1e308, 1e308]), {"min": "-1e+308"}),
        ((1, 2), {"text": "2 results"}),
        ("text", {"text": "str"}),
    ],
)
def test_a_summary_of_a_value(value: Any, wanted: dict[str, Any]) -> None:
    found = summary(value)
    assert {name: found.get(name) for name in wanted} == wanted
    json.dumps(found, allow_nan=False)


def test_a_histogram_counts_every_finite_value() -> None:
    found = summary(np.array([0.0] * 5 + [1.0] * 3 + [np.nan]))
    assert sum(found["histogram"]) == 8
    assert (found["histogram"][0], found["histogram"][-1]) == (5, 3)


# -- times ---------------------------------------------------------------------------------------


def test_every_measured_second_is_at_some_node() -> None:
    stats = symgrad.ProfileStats(atexit_print=False)
    f, _ = training(profile=stats)
    for _ in range(3):
        f(np.ones((5, 4)), np.zeros(5, "int32"))
    data = data_of(symgrad.draw.html(f))
    compiled = next(view for view in data["views"] if view["key"] == "compiled")
    assert compiled["profile"]["calls"] == 3
    total = sum(times["seconds"] for times in compiled["times"].values())
    assert total == pytest.approx(sum(step.time for step in stats.steps))
    assert sum(compiled["lines"].values()) == pytest.approx(total)
    assert any(place.startswith("test_html.py:") for place in compiled["lines"])


def test_without_a_profile_there_are_no_times() -> None:
    f, _ = training()
    assert all(view["profile"] is None for view in data_of(symgrad.draw.html(f))["views"])
