"""Expressions as text: `pp` for a formula, `debugprint` for the graph, `Print` at run time."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from symgrad.call import Function
from symgrad.draw.dot import svg
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


def pydotprint(fct: Any, outfile: Any = None, format: str = "svg", **settings: Any) -> str:
    """Draw a graph to a file, as Theano's function of this name.

    Parameters
    ----------
    fct : Function or variable
        What to draw.
    outfile : path, optional
        Where to.
    format : str
        Only ``svg``.
    **settings
        Theano's other arguments are accepted and change nothing.
    """
    if format != "svg":
        raise GraphValueError(f"pydotprint: format={format!r}; symgrad draws svg.")
    return svg(fct, outfile)
