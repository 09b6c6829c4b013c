"""A slice of a dataset computes with the slice alone, and gives the same numbers."""

import tracemalloc

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.graph.walk import toposort
from symgrad.rewrite.pipeline import prepare

ROWS, COLUMNS = 50, 6
VALUES = np.random.default_rng(1).normal(size=(ROWS, COLUMNS)) * 100


def dataset(dtype="float64", values=VALUES):
    return symgrad.shared(values.astype(dtype), "data")


def computed_whole(outputs):
    """Operations other than views whose result is as long as the dataset."""
    views = (ops.DimShuffle, ops.Reshape, ops.Index, ops.Dim)
    found = []
    for node in toposort(prepare(outputs)):
        if node.op is not None and not isinstance(node.op, views) and node.ndim:
            below = [n for n in toposort([node]) if isinstance(n.op, ops.Index)]
            if not below and any(i.op is None for i in node.inputs) and node.ndim == 2:
                found.append(node)
    return found


i = T.lscalar("i")
BATCH = slice(i * 4, (i + 1) * 4)
MEAN, STD = VALUES.mean(axis=0), VALUES.std(axis=0)
SLICES = {
    "cast": lambda d: T.cast(d, "float32")[BATCH],
    "astype": lambda d: d.astype("int32")[BATCH],
    "cast twice": lambda d: T.cast(T.cast(d, "float32"), "int32")[BATCH],
    "scaled": lambda d: (d / 255.0)[BATCH],
    "scaled from the left": lambda d: (2 - d)[BATCH],
    "standardised": lambda d: ((d - MEAN) / STD)[BATCH],
    "standardised with kept axes": lambda d: ((d - MEAN[None]) / STD[None])[BATCH],
    "standardised by shared": lambda d: ((d - symgrad.shared(MEAN)) / symgrad.shared(STD))[BATCH],
    "columns too": lambda d: ((d - MEAN) / STD)[BATCH, 2:],
    "a function": lambda d: T.tanh(d * 0.01)[BATCH],
    "clipped": lambda d: T.clip(d, 0, 9)[BATCH],
    "compared": lambda d: T.gt(d, 0)[BATCH],
    "chosen": lambda d: T.switch(T.gt(d, 0), d, 0)[BATCH],
    "one row": lambda d: (d / 255.0)[i],
    "the last": lambda d: (d / 255.0)[-1],
    "backwards": lambda d: (d / 255.0)[::-2],
    "a column": lambda d: ((d - MEAN) / STD)[:, 3],
    "an element": lambda d: ((d - MEAN) / STD)[i, 3],
    "rows of an array": lambda d: ((d - MEAN) / STD)[T.constant([3, 1, 3, -1])],
    "rows of a matrix": lambda d: (d - MEAN)[T.constant([[3, 1], [3, -1]])],
    "rows of a kept axis": lambda d: (d - MEAN[None])[T.constant([[3, 1], [3, -1]])],
    "columns of an array": lambda d: ((d - MEAN) / STD)[:, T.constant([0, 0, 2])],
    "pairs": lambda d: T.cast(d / 2, "float32")[T.constant([3, 1]), T.constant([0, 5])],
    "pairs of a row": lambda d: (d - MEAN)[T.constant([3, 1]), T.constant([0, 5])],
    "an int and an array": lambda d: (d - MEAN)[i, T.constant([0, 5])],
    "a mask": lambda d: (d - MEAN)[T.constant(np.arange(ROWS) % 7 == 0)],
    "a whole mask": lambda d: (d * 2)[T.constant(VALUES > 90)],
    "new axis": lambda d: (d * 2)[BATCH, None],
    "transposed": lambda d: T.cast(d, "float32").T[:, BATCH],
    "scaled and transposed": lambda d: (d / 255.0).T[:, BATCH],
    "flattened": lambda d: (d / 255.0).flatten()[BATCH],
    "reshaped": lambda d: T.cast(d, "float32").reshape((-1, 2, 3))[BATCH],
    "with an axis": lambda d: (d / 255.0).dimshuffle(0, "x", 1)[BATCH],
    "a slice of a slice": lambda d: ((d / 255.0)[5:] * 2)[BATCH],
    "everything": lambda d: (d * 3)[:][:, :][...],
}
# What is not cut at all, and columns that a row may have repeated
STAYS = {"pairs of a row", "an int and an array", "columns of an array", "a column", "everything"}


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
@pytest.mark.parametrize("name", SLICES)
def test_slices_give_what_slices_of_the_whole_give(name, dtype):
    data = dataset(dtype, np.abs(VALUES) % 200)
    y = SLICES[name](data)
    quick = symgrad.function([i], y, on_unused_input="ignore")
    plain = symgrad.function([i], y, mode="FAST_COMPILE", on_unused_input="ignore")
    for k in (0, 3):
        np.testing.assert_array_equal(quick(k), plain(k), strict=True)


@pytest.mark.parametrize("name", sorted(set(SLICES) - STAYS))
def test_slices_compute_with_the_slice_alone(name):
    assert computed_whole([SLICES[name](dataset())]) == []


@pytest.mark.parametrize("name", sorted(STAYS))
def test_the_test_above_can_fail(name):
    assert computed_whole([SLICES[name](dataset())])


def test_givens_that_slice_a_large_dataset_touch_the_slice_alone():
    x, y = T.fmatrix("x"), T.ivector("y")
    data = symgrad.shared(np.zeros((20_000, 100), "uint8"), "pixels")
    labels = symgrad.shared(np.zeros(20_000, "float32"), "labels")
    mean = symgrad.shared(np.zeros(100, "float32"), "mean")
    order = symgrad.shared(np.arange(20_000), "order")
    cost = (x.sum(axis=1) * y).sum()
    for rows in (slice(i * 20, (i + 1) * 20), order[i * 20 : (i + 1) * 20]):
        f = symgrad.function(
            [i],
            cost,
            givens={
                x: ((T.cast(data, "float32") - mean) / np.float32(255))[rows],
                y: T.cast(labels, "int32")[rows],
            },
        )
        f(0)
        tracemalloc.start()
        f(1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 60_000  # a batch is 2 kB, in float32 8 kB; the dataset 2 MB


def test_what_may_have_length_1_is_not_indexed():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = symgrad.function([x, y], (x * y)[1:])
    a, b = np.ones((1, 3)), np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(f(a, b), b[1:])
    np.testing.assert_array_equal(f(b, a), b[1:])


def test_what_is_asked_for_often_is_computed_once():
    x = T.dmatrix("x")
    scaled = x / 3
    few = prepare([scaled[k] for k in range(4)])
    assert sum(n.op is ops.true_div and n.ndim == 2 for n in toposort(few)) == 0
    many = prepare([scaled[k] for k in range(50)])
    assert sum(n.op is ops.true_div for n in toposort(many)) == 1 + 4


def test_an_index_does_not_move_below_what_may_be_needed_whole():
    x, W = T.dmatrix("x"), T.dmatrix("W")
    for y in (T.tanh(T.dot(x, W))[:2], (x * 2)[T.lvector("j")], T.nnet.softmax(x)[0]):
        (z,) = prepare([y])
        assert isinstance(z.op, ops.Index)


def test_entries_of_shapes_are_picked_when_compiled():
    x = T.dmatrix("x")
    shape = T.stack([x.shape[1], x.shape[0]])
    (n,) = prepare([shape[1]])
    assert isinstance(n.op, ops.Dim)
    assert n.op.axis == 0


def test_gradients_of_sliced_data():
    x = T.dmatrix("x")
    g = T.grad((((x - 1) / 4)[1:3] ** 2).sum(), x)
    value = np.arange(8.0).reshape(4, 2)
    want = np.zeros((4, 2))
    want[1:3] = 2 * (value[1:3] - 1) / 16
    np.testing.assert_allclose(symgrad.function([x], g)(value), want)
