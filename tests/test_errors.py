"""What users read when something is wrong: operation, operands, their own line, what to do."""

from collections.abc import Callable

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import errors
from symgrad.compile.modes.nanguardmode import NanGuardMode
from symgrad.errors import SymgradError
from tests.said import says


def test_suggestions():
    assert "FAST_RUN" in errors.suggest("FASTRUN", ["FAST_RUN", "FAST_COMPILE"])
    assert errors.suggest("zzz", ["FAST_RUN"]) == ""


# -- while the graph is built ----------------------------------------------------------------------


def test_known_shapes_that_do_not_fit_raise_where_they_are_written():
    a = T.constant(np.zeros((3, 4)), name="a")  # make a
    b = T.constant(np.zeros((3, 5)), name="b")  # make b
    with pytest.raises(symgrad.ShapeError) as error:
        a + b
    says(error, "add", "(3, 4)", "(3, 5)", "a: ", "b: ", "@make a", "@make b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.dot(a, b)
    says(error, "dot", "4 and 3", "T.dot(a.T, b) would fit", "@make a")


def test_conditions_refuse_truth_and_say_switch():
    x = T.dscalar("x")
    condition = x > 0  # condition
    with pytest.raises(TypeError) as error:
        bool(condition)
    says(error, "T.switch", "@condition")


@pytest.mark.parametrize("use", [sum, max, list, lambda v: [*v], len])
def test_iterating_over_a_symbol_says_what_to_use(use):
    x = T.dvector("x")
    with pytest.raises(TypeError) as error:
        use(x)
    says(error, "symbolic", "x.")


def test_assignment_says_set_subtensor():
    x = T.dvector("x")
    with pytest.raises(TypeError) as error:
        x[0] = 1
    says(error, "T.set_subtensor")


@pytest.mark.parametrize("use", [int, float, range, np.asarray, lambda v: [1, 2][v]])
def test_a_symbol_is_no_number(use):
    with pytest.raises(TypeError) as error:
        use(T.lscalar("n"))
    says(error, "n is a symbolic variable")


@pytest.mark.parametrize("other", ["text", None, {"a": 1}, object()])
def test_operands_that_are_not_numbers_are_named(other):
    with pytest.raises(TypeError) as error:
        T.dscalar("x") + other
    says(error, "add", "expected a number")


def test_generic_shared_variables_explain_themselves():
    words = symgrad.shared(["a", "b"], name="words")  # words
    with pytest.raises(TypeError) as error:
        words[0]
    says(error, "words", "generic Python object", "@words")


# -- gradients -----------------------------------------------------------------------------------


def test_a_disconnected_gradient_names_both_ends_and_the_cut():
    x = T.dvector("x")  # x here
    cost = T.cast(x.shape[0], "float64")  # cut
    with pytest.raises(symgrad.DisconnectedInputError) as error:
        symgrad.grad(cost, x)
    says(error, "x (float64 vector)", "x.shape[0]", "@cut", "@x here", "disconnected_inputs")


def test_a_cost_that_is_not_a_scalar_says_mean_or_sum():
    x = T.dvector("x")
    with pytest.raises(TypeError) as error:
        symgrad.grad(x * 2, x)
    says(error, "must be a scalar", "mean or sum")


# -- compiling -----------------------------------------------------------------------------------


def test_a_float64_update_of_a_float32_variable_names_the_source():
    w = symgrad.shared(np.zeros(3, "float32"), name="w")
    rate = T.dscalar("rate")  # the culprit
    with pytest.raises(TypeError) as error:
        symgrad.function([rate], [], updates=[(w, w - rate * w)])  # update
    says(error, "w (float32 vector)", "float64", "rate", "@the culprit", "@update", "T.cast")


def test_an_integer_symbol_that_makes_float64_is_explained():
    w = symgrad.shared(np.zeros(3, "float32"), name="w")
    n = T.lscalar("n")  # integer
    with pytest.raises(TypeError) as error:
        symgrad.function([n], [], updates={w: w / n})
    says(error, "n (int64 scalar)", "float32 with 32- or 64-bit integers", "@integer")


def test_missing_unused_and_duplicate_inputs_name_the_variable_and_its_line():
    x = T.dscalar("x")  # x made
    y = T.dscalar("y")  # y made
    with pytest.raises(symgrad.MissingInputError) as error:
        symgrad.function([x], x * y)
    says(error, "y (float64 scalar)", "@y made")
    with pytest.raises(symgrad.UnusedInputError) as error:
        symgrad.function([x, y], x * 2)
    says(error, "y (float64 scalar)", "@y made", "on_unused_input")
    with pytest.raises(ValueError, match="twice") as error:
        symgrad.function([x, x], x * 2)
    says(error, "@x made")


def test_unknown_mode_is_corrected():
    with pytest.raises(ValueError, match="FAST_RUN"):
        symgrad.function([], T.constant(1.0), mode="FASTRUN")


def test_errors_about_axes_point_to_the_user_not_to_contextlib():
    x = T.dmatrix("x")
    with pytest.raises(symgrad.GraphValueError) as error:
        x.sum(axis=5)  # five
    says(error, "axis 5 does not exist", "x (float64 matrix)", "@five")


def test_a_message_has_twelve_lines_at_most():
    tensors = [T.constant(np.zeros(3 + k), name=f"t{k}") for k in range(30)]
    with pytest.raises(symgrad.ShapeError) as error:
        T.stack(tensors)
    text = str(error.value)
    assert len(text.splitlines()) == 12
    assert "explain()" in text
    assert "t29" not in text
    assert "t29" in error.value.explain()


# -- what would fit ----------------------------------------------------------------------------


def value(shape, name):
    return T.constant(np.zeros(shape), name=name)


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        ((5, 784), (10, 784), "T.dot(a, b.T) would fit"),
        ((784, 5), (784, 10), "T.dot(a.T, b) would fit"),
        ((10, 784), (5, 10), "T.dot(b, a) would fit"),
        ((10,), (784, 10), "T.dot(b, a) would fit"),
        ((784, 10), (784,), "T.dot(a.T, b) would fit"),
        ((5, 6), (7, 8), "Is one of them transposed"),
        ((5,), (7,), "Is one of them transposed"),
    ],
)
def test_products_that_do_not_fit_say_which_would(left, right, hint):
    with pytest.raises(symgrad.ShapeError) as error:
        T.dot(value(left, "a"), value(right, "b"))
    says(error, hint)


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        ((600, 10), (600,), "b.dimshuffle(0, 'x') would fit"),
        ((600,), (600, 10), "a.dimshuffle(0, 'x') would fit"),
        ((5, 6), (6, 5), "a.T would fit"),
    ],
)
def test_broadcasting_that_does_not_fit_says_what_would(left, right, hint):
    with pytest.raises(symgrad.ShapeError) as error:
        value(left, "a") * value(right, "b")
    says(error, hint)


# -- did you mean ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda x: symgrad.function([x], x, updats=[]), "updates"),
        (lambda x: symgrad.function([x], x, mode="FAST_RUM"), "FAST_RUN"),
        (lambda x: symgrad.grad(x, x, disconnected_input="ignore"), "disconnected_inputs"),
        (lambda x: symgrad.grad(x, x, disconnected_inputs="ingore"), "ignore"),
        (lambda x: symgrad.shared(1.0, nmae="w"), "name"),
        (lambda x: T.TensorType("flaot32", ()), "float32"),
        (lambda x: T.switch(cnd=x, ift=x, iff=x), "cond"),
    ],
)
def test_did_you_mean(call, meant):
    with pytest.raises((TypeError, ValueError)) as error:
        call(T.dscalar("x"))
    says(error, f"Did you mean {meant!r}?")
    assert isinstance(error.value, symgrad.SymgradError)


def test_a_call_with_too_few_arguments_keeps_pythons_words():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'wrt'"):
        symgrad.grad(T.dscalar("x"))


# ------------------------------------------------------------------- names that are no text to read
HOSTILE = "W\x1b[2J\n\r\u202e" + "n" * 5000


def _hostile() -> dict[str, Callable[[], object]]:
    v, m = T.dvector(HOSTILE), T.dmatrix(HOSTILE)
    W = symgrad.shared(np.ones((2, 3)), HOSTILE)
    f = symgrad.function([v], v + T.constant(np.ones(3)), name=HOSTILE)
    return {
        "missing": lambda: symgrad.function([], v * 2),
        "twice": lambda: symgrad.function([v, v], v),
        "givens": lambda: symgrad.function([v], v, givens={v: m}),
        "set_value": lambda: W.set_value("a"),
        "a call": lambda: f("a"),
        "a call of nothing": lambda: f(),
        "a call that fails": lambda: f([1.0, 2.0]),
        "a container": lambda: f[HOSTILE + "x"],
        "an update": lambda: symgrad.function([], [], updates=[(W, v)]),
        "iteration": lambda: list(v),  # type: ignore[call-overload]
        "an index": lambda: W["a"],
        "an axis": lambda: W.sum(axis=7),
        "a dtype": lambda: T.cast(v, HOSTILE),
        "a gradient": lambda: T.grad(v.sum(), W),
        "a keyword": lambda: T.sum(v, **{HOSTILE: 1}),
        "a mode": lambda: symgrad.function([v], v, mode=HOSTILE),
        "a NaN": lambda: symgrad.function([v], T.log(v), mode=NanGuardMode())([-1.0]),
    }


@pytest.mark.parametrize("name", _hostile())
def test_a_message_cannot_drive_a_terminal(name: str) -> None:
    with pytest.raises(SymgradError) as caught:
        _hostile()[name]()
    for text in (str(caught.value), caught.value.explain()):
        for line in text.split("\n"):
            assert line.isprintable()
            assert len(line) <= 2000
    if name not in ("a dtype", "a keyword", "a mode", "a container"):  # (of the program itself)
        assert "n" * 250 not in str(caught.value)
