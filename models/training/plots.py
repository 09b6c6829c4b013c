"""The pictures that the programs draw, as matplotlib figures.

Nothing here needs a screen; in a notebook, a figure that a cell ends with is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.saving import saved

__all__ = ["curves", "errors", "images", "save_figure"]

# Okabe and Ito's colours, which the colour-blind can tell apart, with a line style each for print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", ":")

FONT = {"font.size": 12}  # to be read at half the size


# Values, which are drawn over 1, 2, 3, …; or positions and values.
Line = Sequence[float] | tuple[Sequence[float], Sequence[float]]


def curves(
    series: Mapping[str, Line],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    markers: bool = False,
    looks: Sequence[tuple[int, int]] | None = None,
) -> Figure:
    """Lines over a common axis, with a legend where there are several.

    Parameters
    ----------
    series
        Lines by their names.
    title, xlabel, ylabel
        What the picture and its axes are called; units belong to a label.
    markers
        Put a dot at each value.
    looks
        For each line the numbers of its colour and of its style, where these are to say something;
        otherwise each has one of its own.
    """
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for k, (name, line) in enumerate(series.items()):
            x, y = line if isinstance(line, tuple) else (range(1, len(line) + 1), line)
            i, j = looks[k] if looks else (k, k)
            color, style = COLORS[i % len(COLORS)], STYLES[j % len(STYLES)]
            marker = "o" if markers or len(y) == 1 else None  # (a line of one point is invisible)
            axes.plot(x, y, style, color=color, label=name, marker=marker, ms=4)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        axes.grid(alpha=0.3)
        if len(series) > 6:  # beside the lines, which it would hide
            figure.set_figwidth(9)
            figure.legend(loc="outside right upper")
        elif len(series) > 1:
            axes.legend()
    return figure


def errors(
    validation: Line, test: Line, title: str, xlabel: str, path: Path | None = None
) -> Figure:
    """How many images are classified wrongly, in percent, as the training goes on.

    Parameters
    ----------
    validation
        The error at every validation.
    test
        That of the best model so far on the test images, at each improvement.
    title, xlabel
        See `curves`.
    path
        Where to save it, as PNG and SVG.
    """
    figure = curves(
        {"validation": validation, "test, of the best model so far": test},
        title=title,
        xlabel=xlabel,
        ylabel="images classified wrongly (%)",
    )
    if path is not None:
        save_figure(figure, path)
    return figure


def images(
    pictures: Sequence[npt.NDArray[Any]],
    titles: Sequence[str],
    *,
    title: str = "",
    columns: int = 8,
    colors: Sequence[str] | None = None,
) -> Figure:
    """A grid of small grey images, each with a line of text above it.

    Parameters
    ----------
    pictures
        Matrices of brightness; each is stretched from its own darkest to its own brightest pixel.
    titles
        A text for each.
    title
        Of the whole.
    columns
        Images in a row.
    colors
        Of the texts.
    """
    columns = max(1, min(columns, len(pictures)))
    rows = -(-len(pictures) // columns)
    side = max(1.2, 3.6 / columns)  # inches; wide enough for the title above a few
    figure = Figure(figsize=(side * columns, (side + 0.25) * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for k, (axes, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
        axes.imshow(np.asarray(picture), cmap="gray", interpolation="nearest")
        axes.set_title(titles[k], fontsize=11, color=colors[k] if colors else "black")
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG or SVG, by the name's ending, or as both where it has none.

    The whole file or none of it is written.
    """
    if not path.suffix:
        for ending in (".png", ".svg"):
            save_figure(figure, path.with_suffix(ending))
        return path
    # the same picture is the same file: no date, no random names inside
    with (
        mpl.rc_context({"svg.hashsalt": path.stem}),
        saved(path, "the picture") as file,
    ):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(file, format=path.suffix[1:], dpi=150, metadata=metadata)
    return path
