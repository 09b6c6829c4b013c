import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphValueError, NullTypeGradError
from symgrad.graph.types import TensorType

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


def orthogonal(n):
    return np.linalg.qr(RNG.normal(size=(n, n)))[0]


def with_singular_values(s, n, m):
    x = np.zeros((n, m))
    x[range(len(s)), range(len(s))] = s
    return orthogonal(n) @ x @ orthogonal(m)


def differences(f, x, eps=1e-3):
    """The gradient of a function by one matrix, to fourth order."""
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[index] = eps
        slope[index] = (8 * (f(x + d) - f(x - d)) - (f(x + 2 * d) - f(x - 2 * d))) / (12 * eps)
    return slope


def odd(f, full=False):
    """A function of singular values, for the matrix with the same vectors."""

    def of(x):
        u, s, v = L.svd(x, full)
        k = s.shape[0]
        return T.dot(u[:, :k] * f(s), v[:k])

    return of


def projection(x):
    """On what the columns do not reach, and on what the rows do not."""
    u, s, v = L.svd(x)
    left, right = u[:, s.shape[0] :], v[s.shape[0] :]
    return T.dot(left, left.T).sum() + T.dot(right.T, right)[0].sum()


FUNCTIONS = {
    "polar": (odd(lambda s: s**0), False),
    "polar, full": (odd(lambda s: s**0, True), False),
    "inverse": (odd(lambda s: 1 / s), False),
    "sine": (odd(T.sin), True),
    "sine, full": (odd(T.sin, True), True),
    "projection": (projection, False),
}


VALUES = [
    ([1, 1, 1], 3, 3),
    ([2, 2, 0.5], 3, 3),
    ([2, 2, 1, 1], 4, 4),
    ([2, 2, 1], 5, 3),
    ([2, 1, 1], 3, 5),
    ([2, 0, 0], 3, 3),
    ([1, 1, 0, 0], 5, 4),
    ([1, 0, 0], 3, 4),
    ([0, 0], 3, 2),
]
CASES = [
    pytest.param(f, s, n, m, id=f"{name} {s} {n}x{m}")
    for name, (f, at_zero) in FUNCTIONS.items()
    for s, n, m in VALUES
    if at_zero or 0 not in s
]


@pytest.mark.parametrize(("function", "s", "n", "m"), CASES)
def test_slopes_of_functions_of_singular_values_that_are_equal(function, s, n, m):
    x = T.dmatrix("x")
    made = function(x)
    value = with_singular_values(s, n, m) if any(s) else np.zeros((n, m))
    weights = RNG.normal(size=made.eval({x: value}).shape)
    f = symgrad.function([x], (made * weights).sum())
    got = symgrad.function([x], T.grad((made * weights).sum(), x))(value)
    np.testing.assert_allclose(got, differences(f, value), atol=1e-8)


def test_costs_that_depend_on_single_singular_vectors_of_equal_values_have_no_slope():
    x, w = T.dmatrices("x", "w")
    u, _, v = L.svd(x)
    cost = (u * w).sum()
    f = symgrad.function([x, w], [cost, T.grad(cost, x), T.grad((v * w.T).sum(), x)])
    weights = RNG.normal(size=(3, 3))
    for s in ([2, 2, 1], [2, 0, 0]):
        _, left, right = f(with_singular_values(s, 3, 3), weights)
        assert np.isnan(left).all()
        assert np.isnan(right).all()
    added = symgrad.function([x, w], T.grad(cost, x))
    assert np.isnan(added(with_singular_values([2], 3, 1), weights)).all()
    value = with_singular_values([3, 2, 1], 3, 3)
    _, left, _ = f(value, weights)
    np.testing.assert_allclose(left, differences(lambda a: f(a, weights)[0], value), atol=1e-6)


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


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (2, 5), (1, 4)], ids=str)
def test_gradient_through_qr_of_wide_matrices(shape, mode, known):
    value = RNG.normal(size=shape)
    x = TensorType("float64", shape if known else (None, None))("x")
    q, r = L.qr(x, mode)
    weights = [RNG.normal(size=(shape[0], shape[0])), RNG.normal(size=shape)]
    for cost in (
        (q**3 * weights[0]).sum(),
        (r**3 * weights[1]).sum(),
        (r**2 * weights[1]).sum() * (q * weights[0]).sum(),
    ):
        f = symgrad.function([x], [cost, T.grad(cost, x)])
        np.testing.assert_allclose(
            f(value)[1], differences(lambda a, f=f: f(a)[0], value), rtol=1e-5, atol=1e-7
        )


def test_gradient_through_what_complete_adds_to_q():
    x = T.dmatrix("x")
    q, r = L.qr(x, "complete")
    added = q[:, r.shape[1] :]
    value = RNG.normal(size=(4, 2))
    cost = (T.dot(added, added.T) * RNG.normal(size=(4, 4))).sum() + (r**3).sum()
    f = symgrad.function([x], [cost, T.grad(cost, x)])
    np.testing.assert_allclose(f(value)[1], differences(lambda a: f(a)[0], value), atol=1e-7)
    alone = (added * RNG.normal(size=(4, 2))).sum()
    assert np.isnan(symgrad.function([x], T.grad(alone, x))(value)).all()


def test_qr_of_a_mode_that_is_not_there():
    with pytest.raises(GraphValueError, match="mode='raw'"):
        L.qr(T.dmatrix("x"), "raw")


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


SPECTRAL = {
    "sqrt": (T.sqrt, np.sqrt, lambda a: 0.5 / np.sqrt(a)),
    "exp": (T.exp, np.exp, np.exp),
    "inverse": (lambda w: 1 / w, lambda a: 1 / a, lambda a: -1 / a**2),
    "cube": (lambda w: w**3, lambda a: a**3, lambda a: 3 * a**2),
}
FOLDED = {
    "L": lambda g: np.tril(g) + np.triu(g, 1).T,
    "U": lambda g: np.triu(g) + np.tril(g, -1).T,
}


@pytest.mark.parametrize("uplo", FOLDED)
@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("gap", [0, 1e-16, 1e-12, 1e-9, 1e-7, 1e-4])
@pytest.mark.parametrize("turned", [False, True])
def test_slopes_of_functions_of_matrices_with_equal_eigenvalues(name, gap, turned, uplo):
    f, of_number, slope = SPECTRAL[name]
    x = T.dmatrix("x")
    w, v = L.eigh(x, uplo)
    weights = RNG.normal(size=(5, 5))
    cost = (T.dot(v * f(w), v.T) * weights).sum()
    basis = orthogonal(5) if turned else np.eye(5)[[2, 0, 1, 4, 3]]
    value = (basis * [1, 1 + gap, 1 + 2 * gap, 3, 0.5]) @ basis.T
    got = symgrad.function([x], T.grad(cost, x))(value)
    found, basis = np.linalg.eigh(value)
    a, b = found[:, None], found[None, :]
    apart = np.abs(a - b) > 1e-3  # below, the middle does: its error is of the square of the gap
    with np.errstate(all="ignore"):
        quotients = np.where(apart, (of_number(a) - of_number(b)) / (a - b), slope((a + b) / 2))
    symmetric = (weights + weights.T) / 2
    want = FOLDED[uplo](basis @ (quotients * (basis.T @ symmetric @ basis)) @ basis.T)
    np.testing.assert_allclose(got, want, atol=1e-6 if gap > 1e-13 else 1e-13)


def test_slopes_of_functions_of_matrices_in_float32_and_in_stacks():
    x = TensorType("float32", (None, 2, 2))("x")
    w, v = L.eigh(x)
    root = T.batched_dot(v * T.sqrt(w)[:, None], v.dimshuffle(0, 2, 1))
    got = symgrad.function([x], T.grad((root * np.float32([[1, 3], [3, 2]])).sum(), x))(
        np.array([np.eye(2), np.diag([1, 4]), 4 * np.eye(2)], "float32")
    )
    assert got.dtype == "float32"
    want = [[[0.5, 0], [3, 1]], [[0.5, 0], [2, 0.5]], [[0.25, 0], [1.5, 0.5]]]
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_generalised_eigenvalues_where_those_of_the_metric_are_equal():
    x, other = T.dmatrices("x", "other")
    w, v = L.eigh((x + x.T) / 2)
    white = v / T.sqrt(w)
    cost = (L.eigh(T.dot(T.dot(white.T, other), white))[0] ** 3).sum()
    f = symgrad.function([x, other], [cost, T.grad(cost, x)])
    matrix = RNG.normal(size=(3, 3))
    matrix += matrix.T
    for value in (np.eye(3), np.diag([1.0, 2.0, 2.0])):
        want = differences(lambda a: f(a, matrix)[0], value)
        np.testing.assert_allclose(f(value, matrix)[1], want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("basis", [np.eye(3), orthogonal(3)], ids=["axes", "turned"])
def test_the_vector_of_a_value_that_stands_alone_has_two_derivatives(basis):
    x = T.dmatrix("x")
    _, v = L.eigh((x + x.T) / 2)
    weights, way = RNG.normal(size=(2, 3, 3))
    slope = T.grad((T.outer(v[:, -1], v[:, -1]) * weights).sum(), x)
    along = (slope * way).sum()
    f = symgrad.function([x], [(T.outer(v[:, -1], v[:, -1]) * weights).sum(), along])
    g = symgrad.function([x], [slope, T.grad(along, x)])
    value = (basis * [1, 1, 3]) @ basis.T
    for k, have in enumerate(g(value)):
        want = differences(lambda a, k=k: f(a)[k], value)
        np.testing.assert_allclose(have, want, atol=1e-8)


def test_second_derivatives_at_equal_eigenvalues_are_right_or_nan():
    x = T.dmatrix("x")
    w, v = L.eigh((x + x.T) / 2)
    way = RNG.normal(size=(3, 3))
    of_values = T.grad((T.grad((w**3).sum(), x) * way).sum(), x)
    of_both = T.grad((T.grad(T.dot(v * T.sqrt(w), v.T)[0, 1], x) * way).sum(), x)
    f = symgrad.function([x], [of_values, of_both])
    got = f(np.eye(3))
    np.testing.assert_allclose(got[0], 3 * (way + way.T), atol=1e-12)
    assert np.isnan(got[1]).all()
    assert np.isfinite(f(np.diag([1.0, 2.0, 3.0]))[1]).all()


def test_costs_that_depend_on_single_eigenvectors_of_equal_values_have_no_slope():
    x, weights = T.dmatrices("x", "weights")
    w, v = L.eigh(x)
    f = symgrad.function([x, weights], T.grad((v * weights).sum() + w[0], x))
    value = RNG.normal(size=(3, 3))
    assert np.isnan(f(np.eye(3), value)[np.tril_indices(3)]).all()
    value[:, :2] = 0  # only the vector of the value that stands alone
    np.testing.assert_array_equal(f(np.diag([1.0, 1.0, 3.0]), 0 * value), np.diag([1.0, 0, 0]))
    assert np.isfinite(f(np.diag([1.0, 1.0, 3.0]), value)).all()


def test_products_with_jacobians_of_decompositions():
    x, way = T.dmatrices("x", "way")
    w, v = L.eigh(x)
    root = T.dot(v * T.sqrt(w), v.T)
    f = symgrad.function([x, way], [T.Rop(root, x, way), T.Rop(v, x, way)])
    direction = RNG.normal(size=(2, 2))
    direction += direction.T
    got = f(np.eye(2), direction)
    np.testing.assert_allclose(got[0], direction / 2, atol=1e-12)
    assert np.isnan(got[1]).any()
    value = np.diag([1.0, 4.0])
    _, vectors = np.linalg.eigh(value)
    step = 1e-6 * direction
    for have, k in zip(f(value, direction), (0, 1), strict=True):
        both = []
        for moved in (value + step, value - step):
            a, b = np.linalg.eigh(moved)
            b = b * np.sign((b * vectors).sum(0))
            both.append([(b * np.sqrt(a)) @ b.T, b][k])
        np.testing.assert_allclose(have, (both[0] - both[1]) / 2e-6, atol=1e-8)


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
