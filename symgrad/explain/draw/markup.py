"""Pictures as DOT, the language that Graphviz lays out."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from symgrad.errors import short
from symgrad.explain.draw.picture import Edge, Group, Node, Picture
from symgrad.explain.draw.style import CLUSTERS, EDGES, GRAPH, INK, NODES, PLAIN, QUIET, Style
from symgrad.explain.draw.texts import SLOT, shown_name
from symgrad.explain.notation import text as formula

_LONGEST = 36  # characters of a label in one line
_FORMULA = 40  # nodes of a formula
_LEGEND = {
    "input": "ellipse: input",
    "shared": "cylinder: shared variable, kept between calls",
    "update": "thick cylinder: update",
    "output": "double border: output",
    "group": "folder: several nodes, folded",
}


class Look(NamedTuple):
    """What `pydotprint` may ask for.

    Attributes
    ----------
    ids : bool
        Number the nodes.
    only_names : bool
        What the user named is called nothing else.
    filled : bool
        Fill the shapes with colour.
    longest : int
        Characters in a line of a label.
    colors : mapping
        Colours by the names of operations.
    """

    ids: bool = False
    only_names: bool = False
    filled: bool = True
    longest: int = _LONGEST
    colors: Mapping[str, str] = {}


def dot_of(drawn: Picture, look: Look | None = None) -> str:
    """DOT text of a picture."""
    import graphviz

    look = look or Look()
    graph = graphviz.Digraph(graph_attr=GRAPH, node_attr=PLAIN, edge_attr=EDGES)
    if drawn.title or len(drawn.nodes) > 6:
        graph.attr(label=_heading(drawn), labelloc="t", labeljust="l")
    nodes = {node.id: node for node in drawn.nodes}
    children: dict[str | None, list[Group]] = {}
    for group in drawn.groups:
        children.setdefault(group.parent, []).append(group)
    numbers = {group.id: k + 1 for k, group in enumerate(drawn.groups)}  # scopes are any text
    inside = {id for group in drawn.groups for id in group.members}
    for node in drawn.nodes:
        if node.id not in inside:
            _add_node(graph, node, look)
    for group in children.get(None, []):
        _add_group(graph, group, children, nodes, numbers, look)
    labelled: set[str] = set()
    for edge in drawn.edges:
        _add_edge(graph, edge, nodes, labelled)
    return str(graph.source)


def _heading(drawn: Picture) -> str:
    """The title, and what the shapes mean."""
    kinds = {node.kind for node in drawn.nodes}
    legend = [text for kind, text in _LEGEND.items() if kind in kinds]
    if any(SLOT in node.label for node in drawn.nodes):
        legend.append(f"{SLOT}: what the arrow brings")
    title = [_html_text(f"<b>{escape(drawn.title, 120)}</b>", 12)] if drawn.title else []
    rows = [" · ".join(legend[k : k + 3]) for k in range(0, len(legend), 3)]
    lines = title + [_html_text(escape(row, 200), 8, QUIET) for row in rows]
    cells = "".join(f'<tr><td align="left">{line}</td></tr>' for line in lines)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>>'


def _add_group(
    parent: Any,
    group: Group,
    children: dict[str | None, list[Group]],
    nodes: dict[str, Node],
    numbers: dict[str, int],
    look: Look,
) -> None:
    """A group and those inside it; scopes nest only as deep as the user wrote them."""
    style = CLUSTERS.get(group.id if group.kind == "role" else group.kind, CLUSTERS["scope"])
    with parent.subgraph(name=f"cluster_{numbers[group.id]}") as cluster:
        title = _html(escape(group.title, 60), 10, bold=group.kind == "role")
        cluster.attr(label=title, **style)
        for id in group.members:
            _add_node(cluster, nodes[id], look)
        for child in children.get(group.id, []):
            _add_group(cluster, child, children, nodes, numbers, look)


def _add_node(graph: Any, node: Node, look: Look) -> None:
    text = tooltip(node)
    graph.node(node.id, _label(node, look), tooltip=escape(text, 600, True), **_style(node, look))


def _style(node: Node, look: Look) -> Style:
    style = NODES[node.kind]
    if not look.filled and "fillcolor" in style:
        style = style | {"fillcolor": "#ffffff"}
    op = None if node.expr is None else node.expr.op
    if op is not None and op.name in look.colors:
        style = style | {"fillcolor": look.colors[op.name], "class": "colored"}
    return style


def _label(node: Node, look: Look) -> str:
    text = node.label
    if node.name and node.kind == "operation" and node.expr is not None:
        name = shown_name(node.expr)
        text = name if look.only_names else f"{name} = {text}"
    if look.ids:
        text = f"{node.id}: {text}"
    size = 15 if len(text) == 1 and not text.isalnum() else 11  # · alone is small
    lines = [_html_text(line, size) for line in wrap(text, look.longest)]
    if node.kind in ("input", "shared", "constant", "output", "update", "group"):
        shown = node.type
        if node.kind == "constant" and "(" not in node.type:
            shown = ""
        if shown:
            lines += [_html_text(line, 8, QUIET) for line in wrap(shown, look.longest + 8)]
    return f"<{'<br/>'.join(lines)}>"


def _add_edge(graph: Any, edge: Edge, nodes: dict[str, Node], labelled: set[str]) -> None:
    source, target = nodes[edge.source], nodes[edge.target]
    settings: dict[str, str] = {}
    shown = [_html_text(f"<b>{escape(edge.position, 12)}</b>", 9, INK)] if edge.position else []
    # what a variable holds stands in its own shape; what flows on, on the first arrow
    if source.kind in ("operation", "group") and edge.source not in labelled:
        labelled.add(edge.source)
        if edge.text and target.kind != "output":
            shown.append(_html_text(escape(edge.text, 40), 8, QUIET))
    if shown:
        settings["label"] = f"<&#160;{' '.join(shown)}&#160;>"
    if target.kind == "update":
        settings["style"] = "dashed"
    graph.edge(edge.source, edge.target, **settings)


# -- text ----------------------------------------------------------------------------------------


def escape(text: str, longest: int = _LONGEST, lines: bool = False) -> str:
    """Text that is shown as it is, whatever characters it has, in DOT and in XML."""
    shown = short(text, longest, "…")
    clean = "".join(
        c if c.isprintable() or (lines and c == "\n") else f"\\u{ord(c):04x}" for c in shown
    )
    return html.escape(clean.replace("\\", "\\\\"))


def wrap(text: str, longest: int) -> Iterator[str]:
    """A long label in at most three lines, broken at spaces."""
    rest = text
    for _ in range(2):
        if len(rest) <= longest:
            break
        ends = (rest.rfind(c, longest // 2, longest) + 1 for c in " ,(.")
        place = next((end for end in ends if end), longest)
        yield escape(rest[:place], longest)
        rest = rest[place:].strip()
    if rest:
        yield escape(rest, longest)


def _html(text: str, size: int, bold: bool) -> str:
    inner = f"<b>{text}</b>" if bold else text
    return f"<{_html_text(inner, size)}>"


def _html_text(text: str, size: int, color: str = "") -> str:
    """Escaped text in a size; Graphviz knows no empty text."""
    shade = f' color="{color}"' if color else ""
    return f'<font point-size="{size}"{shade}>{text or " "}</font>'


def tooltip(node: Node) -> str:
    """What hovering over a node says: its formula, its type, the line that made it.

    >>> import symgrad.tensor as T
    >>> from symgrad.explain.draw.picture import picture
    >>> print(tooltip(picture(T.exp(T.dscalar("x"))).nodes[1]).splitlines()[0])
    exp(x)
    """
    lines = []
    if node.expr is not None and node.kind in ("operation", "output"):
        lines.append(formula(node.expr, limit=_FORMULA, share=False))
    else:
        lines.append(node.label)
    lines.append(node.type)
    if node.place:
        lines.append(f"{node.place}: {node.source}" if node.source else node.place)
    return "\n".join(line for line in lines if line)
