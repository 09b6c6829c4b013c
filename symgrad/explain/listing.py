"""A graph as an indented list: `debugprint`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple, TextIO

import numpy as np

from symgrad.compile.call import Function
from symgrad.compile.recipe import FunctionGraph
from symgrad.errors import GraphTypeError, GraphValueError, quoted, repr_of
from symgrad.files.writing import say
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.meant import as_meant
from symgrad.graph.shared import Shared
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.ops.control.loops import Body
from symgrad.ops.text import constant_text
from symgrad.rewrite.engine import rewrite

_IDS = ("CHAR", "int", "id", "auto", "")
_DEEPEST = 60  # levels; what is deeper says how deep it is


class _Settings(NamedTuple):
    depth: int
    ids: str
    print_type: bool
    print_shape: bool
    stop_on_name: bool
    print_storage: bool
    clients: dict[Expr, list[str]]


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
    *,
    print_shape: bool = False,
    id_type: str | None = None,
    used_ids: Any = None,
    **settings: Any,
) -> Any:
    """Print a graph as an indented tree, inputs below what uses them.

    Parameters
    ----------
    obj : variable, Function, or list or dict of them
        What to print; of a function, the graph as it was compiled, in the operations that were
        written: ``f.maker.fgraph`` has those of NumPy that some of them have become.
    depth : int
        How many levels to print; -1 is all.
    print_type, print_shape : bool
        Add the type of each node, or its shape as far as that is known.
    file : file or 'str', optional
        Where to print; ``'str'`` returns the text instead.
    ids : {'CHAR', 'int', 'id', ''}
        How nodes are numbered: with letters, in order, by Python's `id`, not at all. A repeated
        node is printed once, then by its number.
    stop_on_name : bool
        Do not look below named nodes.
    done : dict, optional
        The nodes that were printed before and their numbers; what is printed now is added.
    print_storage : bool
        Add the values of shared variables and the range of large constants.
    print_clients : bool
        Add what uses a node, where that is more than one.
    id_type, used_ids
        PyTensor's names of `ids` and `done`; its other arguments that begin with ``print_`` are
        accepted, and change nothing.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> debugprint(T.exp(x) + x)
    add [id A]
     |exp [id B]
     | |x [id C]
     |x [id C]
    >>> debugprint(T.exp(x) + x, print_type=True, ids="", depth=2)
    add <float64 scalar>
     |exp <float64 scalar>
     |x <float64 scalar>
    """
    unknown = [name for name in settings if not name.startswith("print_")]
    if unknown:
        raise GraphTypeError(f"debugprint() has no argument {repr_of(unknown[0])}.")
    ids = ids if id_type is None else id_type
    if ids not in _IDS:
        raise GraphValueError(
            f"debugprint: ids={repr_of(ids)}; expected 'CHAR', 'int', 'id' or ''."
        )
    roots = list(_roots(obj))
    chosen = _Settings(
        depth,
        "CHAR" if ids == "auto" else ids,
        print_type,
        print_shape,
        stop_on_name,
        print_storage,
        _clients([root for _, root in roots]) if print_clients else {},
    )
    before = done if done is not None else used_ids
    numbers: MutableMapping[Expr, int] = before if isinstance(before, dict) else {}
    lines: list[str] = []
    loops: dict[Expr, None] = {}
    for title, root in roots:
        lines += _tree(title, root, chosen, numbers, loops)
    for node in (queue := list(loops)):  # grows: a loop may hold another
        lines += ["", f"Inner graph of {node.op.name}{_numbered(node, numbers, chosen)}:"]
        inner: dict[Expr, None] = {}
        for output in node.op.body.outputs:
            lines += _tree("", output, chosen, numbers, inner)
        queue += [other for other in inner if other not in loops]
        loops.update(inner)
    text = "\n".join(lines) + "\n"
    if file == "str":
        return text
    say(text, sys.stdout if file is None or isinstance(file, str) else file)
    return None


def _roots(obj: Any) -> Iterator[tuple[str, Expr]]:
    """What to print, each with a title."""
    if isinstance(obj, dict):
        for key, entry in obj.items():
            yield from ((f"{quoted(key)}: {title}", root) for title, root in _roots(entry))
        return
    for entry in obj if isinstance(obj, (list, tuple)) and not _is_graph(obj) else [obj]:
        if isinstance(entry, Function):
            program = entry.program
            titles = ["" for _ in program.outputs] + [f"new {s}: " for s, _ in program.updates]
            made = [*(r.node for r in program.outputs), *(r.node for _, r in program.updates)]
            yield from zip(titles, rewrite(as_meant(made)), strict=True)  # equal nodes once
        elif _is_graph(entry):
            yield from (("", root) for root in entry.outputs)
        elif isinstance(entry, Expr):
            yield "", entry
        else:
            raise GraphTypeError(f"debugprint: expected a symbolic variable, not {repr_of(entry)}.")


def _is_graph(obj: Any) -> bool:
    return isinstance(obj, (FunctionGraph, Body))


def _clients(roots: list[Expr]) -> dict[Expr, list[str]]:
    """The operations that use each node."""
    found: dict[Expr, list[str]] = {}
    for node in toposort(roots):
        for i in dict.fromkeys(node.inputs):
            found.setdefault(i, []).append(quoted(node.name or node.op.name))
    return found


def _tree(
    title: str,
    root: Expr,
    chosen: _Settings,
    numbers: MutableMapping[Expr, int],
    loops: dict[Expr, None],
) -> Iterator[str]:
    """The lines of one tree; what was printed before is not printed again."""
    stack = [(root, 0, title)]
    while stack:
        node, level, prefix = stack.pop()
        known = node in numbers
        numbers.setdefault(node, len(numbers))
        if isinstance(getattr(node.op, "body", None), Body):
            loops[node] = None
        hidden = node.op is not None and (
            known
            or (0 <= chosen.depth <= level + 1)
            or (chosen.stop_on_name and bool(node.name) and level > 0)
        )
        head = _head(node)
        if node.name:
            name = quoted(node.name)
            head = name if node.op is None else f"{head} '{name}'"
        parts = [prefix + head + _numbered(node, numbers, chosen), *_facts(node, chosen)]
        if hidden and known:
            parts.append("(see above)")
        indent = " |" * min(level, _DEEPEST)
        if level > _DEEPEST:
            indent += f" ... (level {level}) "
        yield indent + " ".join(parts)
        if not hidden and node.op is not None:
            stack += [(i, level + 1, "") for i in reversed(node.inputs)]


def _numbered(node: Expr, numbers: MutableMapping[Expr, int], chosen: _Settings) -> str:
    if not chosen.ids:
        return ""
    number: int | str = numbers[node]
    if chosen.ids == "CHAR":
        number = _letters(numbers[node])
    elif chosen.ids == "id":
        number = id(node)
    return f" [id {number}]"


def _facts(node: Expr, chosen: _Settings) -> Iterator[str]:
    """What was asked for besides."""
    if chosen.print_type:
        yield f"<{node.type}>"
    if chosen.print_shape and isinstance(node.type, TensorType):
        yield f"shape=({', '.join('?' if n is None else str(n) for n in node.type.shape)})"
    if chosen.print_storage and isinstance(node, Shared):
        yield str(node.get_value(borrow=True)).replace("\n", " ")[:60]
    if chosen.print_storage and isinstance(node, Constant) and node.value.size > 3:
        yield f"from {np.min(node.value)} to {np.max(node.value)}"
    if len(users := chosen.clients.get(node, [])) > 1:
        yield f"used by {', '.join(users)}"


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
