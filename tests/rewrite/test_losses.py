"""Which cross-entropies become one operation, and that they stay what they were."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import IndexRangeError
from symgrad.graph.walk import toposort
from symgrad.rewrite.pipeline import lower, prepare

softmax = T.nnet.softmax


def picked(x, y):
    return x[T.arange(y.shape[0]), y]


FUSED = {
    "log(softmax)[i, y]": lambda z, y, w: -T.mean(picked(T.log(softmax(z)), y)),
    "log(softmax[i, y])": lambda z, y, w: -T.mean(T.log(picked(softmax(z), y))),
    "logsoftmax": lambda z, y, w: -T.sum(picked(T.nnet.logsoftmax(z), y)),
    "minus outside": lambda z, y, w: -(T.log(picked(softmax(z), y)).sum() / 7),
    "plus": lambda z, y, w: T.mean(picked(T.log(softmax(z)), y)),
    "categorical_crossentropy": lambda z, y, w: T.nnet.categorical_crossentropy(
        softmax(z), y
    ).mean(),
    "crossentropy_softmax_1hot": lambda z, y, w: T.nnet.crossentropy_softmax_1hot(z, y)[0].sum(),
    "with bias": lambda z, y, w: T.nnet.crossentropy_softmax_argmax_1hot_with_bias(z, w[:4], y)[
        0
    ].mean(),
    "weights": lambda z, y, w: (T.nnet.categorical_crossentropy(softmax(z), y) * w).sum() / w.sum(),
    "mask": lambda z, y, w: (T.nnet.categorical_crossentropy(softmax(z), y) * T.gt(w, 0.5)).sum(),
    "squared": lambda z, y, w: T.sqr(T.nnet.categorical_crossentropy(softmax(z), y)).mean(),
    "one weight": lambda z, y, w: (
        T.nnet.categorical_crossentropy(softmax(z), y) * T.addbroadcast(w[:1], 0)
    ).mean(),
    "arange of rows": lambda z, y, w: -T.mean(T.log(softmax(z))[T.arange(z.shape[0]), y]),
    "flat labels": lambda z, y, w: (
        -T.log(softmax(z))[T.arange(y.size), y.dimshuffle(0, "x").flatten()].mean()
    ),
}
VALUES = np.random.default_rng(0).normal(size=(5, 4), scale=3)
CLASSES = np.array([0, 3, 1, 2, 2], "int32")
LABELLED = (  # by a function that says what labels are; the others are indexed
    "categorical_crossentropy",
    "crossentropy_softmax_1hot",
    "with bias",
    "weights",
    "mask",
    "squared",
    "one weight",
)
WEIGHTS = np.array([0.5, 1.0, 0.0, 2.0, 0.25])


def names(outputs):
    return [node.op.name for node in toposort(lower(prepare(outputs))) if node.op is not None]


def variables(dtype):
    return T.matrix("z", dtype=dtype), T.ivector("y"), T.vector("w", dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUSED)
def test_value_and_gradient_share_one_pass(name, dtype):
    z, y, w = variables(dtype)
    cost = FUSED[name](z, y, w)
    outputs = [cost, T.grad(cost, z)]
    found = names(outputs)
    assert found.count("row_loss") == 1, found
    assert not {"log_softmax", "softmax", "exp", "inc_subtensor", "less_share", "alloc"} & {*found}
    assert names([outputs[1]]).count("row_loss") == 1
    assert names([outputs[0]]).count("row_loss") == 1

    given = VALUES.astype(dtype), CLASSES, WEIGHTS.astype(dtype)
    fused = symgrad.function([z, y, w], outputs, on_unused_input="ignore")
    plain = symgrad.function([z, y, w], outputs, on_unused_input="ignore", mode="FAST_COMPILE")
    for have, want in zip(fused(*given), plain(*given), strict=True):
        assert have.dtype == dtype
        rtol = 1e-12 if dtype == "float64" else 2e-5
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize(
    ("labels", "mode"),
    [
        ("int8", "FAST_RUN"),
        ("int64", "FAST_RUN"),
        ("uint64", "FAST_RUN"),
        ("int32", "FAST_COMPILE"),
    ],
)
@pytest.mark.parametrize("name", FUSED)
def test_labels_count_from_zero_and_indices_from_behind_too(name, labels, mode):
    z, w = T.dmatrix("z"), T.dvector("w")
    y = T.vector("y", dtype=labels)
    cost = FUSED[name](z, y, w)
    slope = T.grad(cost, z)
    for outputs in ([cost], [slope], [cost, slope]):
        f = symgrad.function([z, y, w], outputs, on_unused_input="ignore", mode=mode)
        for wrong in (4, -5, -1):
            classes = CLASSES.astype(labels)
            classes[2] = np.array(wrong).astype(labels)
            if wrong == -1 and name not in LABELLED and classes[2] < 0:
                last = CLASSES.astype(labels)
                last[2] = 3
                for have, want in zip(
                    f(VALUES, classes, WEIGHTS), f(VALUES, last, WEIGHTS), strict=True
                ):
                    np.testing.assert_array_equal(have, want)
            else:
                with pytest.raises(IndexRangeError, match=r"y.*: u?int\d+ of shape \(5,.*\)"):
                    f(VALUES, classes, WEIGHTS)


NOT_FUSED = {
    "other rows": lambda z, y: T.log(softmax(z))[T.arange(1, y.shape[0] + 1), y],
    "other rows still": lambda z, y: T.log(softmax(z))[T.arange(2), y[:2]],
    "columns": lambda z, y: T.log(softmax(z, axis=0))[T.arange(y.shape[0]), y],
    "classes in front": lambda z, y: T.log(softmax(z))[y, T.arange(y.shape[0])],
    "one row": lambda z, y: T.log(softmax(z))[0, y],
    "float16": lambda z, y: picked(T.log(softmax(T.cast(z, "float16"))), y),
}


@pytest.mark.parametrize("name", NOT_FUSED)
def test_what_looks_alike_is_left_alone(name):
    z, y, _ = variables("float64")
    losses = NOT_FUSED[name](z, y)
    cost = T.cast(losses, "float64").sum()
    outputs = [losses, T.grad(cost, z)]
    assert "row_loss" not in names(outputs)
    z_value = np.random.default_rng(1).normal(size=(6, 6))
    fused = symgrad.function([z, y], outputs)(z_value, CLASSES)
    plain = symgrad.function([z, y], outputs, mode="FAST_COMPILE")(z_value, CLASSES)
    for have, want in zip(fused, plain, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)


@pytest.mark.parametrize(("rows", "classes"), [(5, 3), (5, 1), (1, 1), (0, 0)], ids=str)
@pytest.mark.parametrize("name", ["log(softmax)[i, y]", "log(softmax[i, y])", "flat labels"])
def test_fewer_classes_than_rows(name, rows, classes):
    z, y, w = variables("float64")
    cost = FUSED[name](z, y, w)
    outputs = [cost, T.grad(cost, z)]
    given = VALUES[:rows], CLASSES[:classes], WEIGHTS[:classes]
    fused = symgrad.function([z, y, w], outputs, on_unused_input="ignore")
    plain = symgrad.function([z, y, w], outputs, on_unused_input="ignore", mode="FAST_COMPILE")
    for have, want in zip(fused(*given), plain(*given), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [0, 1, 3, 5])
@pytest.mark.parametrize("factor", [1.0, np.inf, -np.inf, np.nan])
def test_rows_without_a_class_have_slope_0_whatever_they_are_multiplied_by(classes, factor, dtype):
    z, y, w = variables(dtype)
    s = T.scalar("s", dtype=dtype)
    losses = -picked(T.log(softmax(z)), y)
    costs = [T.mean(losses), s * T.mean(losses), s * losses.sum(), (losses * (s * w)).sum()]
    slopes = [T.grad(cost, z) for cost in costs]
    given = VALUES.astype(dtype), CLASSES[:classes], WEIGHTS[:classes].astype(dtype), factor
    fused = symgrad.function([z, y, w, s], slopes)(*given)
    plain = symgrad.function([z, y, w, s], slopes, mode="FAST_COMPILE")(*given)
    for have, want in zip(fused, plain, strict=True):
        np.testing.assert_array_equal(have[classes:], 0)
        np.testing.assert_array_equal(want[classes:], 0)
        have = np.where(np.isnan(want), want, have)  # as written, infinities are subtracted
        np.testing.assert_allclose(have, want, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(("rows", "classes"), [(5, 1), (1, 5), (5, 5), (1, 1)])
def test_rows_and_classes_are_repeated_as_by_indexing(rows, classes):
    z, y, w = variables("float64")
    cost = FUSED["arange of rows"](z, y, w)
    losses = -T.log(softmax(z))[T.arange(z.shape[0]), y]
    outputs = [losses, cost, T.grad(cost, z), T.grad((losses * w).sum(), z)]
    assert names(outputs).count("row_loss") == 1
    given = VALUES[:rows], CLASSES[:classes], WEIGHTS
    if max(rows, classes) == 1:
        given = *given[:2], WEIGHTS[:1]
    fused = symgrad.function([z, y, w], outputs)
    plain = symgrad.function([z, y, w], outputs, mode="FAST_COMPILE")
    for have, want in zip(fused(*given), plain(*given), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-15)


def test_known_lengths_are_enough():
    z = T.TensorType("float32", (5, 4))("z")
    y = T.TensorType("int64", (5,))("y")
    cost = -T.mean(T.log(softmax(z))[np.arange(5), y])
    assert names([cost, T.grad(cost, z)]).count("row_loss") == 1


def test_labels_that_are_floats_are_cast_to_what_indexes():
    z, labels = T.fmatrix("z"), T.fvector("labels")
    y = T.cast(labels, "int32")
    cost = -T.mean(picked(T.log(softmax(z)), y))
    (node,) = [n for n in toposort(lower(prepare([cost]))) if n.op and n.op.name == "row_loss"]
    assert node.inputs[1].dtype == "int64"
    f = symgrad.function([z, labels], [cost, T.grad(cost, z)])
    with np.errstate(invalid="ignore"):
        for wrong in (4.0, -5.0, 3e9, np.nan):
            with pytest.raises(IndexRangeError):
                f(VALUES.astype("float32"), np.array([0, 1, 2, 3, wrong], "float32"))


def test_a_step_needs_no_negative_and_no_number_of_losses():
    x, y = T.fmatrix("x"), T.ivector("y")
    W, b = T.fmatrix("W"), T.fvector("b")
    cost = FUSED["log(softmax)[i, y]"](T.dot(x, W) + b, y, None)
    found = names([cost, *T.grad(cost, [W, b])])
    assert "neg" not in found
    assert found.count("dim") == 1


def test_scores_that_are_wanted_too_are_still_computed():
    z, y, w = variables("float64")
    cost = FUSED["log(softmax)[i, y]"](z, y, w)
    p = softmax(z)
    f = symgrad.function([z, y], [cost, T.argmax(p, axis=1), T.log(p), T.grad(cost, z)])
    _, most_likely, log_p, g = f(VALUES, CLASSES)
    np.testing.assert_array_equal(most_likely, VALUES.argmax(axis=1))
    want = np.exp(log_p)
    want[np.arange(5), CLASSES] -= 1
    np.testing.assert_allclose(g, want / 5, rtol=1e-10)
