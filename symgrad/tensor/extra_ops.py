"""symgrad.tensor.extra_ops: names that Theano's users import from here."""

from symgrad.ops.axes import squeeze as squeeze
from symgrad.ops.constructors import bartlett as bartlett
from symgrad.ops.cumulative import cumprod as cumprod
from symgrad.ops.cumulative import cumsum as cumsum
from symgrad.ops.cumulative import diff as diff
from symgrad.ops.repeating import repeat as repeat
from symgrad.ops.searching import bincount as bincount
from symgrad.ops.searching import ravel_multi_index as ravel_multi_index
from symgrad.ops.searching import searchsorted as searchsorted
from symgrad.ops.searching import unique as unique
from symgrad.ops.searching import unravel_index as unravel_index
from symgrad.ops.selecting import compress as compress
from symgrad.ops.selecting import fill_diagonal as fill_diagonal
from symgrad.ops.selecting import fill_diagonal_offset as fill_diagonal_offset
from symgrad.ops.selecting import to_one_hot as to_one_hot
