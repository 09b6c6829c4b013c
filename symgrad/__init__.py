"""symgrad: symbolic automatic differentiation in Theano's vocabulary.

>>> import symgrad as theano
>>> import symgrad.tensor as T
>>> x = T.dscalar("x")
>>> f = theano.function([x], T.grad(x**2, x))
>>> f(3.0)
array(6.)
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from symgrad import (
    compile as compile,
    draw as draw,
    gradient as gradient,
    loops as _loops,  # fills the table for the bodies of loops
    scalar as scalar,
    tensor as tensor,
)
from symgrad.call import Function as Function, In as In, Out as Out, Param as Param
from symgrad.compile import (
    Mode as Mode,
    clone as clone,
    function as function,
)
from symgrad.errors import (
    DisconnectedInputError as DisconnectedInputError,
    ExecutionError as ExecutionError,
    FileError as FileError,
    GradientError as GradientError,
    GraphTypeError as GraphTypeError,
    GraphValueError as GraphValueError,
    IndexRangeError as IndexRangeError,
    MissingInputError as MissingInputError,
    NullTypeGradError as NullTypeGradError,
    ShapeError as ShapeError,
    SymgradError as SymgradError,
    UnusedInputError as UnusedInputError,
)
from symgrad.flags import change_flags as change_flags, config as config
from symgrad.gradient import Lop as Lop, Rop as Rop, grad as grad, subgraph_grad as subgraph_grad
from symgrad.graph.expr import Constant as Constant, Expr as Variable
from symgrad.graph.shared import Shared as SharedVariable, shared as shared
from symgrad.ops.helpers import get_scalar_constant_value as get_scalar_constant_value
from symgrad.ops.indexing import sparse_grad as sparse_grad
from symgrad.ops.linalg import dot as dot
from symgrad.origins import name_scope as name_scope
from symgrad.tensor.tensortype import TensorType as TensorType
from symgrad.types import ObjectType as _ObjectType

__version__ = "0.1.0"

generic = _ObjectType()  # the type of values that are no arrays

if _TYPE_CHECKING:
    from symgrad import printing as printing
    from symgrad.compile.predefined import (
        function_dump as function_dump,
        predefined_linkers as predefined_linkers,
        predefined_modes as predefined_modes,
        predefined_optimizers as predefined_optimizers,
    )
    from symgrad.compile.profiling import ProfileStats as ProfileStats
    from symgrad.derivation import derive as derive
    from symgrad.disconnected import why_disconnected as why_disconnected
    from symgrad.linting import lint as lint
    from symgrad.printing import debugprint as debugprint, pp as pp, pprint as pprint

_LATER = {
    "ProfileStats": "compile.profiling",
    "debugprint": "printing",
    "derive": "derivation",
    "function_dump": "compile.predefined",
    "lint": "linting",
    "pp": "printing",
    "pprint": "printing",
    "predefined_linkers": "compile.predefined",
    "predefined_modes": "compile.predefined",
    "predefined_optimizers": "compile.predefined",
    "printing": "",
    "why_disconnected": "disconnected",
}


def __getattr__(name: str) -> _Any:
    """What is imported when it is first asked for."""
    if name in _LATER:
        from importlib import import_module

        module = import_module(f"symgrad.{_LATER[name] or name}")
        value = globals()[name] = getattr(module, name) if _LATER[name] else module
        return value
    from symgrad.errors import repr_of

    raise AttributeError(f"module 'symgrad' has no attribute {repr_of(name)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
