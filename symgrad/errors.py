"""Error classes, and the one way in which a message is written.

A message says which operation, which argument, what was given, what was expected, which line of
the user's code it is about, and what to try; in at most twelve lines. Most of that is the raiser's;
the line, with a mark under the expression, is added here:

    ShapeError: dot: the inner lengths differ, 784 and 10. T.dot(x, W.T) would fit.
      File "model.py", line 12, in predict
        return T.nnet.softmax(T.dot(x, W) + b)
                              ^^^^^^^^^^^
      x: float32 matrix of shape (?, 784), made at model.py:8
      W: float32 matrix of shape (10, 784), made at model.py:9

What does not fit there is what `SymgradError.explain` is for.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, overload

from symgrad.origins import (
    Origin,
    is_internal,
    is_of_gradient,
    pointed,
    resolve_origin,
    short_origin,
    source_line,
    user_frames,
)
from symgrad.quoting import (
    QUOTED as QUOTED,
    listed as listed,
    quoted as quoted,
    repr_of as repr_of,
    short as short,
    visible,
)

P = ParamSpec("P")
R = TypeVar("R")

_LINES = 12  # the longest message


class Text(str):
    """A string that an interactive Python shows as it is read."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class SymgradError(Exception):
    """Base class of every error that symgrad raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong and what to do, in a line; further lines are shown below the user's.
    nodes : sequence of Expr
        The operands; a line for each is shown.
    facts : sequence of str
        Further lines.
    origin : tuple, optional
        The user's line that it is about; by default the one that is running.
    more : callable, optional
        What gives the text that `explain` adds; asked at most once.

    >>> issubclass(ShapeError, SymgradError) and issubclass(ShapeError, ValueError)
    True
    """

    def __init__(
        self,
        message: str = "",
        *,
        nodes: Sequence[Any] = (),
        facts: Sequence[str] = (),
        origin: Origin | None = None,
        more: Callable[[], str] | None = None,
    ) -> None:
        message = visible(message)
        super().__init__(message)
        self.message = message
        self.nodes = tuple(nodes)
        self.facts = tuple(map(visible, facts))
        self.origin: Origin = user_frames() if origin is None else origin
        self._more = more

    def __str__(self) -> str:
        lines = self._lines()
        if len(lines) <= _LINES:
            return "\n".join(lines)
        return "\n".join([*lines[: _LINES - 1], "  ... (the error's explain() shows the rest)"])

    def _lines(self) -> list[str]:
        summary, *rest = self.message.split("\n") if self.message else [""]
        here = short_origin(self.origin)
        # where the line shown is also where an operand was made, that needs no saying
        rest = [line for line in rest if not (here and f"made at {here}: " in line)]
        below = [*self.facts, *(f"  {_operand(node, here)}" for node in self.nodes)]
        return [summary, *(pointed(self.origin[0]) if self.origin else ()), *rest, *below]

    @property
    def is_explained(self) -> bool:
        """Whether it is about a call that failed, and names the operation."""
        return self._more is not None

    def explain(self) -> Text:
        """All that is known: the message, the way to the user's line, and the operands' origins.

        >>> import symgrad.tensor as T
        >>> try:
        ...     T.constant([1.0, 2.0]) + T.constant([1.0, 2.0, 3.0])
        ... except ShapeError as error:
        ...     "called from" in error.explain() or "add" in error.explain()
        True
        """
        parts = ["\n".join(self._lines())]
        if len(self.origin) > 1:
            parts.append("called from\n" + "\n".join(_frames(self.origin[1:])))
        parts += [
            "\n".join([f"{describe(node)}, made at", *_frames(node.origin)])
            for node in self.nodes
            if node.origin and node.origin != self.origin
        ]
        if self._more is not None:
            parts.append(visible(self._more()))
        return Text("\n\n".join(parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (
            getattr(type(self), "_kind", type(self)),
            self.message,
            [*self.facts, *(f"  {_operand(n, short_origin(self.origin))}" for n in self.nodes)],
            resolve_origin(self.origin),
            None if self._more is None else self._more(),
        )


def _restore(
    kind: type[SymgradError], message: str, facts: list[str], origin: Origin, more: str | None
) -> SymgradError:
    """An error that was pickled: what it says is kept, what it says it of is not."""
    told = None if more is None else functools.partial(str, more)
    return kind(message, facts=facts, origin=origin, more=told)


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


class NotScalarConstantError(SymgradError, ValueError):
    """The elements of an expression are not known to be one number."""


class EmptyConstantError(NotScalarConstantError):
    """The constant that a number was asked of has no elements."""


class GradientError(SymgradError, ArithmeticError):
    """`verify_grad` found a gradient that differs from the numerical one."""


class FileError(SymgradError, OSError):
    """A file cannot be written; what was there before still is.

    Parameters
    ----------
    reason : str
        What the system says.
    errno : int, optional
        Its number, as `OSError` has it.
    """

    def __init__(
        self, message: str = "", *, reason: str = "", errno: int | None = None, **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.reason = reason
        self.errno = errno


# -- nodes in messages -----------------------------------------------------------------------


def describe(node: Any) -> str:
    """Name a node for a message: its name or operation, and its type.

    >>> import symgrad.tensor as T
    >>> describe(T.matrix("x", dtype="float32"))
    'x (float32 matrix)'
    """
    return f"{label(node)} ({node.type})"


def label(node: Any) -> str:
    """The user's name of a node, or else a one-line text of what it is."""
    return quoted(node.name or node)


def made_at(node: Any) -> str:
    """A line that says which line of the user's code made a node, with its source."""
    place = short_origin(node.origin) if getattr(node, "origin", None) else ""
    if not place:
        return ""
    source = source_line(node.origin[0])
    return f"  {short(label(node))} was made at {place}: {source}".rstrip(": ")


def made_in(node: Any) -> str:
    """`, made at model.py:3`, to go on in a sentence with; nothing where that is not known."""
    place = short_origin(node.origin) if getattr(node, "origin", None) else ""
    return f", made at {place}" if place else ""


def _operand(node: Any, here: str) -> str:
    """An operand in a line of its own: name, type, and where it was made if elsewhere."""
    place = made_in(node)
    return f"{short(label(node))}: {node.type}{'' if place == f', made at {here}' else place}"


@contextmanager
def naming(node: Any) -> Iterator[None]:
    """Let errors about an axis say which variable has none such, and where it was made."""
    try:
        yield
    except (GraphTypeError, GraphValueError) as error:
        text = f"{error.message} The variable is {describe(node)}.\n{made_at(node)}"
        raise type(error)(text) from None


def suggest(word: str, known: Sequence[str]) -> str:
    """`Did you mean 'x'?` when a known word is close to `word`, else an empty string.

    >>> suggest("flotX", ["floatX", "mode"])
    " Did you mean 'floatX'?"
    """
    from difflib import get_close_matches  # 3 ms, needed only when something went wrong

    lower = {w.lower(): w for w in known}
    close = get_close_matches(word, known, 1) or get_close_matches(word.lower(), lower, 1)
    return f" Did you mean {repr_of(lower.get(close[0].lower(), close[0]))}?" if close else ""


@overload
def checks_keywords(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def checks_keywords(
    *, shown: bool = True, **names: str
) -> Callable[[Callable[P, R]], Callable[..., R]]: ...


def checks_keywords(function: Any = None, /, *, shown: bool = True, **names: str) -> Any:
    """Let the arguments of a function have second names, and let it say which one was meant.

    What `inspect` says of it is its true signature, for those too that do not follow wrappers.

    Parameters
    ----------
    function : callable, optional
        What is decorated; left out where names are given.
    shown : bool
        The signature has the second names in place of the function's own.
    **names : str
        ``input="x"``: the argument `x` may be given as `input`, which is what Theano calls it.

    >>> @checks_keywords
    ... def wait(seconds=1.0): ...
    >>> try:
    ...     wait(second=2.0)
    ... except GraphTypeError as error:
    ...     print(error.message)
    wait() has no argument 'second'. Did you mean 'seconds'?
    >>> @checks_keywords(input="x")
    ... def double(x):
    ...     return 2 * x
    >>> double(input=1), double(x=2), inspect.getfullargspec(double).args
    (2, 4, ['input'])
    """
    if function is None:
        return functools.partial(_checked, shown=shown, names=names)
    return _checked(function, shown, names)


def _checked(function: Callable[P, R], shown: bool, names: Mapping[str, str]) -> Callable[P, R]:
    signature = inspect.signature(function)
    own = list(signature.parameters)
    name = getattr(function, "__name__", "function")

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and names:
            kwargs = own_names(kwargs, names, name)  # type: ignore[assignment]
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            trace = error.__traceback__
            if trace is None or trace.tb_next is not None:  # it was called
                raise
            unknown = [word for word in kwargs if word not in own]
            if not unknown:
                raise GraphTypeError(f"{error}.") from None
            hint = suggest(unknown[0], [*own, *names])
            hint = hint or f" It takes {', '.join(signature.parameters)}."
            raise GraphTypeError(f"{name}() has no argument {repr_of(unknown[0])}.{hint}") from None

    if shown and names:
        second = {own: other for other, own in names.items()}
        signature = signature.replace(
            parameters=[
                p.replace(name=second.get(p.name, p.name)) for p in signature.parameters.values()
            ]
        )
    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


def own_names(kwargs: Mapping[str, Any], names: Mapping[str, str], what: str) -> dict[str, Any]:
    """Keyword arguments under a function's own names, given its second names.

    Raises
    ------
    GraphTypeError
        If an argument is given under both.

    >>> own_names({"input": 1, "axis": 0}, {"input": "x"}, "sum")
    {'x': 1, 'axis': 0}
    """
    found = {names.get(word, word): value for word, value in kwargs.items()}
    if len(found) < len(kwargs):
        both = next(word for word in kwargs if names.get(word) in kwargs)
        raise GraphTypeError(
            f"{what}(): {both!r} and {names[both]!r} are two names of one argument; give one."
        )
    return found


def warn_user(message: str) -> None:
    """Warn at the line of the user's code that is running."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and is_internal(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _frames(origin: Origin) -> list[str]:
    return [line for frame in origin[:4] for line in pointed(frame)]


def in_gradient(origin: Origin) -> str:
    """What to add to a sentence about a node that a gradient made."""
    return " in the gradient of this line" if is_of_gradient(origin) else ""
