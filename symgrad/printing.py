"""Expressions as text: `pp` for a formula, `debugprint` for the graph, `Print` at run time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from symgrad.call import Function
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort
from symgrad.ops.debugging import Print as Print
from symgrad.ops.text import constant_text, formula

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
        raise GraphTypeError(f"{what}: expected a symbolic variable, not {expr!r}.")


def debugprint(
    obj: Any,
    depth: int = -1,
    print_type: bool = False,
    file: TextIO | str | None = None,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    done: Any = None,
    print_storage: bool = False,
    print_clients: bool = False,
) -> Any:
    """Print a graph as an indented tree, inputs below what uses them.

    Parameters
    ----------
    obj : variable, Function, or list of them
        What to print; of a function, the graph as it was compiled.
    depth : int
        How many levels to print; -1 is all.
    print_type : bool
        Add the type of each node.
    file : file or 'str', optional
        Where to print; ``'str'`` returns the text instead.
    ids : {'CHAR', 'int', ''}
        How nodes are numbered; a repeated node is printed once, then by its number.
    stop_on_name : bool
        Do not look below named nodes.
    done, print_storage, print_clients
        Theano's arguments; `print_storage` adds the values of shared variables.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> debugprint(T.exp(x) + x)
    add [id A]
     |exp [id B]
     | |x [id C]
     |x [id C]
    """
    if ids not in ("CHAR", "int", "id", ""):
        raise GraphValueError(f"debugprint: ids={ids!r}; expected 'CHAR', 'int' or ''.")
    roots: list[tuple[str, Expr]] = []
    for entry in obj if isinstance(obj, (list, tuple)) else [obj]:
        if isinstance(entry, Function):
            roots += [("", r.node) for r in entry.program.outputs]
            roots += [(f"new {s}: ", r.node) for s, r in entry.program.updates]
        else:
            _check(entry, "debugprint")
            roots.append(("", entry))
    numbers: dict[Expr, int] = {}
    lines: list[str] = []
    for title, root in roots:
        stack = [(root, "", title)]
        while stack:
            node, indent, prefix = stack.pop()
            known = node in numbers
            number = numbers.setdefault(node, len(numbers))
            parts = [prefix + (node.name or _head(node))]
            if node.name and node.op is not None:
                parts[0] = f"{prefix}{_head(node)} '{node.name}'"
            if ids:
                parts.append(f"[id {_letters(number) if ids == 'CHAR' else number}]")
            if print_type:
                parts.append(f"<{node.type}>")
            if print_storage and isinstance(node, Shared):
                parts.append(str(node.get_value(borrow=True)).replace("\n", " ")[:60])
            level = len(indent) // 2
            hidden = node.op is not None and (
                known or (0 <= depth <= level + 1) or (stop_on_name and node.name and level)
            )
            if hidden and known:
                parts.append("(see above)")
            lines.append(indent + " ".join(parts))
            if not hidden and node.op is not None:
                below = indent + " |"
                stack += [(i, below, "") for i in reversed(node.inputs)]
    text = "\n".join(lines) + "\n"
    if file == "str":
        return text
    stream = sys.stdout if file is None or isinstance(file, str) else file
    encoding = getattr(stream, "encoding", None) or "utf-8"  # a name may hold anything
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return None


def _head(node: Expr) -> str:
    if isinstance(node, Constant):
        return constant_text(node)
    if node.op is None:
        return f"<{node.type}>"
    settings = node.op.settings_text()
    return f"{node.op.name}{{{settings}}}" if settings else str(node.op.name)


def _letters(number: int) -> str:
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


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
    from symgrad.draw.files import draw
    from symgrad.draw.layout import FORMATS
    from symgrad.draw.markup import Look

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
        sys.stdout.write(f"The output file is available at {target}\n")
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
