"""Integers of fixed width stay so, whatever their value is used for."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad.tensor as T
from symgrad import function
from symgrad.errors import GraphTypeError, SymgradError

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
BINARY = ("add", "subtract", "multiply", "floor_divide", "remainder", "maximum", "less")
OURS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "maximum": T.maximum,
    "less": T.lt,
}


def numbers(dtype):
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    root = int(high**0.5)
    near = [low, low + 1, -1, 0, 1, 2, 3, 7, root, root + 1, high // 2, high - 1, high]
    few = st.sampled_from([n for n in near if n >= low])
    return few | st.integers(max(low, -20), 20) | st.integers(low, high)


def number(value, dtype):
    """A vector of one number, whose arithmetic warns of nothing."""
    return np.array([value]).astype(dtype)


@st.composite
def programs(draw):
    """Inputs, their values, some expressions of them, and what NumPy makes of those."""
    v = T.dvector("v")
    length = draw(st.sampled_from([0, 1, 2, 7, 50]))
    inputs, given_ = [v], [np.arange(length, dtype="float64")]
    pool = [(v.shape[0], number(length, "int64"))]
    for k in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from(("int32", "int64") * 3 + INTEGERS))
        value = draw(numbers(dtype))
        inputs.append(T.scalar(f"n{k}", dtype))
        given_.append(np.dtype(dtype).type(value) if dtype.startswith("u") else value)
        pool.append((inputs[-1], number(value, dtype)))
    for _ in range(draw(st.integers(1, 8))):
        a, x = draw(st.sampled_from(pool))
        kind = draw(
            st.sampled_from(("number",) * 3 + ("pair",) * 4 + ("cast", "negative", "square"))
        )
        with np.errstate(all="ignore"):
            if kind == "cast":
                dtype = draw(st.sampled_from(INTEGERS))
                pool.append((T.cast(a, dtype), x.astype(dtype)))
            elif kind in ("negative", "square"):
                ours = {"negative": lambda a: -a, "square": T.sqr}[kind]
                pool.append((ours(a), getattr(np, kind)(x)))
            else:
                if kind == "number":
                    y = number(draw(numbers(a.dtype)), a.dtype)
                    b = T.constant(y[0])
                else:
                    b, y = draw(st.sampled_from(pool))
                if np.promote_types(x.dtype, y.dtype).kind == "f":
                    a, x = T.cast(a, y.dtype.name), x.astype(y.dtype)
                name = draw(st.sampled_from(BINARY[:3] * 3 + BINARY))
                z = getattr(np, name)(x, y)
                c = OURS[name](a, b)
                if name == "less":
                    c, z = T.cast(c, "int32"), z.astype("int32")
                pool.append((c, z))
    return inputs, given_, pool


def uses(v, values, want):
    """What an integer may be used for: of variables with T, of arrays with NumPy."""

    def alike(name, ours, numpys):
        return name, ours, numpys

    yield alike("itself", lambda k: k, lambda k: k[0])
    for dtype in (*INTEGERS, "float16", "float32", "float64", "complex64", "bool"):
        yield alike(
            f"cast to {dtype}",
            lambda k, dtype=dtype: T.cast(k, dtype),
            lambda k, dtype=dtype: k.astype(dtype)[0],
        )
    yield alike("stop", lambda k: v[:k], lambda k: values[: k[0]])
    yield alike("start", lambda k: v[k:], lambda k: values[k[0] :])
    yield alike("bounds", lambda k: v[k : k + 3], lambda k: values[k[0] : (k + k.dtype.type(3))[0]])
    yield alike("backwards", lambda k: v[k::-1], lambda k: values[k[0] :: -1])
    yield alike("step", lambda k: v[::k], lambda k: values[:: k[0]])
    yield alike("position", lambda k: v[k], lambda k: values[k[0]])
    if -1000 <= want <= 1000:  # NumPy has no memory for more, and itself wraps around in repeat
        yield alike("zeros", lambda k: T.zeros((k, 2)), lambda k: np.zeros((int(k[0]), 2)))
        yield alike("filled", lambda k: T.alloc(v[:1], k, 1), lambda k: _filled(values[:1], k[0]))
        yield alike("arange", T.arange, lambda k: _counted(k[0]))
        yield alike("eye", lambda k: T.eye(k), lambda k: np.eye(int(k[0])))
        if values.size:  # of no elements NumPy makes -1 repeats
            yield alike("repeat", lambda k: T.repeat(v, k), lambda k: np.repeat(values, int(k[0])))
            yield alike("tile", lambda k: T.tile(v, k), lambda k: np.tile(values, int(k[0])))
        yield alike("reshape", lambda k: v.reshape((k, -1)), lambda k: _reshaped(values, k[0]))
        yield alike("roll", lambda k: T.roll(v, k), lambda k: np.roll(values, int(k[0])))
    yield alike("set", lambda k: T.set_subtensor(v[:k], 9), lambda k: _set(values, k[0]))


def _filled(values, k):
    return np.array(np.broadcast_to(values, (int(k), 1)))


def _counted(k):
    return np.arange(int(k)).astype("uint64" if k.dtype.kind == "u" else "int64")


def _reshaped(values, k):
    return values.reshape(int(k), -1)


def _set(values, k):
    changed = values.copy()
    changed[:k] = 9
    return changed


@settings(max_examples=300, deadline=None)
@given(programs(), st.data())
def test_whatever_an_integer_is_used_for_it_has_its_width(program, data):
    inputs, values, pool = program
    k, want = data.draw(st.sampled_from(pool[1:]))
    every = list(uses(inputs[0], values[0], want[0]))
    chosen = data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=3))
    outputs, expected = [], []
    for _, ours, numpys in chosen:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = numpys(want)
            except (IndexError, OverflowError, ValueError):
                result = None
        outputs.append(ours(k))
        expected.append(result)
    for other, value in data.draw(st.lists(st.sampled_from(pool), max_size=2)):
        chosen.append(("in an array", None, None))  # where it is no Python int
        outputs.append(other + T.zeros((1,), other.dtype))
        expected.append(value)
    f = function(inputs, outputs, on_unused_input="ignore")
    if None in [None if e is None else 0 for e in expected]:
        with pytest.raises(SymgradError):
            f(*values)
        return
    for (name, _, _), have, need in zip(chosen, f(*values), expected, strict=True):
        assert have.dtype == need.dtype, name
        np.testing.assert_array_equal(have, need, name)


def test_a_product_has_one_value_whatever_reads_it():
    k = T.iscalar("k")
    f = function([k], [T.cast(k * k, "int64"), k * k, T.zeros((k * k - 605032704,)).shape[0]])
    assert [int(r) for r in f(70000)] == [605032704, 605032704, 0]
    v, n = T.dvector("v"), T.lscalar("n")
    assert function([v], T.cast(v.shape[0] - 20, "uint8"))(np.zeros(10)) == 246
    assert function([n], T.cast(n * n, "uint8"))(2**40) == 0
    assert function([v, n], v[: n * n])(np.ones(4), 2**33).shape == (0,)
    assert function([n], T.cast(n + 1, "float32"))(2**63 - 1) == np.float32(-(2.0**63))
    # Through float64, which rounds to the middle of two float32, it would be 2**60.
    rounded = function([n], T.cast(n - 1, "float32"))(2**60 + 2**36 + 2)
    assert rounded == np.float32(2**60 + 2**37)


def test_long_products_of_python_ints_stay_short():
    n, v = T.lscalar("n"), T.dvector("v")
    k, expected = n, 3
    for _ in range(500):
        k = k * n + 1
        expected = (expected * 3 + 1 + 2**63) % 2**64 - 2**63
    f = function([v, n], v[:k])
    assert f(np.ones(9), 3).shape == np.ones(9)[:expected].shape
    assert "wrap_int64" in f.source


def test_python_ints_beyond_64_bits_beside_a_number_of_numpy():
    v, w, n, small = T.dvector("v"), T.lvector("w"), T.lscalar("n"), T.iscalar("small")
    length = v.shape[0]  # also multiplied with an array, and so NumPy's
    repeated = T.repeat(v, T.cast(length - 9, "uint64") % 6)
    f = function([v, w, n], [repeated, v[: n * n + length], w * length])
    for have, need in zip(f(np.arange(8.0), [1], 2**62), [24, 8, 1], strict=True):
        assert have.size == need
    y = small + np.int32(2**31 - 1)
    f = function([small, w], [T.cast(y + np.int32(1), "uint32"), w * y])
    assert f(6, [1])[0] == 2**31 + 6


def test_what_cannot_leave_its_dtype_is_not_looked_at():
    v = T.dvector("v")
    source = function([v], [v[: v.shape[0] - 1], v.mean()]).source
    assert "wrap" not in source


@pytest.mark.parametrize(
    ("dtype", "value"), [("int32", 2**31), ("int64", 2**63), ("int32", -(2**40))]
)
def test_an_argument_that_its_dtype_cannot_hold_is_refused(dtype, value):
    v, n = T.dvector("v"), T.scalar("n", dtype)
    with pytest.raises(GraphTypeError, match=f"{value}"):
        function([v, n], v[:n])(np.zeros(3), value)
    assert function([v, n], v[: n - 1])(np.zeros(3), -np.iinfo(dtype).min - 1).shape == (3,)
