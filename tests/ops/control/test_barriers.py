"""Gradient barriers: identities in value, each with a gradient of its own."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import gradient
from symgrad.errors import DisconnectedInputError, GraphTypeError, GraphValueError
from symgrad.ops.op import NullGrad

BARRIERS = {
    "consider_constant": gradient.consider_constant,
    "zero_grad": gradient.zero_grad,
    "disconnected_grad": gradient.disconnected_grad,
    "undefined_grad": gradient.undefined_grad,
    "grad_clip": lambda x: gradient.grad_clip(x, -1, 1),
    "grad_scale": lambda x: gradient.grad_scale(x, 3),
}
every = pytest.mark.parametrize("barrier", BARRIERS.values(), ids=BARRIERS)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool"])
def test_value_dtype_and_shape_are_those_of_the_input(barrier, dtype):
    x = T.TensorType(dtype, (None, 2))("x")
    y = barrier(x)
    assert y.type == x.type
    point = np.array([[0, 1], [1, 0], [1, 1]], dtype)
    f = symgrad.function([x], y)
    np.testing.assert_array_equal(f(point), point)
    assert not np.shares_memory(f(point), point)


@every
@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_programs_contain_no_barrier_and_are_stable(barrier, mode):
    x = T.dmatrix("x")
    f = symgrad.function([x], T.log(barrier(T.nnet.softmax(x))), mode=mode)
    np.testing.assert_array_equal(f([[0.0, 2000.0]]), [[-2000, 0]])
    assert [step.node.op.name for step in f.program.steps] == ["log_softmax"]


@pytest.mark.parametrize("barrier", [gradient.consider_constant, gradient.zero_grad])
def test_connected_with_zero_gradient(barrier):
    x = T.dvector("x")
    np.testing.assert_array_equal(T.grad(T.sum(barrier(x)), x).eval({x: [1.0, 2.0]}), [0, 0])
    both = T.grad(T.sum(barrier(x) * x), x)
    np.testing.assert_array_equal(both.eval({x: [1.0, 2.0]}), [1, 2])


def test_disconnected_grad():
    x = T.dvector("x")
    both = T.grad(T.sum(gradient.disconnected_grad(x) * x), x)
    np.testing.assert_array_equal(both.eval({x: [1.0, 2.0]}), [1, 2])
    with pytest.raises(DisconnectedInputError, match="used by disconnected_grad"):
        T.grad(T.sum(gradient.disconnected_grad(x)), x)


def test_grad_clip_and_scale():
    x = T.fvector("x")
    weights = T.constant(np.array([-5, 0.5, 5], "float32"))
    f = symgrad.function(
        [x],
        [
            T.grad(T.sum(gradient.grad_clip(x, -1, 2) * weights), x),
            T.grad(T.sum(gradient.grad_scale(x, -2.5) * weights), x),
        ],
        on_unused_input="ignore",
    )
    clipped, scaled = f(np.zeros(3, "float32"))
    assert clipped.dtype == scaled.dtype == "float32"
    np.testing.assert_array_equal(clipped, [-1, 0.5, 2])
    np.testing.assert_array_equal(scaled, [12.5, -1.25, -12.5])


def test_second_derivative_through_a_clipped_gradient():
    x = T.dvector("x")
    slope = T.grad(T.sum(gradient.grad_clip(x, -4, 4) ** 2), x)  # 2x clipped to [-4, 4]
    second = T.grad(T.sum(slope), x)
    np.testing.assert_array_equal(second.eval({x: [1.0, 2.0, 3.0]}), [2, 2, 0])


def test_what_user_operations_return():
    undefined = gradient.grad_undefined("op", 1, "n", "it counts")
    missing = gradient.grad_not_implemented("op", 0, "x")
    assert isinstance(undefined, NullGrad)
    assert undefined.reason.endswith("its input 1 (n) is not defined: it counts")
    assert missing.reason.endswith("its input 0 (x) is not implemented")


def test_arguments():
    x = T.dvector("x")
    with pytest.raises(GraphTypeError, match="grad_clip: lower_bound must be a number"):
        gradient.grad_clip(x, x, 1)
    with pytest.raises(GraphValueError, match=r"lower bound 2.0 is above the upper bound 1.0"):
        gradient.grad_clip(x, 2, 1)
    with pytest.raises(GraphTypeError, match="grad_scale: multiplier must be a number, not None"):
        gradient.grad_scale(x, None)
    with pytest.raises(GraphTypeError, match="zero_grad"):
        gradient.zero_grad("text")
