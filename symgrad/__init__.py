"""symgrad: symbolic automatic differentiation in Theano's vocabulary."""

from symgrad.flags import config as config
from symgrad.errors import SymgradError as SymgradError
from symgrad.graph import text as text
from symgrad.graph.shared import shared as shared
from symgrad import tensor as tensor
from symgrad.call import In as In, Out as Out
from symgrad.compile import function as function, clone as clone
from symgrad.gradient import grad as grad
