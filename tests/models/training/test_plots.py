"""Pictures: what is drawn, and that files are whole, alike, and complained about."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from datasets.errors import ModelError
from training.plots import curves, images, save_figure


def test_curves_are_labelled() -> None:
    figure = curves(
        {"a": [3, 2, 1], "b": ([0, 10], [1.5, 2.5])}, title="t", xlabel="epoch", ylabel="loss"
    )
    [axes] = figure.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("t", "epoch", "loss")
    a, b = axes.get_lines()
    assert [list(a.get_xdata()), list(a.get_ydata())] == [[1, 2, 3], [3, 2, 1]]
    assert [list(b.get_xdata()), list(b.get_ydata())] == [[0, 10], [1.5, 2.5]]
    assert a.get_color() != b.get_color()
    assert a.get_linestyle() != b.get_linestyle()
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    ticks = axes.get_xticks()
    np.testing.assert_array_equal(ticks, np.rint(ticks))


def test_one_curve_needs_no_legend_and_one_point_a_marker() -> None:
    [axes] = curves({"a": [1.0]}, title="t", xlabel="x", ylabel="y").axes
    assert axes.get_legend() is None
    assert axes.get_lines()[0].get_marker() == "o"
    [axes] = curves({"a": [1.0, 2.0]}, title="t", xlabel="x", ylabel="y").axes
    assert axes.get_lines()[0].get_marker() == "None"
    [axes] = curves({"a": [1.0, 2.0]}, title="t", xlabel="x", ylabel="y", markers=True).axes
    assert axes.get_lines()[0].get_marker() == "o"


def test_a_grid_of_images() -> None:
    pictures = [np.eye(3) * k for k in range(10)]
    figure = images(pictures, list("abcdefghij"), title="t", columns=4, colors=["red"] * 10)
    assert figure.get_suptitle() == "t"
    shown = [axes for axes in figure.axes if axes.get_images()]
    assert len(figure.axes) == 12
    assert [axes.get_title() for axes in shown] == list("abcdefghij")
    np.testing.assert_array_equal(shown[3].get_images()[0].get_array(), pictures[3])
    assert len(images(pictures[:1], ["one"]).axes) == 1


@pytest.fixture
def figure() -> Figure:
    return curves({"a": [1, 2], "b": [2, 3]}, title="t", xlabel="x", ylabel="y")


def test_the_same_picture_is_the_same_file(tmp_path: Path, figure: Figure) -> None:
    for name in ("p.png", "p.svg"):
        path = tmp_path / name
        assert save_figure(figure, path) == path
        first = path.read_bytes()
        save_figure(figure, path)
        assert path.read_bytes() == first
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")
    assert {path.name for path in tmp_path.iterdir()} == {"p.png", "p.svg"}
    save_figure(figure, tmp_path / "q")
    assert {path.name for path in tmp_path.iterdir()} == {"p.png", "p.svg", "q.png", "q.svg"}


def test_a_picture_that_cannot_be_saved(tmp_path: Path, figure: Figure) -> None:
    with pytest.raises(ModelError, match=r"p.png: the picture cannot be saved \(No such file"):
        save_figure(figure, tmp_path / "missing" / "p.png")
    (tmp_path / "p.png").mkdir()
    with pytest.raises(ModelError, match="p.png: the picture cannot be saved"):
        save_figure(figure, tmp_path / "p.png")
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
