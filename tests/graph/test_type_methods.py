"""What Theano's users call on types. The expected answers are Theano 1.0.5's."""

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError

A = np.array
NAN, INF = np.nan, np.inf


def test_filter():
    assert T.dvector.filter([1, 2]).dtype == "float64"
    array = A([1.0, 2.0])
    assert T.dvector.filter(array) is array
    assert T.fvector.filter(array, allow_downcast=True).dtype == "float32"
    assert T.ivector.filter([1, 2]).dtype == "int32"
    for kind, value, strict in [
        (T.dvector, [1, 2], True),
        (T.dvector, A([1.0], "float32"), True),
        (T.fvector, array, False),
        (T.ivector, [1.5], False),
        (T.dvector, 3.0, False),
        (T.dvector, "a", False),
        (T.dvector, T.dvector("v"), False),
        (T.drow, np.ones((2, 2)), False),
    ]:
        with pytest.raises(GraphTypeError, match="filter: got"):
            kind.filter(value, strict)
        assert not kind.is_valid_value(value)
    assert T.dvector.is_valid_value(array)
    assert not T.dvector.is_valid_value(A([1, 2]))


EQUAL = [
    (A([1.0, NAN]), A([1.0, NAN]), True, True),
    (A([1.0]), A([1.0, 1.0]), False, False),
    (A([1.0]), A([1.0], "float32"), False, False),
    (A([0.0]), A([-0.0]), True, True),
    (A([INF]), A([INF]), True, True),
    (A([INF]), A([-INF]), False, False),
    (A([INF]), A([1.0]), False, False),
    (A([1.0]), A([1 + 1e-9]), False, True),
    (A([1.0]), A([1 + 5e-6]), False, True),
    (A([1.0]), A([1 + 2e-5]), False, False),
    (A([1.0], "float32"), A([1 + 5e-6], "float32"), False, True),
    (A([1.0], "float32"), A([1 + 5e-5], "float32"), False, False),
    (A([1.0], "float16"), A([1.001], "float16"), False, True),
    (A([1.0], "float16"), A([1.005], "float16"), False, False),
    (A([1e-9]), A([2e-9]), False, True),
    (A([10**9]), A([10**9 + 1]), False, False),
    (A([1 + 1j]), A([1 + 1j + 1e-9j]), False, True),
]


@pytest.mark.parametrize(("a", "b", "exactly", "nearly"), EQUAL)
def test_values_that_are_equal(a, b, exactly, nearly):
    assert T.dvector.values_eq(a, b) is exactly
    assert T.dvector.values_eq_approx(a, b) is nearly
    assert T.TensorType.values_eq_approx(a, b) is nearly


def test_how_values_are_compared():
    one, single = A([1.0]), A([1.0], "float32")
    assert T.dvector.values_eq(one, single, force_same_dtype=False)
    assert T.dvector.values_eq_approx(A([INF, 2]), A([1.0, 2]), allow_remove_inf=True)
    assert not T.dvector.values_eq_approx(A([INF, 2]), A([1.0, 3]), allow_remove_inf=True)
    assert T.dvector.values_eq_approx(A([NAN]), one, allow_remove_nan=True)
    assert T.dvector.values_eq_approx(one, A([1.1]), rtol=0.2)
    assert T.dvector.values_eq_approx(one, A([1.1]), atol=0.2)
    assert not T.dvector.values_eq_approx(1.0, 1.0)


def test_memory_that_is_shared():
    a = np.zeros(3)
    assert T.dvector.may_share_memory(a, a[1:])
    assert not T.dvector.may_share_memory(a[:1], a[1:])
    assert not T.dvector.may_share_memory(1, 1)


def test_variables_as_ones_of_a_type():
    v, row = T.dvector("v"), T.drow("r")
    assert T.dvector.convert_variable(v) is v
    assert T.dmatrix.convert_variable(row).type == T.dmatrix
    for kind, other in [(T.drow, T.dmatrix()), (T.fvector, v), (T.dvector, T.dmatrix())]:
        assert kind.convert_variable(other) is None
        with pytest.raises(GraphTypeError, match="filter_variable: .* is no "):
            kind.filter_variable(other)
    assert T.dvector.filter_variable(v) is v
    assert T.dmatrix.filter_variable(row).type == T.dmatrix
    with pytest.raises(GraphTypeError, match="filter_variable"):
        T.dmatrix.filter_variable(row, allow_convert=False)
    made = T.dvector.filter_variable(A([1], "int8"))
    assert isinstance(made, T.TensorConstant)
    assert made.dtype == "float64"
    with pytest.raises(GraphTypeError, match="expected a float64 vector"):
        T.dvector.filter_variable(3.0)


def test_what_a_type_makes():
    x = T.dvector.make_variable("x")
    assert (x.name, x.type, T.dvector.make_variable().name) == ("x", T.dvector, None)
    c = T.dscalar.make_constant(3, name="c")
    assert (c.name, c.dtype, c.data.dtype.name, float(c.data)) == ("c", "float64", "float64", 3.0)
    with pytest.raises(GraphTypeError, match="symbolic"):
        T.dvector.make_constant(x)
    assert T.dvector.clone("float32") == T.fvector
    assert T.dvector.clone() == T.dvector
    assert T.dmatrix.clone("int8", (0, 1)) == T.TensorType("int8", (False, True))
    assert T.TensorType("bool", ()).dtype_specs() == (bool, "npy_bool", "NPY_BOOL")
    assert T.cvector.dtype_specs() == (complex, "theano_complex64", "NPY_COMPLEX64")
    assert T.fvector.numpy_dtype == np.dtype("float32")
    assert T.imatrix.value_zeros((2, 3)).shape == (2, 3)
    assert T.imatrix.value_zeros((2, 3)).dtype == "int32"
    assert T.dvector.value_zeros(3).tolist() == [0, 0, 0]


def test_generic_objects():
    g = theano.generic("g")
    assert g.type == theano.generic == theano.shared([1, 2]).type
    assert theano.generic.filter("anything") == "anything"
    assert theano.generic.is_valid_value(3)
    assert theano.function([g], g)({1: 2}) == {1: 2}
    with pytest.raises(GraphTypeError, match="cannot be computed with"):
        g + 1
