"""Pictures as files, in any format that Graphviz writes."""

from __future__ import annotations

import html
import os
import pathlib
from typing import Any

from symgrad.errors import FileError, quoted
from symgrad.explain.draw.fold import fold
from symgrad.explain.draw.layout import LayoutError, render
from symgrad.explain.draw.markup import Look, dot_of, escape
from symgrad.explain.draw.picture import picture
from symgrad.explain.draw.style import finish
from symgrad.files.writing import write


def draw(
    x: Any,
    path: str | os.PathLike[str] | None = None,
    format: str = "svg",
    written: bool = False,
    look: Look | None = None,
) -> bytes:
    """Draw an expression, several, or a compiled function; `symgrad.draw.svg` says more."""
    drawn = fold(picture(x, written))
    text = dot_of(drawn, look)
    target = None if path is None else pathlib.Path(path)
    try:
        made = render(text, format)
    except LayoutError as error:
        if target is None:
            raise
        kept = target.with_suffix(".dot")
        try:
            write(kept, text.encode("utf-8"))
        except FileError as unwritten:
            raise LayoutError(f"{error} For the DOT text: {unwritten.message}.", text) from None
        raise LayoutError(f"{error} The DOT text is in {quoted(kept, 1000)}.", text) from None
    if format == "svg":
        title = html.unescape(escape(drawn.title or "a graph", 120))
        made = finish(made.decode("utf-8"), html.escape(title)).encode("utf-8")
    if target is not None:
        write(target, made)
    return made
