"""Error classes, and the one way to write a node into a message.

A message answers six questions: which operation, which argument, what was given, what was
expected, which line of the user's code built it, and what to try.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from symgrad.origins import resolve_frame


class SymgradError(Exception):
    """Base class of every error that symgrad raises on purpose.

    >>> issubclass(ShapeError, SymgradError) and issubclass(ShapeError, ValueError)
    True
    """


class GraphTypeError(SymgradError, TypeError):
    """An argument has the wrong kind, dtype or number of dimensions."""


class GraphValueError(SymgradError, ValueError):
    """An argument has the right kind but an impossible value."""


class ShapeError(SymgradError, ValueError):
    """Lengths do not fit, found when the graph was built or when it ran."""


class IndexRangeError(SymgradError, IndexError):
    """An index lies outside its axis."""


class ExecutionError(SymgradError, RuntimeError):
    """Any other failure while a compiled function ran."""


class DisconnectedInputError(SymgradError, ValueError):
    """The gradient was asked for a variable that the cost does not depend on."""


class NullTypeGradError(SymgradError, TypeError):
    """A gradient passes through an operation that declares it undefined."""


class MissingInputError(SymgradError, ValueError):
    """A function needs the value of a variable that is not among its inputs."""


class UnusedInputError(SymgradError, ValueError):
    """A function was given an input that no output or update uses."""


class GradientError(SymgradError, ArithmeticError):
    """`verify_grad` found a gradient that differs from the numerical one."""


def made_at(node: Any) -> str:
    """A sentence that says which line of the user's code made a node, with its source."""
    if not getattr(node, "origin", None):
        return ""
    filename, line = resolve_frame(node.origin[0])
    source = linecache.getline(filename, line).strip()
    place = f'made at File "{filename}", line {line}'
    return f"{place}: {source}" if source else place


def describe(node: Any) -> str:
    """Name a node for a message: its name or operation, and its type.

    >>> import symgrad.tensor as T
    >>> describe(T.matrix("x", dtype="float32"))
    'x (float32 matrix)'
    """
    return f"{label(node)} ({node.type})"


def label(node: Any) -> str:
    """The user's name of a node, or else a one-line text of what it is."""
    return node.name or str(node)


@contextmanager
def naming(node: Any) -> Iterator[None]:
    """Let errors about an axis say which variable has none such, and where it was made."""
    try:
        yield
    except (GraphTypeError, GraphValueError) as error:
        raise type(error)(f"{error} The variable is {describe(node)}.\n{made_at(node)}") from None


def operands(nodes: Sequence[Any]) -> str:
    """The operands of an operation, a line for each: what it is and where it was made."""
    return "Operands:\n" + "\n".join(f"{describe(n)} {made_at(n)}".rstrip() for n in nodes)


def suggest(word: str, known: Sequence[str]) -> str:
    """`Did you mean 'x'?` when a known word is close to `word`, else an empty string.

    >>> suggest("flotX", ["floatX", "mode"])
    " Did you mean 'floatX'?"
    """
    from difflib import get_close_matches  # 3 ms, needed only when something went wrong

    close = get_close_matches(word, known, 1)
    return f" Did you mean {close[0]!r}?" if close else ""
