"""symgrad: symbolic automatic differentiation in Theano's vocabulary.

>>> import symgrad as theano
>>> import symgrad.tensor as T
>>> x = T.dscalar("x")
>>> f = theano.function([x], T.grad(x**2, x))
>>> f(3.0)
array(6.)
"""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from symgrad import compile as compile, gradient as gradient, tensor as tensor
from symgrad.compile import (
    Mode as Mode,
    clone as clone,
    function as function,
)
from symgrad.compile.call import Function as Function
from symgrad.compile.recipe import In as In, Out as Out, Param as Param
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
from symgrad.gradient import (
    Lop as Lop,
    Rop as Rop,
    grad as grad,
    subgraph_grad as subgraph_grad,
)
from symgrad.graph.expr import Constant as Constant, Expr as Variable
from symgrad.graph.shared import Shared as SharedVariable, shared as shared
from symgrad.graph.types import ObjectType as _ObjectType
from symgrad.ops.arrays.helpers import get_scalar_constant_value as get_scalar_constant_value
from symgrad.ops.indexing.indexing import sparse_grad as sparse_grad
from symgrad.ops.linalg.linalg import dot as dot
from symgrad.origins import name_scope as name_scope
from symgrad.quoting import repr_of as _repr_of
from symgrad.tensor.tensortype import TensorType as TensorType
from symgrad.theano import paths as _paths, scalar as scalar

__version__ = "0.1.0"

generic = _ObjectType()  # the type of values that are no arrays

if _TYPE_CHECKING:
    from symgrad.compile.modes.predefined import (
        function_dump as function_dump,
        predefined_linkers as predefined_linkers,
        predefined_modes as predefined_modes,
        predefined_optimizers as predefined_optimizers,
    )
    from symgrad.compile.profiling import ProfileStats as ProfileStats
    from symgrad.explain import draw as draw, printing as printing
    from symgrad.explain.derivation import derive as derive
    from symgrad.explain.linting import lint as lint
    from symgrad.explain.printing import debugprint as debugprint, pp as pp, pprint as pprint
    from symgrad.gradient.disconnected import why_disconnected as why_disconnected
    from symgrad.theano import misc as misc

# What is imported when it is first asked for, and where it is.
_LATER = {
    "ProfileStats": "compile.profiling",
    "debugprint": "explain.printing",
    "derive": "explain.derivation",
    "function_dump": "compile.modes.predefined",
    "lint": "explain.linting",
    "pp": "explain.printing",
    "pprint": "explain.printing",
    "predefined_linkers": "compile.modes.predefined",
    "predefined_modes": "compile.modes.predefined",
    "predefined_optimizers": "compile.modes.predefined",
    "why_disconnected": "gradient.disconnected",
}

# The modules that users know; the others are rooms of the house.
_MODULES = ["compile", "draw", "errors", "gradient", "misc", "printing", "scalar", "tensor"]


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        value = getattr(_import_module(f"symgrad.{_LATER[name]}"), name)
    elif _paths.now(f"symgrad.{name}") != f"symgrad.{name}":
        value = _import_module(f"symgrad.{name}")
    else:
        raise AttributeError(f"module 'symgrad' has no attribute {_repr_of(name)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    own = {name for name, value in globals().items() if not isinstance(value, _ModuleType)}
    hidden = {name for name in own if name[0] == "_" and not name.endswith("__")}
    return sorted({*own, *_LATER, *_MODULES} - hidden - {"__dir__", "__getattr__"})


_paths.install()
