"""Operations by topic; each is registered in `REGISTRY` when its module is imported.

Rules match against these names (`op=ops.log`, `op=ops.Sum(axis=a)`).
"""

from symgrad.ops.barriers import BARRIERS as BARRIERS
from symgrad.ops.elementwise import Cast as Cast
from symgrad.ops.elementwise import add as add
from symgrad.ops.elementwise import exp as exp
from symgrad.ops.elementwise import expm1 as expm1
from symgrad.ops.elementwise import inv as inv
from symgrad.ops.elementwise import log as log
from symgrad.ops.elementwise import log1p as log1p
from symgrad.ops.elementwise import log2 as log2
from symgrad.ops.elementwise import log10 as log10
from symgrad.ops.elementwise import mul as mul
from symgrad.ops.elementwise import neg as neg
from symgrad.ops.elementwise import pow as pow
from symgrad.ops.elementwise import sqr as sqr
from symgrad.ops.elementwise import sqrt as sqrt
from symgrad.ops.elementwise import sub as sub
from symgrad.ops.elementwise import true_div as true_div
from symgrad.ops.indexing import Index as Index
from symgrad.ops.loops import Map as Map
from symgrad.ops.nnet import LogSoftmax as LogSoftmax
from symgrad.ops.nnet import LogSumExp as LogSumExp
from symgrad.ops.nnet import Softmax as Softmax
from symgrad.ops.nnet import logaddexp as logaddexp
from symgrad.ops.nnet import sigmoid as sigmoid
from symgrad.ops.nnet import softplus as softplus
from symgrad.ops.nnet import times_or_zero as times_or_zero
from symgrad.ops.reduction import Prod as Prod
from symgrad.ops.reduction import Sum as Sum
from symgrad.ops.shaping import Alloc as Alloc
from symgrad.ops.shaping import BroadcastLike as BroadcastLike
from symgrad.ops.shaping import Dim as Dim
from symgrad.ops.shaping import DimShuffle as DimShuffle
from symgrad.ops.shaping import Reshape as Reshape
from symgrad.ops.special import xlogx as xlogx
from symgrad.ops.special import xlogy0 as xlogy0

from symgrad.ops import complexes as complexes
from symgrad.ops import logic as logic
from symgrad.ops import rounding as rounding
from symgrad.ops import special as special
from symgrad.ops import trigonometry as trigonometry
from symgrad.ops import ufuncs as ufuncs
