"""Linear algebra on matrices and stacks of them, under Theano's names and NumPy's."""

from symgrad.ops.arrays.diagonals import (
    alloc_diag as alloc_diag,
    diag as diag,
    extract_diag as extract_diag,
)
from symgrad.ops.linalg.decompositions import eig as eig, eigh as eigh, qr as qr, svd as svd
from symgrad.ops.linalg.determinants import det as det, slogdet as slogdet
from symgrad.ops.linalg.linalg import kron as kron, tensordot as tensordot
from symgrad.ops.linalg.nlinalg import (
    lstsq as lstsq,
    matrix_dot as matrix_dot,
    matrix_inverse as matrix_inverse,
    matrix_power as matrix_power,
    multi_dot as multi_dot,
    pinv as pinv,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    trace as trace,
)
from symgrad.ops.reductions.norms import norm as norm

inv = matrix_inverse
