"""Operations by topic; each is registered in `REGISTRY` when its module is imported.

Rules match against these names (`op=ops.log`, `op=ops.Sum(axis=a)`).
"""

from symgrad.ops.elementwise import Cast as Cast
from symgrad.ops.elementwise import log as log
from symgrad.ops.elementwise import mul as mul
from symgrad.ops.indexing import Index as Index
from symgrad.ops.nnet import LogSoftmax as LogSoftmax
from symgrad.ops.nnet import Softmax as Softmax
