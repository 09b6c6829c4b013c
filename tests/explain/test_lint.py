"""`lint`: each silent bug is found, and correct models pass."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import GraphTypeError, function, grad, lint, shared

RNG = np.random.default_rng(0)


def zeros(*shape, name):
    return shared(np.zeros(shape), name)


def logistic():
    x, y = T.dmatrix("x"), T.ivector("y")
    W, b = zeros(784, 10, name="W"), zeros(10, name="b")
    p = T.nnet.softmax(T.dot(x, W) + b)
    return [x, y], -T.mean(T.log(p)[T.arange(y.shape[0]), y]), [W, b]


def network():
    x, y = T.dmatrix("x"), T.ivector("y")
    W1, b1 = shared(RNG.normal(size=(784, 50)), "W1"), zeros(50, name="b1")
    W2, b2 = zeros(50, 10, name="W2"), zeros(10, name="b2")
    h = T.nnet.relu(T.dot(x, W1) + b1)
    p = T.nnet.softmax(T.dot(h, W2) + b2)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    cost += 0.001 * abs(W1).sum() + 0.0001 * ((W1**2).sum() + (W2**2).sum())
    return [x, y], cost, [W1, b1, W2, b2]


def least_squares():
    x, y = T.dmatrix("x"), T.dvector("y")
    w, b = zeros(5, name="w"), shared(0.0, "b")
    return [x, y], T.mean((T.dot(x, w) + b - y) ** 2), [w, b]


def autoencoder():
    x = T.dmatrix("x")
    W, b, c = zeros(784, 50, name="W"), zeros(50, name="b"), zeros(784, name="c")
    z = T.nnet.sigmoid(T.dot(T.nnet.sigmoid(T.dot(x, W) + b), W.T) + c)
    return [x], -T.mean(T.sum(x * T.log(z) + (1 - x) * T.log(1 - z), axis=1)), [W, b, c]


def one_class():
    x, y = T.dmatrix("x"), T.dvector("y")
    w = zeros(5, name="w")
    p = T.nnet.sigmoid(T.dot(x, w))
    return [x, y], T.nnet.binary_crossentropy(p, y).mean() + 0.01 * (w**2).sum(), [w]


def convolution_like():
    """Columns are examples: the classes lie along axis 0."""
    x, y = T.dmatrix("x"), T.ivector("y")
    W = zeros(10, 784, name="W")
    p = T.nnet.softmax(T.dot(W, x), axis=0)
    return [x, y], -T.mean(T.log(p)[y, T.arange(y.shape[0])]), [W]


def descent(cost, params, rate=0.1):
    return [(p, p - rate * g) for p, g in zip(params, grad(cost, params), strict=True)]


def momentum(cost, params):
    updates = []
    for p, g in zip(params, grad(cost, params), strict=True):
        v = shared(p.get_value() * 0, f"v_{p.name}")
        new = 0.9 * v - 0.1 * g
        updates += [(v, new), (p, p + new)]
    return updates


def nesterov(cost, params):
    updates = []
    for p, g in zip(params, grad(cost, params), strict=True):
        v = shared(p.get_value() * 0, f"v_{p.name}")
        new = 0.9 * v - 0.1 * g
        updates += [(v, new), (p, p + 0.9 * new - 0.1 * g)]
    return updates


def adam(cost, params):
    t, rate = shared(0.0, "t"), shared(0.001, "rate")
    updates = [(t, t + 1)]
    step = rate * T.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
    for p, g in zip(params, grad(cost, params), strict=True):
        m, v = shared(p.get_value() * 0, "m"), shared(p.get_value() * 0, "v")
        new_m, new_v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        updates += [(m, new_m), (v, new_v), (p, p - step * new_m / (T.sqrt(new_v) + 1e-8))]
    return updates


def clipped(cost, params):
    slopes = grad(cost, params)
    scale = 1 / T.maximum(1.0, T.sqrt(sum((g**2).sum() for g in slopes)))
    return [(p, p - 0.1 * scale * T.clip(g, -1, 1)) for p, g in zip(params, slopes, strict=True)]


def only(findings, code, *words, severity="warning"):
    """Nothing but findings of one kind; the first one's message holds the words."""
    assert findings.codes == [code], str(findings)
    for word in words:
        assert word in findings[0].message, str(findings)
    assert findings[0].severity == severity
    return findings[0]


# -- no false alarms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [logistic, network, least_squares, autoencoder, one_class, convolution_like]
)
@pytest.mark.parametrize("learn", [descent, momentum, nesterov, adam, clipped])
def test_correct_models_pass(model, learn):
    inputs, cost, params = model()
    updates = learn(cost, params)
    assert lint(cost, params, updates) == []
    assert lint(cost) == []
    assert lint(function(inputs, cost, updates=updates)) == []


def test_the_tutorials_way_of_holding_data_passes():
    (x, y), cost, params = logistic()
    images = shared(RNG.normal(size=(2000, 784)), "images")
    labels = T.cast(shared(np.zeros(2000), "labels"), "int32")
    i = T.lscalar("i")
    givens = {x: images[i * 20 : (i + 1) * 20], y: labels[i * 20 : (i + 1) * 20]}
    train = function([i], cost, updates=descent(cost, params), givens=givens)
    assert lint(train) == []
    assert lint(cost, params, descent(cost, params), givens=givens) == []
    p = T.nnet.softmax(T.dot(x, params[0]))
    errors = T.mean(T.neq(T.argmax(p, axis=1), y))
    assert lint(function([i], errors, givens=givens)) == []


def test_a_function_of_gradients_alone_is_only_noted():
    inputs, cost, params = logistic()
    found = lint(function(inputs, [cost, *grad(cost, params)], name="slopes"))
    only(found, "no-update", "slopes() update nothing: W, b", severity="note")


# -- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flat",
    [
        lambda z: T.sum(T.round(z)),
        lambda z: T.sum(T.floor(z)),
        lambda z: T.mean(T.neq(T.argmax(z, axis=1), 0)),
        lambda z: T.mean(z > 0),
        lambda z: T.sum(T.cast(z, "int32")),
        lambda z: T.sum(T.switch(z > 0, 1.0, 0.0)),
        lambda z: T.sum(T.sgn(z)),
    ],
)
def test_gradients_that_are_always_zero(flat):
    x, W = T.dmatrix("x"), zeros(3, 2, name="W")
    cost = flat(T.dot(x, W))
    found = only(lint(cost, [W]), "zero-gradient", "with respect to W is always zero")
    assert found.place.startswith("test_lint.py:")


def test_a_flat_cost_leaves_its_parameters_as_they_are():
    x, W = T.dmatrix("x"), zeros(3, 2, name="W")
    cost = T.sum(T.round(T.dot(x, W)))
    f = function([x], cost, updates=[(W, W - 0.1 * grad(cost, W))])
    only(lint(f), "no-change", "leaves it as it is: its gradient is zero", "round")


def test_disconnected_parameters():
    _, cost, params = logistic()
    only(lint(cost, [*params, zeros(3, name="U")]), "disconnected", "U", "not part of")


def test_integer_division():
    x, n = T.lvector("x"), T.lscalar("n")
    only(lint(T.sum(x // n)), "integer-division", "drops the fraction", "Use /")
    rows = T.dmatrix("rows")
    assert lint(T.sum(rows[n // 2])) == []  # an index


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        (lambda z: T.nnet.relu(z), "relu is 0"),
        (lambda z: T.maximum(z, 0), "maximum(..., 0) is 0"),
        (lambda z: abs(z), "abs is 0"),
        (lambda z: T.sum(z**2, axis=1), "a square can be 0"),
        (lambda z: z * z, "a square can be 0"),
        (lambda z: T.clip(z, 0, 1), "clipped at 0"),
        (lambda z: T.max(T.nnet.softmax(z), axis=0), "softmax can be 0"),
        (lambda z: 1 - T.nnet.softmax(z), "can be 1"),
        (lambda z: T.cast(z > 0, "float64") * z**2, "gt gives 0 or 1"),
        (lambda z: T.switch(z > 0, z**2, 1.0), "a square can be 0"),
        (lambda z: T.mean(T.nnet.relu(z), axis=0)[0], "relu is 0"),
    ],
)
def test_logarithms_of_what_can_be_zero(inside, why):
    x, W = T.dmatrix("x"), zeros(3, 2, name="W")
    only(lint(T.sum(T.log(inside(T.dot(x, W))))), "log-of-zero", why, "1e-8")


@pytest.mark.parametrize(
    "safe",
    [
        lambda z: T.log(T.nnet.softmax(z)),
        lambda z: T.log(T.nnet.sigmoid(z)),
        lambda z: T.log(1 - T.nnet.sigmoid(z)),
        lambda z: T.log(T.sum(T.exp(z), axis=1)),
        lambda z: T.log(1 + T.exp(z)),
        lambda z: T.log(T.nnet.relu(z) + 1e-6),
        lambda z: T.log(T.clip(T.nnet.softmax(z), 1e-7, 1)),
        lambda z: T.log(T.maximum(z, 1e-7)),
        lambda z: T.log(1.5 - T.nnet.sigmoid(z)),
        lambda z: T.log(T.exp(z)),
        lambda z: T.log(z),
        lambda z: T.log(z**2 + 1),
        lambda z: T.switch(abs(z) > 0, T.log(abs(z)), 0.0),
        lambda z: T.xlogx.xlogx(T.nnet.relu(z)),
    ],
)
def test_logarithms_that_are_safe_or_not_known(safe):
    x, W = T.dmatrix("x"), zeros(3, 2, name="W")
    assert lint(T.sum(safe(T.dot(x, W)))) == []


def test_parameters_that_hold_nan():
    w = shared(np.array([1.0, np.nan, np.inf]), "w")
    only(lint(T.sum(w)), "not-finite", "2 of the 3 numbers that w holds")


# -- axes --------------------------------------------------------------------------------------


def test_softmax_of_one_class():
    x, W = T.dmatrix("x"), zeros(784, 1, name="W")
    only(lint(T.mean(T.nnet.softmax(T.dot(x, W)))), "softmax-of-one", "sigmoid")


def test_softmax_twice():
    (x, _), _, (W, _) = logistic()
    p = T.nnet.softmax(T.nnet.softmax(T.dot(x, W)))
    only(lint(T.mean(p**2)), "softmax-twice", "Leave one out")


def test_softmax_over_the_examples():
    (x, y), _, (W, b) = logistic()
    h = T.tanh(T.dot(x, W) + b)
    p = T.nnet.softmax(T.dot(h, zeros(10, 3, name="V")), axis=0)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    only(lint(cost), "batch-axis", "softmax over axis 0", "Use axis=1")
    columns = T.nnet.softmax(T.dot(W.T, x.T), axis=1)
    only(lint(T.mean(columns**2)), "batch-axis", "softmax over axis 1", "Use axis=0")


def test_argmax_over_the_examples():
    (x, y), _, (W, _) = logistic()
    found = lint(T.mean(T.neq(T.argmax(T.dot(x, W), axis=0), y)))
    assert "batch-axis" in found.codes


def test_a_vector_that_meets_a_column():
    x, t, w = T.dmatrix("x"), T.dmatrix("t"), zeros(5, name="w")
    only(lint(T.mean((T.dot(x, w) - t) ** 2)), "row-meets-column", "dot(x, w) is a vector", "t")
    assert lint(T.mean((T.dot(x, w) - t[:, 0]) ** 2)) == []


def test_labels_as_a_matrix():
    (x, _), _, (W, _) = logistic()
    labels = T.imatrix("labels")
    p = T.nnet.softmax(T.dot(x, W))
    cost = -T.mean(T.log(p)[T.arange(labels.shape[0]), labels])
    only(lint(cost), "row-meets-column", "labels is a matrix", "flatten()")


# -- updates -----------------------------------------------------------------------------------


def test_parameters_without_update():
    _, cost, params = logistic()
    updates = descent(cost, params)
    only(lint(cost, params, updates[:1]), "no-update", "no update changes the parameter b")
    assert len(lint(cost, params, [])) == 2
    assert lint(cost, params) == []  # not told
    found = lint(cost, [T.dot(*params)], updates)
    assert found.codes == ["disconnected", "no-update"]
    assert "is no shared variable" in found[1].message
    assert lint(T.sum(T.tanh(params[1])), [params[1]], {params[1]: params[1] * 0.5}) == []


@pytest.mark.parametrize(
    "step",
    [
        lambda g: 0.1 * g,
        lambda g: -0.1 * -g,
        lambda g: -(shared(-0.1, "rate") * g),
        lambda g: T.clip(g, -1, 1) / 10,
        lambda g: T.neg(T.neg(g)),
        lambda g: g * (1 - shared(0.9, "mix")),
    ],
)
def test_updates_that_go_up(step):
    _, cost, (W, _) = logistic()
    found = only(lint(cost, [W], {W: W + step(grad(cost, W))}), "ascent", "W - rate * gradient")
    assert found.node.name is None
    assert lint(cost, [W], {W: W - step(grad(cost, W))}) == []


def test_going_up_the_gradient_of_the_negative_is_going_down():
    _, cost, (W, _) = logistic()
    assert lint(cost, [W], {W: W + 0.1 * grad(-cost, W)}) == []


def test_a_velocity_that_goes_up():
    _, cost, (W, _) = logistic()
    v = zeros(784, 10, name="v")
    new = 0.9 * v + 0.1 * grad(cost, W)
    only(lint(cost, [W], [(v, new), (W, W + new)]), "ascent", "the update of W")


def test_an_update_that_reads_what_another_writes():
    _, cost, (W, _) = logistic()
    v = zeros(784, 10, name="v")
    updates = [(v, 0.9 * v - 0.1 * grad(cost, W)), (W, W + v)]
    found = lint(cost, [W], updates)
    only(found, "reads-old", "the update of W reads v", "value from before", severity="note")


def test_an_update_that_changes_nothing():
    w = zeros(3, name="w")
    only(lint(T.sum(w), [w], {w: w + 0.0}), "no-change", "leaves it as it is")


# -- what a call costs -------------------------------------------------------------------------


def test_data_that_is_cast_in_every_call():
    (x, y), cost, params = logistic()
    images = shared(np.zeros((2000, 784), "float32"), "images")
    f = function([y], cost, updates=descent(cost, params), givens={x: T.cast(images, "float64")})
    only(lint(f), "copied-data", "1568000 numbers of images", "Do it once")
    images64 = shared(np.zeros((2000, 784)), "images64")
    scaled = function([y], cost, updates=descent(cost, params), givens={x: images64 / 255.0})
    assert lint(scaled).codes == ["copied-data"]
    only(lint(cost, params, givens={x: T.cast(images, "float64")}), "copied-data")


# -- the list itself -----------------------------------------------------------------------------


def test_findings_are_data_and_text():
    _, cost, params = logistic()
    found = lint(cost, params, updates=[])
    assert isinstance(found, list)
    finding = found[0]
    assert finding._fields == ("code", "severity", "message", "node", "place")
    assert finding.node is params[0]
    text = str(found)
    assert text.count("[no-update]") == 2
    assert f"{finding.place}: warning: " in text
    assert "return shared(np.zeros(shape), name)" in text
    assert str(lint(cost)) == "nothing found"


def test_warnings_come_before_notes():
    _, cost, (W, b) = logistic()
    v = zeros(10, name="v")
    found = lint(cost, [W, b], [(v, v * 0.9), (b, b + v)])
    assert [f.severity for f in found] == ["warning", "note"]


def test_nothing_is_changed_by_looking():
    inputs, cost, params = logistic()
    f = function(inputs, cost, updates=descent(cost, params))
    source = f.source
    before = [p.get_value() for p in params]
    lint(f)
    assert f.source == source
    for p, value in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.get_value(), value)


def test_mistakes_in_calls_of_lint():
    _, cost, params = logistic()
    with pytest.raises(GraphTypeError, match="params must be a list of variables, not 3"):
        lint(cost, [3])
    with pytest.raises(GraphTypeError, match="Did you mean 'updates'"):
        lint(cost, params, update=[])
    with pytest.raises(GraphTypeError, match="brings its updates and givens"):
        lint(function([], T.sum(params[1])), updates=[])


def test_a_large_graph_takes_no_time():
    x, w = T.dvector("x"), zeros(3, name="w")
    y = x * w
    for _ in range(5_000):
        y = T.tanh(y)
    cost = T.sum(y)
    assert lint(cost, [w], {w: w - grad(cost, w)}) == []
    assert symgrad.lint is lint
