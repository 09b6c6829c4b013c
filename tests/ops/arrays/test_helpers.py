"""Small functions of Theano's programs. The expected answers are Theano 1.0.5's."""

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError

V, I = T.dvector("v"), T.lvector("i")  # noqa: E741

ONE_NUMBER = [
    (T.constant(3), 3, "int8"),
    (T.constant([3, 3]), 3, "int64"),
    (T.constant(3) + 4, 7, "int8"),
    (T.constant(2) - T.constant(3), -1, "int8"),
    (T.constant([1, 2, 3])[1], 2, "int64"),
    (T.constant(np.ones((1, 1))), 1, "float64"),
    (T.constant(2).dimshuffle("x"), 2, "int8"),
    (T.cast(T.constant(3), "float32"), 3, "float32"),
    (T.alloc(2.0, 3, 4), 2, "float64"),
    (T.alloc(2.0, I[0], 4)[1:].T, 2, "float64"),
    (T.zeros((I[0],)), 0, "float64"),
    (T.ones_like(V) * 3, 3, "float64"),
    (T.fill(V, T.constant([2.0])), 2, "float64"),
    (T.switch(T.constant(1), 2, 3), 2, "int8"),
    (T.drow().shape[0], 1, "int64"),
    (T.constant([np.nan, np.nan]), np.nan, "float64"),
    (3, 3, "int64"),
    (np.float32(2), 2, "float32"),
    (np.array([[2.0]]), 2, "float64"),
]


@pytest.mark.parametrize(("expression", "value", "dtype"), ONE_NUMBER, ids=str)
def test_expressions_that_are_one_number(expression, value, dtype):
    found = theano.get_scalar_constant_value(expression)
    assert (found.shape, found.dtype) == ((), dtype)
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(T.extract_constant(expression), value)
    if isinstance(expression, T.TensorVariable):
        np.testing.assert_array_equal(expression.get_scalar_constant_value(), value)


@pytest.mark.parametrize(
    "expression",
    [
        *(V, V * 0, V.sum(), theano.shared(3), T.constant([1, 2]), T.arange(3), 2 * V[0]),
        *(np.array([1, 2]), "text", None, [1, 1]),
    ],
    ids=str,
)
def test_expressions_that_are_not_one_number(expression):
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(expression)
    if isinstance(expression, T.TensorVariable):
        assert T.extract_constant(expression) is expression


def test_what_is_looked_through():
    total = T.constant(3) + 1
    assert T.extract_constant(total, only_process_constants=True) is total
    assert T.extract_constant(total, elemwise=False) is total
    assert T.extract_constant(T.constant(3), only_process_constants=True) == 3
    with pytest.raises(T.EmptyConstantError):
        T.get_scalar_constant_value(np.zeros(0))
    with pytest.raises(T.EmptyConstantError):
        T.get_scalar_constant_value(T.constant(np.zeros(0)))


def test_a_long_chain_of_constants():
    total = T.constant(0.0)
    for _ in range(20_000):
        total = total + 1
    assert T.get_scalar_constant_value(total) == 20_000


def test_vectors_of_known_length():
    for vector, length in [
        ([1, 2], 2),
        (T.dmatrix().shape, 2),
        (T.dmatrix().shape[:1], 1),
        (T.stack([V[0], V[1]]), 2),
        (T.concatenate([V.shape, V.shape]), 2),
    ]:
        assert T.get_vector_length(vector) == length
    with pytest.raises(GraphValueError, match="not known before"):
        T.get_vector_length(V)
    with pytest.raises(GraphTypeError, match="no vector"):
        T.get_vector_length(T.dmatrix())


def test_division_that_rounds_up():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-50, 50, 200), rng.choice([-7, -2, -1, 1, 3, 10], 200)
    x, y = T.lvector("x"), T.lvector("y")
    got = theano.function([x, y], T.ceil_intdiv(x, y))(a, b)
    assert got.dtype == "int64"
    np.testing.assert_array_equal(got, -(-a // b))
    assert T.ceil_intdiv(2**62 + 1, 2).eval() == 2**61 + 1  # floats would lose the 1
    assert T.ceil_intdiv([7.5, -7.0, 8.0], 2).eval().tolist() == [4, -3, 4]
    assert T.ceil_intdiv(7, 2).dtype == "int8"


def test_defaults_scalars_and_devices():
    assert T.default(V, V * 2) is V
    assert T.default(None, V) is V
    with pytest.raises(GraphTypeError, match="default"):
        T.default(V, 1.0)
    x = T.dscalar("x")
    assert T.tensor_from_scalar(x) is T.scalar_from_tensor(x) is x
    with pytest.raises(GraphTypeError, match="scalar_from_tensor: v .* has dimensions"):
        T.scalar_from_tensor(V)
    assert T.transfer(V, "cpu") is V.transfer("cpu") is V
    with pytest.raises(GraphValueError, match="no target 'cuda'"):
        V.transfer("cuda")


def test_rounding_to_integers():
    assert T.iround([0.5, 1.5, -2.5, 3.2]).eval().tolist() == [0, 2, -2, 3]
    away = T.iround([0.5, 1.5, -2.5, 3.2], mode="half_away_from_zero")
    assert away.eval().tolist() == [1, 2, -3, 3]
    assert {T.iround(kind()).dtype for kind in (T.fvector, T.dmatrix, T.bscalar)} == {"int64"}


METHODS = """arccos arccosh arcsin arcsinh arctan arctanh ceil conj cos cosh deg2rad exp exp2 expm1
    floor log log10 log1p log2 rad2deg sin sinh sqrt tan tanh trunc""".split()


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_functions(name):
    for x in (T.dmatrix("x"), theano.shared(np.ones(2), "w"), T.constant(0.5), T.fscalar("s") + 1):
        assert str(getattr(x, name)()) == str(getattr(T, name)(x))
        assert getattr(x, name)().type == x.type
    assert str(V.conjugate()) == str(T.conj(V))
    assert "symgrad.tensor" in getattr(T.TensorVariable, name).__doc__


COMPLEX = [
    ("int8", "int8", "complex64"),
    ("float16", "float16", "complex64"),
    ("float32", "float32", "complex64"),
    ("float32", "int32", "complex128"),
    ("float32", "float64", "complex128"),
    ("bool", "float64", "complex128"),
]


@pytest.mark.parametrize(("a", "b", "dtype"), COMPLEX)
def test_complex_numbers_of_their_parts(a, b, dtype):
    x, y = T.matrix("x", a), T.vector("y", b)
    z = T.complex(x, y)
    assert z.dtype == T.complex_from_polar(x, y).dtype == dtype
    p, q = np.ones((2, 1), a), np.arange(3).astype(b)
    got = theano.function([x, y], [z, T.real(z), T.imag(z), T.complex_from_polar(x, y)])(p, q)
    assert got[0].dtype == dtype
    np.testing.assert_array_equal(got[0], p + 1j * q.astype("float64"))
    np.testing.assert_array_equal(got[1], np.broadcast_to(p, (2, 3)))
    np.testing.assert_array_equal(got[2], np.broadcast_to(q, (2, 3)))
    np.testing.assert_allclose(got[3], p * np.exp(1j * q.astype("float64")), rtol=1e-6)


def test_parts_of_complex_numbers_are_differentiated():
    z = T.complex(V, 2 * V * V)
    cost = 3 * T.real(z).sum() + T.imag(z).sum() + T.angle(z).sum()
    expected = [3 + 4 * v + 2 / (1 + 4 * v * v) for v in (1.0, 2.0)]
    np.testing.assert_allclose(T.grad(cost, V).eval({V: [1.0, 2.0]}), expected)
    assert T.complex(np.inf, np.inf).eval() == complex(np.inf, np.inf)
    with pytest.raises(GraphTypeError, match="complex takes real numbers"):
        T.complex(z, V)


def test_arrays_from_files(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([1.0, 2.0]))
    x = T.load(path, "float64", (0,))
    f = theano.function([], [x * 2, T.load(str(path), "float64", (False,), mmap_mode="c")])
    assert f()[0].tolist() == [2, 4]
    np.save(path, np.array([3.0, 4.0, 5.0]))
    doubled, same = f()
    assert doubled.tolist() == [6, 8, 10]
    same[0] = 9.0
    assert f()[1].tolist() == [3, 4, 5]
    for dtype, pattern in [("float32", (0,)), ("float64", (1,)), ("float64", (0, 0))]:
        with pytest.raises(theano.ExecutionError, match=r"load failed: .*a.npy holds"):
            T.load(path, dtype, pattern).eval()
    with pytest.raises(theano.ExecutionError, match="No such file"):
        T.load(tmp_path / "b.npy", "float64", (0,)).eval()
    with pytest.raises(GraphValueError, match="mmap_mode='r'"):
        T.load(path, "float64", (0,), mmap_mode="r")
    with pytest.raises(GraphTypeError, match="path"):
        T.load(3, "float64", (0,))


@pytest.mark.parametrize("function", [T.sort, T.argsort, T.max, T.argmax, T.sum, T.cumsum])
def test_axes_of_a_scalar(function):
    with pytest.raises(GraphValueError, match="does not exist: a scalar has no axes"):
        function(T.dscalar("x"), axis=0)
    assert function(T.dscalar("x"), axis=None).ndim <= 1
