"""Pickles of plain data come back as they were; all others, and bombs, are refused."""

from __future__ import annotations

import collections
import os
import pickle
import pickletools
import struct
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from symgrad.files.budget import BudgetError
from symgrad.files.data_pickle import ForbiddenError, read_data

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
keys = st.integers() | st.text(max_size=3) | st.tuples(st.integers(), st.text(max_size=2))
data = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3).map(collections.OrderedDict)
        | st.sets(keys, max_size=3)
        | st.frozensets(keys, max_size=3)
    ),
    max_leaves=20,
)


@given(data, st.sampled_from(PROTOCOLS))
def test_what_python_wrote_comes_back(obj, protocol):
    got = read_data(pickle.dumps(obj, protocol))
    assert got == obj
    assert type(got) is type(obj)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "<i8", ">i4", "f2", "f4", ">f8", "c8", "c16"])
def test_arrays_and_numbers_of_numpy(dtype, protocol):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for value in (array, array.T, array[:0], array[0, 1], np.dtype(dtype), array.reshape(1, 6, 1)):
        got = read_data(pickle.dumps([value, value], protocol))
        assert got[0] is got[1]
        assert type(got[0]) is type(value)
        if isinstance(value, np.dtype):
            assert got[0] == value
        else:
            assert (got[0].dtype, got[0].shape) == (value.dtype, value.shape)
            np.testing.assert_array_equal(got[0], value)


class Call:
    """Pickles as any call."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


_scalar = np.float64(0).__reduce__()[0]


class Class:
    pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "obj",
    [
        print,
        Class,
        Class(),
        collections.Counter("ab"),
        range(3),
        np.array([None, 1]),
        np.array(["text"]),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.datetime64("2020-01-01"),
        np.dtype((np.float64, (2, 2))),
        np.random.RandomState(0),
        np.ma.array([1.0, 2.0], mask=[0, 1]),
        Call(os.system, "true"),
        Call(np.dtype, "f4,O"),
        Call(np.dtype, [("a", "O")]),
        Call(np.dtype, {"names": ["a"], "formats": ["O"], "offsets": [0]}),
        Call(np.dtype, "O8", False, True),
        Call(eval, "1"),
        Call(set, "ab"),
        Call(complex, "1"),
        Call(slice, [1], 2, 3),
        Call(bytearray, 1 << 40),
        Call(collections.OrderedDict, [(1, 2)]),
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_anything_else_is_refused(obj, protocol):
    with pytest.raises(ForbiddenError):
        read_data(pickle.dumps(obj, protocol))


# The state of a dtype with an object at an offset of raw bytes: NumPy would follow a pointer.
EVIL = np.dtype({"names": ["p"], "formats": ["O"], "offsets": [0], "itemsize": 8})


def test_a_dtype_whose_state_makes_it_another():
    made, arguments, state = EVIL.__reduce__()
    plain = np.dtype("f8").__reduce__()[1]
    for given_state in (
        state,
        (3, "|", None, ("p",), {"p": (np.dtype("f8"), 0)}, 8, 1, 27),
        (3, "|", (np.dtype("f8"), (2,)), None, None, 16, 1, 0),
        (3, "O", None, None, None, -1, -1, 0),
        (3,),
        "state",
        {"itemsize": 1 << 40},
    ):
        evil = Call(np.dtype, *plain, state=given_state)
        for obj in (evil, [evil, b"\x01" * 8], Call(_scalar, evil, b"\x01" * 8)):
            with pytest.raises((ForbiddenError, TypeError)):
                read_data(pickle.dumps(obj, 2))
    with pytest.raises(ForbiddenError):
        read_data(pickle.dumps(Call(made, *arguments, state=state), 2))


@pytest.mark.parametrize(
    "state",
    [
        (1, (2**62,), np.dtype("f8"), False, b""),
        (1, (-1,), np.dtype("f8"), False, b"12345678"),
        (1, (1,) * 65, np.dtype("f8"), False, b"12345678"),
        (1, (1.0,), np.dtype("f8"), False, b"12345678"),
        (1, (0,), np.dtype("f8"), False, [None]),
        (1, (1,), "f8", False, b"12345678"),
        (1, (1,), np.dtype("f8"), False, b"123"),
        None,
        (),
    ],
)
def test_arrays_of_impossible_states(state):
    empty = np.zeros(0).__reduce__()
    with pytest.raises(ForbiddenError):
        read_data(pickle.dumps(Call(*empty[0:1], *empty[1], state=state), 2))


def doubled(levels: int, close: bytes) -> bytes:
    """`levels` containers, each of twice the one before."""
    return b"\x80\x02K\x01" + (b"2" + close) * levels + b"."


BOMBS = {
    "tuples of the same tuple twice": doubled(1000, b"\x86"),
    "as a key": b"\x80\x02}" + doubled(40, b"\x86")[2:-1] + b"K\x01s.",
    "in a frozenset": b"\x80\x04(" + doubled(40, b"\x86")[2:-1] + b"\x91.",
    "lists through the memory": b"\x80\x02]q\x00K\x01a"
    + b"".join(b"](h%ch%ceq%c" % (k, k, k + 1) for k in range(60))
    + b".",
    "tuples a million deep": b"\x80\x02)" + b"\x85" * 1_000_000 + b".",
    "lists a million deep": b"\x80\x02" + b"]" * 400_000 + b"a" * 399_999 + b".",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a list that grows after it was used": b"\x80\x02]q\x00](" + b"h\x00" * 9 + b"e0h\x00K\x01a.",
    "a whole number of 8 million bits": b"\x80\x02\x8b"
    + struct.pack("<i", 10**6)
    + b"\x01" * 10**6
    + b".",
    "a whole number as text": b"L" + b"9" * 4000 + b"L\n.",
    "a great number in the memory": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "many parts": b"\x80\x02(" + b"N" * 3_000_000 + b"t.",
    "keys of one hash": b"\x80\x02}("
    + b"".join(
        b"\x8a" + bytes([len(n)]) + n + b"N"
        for n in ((k * (2**61 - 1)).to_bytes(12, "little", signed=True) for k in range(50_000))
    )
    + b"u.",
    "a long text many times": b"\x80\x02X"
    + struct.pack("<I", 10**7)
    + b"x" * 10**7
    + b"q\x00]("
    + b"h\x00" * 300_000
    + b"e.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_while_they_are_small(name):
    bomb = BOMBS[name]
    tracemalloc.start()
    start = time.process_time()
    try:
        if name == "a great number in the memory":
            assert read_data(bomb) is None
        else:
            with pytest.raises(BudgetError) as caught:
                read_data(bomb)
            assert len(str(caught.value)) < 200
    finally:
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 150 << 20
    assert seconds < 30  # (under tracemalloc and on a busy machine; a hang is what this finds)


SAMPLES = [
    pickle.dumps([np.arange(3.0), {"a": (1, 2.5, b"x", {3})}, np.float32(2), None], protocol)
    for protocol in (0, 2, 4, 5)
]


@settings(max_examples=400)
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_pickles_are_refused_or_hold_plain_data(sample, draw):
    bad = bytearray(sample)
    for _ in range(draw.draw(st.integers(1, 4))):
        bad[draw.draw(st.integers(0, len(bad) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found = read_data(bytes(bad))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return
    todo = [found]
    while todo:
        value = todo.pop()
        assert type(value).__module__ in ("builtins", "numpy", "numpy.dtypes", "collections")
        assert not callable(value)
        if isinstance(value, dict):
            todo += [*value, *value.values()]
        elif isinstance(value, tuple | list | set | frozenset):
            todo += value


def test_every_instruction_is_known_or_refused():
    known = {opcode.name for opcode in pickletools.opcodes}
    refused = {"NEXT_BUFFER", "READONLY_BUFFER", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"}
    refused |= {"EXT1", "EXT2", "EXT4"}
    assert refused < known
    for data in (b"\x80\x05\x97.", b"\x80\x02\x82\x01.", b"(i__main__\nx\n."):
        with pytest.raises((ForbiddenError, ValueError)):
            read_data(data)
