import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.types import DTYPES, ObjectType, TensorType, promote
from symgrad.graph.values import accept, literal_array

vector = lambda dtype: TensorType(dtype, (None,))  # noqa: E731
dtypes = st.sampled_from([d for d in DTYPES if not d.startswith("complex")])


@given(dtypes, dtypes)
def test_arrays_are_accepted_exactly_when_the_cast_is_lossless(have, want):
    array = np.array([0, 1], dtype=have)
    if promote(have, want) == want:
        got = accept(array, vector(want))
        assert got.dtype == want
        np.testing.assert_array_equal(got, [0, 1])
    else:
        with pytest.raises(GraphTypeError, match=f"dtype {have}.*expected {want}"):
            accept(array, vector(want))
        assert accept(array, vector(want), allow_downcast=True).dtype == want


def test_an_exact_array_is_passed_on_as_it_is():
    array = np.zeros(3)
    assert accept(array, vector("float64")) is array


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [
        ([1, 2], "int32", True),
        ([1, 2**40], "int32", False),
        ([1, 2], "float32", True),
        ([1.5], "float32", True),
        ([1e300], "float32", False),
        ([1.5], "int64", False),
        ([-1], "uint8", False),
        ([255], "uint8", True),
        ([True], "int8", True),
        ([float("inf"), float("nan")], "float32", True),
        ([], "int32", True),
        ([1j], "float64", False),
        ((1, 2), "int8", True),
        ([np.int32(1), np.int32(2)], "int32", True),
        ([np.float64(0.5)], "float32", True),
        ([np.float64(0.1)], "float32", False),
        (np.float64(0.5), "float32", True),
        (np.float64(0.1), "float32", False),
        (0.1, "float32", True),
        (np.int64(3), "int32", True),
        (np.int64(2**40), "int32", False),
        (np.int64(2**24 + 1), "float32", False),
        (np.int64(-1), "uint64", False),
        (np.uint64(2**63), "int64", False),
        (np.array(0.5), "float32", False),
        (np.array(3), "int32", False),
        (range(3), "int32", True),
        (range(300), "int8", False),
        (3.0, "int64", True),
        (-0.0, "int8", True),
        (2.5, "int64", False),
        (300.0, "uint8", False),
        (1e39, "int64", False),
        (float("nan"), "int64", False),
        (float("inf"), "int8", False),
        (np.float32(1.0), "int32", True),
        ([np.array(1.0), np.array(2.0)], "int64", True),
        ([np.array([0.1])], "float32", False),
        ([np.array([0.5])], "float32", True),
        (1, "bool", True),
        ([2**53 + 1, 1.0], "int64", False),
        ([2**53, 1.0], "int64", True),
        ([[2**53 + 1], [1.0]], "int64", False),
        ([2**63, -1], "uint64", False),
        ([2**63, -1], "int64", False),
        ([2**63, 1.0], "uint64", True),
        (2**70, "float64", True),
        ([2**70, 1.0], "float32", True),
        (2**70, "int64", False),
        (10**309, "float64", False),
        (2**70, "float16", False),
        (2, "bool", False),
        (1 + 0j, "float64", False),
        (np.float64("nan"), "float32", True),
        (np.float64(1e300), "float32", False),
    ],
)
def test_python_numbers_fit_where_their_value_fits(value, dtype, fits):
    type_ = TensorType(dtype, (None,) * np.ndim(value))
    if fits:
        got = accept(value, type_)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.array(value, dtype=dtype))
    else:
        with pytest.raises(GraphTypeError):
            accept(value, type_)


@pytest.mark.parametrize("value", [0.1, [0.1], 2**24 + 1, [1.0, 1e-46], 1e39])
def test_without_downcast_python_numbers_must_stay_as_they_are(value):
    type_ = TensorType("float32", (None,) * np.ndim(value))
    with pytest.raises(GraphTypeError, match="does not fit in float32"):
        accept(value, type_, allow_downcast=False)
    accept(0.5, TensorType("float32"), allow_downcast=False)
    accept([1, 0.25, float("nan")], vector("float32"), allow_downcast=False)
    x = T.fscalar("x")
    with pytest.raises(GraphTypeError, match="does not fit"):
        theano.function([x], x, allow_input_downcast=False)(0.1)
    with pytest.raises(GraphTypeError, match="does not fit"):
        theano.function([theano.In(x, allow_downcast=False)], x)(0.1)
    assert theano.function([x], x)(0.1) == np.float32(0.1)
    assert theano.function([x], x, allow_input_downcast=False)(0.5) == 0.5


@pytest.mark.parametrize("have", [np.int64, np.uint64, np.float64, np.float32, np.int8])
@given(data=st.data())
def test_numpy_scalars_are_judged_by_value(have, data):
    number = data.draw(st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(), st.integers(-2, 2)))
    with np.errstate(all="ignore"):
        value = np.array(number).astype(have)[()]
    want = data.draw(dtypes)
    exact = value.item()
    with np.errstate(all="ignore"):
        there = np.array(value).astype(want).item()
    kept = there == exact or (exact != exact and there != there)
    if kept or promote(value.dtype.name, want) == want:
        assert accept(value, TensorType(want)).dtype == want
    else:
        with pytest.raises(GraphTypeError):
            accept(value, TensorType(want))


@given(st.integers(-(2**70), 2**70), st.sampled_from(["int8", "int64", "uint8", "uint64"]))
def test_python_ints_are_checked_against_the_range(value, dtype):
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        assert accept(value, TensorType(dtype)) == value
    else:
        with pytest.raises(GraphTypeError):
            accept(value, TensorType(dtype))


def test_rank_and_fixed_lengths_are_checked():
    with pytest.raises(GraphTypeError, match=r"shape \(2, 3\).*vector"):
        accept(np.zeros((2, 3)), vector("float64"))
    with pytest.raises(GraphTypeError, match="length 1 in dimension 0"):
        accept(np.zeros((2, 3)), TensorType("float64", (True, False)))


@pytest.mark.parametrize("value", ["abc", None, {"a": 1}, object(), [[1, 2], [3]], ["1"]])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(GraphTypeError, match="expected float64 numbers"):
        accept(value, vector("float64"))


def test_symbols_are_refused_with_a_hint():
    with pytest.raises(GraphTypeError, match="givens"):
        accept(T.dscalar("x"), TensorType("float64"))
    with pytest.raises(GraphTypeError, match="givens"):
        accept([T.dscalar("x")], vector("float64"))


def test_strict_accepts_only_the_exact_dtype():
    with pytest.raises(GraphTypeError, match="strict"):
        accept(np.zeros(3, "float32"), vector("float64"), strict=True)
    with pytest.raises(GraphTypeError, match="strict"):
        accept([1.0], vector("float64"), strict=True)
    assert accept(np.zeros(3), vector("float64"), strict=True).shape == (3,)


def test_other_byte_orders_and_subclasses_become_plain_arrays():
    swapped = np.array([1.0, 2.0], dtype=">f8")
    got = accept(swapped, vector("float64"))
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, [1, 2])


def test_objects_pass_as_they_are():
    thing = {"a": 1}
    assert accept(thing, ObjectType()) is thing


def test_literals():
    assert literal_array(3).dtype == "int8"
    assert literal_array(True).dtype == "bool"
    assert literal_array([1, 2]).dtype == "int64"
    assert literal_array([1.0, 2.0]).dtype == "float64"
    assert literal_array(np.float32(3)).dtype == "float32"
    assert literal_array(2.5, "float32").dtype == "float32"
    with pytest.raises(GraphValueError, match="does not fit"):
        literal_array(300, "int8")
    with pytest.raises(GraphTypeError, match="cannot be part"):
        literal_array("text")
    with pytest.raises(GraphTypeError, match="cannot be part"):
        literal_array([[1], [1, 2]])


def test_a_literal_is_a_copy():
    array = np.zeros(3)
    literal = literal_array(array)
    array[0] = 1
    assert literal[0] == 0
