"""From expressions to callables: `function`, modes, and what Theano's users find here."""

from symgrad.call import Function as Function, In as In, Out as Out, Param as Param
from symgrad.compile import mode as mode, profiling as profiling
from symgrad.compile.functions import clone as clone, function as function
from symgrad.compile.mode import (
    FAST_COMPILE as FAST_COMPILE,
    FAST_RUN as FAST_RUN,
    Mode as Mode,
    get_default_mode as get_default_mode,
    get_mode as get_mode,
    predefined_modes as predefined_modes,
)
from symgrad.compile.profiling import ProfileStats as ProfileStats
from symgrad.graph.shared import Shared as SharedVariable, shared as shared
