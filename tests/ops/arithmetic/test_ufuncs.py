"""NumPy's functions and operators on symbols, and NumPy arrays and scalars on the left."""

import operator

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError
from symgrad.graph.expr import Expr

x0 = np.array([0.2, 0.5, 1.5])
m0 = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


def value(expr, *pairs):
    assert isinstance(expr, Expr)
    inputs, values = [p[0] for p in pairs], [p[1] for p in pairs]
    return symgrad.function(inputs, expr, on_unused_input="ignore")(*values)


OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("left", [x0, np.float32(2), np.float64(2), np.int64(2), np.array(2.0)])
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_numpy_on_the_left_of_an_operator(op, left):
    x = T.dvector("x")
    got = value(op(left, x), (x, x0))
    np.testing.assert_array_equal(got, op(left, x0))
    assert got.dtype == op(left, x0).dtype


@pytest.mark.parametrize("left", [np.array([True, False, True]), np.bool_(True)])
@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor])
def test_numpy_booleans_on_the_left(op, left):
    x = T.dvector("x")
    np.testing.assert_array_equal(value(op(left, x > 1), (x, x0)), op(left, x0 > 1))


def test_numpy_scalars_keep_their_dtype():
    f = T.fvector()
    assert (np.float32(2) * f).dtype == "float32"
    assert (np.float64(2) * f).dtype == "float64"
    assert (np.ones(3, "float32") - f).dtype == "float32"


def test_divmod_with_an_array_on_the_left():
    x = T.dvector("x")
    for parts in (divmod(m0, x), np.divmod(m0, x)):
        for part, expected in zip(parts, np.divmod(m0, x0), strict=True):
            np.testing.assert_array_equal(value(part, (x, x0)), expected)


UFUNCS = (
    "absolute add arccos arcsin arcsinh arctan arctan2 arctanh ceil conjugate cos cosh deg2rad "
    "degrees divide equal exp exp2 expm1 floor floor_divide greater greater_equal isfinite isinf "
    "isnan less less_equal log log10 log1p log2 logical_and logical_not logical_or logical_xor "
    "maximum minimum mod multiply negative not_equal positive power rad2deg radians reciprocal "
    "remainder rint sign sin sinh sqrt square subtract tan tanh true_divide trunc"
).split()


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs_build_nodes(name):
    ufunc = getattr(np, name)
    x = T.dvector("x")
    given = x0 / 2
    got = value(ufunc(*[x] * ufunc.nin), (x, given))
    with np.errstate(all="ignore"):
        expected = ufunc(*[given] * ufunc.nin)
    np.testing.assert_allclose(got, expected)
    assert got.dtype == expected.dtype


def test_ufuncs_of_scipy():
    special = pytest.importorskip("scipy.special")
    x = T.dvector("x")
    for name in ("erf", "gammaln", "psi", "erfinv", "expit"):
        given = x0 / 2
        got = value(getattr(special, name)(x), (x, given))
        np.testing.assert_allclose(got, getattr(special, name)(given))
    with pytest.raises(GraphTypeError, match=r"scipy\.special\.ellipk"):
        special.ellipk(x)


def test_reductions_of_ufuncs():
    m = T.dmatrix("m")
    np.testing.assert_array_equal(value(np.add.reduce(m), (m, m0)), m0.sum(axis=0))
    np.testing.assert_array_equal(value(np.add.reduce(m, axis=None), (m, m0)), m0.sum())
    got = value(np.add.reduce(m, axis=1, keepdims=True), (m, m0))
    np.testing.assert_array_equal(got, m0.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.hypot(x, x), r"numpy\.hypot.*no function of that name"),
        (lambda x: np.add(x, x, out=np.ones(3)), r"numpy\.add.*cannot hold a symbolic result"),
        (lambda x: operator.iadd(np.ones(3), x), r"Write a = a \+ v"),
        (lambda x: np.exp(x, dtype="float32"), "takes no dtype="),
        (lambda x: np.exp(x, where=[True, False, True]), "takes no where="),
        (lambda x: np.add.outer(x, x), r"numpy\.add\.outer"),
        (lambda x: np.add.at(x, 0, 1), r"numpy\.add\.at"),
        (lambda x: np.sum(x, initial=3.0), "takes no initial="),
        (lambda x: np.round(x, 2), "takes no decimals="),
        (lambda x: np.exp(np.add.reduce(x, dtype="float32")), "reduce"),
        (lambda x: np.fill_diagonal(x, 0), "in place"),
        (lambda x: np.linalg.cond(x), r"symgrad\.tensor\.nlinalg"),
        (lambda x: np.einsum("i->", x), "no function of that name"),
        (lambda x: np.array([x, x]), "NumPy cannot make an array of it"),
    ],
)
def test_what_numpy_cannot_do_with_a_symbol_says_what_to_use(call, message):
    x = T.dvector("the_name")
    with pytest.raises(GraphTypeError, match=rf"(?s){message}") as caught:
        call(x)
    assert "the_name" in str(caught.value)
    assert "test_ufuncs.py" in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: np.sum(m),
        lambda m: np.sum(m, 1),
        lambda m: np.sum(m, axis=-1, keepdims=True),
        lambda m: np.mean(m, axis=0),
        lambda m: np.dot(m, np.array([1.0, 2.0, 3.0])),
        lambda m: np.where(m > 0, m, 0.0),
        lambda m: np.clip(m, -1, 2),
        lambda m: np.clip(m, None, 2),
        lambda m: np.clip(m, a_min=0, a_max=None),
        lambda m: np.reshape(m, (3, 2)),
        lambda m: np.transpose(m),
        lambda m: np.transpose(m, (1, 0)),
        lambda m: np.ravel(m),
        lambda m: np.zeros_like(m),
        lambda m: np.ones_like(m, dtype="float32"),
        lambda m: np.round(m),
        lambda m: np.isclose(m, 4.0),
        lambda m: np.real(m),
        lambda m: np.angle(m),
        lambda m: np.shape(m),
        lambda m: np.size(m),
        lambda m: np.size(m, 1),
        lambda m: np.exp(np.sum(m * 0.1)),
        lambda m: np.max(m, axis=1),
        lambda m: np.min(m),
        lambda m: np.argmax(m, 1),
        lambda m: np.prod(m),
        lambda m: np.var(m, axis=0),
        lambda m: np.std(m, ddof=1),
        lambda m: np.any(m > 4, axis=0),
        lambda m: np.all(m),
        lambda m: np.cumsum(m, axis=1),
        lambda m: np.concatenate([m, m], axis=1),
        lambda m: np.stack([m, m]),
        lambda m: np.take(m, [1, 0], axis=1),
        lambda m: np.repeat(m, 2, axis=0),
        lambda m: np.roll(m, 1),
        lambda m: np.swapaxes(m, 0, 1),
        lambda m: np.sort(m),
        lambda m: np.argsort(m, axis=0),
        lambda m: np.tensordot(m, m, axes=[[0], [0]]),
        lambda m: np.outer(m[0], m[1]),
        lambda m: np.matmul(m, np.ones((3, 2))),
        lambda m: np.ones((4, 2)) @ m,
        lambda m: np.allclose(m, m),
        lambda m: np.nonzero(m > 0)[1],
        lambda m: np.where(m > 0)[1],
        lambda m: np.diag(m),
        lambda m: np.triu(m, 1),
        lambda m: np.compress([True, False, True], m, axis=1),
    ],
)
def test_functions_of_numpy(call):
    m = T.dmatrix("m")
    got = value(call(m), (m, m0))
    np.testing.assert_allclose(got, call(m0))
    assert got.shape == np.shape(call(m0))
    assert got.dtype == np.asarray(call(m0)).dtype


def test_the_rank_is_known_at_once():
    assert np.ndim(T.dmatrix()) == 2


def test_equal_builds_a_comparison():
    x = T.dvector("x")
    np.testing.assert_array_equal(value(x0 == x, (x, x0)), [True] * 3)
    np.testing.assert_array_equal(value(np.not_equal(x, 0.5), (x, x0)), x0 != 0.5)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda n, x: np.prod([n, n]), 9),
        (lambda n, x: np.prod((2, n, 4)), 24),
        (lambda n, x: np.prod([n]), 3),
        (lambda n, x: np.prod([[n, 2], [3, n]]), 54),
        (lambda n, x: np.prod([n, n], axis=0), 9),
        (lambda n, x: np.sum([x, 3]), 5.5),
        (lambda n, x: np.sum([x, n, 1]), 6.5),
    ],
)
def test_sums_and_products_of_lists_of_scalars(compute, expected):
    n, x = T.lscalar("n"), T.dscalar("x")
    result = compute(n, x)
    assert symgrad.function([n, x], result, on_unused_input="ignore")(3, 2.5) == expected


@pytest.mark.parametrize(
    "compute",
    [
        lambda n, v: np.max([n, n]),
        lambda n, v: np.mean([n, n]),
        lambda n, v: np.array([n, n]),
        lambda n, v: np.cumsum([n, n]),
        lambda n, v: np.sum([n, n], dtype=float),
        lambda n, v: np.sum([n, n], keepdims=True),
        lambda n, v: np.prod([[n, n], [n, n]], axis=0),
        lambda n, v: np.sum([v, v]),
        lambda n, v: np.prod([n, v]),
        lambda n, v: np.sum([v, 3.0]),
    ],
)
def test_other_functions_of_lists_keep_their_hint(compute):
    with pytest.raises(GraphTypeError, match=r"symgrad\.tensor, or x\.eval"):
        compute(T.lscalar("n"), T.dvector("v"))
