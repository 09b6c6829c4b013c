"""What users read when something is wrong: operation, operands, their own line, what to do."""

import inspect
import linecache
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import errors, origins
from symgrad.compile import culprits
from symgrad.compile.modes.nanguardmode import NanGuardMode
from symgrad.errors import SymgradError
from symgrad.ops.op import Op

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
            place = rf'{HERE}(:|", line ){line_of(part[1:])}\b'
            assert re.search(place, text), f"{part}:\n{text}"
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
    frames = [origins.resolve_frame(frame) for frame in y.origin]
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
    nodes = symgrad.graph.walk.toposort([g])
    found = {origins.resolve_frame(node.origin[0])[1] for node in nodes if node.op}
    assert line_of("forward") in found


def test_generated_and_internal_files_are_not_user_code():
    assert origins.is_internal(inspect.getfile(errors))
    assert origins.is_internal("<symgrad f 1>")
    assert not origins.is_internal(__file__)


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


# -- the mark under the user's expression ----------------------------------------------------------


def marked(error):
    """What the mark of a message stands under."""
    lines = str(error.value).splitlines()
    at = next(k for k, line in enumerate(lines) if line.strip() and not line.strip(" ^~"))
    start = len(lines[at]) - len(lines[at].lstrip())
    return lines[at - 1][start : len(lines[at])], lines[at].strip()


def test_the_mark_stands_under_the_expression():
    a, b = T.constant(np.zeros((3, 4)), name="a"), T.constant(np.zeros((5, 6)), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh(T.dot(a, b) + 1)
    assert marked(error) == ("T.dot(a, b)", "^" * 11)


def test_an_operator_alone_is_marked():
    a, b = T.constant(np.zeros(3), name="a"), T.constant(np.zeros(4), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh((2 * a) - (b * 3))
    assert marked(error) == ("(2 * a) - (b * 3)", "~~~~~~~~^~~~~~~~~")
    with pytest.raises(symgrad.IndexRangeError) as error:
        T.tanh(a[7])
    assert marked(error) == ("a[7]", "~^^^")
    x = T.dscalar("x")
    with pytest.raises(TypeError) as error:
        T.tanh(a if x > 1 else b)
    assert marked(error) == ("x > 1", "~~^~~")


def test_an_expression_of_several_lines_is_marked_to_the_end_of_its_first():
    a, b = T.constant(np.zeros((3, 4)), name="a"), T.constant(np.zeros((5, 6)), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.dot(
            a,
            b,
        )
    assert marked(error) == ("T.dot(", "^^^^^^")


def test_letters_beyond_ascii_do_not_shift_the_mark():
    θ, β = T.constant(np.zeros((3, 4)), name="θ"), T.constant(np.zeros((5, 6)), name="β")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh(T.dot(θ, β) + 1)
    assert marked(error) == ("T.dot(θ, β)", "^" * 11)


def test_a_long_line_is_shown_around_the_mark():
    source = f"y = [{', '.join(['0'] * 60)}, a + b, {', '.join(['1'] * 60)}]\n"
    linecache.cache["long.py"] = (len(source), None, [source], "long.py")
    names = {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))}
    with pytest.raises(symgrad.ShapeError) as error:
        exec(compile(source, "long.py", "exec"), names)
    assert marked(error) == ("a + b", "~~^~~")
    assert max(map(len, str(error.value).splitlines()[1:])) < 125


def test_code_without_source_is_named_by_its_line():
    names = {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))}
    with pytest.raises(symgrad.ShapeError) as error:
        exec(compile("\na + b", "<nowhere>", "exec"), names)
    assert 'File "<nowhere>", line 2' in str(error.value)
    assert "^" not in str(error.value)


def test_an_error_is_told_where_no_file_can_have_the_name_of_its_source():
    code = compile("a + b", "<made>", "exec").replace(co_filename="no\0file")
    with pytest.raises(symgrad.ShapeError) as error:
        exec(code, {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))})
    assert "do not fit" in str(error.value)
    assert "do not fit" in error.value.explain()


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


# -- failures of what was compiled ---------------------------------------------------------------


def failing(f, *args):
    with pytest.raises(symgrad.SymgradError) as error:
        f(*args)
    return error


def test_the_operation_that_was_written_is_named_not_the_fused_one():
    x, y = T.dmatrix("x"), T.ivector("y")
    W = symgrad.shared(np.zeros((4, 3)), "W")
    p = T.nnet.softmax(T.dot(x, W))
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])  # picked
    g = symgrad.grad(cost, W)
    train = symgrad.function([x, y], cost, updates=[(W, W - 0.1 * g)], name="train")
    assert "row_loss" in train.source
    error = failing(train, np.ones((3, 4)), np.array([1, 2, 3], "i4"))
    says(error, "train(): index failed", "y goes from 1 to 3", "Use y - 1", "@picked")
    assert marked(error) == ("T.log(p)[T.arange(y.shape[0]), y]", "~~~~~~~~" + "^" * 25)
    assert isinstance(error.value, IndexError)
    assert isinstance(error.value.__cause__, IndexError)
    np.testing.assert_array_equal(W.get_value(), np.zeros((4, 3)))
    many = np.arange(100, dtype="i4") % 4  # more than are looked at one by one
    says(failing(train, np.ones((100, 4)), many), "y goes from 0 to 3", "@picked")


def test_a_failure_in_a_gradient_says_so():
    x = T.dvector("x")
    op = Complains()
    f = symgrad.function([x], symgrad.grad(op.make(x).sum(), x))  # here
    says(failing(f, np.ones(3)), "failed in the gradient of this line: no", "@here")


class Complains(Op, register=False):
    """An identity whose gradient cannot be computed."""

    message: str | None = None

    def infer(self, *types):
        return types[0]

    def impl(self, xp, x):
        if self.message:
            raise RuntimeError(self.message)
        return x + 0

    def vjp(self, g, y, x):
        return (Complains(message="no").make(g),)


def test_nothing_is_printed_twice(capsys):
    x, y = T.dvector("x"), T.dvector("y")
    f = symgrad.function([x, y], symgrad.printing.Print("x is")(x) + y)
    says(failing(f, np.ones(2), np.ones(3)), "add failed", "x")
    assert capsys.readouterr().out.count("x is") == 1


def test_what_has_effects_is_not_done_again():
    done = []

    class Effect(Op, register=False):
        has_side_effect = True

        def infer(self, *types):
            return types[0]

        def impl(self, xp, x):
            done.append(None)
            return x + 0

    class Fails(Effect, register=False):
        def impl(self, xp, x):
            raise RuntimeError("broken")

    x = T.dvector("x")
    f = symgrad.function([x], Fails().make(Effect().make(x)))
    says(failing(f, np.ones(2)), "fails failed: broken")
    assert len(done) == 1


def test_lengths_that_are_computed_are_known():
    x, n = T.dvector("x"), T.lscalar("n")
    f = symgrad.function([x, n], T.exp(x).reshape((n * 2, -1)))
    says(failing(f, np.ones(5), 2), "reshape failed", "5 elements")


def test_an_input_may_be_any_variable():
    x, y, z = T.dvectors("x", "y", "z")
    middle = x + y
    f = symgrad.function([middle, z], T.exp(middle) * z)  # from the middle
    says(failing(f, np.ones(2), np.ones(3)), "mul failed", "@from the middle")


def test_failures_inside_a_loop_point_to_the_users_line():
    x = T.dvector("x")
    y = T.dvector("y")
    h = T.jacobian(T.tanh(x) ** 2 * (x + y), x)  # inner
    says(failing(symgrad.function([x, y], h), np.ones(2), np.ones(3)), "failed", "@inner")


def test_without_memory_nothing_more_is_computed():
    x = T.dmatrix("x")

    class Hungry(Op, register=False):
        calls = 0

        def infer(self, *types):
            return types[0]

        def impl(self, xp, x):
            type(self).calls += 1
            raise MemoryError("too much")

    f = symgrad.function([x], Hungry().make(x))
    error = failing(f, np.ones((2, 2)))
    says(error, "hungry failed: too much")
    assert isinstance(error.value, MemoryError)
    assert Hungry.calls == 1


def test_what_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(culprits, "_SECONDS", -1.0)
    x = T.dmatrix("x")
    f = symgrad.function([x], T.nlinalg.matrix_inverse(T.exp(x) * 0))
    error = failing(f, np.ones((2, 2)))
    says(error, "matrix_inverse failed", "ingular")
    assert isinstance(error.value, np.linalg.LinAlgError)
    monkeypatch.undo()
    says(failing(f, np.ones((2, 2))), "matrix_inverse failed", "Add a little to the diagonal")


def test_large_results_are_not_computed_again(monkeypatch):
    monkeypatch.setattr(culprits, "_BYTES", 100)
    x, i = T.dvector("x"), T.lvector("i")
    outer = x.dimshuffle(0, "x") * x
    f = symgrad.function([x, i], T.exp(outer)[i])
    index = np.full(100, 99)
    says(failing(f, np.ones(10), index), "index failed", "out of bounds")


def test_trusted_arguments_are_checked_after_a_failure():
    x = T.dmatrix("x")
    f = symgrad.function([x], T.dot(x, x.T).sum())
    f.trust_input = True
    says(failing(f, np.ones(3)), "input 1, x (float64 matrix)", "expected a float64 matrix")


def test_explain_tells_the_rest():
    def layer(x, w):
        return T.dot(x, w)  # the layer

    x, w = T.dmatrix("x"), symgrad.shared(np.zeros((4, 3)), "w")  # x and w
    y = layer(x, w)  # call of the layer
    f = symgrad.function([x], [T.exp(y).sum()], updates=[(w, w + y)], name="f")
    error = failing(f, np.full((2, 5), 0.5))
    says(error, "explain()")
    told = error.value.explain()
    for marker in ("the layer", "x and w", "call of the layer"):
        assert f"line {line_of(marker)}, in " in told
    assert "float64 of shape (2, 5), from 0.5 to 0.5" in told
    assert "needed for output 1: dot → exp → sum" in told
    assert "dot(x, w" in told.split("What ran")[1]
    assert repr(told) == str(told)
    again = pickle.loads(pickle.dumps(error.value))
    assert type(again) is symgrad.ShapeError
    assert "needed for output 1" in again.explain()
    assert str(again).splitlines()[0] == str(error.value).splitlines()[0]


def test_explain_counts_what_is_not_finite():
    x, i = T.dvector("x"), T.lscalar("i")
    f = symgrad.function([x, i], T.tanh(x)[i])
    told = failing(f, np.array([np.nan, 1.0, -1.0]), 7).value.explain()
    assert "1 NaN" in told


def test_eval_speaks_of_eval():
    x, y = T.dvector("x"), T.dvector("y")
    with pytest.raises(symgrad.MissingInputError) as error:
        (x + y).eval({x: [1.0]})
    says(error, "eval: y (float64 vector)", ".eval({variable: value, ...})")
    with pytest.raises(symgrad.ShapeError) as error:
        (x + y).eval({x: [1.0, 2.0], y: [1.0, 2.0, 3.0]})  # evaluated
    says(error, "eval(): add failed", "@evaluated")


def test_looking_for_what_failed_warns_of_nothing():
    v, n = T.dvector("v"), T.lscalar("n")
    position = 9 + n % (n - n)  # computed again to say what is out of range
    f = symgrad.function([v, n], v[position])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # an error would only end the explanation
        with pytest.raises(errors.IndexRangeError, match="index 9 is out of bounds"):
            f(np.zeros(3), 5)
    assert not caught


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
