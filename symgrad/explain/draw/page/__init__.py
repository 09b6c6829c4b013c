"""Graphs as pages to explore in a browser: one file, offline."""

from __future__ import annotations

import os
from typing import Any

_SCRIPTS = (
    *("graph.js", "layout.js", "layers.js", "drawing.js", "camera.js"),
    *("panel.js", "search.js", "words.js", "main.js", "keys.js"),
)


def html(
    x: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    sample: Any = None,
    title: str | None = None,
) -> str:
    """Draw an expression, several, or a compiled function as a page to explore in a browser.

    The page is one file that loads nothing else. In it one moves, zooms, searches, opens and closes
    groups (forward and gradient, name scopes, loops, lines of source), and sees for each node its
    type, formula and line of source, what it depends on, and what depends on it. Of a function it
    shows the graph as compiled and as written, and what ``profile=True`` has measured.

    Parameters
    ----------
    x : variable, sequence or dict of variables, or Function
        What to draw.
    path : path, optional
        Where to write the page.
    sample : tuple of values, or dict, optional
        Arguments of one call, by which the page shows what values are like: shape, least, mean and
        greatest value, a histogram, the shares of zeros, NaNs and infinities. A function takes them
        in order or in a dict by name, expressions in a dict from variables. Nothing is changed, no
        shared variable either.
    title : str, optional
        What the page is headed by; default: the name of the function or expression.

    Returns
    -------
    str
        The page.

    Raises
    ------
    GraphTypeError
        If `x` is nothing that can be drawn, or `sample` does not fit.
    FileError
        If the file cannot be written.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> page = html((T.tanh(x) ** 2).sum(), sample={x: [0.5, -1.0]})
    >>> page[:15], "https://" in page
    ('<!DOCTYPE html>', False)
    """
    import re
    from html import escape

    from symgrad.errors import quoted
    from symgrad.explain.draw.page.data import page_data, to_json
    from symgrad.files.writing import write

    data = page_data(x, sample, title)
    pieces = {
        "title": escape(quoted(data["title"])),
        "style": part("style.css").strip(),
        "data": to_json(data),
        "script": script(),
    }
    page = re.sub("%([a-z]+)%", lambda found: pieces[found[1]], part("page.html"))
    if path is not None:
        write(path, page.encode("utf-8"))
    return page


def part(name: str) -> str:
    """The text of a file that is part of every page."""
    from importlib.resources import files

    return files(__name__).joinpath(name).read_text("utf-8")


def script() -> str:
    """What pages do: all scripts in one scope of their own."""
    return "\n".join(['"use strict";', "{", *(part(name) for name in _SCRIPTS), "start();", "}"])
