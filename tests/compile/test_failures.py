"""Why a call failed: the operation, the operands and the line that the user wrote."""

import pickle
import warnings

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import errors
from symgrad.compile import culprits
from symgrad.ops.op import Op
from tests.said import line_of, marked, says


def failing(f, *args):
    with pytest.raises(symgrad.SymgradError) as error:
        f(*args)
    return error


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


# -- failures of what was compiled ---------------------------------------------------------------


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
