"""From expressions to callables: `function`, modes, and what Theano's users find here."""

from symgrad.call import Function as Function
from symgrad.call import In as In
from symgrad.call import In as Param
from symgrad.call import Out as Out
from symgrad.compile import mode as mode
from symgrad.compile.functions import clone as clone
from symgrad.compile.functions import function as function
from symgrad.compile.mode import FAST_COMPILE as FAST_COMPILE
from symgrad.compile.mode import FAST_RUN as FAST_RUN
from symgrad.compile.mode import Mode as Mode
from symgrad.compile.mode import get_default_mode as get_default_mode
from symgrad.compile.mode import get_mode as get_mode
from symgrad.compile.mode import predefined_modes as predefined_modes
from symgrad.graph.shared import Shared as SharedVariable
from symgrad.graph.shared import shared as shared
