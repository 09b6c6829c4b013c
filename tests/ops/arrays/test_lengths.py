"""Counts and positions, whatever integer dtype they have."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad.tensor as T
from symgrad import function
from symgrad.errors import GraphValueError, SymgradError
from symgrad.graph.types import TensorType

V, M = np.arange(5.0), np.arange(12.0).reshape(3, 4)
v, m = T.dvector("v"), T.dmatrix("m")
large = st.sampled_from([2**63, 2**63 + 1, 2**64 - 8, 2**64 - 1]) | st.integers(2**63, 2**64 - 1)


def computed(build, value, known):
    u = TensorType("uint64", ())("u")
    value = np.uint64(value)
    y = build(T.constant(value) if known else u)
    return function([v, m, u], y, on_unused_input="ignore")(V, M, value)


COUNTS = {
    "zeros": lambda u: T.zeros((u,)),
    "alloc": lambda u: T.alloc(v[:1], 2, u),
    "eye": lambda u: T.eye(2, u),
    "tri": lambda u: T.tri(u),
    "arange": lambda u: T.arange(u),
    "linspace": lambda u: T.linspace(0.0, 1.0, u),
    "bartlett": lambda u: T.bartlett(u),
    "repeat": lambda u: T.repeat(v, u),
    "repeat of nothing": lambda u: T.repeat(v[:0], u),
    "repeat by a vector": lambda u: T.repeat(v[:2], T.stack([u, u])),
    "tile": lambda u: T.tile(v, u),
    "pad": lambda u: T.pad(v, u),
    "pad at one end": lambda u: T.pad(v, [(0, u)]),
    "reshape": lambda u: v.reshape((u,)),
    "reshape to two": lambda u: v.reshape((u, -1)),
    "specify_shape": lambda u: T.specify_shape(v, (u,)),
    "split": lambda u: T.split(v, [u, 8], 2)[0],
    "topk": lambda u: T.topk(v, u),
    "to_one_hot": lambda u: T.extra_ops.to_one_hot([0], u),
    "bincount": lambda u: T.bincount([0], minlength=u),
    "index": lambda u: v[u],
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", COUNTS)
def test_no_count_beyond_int64_passes_for_another(name, known):
    for value in (2**63, 2**64 - 8, 2**64 - 1):  # -8 elements and -1 would be some, or none
        with pytest.raises(SymgradError):
            computed(COUNTS[name], value, known)


@settings(max_examples=30, deadline=None)
@given(large, st.booleans())
def test_shifts_and_diagonals_of_uint64(value, known):
    ones = np.ones((3, 4))
    for build, want in (
        (lambda u: T.roll(v, u), np.roll(V, value % 5)),
        (lambda u: T.roll(m, (1, u), (0, 1)), np.roll(M, (1, value % 4), (0, 1))),
        (lambda u: T.roll(v[:0], u), V[:0]),
        (lambda u: T.grad(T.dot(T.roll(v, u), V), v), np.roll(V, -(value % 5))),
        (lambda u: T.tri(3, 4, u), ones),
        (lambda u: T.eye(3, 4, u), 0 * ones),
        (lambda u: T.tril(m, u), M),
        (lambda u: T.triu(m, u), 0 * ones),
        (lambda u: T.fill_diagonal_offset(m, 9.0, u), M),
        (lambda u: v[u:], V[:0]),
        (lambda u: v[:u], V),
        (lambda u: v[u::-1], V[::-1]),
    ):
        np.testing.assert_array_equal(computed(build, value, known), want)


@pytest.mark.parametrize("n", [2**63, 2**64 - 1, np.uint64(2**63)])
def test_what_no_length_can_be_is_refused_at_once(n):
    for build in (lambda: T.zeros((2, n)), lambda: T.repeat(v, n), lambda: T.diagonal(m, n)):
        with pytest.raises(GraphValueError, match=f"{n} does not fit in int64"):
            build()


N = T.lscalar("n")
HUGE = (2**40, 2**62, 2**63 - 1, -(2**63))


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: T.diff(v, n),
        lambda n: T.linspace(0.0, 1.0, n),
        lambda n: T.arange(0.0, T.abs_(1.0 * T.as_tensor_variable(n)) + 2.0**62, 0.5),
        lambda n: T.shape_padleft(v, abs(n)),
        lambda n: T.shape_padright(v, abs(n)),
    ],
)
def test_a_number_of_any_size_is_refused_at_once(make, known, count):
    with pytest.raises(SymgradError):
        result = make(count if known else N)
        function([v, N], result, on_unused_input="ignore")(np.ones(3), count)


@pytest.mark.parametrize("count", [2**44, 2**62])
def test_a_chain_of_more_elements_than_memory_holds_is_refused_at_once(count):
    with pytest.raises(SymgradError):
        T.bartlett(count).eval()


@pytest.mark.parametrize("count", [2**63 - 1, 2**63 - 513, 2**62])
def test_counting_ends_where_memory_does(count):
    with pytest.raises(SymgradError):
        function([N], T.arange(N))(count)


@pytest.mark.parametrize("n", [3, 4, 10**9, 2**63 - 1])
@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_more_differences_than_there_are_elements_leave_none(n, dtype):
    x = T.constant(np.ones((2, 3), dtype))
    for result, shape in ((T.diff(x, n), (2, 0)), (T.diff(x, n, axis=0), (0, 3))):
        assert (result.static_shape, result.dtype) == (shape, dtype)
        assert result.eval().shape == shape


@pytest.mark.parametrize("shift", [*HUGE, -(2**63) + 1, 3, 0])
@pytest.mark.parametrize("known", [True, False])
def test_the_slope_of_roll_goes_back_by_any_shift(shift, known):
    weights = np.arange(5.0)
    slope = T.grad((T.roll(v, shift if known else N) * weights).sum(), v)
    f = function([v, N], slope, on_unused_input="ignore")
    np.testing.assert_array_equal(f(np.ones(5), shift), np.roll(weights, -(shift % 5)))


@pytest.mark.parametrize("offset", [2**31, 2**40, -(2**62)])
def test_diagonals_that_are_far_outside_are_empty(offset):
    m = T.dmatrix("m")
    assert T.diagonal(m, offset).eval({m: np.ones((2, 3))}).shape == (0,)
    slope = T.grad(T.diagonal(m, offset).sum(), m)
    np.testing.assert_array_equal(slope.eval({m: np.ones((2, 3))}), np.zeros((2, 3)))
