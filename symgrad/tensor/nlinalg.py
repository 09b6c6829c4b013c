"""Linear algebra on matrices and stacks of them, under Theano's names and NumPy's."""

from symgrad.ops.decompositions import eig as eig
from symgrad.ops.decompositions import eigh as eigh
from symgrad.ops.decompositions import qr as qr
from symgrad.ops.decompositions import svd as svd
from symgrad.ops.diagonals import alloc_diag as alloc_diag
from symgrad.ops.diagonals import diag as diag
from symgrad.ops.diagonals import extract_diag as extract_diag
from symgrad.ops.linalg import kron as kron
from symgrad.ops.linalg import tensordot as tensordot
from symgrad.ops.nlinalg import det as det
from symgrad.ops.nlinalg import lstsq as lstsq
from symgrad.ops.nlinalg import matrix_dot as matrix_dot
from symgrad.ops.nlinalg import matrix_inverse as matrix_inverse
from symgrad.ops.nlinalg import matrix_power as matrix_power
from symgrad.ops.nlinalg import multi_dot as multi_dot
from symgrad.ops.nlinalg import pinv as pinv
from symgrad.ops.nlinalg import slogdet as slogdet
from symgrad.ops.nlinalg import tensorinv as tensorinv
from symgrad.ops.nlinalg import tensorsolve as tensorsolve
from symgrad.ops.nlinalg import trace as trace
from symgrad.ops.norms import norm as norm

inv = matrix_inverse
