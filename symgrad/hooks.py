"""The one table through which lower layers call upward.

`x + y` is written on `Expr`, which knows nothing of operations; `x.eval()` needs the compiler.
The upper layers fill the table when they are imported; the lower ones look names up in it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

table: dict[str, Callable[..., Any]] = {}

# What few programs call, and the modules that fill it in when they are imported.
_LATER = {
    "draw": "symgrad.explain.draw",
    "draw_for_notebook": "symgrad.explain.draw",
    "story": "symgrad.explain.story",
}


def provide(name: str) -> Callable[[F], F]:
    """Register a function under a name that lower layers call.

    >>> @provide("answer")
    ... def answer():
    ...     return 42
    >>> call("answer")
    42
    >>> del table["answer"]
    """

    def register(function: F) -> F:
        table[name] = function
        return function

    return register


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Call what an upper layer registered under `name`."""
    if name not in table:
        import_module(_LATER[name])
    return table[name](*args, **kwargs)
