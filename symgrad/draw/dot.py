"""Graphs as DOT text, and as SVG where Graphviz can lay them out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from symgrad.call import Function
from symgrad.errors import GraphTypeError, SymgradError
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.ops.elementwise import Cast
from symgrad.ops.families import Elementwise
from symgrad.ops.index_spec import index_source
from symgrad.ops.indexing import IncIndex, Index
from symgrad.ops.op import Project
from symgrad.ops.shaping import DimShuffle
from symgrad.ops.text import constant_text

if TYPE_CHECKING:
    import pathlib

MAX_NODES = 400  # more than this no reader can follow; the rest is said to be left out

# Fill and border; the shapes differ too, so that the picture reads without colour.
_STYLES: dict[str, dict[str, str]] = {
    "input": {"shape": "ellipse", "fillcolor": "#dbeafe", "color": "#1d4ed8"},
    "shared": {"shape": "cylinder", "fillcolor": "#dcfce7", "color": "#15803d"},
    "constant": {"shape": "plaintext", "fillcolor": "#ffffff00"},
    "operation": {"shape": "box", "style": "filled,rounded", "fillcolor": "#f8fafc"},
    "output": {"shape": "box", "style": "filled,bold", "fillcolor": "#fef3c7", "color": "#b45309"},
}
_ORDERED_EXCEPTIONS = {"add", "mul", "maximum", "minimum", "eq", "neq", "and_", "or_", "xor"}


def dot(x: Any, max_nodes: int = MAX_NODES) -> str:
    """DOT text of an expression, a list of expressions or a compiled function.

    Parameters
    ----------
    x : variable, list of variables or Function
        What to draw; a function is drawn as it was compiled, with its updates.
    max_nodes : int
        Nodes farther from the outputs than this many others are left out.

    >>> import symgrad.tensor as T
    >>> print(dot(T.exp(T.dscalar("x"))).splitlines()[0])
    digraph {
    """
    import graphviz

    outputs, updates = _roots(x)
    nodes, omitted = _nearest([*outputs, *(new for _, new in updates)], max_nodes)
    names = {node: f"n{k}" for k, node in enumerate(nodes)}
    graph = graphviz.Digraph(
        graph_attr={"rankdir": "BT", "fontname": "Helvetica", "bgcolor": "white"},
        node_attr={
            "fontname": "Helvetica",
            "fontsize": "11",
            "style": "filled",
            "color": "#475569",
            "margin": "0.12,0.06",
        },
        edge_attr={
            "fontname": "Helvetica",
            "fontsize": "8",
            "color": "#64748b",
            "arrowsize": "0.6",
            "labeldistance": "1.7",
        },
    )
    for node, name in names.items():
        graph.node(name, graphviz.nohtml(_label(node)), **_STYLES[_kind(node)])
    for node, name in names.items():
        ordered = len(node.inputs) > 1 and str(node.op) not in _ORDERED_EXCEPTIONS
        for k, source in enumerate(node.inputs):
            if source in names:
                graph.edge(names[source], name, headlabel=str(k + 1) if ordered else "")
            else:
                omitted_name = f"omitted_{names[node]}_{k}"
                graph.node(omitted_name, "…", **_STYLES["constant"])
                graph.edge(omitted_name, name)
    for k, output in enumerate(outputs):
        title = "output" if len(outputs) == 1 else f"output {k + 1}"
        graph.node(f"out{k}", title, **_STYLES["output"])
        graph.edge(names[output], f"out{k}")
    for k, (shared, new) in enumerate(updates):
        target = _escape(f"new {shared.name or 'value'}")
        graph.node(f"new{k}", target, **{**_STYLES["output"], "shape": "cylinder"})
        graph.edge(names[new], f"new{k}", style="dashed")
    if omitted:
        graph.attr(label=f"{omitted} nodes farther from the outputs are not shown")
    return str(graph.source)


def svg(x: Any, path: str | os.PathLike[str] | None = None, max_nodes: int = MAX_NODES) -> str:
    """Draw an expression, a list of expressions or a compiled function as SVG.

    Layout needs Graphviz's `dot` program. Where it is missing, a warning says so, and DOT text
    is returned, and written beside `path` with the ending ``.dot``.

    Parameters
    ----------
    x : variable, list of variables or Function
        What to draw.
    path : path, optional
        Where to write the picture.
    max_nodes : int
        See `dot`.

    Returns
    -------
    str
        The SVG (or DOT) text.

    Raises
    ------
    GraphTypeError
        If `x` is nothing that can be drawn.
    SymgradError
        If Graphviz fails or the file cannot be written.
    """
    import pathlib

    import graphviz

    text = dot(x, max_nodes)
    target = None if path is None else pathlib.Path(path)
    try:
        picture: str = graphviz.pipe("dot", "svg", text.encode("utf-8")).decode("utf-8")
    except graphviz.ExecutableNotFound:
        if target is not None:
            target = target.with_suffix(".dot")
            _write(target, text)
        kept = "returned" if target is None else f"written to {target}"
        warnings.warn(
            f"draw.svg: Graphviz's program `dot` was not found, so the DOT text is {kept}. "
            "Install Graphviz (apt install graphviz, brew install graphviz, "
            "winget install graphviz) for a picture.",
            stacklevel=2,
        )
        return text
    except graphviz.CalledProcessError as error:
        raise SymgradError(f"draw.svg: Graphviz failed: {error}") from None
    if target is not None:
        _write(target, picture)
    return picture


def _write(path: pathlib.Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    except OSError as error:
        raise SymgradError(f"draw.svg: cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def _roots(x: Any) -> tuple[list[Expr], list[tuple[Shared, Expr]]]:
    if isinstance(x, Function):
        program = x.program
        return (
            [result.node for result in program.outputs],
            [(shared, result.node) for shared, result in program.updates],
        )
    roots = list(x) if isinstance(x, (list, tuple)) else [x]
    for root in roots:
        if not isinstance(root, Expr):
            raise GraphTypeError(
                f"draw: expected a variable, a list of variables or a compiled function, not "
                f"{root!r}."
            )
    return roots, []


def _nearest(roots: Sequence[Expr], limit: int) -> tuple[list[Expr], int]:
    """The nodes nearest to the roots, breadth first, and how many are left out."""
    nodes = list(dict.fromkeys(roots))
    seen = set(nodes)
    for node in nodes:  # grows while it is read
        for source in node.inputs:
            if source not in seen:
                seen.add(source)
                nodes.append(source)
    return nodes[: max(limit, len(set(roots)))], max(0, len(nodes) - limit)


def _kind(node: Expr) -> str:
    if isinstance(node, Constant):
        return "constant"
    if isinstance(node, Shared):
        return "shared"
    return "input" if node.op is None else "operation"


def _label(node: Expr) -> str:
    if isinstance(node, Constant):
        return _escape(constant_text(node))
    title = _title(node)
    if node.name and node.op is not None:
        title = f"{node.name} = {title}"
    if not title:
        title = "unnamed"
    return f"{_escape(title)}\n{_escape(_type(node))}"


def _type(node: Expr) -> str:
    if isinstance(node, Shared) and hasattr(node.cell.value, "shape"):
        lengths = ", ".join(map(str, node.cell.value.shape))
        return f"{node.dtype} ({lengths})" if lengths else node.dtype
    return str(node.type)


def _title(node: Expr) -> str:
    """What an operation is called in mathematics, where that is short."""
    op = node.op
    if op is None:
        return node.name or ""
    if isinstance(op, Elementwise) and op.symbol:
        return op.symbol
    if isinstance(op, Cast):
        return f"as {op.dtype}"
    if isinstance(op, Project):
        return f"result {op.index + 1}"
    if isinstance(op, DimShuffle):
        if op.order == tuple(range(len(op.order)))[::-1] and len(op.order) > 1:
            return "transpose"
        return f"dimshuffle({', '.join(map(str, op.order))})"
    if isinstance(op, Index):
        return f"[{index_source(op.spec, ['·'] * (len(node.inputs) - 1))}]"
    if isinstance(op, IncIndex):
        sign = "=" if op.assign else "+="
        return f"[{index_source(op.spec, ['·'] * (len(node.inputs) - 2))}] {sign}"
    return f"{op.name} {op.settings_text()}".strip()


def _escape(text: str) -> str:
    """Text as a DOT label shows it, whatever characters it has."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    clean = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown)
    return clean.replace("\\", "\\\\").replace("&", "&amp;")
