"""Adding at repeated positions beside a loop over elements: `numpy.add.at` itself is no measure."""

import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import symgrad
import symgrad.tensor as T
from symgrad.graph.types import TensorType
from symgrad.ops.indexing.scatter import add_at


def one_by_one(out, index, value):
    """`out` with each element of the value added where the index names one of its elements."""
    where = np.arange(out.size).reshape(out.shape)[index]
    flat = out.copy().reshape(-1)
    for position, each in zip(where.flat, np.broadcast_to(value, where.shape).flat, strict=True):
        flat[position] += each
    return flat.reshape(out.shape)


@st.composite
def increments(draw):
    """An array, an index with at least one array in it, and a value that broadcasts to the part."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
    common = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    indexed = draw(st.integers(1, len(shape)))
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    index = []
    for axis, length in enumerate(shape):
        if draw(st.integers(0, 5)) == 0:
            index.append(None)
        if axis >= indexed and draw(st.booleans()):
            index.append(slice(None, None, draw(st.sampled_from([1, 2, -1]))))
        elif axis < indexed:
            own = draw(st.integers(0, len(common)))
            own = tuple(draw(st.sampled_from([1, n])) for n in common[own:])
            index.append(seed.integers(-length, length, own if axis else common))
        else:
            break
    index = tuple(index)
    dtype = draw(st.sampled_from(["float64", "float32", "float16", "int8", "int64", "complex64"]))
    out = seed.integers(-3, 4, shape).astype(dtype)
    part = out[index].shape
    value = tuple(draw(st.sampled_from([1, n, n])) for n in part[draw(st.integers(0, len(part))) :])
    return out, index, seed.integers(-3, 4, value).astype(dtype)


@settings(max_examples=300, deadline=None)
@given(increments())
def test_each_element_of_a_value_is_added_once(increment):
    out, index, value = increment
    want = one_by_one(out, index, value)
    got = out.copy()
    add_at(got, index, value)
    np.testing.assert_array_equal(got, want, strict=True)


@settings(max_examples=100, deadline=None)
@given(increments())
def test_increments_and_their_slopes_agree_with_a_loop(increment):
    out, index, value = increment
    x, y = (TensorType(a.dtype.name, (None,) * a.ndim)() for a in (out, value))
    arrays = [entry for entry in index if isinstance(entry, np.ndarray)]
    symbols = [TensorType("int64", (None,) * a.ndim)() for a in arrays]
    left = iter(symbols)
    theirs = tuple(next(left) if isinstance(entry, np.ndarray) else entry for entry in index)
    f = symgrad.function([x, y, *symbols], T.inc_subtensor(x[theirs], y))
    np.testing.assert_array_equal(f(out, value, *arrays), one_by_one(out, index, value))
    if out.dtype.kind == "f":
        slope = symgrad.grad((x[theirs] * y).sum(), x)
        f = symgrad.function([x, y, *symbols], slope, on_unused_input="ignore")
        zeros = np.zeros_like(out)
        np.testing.assert_array_equal(f(out, value, *arrays), one_by_one(zeros, index, value))


def test_a_vector_is_added_to_a_vector_through_a_matrix_of_positions():
    v, q, M = T.dvector(), T.dvector(), T.lmatrix()
    f = symgrad.function([v, q, M], T.inc_subtensor(v[M], q))
    np.testing.assert_array_equal(f(np.zeros(3), [1.0, 10.0], [[0, 2], [2, 2]]), [1, 0, 21])
