"""The twenty mistakes that beginners make most: what each is told to do about it.

What is wrong in any program is an error; what is legal and hardly ever meant is found by `lint`;
what depends on the data is reported by ``mode="nan-guard"``.
"""

import inspect

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import function, grad, lint, shared

N_IN, N_OUT = 4, 3


def logistic():
    """The tutorial's model: inputs, labels, parameters, probabilities, cost."""
    x, y = T.dmatrix("x"), T.ivector("y")
    W, b = shared(np.zeros((N_IN, N_OUT)), "W"), shared(np.zeros(N_OUT), "b")
    p = T.nnet.softmax(T.dot(x, W) + b)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    return x, y, W, b, p, cost


def data(n=5):
    return np.ones((n, N_IN)), np.zeros(n, "int32")


# Each of these makes one mistake. What it raises or returns is what the user reads.


def wrong_axis():
    _, y, _, _, p, _ = logistic()
    return lint(T.mean(T.neq(T.argmax(p, axis=0), y)))


def transposed_weights():
    x = T.dmatrix("x")
    W = shared(np.zeros((N_OUT, N_IN)), "W")
    f = function([x], T.nnet.softmax(T.dot(x, W)))
    f(np.ones((5, N_IN)))


def softmax_over_the_batch():
    x, y, W, b, _, _ = logistic()
    p = T.nnet.softmax(T.dot(x, W) + b, axis=0)
    return lint(-T.mean(T.log(p)[T.arange(y.shape[0]), y]), [W, b])


def labels_as_floats():
    y = T.dvector("y")
    _, _, _, _, p, _ = logistic()
    return T.log(p)[T.arange(y.shape[0]), y]


def labels_as_a_matrix():
    x, y, _, _, _, cost = logistic()
    images, labels = data()
    function([x, y], cost)(images, labels[:, None])


def log_of_zero():
    x, w = T.dmatrix("x"), shared(np.zeros(N_IN), "w")
    return lint(T.mean(T.log(T.nnet.relu(T.dot(x, w)))), [w])


def forgotten_updates():
    x, y, _, _, _, cost = logistic()
    train = function([x, y], cost, name="train")
    return lint(train)


def assignment_in_place():
    x = T.dmatrix("x")
    x[0] = 0.0


def iterating():
    x = T.dmatrix("x")
    return [row.sum() for row in x]


def a_condition():
    x = T.dscalar("x")
    if x > 0:
        return x
    return -x


def a_function_of_numpy():
    x = T.dmatrix("x")
    return np.median(x)


def dtypes_in_updates():
    w, rate = shared(np.zeros(3, "float32"), "w"), T.dscalar("rate")
    return function([rate], updates=[(w, w - rate * w)])


def unused_input():
    x, rate = T.dvector("x"), T.dscalar("rate")
    return function([x, rate], x.sum())


def disconnected_parameter():
    _, _, W, _, _, cost = logistic()
    hidden = shared(np.zeros((2, 2)), "hidden")
    return grad(cost, [W, hidden])


def one_name_twice():
    _, y, _, _, _, cost = logistic()
    x = T.dmatrix("x")
    return function([x, y], cost)


def integer_division():
    x, w = T.dmatrix("x"), shared(np.zeros(N_IN), "w")
    return lint(T.sum(T.dot(x, w) ** 2) // 2, [w])


def missing_given():
    index = T.lscalar("index")
    x, _, _, _, _, cost = logistic()
    images = shared(np.ones((100, N_IN)), "images")
    return function([index], cost, givens={x: images[index * 10 : (index + 1) * 10]})


def wrong_number_of_inputs():
    x, y, _, _, _, cost = logistic()
    return function([x, y], cost, name="validate")(data()[0])


def nan_in_the_input():
    x, y, _, _, _, cost = logistic()
    images, labels = data()
    images[2, 1] = np.nan
    return function([x, y], cost, mode="nan-guard")(images, labels)


def sign_of_the_learning_rate():
    _, _, W, _, _, cost = logistic()
    return lint(cost, [W], updates=[(W, W + 0.1 * grad(cost, W))])


# What that must hold: the class of the error or the kind of finding; words; "@" for a line of it.
MISTAKES = {
    wrong_axis: [
        "batch-axis",
        "argmax over axis 0, along which the examples lie",
        "Use axis=1",
        "@",
    ],
    transposed_weights: [
        symgrad.ShapeError,
        "dot failed: the inner lengths differ, 4 and 3",
        "T.dot(x, W.T) would fit",
        "x: float64 of shape (5, 4)",
        "W: float64 of shape (3, 4)",
        "@",
    ],
    softmax_over_the_batch: ["batch-axis", "compares examples with one another", "Use axis=1", "@"],
    labels_as_floats: [TypeError, "indexed with y (float64 vector)", "T.cast(", "'int64'", "@"],
    labels_as_a_matrix: [
        TypeError,
        "input 2, y (int32 vector)",
        "shape (5, 1)",
        "value.ravel() has shape (5,)",
        "@",
    ],
    log_of_zero: ["log-of-zero", "relu is 0 for whatever is negative", "T.log(... + 1e-8)", "@"],
    forgotten_updates: ["no-update", "train() update nothing: W, b", "updates=[(param, ", "@"],
    assignment_in_place: [TypeError, "cannot be assigned", "T.set_subtensor(x[i], value)", "@"],
    iterating: [TypeError, "x is a symbolic variable", "cannot be iterated over", "x.sum()", "@"],
    a_condition: [TypeError, "(x > 0.0) is symbolic", "T.switch(condition, a, b)", "@"],
    a_function_of_numpy: [TypeError, "numpy.median", "symgrad.tensor", "v.eval({...})", "@"],
    dtypes_in_updates: [
        TypeError,
        "the update of w (float32 vector) is float64",
        "comes from rate (float64 scalar)",
        "T.cast(new, 'float32')",
        "@",
    ],
    unused_input: [symgrad.UnusedInputError, "rate (float64 scalar)", "Leave it out", "@"],
    disconnected_parameter: [
        symgrad.DisconnectedInputError,
        "does not depend on the value of hidden",
        "not part of the expression at all",
        "disconnected_inputs='ignore'",
        "@",
    ],
    one_name_twice: [
        symgrad.MissingInputError,
        "has the same name but is another variable: make it once",
        "@",
    ],
    integer_division: ["integer-division", "drops the fraction, and has no gradient", "Use /", "@"],
    missing_given: [
        symgrad.MissingInputError,
        "y (int32 vector) is needed by",
        "givens={y: value}",
        "@",
    ],
    wrong_number_of_inputs: [TypeError, "validate() needs a value for input 2, y (int32", "@"],
    nan_in_the_input: [symgrad.SymgradError, "the input x holds 1 NaN", "[2, 1]", "@"],
    sign_of_the_learning_rate: ["ascent", "adds the gradient, so the cost grows", "W - rate", "@"],
}


def told(mistake):
    """What somebody reads who makes a mistake: the error, or the findings."""
    try:
        answer = mistake()
    except symgrad.SymgradError as error:
        return error
    assert answer, "nothing was found"
    return answer


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_the_user_is_told_what_to_do(mistake):
    answer = told(mistake)
    first, *words = MISTAKES[mistake]
    if isinstance(first, str):
        assert first in answer.codes, str(answer)
    else:
        assert isinstance(answer, first), f"{type(answer)}: {answer}"
        assert len(str(answer).splitlines()) <= 12
        assert answer.explain().startswith(str(answer).splitlines()[0])
    text = str(answer)
    for part in words:
        if part == "@":
            shows_a_line_of(mistake, text)
        else:
            assert part in text, text


def shows_a_line_of(mistake, text):
    """The number and source of a line of the mistake, or of the model that it is made in."""
    for function_ in (mistake, logistic):
        source, start = inspect.getsourcelines(function_)
        for number, line in enumerate(source, start):
            places = f'test_mistakes.py", line {number},', f"test_mistakes.py:{number}: "
            shown = line.strip() in text or "[no-update]" in text
            if shown and any(place in text for place in places):
                return
    pytest.fail(text)


def test_there_are_twenty():
    assert len(MISTAKES) == 20


def test_the_same_program_without_mistakes_passes():
    x, y, W, b, _, cost = logistic()
    params = [W, b]
    updates = [(q, q - 0.1 * g) for q, g in zip(params, grad(cost, params), strict=True)]
    assert lint(cost, params, updates) == []
    train = function([x, y], cost, updates=updates, mode="nan-guard")
    assert lint(train) == []
    costs = [train(*data()) for _ in range(20)]
    assert costs[-1] < costs[0]
