"""Special functions beside mpmath, which computes them in another way."""

import sys

import mpmath
import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import ExecutionError, GraphTypeError, NullTypeGradError
from symgrad.graph.types import TensorType

pytest.importorskip("scipy")

nan, inf = float("nan"), float("inf")

# name -> mpmath's function, and where it is asked
FUNCTIONS = {
    "erf": (mpmath.erf, [-6.0, -0.5, 0.0, 1e-10, 0.7, 3.0]),
    "erfc": (mpmath.erfc, [-3.0, 0.0, 0.7, 5.0, 20.0]),
    "erfinv": (mpmath.erfinv, [-0.999, -0.3, 0.0, 1e-10, 0.9]),
    "erfcinv": (lambda x: mpmath.erfinv(1 - x), [1e-8, 0.3, 1.0, 1.7]),
    "gamma": (mpmath.gamma, [-1.5, 0.1, 1.0, 5.5, 20.0]),
    "gammaln": (lambda x: mpmath.log(abs(mpmath.gamma(x))), [-1.5, 0.1, 2.5, 100.0]),
    "psi": (mpmath.digamma, [-1.5, 0.1, 2.5, 100.0]),
    "tri_gamma": (lambda x: mpmath.psi(1, x), [0.1, 2.5, 100.0]),
    "i0": (lambda x: mpmath.besseli(0, x), [-2.0, 0.0, 0.5, 10.0]),
    "i1": (lambda x: mpmath.besseli(1, x), [-2.0, 0.0, 0.5, 10.0]),
    "j0": (lambda x: mpmath.besselj(0, x), [-2.0, 0.0, 0.5, 10.0]),
    "j1": (lambda x: mpmath.besselj(1, x), [-2.0, 0.0, 0.5, 10.0]),
}


@pytest.fixture(autouse=True)
def _many_digits():
    with mpmath.workdps(40):
        yield


def exact(function, points):
    # some versions of mpmath answer a real number with a complex one
    return np.array([float(mpmath.re(function(mpmath.mpf(p)))) for p in points])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_are_mpmaths(name):
    reference, points = FUNCTIONS[name]
    x = T.dvector()
    y = getattr(T, name)(x)
    f = symgrad.function([x], [y, symgrad.grad(T.sum(y), x)])
    value, slope = f(points)
    np.testing.assert_allclose(value, exact(reference, points), rtol=1e-12, atol=1e-15)
    expected = exact(lambda p: mpmath.diff(reference, p), points)
    np.testing.assert_allclose(slope, expected, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("order", [-2, 0, 1, 1.5, 7])
@pytest.mark.parametrize(("name", "reference"), [("iv", mpmath.besseli), ("jv", mpmath.besselj)])
def test_bessel_functions_of_any_order(name, reference, order):
    points = [0.5, 2.0, 30.0] + ([-2.0] if order == int(order) else [])
    n, x = T.dscalar("n"), T.dvector("x")
    y = getattr(T, name)(n, x)
    value, slope = symgrad.function([n, x], [y, T.grad(y.sum(), x)])(order, points)
    np.testing.assert_allclose(value, exact(lambda p: reference(order, p), points), rtol=1e-11)
    expected = exact(lambda p: mpmath.diff(lambda q: reference(order, q), p), points)
    np.testing.assert_allclose(slope, expected, rtol=1e-10)
    with pytest.raises(NullTypeGradError, match="by the order is not implemented"):
        T.grad(y.sum(), n)


@pytest.mark.parametrize("name", ["iv", "jv"])
def test_bessel_functions_have_theanos_dtypes(name):
    of = getattr(T, name)
    assert of(1, T.fvector()).dtype == of(T.bscalar(), T.bvector()).dtype == "float32"
    assert of(T.dvector(), T.fvector()).dtype == of(T.lvector(), T.fvector()).dtype == "float64"
    assert float(of(0, 0.0).eval()) == 1.0


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("dtype", "result"),
    [("float16", "float16"), ("float32", "float32"), ("int8", "float32"), ("int64", "float64")],
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 1)])
def test_dtypes_and_shapes(name, dtype, result, shape):
    x = TensorType(dtype, (None,) * len(shape))()
    got = symgrad.function([x], getattr(T, name)(x))(np.ones(shape, dtype))
    assert got.dtype == result
    assert got.shape == shape


@pytest.mark.parametrize("name", [*FUNCTIONS, "gammainc"])
def test_complex_numbers_are_refused(name):
    z = TensorType("complex128", (None,))()
    with pytest.raises(GraphTypeError, match=f"{name}.*complex"):
        getattr(T, name)(*[z] * (2 if name == "gammainc" else 1))


def test_derivatives_of_every_order():
    x = T.dscalar()
    g = T.gammaln(x)
    for order in range(4):
        g = symgrad.grad(g, x)
        expected = float(mpmath.psi(order, mpmath.mpf(1.5)))
        assert g.eval({x: 1.5}) == pytest.approx(expected, rel=1e-12)
    assert T.polygamma(0, x).eval({x: 1.5}) == T.psi(x).eval({x: 1.5})
    with pytest.raises(GraphTypeError, match="order must be an int"):
        T.polygamma(1.5, x)


@pytest.mark.parametrize("k", [0.5, 1.0, 3.0])
def test_incomplete_gamma_functions(k):
    points = [0.1, 1.0, 7.0]
    x = T.dvector()
    lower, upper = T.gammainc(k, x), T.gammaincc(k, x)
    f = symgrad.function([x], [lower, upper, *(symgrad.grad(T.sum(y), x) for y in (lower, upper))])
    p, q, slope_p, slope_q = f(points)
    regular = [
        lambda v: mpmath.gammainc(k, 0, v, regularized=True),
        lambda v: mpmath.gammainc(k, v, mpmath.inf, regularized=True),
    ]
    np.testing.assert_allclose(p, exact(regular[0], points), rtol=1e-12)
    np.testing.assert_allclose(q, exact(regular[1], points), rtol=1e-12)
    density = exact(lambda v: v ** (k - 1) * mpmath.exp(-v) / mpmath.gamma(k), points)
    np.testing.assert_allclose(slope_p, density, rtol=1e-11)
    np.testing.assert_allclose(slope_q, -density, rtol=1e-11)
    survival = exact(lambda v: mpmath.gammainc(k / 2, v / 2, regularized=True), points)
    np.testing.assert_allclose(T.chi2sf(x, k).eval({x: points}), survival, rtol=1e-11)


def test_gradient_by_the_order_of_an_incomplete_gamma_function_is_refused():
    k = T.dscalar()
    with pytest.raises(NullTypeGradError, match="order"):
        symgrad.grad(T.gammainc(k, 2.0), k)


def test_the_density_of_one_degree_is_one_at_zero():
    x = T.dscalar()
    assert symgrad.grad(T.gammainc(1.0, x), x).eval({x: 0.0}) == 1.0


def test_edges():
    x = T.dvector()
    cases = {
        "erf": ([-inf, inf, nan], [-1, 1, nan]),
        "erfc": ([-inf, inf, nan], [2, 0, nan]),
        "erfinv": ([-1.0, 1.0, 2.0], [-inf, inf, nan]),
        "erfcinv": ([0.0, 2.0, -1.0], [inf, -inf, nan]),
        "gammaln": ([0.0, 1e300, inf], [inf, 6.897755278982137e302, inf]),
        "gamma": ([inf, 171.0, 180.0], [inf, 7.257415615307994e306, inf]),
        "i1": ([0.0], [0.0]),
    }
    for name, (points, expected) in cases.items():
        got = getattr(T, name)(x).eval({x: points})
        np.testing.assert_allclose(got, expected, rtol=1e-13, err_msg=name)
    assert symgrad.grad(T.sum(T.i1(x)), x).eval({x: [0.0]}) == 0.5
    np.testing.assert_array_equal(symgrad.grad(T.sum(T.erf(x)), x).eval({x: [-inf, 40.0]}), 0)


def test_x_log_x():
    x, y = np.array([0.0, -0.0, 1.0, 2.0, inf]), np.array([0.0, 1.0, nan, inf])
    a, b = T.dvector(), T.dvector()
    expected = [0, 0, 0, 2 * np.log(2), inf]
    np.testing.assert_allclose(T.xlogx.xlogx(a).eval({a: x}), expected)
    got = T.xlogx.xlogy0(a.dimshuffle(0, "x"), b).eval({a: [0.0, 2.0], b: y})
    np.testing.assert_array_equal(got, [[0, 0, 0, 0], [-inf, 0, nan, inf]])
    assert T.xlogx.xlogx(T.fvector()).dtype == "float32"
    assert T.xlogx.xlogy0(T.fvector(), 2).dtype == "float32"
    assert T.xlogx.xlogx(T.lvector()).dtype == "float64"


def test_without_scipy_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ExecutionError, match="erf.*pip install scipy"):
        T.erf(T.constant([1.0])).eval()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slope_of_i1_where_it_overflows(dtype):
    x = T.vector("x", dtype)
    got = T.grad(T.i1(x).sum(), x).eval({x: np.array([800.0, -800.0, 0.0, nan], dtype)})
    np.testing.assert_array_equal(got, [inf, inf, 0.5, nan])


def test_incomplete_gamma_functions_that_are_not_regularised():
    k, x = T.dvector("k"), T.dscalar("x")
    points = [0.5, 1.0, 2.0]
    lower, upper = symgrad.function([k, x], [T.gammal(k, x), T.gammau(k, x)])(points, 1.5)
    np.testing.assert_allclose(lower, exact(lambda a: mpmath.gammainc(a, 0, 1.5), points), 1e-12)
    np.testing.assert_allclose(upper, exact(lambda a: mpmath.gammainc(a, 1.5), points), 1e-12)
    slope = T.grad(T.gammal(2.0, x), x).eval({x: 1.5})
    np.testing.assert_allclose(slope, 1.5 * np.exp(-1.5))
