"""Expressions as text: `pp` for a formula, `debugprint` for the graph, `Print` at run time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from symgrad.errors import GraphTypeError, quoted, repr_of
from symgrad.explain.listing import debugprint as debugprint
from symgrad.files.writing import say
from symgrad.graph.expr import Expr
from symgrad.graph.walk import toposort
from symgrad.ops.control.debugging import Print as Print
from symgrad.ops.text import formula

__all__ = ["Print", "debugprint", "min_informative_str", "pp", "pprint", "pydotprint"]

_LONGEST = 4000  # characters; a shared subexpression is written each time it is used


def pp(expr: Any) -> str:
    """Return an expression as a formula.

    Parameters
    ----------
    expr : variable
        Parts that would take more than 4,000 characters are cut to ``...``.

    >>> import symgrad.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> pp(T.exp(-x) * (y + 2))
    '(exp((-x)) * (y + 2.0))'
    """
    _check(expr, "pp")
    texts: dict[Expr, str] = {}
    for node in toposort([expr]):
        text = formula(node, [texts[i] for i in node.inputs])
        texts[node] = text if len(text) <= _LONGEST else "..."
    return texts[expr]


pprint = pp


def _check(expr: Any, what: str) -> None:
    if not isinstance(expr, Expr):
        raise GraphTypeError(f"{what}: expected a symbolic variable, not {repr_of(expr)}.")


def min_informative_str(obj: Any) -> str:
    """Return a short text of a graph.

    >>> import symgrad.tensor as T
    >>> min_informative_str(T.exp(T.dscalar("x")))
    'exp(x)'
    """
    _check(obj, "min_informative_str")
    return pp(obj)


def pydotprint(
    fct: Any,
    outfile: str | os.PathLike[str] | None = None,
    compact: bool = True,
    format: str | None = None,
    with_ids: bool = False,
    high_contrast: bool = True,
    cond_highlight: Any = None,
    colorCodes: Mapping[str, str] | None = None,
    max_label_size: int = 70,
    scan_graphs: bool = False,
    var_with_name_simple: bool = False,
    print_output_file: bool = True,
    return_image: bool = False,
) -> Any:
    """Draw a graph to a file, as Theano's function of this name; `symgrad.draw.svg` is shorter.

    Parameters
    ----------
    fct : Function, variable, or sequence of variables
        What to draw; a function is drawn as it was compiled.
    outfile : path, optional
        Where to; by default ``symgrad.pydotprint.png`` in the current directory, with the ending
        that belongs to `format`.
    format : str, optional
        ``svg``, ``png``, ``pdf``, ``dot`` or another of Graphviz's; by default what the ending of
        `outfile` says, or else png.
    with_ids : bool
        Number the nodes.
    high_contrast : bool
        Fill the shapes; False leaves only their borders coloured.
    colorCodes : dict, optional
        Colours by the names of operations, such as ``{"dot": "lightblue"}``.
    max_label_size : int
        Characters in a line of a label.
    var_with_name_simple : bool
        What has a name is called nothing else.
    print_output_file : bool
        Print where the file is.
    return_image : bool
        Return the picture instead of writing it: as an object that a notebook shows where IPython
        is installed, else as SVG text or bytes.
    compact, cond_highlight, scan_graphs
        Accepted, and without effect: variables between operations are arrows, and the bodies of
        loops are always drawn.

    Raises
    ------
    GraphValueError
        If Graphviz does not write such a format.
    LayoutError
        If there is no Graphviz; see `symgrad.draw.svg`.
    """
    from symgrad.explain.draw.files import draw
    from symgrad.explain.draw.layout import FORMATS
    from symgrad.explain.draw.markup import Look

    ending = "" if outfile is None else os.path.splitext(outfile)[1].lower().lstrip(".")
    kind = format or (ending if ending in FORMATS else "png")
    look = Look(with_ids, var_with_name_simple, high_contrast, max_label_size, colorCodes or {})
    if return_image:
        return _displayed(draw(fct, None, kind, look=look), kind)
    target = f"symgrad.pydotprint.{kind}" if outfile is None else os.fspath(outfile)
    if ending != kind and outfile is not None:
        target += f".{kind}"  # as Theano does
    draw(fct, target, kind, look=look)
    if print_output_file:
        say(f"The output file is available at {quoted(target, 1000)}\n", sys.stdout)
    return None


def _displayed(content: bytes, kind: str) -> Any:
    """What a notebook shows; without IPython the picture itself."""
    if kind not in ("svg", "png", "jpg", "gif"):
        return content
    text = content.decode("utf-8") if kind == "svg" else None
    try:
        from IPython.display import SVG, Image
    except ImportError:
        return content if text is None else text
    return Image(content) if text is None else SVG(text)
