import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, NullTypeGradError, ShapeError
from symgrad.graph.types import TensorType

L = T.nlinalg
RNG = np.random.default_rng(0)
SQUARES = [(1, 1), (3, 3), (2, 3, 3), (2, 1, 2, 2)]


def run(f, *values, known=False):
    inputs = [TensorType(v.dtype.name, v.shape if known else (None,) * v.ndim)() for v in values]
    result = f(*inputs)
    several = isinstance(result, list)
    outs = result if several else [result]
    got = symgrad.function(inputs, outs)(*values)
    for have, out in zip(got, outs, strict=True):
        assert (have.dtype, have.ndim) == (out.dtype, out.ndim)
    return got if several else got[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SQUARES, ids=str)
def test_square_matrices_agree_with_numpy(shape, dtype):
    x = (RNG.normal(size=shape) + 3 * np.eye(shape[-1])).astype(dtype)
    rtol = 1e-4 if dtype == "float32" else 1e-10
    for f, reference in ((L.inv, np.linalg.inv), (L.det, np.linalg.det), (L.pinv, np.linalg.pinv)):
        got = run(f, x, known=dtype == "float32")
        assert got.dtype == dtype
        np.testing.assert_allclose(got, reference(x), rtol=rtol, atol=rtol)
    for have, want in zip(run(L.slogdet, -x), np.linalg.slogdet(-x), strict=True):
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(
        run(L.trace, x), np.trace(x, axis1=-2, axis2=-1), rtol=rtol, atol=rtol
    )


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16"])
def test_dtypes_that_lapack_does_not_know(dtype):
    x = np.array([[2, 0], [1, 1]]).astype(dtype)
    got = run(L.matrix_inverse, x)
    assert got.dtype == ("float32" if dtype == "float16" else "float64")
    np.testing.assert_allclose(got, np.linalg.inv(x.astype("float64")))


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (2, 3, 2)])
def test_pinv_of_other_shapes(shape):
    x = RNG.normal(size=shape)
    np.testing.assert_allclose(run(L.pinv, x), np.linalg.pinv(x), atol=1e-12)


def test_empty_matrices():
    x = np.zeros((0, 0))
    assert run(L.det, x) == 1
    assert run(L.inv, x).shape == (0, 0)
    assert run(L.trace, x) == 0


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5, 8])
@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2)])
def test_matrix_power_agrees_with_numpy(n, shape):
    x = RNG.normal(size=shape) + 2 * np.eye(2)
    got = run(lambda v: L.matrix_power(v, n), x)
    np.testing.assert_allclose(got, np.linalg.matrix_power(x, n), rtol=1e-9)


def test_matrix_power_keeps_integers():
    x = np.array([[1, 1], [0, 1]])
    got = run(lambda v: L.matrix_power(v, 5), x)
    assert got.dtype == "int64"
    np.testing.assert_array_equal(got, [[1, 5], [0, 1]])


def test_chains_of_products():
    a, b, c = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=(4,))
    np.testing.assert_allclose(run(L.matrix_dot, a, b, c), a @ b @ c)
    np.testing.assert_allclose(run(lambda *v: L.multi_dot(v), a, b, c), a @ b @ c)
    with pytest.raises(GraphTypeError, match="at least one"):
        L.matrix_dot()


def test_tensor_equations():
    a = RNG.normal(size=(2, 3, 6)) + np.eye(6).reshape(2, 3, 6)
    b = RNG.normal(size=(2, 3))
    np.testing.assert_allclose(run(L.tensorinv, a), np.linalg.tensorinv(a, 2), rtol=1e-9)
    np.testing.assert_allclose(run(L.tensorsolve, a, b), np.linalg.tensorsolve(a, b), rtol=1e-9)
    moved = np.moveaxis(a, 2, 0)
    got = run(lambda x, y: L.tensorsolve(x, y, axes=(0,)), moved, b)
    np.testing.assert_allclose(got, np.linalg.tensorsolve(a, b), rtol=1e-9)


@pytest.mark.parametrize("b", [(5,), (5, 2)])
def test_lstsq_agrees_with_numpy(b):
    a, b = RNG.normal(size=(5, 3)), RNG.normal(size=b)
    for have, want in zip(run(L.lstsq, a, b), np.linalg.lstsq(a, b, rcond=None), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-9)
    x = T.dmatrix("x")
    with pytest.raises(NullTypeGradError, match="pinv"):
        symgrad.grad(T.sum(L.lstsq(x, b)[0]), x)


def test_gradient_of_logdet_is_the_inverse_transposed():
    x = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
    v = T.dmatrix()
    got = symgrad.function([v], symgrad.grad(L.slogdet(v)[1], v))(x)
    np.testing.assert_allclose(got, np.linalg.inv(x).T)
    of_sign = symgrad.grad(L.slogdet(v)[0], v)
    np.testing.assert_array_equal(symgrad.function([v], of_sign)(x), np.zeros((3, 3)))


def test_gradient_of_trace():
    v = T.dmatrix()
    got = symgrad.function([v], symgrad.grad(v.trace(), v))(np.ones((2, 3)))
    np.testing.assert_array_equal(got, np.eye(2, 3))


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [L.inv, T.slinalg.expm])
def test_functions_say_what_they_take(f):
    with pytest.raises(GraphTypeError, match="takes a matrix"):
        f(T.dvector("v"))
    with pytest.raises(ShapeError, match=r"v .* is 2 by 3"):
        f(TensorType("float64", (2, 3))("v"))


def test_a_singular_matrix_is_reported_with_the_users_line():
    x = T.dmatrix("x")
    f = symgrad.function([x], L.matrix_inverse(x))
    with pytest.raises(GraphValueError, match="(?i)singular matrix(.|\n)*x: float64 of") as caught:
        f(np.ones((2, 2)))
    assert "L.matrix_inverse(x)" in str(caught.value)


def test_a_matrix_that_is_not_square_is_reported_when_run():
    x = T.dmatrix("x")
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        symgrad.function([x], L.det(x))(np.ones((2, 3)))


def test_other_mistakes_are_explained():
    x = T.dmatrix("x")
    with pytest.raises(GraphTypeError, match="matrix_power: n"):
        L.matrix_power(x, 0.5)
    with pytest.raises(GraphValueError, match="ind=2"):
        L.tensorinv(x, 2)
    with pytest.raises(GraphTypeError, match="fewer axes"):
        L.tensorsolve(x, T.dtensor3())
    with pytest.raises(GraphTypeError, match="trace takes a matrix"):
        L.trace(T.dvector())


# -- slopes of determinants ----------------------------------------------------------------------


def cofactors(x):
    n = len(x)
    minors = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(minors[i][j]) for j in range(n)] for i in range(n)]
    )


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_slopes_of_determinants_at_every_rank(n):
    x, direction = T.dmatrices("x", "direction")
    slope = T.grad(L.det(x), x)
    second = T.grad((slope * direction).sum(), x)
    f = symgrad.function([x, direction], [slope, second], on_unused_input="ignore")
    for rank in range(n + 1):
        value = RNG.normal(size=(n, rank)) @ RNG.normal(size=(rank, n))
        way = RNG.normal(size=(n, n))
        got, curved = f(value, way)
        np.testing.assert_allclose(got, cofactors(value), atol=1e-11)
        step = 1e-5 * way
        want = (cofactors(value + step) - cofactors(value - step)) / 2e-5
        np.testing.assert_allclose(curved, want, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_of_determinants_of_stacks(dtype):
    x = TensorType(dtype, (None, None, None))("x")
    values = np.array([[[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, 2], [3, 4]]], dtype)
    want = [[[4, -2], [-2, 1]], [[0, 0], [0, 0]], [[4, -3], [-2, 1]]]
    got = symgrad.function([x], T.grad(L.det(x).sum(), x))(values)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, atol=1e-6 if dtype == "float32" else 1e-14)
    assert symgrad.function([x], T.grad(L.det(x).sum(), x))(values[:0]).shape == (0, 2, 2)


def test_slopes_of_determinants_of_what_is_almost_singular():
    x = T.dmatrix("x")
    f = symgrad.function([x], T.grad(L.det(x), x))
    for size in (1e-3, 1e-9, 1e-15, 1e-17):
        u, v = (np.linalg.qr(RNG.normal(size=(4, 4)))[0] for _ in range(2))
        value = u * [2, 1, 0.5, size] @ v
        np.testing.assert_allclose(f(value), cofactors(value), atol=1e-13)
    assert np.isnan(f(np.full((2, 2), np.nan))).all()


def test_third_derivatives_of_a_determinant():
    x = T.dmatrix("x")
    value = RNG.normal(size=(3, 3))
    cost = L.det(x)
    for _ in range(3):  # along the matrix itself, det is of degree 3
        cost = (T.grad(cost, x) * value).sum()
    np.testing.assert_allclose(cost.eval({x: value}), 6 * np.linalg.det(value))


def test_what_has_no_slope_at_singular_matrices_still_says_so():
    x = T.dmatrix("x")
    for cost in (L.slogdet(x)[1], L.inv(x).sum()):
        f = symgrad.function([x], T.grad(cost, x))
        with pytest.raises(GraphValueError, match="(?i)singular matrix"):
            f(np.ones((2, 2)))


@pytest.mark.parametrize("size", [1e3, 1e-3])
def test_logarithms_of_determinants_that_are_no_floats(size):
    x = T.dmatrix("x")
    value = size * (np.eye(200) + np.diag(np.full(199, 0.5), 1))
    for cost in (T.log(L.det(x)), T.log(abs(L.det(x)))):
        got, slope = symgrad.function([x], [cost, T.grad(cost, x)])(value)
        np.testing.assert_allclose(got, np.linalg.slogdet(value)[1])
        np.testing.assert_allclose(slope, np.linalg.inv(value).T)
    negative = symgrad.function([x], [T.log(L.det(x)), T.log(abs(L.det(x)))])
    got = negative([[-2.0]])
    assert np.isnan(got[0])
    np.testing.assert_allclose(got[1], np.log(2))
    assert negative([[0.0]]) == [-np.inf, -np.inf]
