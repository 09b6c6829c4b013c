"""Solvers, Cholesky factors and functions of matrices, under Theano's names and SciPy's."""

from symgrad.ops.linalg.decompositions import cholesky as cholesky
from symgrad.ops.linalg.linalg import kron as kron
from symgrad.ops.linalg.slinalg import (
    Cholesky as Cholesky,
    eigvalsh as eigvalsh,
    expm as expm,
    solve as solve,
    solve_lower_triangular as solve_lower_triangular,
    solve_symmetric as solve_symmetric,
    solve_triangular as solve_triangular,
    solve_upper_triangular as solve_upper_triangular,
)
