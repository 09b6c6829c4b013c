"""From expressions to callables: `function`, modes, and what Theano's users find here."""

from importlib import import_module as _import_module
from typing import Any as _Any

from symgrad.compile.call import Function as Function
from symgrad.compile.copies import clone as clone
from symgrad.compile.functions import function as function
from symgrad.compile.modes import mode as mode
from symgrad.compile.modes.mode import (
    FAST_COMPILE as FAST_COMPILE,
    FAST_RUN as FAST_RUN,
    Mode as Mode,
    get_default_mode as get_default_mode,
    get_mode as get_mode,
    predefined_modes as predefined_modes,
)
from symgrad.compile.recipe import In as In, Out as Out, Param as Param
from symgrad.graph.shared import Shared as SharedVariable, shared as shared

_LATER = {
    "DebugMode": "modes.debugmode",
    "MonitorMode": "modes.monitormode",
    "NanGuardMode": "modes.nanguardmode",
    "ProfileStats": "profiling",
}


def __getattr__(name: str) -> _Any:
    """What few programs use, imported when it is asked for."""
    if name in ("debugmode", "monitormode", "nanguardmode", "profiling"):
        return _import_module(f"symgrad.compile.{name}")
    if name in _LATER:
        return getattr(_import_module(f"symgrad.compile.{_LATER[name]}"), name)
    from symgrad.errors import repr_of

    raise AttributeError(f"module 'symgrad.compile' has no attribute {repr_of(name)}")
