"""What `lint` gives back."""

from __future__ import annotations

from typing import Literal, NamedTuple

from symgrad.graph.expr import Expr
from symgrad.origins import short_origin, source_line


class Finding(NamedTuple):
    """Something suspicious.

    Attributes
    ----------
    code : str
        What kind of thing it is, ``zero-gradient`` say; the same for ever.
    severity : {'warning', 'note'}
        A warning is nearly always a mistake; a note may well be meant.
    message : str
        What was found, what follows from it, and what to write instead.
    node : Expr
        The part of the graph that it is about.
    place : str
        File and line where that was made, or the function; empty if not known.
    """

    code: str
    severity: Literal["warning", "note"]
    message: str
    node: Expr
    place: str

    def __str__(self) -> str:
        made = self.node.origin and self.place == short_origin(self.node.origin)
        source = source_line(self.node.origin[0]) if made else ""
        where = f"{self.place}: " if self.place else ""
        text = f"{where}{self.severity}: {self.message} [{self.code}]"
        return f"{text}\n    {source}" if source else text


class Findings(list[Finding]):
    """A list of findings that prints as a text."""

    def __str__(self) -> str:
        return "\n".join(map(str, self)) if self else "nothing found"

    __repr__ = __str__

    @property
    def codes(self) -> list[str]:
        """The kinds of things that were found, each once."""
        return list(dict.fromkeys(finding.code for finding in self))


def found(
    code: str,
    node: Expr,
    message: str,
    severity: Literal["warning", "note"] = "warning",
    place: str | None = None,
) -> Finding:
    """A finding about a node, and where that was made or another place."""
    return Finding(code, severity, message, node, place or short_origin(node.origin))
