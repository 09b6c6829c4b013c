import numpy as np
import pytest
import scipy.linalg

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType

S = T.slinalg
RNG = np.random.default_rng(2)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _the_same_numbers():
    """Whatever tests ran before: some matrices would be nearly singular."""
    RNG.bit_generator.state = START


def run(f, *values):
    inputs = [TensorType(v.dtype.name, (None,) * v.ndim)() for v in values]
    result = f(*inputs)
    got = symgrad.function(inputs, result)(*values)
    assert (got.dtype, got.ndim) == (result.dtype, result.ndim)
    return got


def matrix(n, dtype="float64"):
    return (RNG.normal(size=(n, n)) + 3 * np.eye(n)).astype(dtype)


def check_gradients(f, *values):
    """First and second order, along a random direction of all inputs."""
    rng = np.random.default_rng(5)
    inputs = [TensorType("float64", (None,) * v.ndim)() for v in values]
    directions = [rng.normal(size=v.shape) for v in values]
    cost = T.sum(f(*inputs) ** 2)
    grads = symgrad.grad(cost, inputs)
    slope = sum((T.sum(g * T.constant(d)) for g, d in zip(grads, directions, strict=True)), 0)
    run = symgrad.function(inputs, [cost, *grads])
    second = symgrad.function(inputs, symgrad.grad(slope, inputs))(*values)
    eps = 1e-5
    up = run(*[v + eps * d for v, d in zip(values, directions, strict=True)])
    down = run(*[v - eps * d for v, d in zip(values, directions, strict=True)])
    numeric = [(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)]
    got = sum((g * d).sum() for g, d in zip(run(*values)[1:], directions, strict=True))
    np.testing.assert_allclose(got, numeric[0], rtol=1e-6)
    for have, want in zip(second, numeric[1:], strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("b", [(3,), (3, 1), (3, 4), (2, 3, 1), (3, 0)], ids=str)
def test_solve_agrees_with_numpy(b, dtype):
    a, b = matrix(3, dtype), RNG.normal(size=b).astype(dtype)
    got = run(S.solve, a, b)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, np.linalg.solve(a, b), rtol=1e-3 if dtype[-2] == "3" else 1e-9)


def test_solve_of_a_stack():
    a, b = RNG.normal(size=(4, 1, 2, 2)) + 3 * np.eye(2), RNG.normal(size=(3, 2, 5))
    np.testing.assert_allclose(run(S.solve, a, b), np.linalg.solve(a, b[None]), rtol=1e-9)


@pytest.mark.parametrize("b", [(3,), (3, 2)])
@pytest.mark.parametrize("structure", ["general", "symmetric", "lower_triangular"])
def test_gradient_of_solve(structure, b):
    check_gradients(lambda x, y: S.solve(x, y, structure), matrix(3), RNG.normal(size=b))


def test_structures_read_what_they_say():
    a, b = matrix(3), RNG.normal(size=3)
    lower, upper = np.tril(a), np.triu(a)
    cases = [
        (S.solve_lower_triangular, lower),
        (S.solve_upper_triangular, upper),
        (S.solve_symmetric, upper + np.triu(a, 1).T),
        (lambda x, y: S.solve(x, y, "symmetric", lower=True), lower + np.tril(a, -1).T),
    ]
    for f, read in cases:
        np.testing.assert_allclose(run(f, a, b), np.linalg.solve(read, b), rtol=1e-9)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("trans", [0, 1, "N", "T"])
@pytest.mark.parametrize("b", [(3,), (3, 2)])
def test_solve_triangular_agrees_with_scipy(b, trans, lower, unit):
    a, b = matrix(3), RNG.normal(size=b)
    want = scipy.linalg.solve_triangular(a, b, trans, lower, unit)
    got = run(lambda x, y: S.solve_triangular(x, y, trans, lower, unit), a, b)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 3, 8])
def test_expm_agrees_with_scipy(n):
    a = RNG.normal(size=(n, n))
    np.testing.assert_allclose(run(S.expm, a), scipy.linalg.expm(a), rtol=1e-12)


def test_gradient_of_expm():
    check_gradients(S.expm, RNG.normal(size=(3, 3)))


@pytest.mark.parametrize("lower", [False, True])
def test_eigvalsh_agrees_with_scipy(lower):
    a = RNG.normal(size=(4, 4))
    b = RNG.normal(size=(4, 4))
    b = b @ b.T + np.eye(4)
    got = run(lambda x: S.eigvalsh(x, lower=lower), a)
    np.testing.assert_allclose(got, scipy.linalg.eigvalsh(a, lower=lower), atol=1e-12)
    got = run(lambda x, y: S.eigvalsh(x, y, lower), a, b)
    np.testing.assert_allclose(got, scipy.linalg.eigvalsh(a, b, lower=lower), atol=1e-10)
    check_gradients(lambda x, y: S.eigvalsh(x, y, lower), a, b)


def test_kron():
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(4, 1))
    np.testing.assert_allclose(run(S.kron, a, b), np.kron(a, b))
    check_gradients(S.kron, a, b)


def test_mistakes_are_explained():
    a, b = TensorType("float64", (3, 3))("a"), TensorType("float64", (4,))("b")
    with pytest.raises(ShapeError, match="3 equations") as caught:
        S.solve(a, b)
    assert "a: float64" in str(caught.value)
    assert "test_slinalg.py" in str(caught.value)
    with pytest.raises(GraphValueError, match="A_structure='banded'"):
        S.solve(a, b, "banded")
    with pytest.raises(GraphValueError, match="trans=2"):
        S.solve_triangular(a, b, trans=2)
    with pytest.raises(GraphTypeError, match="b must be"):
        S.solve(a, 1.0)
    x, y = T.dmatrix("x"), T.dvector("y")
    f = symgrad.function([x, y], S.solve(x, y))
    with pytest.raises(ShapeError, match="3 equations cannot have 4 right-hand sides"):
        f(np.eye(3), np.ones(4))
    with pytest.raises(GraphValueError, match="(?i)singular(.|\n)*S.solve"):
        f(np.zeros((2, 2)), np.ones(2))


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_by_theanos_class(lower):
    a = T.dmatrix("a")
    value = np.array([[4.0, 2.0], [2.0, 3.0]])
    got = T.slinalg.Cholesky(lower=lower)(a).eval({a: value})
    want = np.linalg.cholesky(value)
    np.testing.assert_allclose(got, want if lower else want.T)
