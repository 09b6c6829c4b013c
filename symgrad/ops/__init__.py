"""Operations by topic; each is registered in `REGISTRY` when its module is imported.

Rules match against these names (`op=ops.log`, `op=ops.Sum(axis=a)`).
"""

from symgrad.ops import text as text
from symgrad.ops.arithmetic import ufuncs as ufuncs
from symgrad.ops.arithmetic.elementwise import (
    Cast as Cast,
    abs as abs,
    add as add,
    exp as exp,
    expm1 as expm1,
    inv as inv,
    log as log,
    log1p as log1p,
    log2 as log2,
    log10 as log10,
    mul as mul,
    neg as neg,
    pow as pow,
    sqr as sqr,
    sqrt as sqrt,
    sub as sub,
    switch as switch,
    tanh as tanh,
    true_div as true_div,
)
from symgrad.ops.arithmetic.special import (
    erf as erf,
    erfc as erfc,
    xlogx as xlogx,
    xlogy0 as xlogy0,
)
from symgrad.ops.arrays.joining import Join as Join
from symgrad.ops.arrays.lengths import Dim as Dim
from symgrad.ops.arrays.shaping import (
    Alloc as Alloc,
    BroadcastLike as BroadcastLike,
    DimShuffle as DimShuffle,
    Reshape as Reshape,
)
from symgrad.ops.control.barriers import BARRIERS as BARRIERS
from symgrad.ops.control.loops import Map as Map
from symgrad.ops.indexing.indexing import Index as Index
from symgrad.ops.nnet.nnet import (
    logaddexp as logaddexp,
    sigmoid as sigmoid,
    softplus as softplus,
    times_or_zero as times_or_zero,
)
from symgrad.ops.nnet.softmax import (
    LogSoftmax as LogSoftmax,
    LogSumExp as LogSumExp,
    Softmax as Softmax,
)
from symgrad.ops.reductions.reduction import Prod as Prod, Sum as Sum
