"""What hovering over a node says: its formula, its type, and the line that made it."""

from __future__ import annotations

from symgrad.explain.draw.picture import Node
from symgrad.explain.notation import text

_SHOWN = 40  # nodes of a formula


def tooltip(node: Node) -> str:
    """Formula, type, line of the user's code.

    >>> import symgrad.tensor as T
    >>> from symgrad.explain.draw.picture import picture
    >>> print(tooltip(picture(T.exp(T.dscalar("x"))).nodes[1]).splitlines()[0])
    exp(x)
    """
    lines = []
    if node.expr is not None and node.kind in ("operation", "output"):
        lines.append(text(node.expr, limit=_SHOWN, share=False))
    else:
        lines.append(node.label)
    lines.append(node.type)
    if node.place:
        lines.append(f"{node.place}: {node.source}" if node.source else node.place)
    return "\n".join(line for line in lines if line)
