"""What users read when something is wrong: operation, operands, their own line, what to do."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import errors

HERE = Path(__file__).name


def line_of(marker):
    """The number of the line of this file that ends in the comment `# <marker>`."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n, text in enumerate(lines, 1) if text.endswith(f"# {marker}"))


def says(error, *parts):
    """The message holds each part; `@marker` stands for that line of this file."""
    text = str(error.value)
    for part in parts:
        if part.startswith("@"):
            assert re.search(rf'{HERE}", line {line_of(part[1:])}\b', text), f"{part}:\n{text}"
        else:
            assert part in text, f"{part!r} is missing in:\n{text}"
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 12


# -- origins -------------------------------------------------------------------------------------


def test_a_node_knows_the_line_that_made_it_and_its_callers():
    def layer(x):
        return T.exp(x)  # layer

    x = T.dscalar("x")
    y = layer(x)  # caller
    frames = [errors.resolve_frame(frame) for frame in y.origin]
    assert frames[0] == (__file__, line_of("layer"))
    assert frames[1] == (__file__, line_of("caller"))
    assert len(frames) <= 4
    assert "return T.exp(x)" in errors.made_at(y)


def test_the_flag_says_how_many_frames_are_kept():
    with symgrad.config.change_flags({"traceback.limit": 1}):
        x = T.dscalar("x")
    assert len(x.origin) == 1


def test_a_gradient_has_the_origin_of_what_it_differentiates():
    x = T.dvector("x")
    y = T.tanh(x)  # forward
    g = symgrad.grad(y.sum(), x)
    found = {errors.resolve_frame(n.origin[0])[1] for n in symgrad.graph.walk.toposort([g]) if n.op}
    assert line_of("forward") in found


def test_generated_and_internal_files_are_not_user_code():
    assert errors.is_internal(inspect.getfile(errors))
    assert errors.is_internal("<symgrad f 1>")
    assert not errors.is_internal(__file__)


def test_suggestions():
    assert "FAST_RUN" in errors.suggest("FASTRUN", ["FAST_RUN", "FAST_COMPILE"])
    assert errors.suggest("zzz", ["FAST_RUN"]) == ""


# -- while the graph is built ----------------------------------------------------------------------


def test_known_shapes_that_do_not_fit_raise_where_they_are_written():
    a = T.constant(np.zeros((3, 4)), name="a")  # make a
    b = T.constant(np.zeros((3, 5)), name="b")  # make b
    with pytest.raises(symgrad.ShapeError) as error:
        a + b
    says(error, "add", "(3, 4)", "(3, 5)", "a (", "b (", "@make a", "@make b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.dot(a, b)
    says(error, "dot", "4 and 3", "transposed", "@make a")


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


# -- calling ---------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_at_run_time_name_operands_and_line():
    x = T.dmatrix("x")
    w = symgrad.shared(np.zeros((784, 10)), name="W")
    z = T.dot(x, w)  # product
    f = symgrad.function([x], z + 1, name="predict")
    with pytest.raises(symgrad.ShapeError) as error:
        f(np.zeros((2, 783)))
    says(
        error,
        "predict",
        "dot",
        "x: float64 of shape (2, 783)",
        "W: float64 of shape (784, 10)",
        "@product",
    )


def test_an_index_out_of_range_at_run_time_is_an_index_error():
    x, i = T.dvector("x"), T.lscalar("i")
    f = symgrad.function([x, i], x[i])  # index
    with pytest.raises(IndexError) as error:
        f(np.zeros(3), 7)
    says(error, "7", "(3,)", "@index")


def test_arguments_are_checked_by_name_and_type():
    x = T.fvector("x")  # x input
    f = symgrad.function([x, symgrad.In(T.dscalar("rate"), value=1.0)], x, on_unused_input="ignore")
    with pytest.raises(TypeError) as error:
        f(np.zeros(3))
    says(error, "input 1, x (float32 vector)", "float64", "@x input", "allow_input_downcast")
    with pytest.raises(TypeError) as error:
        f()
    says(error, "needs a value for input 1", "@x input")
    with pytest.raises(TypeError) as error:
        f([1.0], 2.0, 3.0)
    says(error, "takes 2 inputs", "3 were given")
    with pytest.raises(TypeError) as error:
        f([1.0], Rate=2.0)
    says(error, "no input named 'Rate'", "rate")
    with pytest.raises(TypeError) as error:
        f([1.0], x=[1.0])
    says(error, "'x' twice")


def test_the_original_error_is_kept_as_the_cause():
    x = T.dvector("x")
    f = symgrad.function([x], x[5])
    with pytest.raises(symgrad.SymgradError) as error:
        f(np.zeros(2))
    assert isinstance(error.value.__cause__, IndexError)
