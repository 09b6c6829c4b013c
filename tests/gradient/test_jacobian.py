"""Lop, Rop, jacobian, hessian, subgraph_grad."""

import copy
import pickle

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import DisconnectedInputError, GraphTypeError, GraphValueError
from symgrad.gradient import disconnected_grad, grad_clip
from symgrad.graph.types import TensorType

RNG = np.random.RandomState(0)


def differences(f, x, eps=1e-6):
    """The Jacobian of a function of arrays, by central differences."""
    columns = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = eps
        step = step.reshape(x.shape)
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * eps))
    result = np.stack([np.ravel(c) for c in columns], -1) if columns else np.zeros((0, 0))
    return result.reshape(np.shape(f(x)) + x.shape)


def layer(x, w):
    return T.tanh(T.dot(x, w))


# -- jacobian ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 3), (2, 1, 3)])
def test_jacobian_of_any_rank(shape):
    x = T.TensorType("float64", (None,) * len(shape))("x")
    y = T.exp(x) * T.sum(x**2)
    f = symgrad.function([x], y)
    j = symgrad.function([x], T.jacobian(y, x))
    point = RNG.uniform(-1, 1, shape)
    have = j(point)
    assert have.shape == shape + shape
    np.testing.assert_allclose(have, differences(f, point), rtol=1e-6, atol=1e-8)


def test_jacobian_with_respect_to_several():
    x, w = T.dvector("x"), T.dmatrix("w")
    y = layer(x, w)
    jx, jw = T.jacobian(y, (x, w))
    f, j = symgrad.function([x, w], y), symgrad.function([x, w], [jx, jw])
    a, b = RNG.randn(3), RNG.randn(3, 4)
    have_x, have_w = j(a, b)
    np.testing.assert_allclose(have_x, differences(lambda v: f(v, b), a), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(have_w, differences(lambda v: f(a, v), b), rtol=1e-6, atol=1e-8)


def test_jacobian_of_no_rows():
    x, w = T.dvector("x"), T.dmatrix("w")
    j = symgrad.function([x, w], T.jacobian(layer(x, w), [x, w]))
    assert [v.shape for v in j(np.ones(3), np.ones((3, 0)))] == [(0, 3), (0, 3, 0)]
    assert [v.shape for v in j(np.ones(0), np.ones((0, 2)))] == [(2, 0), (2, 0, 2)]
    picked = symgrad.function([w], T.jacobian(T.exp(w[:, 0]), w))  # a round on zeros would fail
    assert picked(np.ones((0, 2))).shape == (0, 0, 2)


def test_jacobian_is_stable():
    x = T.dvector("x")
    j = symgrad.function([x], T.jacobian(T.log(T.nnet.softmax(x)), x))
    np.testing.assert_allclose(j([0.0, 2000.0]), [[1, -1], [0, 0]])


def test_jacobian_of_shared_and_intermediate_variables():
    w = symgrad.shared(np.array([1.0, 2.0]), "w")
    h = w**2
    y = h * 3
    np.testing.assert_array_equal(T.jacobian(y, w).eval(), [[6, 0], [0, 12]])
    np.testing.assert_array_equal(T.jacobian(y, h).eval(), [[3, 0], [0, 3]])


def test_jacobian_dtypes():
    x, n = T.fvector("x"), T.lscalar("n")
    j, jn = T.jacobian(x * n, [x, n])
    assert (j.dtype, jn.dtype) == ("float32", "float64")
    have, of_integer = symgrad.function([x, n], [j, jn])(np.float32([5, 6]), 3)
    np.testing.assert_array_equal(have, 3 * np.eye(2))
    np.testing.assert_array_equal(of_integer, [5, 6])


def test_jacobian_constants_and_disconnected():
    x, y = T.dvectors("x", "y")
    h = T.exp(x)
    j = T.jacobian(h * x, x, consider_constant=[h])
    np.testing.assert_allclose(j.eval({x: [0.5]}), [[np.exp(0.5)]])
    with pytest.raises(DisconnectedInputError, match="jacobian: .* does not depend on"):
        T.jacobian(x * 2, y)
    zeros = T.jacobian(x * 2, y, disconnected_inputs="ignore")
    f = symgrad.function([x, y], zeros)
    np.testing.assert_array_equal(f([1.0, 2.0], [1.0, 2.0, 3.0]), np.zeros((2, 3)))


def test_jacobian_is_differentiable():
    point, weights = RNG.randn(3), RNG.randn(3, 2)
    T.verify_grad(lambda x, w: T.jacobian(layer(x, w), x), [point, weights])
    x = T.dvector("x")
    third = T.jacobian(T.jacobian(T.jacobian(T.exp(x) * x[0], x), x), x)
    assert symgrad.function([x], third)([0.1, 0.2]).shape == (2, 2, 2, 2)
    twice = symgrad.function([x], T.jacobian(T.jacobian(T.exp(x) * x[0], x), x))
    np.testing.assert_allclose(
        symgrad.function([x], third)([0.1, 0.2]),
        differences(twice, np.array([0.1, 0.2])),
        rtol=1e-6,
        atol=1e-8,
    )


def test_jacobian_computes_the_forward_part_once():
    x, w = T.dvector("x"), T.dmatrix("w")
    f = symgrad.function([x, w], T.jacobian(layer(x, w), x))
    names = [step.node.op.name for step in f.program.steps]
    assert names.count("dot") == 1
    assert names.count("tanh") == 1
    (loop,) = [step.node for step in f.program.steps if step.node.op.name == "map"]
    inside = {n.op.name for n in symgrad.graph.walk.toposort(loop.op.body.outputs) if n.op}
    assert "tanh" not in inside


def test_jacobian_pickles_and_copies():
    x = T.dvector("x")
    j = T.jacobian(T.tanh(x), x)
    for x2, j2 in (pickle.loads(pickle.dumps((x, j))), copy.deepcopy((x, j))):
        np.testing.assert_array_equal(j2.eval({x2: [1.0, 2.0]}), j.eval({x: [1.0, 2.0]}))
    f = copy.deepcopy(symgrad.function([x], j))
    np.testing.assert_array_equal(f([1.0, 2.0]), j.eval({x: [1.0, 2.0]}))


# -- hessian -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_hessian(shape):
    x = T.TensorType("float64", (None,) * len(shape))("x")
    cost = T.sum(T.tanh(x) ** 2) * T.sum(x**3)
    point = RNG.uniform(-1, 1, shape)
    have = T.hessian(cost, x).eval({x: point})
    expected = differences(symgrad.function([x], T.grad(cost, x)), point)
    np.testing.assert_allclose(have, expected, rtol=1e-6, atol=1e-8)


def test_hessian_with_respect_to_several_and_where_it_is_zero():
    x, y = T.dvectors("x", "y")
    hx, hy = T.hessian(T.sum(x**3) * T.sum(y), [x, y])
    have_x, have_y = symgrad.function([x, y], [hx, hy])([1.0, 2.0], [3.0, 4.0])
    np.testing.assert_allclose(have_x, np.diag([42.0, 84.0]))
    np.testing.assert_array_equal(have_y, np.zeros((2, 2)))
    with pytest.raises(DisconnectedInputError):
        T.hessian(T.sum(x), y)
    with pytest.raises(GraphTypeError, match="hessian: the cost must be a scalar"):
        T.hessian(x, x)
    with pytest.raises(GraphTypeError, match="hessian: wrt must be real"):
        T.hessian(T.sum(x), T.lvector("n"))


# -- products ----------------------------------------------------------------------------------


def test_lop_and_rop_are_products_with_the_jacobian():
    x, w = T.dvector("x"), T.dmatrix("w")
    y = layer(x, w)
    u, v, vw = T.dvector("u"), T.dvector("v"), T.dmatrix("vw")
    jx, jw = T.jacobian(y, [x, w])
    left = T.Lop(y, [x, w], u)
    right = T.Rop(y, [x, w], [v, vw])
    f = symgrad.function([x, w, u, v, vw], [jx, jw, *left, right])
    points = [RNG.randn(*s) for s in [(3,), (3, 4), (4,), (3,), (3, 4)]]
    a, b, la, lb, r = f(*points)
    np.testing.assert_allclose(la, points[2] @ a)
    np.testing.assert_allclose(lb, np.tensordot(points[2], b, 1))
    np.testing.assert_allclose(r, a @ points[3] + np.tensordot(b, points[4], 2))


def test_lop_of_several_outputs_adds_up():
    x = T.dscalar("x")
    a = T.exp(x)
    b = a * 2  # depends on the other output
    g = T.Lop([a, b], x, [T.constant(10.0), T.constant(1.0)])
    np.testing.assert_allclose(g.eval({x: 0.5}), 12 * np.exp(0.5))


def test_rop_of_several_outputs():
    x, v = T.dvectors("x", "v")
    f = symgrad.function([x, v], T.Rop((x**2, T.sum(x)), x, v))
    square, total = f([1.0, 2.0], [1.0, -1.0])
    np.testing.assert_array_equal(square, [2, -4])
    assert total == 0.0


def test_rop_through_loops_and_barriers():
    x, v = T.dvectors("x", "v")
    cost = T.sum(T.exp(x) * x[0])
    gradient = T.grad(cost, x)
    product = T.Rop(gradient, x, v)  # a Hessian times a vector
    point, direction = np.array([0.1, 0.2]), np.array([1.0, -3.0])
    f = symgrad.function([x, v], [T.hessian(cost, x), product])
    h, have = f(point, direction)
    np.testing.assert_allclose(have, h @ direction)
    rows = symgrad.function([x, v], T.Rop(T.jacobian(T.exp(x), x), x, v))(point, direction)
    np.testing.assert_allclose(rows, np.diag(np.exp(point) * direction))
    clipped = T.Rop(grad_clip(x * 100, -1, 1), x, v)
    np.testing.assert_array_equal(clipped.eval({x: point, v: direction}), 100 * direction)


def test_rop_disconnected():
    x, y, v = T.dvectors("x", "y", "v")
    with pytest.raises(DisconnectedInputError, match="Rop: .* does not depend on the value of y"):
        T.Rop(x * 2, y, v, disconnected_outputs="raise")
    np.testing.assert_array_equal(T.Rop(x * 2, y, v).eval({x: [1.0, 2.0]}), [0, 0])
    some = T.Rop([x * 2, y * 3, T.constant([1.0])], y, v)
    f = symgrad.function([x, y, v], some, on_unused_input="ignore")
    for have, want in zip(f([1.0, 2.0], [0.0], [5.0]), [[0, 0], [15], [0]], strict=True):
        np.testing.assert_array_equal(have, want)
    assert T.Rop(x * 2, y, v, return_disconnected="None") is None
    zero = T.Rop(x // 2, x, v)
    np.testing.assert_array_equal(
        symgrad.function([x, v], zero, on_unused_input="ignore")([1.0], [1.0]), [0]
    )


def test_points_are_broadcast():
    x, A, s = T.dvector("x"), T.dmatrix("A"), T.dscalar("s")
    point, matrix = [1.0, 2.0], np.ones((3, 2))

    def got(e):
        return symgrad.function([x, A, s], e, on_unused_input="ignore")(point, matrix, 3.0)

    np.testing.assert_array_equal(got(T.Lop(x**2, x, s)), [6, 12])
    np.testing.assert_array_equal(got(T.Lop(x**2, x, 2.0)), [4, 8])
    np.testing.assert_array_equal(got(T.Lop(T.dot(A, x), x, s)), [9, 9])
    np.testing.assert_array_equal(got(T.Lop(A**2, A, x)), [[2, 4]] * 3)
    np.testing.assert_array_equal(got(T.Lop(A**2, A, x.dimshuffle("x", 0))), [[2, 4]] * 3)
    np.testing.assert_array_equal(got(T.Rop(x**2, x, s)), [6, 12])


def test_products_check_their_arguments():
    x = T.dvector("x")
    with pytest.raises(GraphValueError, match="2 eval_points were given for 1 variables in f"):
        T.Lop(x * 2, x, [x, x])
    with pytest.raises(GraphTypeError, match="eval_points: .* of a higher rank"):
        T.Lop(x * 2, x, T.dmatrix("u"))
    with pytest.raises(GraphTypeError, match="f must be real floating-point"):
        T.Lop(T.lvector("n"), x, x)
    with pytest.raises(DisconnectedInputError):
        T.Lop(disconnected_grad(x), x, x)
    assert T.Lop(T.fvector("y") * 2, [], T.dvector("u")) == []
    fixed = TensorType("float64", (2,))("fixed")
    with pytest.raises(GraphValueError, match="of another shape"):
        T.Lop(fixed, fixed, T.constant([1.0, 2.0, 3.0]))


# -- subgraph_grad -----------------------------------------------------------------------------


def test_subgraph_grad_goes_layer_by_layer():
    x, t = T.dvectors("x", "t")
    w1, w2 = symgrad.shared(RNG.randn(2, 3), "w1"), symgrad.shared(RNG.randn(3, 2), "w2")
    a = layer(x, w1)
    b = layer(a, w2)
    cost = T.sum((b - t) ** 2)
    penalty = T.sum(w1**2)
    (g2,), (ga,) = symgrad.subgraph_grad(wrt=[w2], end=[a], cost=cost)
    (g1,), _, from_start, from_cost = symgrad.subgraph_grad(
        wrt=[w1], end=[x], start={a: ga}, cost=penalty, details=True
    )
    expected = T.grad(cost + penalty, [w1, w2])
    f = symgrad.function(
        [x, t], [g1, g2, *expected, from_start[0], from_cost[0]], on_unused_input="ignore"
    )
    have1, have2, want1, want2, start1, cost1 = f([0.3, -0.2], [1.0, 0.0])
    np.testing.assert_allclose(have1, want1)
    np.testing.assert_allclose(have2, want2)
    np.testing.assert_allclose(start1 + cost1, want1)
    with pytest.raises(GraphTypeError, match="give a cost, a start, or both"):
        symgrad.subgraph_grad(wrt=[w1], end=[x])
    with pytest.raises(GraphTypeError, match="end must be a list"):
        symgrad.subgraph_grad(wrt=[w1], end=x, cost=cost)
