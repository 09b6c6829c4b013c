"""Graphviz: the program `dot` where it is installed, else the one inside pygraphviz."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from symgrad.errors import GraphValueError, SymgradError, repr_of

INSTALL = (
    'Run `pip install "symgrad[draw]"`, which brings one, or install Graphviz (apt install '
    "graphviz, brew install graphviz, winget install graphviz)"
)
FORMATS = ("svg", "png", "pdf", "dot", "json", "plain", "ps", "gif", "jpg")


class LayoutError(SymgradError):
    """No picture could be laid out; `dot` is its DOT text."""

    def __init__(self, message: str, dot: str) -> None:
        super().__init__(message)
        self.dot = dot


def render(text: str, format: str = "svg") -> bytes:
    """Lay DOT text out and draw it.

    Parameters
    ----------
    text : str
        DOT.
    format : str
        ``svg``, ``png``, ``pdf`` and what else Graphviz writes; ``dot`` returns the text itself.

    Raises
    ------
    LayoutError
        If there is no engine, or it fails. Its attribute `dot` keeps the text.
    """
    if format not in FORMATS:
        raise GraphValueError(
            f"draw: format={repr_of(format)}; expected one of {', '.join(FORMATS)}."
        )
    if format == "dot":
        return text.encode("utf-8")
    found = engine()
    if found is None:
        raise LayoutError(f"draw: no layout engine was found. {INSTALL}.", text)
    return found(text, format)


def engine() -> Callable[[str, str], bytes] | None:
    """What lays out: the system's Graphviz, pygraphviz, or nothing."""
    import shutil

    if shutil.which("dot"):
        return _by_program
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pygraphviz  # noqa: F401
    except ImportError:
        return None
    return _by_library


def _by_program(text: str, format: str) -> bytes:
    import graphviz

    try:
        drawn: bytes = graphviz.pipe("dot", format, text.encode("utf-8"), quiet=True)
    except graphviz.CalledProcessError as error:
        raise LayoutError(f"draw: Graphviz failed: {error}", text) from None
    return drawn


def _by_library(text: str, format: str) -> bytes:
    import pygraphviz

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn: bytes = pygraphviz.AGraph(string=text).draw(prog="dot", format=format)
    except (ValueError, OSError) as error:
        raise LayoutError(f"draw: pygraphviz failed: {error}", text) from None
    return drawn
