"""Solvers, Cholesky factors and functions of matrices, under Theano's names and SciPy's."""

from symgrad.ops.decompositions import cholesky as cholesky
from symgrad.ops.linalg import kron as kron
from symgrad.ops.slinalg import eigvalsh as eigvalsh
from symgrad.ops.slinalg import expm as expm
from symgrad.ops.slinalg import solve as solve
from symgrad.ops.slinalg import solve_lower_triangular as solve_lower_triangular
from symgrad.ops.slinalg import solve_symmetric as solve_symmetric
from symgrad.ops.slinalg import solve_triangular as solve_triangular
from symgrad.ops.slinalg import solve_upper_triangular as solve_upper_triangular
