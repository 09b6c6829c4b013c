"""Shared variables: types, copies and borrowing, what they refuse, pickling."""

from __future__ import annotations

import collections
import copy
import pickle

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import GraphTypeError, GraphValueError, config, function, shared

HERE = "test_shared.py"


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (0, "int64"),
        (-(2**63), "int64"),
        (1.5, "float64"),
        (True, "bool"),
        (1j, "complex128"),
        (np.float32(2), "float32"),
        (np.int8(2), "int8"),
        (np.ones(2, "float16"), "float16"),
        (np.ones((2, 3), "uint8"), "uint8"),
        (np.ones(2, ">f4"), "float32"),
        (np.ones(2, bool), "bool"),
    ],
)
def test_types(value, dtype):
    w = shared(value)
    assert (w.dtype, w.ndim) == (dtype, np.ndim(value))
    assert type(w.get_value()) is np.ndarray
    np.testing.assert_array_equal(w.get_value(), value)
    assert w.get_value().dtype == dtype
    if dtype != "bool":
        assert function([], w + w)().dtype == dtype


def test_a_python_float_is_float64_whatever_floatx_is():
    with config.change_flags(floatX="float32"):
        assert shared(1.5).dtype == "float64"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**70])
def test_an_int_that_does_not_fit(value):
    with pytest.raises(GraphValueError, match="does not fit in int64"):
        shared(value)


def test_arguments_by_position_and_name():
    w = shared(np.ones(2), "w", False, None)
    v = shared(value=np.ones(2), name="v", borrow=True)
    assert (w.name, v.name, str(w)) == ("w", "v", "w")
    with pytest.raises(GraphTypeError, match="name must be a string, not 3"):
        shared(1.0, 3)
    with pytest.raises(GraphTypeError, match="needs a value, not the symbolic variable x"):
        shared(T.dscalar("x"))


def test_values_are_copied_unless_borrowed():
    mine = np.zeros(2)
    w = shared(mine)
    mine[0] = 1
    assert w.get_value()[0] == 0
    w.get_value()[1] = 1
    assert w.get_value()[1] == 0
    w.set_value(mine)
    mine[0] = 5
    assert w.get_value()[0] == 1

    b = shared(mine, borrow=True)
    assert b.get_value(borrow=True) is mine
    mine[0] = 7
    assert b.get_value()[0] == 7
    other = np.zeros(2)
    b.set_value(other, borrow=True)
    assert b.get_value(borrow=True, return_internal_type=True) is other
    b.set_value(other.T)
    assert not np.shares_memory(b.get_value(borrow=True), other)


def test_set_value_may_change_the_shape_only():
    w = shared(np.zeros((2, 3)), "w")
    w.set_value(np.zeros((5, 1)))
    assert w.get_value().shape == (5, 1)
    w.set_value([[1, 2]])
    assert w.get_value().dtype == "float64"
    with pytest.raises(
        GraphTypeError, match=r"set_value of the shared variable w: got an array of"
    ):
        w.set_value(np.zeros(3))
    i = shared(np.zeros(2, "int32"), "i")
    with pytest.raises(GraphTypeError, match=rf"float64 .*expected int32(?s:.*){HERE}"):
        i.set_value(np.zeros(2))
    shared(np.zeros(2, "int32"), allow_downcast=True).set_value(np.zeros(2))
    with pytest.raises(GraphTypeError, match="strict=True"):
        shared(np.zeros(2), strict=True).set_value([1.0, 2.0])


def test_lengths_are_fixed_only_where_asked():
    assert shared(np.zeros((1, 2))).broadcastable == (False, False)
    row = shared(np.zeros((1, 2)), broadcastable=(True, False))
    assert row.static_shape == (1, None)
    with pytest.raises(GraphTypeError, match="expected length 1 in dimension 0"):
        row.set_value(np.zeros((2, 2)))
    with pytest.raises(GraphTypeError):
        shared(np.zeros((2, 2)), broadcastable=(True, False))
    assert shared(np.zeros(3), shape=(3,)).static_shape == (3,)


def test_zero_container_and_clone():
    w = shared(np.ones(2), "w")
    w.default_update = w + 1
    v = w.clone()
    assert v is not w
    assert (v.name, v.default_update) == ("w", w.default_update)
    w.zero()
    np.testing.assert_array_equal(v.get_value(), [0, 0])
    assert w.container is v.container
    assert w.container.value is w.get_value(borrow=True)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, "text", None, np.random.RandomState(1)])
def test_other_objects_are_kept_as_they_are(value):
    box = shared(value, "box")
    assert box.dtype == "object"
    if isinstance(value, (list, dict)):
        assert box.get_value(borrow=True) == value
        assert box.get_value(borrow=True) is not value
    with pytest.raises(GraphTypeError, match=r"box holds a generic Python object.*shared\(numpy"):
        box[0]
    with pytest.raises(GraphTypeError, match="generic Python object"):
        box + 1
    box.set_value([3])
    assert box.get_value() == [3]


def test_a_number_of_the_wrong_kind_for_numpy():
    assert shared(np.array(["a"])).dtype == "object"


@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_keep_everything_and_what_is_shared(how):
    w = shared(np.ones(2), "w", strict=True, allow_downcast=True)
    w.default_update = w * 2
    w.tag.note = "mine"
    out = T.exp(w)
    v, v_again, v_out = how((w, w, out))
    assert v is v_again
    assert v is not w
    assert (v.name, v.strict, v.allow_downcast, v.tag.note) == ("w", True, True, "mine")
    function([], v_out)()
    np.testing.assert_array_equal(v.get_value(), [2, 2])
    np.testing.assert_array_equal(w.get_value(), [1, 1])


def test_a_plain_copy_shares_the_storage():
    w = shared(np.ones(2))
    copy.copy(w).set_value(np.zeros(2))
    np.testing.assert_array_equal(w.get_value(), [0, 0])


def test_shared_variables_are_keys():
    w, v = shared(1.0), shared(1.0)
    table = collections.OrderedDict([(w, 1), (v, 2)])
    assert (table[w], w == w, w == v) == (1, True, False)
    assert v not in [w]


def test_values_are_set_by_theanos_name_too():
    a = shared(1.0)
    a.set_value(new_value=3.0)
    assert a.get_value() == 3
    a.set_value(value=4.0, borrow=True)
    assert a.get_value() == 4
    with pytest.raises(GraphTypeError, match="no argument 'new_valu'. Did you mean 'new_value'"):
        a.set_value(new_valu=1.0)
