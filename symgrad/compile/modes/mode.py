"""Theano's modes: how much a function's graph is rewritten. All of them give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from symgrad.errors import GraphTypeError, GraphValueError, repr_of, suggest
from symgrad.flags import config

_SIMPLIFIES = {
    "fast_run": True,
    "fast_run_stable": True,
    "unsafe": True,
    "o4": True,
    "o3": True,
    "o2": True,
    "o1": False,
    "merge": False,
    "stabilize": False,
    "fast_compile": False,
    "None": False,
}
OPTIMIZERS = tuple(_SIMPLIFIES)
_WATCHING = {  # names of modes that are made when they are asked for, and where
    "nan-guard": ("nanguardmode", "NanGuardMode"),
    "NanGuardMode": ("nanguardmode", "NanGuardMode"),
    "debug": ("debugmode", "DebugMode"),
    "DebugMode": ("debugmode", "DebugMode"),
    "DEBUG_MODE": ("debugmode", "DebugMode"),
    "MonitorMode": ("monitormode", "MonitorMode"),
}


class Mode:
    """How a function is compiled.

    Parameters
    ----------
    linker : str, optional
        Accepted; there is one.
    optimizer : str, optional
        ``fast_run``, ``o2`` and above also simplify; ``fast_compile`` and below only do what
        keeps values finite. By default ``config.optimizer`` decides.

    Attributes
    ----------
    call_time : float
        Seconds spent in calls of functions of this mode.

    >>> Mode(optimizer="fast_compile").simplifies
    False
    """

    def __init__(self, linker: Any = None, optimizer: Any = "default") -> None:
        self.linker = linker
        self.optimizer = "default" if optimizer == "default" else str(optimizer)
        if self.optimizer != "default" and self.optimizer not in _SIMPLIFIES:
            raise GraphValueError(
                f"Mode: optimizer={repr_of(optimizer)} is not known; expected one of "
                f"{', '.join(_SIMPLIFIES)}.{suggest(self.optimizer, list(_SIMPLIFIES))}"
            )
        self.call_time = 0.0
        self.fn_time = 0.0

    @property
    def _settings(self) -> tuple[Any, ...]:
        """The arguments that make another one like it."""
        return (self.linker, self.optimizer)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(linker={self.linker!r}, optimizer={self.optimizer!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        for name, mode in predefined_modes.items():
            if mode is self:
                return get_mode, (name,)
        return type(self), self._settings

    @property
    def simplifies(self) -> bool:
        """Whether the graph is simplified, beyond what keeps it finite."""
        chosen = str(config.optimizer) if self.optimizer == "default" else self.optimizer
        return _SIMPLIFIES[chosen]

    def watched(self, function: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        """What stands for the generated `call` of a function; modes that look at values wrap it."""
        return call

    def including(self, *tags: str) -> Mode:
        """Return a mode like this one; Theano's names of single rewrites change nothing."""
        return type(self)(*self._settings)

    excluding = including
    requiring = including


FAST_RUN = Mode("cvm")
FAST_COMPILE = Mode("py", "fast_compile")
predefined_modes = {"FAST_RUN": FAST_RUN, "FAST_COMPILE": FAST_COMPILE, "Mode": Mode()}


def get_mode(mode: Any = None) -> Mode:
    """Return the mode of a name; None is what ``config.mode`` says.

    Raises
    ------
    GraphTypeError, GraphValueError
        If there is no such mode.

    >>> get_mode("FAST_COMPILE") is FAST_COMPILE
    True
    """
    chosen = str(config.mode) if mode is None else mode
    if isinstance(chosen, Mode):
        return chosen
    if not isinstance(chosen, str):
        raise GraphTypeError(f"mode must be a name or a Mode, not {repr_of(mode)}.")
    if chosen in _WATCHING:
        module, name = _WATCHING[chosen]
        made: Mode = getattr(import_module(f"symgrad.compile.modes.{module}"), name)()
        return made
    if chosen not in predefined_modes:
        raise GraphValueError(
            f"mode={repr_of(chosen)} is not known; expected FAST_RUN, FAST_COMPILE, "
            "nan-guard or debug."
            f"{suggest(chosen, [*predefined_modes, *_WATCHING])}"
        )
    return predefined_modes[chosen]


def get_default_mode() -> Mode:
    """Return the mode of functions that name none."""
    return get_mode(None)
