"""Cross-entropies beside formulas in NumPy, and what classifiers need beside them."""

import mpmath
import numpy as np
import pytest
import scipy.special
from sklearn.metrics import confusion_matrix

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, GraphValueError, IndexRangeError, ShapeError

nnet = T.nnet
RNG = np.random.default_rng(1)
P = RNG.dirichlet(np.ones(4), size=5)
Y = RNG.integers(0, 4, size=5)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8"])
def test_categorical_crossentropy_of_classes(dtype):
    p, y = T.dmatrix("p"), T.vector("y", dtype=dtype)
    cost = nnet.categorical_crossentropy(p, y)
    got, g = symgrad.function([p, y], [cost, T.grad(cost.sum(), p)])(P, Y.astype(dtype))
    np.testing.assert_allclose(got, -np.log(P[np.arange(5), Y]))
    np.testing.assert_allclose(g, -np.eye(4)[Y] / P)


def test_categorical_crossentropy_of_distributions():
    q = RNG.dirichlet(np.ones(4), size=5)
    np.testing.assert_allclose(
        nnet.categorical_crossentropy(P, q).eval(), -(q * np.log(P)).sum(axis=1)
    )
    np.testing.assert_allclose(
        nnet.categorical_crossentropy(P.astype("float32"), np.eye(4, dtype="int64")[Y]).eval(),
        -np.log(P[np.arange(5), Y]),
        rtol=1e-6,
    )
    assert nnet.categorical_crossentropy(P.astype("float32"), Y).dtype == "float32"


def test_categorical_crossentropy_of_any_rank():
    p = RNG.dirichlet(np.ones(4), size=(2, 3))
    y = RNG.integers(0, 4, size=(2, 3))
    want = -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])
    np.testing.assert_allclose(nnet.categorical_crossentropy(p, y).eval(), want)
    np.testing.assert_allclose(nnet.categorical_crossentropy(p[0, 0], y[0, 0]).eval(), want[0, 0])


def test_wrong_targets_say_what_is_expected():
    p = T.dmatrix("p")
    with pytest.raises(GraphTypeError, match=r"y \(float64 vector\)(.|\n)*T.cast\(y, 'int32'\)"):
        nnet.categorical_crossentropy(p, T.dvector("y"))
    with pytest.raises(GraphTypeError, match=r"rank 2(.|\n)*rank 1"):
        nnet.categorical_crossentropy(p, T.ltensor3("y"))
    with pytest.raises(GraphTypeError, match="not m"):
        nnet.crossentropy_categorical_1hot(p, T.lmatrix("m"))


def test_binary_crossentropy():
    p, t = RNG.uniform(0.01, 0.99, (3, 4)), RNG.integers(0, 2, (3, 4))
    want = -np.where(t == 1, np.log(p), np.log(1 - p))
    np.testing.assert_allclose(nnet.binary_crossentropy(p, t).eval(), want)
    x = scipy.special.logit(p)
    np.testing.assert_allclose(nnet.sigmoid_binary_crossentropy(x, t).eval(), want)
    assert nnet.binary_crossentropy(p.astype("float32"), t).dtype == "float32"
    assert nnet.sigmoid_binary_crossentropy(x.astype("float32"), t).dtype == "float32"
    soft = RNG.uniform(size=(3, 4))
    np.testing.assert_allclose(
        nnet.sigmoid_binary_crossentropy(x, soft).eval(),
        -(soft * np.log(p) + (1 - soft) * np.log(1 - p)),
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda x, t: nnet.binary_crossentropy(nnet.sigmoid(x), t),
        lambda x, t: nnet.binary_crossentropy(nnet.sigmoid(x).reshape((2, -1)), t.reshape((2, -1))),
        nnet.sigmoid_binary_crossentropy,
    ],
    ids=["sigmoid", "reshaped", "fused"],
)
def test_binary_crossentropy_of_a_sigmoid_is_exact_everywhere(build):
    x, t = T.dvector("x"), T.dvector("t")
    cost = build(x, t)
    points = np.array([-800.0, -40.0, 0.0, 1.0, 40.0, 800.0])
    f = symgrad.function([x, t], [cost.flatten(), T.grad(cost.sum(), x)])
    with mpmath.workdps(800):
        exact = [mpmath.mpf(p) for p in points]
        for target, sign in ((0.0, 1), (1.0, -1)):
            value, slope = f(points, np.full(6, target))
            want = [float(mpmath.log(1 + mpmath.exp(sign * v))) for v in exact]
            np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-307)
            want = [float(sign / (1 + mpmath.exp(-sign * v))) for v in exact]
            np.testing.assert_allclose(slope, want, rtol=1e-12, atol=1e-307)


def test_crossentropy_softmax_returns_loss_and_softmax():
    x, b = RNG.normal(size=(5, 4)), RNG.normal(size=4)
    p = scipy.special.softmax(x + b, axis=1)
    loss = -np.log(p[np.arange(5), Y])
    for have, want in zip(
        nnet.crossentropy_softmax_max_and_argmax_1hot_with_bias(x, b, Y),
        (loss, p, p.max(axis=1), p.argmax(axis=1)),
        strict=True,
    ):
        np.testing.assert_allclose(have.eval(), want)
    for have, want in zip(
        nnet.crossentropy_softmax_argmax_1hot_with_bias(x, b, Y),
        (loss, p, p.argmax(axis=1)),
        strict=True,
    ):
        np.testing.assert_allclose(have.eval(), want)
    have, q = nnet.crossentropy_softmax_1hot(x + b, Y)
    np.testing.assert_allclose(have.eval(), loss)
    np.testing.assert_allclose(q.eval(), p)
    assert len(nnet.crossentropy_softmax_max_and_argmax_1hot(x, Y)) == 4


def test_confusion_matrix():
    actual, pred = T.ivector("actual"), T.lvector("pred")
    f = symgrad.function([actual, pred], nnet.confusion_matrix(actual, pred))
    a, b = np.array([3, 0, 3, 9, 3], "int32"), np.array([0, 0, 3, 9, -1])
    counts, order = f(a, b)
    np.testing.assert_array_equal(order, [-1, 0, 3, 9])
    np.testing.assert_array_equal(counts, confusion_matrix(a, b, labels=order))
    counts, order = f(a[:0], b[:0])
    assert counts.shape == (0, 0)
    with pytest.raises(GraphTypeError, match="pred must be a vector"):
        nnet.confusion_matrix(actual, T.dmatrix("scores"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool"])
def test_confusion_matrix_of_any_numbers(dtype):
    actual, pred = T.vector("actual", dtype), T.dvector("pred")
    counts, order = nnet.confusion_matrix(actual, pred)
    a, b = np.array([1.5, 2, 2]).astype(dtype), np.array([2.0, 2.5, 1])
    got, values = symgrad.function([actual, pred], [counts, order])(a, b)
    assert values.tolist() == sorted({*a.tolist(), *b.tolist()})
    for i, p in enumerate(values):
        for j, q in enumerate(values):
            assert got[i, j] == np.sum((a == p) & (b == q))


def test_prepend_to_each_row():
    m = T.fmatrix("m")
    values = np.ones((2, 3), "float32")
    for function, number in ((nnet.prepend_0_to_each_row, 0), (nnet.prepend_1_to_each_row, 1)):
        got = function(m).eval({m: values})
        np.testing.assert_array_equal(got, np.insert(values, 0, number, axis=1))
        assert got.dtype == "float32"
    scale = T.dscalar("scale")
    wider = nnet.prepend_scalar_to_each_row(scale, T.dmatrix("n"))
    assert T.grad(wider.sum(), scale).ndim == 0
    with pytest.raises(GraphTypeError, match="needs a matrix, not v"):
        nnet.prepend_1_to_each_row(T.dvector("v"))


@pytest.mark.parametrize("shape", [(), (5,), (2, 5)])
def test_labels_out_of_range_are_refused(shape):
    p, labels = T.TensorType("float64", (*shape, 3))("p"), T.TensorType("int64", shape)("labels")
    f = symgrad.function([p, labels], nnet.crossentropy_categorical_1hot(p, labels))
    for wrong in (-1, 3):
        y = np.full(shape, wrong)
        with pytest.raises(IndexRangeError, match=f"index {wrong}"):
            f(np.full((*shape, 3), 1 / 3), y)
        if len(shape) < 2:  # known when they are written
            with pytest.raises(IndexRangeError, match=f"index {wrong}"):
                nnet.categorical_crossentropy(p, y)


def test_the_most_likely_class_is_that_of_the_largest_score():
    x, y = T.fmatrix("x"), T.ivector("y")
    scores = np.array([[0, 1e-9, 0], [1, np.nan, 2], [3, 1, 2]], "float32")
    of_scores = nnet.crossentropy_softmax_argmax_1hot_with_bias(x, np.zeros(3, "float32"), y)[2]
    got = symgrad.function([x, y], of_scores, on_unused_input="ignore")(scores, [0, 0, 0])
    assert got.tolist() == [1, 1, 0]


# -- certain predictions -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_binary_crossentropy_of_certain_predictions(dtype):
    p, t = T.vector("p", dtype=dtype), T.vector("t", dtype=dtype)
    loss = T.nnet.binary_crossentropy(p, t)
    by_p = T.grad(loss.sum(), p)
    f = symgrad.function([p, t], [loss, by_p, T.grad(by_p.sum(), p)])
    value, slope, second = f(
        np.array([0, 1, 0, 1, 0.5, 0], dtype), np.array([0, 1, 1, 0, 0.5, 0.5], dtype)
    )
    np.testing.assert_allclose(value, [0, 0, np.inf, np.inf, np.log(2), np.inf], rtol=1e-6)
    np.testing.assert_allclose(slope, [1, -1, -np.inf, np.inf, 0, -np.inf], rtol=1e-6)
    np.testing.assert_allclose(second[:2], [1, 1])
    for target in (0.0, 1.0, 0.5):
        value, slope, _ = f(np.array([np.nan], dtype), np.array([target], dtype))
        assert np.isnan(value).all()
        assert np.isnan(slope).all()


def test_binary_crossentropy_with_targets_of_integers_and_numbers():
    p, y = T.dvector("p"), T.lvector("y")
    loss = T.nnet.binary_crossentropy(p, y).sum()
    value, slope = symgrad.function([p, y], [loss, T.grad(loss, p)])([0.0, 1.0], [0, 1])
    assert value == 0
    np.testing.assert_array_equal(slope, [1, -1])
    for number, at in ((0, 0.0), (1, 1.0)):
        loss = T.nnet.binary_crossentropy(p, number).sum()
        value, slope = symgrad.function([p], [loss, T.grad(loss, p)])([at])
        assert (value, slope) == (0, 1 - 2 * at)


@pytest.mark.parametrize("name", ["categorical_crossentropy", "crossentropy_categorical_1hot"])
def test_classes_that_are_not_the_label_may_be_impossible(name):
    loss_of = getattr(T.nnet, name)
    p, y = T.dmatrix("p"), T.lvector("y")
    loss = loss_of(p, y)
    f = symgrad.function([p, y], [loss, T.grad(loss.sum(), p), T.grad(loss.mean(), p)])
    value, slope, of_mean = f([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], [0, 1])
    np.testing.assert_allclose(value, [0, np.log(2)])
    np.testing.assert_array_equal(slope, [[-1, 0, 0], [0, -2, 0]])
    np.testing.assert_array_equal(of_mean, slope / 2)
    value, slope, _ = f([[1.0, 0.0, 0.0]], [1])
    np.testing.assert_array_equal(slope, [[0, -np.inf, 0]])
    vector, label = T.dvector("v"), T.lscalar("n")
    slope = T.grad(loss_of(vector, label), vector)
    np.testing.assert_array_equal(slope.eval({vector: [0.0, 1.0], label: 1}), [0, -1])
    cube, labels = T.dtensor3("c"), T.lmatrix("l")
    slope = T.grad(loss_of(cube, labels).sum(), cube)
    got = slope.eval({cube: [[[0.0, 1.0], [0.5, 0.5]]], labels: [[1, 0]]})
    np.testing.assert_array_equal(got, [[[0, -1], [-2, 0]]])


def test_impossible_classes_of_distributions():
    p, t = T.dmatrix("p"), T.dmatrix("t")
    loss = T.nnet.categorical_crossentropy(p, t)
    f = symgrad.function([p, t], [loss, T.grad(loss.sum(), p)])
    value, slope = f([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(value, [0, np.inf])
    np.testing.assert_array_equal(slope, [[-1, 0], [-np.inf, -0.5]])
    value, slope = f([[1.0, np.nan]], [[1.0, 0.0]])
    assert np.isnan(value[0])
    assert np.isnan(slope[0, 1])


def test_losses_of_sigmoids_and_softmaxes_are_as_short_as_before():
    x, t = T.dmatrix("x"), T.dmatrix("t")
    for p in (T.nnet.sigmoid(x), T.nnet.sigmoid(x)[:, ::-1], T.nnet.softmax(x)):
        binary = "sigmoid" in symgrad.pp(p)
        entropy = T.nnet.binary_crossentropy if binary else T.nnet.categorical_crossentropy
        f = symgrad.function([x, t], T.grad(entropy(p, t).sum(), x))
        assert "isinf" not in f.source


CLASSES = {
    "probabilities": lambda x, y: nnet.categorical_crossentropy(abs(x) + 1, y),
    "softmax": lambda x, y: nnet.categorical_crossentropy(nnet.softmax(x), y),
    "one hot": lambda x, y: nnet.crossentropy_categorical_1hot(nnet.softmax(x), y),
    "scores": lambda x, y: nnet.crossentropy_softmax_1hot(x, y)[0],
    "with bias": lambda x, y: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, x[0], y)[0],
}


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
@pytest.mark.parametrize("name", CLASSES)
def test_each_prediction_needs_one_class(name, mode):
    x, y = T.dmatrix("x"), T.lvector("y")
    loss = CLASSES[name](x, y)
    several = [loss, T.grad(loss.mean(), x)]
    functions = [symgrad.function([x, y], outputs, mode=mode) for outputs in (*several, several)]
    parts = symgrad.function([x, y], [loss[:2], loss[::-1][1:], loss[[0, 2]], loss[2]], mode=mode)
    for rows in (1, 2, 5):
        for f in functions:
            f(np.ones((rows, 4)), np.zeros(rows, int))
            for labels in {0, 1, rows - 1, rows + 1} - {rows}:
                with pytest.raises(
                    (ShapeError, GraphValueError), match=f"{labels} labels for {rows}"
                ):
                    f(np.ones((rows, 4)), np.zeros(labels, int))
    scores = RNG.normal(size=(5, 4))
    whole = functions[0](scores, Y)
    for have, want in zip(
        parts(scores, Y), [whole[:2], whole[::-1][1:], whole[[0, 2]], whole[2]], strict=True
    ):
        np.testing.assert_allclose(have, want)


def test_each_prediction_needs_one_class_of_known_shapes_and_higher_rank():
    with pytest.raises(ShapeError, match="1 classes along axis 0"):
        nnet.categorical_crossentropy(P, [0])
    x, y = T.dtensor3("x"), T.lmatrix("y")
    f = symgrad.function([x, y], nnet.categorical_crossentropy(nnet.softmax(x, axis=-1), y))
    assert f(np.zeros((2, 3, 4)), np.zeros((2, 3), int)).shape == (2, 3)
    with pytest.raises((ShapeError, GraphValueError), match="4 labels for 6 rows"):
        f(np.zeros((2, 3, 4)), np.zeros((2, 2), int))
