"""`function`, its arguments as Theano's users write them, modes and `clone`."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad import (
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    ShapeError,
    UnusedInputError,
    clone,
    config,
    function,
    shared,
)

HERE = "test_functions.py"


# -- inputs ------------------------------------------------------------------------------------


def test_a_bare_variable_as_inputs_is_refused():
    x = T.dscalar("x")
    with pytest.raises(
        GraphTypeError, match=r"inputs must be a list, not a variable.*function\(\["
    ):
        function(x, x)


def test_inputs_may_be_a_tuple():
    x, y = T.dscalars("x", "y")
    assert function((x, y), x - y)(3, 1) == 2


def test_a_shared_variable_as_input_suggests_givens():
    w = shared(1.0, "w")
    with pytest.raises(GraphTypeError, match=rf"w is a shared variable.*givens(?s:.*){HERE}"):
        function([w], w * 2)


def test_a_constant_as_input_is_refused():
    with pytest.raises(GraphTypeError, match="the constant 2.0 cannot be an input"):
        function([T.constant(2.0)], 1.0)


def test_something_else_as_input_is_refused():
    with pytest.raises(GraphTypeError, match="must be a symbolic variable such as .*not 3"):
        function([3], T.constant(1.0))


def test_duplicate_inputs_are_refused():
    x = T.dscalar("x")
    with pytest.raises(GraphValueError, match=rf"x is in the inputs twice(?s:.*){HERE}"):
        function([x, x], x)


def test_an_intermediate_variable_may_be_an_input():
    x = T.dvector("x")
    y = T.exp(x)
    z = y * 2 + x.sum()
    f = function([y, x], z)
    np.testing.assert_array_equal(f([1, 2], [10, 20]), [32, 34])
    np.testing.assert_array_equal((y * 2).eval({y: [1.0, 2.0]}), [2, 4])
    with pytest.raises(MissingInputError, match="x .float64 vector. is needed"):
        function([y], z)


def test_missing_input_names_the_variable_its_user_and_its_line():
    x, y = T.dscalars("x", "y")
    with pytest.raises(
        MissingInputError, match=r"y \(float64 scalar\) is needed by \(x \+ y\).*"
    ) as e:
        function([x], T.exp(x + y))
    assert HERE in str(e.value)


@pytest.mark.parametrize("how", ["argument", "flag"])
def test_unused_input_raises_warns_or_is_ignored(how):
    x, y = T.dscalars("x", "y")

    def make(action):
        if how == "argument":
            return function([x, y], x, on_unused_input=action)
        with config.change_flags(on_unused_input=action):
            return function([x, y], x)

    with pytest.raises(UnusedInputError, match=rf"y \(float64 scalar\) is not used(?s:.*){HERE}"):
        make("raise")
    with pytest.warns(UserWarning, match="y .float64 scalar. is not used") as caught:
        make("warn")
    assert caught[0].filename.endswith(HERE)
    assert make("ignore")(1, 2) == 1


def test_an_input_below_another_input_is_unused():
    x = T.dscalar("x")
    y = x * 2
    with pytest.raises(UnusedInputError, match="x "):
        function([x, y], y + 1)


def test_unknown_action_for_unused_inputs():
    with pytest.raises(GraphValueError, match="on_unused_input='shout'"):
        function([], 1.0, on_unused_input="shout")


# -- outputs -----------------------------------------------------------------------------------


def test_structures_of_outputs():
    x = T.dscalar("x")
    assert isinstance(function([x], x)(1), np.ndarray)
    assert function([x], [x])(1) == [1]
    assert function([x], (x, x * 2))(1) == [1, 2]
    assert function([x], theano.Out(x, borrow=True))(1) == 1
    assert function([x], [theano.Out(x), x * 2])(1) == [1, 2]
    assert function([], [])() == []
    assert function([])() == []
    assert function([], None)() == []


def test_dict_outputs_come_back_sorted():
    x = T.dscalar("x")
    got = function([x], {"b": x * 2, "a": x})(1)
    assert list(got.items()) == [("a", 1), ("b", 2)]
    with pytest.raises(GraphTypeError, match="string keys, not 3"):
        function([x], {3: x})


def test_outputs_may_be_numbers_and_arrays():
    assert function([], [3, np.ones(2, "float32")])()[1].dtype == "float32"


def test_an_output_that_is_no_number_is_refused():
    with pytest.raises(GraphTypeError, match="an output"):
        function([], ["text"])


# -- updates -----------------------------------------------------------------------------------


class OrderedUpdates(collections.OrderedDict):
    """As Theano's scan returns them."""


@pytest.mark.parametrize(
    "form",
    [
        lambda a, b: [(a, b), (b, a + b)],
        lambda a, b: ((a, b), (b, a + b)),
        lambda a, b: [[a, b], [b, a + b]],
        lambda a, b: {a: b, b: a + b},
        lambda a, b: collections.OrderedDict([(a, b), (b, a + b)]),
        lambda a, b: OrderedUpdates({a: b, b: a + b}),
        lambda a, b: iter([(a, b), (b, a + b)]),
        lambda a, b: {a: b, b: a + b}.items(),
    ],
)
def test_updates_in_every_form_read_the_old_values(form):
    a, b = shared(0, "a"), shared(1, "b")
    f = function([], a, updates=form(a, b))
    assert [int(f()) for _ in range(7)] == [0, 1, 1, 2, 3, 5, 8]
    assert (a.get_value(), b.get_value()) == (13, 21)


def test_only_shared_variables_can_be_updated():
    x = T.dscalar("x")
    with pytest.raises(GraphTypeError, match=r"shared variables only, not x \(float64 scalar\)"):
        function([x], x, updates=[(x, x + 1)])
    with pytest.raises(GraphTypeError, match="shared variables only, not 'w'"):
        function([x], x, updates=[("w", x)])


@pytest.mark.parametrize("updates", [5, T.dscalar("x"), [3], [(1, 2, 3)], ["ab"]])
def test_updates_of_another_form_are_refused(updates):
    with pytest.raises(GraphTypeError, match="updates"):
        function([], [], updates=updates)


def test_one_variable_updated_twice_is_refused_and_so_is_its_clone():
    w = shared(1.0, "w")
    for other in (w, w.clone()):
        with pytest.raises(GraphValueError, match="updates changes w twice"):
            function([], [], updates=[(w, w + 1), (other, w + 2)])


def test_an_update_of_wider_dtype_names_where_it_came_from():
    w = shared(np.zeros(3, "float32"), "w")
    n = T.lscalar("n")
    with pytest.raises(GraphTypeError, match=r"update of w .* is float64.* comes from n ") as e:
        function([n], [], updates=[(w, w / n)])
    assert HERE in str(e.value)
    assert "T.cast(new, 'float32')" in str(e.value)


def test_an_update_of_another_rank_is_refused():
    w = shared(np.zeros(3), "w")
    with pytest.raises(GraphTypeError, match="of another rank. Is a sum or mean"):
        function([], [], updates=[(w, w.sum())])


def test_an_update_of_narrower_dtype_and_numbers_are_cast():
    w, n = shared(np.zeros(2), "w"), shared(0, "n")
    i = T.ivector("i")
    function([i], [], updates=[(w, i), (n, 7)])([1, 2])
    assert w.get_value().dtype == "float64"
    np.testing.assert_array_equal(w.get_value(), [1, 2])
    assert n.get_value() == 7


def test_an_update_may_change_the_shape_but_not_a_fixed_length():
    x = T.dmatrix("x")
    free = shared(np.zeros((1, 2)), "free")
    row = shared(np.zeros((1, 2)), "row", broadcastable=(True, False))
    f = function([x], [], updates=[(free, x), (row, x)])
    f(np.ones((1, 5)))
    assert row.get_value().shape == free.get_value().shape == (1, 5)
    with pytest.raises(ShapeError, match=r"update of row .*\(2, 5\), expected length 1 in dim"):
        f(np.ones((2, 5)))
    assert free.get_value().shape == (1, 5), "all or nothing"


def test_an_update_nothing_else_uses():
    w = shared(1.0, "w")
    x = T.dscalar("x")
    assert function([x], x * 2, updates={w: x})(4) == 8
    assert w.get_value() == 4


# -- default updates ---------------------------------------------------------------------------


def counters():
    a, b, c = shared(0, "a"), shared(0, "b"), shared(0, "c")
    a.default_update = a + 1
    b.default_update = b + a  # brings a with it
    return a, b, c


def values(*variables):
    return tuple(int(v.get_value()) for v in variables)


def test_default_updates_follow_each_other():
    a, b, c = counters()
    f = function([], c + b)
    f()
    f()
    assert values(a, b) == (2, 1)


def test_no_default_updates():
    a, b, _ = counters()
    function([], b, no_default_updates=True)()
    assert values(a, b) == (0, 0)
    function([], [a, b], no_default_updates=[b])()
    assert values(a, b) == (1, 0)
    with pytest.raises(GraphTypeError, match="no_default_updates must be True, False or a list"):
        function([], b, no_default_updates=b)


def test_an_update_given_replaces_the_default():
    a, _, _ = counters()
    function([], a, updates=[(a, a + 10)])()
    assert values(a) == (10,)


def test_a_default_update_in_an_update():
    a, _, c = counters()
    function([], [], updates=[(c, c + a + 5)])()
    assert values(a, c) == (1, 5)


def test_givens_reach_into_default_updates():
    a, b, _ = counters()
    x = T.lscalar("x")
    function([x], b, givens={a: x})(7)
    assert values(a, b) == (0, 7)


# -- givens ------------------------------------------------------------------------------------


def test_givens_forms():
    x, y = T.dscalars("x", "y")
    out = x * 10 + y
    for givens in ({x: y}, [(x, y)], ((x, y),), [[x, y]], collections.OrderedDict({x: y})):
        assert function([y], out, givens=givens)(2) == 22
    assert function([y], out, givens={x: 3})(2) == 32
    assert function([y], out, givens={x: 3.0})(2) == 32
    assert function([y], out, givens={x: np.float32(3)})(2) == 32
    v = T.fvector("v")
    got = function([], v * 2, givens={v: np.ones(2, "float32")})()
    assert got.dtype == "float32"


def test_givens_of_an_object():
    box = shared({"a": 1})
    assert function([], box, givens={box: [1, 2]})() == [1, 2]
    np.testing.assert_array_equal(function([], box, givens={box: np.ones(2)})(), [1, 1])
    with pytest.raises(GraphTypeError, match="givens for v .float64 vector.: got .*'word'"):
        function([], T.dvector("v"), givens=[(T.dvector("v"), "word")])


def test_givens_a_slice_of_a_cast_shared_variable():
    data = shared(np.arange(10, dtype="float32"), "data")
    index, y = T.lscalar("index"), T.ivector("y")
    f = function([index], y, givens={y: T.cast(data, "int32")[index * 2 : (index + 1) * 2]})
    np.testing.assert_array_equal(f(2), [4, 5])


def test_givens_of_intermediate_and_shared_variables():
    x = T.dscalar("x")
    middle = x * 2
    w = shared(100.0, "w")
    assert function([x], T.sqr(middle) + w, givens={middle: x + 1, w: x})(3) == 19


def test_givens_of_a_variable_by_itself_changed():
    x = T.dscalar("x")
    assert function([x], x * 2, givens={x: x + 1})(3) == 8


def test_givens_apply_to_updates():
    x, y = T.dscalars("x", "y")
    w = shared(0.0, "w")
    function([y], [], updates=[(w, w + x)], givens={x: y * 2})(4)
    assert w.get_value() == 8


def test_givens_that_depend_on_each_other_are_refused():
    x, y = T.dscalars("x", "y")
    with pytest.raises(GraphValueError, match="depends on y, which is replaced too"):
        function([], x, givens={x: y + 1, y: 2.0})


def test_a_replacement_has_the_lengths_that_were_known():
    """The mean was built as a sum over 2: of four numbers it would be wrong."""
    known, v = T.zeros((2,)) + 1, T.dvector("v")
    for f in (
        function([v], theano.clone(known.mean(), replace={known: v})),
        function([v], known.mean(), givens={known: v}),
    ):
        assert f([1.0, 2.0]) == 1.5
        with pytest.raises(theano.ShapeError, match="has length 4, not 2"):
            f([1.0, 2.0, 3.0, 6.0])


def test_givens_of_another_type():
    x, y = T.dvector("x"), T.fvector("y")
    with pytest.raises(GraphTypeError, match="givens: x is a float64 vector.*y is a float32"):
        function([y], x, givens={x: y})
    assert function([y], x * 2, givens={x: y}, rebuild_strict=False)([1]).dtype == "float64"
    with pytest.raises(GraphTypeError, match="float64 scalar"):
        function([], x, givens={x: T.constant(1.0)}, rebuild_strict=False)
    with pytest.raises(GraphTypeError, match="must map variables, not 'x'"):
        function([y], y, givens={"x": y})
    with pytest.raises(GraphValueError, match="replaces x twice"):
        function([], x, givens=[(x, np.ones(1)), (x, np.ones(1))])


@pytest.mark.parametrize(
    "built",
    [lambda c: T.cast(c, "float32"), lambda c: c[0] ** c[1], lambda c: c.mean(), lambda c: c + 1],
)
def test_a_constant_is_not_replaced(built):
    """What was built on it may have used its value or length at once: the result would be wrong."""
    c, x = T.constant([1.0, 2.0]), T.dvector("x")
    with pytest.raises(GraphTypeError, match=r"\[1.0, 2.0\] is a constant and cannot be replaced"):
        theano.clone(built(c), replace={c: x})
    with pytest.raises(GraphTypeError, match="givens: .* is a constant"):
        function([x], built(c), givens={c: x})
    assert theano.clone(built(x), replace={x: c}).eval().dtype == built(c).eval().dtype


# -- names and modes ---------------------------------------------------------------------------


def test_name_defaults_to_where_the_function_was_made():
    f = function([], 1.0)
    assert f.name.startswith(f"{HERE}:")
    assert function([], 1.0, name="train").name == "train"
    with pytest.raises(GraphTypeError, match="name must be a string"):
        function([], 1.0, name=3)


def test_modes():
    from symgrad.compile.modes.mode import FAST_COMPILE, FAST_RUN, Mode, get_default_mode, get_mode

    x = T.dscalar("x")
    chosen = [None, "FAST_RUN", "FAST_COMPILE", "Mode", FAST_RUN, FAST_COMPILE, Mode()]
    chosen += [Mode(linker="py", optimizer=o) for o in (None, "None", "fast_compile", "o4")]
    chosen += [get_default_mode().including("fusion").excluding("inplace").requiring("merge")]
    for mode in chosen:
        assert function([x], x * 1 + x * 1, mode=mode)(3) == 6
    assert get_mode("FAST_RUN") is get_default_mode()
    assert len(function([x], (x + 1) * 1, mode="FAST_RUN").maker.fgraph.toposort()) == 1
    assert len(function([x], (x + 1) * 1, mode="FAST_COMPILE").maker.fgraph.toposort()) == 2
    with config.change_flags(mode="FAST_COMPILE"):
        assert len(function([x], (x + 1) * 1).maker.fgraph.toposort()) == 2
    with config.change_flags(optimizer="None"):
        assert len(function([x], (x + 1) * 1).maker.fgraph.toposort()) == 2


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("FAST_RUM", "not known; expected FAST_RUN.*Did you mean 'FAST_RUN'"),
        ("nan-gard", "Did you mean 'nan-guard'"),
        (3, "must be a name or a Mode, not 3"),
    ],
)
def test_other_modes_are_refused(mode, message):
    with pytest.raises((GraphTypeError, GraphValueError), match=message):
        function([], 1.0, mode=mode)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(GraphValueError, match="optimizer='fast_rum'.*Did you mean 'fast_run'"):
        theano.compile.Mode(optimizer="fast_rum")


def test_a_mode_counts_the_time_of_calls():
    x = T.dvector("x")
    mode = theano.compile.Mode()
    f = function([x], T.exp(x), mode=mode)
    f(np.zeros(1000))
    assert 0 < mode.call_time < 5
    default = theano.compile.mode.get_default_mode()
    before = default.call_time
    function([x], x)([1])
    assert default.call_time > before


# -- eval and clone ----------------------------------------------------------------------------


def test_eval():
    x, y = T.dscalars("x", "y")
    assert (x + y).eval({x: 1, y: 2}) == 3
    assert T.constant(2.0).eval() == 2
    assert (shared(3.0) * 2).eval() == 6
    with pytest.raises(MissingInputError):
        (x + y).eval({x: 1})
    with pytest.raises(GraphTypeError, match="keys must be variables, not 'x'"):
        x.eval({"x": 1})
    with pytest.raises(GraphTypeError, match="expected a dict"):
        x.eval([1])


def test_clone_replaces_and_shares():
    x, y = T.dscalars("x", "y")
    w = shared(5.0, "w")
    out = x * 2 + w
    assert clone(out, {x: y}).eval({y: 1}) == 7
    assert clone(out, [(x, y)]).eval({y: 1}) == 7
    assert clone([out, x], replace={x: y})[1] is y
    assert clone(out, {w: y}).eval({x: 1, y: 2}) == 4
    z = T.fscalar("z")
    with pytest.raises(GraphTypeError, match="clone: x is a float64 scalar"):
        clone(out, {x: z})
    assert clone(out, {x: z}, strict=False).eval({z: 1}) == 7
    with pytest.raises(GraphTypeError, match="clone: expected a variable"):
        clone(3)


def test_clone_without_sharing_inputs():
    x = T.dscalar("x")
    copy = clone(x * 2, share_inputs=False)
    with pytest.raises(MissingInputError):
        function([x], copy)


def test_compiling_leaves_the_warnings_alone():
    x = T.dvector("x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(T.log(x).eval({x: [0.0, 1.0]}), [-np.inf, 0])


def test_a_long_chain_compiles_runs_and_is_freed():
    x = y = T.dvector("x")
    for _ in range(3000):
        y = y + 1
    np.testing.assert_array_equal(function([x], y, mode="FAST_COMPILE")([0.5]), [3000.5])
