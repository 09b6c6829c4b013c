"""Pictures of graphs: `symgrad.draw.svg(cost, "cost.svg")`, `symgrad.draw.html(f, "f.html")`.

What draws is imported when something is drawn.
"""

from __future__ import annotations

import os
from typing import Any

from symgrad import hooks
from symgrad.explain.draw.layout import LayoutError as LayoutError
from symgrad.explain.draw.page import html as html


@hooks.provide("draw")
def svg(x: Any, path: str | os.PathLike[str] | None = None, written: bool = False) -> str:
    """Draw an expression, several, or a compiled function as SVG.

    Inputs are ellipses, shared variables cylinders, outputs have a double border, and updates say
    how they change their variables. What computes gradients and updates is in boxes of its own. Of
    shared variables the shape is the present one; letters stand for lengths that are not known.
    Graphs of more than 150 nodes are folded by name scopes (`symgrad.name_scope`) and source lines.

    Parameters
    ----------
    x : variable, sequence or dict of variables, or Function
        What to draw; the keys of a dict are shown as names.
    path : path, optional
        Where to write the picture.
    written : bool
        Draw a function as it was written, with its `givens`, before rewriting.

    Returns
    -------
    str
        The SVG text, the same whenever the same graph is drawn.

    Raises
    ------
    GraphTypeError
        If `x` is nothing that can be drawn.
    LayoutError
        If there is no Graphviz, neither as a program nor in pygraphviz. The DOT text is kept: in
        the error's attribute `dot`, and in a file beside `path` with the ending ``.dot``.
    FileError
        If the file cannot be written.
    """
    from symgrad.explain.draw.files import draw

    return draw(x, path, written=written).decode("utf-8")


def dot(x: Any, written: bool = False) -> str:
    """DOT text of the same picture, which needs no Graphviz.

    Parameters
    ----------
    x, written
        As for `svg`.

    >>> import symgrad.tensor as T
    >>> print(dot(T.exp(T.dscalar("x"))).splitlines()[0])
    digraph {
    """
    from symgrad.explain.draw.fold import fold
    from symgrad.explain.draw.markup import dot_of
    from symgrad.explain.draw.picture import picture

    return dot_of(fold(picture(x, written)))


@hooks.provide("draw_for_notebook")
def for_notebook(x: Any) -> str | None:
    """Draw where that is possible, for Jupyter, which shows the text of `x` otherwise."""
    try:
        return svg(x)
    except LayoutError:
        return None
