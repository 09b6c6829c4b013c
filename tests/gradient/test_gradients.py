"""grad: conventions, connectedness, arguments, errors."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import (
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    NullTypeGradError,
)
from symgrad.gradient import (
    DisconnectedType,
    disconnected_grad,
    undefined_grad,
    verify_grad,
)
from symgrad.graph.types import tensor_type
from symgrad.graph.walk import toposort
from symgrad.ops.op import NullGrad, Op


def value(expr, given=None):
    return symgrad.function(list(given or {}), expr, on_unused_input="ignore")(
        *(given or {}).values()
    )


def slope(f, *points):
    """Gradients of a sum over f at points (float64 vectors)."""
    variables = [T.dvector() for _ in points]
    grads = T.grad(T.sum(f(*variables)), variables)
    return [g.tolist() for g in symgrad.function(variables, grads)(*points)]


# -- conventions at ties, kinks and integers ---------------------------------------------------


def test_tie_of_maximum_and_minimum_goes_to_the_first():
    assert slope(T.maximum, [1.0, 2.0], [1.0, 1.0]) == [[1, 1], [0, 0]]
    assert slope(T.minimum, [1.0, 2.0], [1.0, 1.0]) == [[1, 0], [0, 1]]


def test_max_and_min_go_to_every_tied_element():
    assert slope(T.max, [1.0, 3.0, 3.0]) == [[0, 1, 1]]
    assert slope(T.min, [1.0, 1.0, 3.0]) == [[1, 1, 0]]


def test_abs_is_flat_at_zero():
    assert slope(abs, [-2.0, 0.0, 2.0]) == [[-1, 0, 1]]


def test_relu_is_half_at_zero():
    assert slope(T.nnet.relu, [-2.0, 0.0, 2.0]) == [[0, 0.5, 1]]


def test_clip_passes_at_both_bounds():
    assert slope(lambda x: T.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0]) == [[0, 1, 1, 1, 0]]


@pytest.mark.parametrize(
    "flat",
    [
        lambda x: x // 2,
        T.round,
        T.sgn,
        T.ceil,
        T.floor,
        T.trunc,
        lambda x: T.cast(x > 0, "float64"),
        lambda x: T.cast(T.cast(x, "int32"), "float64"),
        lambda x: T.cast(T.argmax(x), "float64"),
    ],
    ids=["//", "round", "sgn", "ceil", "floor", "trunc", ">", "cast", "argmax"],
)
def test_discrete_results_are_connected_with_zero_gradient(flat):
    assert slope(flat, [-1.5, 0.0, 3.0]) == [[0, 0, 0]]


def test_condition_of_switch_gets_zero():
    assert slope(T.switch, [1.0, 0.0], [2.0, 2.0], [3.0, 3.0]) == [[0, 0], [1, 0], [0, 1]]


def test_power_at_zero_is_finite():
    base, exponent = slope(lambda a, b: a**b, [0.0, 0.0, 2.0], [2.0, 0.0, 3.0])
    assert base == [0, 0, 12]
    np.testing.assert_allclose(exponent, [0, 0, 8 * np.log(2)])


@pytest.mark.parametrize(
    ("make", "expected"),
    [  # of i = [3, 4] and v = [1, 2]; Theano's answers
        (lambda i, v: i * v, [1, 2]),
        (lambda i, v: T.exp(i * v), [np.exp(3), 2 * np.exp(8)]),
        (lambda i, v: i * 1.0, [1, 1]),
        (lambda i, v: T.sqrt(i), [0.5 / np.sqrt(3), 0.25]),
        (lambda i, v: i / (i + 1), [0.25, 0.2]),
        (lambda i, v: i**2.0, [6, 8]),
        (lambda i, v: v**i, [0, 16 * np.log(2)]),
        (lambda i, v: T.switch(v > 1, i, v), [0, 1]),
        (lambda i, v: T.maximum(i, v), [1, 1]),
        (lambda i, v: T.dot(i, v), [1, 2]),
        (lambda i, v: T.dot(T.outer(v, v), i), [3, 6]),
        (lambda i, v: T.concatenate([v, i]), [1, 1]),
        (lambda i, v: T.set_subtensor(v[:1], i[1:]), [0, 0]),
        (lambda i, v: T.set_subtensor(v[:2], i), [1, 1]),
        (lambda i, v: i * T.outer(v, v), [3, 6]),
        (lambda i, v: T.cast(i, "float64").norm(2), [0.6, 0.8]),
        (lambda i, v: T.nnet.softmax(T.stack([i, 2 * v]))[0], [0, 0]),
        (lambda i, v: T.jacobian(i**2.0, i), [2, 2]),
        (lambda i, v: i * T.log(i), 1 + np.log([3, 4])),
        # an operation whose result is an integer is a step
        (lambda i, v: i * i * v, [0, 0]),
        (lambda i, v: i.sum() * v, [0, 0]),
        (lambda i, v: (i // 2) * v, [0, 0]),
        (lambda i, v: T.argmax(i) * v, [0, 0]),
        (lambda i, v: T.cast(i, "int32") * v, [0, 0]),
        (lambda i, v: i[::-1] * v, [0, 0]),
        (lambda i, v: T.gt(i, 2) * v, [0, 0]),
    ],
)
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8"])
def test_integers_as_real_variables(make, expected, dtype):
    i, v = T.vector("i", dtype=dtype), T.dvector("v")
    g = T.grad(T.sum(make(i, v)), i)
    f = symgrad.function([i, v], g, on_unused_input="ignore")
    got = f(np.array([3, 4], dtype), [1.0, 2.0])
    assert g.dtype in ("float64", "float32")  # sqrt of int8 is float32
    np.testing.assert_allclose(got, expected, rtol=1e-6 if g.dtype == "float32" else 1e-12)


def test_integers_in_the_middle_and_beside_float32():
    i, f = T.lvector("i"), T.fvector("f")
    k = 2 * i
    through, beyond = T.grad(T.sum(k * f), [k, i])
    assert through.dtype == "float64"
    values = {i: [1, 2], f: [3.0, 4.0]}
    np.testing.assert_array_equal(through.eval(values), [3, 4])
    np.testing.assert_array_equal(value(beyond, values), [0, 0])
    b = T.bvector("b")
    assert T.grad(T.sum(b * f), b).dtype == "float32"
    with symgrad.config.change_flags(floatX="float32"):
        assert T.grad(T.sum(i // 2 * f), i).dtype == "float32"
    both = T.grad(T.sum(b * f) + T.sum(b * T.cast(f, "float64")), b)
    np.testing.assert_array_equal(both.eval({b: [1, 1], f: [3.0, 4.0]}), [6, 8])


def test_an_integer_cost_is_refused():
    i = T.lvector("i")
    with pytest.raises(GraphTypeError, match="must be real floating-point"):
        T.grad(i.sum(), i)


# -- dtypes and shapes -------------------------------------------------------------------------


def test_gradient_has_the_dtype_of_what_it_belongs_to():
    w, n = T.fmatrix("w"), T.lscalar("n")
    cost = T.sum(T.tanh(w) / n)
    assert cost.dtype == "float64"  # float32 / int64
    g = T.grad(cost, w)
    assert g.dtype == "float32"
    shared = symgrad.shared(np.ones((2, 2), "float32"), "shared")
    step = symgrad.function(
        [n], [], updates=[(shared, shared - T.grad(T.sum(shared**2) / n, shared))]
    )
    step(2)
    np.testing.assert_array_equal(shared.get_value(), np.zeros((2, 2)))


@given(st.lists(st.sampled_from([1, 2, 3]), min_size=0, max_size=3), st.data())
def test_broadcast_gradients_have_the_shape_of_what_they_belong_to(shape, data):
    mine = [1 if data.draw(st.booleans()) else n for n in shape]
    mine = mine[data.draw(st.integers(0, len(mine))) :]
    x, y = (
        T.TensorType("float64", (None,) * len(mine))("x"),
        T.tensor("float64", (None,) * len(shape)),
    )
    gx, gy = T.grad(T.sum(T.exp(x) * y + x), [x, y])
    a, b = np.full(mine, 0.5), np.full(shape, 2.0)
    have_x, have_y = symgrad.function([x, y], [gx, gy])(a, b)
    size = np.prod(shape, dtype=int) / np.prod(mine, dtype=int)
    np.testing.assert_allclose(have_x, np.full(mine, size * (2 * np.exp(0.5) + 1)))
    np.testing.assert_allclose(have_y, np.full(shape, np.exp(0.5)))


UNARY = (T.tanh, T.exp, T.sin, T.sqr, lambda x: -x, lambda x: T.sum(x, axis=0, keepdims=True))
BINARY = (T.add, T.mul, T.sub, T.maximum, lambda x, y: T.dot(x, y.T))


@st.composite
def expressions(draw):
    """A function of two 2-by-2 matrices, made of random operations that share results."""
    steps = draw(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 9), st.integers(0, 9))))

    def build(x, y):
        values = [x, y]
        for op, a, b in steps:
            a, b = values[a % len(values)], values[b % len(values)]
            new = UNARY[op](a) if op < len(UNARY) else BINARY[op - len(UNARY)](a, b)
            values.append(T.tanh(new) + T.zeros_like(x))  # bounded, and of one shape
        return values[-1]

    return build


@given(expressions())
@settings(max_examples=25)
def test_random_expressions(build):
    rng = np.random.RandomState(0)
    verify_grad(build, [rng.uniform(-1, 1, (2, 2)), rng.uniform(-1, 1, (2, 2))], n_tests=1)


# -- the shape of the answer -------------------------------------------------------------------


def test_list_for_list_tuple_for_tuple_one_for_one():
    x, y = T.dscalars("x", "y")
    cost = x * y
    assert isinstance(T.grad(cost, [x]), list)
    assert isinstance(T.grad(cost, (x, y)), tuple)
    assert isinstance(T.grad(cost, x), symgrad.Variable)
    assert T.grad(cost, []) == []
    a, b = T.grad(cost, [x, x])
    assert value(a, {x: 2.0, y: 3.0}) == value(b, {x: 2.0, y: 3.0}) == 3.0


def test_names_of_gradients():
    x, w = T.dvector("x"), T.dvector("w")
    cost = T.sum(x + w)
    cost.name = "cost"
    gx, gw = T.grad(cost, [x, w])
    assert (gx.name, gw.name) == ("(dcost/dx)", "(dcost/dw)")
    assert T.grad(cost, x, add_names=False).name is None
    assert T.grad(T.sum(x), x).name is None  # the cost has no name
    assert x.name == "x"


def test_given_gradients_keep_their_names():
    x = T.dvector("x")
    h = x * 2
    given = T.exp(x)
    cost = T.sum(h)
    cost.name, h.name = "cost", "h"
    assert T.grad(cost, h, known_grads={h: given}) is given
    assert given.name is None


def test_cost_with_respect_to_itself():
    x = T.dscalar("x")
    y = x**2
    assert value(T.grad(y, y), {x: 3.0}) == 1.0
    assert value(T.grad(x, x), {x: 3.0}) == 1.0


# -- intermediate variables and companions -----------------------------------------------------


def test_intermediate_variable():
    x = T.dvector("x")
    h = T.tanh(x)
    gh, gx = symgrad.function([x], T.grad(T.sum(h**2), [h, x]))([0.5, -1.0])
    np.testing.assert_allclose(gh, 2 * np.tanh([0.5, -1.0]))
    np.testing.assert_allclose(gx, gh * (1 - np.tanh([0.5, -1.0]) ** 2))


def test_equal_nodes_written_twice_are_two_variables():
    x = T.dscalar("x")
    a, b = x * 2, x * 2
    cost = a**2 + b
    assert value(T.grad(cost, a), {x: 1.0}) == 4.0
    assert value(T.grad(cost, b), {x: 1.0}) == 1.0


def test_result_does_not_depend_on_companions():
    x = T.dmatrix("x")
    p = T.nnet.softmax(x)
    logs = T.log(p)
    cost = -T.mean(logs[:, 0])
    point = np.array([[0.0, 800.0], [1.0, -2.0]])
    alone = [value(T.grad(cost, v), {x: point}) for v in (x, p, logs)]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        wrt = [(x, p, logs)[k] for k in order]
        together = symgrad.function([x], T.grad(cost, wrt))(point)
        for k, have in zip(order, together, strict=True):
            np.testing.assert_array_equal(have, alone[k])
    assert np.isfinite(alone[0]).all()  # stable, although p itself underflows
    np.testing.assert_allclose(alone[0][0], [-0.5, 0.5])


def test_repeated_and_shared_subexpressions():
    x = T.dscalar("x")
    h = T.exp(x)
    cost = h * h + x * h + x
    e = np.exp(0.3)
    np.testing.assert_allclose(value(T.grad(cost, x), {x: 0.3}), 2 * e * e + e + 0.3 * e + 1)


def test_gradient_of_a_shared_variable():
    w = symgrad.shared(np.array([1.0, 2.0]), "w")
    np.testing.assert_array_equal(T.grad(T.sum(w**2), w).eval(), [2, 4])


def test_higher_derivatives():
    x = T.dvector("x")
    f = T.sum(T.sin(x) * x**3) if hasattr(T, "sin") else T.sum(T.exp(2 * x) * x**3)
    derivative = f
    for _ in range(4):
        derivative = T.sum(T.grad(derivative, x))
    point = np.array([0.3, -1.2])
    s, c = np.sin(point), np.cos(point)
    # (sin x · x³)'''' by Leibniz
    expected = s * point**3 - 4 * c * 3 * point**2 - 6 * s * 6 * point + 4 * c * 6
    np.testing.assert_allclose(value(derivative, {x: point}), expected.sum())


# -- consider_constant, known_grads ------------------------------------------------------------


def test_consider_constant_matches_by_identity():
    x = T.dvector("x")
    last, other = x[-1], x[-1]
    cost = last * other
    np.testing.assert_array_equal(value(T.grad(cost, x), {x: [1.0, 3.0]}), [0, 6])
    held = T.grad(cost, x, consider_constant=[last])
    np.testing.assert_array_equal(value(held, {x: [1.0, 3.0]}), [0, 3])


def test_consider_constant_in_several_places():
    x = T.dscalar("x")
    h = x**2
    cost = h * x + T.exp(h)
    assert value(T.grad(cost, x, consider_constant=[h]), {x: 3.0}) == 9.0
    assert value(T.grad(cost, h, consider_constant=[h]), {x: 1.0}) == 1 + np.e


def test_known_grads_replace_what_would_arrive():
    x, g = T.dvectors("x", "g")
    h = T.exp(x)
    cost = T.sum(h**2) + T.sum(x)
    have = T.grad(cost, x, known_grads={h: g})
    point, upper = np.array([0.1, 0.2]), np.array([10.0, 20.0])
    np.testing.assert_allclose(value(have, {x: point, g: upper}), np.exp(point) * upper + 1)


def test_known_grads_without_a_cost():
    x, g = T.dvectors("x", "g")
    a = x**2
    b = T.sum(a)
    gx, ga = T.grad(None, [x, a], known_grads={a: g, b: T.constant(1.0)})
    point, upper = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    np.testing.assert_allclose(value(ga, {x: point, g: upper}), upper)
    np.testing.assert_allclose(value(gx, {x: point, g: upper}), 2 * point * upper)


def test_known_grads_are_cast():
    x = T.fvector("x")
    g = T.grad(None, x, known_grads={x * 2: T.dvector("g")})
    assert g.dtype == "float32"


# -- disconnected ------------------------------------------------------------------------------


def test_disconnected_raises_and_names_both_ends_and_the_line():
    x, y = T.dvectors("x", "y")
    cost = T.sum(x)
    cost.name = "cost"
    with pytest.raises(DisconnectedInputError) as caught:
        T.grad(cost, y)
    message = str(caught.value)
    assert "cost" in message
    assert "y (float64 vector)" in message
    assert "not part of the expression" in message
    assert "test_gradients.py" in message
    assert "disconnected_inputs='ignore'" in message


def test_disconnected_names_the_operation_that_cut():
    x, y = T.dvectors("x", "y")
    cut = disconnected_grad(T.exp(y))
    told = r"used in exp\(y\), and that by disconnected_grad"
    with pytest.raises(DisconnectedInputError, match=told):
        T.grad(T.sum(x * cut), y)
    with pytest.raises(DisconnectedInputError, match="shape or type only"):
        T.grad(T.sum(x) * y.shape[0], y)
    h = y**2
    with pytest.raises(DisconnectedInputError, match="consider_constant holds"):
        T.grad(T.sum(h), y, consider_constant=[h])


def test_disconnected_warns_or_is_silent():
    x, y = T.dvector("x"), T.fmatrix("y")
    cost = T.sum(x)
    with pytest.warns(UserWarning, match="does not depend on the value of y") as caught:
        g = T.grad(cost, y, disconnected_inputs="warn")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(
        value(g, {y: np.ones((1, 2), "float32")}), np.zeros((1, 2), "float32")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        T.grad(cost, y, disconnected_inputs="ignore")


def test_what_stands_for_a_disconnected_gradient():
    x, y = T.dvectors("x", "y")
    cost = T.sum(x)
    ignore = {"disconnected_inputs": "ignore"}
    assert T.grad(cost, y, return_disconnected="zero", **ignore).dtype == "float64"
    assert T.grad(cost, y, return_disconnected="None", **ignore) is None
    gone = T.grad(cost, y, return_disconnected="Disconnected", **ignore)
    assert isinstance(gone, DisconnectedType)


def test_shape_does_not_connect_but_zero_times_does():
    x = T.dvector("x")
    with pytest.raises(DisconnectedInputError):
        T.grad(T.sum(T.zeros_like(x)), x)
    np.testing.assert_array_equal(value(T.grad(T.sum(x * 0), x), {x: [1.0, 2.0]}), [0, 0])


def test_known_gradients_are_broadcast():
    x, s = T.dvector("x"), T.dscalar("s")
    h = x**2
    np.testing.assert_array_equal(
        value(T.grad(None, x, known_grads={h: s}), {x: [1, 2], s: 3}), [6, 12]
    )
    np.testing.assert_array_equal(value(T.grad(None, x, known_grads={h: 2.0}), {x: [1, 2]}), [4, 8])
    same = T.grad(None, x, known_grads={x: s})
    np.testing.assert_array_equal(value(same, {x: [1, 2], s: 3}), [3, 3])


# -- undefined gradients -----------------------------------------------------------------------


def test_undefined_gradient_raises_or_is_returned():
    x, y = T.dvectors("x", "y")
    cost = T.sum(undefined_grad(x) * y)
    with pytest.raises(NullTypeGradError, match=r"with respect to x .* undefined_grad was applied"):
        T.grad(cost, x)
    assert isinstance(T.grad(cost, x, null_gradients="return"), NullGrad)
    np.testing.assert_array_equal(value(T.grad(cost, y), {x: [2.0], y: [5.0]}), [2])
    integers = T.lvector("n")
    with pytest.raises(NullTypeGradError):
        T.grad(T.sum(undefined_grad(integers * y)), integers)
    undefined = T.grad(T.sum(undefined_grad(T.cast(integers**2, "float64"))), integers)
    np.testing.assert_array_equal(value(undefined, {integers: [1]}), [0])


def test_undefined_gradient_spreads_downward():
    x = T.dvector("x")
    h = T.exp(x)
    cost = T.sum(undefined_grad(h)) + T.sum(h)
    assert isinstance(T.grad(cost, x, null_gradients="return"), NullGrad)
    np.testing.assert_array_equal(
        value(T.grad(cost, x, consider_constant=[h], disconnected_inputs="ignore"), {x: [1.0]}),
        [0],
    )


# -- an operation with its own derivative ------------------------------------------------------


class Twice(Op, register=False):
    def infer(self, *types):
        return tensor_type(types[0].dtype, types[0].shape)

    def impl(self, xp, x):
        return 2 * x

    def vjp(self, g, y, x):
        return (None,)


def test_none_from_a_vjp_is_a_connected_zero():
    x = T.dvector("x")
    np.testing.assert_array_equal(value(T.grad(T.sum(Twice()(x)), x), {x: [1.0, 2.0]}), [0, 0])


# -- the forward part of a gradient is not computed twice --------------------------------------


def test_forward_part_merges_with_the_cost():
    x, w, y = T.dmatrix("x"), T.dmatrix("w"), T.lvector("y")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, w)))[T.arange(y.shape[0]), y])
    alone = symgrad.function([x, w, y], T.grad(cost, w))
    both = symgrad.function([x, w, y], [cost, T.grad(cost, w)])
    products = [s for s in both.program.steps if s.node.op.name == "dot"]
    assert len(products) == 2  # forward once, backward once
    assert len(both.program.steps) <= len(alone.program.steps) + 6


def test_gradient_graph_keeps_the_lines_of_the_user():
    x = T.dvector("x")
    cost = T.sum(T.exp(x) * x)
    g = T.grad(cost, x)
    files = {n.origin[0][0].co_filename for n in toposort([g]) if n.op is not None and n.origin}
    assert files == {__file__}


# -- arguments that cannot be meant ------------------------------------------------------------


def test_wrong_arguments():
    x = T.dvector("x")
    cost = T.sum(x)
    with pytest.raises(GraphTypeError, match="must be a scalar, but x .*has 1 dimension"):
        T.grad(x, x)
    with pytest.raises(GraphTypeError, match="real floating-point"):
        T.grad(T.sum(T.lvector("n")), x)
    with pytest.raises(GraphTypeError, match="a set has no order"):
        T.grad(cost, {x})
    with pytest.raises(GraphTypeError, match="must hold symbolic variables, not 3"):
        T.grad(cost, [3])
    with pytest.raises(GraphTypeError, match="needs known_grads"):
        T.grad(None, x)
    with pytest.raises(GraphTypeError, match=r"Write consider_constant=\[...\]"):
        T.grad(cost, x, consider_constant=x)
    with pytest.raises(GraphTypeError, match="of a higher rank"):
        T.grad(cost, x, known_grads={x: T.dmatrix()})
    with pytest.raises(GraphTypeError, match="known_grads must map variables"):
        T.grad(cost, x, known_grads={"x": x})
    with pytest.raises(GraphTypeError, match="must hold arrays"):
        T.grad(cost, symgrad.shared([1, 2]))
    for setting in ("disconnected_inputs", "return_disconnected", "null_gradients"):
        with pytest.raises(GraphValueError, match=f"{setting}='no'"):
            T.grad(cost, x, **{setting: "no"})
    fixed = T.TensorType("float64", (2,))("fixed")
    with pytest.raises(GraphValueError, match="of another shape"):
        T.grad(None, fixed, known_grads={fixed: T.constant([1.0, 2.0, 3.0])})


def test_the_mean_of_integers_counts_as_their_sum():
    i = T.lvector("i")
    f = symgrad.function([i], [T.grad(i.mean(), i), T.grad(i.mean(dtype="float64"), i)])
    slopes = f([1, 2, 4, 8])
    assert [s.tolist() for s in slopes] == [[0] * 4, [0.25] * 4]
    assert i.mean().eval({i: [1, 2, 4, 8]}) == 3.75
