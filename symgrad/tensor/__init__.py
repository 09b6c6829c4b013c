"""symgrad.tensor: names only, as users import them (`import symgrad.tensor as T`)."""

from symgrad.graph.expr import Placeholder
from symgrad.types import TensorType
from symgrad.gradient import grad as grad
from symgrad.ops.elementwise import (
    abs as abs, add as add, cast as cast, eq as eq, exp as exp, log as log, log1p as log1p, mul as mul, neq as neq, tanh as tanh, switch as switch, pow as pow, sqr as sqr, sqrt as sqrt
)
from symgrad.ops.reduction import mean as mean, sum as sum
from symgrad.ops.linalg import dot as dot
from symgrad.ops.op import constant as constant
from symgrad.tensor import nnet as nnet

def _mk(dtype, ndim):
    def make(name=None, dtype=dtype):
        return Placeholder(TensorType(dtype, (None,) * ndim), name)
    def many(*names):
        return [make(n) for n in names]
    return make, many

for _p, _d in dict(b="int8", w="int16", i="int32", l="int64", f="float32", d="float64").items():
    for _k, _n in enumerate(["scalar", "vector", "matrix", "tensor3"]):
        globals()[_p + _n], globals()[_p + _n + "s"] = _mk(_d, _k)
for _k, _n in enumerate(["scalar", "vector", "matrix", "tensor3"]):
    globals()[_n], globals()[_n + "s"] = _mk("floatX", _k)
