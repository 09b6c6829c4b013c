"""Map: a graph computed for every element along the first axis."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError, ShapeError
from symgrad.gradient import disconnected_grad, undefined_grad, verify_grad
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.ops.control.debugging import Print
from symgrad.ops.control.loops import Body, Map, map_over
from symgrad.ops.op import NullGrad


def over(step, *sequences, **settings):
    """Results of step(elements) for every element of symbolic sequences."""
    elements = [TensorType(s.dtype, s.static_shape[1:])() for s in sequences]
    outputs = step(*elements)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    return map_over(elements, outputs, sequences, **settings)


def loops(f):
    return [step.node for step in f.program.steps if isinstance(step.node.op, Map)]


# -- values ------------------------------------------------------------------------------------


@given(st.integers(0, 4), st.integers(0, 3))
def test_several_outputs_of_any_length(n, m):
    x, w = T.dmatrix("x"), T.dvector("w")
    f = symgrad.function([x, w], over(lambda row: (T.tanh(row) * w, T.dot(row, w)), x))
    a, b = np.arange(n * m, dtype=float).reshape(n, m) / 5, np.linspace(-1, 1, m)
    first, second = f(a, b)
    assert (first.shape, second.shape) == ((n, m), (n,))
    np.testing.assert_allclose(first, np.tanh(a) * b)
    np.testing.assert_allclose(second, a @ b)


def test_summed_outputs():
    x = T.fvector("x")
    (total,) = over(lambda e: T.exp(e), x, summed=[True])
    values = np.linspace(0, 1, 1000, dtype="float32")
    have = total.eval({x: values})
    assert have.dtype == "float32"
    np.testing.assert_allclose(have, np.exp(values.astype(float)).sum(), rtol=1e-7)
    assert total.eval({x: []}) == 0


def test_several_sequences_of_several_dtypes():
    x, n = T.dmatrix("x"), T.lvector("n")
    (picked,) = over(lambda row, k: row[k], x, n)
    np.testing.assert_array_equal(picked.eval({x: [[1.0, 2.0], [3.0, 4.0]], n: [1, 0]}), [2, 3])
    f = symgrad.function([x, n], picked)
    with pytest.raises(ShapeError, match=r"different lengths, \[1, 2\]"):
        f([[1.0, 2.0], [3.0, 4.0]], [1])


def test_no_rounds_keep_the_inner_shape():
    x, w = T.dmatrix("x"), T.dmatrix("w")
    f = symgrad.function([x, w], over(lambda row: (T.dot(row, w), row[0] * w), x))
    a, b = f(np.zeros((0, 2)), np.zeros((2, 3)))
    assert (a.shape, b.shape) == ((0, 3), (0, 2, 3))


def test_outputs_that_are_elements_or_do_not_vary():
    x, w = T.dvector("x"), T.dvector("w")
    same, repeated, total, many = over(
        lambda e: (e, T.exp(w), e, w), x, summed=[False, False, True, True]
    )
    assert same is x
    f = symgrad.function([x, w], [repeated, total, many])
    assert not loops(f)
    have = f([1.0, 2.0], [0.0, 3.0])
    np.testing.assert_allclose(have[0], np.exp([[0, 3], [0, 3]]))
    np.testing.assert_allclose(have[1], 3)
    np.testing.assert_allclose(have[2], [0, 6])


# -- what is inside and what is outside --------------------------------------------------------


def test_closures_become_inputs_and_invariants_are_computed_once():
    x, y = T.dvector("x"), T.dvector("y")
    w = symgrad.shared(2.0, "w")
    (result,) = over(lambda e: e * w * T.sum(T.exp(y)), x)
    loop = result.inputs[0]
    leaves = {n for n in toposort(loop.op.body.outputs) if n.op is None}
    assert leaves <= set(loop.op.body.inputs)
    assert "exp" not in {n.op.name for n in toposort(loop.op.body.outputs) if n.op}
    f = symgrad.function([x, y], result)
    np.testing.assert_allclose(f([1.0, 3.0], [0.0, 0.0]), [4, 12])
    w.set_value(10.0)
    np.testing.assert_allclose(f([1.0, 3.0], [0.0, 0.0]), [20, 60])


def test_loops_in_loops():
    x, y = T.dvectors("x", "y")
    (table,) = over(lambda a: over(lambda b: a * b + a, y)[0], x)
    (gx,) = [T.grad(T.sum(table**2), x)]
    f = symgrad.function([x, y], [table, gx])
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    have, slope = f(a, b)
    np.testing.assert_allclose(have, np.outer(a, b + 1))
    np.testing.assert_allclose(slope, 2 * a * ((b + 1) ** 2).sum())


def test_rules_reach_inside():
    x = T.dmatrix("x")
    (logs,) = over(lambda row: T.log(T.nnet.softmax(row)), x)
    f = symgrad.function([x], [logs, T.grad(-T.sum(logs[:, 0]), x)])
    value, slope = f([[0.0, 2000.0]])
    np.testing.assert_allclose(value, [[-2000, 0]])
    np.testing.assert_allclose(slope, [[-1, 1]])


def test_print_runs_in_every_round(capsys):
    x = T.dvector("x")
    (result,) = over(lambda e: Print("e")(e) * 2, x)
    symgrad.function([x], result)([1.0, 2.0])
    assert capsys.readouterr().out.count("e __str__") == 2
    assert symgrad.function([x], result)([]).shape == (0,)
    assert capsys.readouterr().out == ""


# -- gradients ---------------------------------------------------------------------------------


def test_gradients_to_second_order():
    rng = np.random.RandomState(0)
    points = [rng.randn(3, 2), rng.randn(2), rng.randn(3)]

    def step(x, w, s):
        return over(lambda row, e: (T.tanh(row * w) * e, T.sum(row * w) ** 2, w), x, s)

    verify_grad(step, points)

    def slopes(x, w, s):
        cost = sum(T.sum(r**2) for r in step(x, w, s)[:2])
        return T.grad(cost, [x, w, s])

    verify_grad(slopes, points)
    verify_grad(lambda x, w, s: over(lambda r: T.exp(r) * w, x, summed=[True])[0] + s[0], points)


def test_gradients_over_no_rounds():
    x, w = T.dmatrix("x"), T.dvector("w")
    (result,) = over(lambda row: row[0] * w, x)  # a round on no columns would fail
    f = symgrad.function([x, w], T.grad(T.sum(result), [x, w]))
    gx, gw = f(np.zeros((0, 0)), np.ones(2))
    assert gx.shape == (0, 0)
    np.testing.assert_array_equal(gw, [0, 0])


def test_gradient_dtypes_and_integers():
    x, n = T.fvector("x"), T.lvector("n")
    (result,) = over(lambda e, k: e * k, x, n)
    gx, gn = T.grad(T.sum(result), [x, n])
    assert (gx.dtype, gn.dtype) == ("float32", "float64")
    have, of_integers = symgrad.function([x, n], [gx, gn])(np.float32([5, 6]), [2, 3])
    np.testing.assert_array_equal(have, [2, 3])
    np.testing.assert_array_equal(of_integers, [5, 6])


def test_connectedness_and_undefined_gradients_inside():
    x, y = T.dvectors("x", "y")
    (cut,) = over(lambda a, b: a * disconnected_grad(b), x, y)
    with pytest.raises(symgrad.DisconnectedInputError, match=r"used by map\(x, y"):
        T.grad(T.sum(cut), y)
    (odd,) = over(lambda a, b: undefined_grad(a) * b, x, y)
    assert isinstance(T.grad(T.sum(odd), x, null_gradients="return"), NullGrad)
    np.testing.assert_array_equal(T.grad(T.sum(odd), y).eval({x: [3.0], y: [1.0]}), [3])


# -- the operation itself ----------------------------------------------------------------------


def test_structure_decides_equality():
    def body(name, factor):
        x = T.dscalar(name)
        return Body([x], [T.exp(x) * factor])

    assert body("x", 2.0) == body("y", 2.0)
    assert hash(body("x", 2.0)) == hash(body("y", 2.0))
    assert body("x", 2.0) != body("x", 3.0)
    x, y = T.dscalars("x", "y")
    assert Body([x, y], [x - y]) != Body([y, x], [x - y])
    assert Body([x], [x, x * 2]) != Body([x], [x * 2, x])
    assert Map(body("x", 2.0), 1, (False,), (None,)) != Map(body("x", 2.0), 1, (True,), (None,))
    assert Body([x], [Print("a")(x)]) != Body([x], [Print("a")(x)])


def test_equal_loops_are_merged():
    x = T.dvector("x")
    (a,), (b,) = (over(lambda e: T.exp(e) * 2, x) for _ in range(2))
    assert len(loops(symgrad.function([x], [a, b]))) == 1


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_pickles_and_copies(again):
    x, w = T.dvector("x"), symgrad.shared(3.0, "w")
    (y,) = over(lambda e: T.exp(e) * w, x)
    before = y.eval({x: [1.0, 2.0]})
    x2, y2, w2 = again((x, y, w))
    np.testing.assert_array_equal(y2.eval({x2: [1.0, 2.0]}), before)
    w2.set_value(6.0)
    np.testing.assert_array_equal(y2.eval({x2: [1.0, 2.0]}), 2 * before)
    np.testing.assert_array_equal(y.eval({x: [1.0, 2.0]}), before)
    assert y2.inputs[0].op == y.inputs[0].op


def test_copies_with_a_long_chain_inside():
    def step(e):
        for _ in range(3000):
            e = e * 1.001
        return e

    x = T.dvector("x")
    (y,) = over(step, x)
    x2, y2 = copy.deepcopy(pickle.loads(pickle.dumps((x, y))))
    np.testing.assert_allclose(y2.eval({x2: [1.0]}), 1.001**3000)


def test_what_does_not_fit():
    x, y = T.dscalars("x", "y")
    op = Map(Body([x, y], [x * y]), 2, (False,), (None,))
    vector, matrix = T.dvector(), T.dmatrix()
    with pytest.raises(GraphTypeError, match="input 1 of a round is a float64 scalar"):
        op.make(vector, matrix)
    with pytest.raises(GraphTypeError, match="needs a first axis"):
        op.make(vector, x)
    with pytest.raises(GraphTypeError, match="2 inputs are needed, not 1"):
        op.make(vector)
    with pytest.raises(ShapeError, match=r"different lengths, \[2, 3\]"):
        op.make(T.constant([1.0, 2.0]), T.constant([1.0, 2.0, 3.0]))
    with pytest.raises(GraphTypeError, match="uses y"):
        Body([x], [x * y])
    fixed = TensorType("float64", (2,))()
    with pytest.raises(ShapeError, match="input 0 of a round"):
        Map(Body([fixed], [fixed]), 1, (False,), (0,)).make(T.constant([[1.0, 2.0, 3.0]]))


def test_failure_inside_names_the_operation_and_the_line():
    x, w = T.dmatrix("x"), T.dvector("w")
    f = symgrad.function([x, w], over(lambda row: T.dot(row, w), x))
    with pytest.raises(ShapeError, match="dot failed") as caught:
        f(np.ones((2, 3)), np.ones(4))
    assert "test_loops.py" in str(caught.value)


def test_known_lengths_are_inferred():
    x = T.constant(np.ones((3, 2)))
    (rows,) = over(lambda row: T.exp(row), x)
    assert rows.static_shape == (3, 2)


def test_runs_with_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    x, w = T.dmatrix("x"), T.dvector("w")
    (y,) = over(lambda row: T.log(T.nnet.softmax(row * w)), x)
    loop = y.inputs[0]
    values = [np.array([[0.0, 800.0], [1.0, 2.0]]), np.array([1.0, 2.0])]
    (have,) = jax.jit(lambda *a: loop.op.impl(jax.numpy, *a))(*values)
    np.testing.assert_allclose(have, y.eval({x: values[0], w: values[1]}))
