import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphValueError, NullTypeGradError
from symgrad.types import TensorType

L = T.nlinalg
RNG = np.random.default_rng(1)


def run(f, value):
    x = TensorType(value.dtype.name, (None,) * value.ndim)("x")
    result = f(x)
    outs = result if isinstance(result, list) else [result]
    got = symgrad.function([x], outs)(value)
    for have, out in zip(got, outs, strict=True):
        assert (have.dtype, have.ndim) == (out.dtype, out.ndim)
    return got if isinstance(result, list) else got[0]


def mt(x):
    return np.swapaxes(x, -1, -2)


def check_second_order(f, value, symmetric=False):
    """Gradient and Hessian of a scalar function along a random direction."""
    rng = np.random.default_rng(3)
    direction = rng.normal(size=value.shape)
    if symmetric:
        direction = direction + mt(direction)
    x = TensorType("float64", (None,) * value.ndim)("x")
    cost = f(x)
    g = symgrad.grad(cost, x)
    second = symgrad.grad(T.sum(g * T.constant(direction)), x)
    run = symgrad.function([x], [cost, g, second])
    eps = 1e-5
    up, down = run(value + eps * direction), run(value - eps * direction)
    _, got, curved = run(value)
    np.testing.assert_allclose((got * direction).sum(), (up[0] - down[0]) / (2 * eps), rtol=1e-6)
    want = (up[1] - down[1]) / (2 * eps)
    np.testing.assert_allclose(curved, want, rtol=1e-5, atol=1e-6)


# -- singular values -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 3, 2), (1, 1)], ids=str)
def test_svd_gives_back_the_matrix(shape, full, dtype):
    x = RNG.normal(size=shape).astype(dtype)
    u, s, v = run(lambda m: L.svd(m, full), x)
    reference = np.linalg.svd(x, full)
    for have, want in zip((u, s, v), reference, strict=True):
        assert have.shape == want.shape
        assert have.dtype == dtype
    np.testing.assert_allclose(s, reference[1], rtol=1e-5)
    k = s.shape[-1]
    np.testing.assert_allclose(u[..., :k] * s[..., None, :] @ v[..., :k, :], x, atol=1e-5)
    np.testing.assert_allclose(run(lambda m: L.svd(m, compute_uv=False), x), s, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 3, 2)], ids=str)
def test_gradient_through_singular_values(shape):
    x = RNG.normal(size=shape)
    check_second_order(lambda m: T.sum(L.svd(m, compute_uv=False) ** 3), x)
    check_second_order(lambda m: T.sum(L.svd(m)[1] ** 3), x)


def test_gradient_of_equal_singular_values_is_finite():
    x = T.dmatrix()
    g = symgrad.grad(T.sum(L.svd(x, compute_uv=False)), x)
    np.testing.assert_allclose(symgrad.function([x], g)(np.eye(3)), np.eye(3), atol=1e-12)


def test_added_singular_vectors_have_no_gradient():
    x = T.dmatrix("x")
    with pytest.raises(NullTypeGradError, match="full_matrices=False"):
        symgrad.grad(T.sum(L.svd(x)[0]), x)


# -- QR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)], ids=str)
def test_qr_agrees_with_numpy(shape, mode):
    x = RNG.normal(size=shape)
    got, want = run(lambda m: L.qr(m, mode), x), np.linalg.qr(x, mode)
    if mode == "r":
        np.testing.assert_allclose(got, want, atol=1e-12)
        return
    for have, part in zip(got, want, strict=True):
        np.testing.assert_allclose(have, part, atol=1e-12)
    np.testing.assert_allclose(got[0] @ got[1], x, atol=1e-12)


def test_gradient_through_qr():
    x = RNG.normal(size=(4, 3))
    weights = RNG.normal(size=(4, 3))
    check_second_order(lambda m: T.sum(L.qr(m)[0] ** 3 * weights), x)
    check_second_order(lambda m: T.sum(L.qr(m, "r") ** 3), x)


def test_qr_without_a_gradient_says_so():
    wide = TensorType("float64", (2, 3))("wide")
    with pytest.raises(NullTypeGradError, match="more columns than rows"):
        symgrad.grad(T.sum(L.qr(wide, "r")), wide)
    x = T.dmatrix("x")
    with pytest.raises(NullTypeGradError, match="mode='reduced'"):
        symgrad.grad(T.sum(L.qr(x, "complete")[0]), x)
    with pytest.raises(GraphValueError, match="mode='raw'"):
        L.qr(x, "raw")


# -- eigenvalues ---------------------------------------------------------------------------------


@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1)], ids=str)
def test_eigh_reads_one_triangle(shape, uplo):
    x = RNG.normal(size=shape)
    w, v = run(lambda m: L.eigh(m, uplo), x)
    want = np.linalg.eigh(x, uplo)
    np.testing.assert_allclose(w, want[0], atol=1e-12)
    np.testing.assert_allclose(np.abs(v), np.abs(want[1]), atol=1e-10)


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_gradient_through_eigh(uplo):
    x = RNG.normal(size=(3, 3))
    weights = RNG.normal(size=(3, 3))
    check_second_order(lambda m: T.sum(L.eigh(m, uplo)[0] ** 3), x)
    check_second_order(lambda m: T.sum(L.eigh(m, uplo)[1] ** 2 * weights), x)


def test_gradient_of_equal_eigenvalues_is_finite():
    x = T.dmatrix()
    g = symgrad.grad(T.sum(L.eigh(x)[0]), x)
    np.testing.assert_allclose(symgrad.function([x], g)(np.eye(2)), np.eye(2), atol=1e-12)


def test_eig_is_complex_and_has_no_gradient():
    for x in (np.array([[0.0, -1.0], [1.0, 0.0]]), np.eye(2)):
        w, v = run(L.eig, x)
        assert w.dtype == v.dtype == "complex128"
        np.testing.assert_allclose(x @ v, v * w, atol=1e-12)
    m = T.dmatrix("m")
    with pytest.raises(NullTypeGradError):
        symgrad.grad(T.sum(abs(L.eig(m)[0])), m)


# -- Cholesky ------------------------------------------------------------------------------------


def positive(*shape):
    x = RNG.normal(size=shape)
    return x @ mt(x) + np.eye(shape[-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 3)], ids=str)
def test_cholesky_gives_back_the_matrix(shape, dtype):
    x = positive(*shape).astype(dtype)
    lower = run(T.slinalg.cholesky, x)
    upper = run(lambda m: T.slinalg.cholesky(m, lower=False), x)
    np.testing.assert_allclose(lower, np.linalg.cholesky(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(upper, mt(lower), rtol=1e-5, atol=1e-6)
    assert lower.dtype == dtype


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_reads_one_triangle(lower):
    x = positive(3, 3)
    other = np.tril(x) if lower else np.triu(x)
    f = lambda m: T.slinalg.cholesky(m, lower)  # noqa: E731
    np.testing.assert_array_equal(run(f, other), run(f, x))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)], ids=str)
def test_gradient_through_cholesky(shape, lower):
    weights = RNG.normal(size=shape)
    check_second_order(
        lambda m: T.sum(T.slinalg.cholesky(m, lower) ** 3 * weights), positive(*shape)
    )


def test_a_matrix_that_is_not_positive_definite():
    x = T.dmatrix("x")
    f = symgrad.function([x], T.slinalg.cholesky(x))
    with pytest.raises(GraphValueError, match="(?i)not positive definite(.|\n)*slinalg.cholesky"):
        f(-np.eye(2))
    g = symgrad.function([x], T.slinalg.cholesky(x, on_error="nan"))
    assert np.isnan(g(-np.eye(2))[0, 0])
    with pytest.raises(GraphValueError, match="on_error='ignore'"):
        T.slinalg.cholesky(x, on_error="ignore")
