"""The NaN guard names who made a NaN, and keeps silent where it does not count."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import symgrad
import symgrad as theano
import symgrad.tensor as T
from symgrad.compile.modes.nanguardmode import NanGuardError, NanGuardMode
from symgrad.errors import GraphValueError
from symgrad.ops.control.loops import map_over

HERE = Path(__file__).name
NAN, INF = np.nan, np.inf


@pytest.fixture
def x():
    return T.dvector("x")


def guarded(inputs, outputs, mode="nan-guard", **settings):
    return symgrad.function(inputs, outputs, mode=mode, name="f", **settings)


def complaint(f, *args):
    with pytest.raises(NanGuardError) as caught:
        f(*args)
    return caught.value


# -- what is found -------------------------------------------------------------------------------


def test_the_first_operation_its_inputs_and_the_line(x):
    y = T.log(x)
    f = guarded([x], (T.sqrt(y) + 1).sum())
    error = complaint(f, [2.0, 0.5, 0.25])
    assert isinstance(error, AssertionError)  # as Theano's
    text = str(error)
    assert text.startswith("f(): sqrt made 2 NaN, out of 3 elements. Its argument is negative")
    assert f'{HERE}", line' in text
    assert "f = guarded([x], (T.sqrt(y) + 1).sum())" in text
    assert "log(x): float64 of shape (3,), from -1.38629 to 0.693147, made at" in text
    assert "result: float64 of shape (3,), from 0.832555 to 0.832555, 2 NaN" in text
    assert "sqrt(-0.693147) = nan at [1]" in text
    assert len(text.splitlines()) <= 12
    assert "It is needed for output 1: sqrt → add → sum" in error.explain()


@pytest.mark.parametrize(
    ("make", "value", "expected"),
    [
        (T.log, 0.0, "log made 1 infinity"),
        (T.log, -1.0, "log made 1 NaN"),
        (T.exp, 1000.0, "exp made 1 infinity"),
        (T.exp, 30.0, "exp made 1 number above 1e10"),
        (lambda v: 1 / v, 0.0, "true_div made 1 infinity"),
        (lambda v: T.cast(v, "float32"), 1e9, None),
        (lambda v: T.cast(v * 1e9, "float16"), 0.001, "cast made 1 infinity"),
        (lambda v: T.dot(v, v), 1e6, "dot made 1 number above 1e10"),
        (lambda v: (v - 1) / (v - 1), 1.0, "true_div made 1 NaN"),
        (T.arccos, 2.0, "arccos made 1 NaN"),
    ],
)
def test_each_kind(x, make, value, expected):
    f = guarded([x], make(x))
    if expected is None:
        f([value])
    else:
        assert f"f(): {expected}." in complaint(f, [value]).message


@pytest.mark.parametrize(("value", "word"), [(NAN, "1 NaN"), (INF, "1 infinity"), (1e11, "1 num")])
def test_an_input_that_holds_it_already(x, value, word):
    f = guarded([x], T.exp(-x).sum())
    text = str(complaint(f, [1.0, value]))
    assert f"f(): the input x holds {word}" in text
    assert "the first is at [1]" in text
    assert "used first by neg" in text


def test_a_shared_variable_that_holds_it_already(x):
    w = symgrad.shared(np.array([1.0, NAN]), "w")
    text = str(complaint(guarded([x], T.dot(w, x)), [1.0, 2.0]))
    assert "the shared variable w holds 1 NaN" in text
    assert "set_value" in text


def test_a_constant_may_hold_infinities_but_no_nan(x):
    f = guarded([x], T.switch(x > 0, x, -INF))
    np.testing.assert_array_equal(f([1.0, -1.0]), [1.0, -INF])
    assert "the constant" in complaint(guarded([x], x + T.constant([NAN])), [1.0]).message


def test_a_softmax_with_masked_scores_is_fine_until_all_are_masked():
    x = T.dmatrix("x")
    f = guarded([x], T.nnet.softmax(T.switch(x > 0, x, -INF)))
    np.testing.assert_allclose(f([[1.0, -1.0]]), [[1.0, 0.0]])
    assert "softmax made 2 NaN" in complaint(f, [[-1.0, -1.0]]).message


def test_in_a_gradient(x):
    cost = T.switch(x > 0, T.log(x), 0).sum()
    f = guarded([x], [cost, T.grad(cost, x)])
    for unused in (-1.0, 0.0):
        np.testing.assert_allclose(f([2.0, unused])[1], [0.5, 0.0])
    masked = guarded([x], T.grad(((x > 0) * T.log(x)).sum(), x))
    message = complaint(masked, [2.0, 0.0]).message
    assert "true_div in the gradient of this line made 1 NaN" in message
    some = T.log(x)[1:].sum()
    both = guarded([x], [some, T.grad(some, x)])
    assert "T.switch(c, T.log(T.switch(c, x, 1)), 0)" in complaint(both, [0.0, 2.0]).message
    norm = guarded([x], T.grad(T.sqrt((x * x).sum()), x))
    assert "T.sqrt(x + 1e-12)" in complaint(norm, [0.0, 0.0]).message


def test_an_operation_with_several_results():
    x = T.dmatrix("x")
    big = np.full((2, 2), 9e9)
    for several in (T.nlinalg.svd(x), T.nlinalg.eigh(x)):
        for result in (several[0], several[1]):
            f = guarded([x], result)
            if abs(f.recipe.results[0].eval({x: big})).max() < 1e10:
                f(big)
            else:
                assert f"{several[0].inputs[0].op.name} made 1 number" in complaint(f, big).message


# -- what does not count -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "masked",
    [
        lambda x: T.switch(x > 0, T.log(x), 0),
        lambda x: T.switch(x > 0, x * T.log(x) + 1, 0).sum(),
        lambda x: T.where(x > 0, 1 / T.sqrt(x), 0).mean(),
        lambda x: T.switch(x <= 0, 0, T.log(x).dimshuffle(0, "x")[:, 0]),
        lambda x: T.switch(x > 0, T.stack([T.log(x), x])[0], 0),
        lambda x: T.switch(x > 0, T.concatenate([x, T.log(x)])[3:], 0),
        lambda x: T.switch(x > 0, T.log(x).reshape((3, 1)).flatten(), 0),
        lambda x: T.switch(x > 0, T.log(x)[::-1][::-1], 0),
        lambda x: T.log(x)[T.gt(x, 0).nonzero()],
        lambda x: T.log(x)[:1],
        lambda x: T.maximum(T.log(x), -100)[:2],
        lambda x: T.clip(1 / x, -5, 5),
        lambda x: T.set_subtensor(T.log(x)[1:], 0),
        lambda x: T.switch(x > 0, T.log(x).dimshuffle("x", 0).sum(axis=0), 0),
        lambda x: T.switch(x > 0, T.stack([T.log(x), x]).sum(axis=0), 0),
        lambda x: T.choose(T.cast(x > 0, "int64"), [T.zeros_like(x), T.log(x)]),
        lambda x: T.switch(T.isnan(T.log(x)) | T.isinf(T.log(x)), 0, T.log(x)),
        lambda x: T.switch(T.eq(T.sqrt(x), T.sqrt(x)), T.sqrt(x), 0),
        lambda x: T.zeros_like(T.log(x)),
        lambda x: x + T.log(x).shape[0],
        lambda x: T.log(x)[T.argmax(x)],
        lambda x: T.switch((x > 0).all(), T.log(x), 0),
        lambda x: T.switch(x > 0, T.tile(T.log(x), 2)[:3], 0),
        lambda x: T.switch(x > 0, T.roll(T.log(T.roll(x, 1)), -1), 0),
        lambda x: T.switch(x > 0, T.repeat(T.log(x), 2)[::2], 0),
    ],
)
def test_branches_that_were_not_taken(x, masked):
    values = [2.0, 0.0, -1.0]
    result = guarded([x], masked(x))(values)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, symgrad.function([x], masked(x))(values))


def test_of_a_choice_only_what_was_chosen_counts(x):
    f = guarded([x], T.switch(x > 1, T.log(x), T.sqrt(x)))
    np.testing.assert_allclose(f([2.0, 0.0]), [np.log(2), 0.0])
    error = complaint(f, [2.0, -1.0])
    assert "sqrt made 1 NaN, out of 2" in error.message
    assert "log" not in error.message.split(".")[0]


def test_a_nan_that_multiplication_with_zero_should_hide(x):
    assert "log made 1 NaN" in complaint(guarded([x], T.log(x) * T.gt(x, 0)), [1.0, -1.0]).message


def test_what_stabilisation_saves_is_no_finding():
    z = T.dmatrix("z")
    p = T.exp(z) / T.exp(z).sum(axis=1, keepdims=True)
    cost = -T.log(p).sum()
    f = guarded([z], [cost, T.grad(cost, z)])
    assert np.isfinite(f([[0.0, 800.0]])[0])


def test_infinities_on_the_way_may_be_allowed(x):
    y = T.exp(-1 / x**2)
    assert "infinity" in complaint(guarded([x], y), [0.0]).message
    assert guarded([x], y, NanGuardMode(True, False, False))([0.0]) == 0


def test_uninitialised_memory_is_not_looked_at(x):
    f = guarded([x], (T.tanh(T.dot(T.outer(x, x), x)) * x).sum())
    for _ in range(3):  # scratch memory holds what an earlier call, or nobody, left there
        trash = [np.full(50, NAN) for _ in range(20)]
        del trash
        assert np.isfinite(f(np.ones(50)))


# -- loops ---------------------------------------------------------------------------------------


def over(body, sequence, *, summed=False):
    element = T.dscalar("e")
    (result,) = map_over([element], [body(element)], [sequence], summed=[summed])
    return result


def test_the_round_of_a_loop(x):
    w = T.dscalar("w")
    f = guarded([x, w], over(lambda e: T.log(e) * w, x))
    np.testing.assert_allclose(f([1.0, 2.0], 1.0), [0.0, np.log(2)])
    error = complaint(f, [1.0, 2.0, 0.0, 0.0], 1.0)
    assert error.message.startswith("f(): log made 1 infinity, in round 2 of the loop.")
    assert "T.log(e) * w" in str(error)
    assert "the input w holds 1 NaN" in complaint(f, [1.0], NAN).message
    assert "the input x holds 1 NaN" in complaint(f, [1.0, NAN], 1.0).message
    assert f([], 1.0).shape == (0,)


@pytest.mark.parametrize("summed", [False, True])
def test_branches_that_were_not_taken_in_a_loop(x, summed):
    f = guarded([x], over(lambda e: T.switch(e > 0, T.log(e), 0), x, summed=summed))
    assert np.isfinite(f([1.0, 0.0, -1.0])).all()
    f = guarded([x], over(lambda e: T.switch(T.isnan(e), 0, e), x, summed=summed))
    assert np.isfinite(f([1.0, NAN])).all()


def test_rounds_whose_results_are_not_used(x):
    f = guarded([x], over(T.log, x)[::2])
    np.testing.assert_allclose(f([1.0, 0.0, 2.0]), [0.0, np.log(2)])
    assert "round 2" in complaint(f, [1.0, 1.0, 0.0]).message


def test_a_loop_in_a_loop():
    x = T.dmatrix("x")
    row = T.dvector("row")
    (result,) = map_over([row], [over(T.log, row)], [x])
    f = guarded([x], result)
    assert (
        "in round 1 of the loop, in round 0 of the loop"
        in complaint(f, [[1.0, 2.0], [0.0, 1.0]]).message
    )


def test_a_jacobian(x):
    f = guarded([x], T.jacobian(T.sqrt(x) * x, x))
    np.testing.assert_allclose(f([1.0, 4.0]), np.diag([1.5, 3.0]))
    assert "the gradient of this line" in complaint(f, [1.0, 0.0]).message


# -- functions in this mode ----------------------------------------------------------------------


def training(mode):
    x, y = T.dmatrix("x"), T.dvector("y")
    w = symgrad.shared(np.zeros(3), "w")
    error = T.dot(x, w) - y
    cost = (error**2).mean()
    step = symgrad.function(
        [x], cost, updates=[(w, w - 0.1 * T.grad(cost, w))], givens={y: x.sum(axis=1)}, mode=mode
    )
    return step, w


def test_updates_and_givens_give_the_same_as_ever():
    data = np.random.default_rng(0).normal(size=(5, 3))
    (plain, w), (step, v) = training("FAST_RUN"), training("nan-guard")
    for _ in range(3):
        assert plain(data) == step(data)
    np.testing.assert_array_equal(w.get_value(), v.get_value())


def test_no_update_happens_where_it_raises():
    step, w = training("nan-guard")
    before = w.get_value()
    complaint(step, [[1.0, 2.0, INF]])
    np.testing.assert_array_equal(w.get_value(), before)
    step([[1.0, 2.0, 3.0]])
    assert (w.get_value() != before).any()


def test_an_update_that_is_not_finite(x):
    w = symgrad.shared(np.ones(2), "w")
    f = guarded([x], [], updates=[(w, -(w / x))])
    error = complaint(f, [1.0, 0.0])
    assert "true_div made 1 infinity" in error.message
    assert "It is needed for the update of w: true_div → neg" in error.explain()
    np.testing.assert_array_equal(w.get_value(), [1.0, 1.0])


def test_several_outputs_a_dict_and_keywords(x):
    f = guarded([x], {"a": x + 1, "b": T.log(x)})
    assert sorted(f(x=[1.0])) == ["a", "b"]
    assert "log made 1 NaN" in complaint(f, [-1.0]).message


def test_an_input_that_is_an_expression(x):
    y = T.log(x)
    f = guarded([y], y * 2)
    np.testing.assert_array_equal(f([1.0]), [2.0])
    assert "the input" in complaint(f, [NAN]).message


def test_other_errors_are_as_ever(x):
    y = T.dvector("y")
    f = guarded([x, y], x + y)
    with pytest.raises(symgrad.errors.ShapeError):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError):
        f("no", [1.0])


def test_printing_happens_once(x, capsys):
    f = guarded([x], T.log(symgrad.printing.Print("x")(x)))
    f([1.0])
    assert capsys.readouterr().out.count("x __str__") == 1


@pytest.mark.parametrize("again", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_are_guarded_too(x, again):
    f = again(guarded([x], T.log(x), NanGuardMode(True, False, False)))
    assert f([0.0]) == -INF
    assert "log made 1 NaN" in complaint(f, [-1.0]).message


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["nan-guard", "NanGuardMode", NanGuardMode(True, True, True)])
def test_names_of_the_mode(x, mode):
    complaint(guarded([x], T.log(x), mode), [-1.0])


def test_theanos_import_path(x):
    mode = theano.compile.nanguardmode.NanGuardMode(
        nan_is_error=True, inf_is_error=True, big_is_error=True
    )
    with pytest.raises(AssertionError):
        theano.function([x], T.log(x), mode=mode)([-1.0])
    assert theano.compile.NanGuardMode is NanGuardMode


def test_config(x):
    with symgrad.config.change_flags({"mode": "nan-guard", "NanGuardMode.inf_is_error": False}):
        f = guarded([x], T.log(x), None)
    assert f([0.0]) == -INF
    with symgrad.config.change_flags({"NanGuardMode.action": "warn"}):
        f = guarded([x], T.log(x))
    with pytest.warns(UserWarning, match="log made 1 NaN"):
        assert np.isnan(f([-1.0])).all()


def test_a_warning_lets_updates_happen():
    w = symgrad.shared(1.0, "w")
    f = guarded([], [], NanGuardMode(action="warn"), updates=[(w, T.log(w - 1))])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f()
    assert Path(caught[0].filename).name == HERE
    assert w.get_value() == -INF


def test_including_keeps_what_is_looked_for(x):
    mode = NanGuardMode(True, False, False).including("fusion").excluding("inplace")
    assert guarded([x], T.log(x), mode)([0.0]) == -INF


def test_bad_settings_are_refused():
    with pytest.raises(GraphValueError, match="nothing to look for"):
        NanGuardMode(False, False, False)
    with pytest.raises(GraphValueError, match="action='explode'; expected"):
        NanGuardMode(action="explode")


def test_a_long_chain(x):
    y = x
    for _ in range(20_000):
        y = T.tanh(y)
    f = guarded([x], T.log(y), "nan-guard")
    assert "log made 1 infinity" in complaint(f, [0.0]).message


@pytest.mark.parametrize(
    ("cost", "values", "says"),
    [
        (lambda x: T.log(x).sum(), [0.0, 2.0], "slope of this line is infinite"),
        (lambda x: T.sqrt(x).sum(), [0.0, 2.0], "slope of this line is infinite"),
        (lambda x: (T.log(x) * 2 + x).mean(), [0.0, 2.0], "slope of this line is infinite"),
        (lambda x: (1e-3 / x).sum(), [1e-320, 2.0], "does not fit"),
        (lambda x: T.log(x)[1:].sum(), [0.0, 2.0], "slope of this line is infinite"),
    ],
)
def test_a_gradient_alone_has_no_branch_that_was_not_taken(cost, values, says):
    x = T.dvector("x")
    message = complaint(guarded([x], T.grad(cost(x), x)), values).message
    assert "T.switch(c" not in message
    assert says in message


@pytest.mark.parametrize(
    ("result", "values", "says"),
    [
        (lambda x, y: x**y, [-1.0, 0.5], "no fractional power"),
        (lambda x, y: x**y, [0.0, -1.0], "zero no negative one"),
        (lambda x, y: x**y, [1e9, 200.0], "does not fit"),
        (lambda x, y: x**y, [-1e9, 201.0], "does not fit"),
        (lambda x, y: x / y, [1.0, 0.0], "divides by zero"),
        (lambda x, y: x / y, [1e9, 1e-305], "does not fit"),
        (lambda x, y: x % y, [1.0, 0.0], "divides by zero"),
    ],
)
def test_what_is_said_is_true_of_the_operands(result, values, says):
    x, y = T.dscalars("x", "y")
    assert says in complaint(guarded([x, y], result(x, y)), *values).message
