import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph import types
from symgrad.graph.types import (
    ObjectType,
    TensorType,
    TupleType,
    broadcast_shapes,
    promote,
    weak_dtype,
)

dtypes = st.sampled_from(types.DTYPES)


@given(dtypes, dtypes)
def test_promotion_is_numpys(a, b):
    assert promote(a, b) == np.result_type(np.dtype(a), np.dtype(b)).name


@given(st.lists(dtypes, min_size=3, max_size=4))
def test_promotion_of_many_folds_from_the_left_and_never_loses_a_kind(names):
    result = np.dtype(promote(*names))
    for name in names:
        assert np.can_cast(name, result, "same_kind") or np.dtype(name).kind == "u"


def test_theanos_upcast_table():
    assert promote("float32", "int8") == promote("float32", "int16") == "float32"
    assert promote("float32", "int32") == promote("float32", "int64") == "float64"


lengths = st.one_of(st.none(), st.integers(0, 3))


@given(st.lists(st.lists(lengths, max_size=4), min_size=1, max_size=3), st.data())
def test_static_broadcasting_agrees_with_numpy_for_every_completion(shapes, data):
    """Whatever the unknown lengths turn out to be, NumPy's result has the inferred shape."""
    complete = [tuple(data.draw(st.integers(0, 3)) if n is None else n for n in s) for s in shapes]
    try:
        expected = np.broadcast_shapes(*complete)
    except ValueError:
        expected = None
    try:
        inferred = broadcast_shapes([tuple(s) for s in shapes])
    except ShapeError:
        assert expected is None
        return
    if expected is not None:
        assert len(inferred) == len(expected)
        for static, length in zip(inferred, expected, strict=True):
            assert static in (None, length)


def test_known_shapes_infer_a_known_shape():
    assert broadcast_shapes([(3, 1), (4,)]) == (3, 4)
    assert broadcast_shapes([]) == ()


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, -129, 2**31, 2**63 - 1, 2**63, -(2**63)])
def test_a_lone_int_takes_the_smallest_dtype_that_holds_it(value):
    dtype = types.weak_dtype(value)
    assert np.array(value, dtype=dtype) == value
    smaller = {"int16": "int8", "int32": "int16", "int64": "int32", "uint64": "int64"}.get(dtype)
    assert smaller is None or not (np.iinfo(smaller).min <= value <= np.iinfo(smaller).max)


def test_weak_numbers_beside_arrays():
    assert types.weak_dtype(2, ["float32"]) == "float32"
    assert types.weak_dtype(2.5, ["float32"]) == "float32"
    assert types.weak_dtype(2.5, ["int8"]) == "float64"
    assert types.weak_dtype(200, ["int8"]) == "int16"
    assert types.weak_dtype(-1, ["uint8"]) == "int8"
    assert types.weak_dtype(True, ["int32"]) == "int32"
    assert types.weak_dtype(1j, ["float32"]) == "complex64"
    with symgrad.config.change_flags(floatX="float32"):
        assert types.weak_dtype(2.5, ["int64"]) == "float32"
        assert types.weak_dtype(2.5) == "float32"


def test_an_int_beyond_64_bits_is_refused():
    with pytest.raises(GraphValueError, match="64 bits"):
        types.weak_dtype(2**64)


def test_floatX_is_read_when_the_type_is_made():
    with symgrad.config.change_flags(floatX="float32"):
        assert TensorType("floatX", (None,)).dtype == "float32"
    assert TensorType("floatX").dtype == "float64"


def test_broadcast_pattern_and_lengths():
    assert TensorType("int8", (True, False, 3)).shape == (1, None, 3)
    assert TensorType("int8", (True, False)).broadcastable == (True, False)


@pytest.mark.parametrize("bad", ["float128", "str", "object", "nonsense", "datetime64[s]"])
def test_unknown_dtypes_are_named(bad):
    with pytest.raises(GraphTypeError, match="not supported"):
        TensorType(bad)


def test_bad_shape_entries_are_named():
    with pytest.raises(GraphTypeError, match="'a'"):
        TensorType("float64", ("a",))
    with pytest.raises(GraphValueError, match="-1"):
        TensorType("float64", (-1,))


def test_types_compare_by_value_and_hash():
    assert TensorType("int8", (1,)) == TensorType("int8", (True,))
    assert TensorType("int8", (1,)) != TensorType("int8", (None,))
    assert len({TensorType("int8"), TensorType("int8"), ObjectType(), ObjectType()}) == 2
    assert TupleType([ObjectType()]) == TupleType([ObjectType()])


def test_types_read_well():
    assert str(TensorType("float32", (None, None))) == "float32 matrix"
    assert str(TensorType("float32", (3,))) == "float32 vector of shape (3,)"
    assert str(TensorType("int8", (None,) * 4)) == "int8 tensor4"


@given(st.integers(-4, 4), st.integers(0, 4))
def test_axes_are_normalised_as_numpy_does(axis, ndim):
    if -ndim <= axis < ndim:
        assert types.normalize_axis(axis, ndim) == axis % ndim
    else:
        with pytest.raises(GraphValueError, match=str(axis)):
            types.normalize_axis(axis, ndim)


def test_an_axis_named_twice_is_refused():
    with pytest.raises(GraphValueError, match="twice"):
        types.normalize_axes((0, -2), 2)
    with pytest.raises(GraphTypeError, match="integer"):
        types.normalize_axes(1.5, 2)


@pytest.mark.parametrize(
    ("value", "beside", "dtype"),
    [
        (2**40, "float16", "float32"),
        (1e6, "float16", "float32"),
        (-1e300, "float16", "float64"),
        (1e300, "float32", "float64"),
        (1e300, "complex64", "complex128"),
        (1e300j, "complex64", "complex128"),
        (65504, "float16", "float16"),
        (3e38, "float32", "float32"),
        (2**62, "float32", "float32"),
        (float("inf"), "float16", "float16"),
        (float("nan"), "float32", "float32"),
    ],
)
def test_a_number_that_an_array_cannot_hold_widens_it(value, beside, dtype):
    assert weak_dtype(value, [beside]) == dtype
    x = T.vector("x", beside)
    assert (x + value).dtype == dtype


def test_no_finite_number_equals_an_infinity():
    x = T.vector("x", "float16")
    f = symgrad.function([x], [T.eq(x, 2**40), T.gt(x, 1e6), x * 1e6])
    equal, above, scaled = f(np.array([np.inf, 2.0], "float16"))
    assert equal.tolist() == [False, False]
    assert above.tolist() == [True, False]
    assert scaled.tolist() == [np.inf, 2e6]
