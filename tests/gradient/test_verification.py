"""verify_grad and numeric_grad find wrong gradients, and pass right ones."""

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad.errors import GradientError, GraphTypeError, GraphValueError
from symgrad.gradient import (
    disconnected_grad,
    grad_scale,
    numeric_grad,
    undefined_grad,
    verify_grad,
)


def test_right_gradients_pass():
    rng = np.random.RandomState(1)
    verify_grad(lambda x, y: T.exp(x) * y, [rng.randn(2, 3), rng.randn(3)])
    verify_grad(lambda x: [x**2, T.sum(x)], [np.array(0.5)], rng=np.random.RandomState(2))
    verify_grad(lambda x: T.tanh(x), [np.zeros((0, 2))])
    verify_grad(T.tanh, [rng.randn(3).astype("float32")])
    verify_grad(lambda x: T.cast(T.tanh(x), "float32"), [rng.randn(3)], out_type="float32")
    verify_grad(T.tanh, [rng.randn(3)], out_type="float32", cast_to_output_type=True)
    verify_grad(T.tanh, [rng.randn(3)], n_tests=1, eps=1e-5, abs_tol=1e-6, mode="FAST_COMPILE")


def test_wrong_gradient_is_found_and_described():
    point = np.array([[1.0, 2.0], [3.0, 4.0]])

    def fun(x):
        return T.sum(x) + grad_scale(x[1, 0] ** 2, 1.5)

    with pytest.raises(GradientError) as caught:
        verify_grad(fun, [point])
    message = str(caught.value)
    assert "argument 0, element (1, 0), is" in message
    assert "test 1 of 2" in message
    assert "at the value 3.0" in message


def test_disconnected_gradient_counts_as_zero():
    with pytest.raises(GradientError, match="is 0.0, but differences give"):
        verify_grad(disconnected_grad, [np.array([1.0])])
    verify_grad(lambda x, y: x * 2, [np.array([1.0]), np.array([2.0])])


def test_nan_is_an_error():
    with pytest.raises(GradientError, match="nan"):
        verify_grad(lambda x: T.switch(x > 0, x, grad_scale(x, np.nan)), [np.array([-1.0])])


def test_undefined_gradient_is_an_error():
    with pytest.raises(GradientError, match="undefined_grad was applied"):
        verify_grad(undefined_grad, [np.array([1.0])])


def test_arguments():
    with pytest.raises(GraphTypeError, match="pt must be a list"):
        verify_grad(T.exp, np.ones(2))
    with pytest.raises(GraphTypeError, match="point 0 holds int64"):
        verify_grad(T.exp, [np.array([1], "int64")])
    with pytest.raises(GraphTypeError, match="must return real floating-point"):
        verify_grad(lambda x: x > 0, [np.ones(2)])


def test_numeric_grad():
    point = [np.array([1.0, 2.0]), np.array(3.0)]
    gradient = numeric_grad(lambda x, y: (x**2).sum() * y, point)
    a, b = gradient.gf
    np.testing.assert_allclose(a, [6, 12], rtol=1e-8)
    np.testing.assert_allclose(b, 5, rtol=1e-8)
    np.testing.assert_array_equal(point[0], [1, 2])
    worst = gradient.max_err([np.array([6.0, 12.5]), np.array(5.0)], 1e-4, 1e-4)
    assert (worst.argument, worst.position) == (0, 1)
    np.testing.assert_allclose(worst.abs_err, 0.5, rtol=1e-6)
    np.testing.assert_allclose(worst.rel_err, 0.5 / 24.5, rtol=1e-6)
    assert numeric_grad(lambda x: x**2, np.float32(3.0)).gf.dtype == "float32"
    with pytest.raises(GraphValueError, match="has shapes"):
        gradient.abs_rel_errors([np.ones(3), np.array(5.0)])
    with pytest.raises(GraphTypeError, match="must hold floats"):
        numeric_grad(lambda x: x, np.array(1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "fun",
    [T.log, T.sqrt, lambda x: 1 / x, lambda x: x**2, lambda x: x + 1000, T.sin, T.arctan, abs],
)
def test_steps_follow_the_scale_of_the_point(fun, dtype):
    sizes = {"float64": (1e-12, 1e-5, 1e-3, 1.0, 1e3, 1e5), "float32": (1e-8, 1e-5, 1.0, 1e3, 1e5)}
    points = np.array(sizes[dtype], dtype)
    verify_grad(fun, [points])
    if fun not in (T.log, T.sqrt):
        verify_grad(fun, [-points])


def test_a_wrong_gradient_is_found_at_any_scale():
    for size in (1e-20, 1e-5, 1e5, 1e20):
        with pytest.raises(GradientError):
            verify_grad(lambda x, k=size: k * grad_scale(T.log(x), 1.01), [np.array([size])])


def test_a_small_result_beside_a_large_one():
    verify_grad(lambda x: x * np.array([1e-3, 1e9]), [np.ones(2)])


def test_a_step_that_changes_nothing_is_refused():
    with pytest.raises(GraphValueError, match="does not change the float32 number"):
        numeric_grad(lambda x: x.sum(), np.float32([1e5]), eps=1e-4)


def test_points_under_a_mask_are_refused():
    point = np.ma.array([1.0, 99.0], mask=[False, True])
    for check in (verify_grad, numeric_grad):
        with pytest.raises(GraphTypeError, match="masked"):
            check(lambda z: z * 2, [point])
