"""symgrad.tensor.extra_ops: names that Theano's users import from here."""

from symgrad.ops.arrays.axes import squeeze as squeeze
from symgrad.ops.arrays.constructors import bartlett as bartlett
from symgrad.ops.arrays.repeating import repeat as repeat
from symgrad.ops.arrays.searching import (
    bincount as bincount,
    ravel_multi_index as ravel_multi_index,
    searchsorted as searchsorted,
    unique as unique,
    unravel_index as unravel_index,
)
from symgrad.ops.indexing.selecting import (
    compress as compress,
    fill_diagonal as fill_diagonal,
    fill_diagonal_offset as fill_diagonal_offset,
    to_one_hot as to_one_hot,
)
from symgrad.ops.reductions.cumulative import cumprod as cumprod, cumsum as cumsum, diff as diff
