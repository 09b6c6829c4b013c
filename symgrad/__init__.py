"""symgrad: symbolic automatic differentiation in Theano's vocabulary.

>>> import symgrad as theano
>>> import symgrad.tensor as T
>>> x = T.dscalar("x")
>>> f = theano.function([x], T.grad(x**2, x))
>>> f(3.0)
array(6.)
"""

from symgrad import compile as compile
from symgrad import draw as draw
from symgrad import gradient as gradient
from symgrad import loops as _loops  # fills the table for the bodies of loops
from symgrad import printing as printing
from symgrad import tensor as tensor
from symgrad.call import Function as Function
from symgrad.call import In as In
from symgrad.call import In as Param
from symgrad.call import Out as Out
from symgrad.compile import Mode as Mode
from symgrad.compile import clone as clone
from symgrad.compile import function as function
from symgrad.errors import DisconnectedInputError as DisconnectedInputError
from symgrad.errors import ExecutionError as ExecutionError
from symgrad.errors import GradientError as GradientError
from symgrad.errors import GraphTypeError as GraphTypeError
from symgrad.errors import GraphValueError as GraphValueError
from symgrad.errors import IndexRangeError as IndexRangeError
from symgrad.errors import MissingInputError as MissingInputError
from symgrad.errors import NullTypeGradError as NullTypeGradError
from symgrad.errors import ShapeError as ShapeError
from symgrad.errors import SymgradError as SymgradError
from symgrad.errors import UnusedInputError as UnusedInputError
from symgrad.flags import change_flags as change_flags
from symgrad.flags import config as config
from symgrad.gradient import Lop as Lop
from symgrad.gradient import Rop as Rop
from symgrad.gradient import grad as grad
from symgrad.gradient import subgraph_grad as subgraph_grad
from symgrad.graph.expr import Constant as Constant
from symgrad.graph.expr import Expr as Variable
from symgrad.graph.shared import Shared as SharedVariable
from symgrad.graph.shared import shared as shared
from symgrad.ops.indexing import sparse_grad as sparse_grad
from symgrad.printing import debugprint as debugprint
from symgrad.printing import pp as pp
from symgrad.printing import pprint as pprint
from symgrad.types import TensorType as TensorType

__version__ = "0.1.0"
