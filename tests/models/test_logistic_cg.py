"""Conjugate gradients: the flat vector, the numbers, and the record that is retraced."""

from __future__ import annotations

import builtins
import json
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize

import logistic_cg
import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import ModelError, OptionError
from logistic_cg import FlatLogisticRegression, cg_optimization_mnist, draw_errors, main
from logistic_sgd import predict
from training import state
from training.running import Interrupted

# The validation errors in percent after each iteration of SciPy's fmin_cg, with a cost and a
# gradient written by hand: MNIST, pixels / 256, batches of 600, float64.
REFERENCE = [
    29.989583, 24.65625, 20.833333, 16.979167, 14.291667, 14.239583, 13.166667, 12.28125, 11.739583,
    11.53125, 10.583333, 10.40625, 10.166667, 10.208333, 9.854167, 9.71875, 9.375, 8.96875,
    8.927083, 8.760417, 8.770833, 8.625, 8.541667, 8.25, 8.375, 8.395833, 8.197917, 8.03125,
    8.020833, 7.96875, 8.020833, 7.760417, 7.6875, 7.729167, 7.65625, 7.666667, 7.510417, 7.520833,
    7.489583, 7.5, 7.46875, 7.489583, 7.46875, 7.354167, 7.3125, 7.520833, 7.458333, 7.34375,
    7.354167, 7.395833,
]  # fmt: skip


def test_theta_is_carved_into_weights_and_biases() -> None:
    x, y = T.matrix("x"), T.ivector("y")
    classifier = FlatLogisticRegression(input=x, n_in=3, n_out=2)
    theta = np.random.default_rng(0).normal(size=8)
    assert classifier.params == [classifier.theta]
    assert not classifier.theta.get_value().any()
    classifier.theta.set_value(theta)
    W, b = symgrad.function([], [classifier.W, classifier.b])()
    np.testing.assert_array_equal(W, theta[:6].reshape(3, 2))
    np.testing.assert_array_equal(b, theta[6:])

    cost = classifier.negative_log_likelihood(y)
    images, labels = np.random.default_rng(1).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    f = symgrad.function([x, y], [cost, T.grad(cost, classifier.theta)])
    value, gradient = f(images, labels.astype(np.int32))
    p = np.exp(images @ W + b)
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(value, -np.log(p[range(5), labels]).mean())
    d = (p - np.eye(2)[labels]) / 5
    np.testing.assert_allclose(gradient, np.concatenate([(images.T @ d).ravel(), d.sum(axis=0)]))


@pytest.mark.parametrize("method", logistic_cg.METHODS)
def test_scipy_goes_where_it_goes_by_hand(
    tmp_path: Path, digits: mnist.Dataset, method: str
) -> None:
    n = digits.train.n // 50 * 50
    x, y = digits.train.x[:n], digits.train.y[:n]

    def by_hand(theta: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
        z = x @ theta[:640].reshape(64, 10) + theta[640:]
        z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
        d = (np.exp(z) - np.eye(10)[y]) / n
        gradient = np.concatenate([(x.T @ d).ravel(), d.sum(axis=0)])
        return -z[np.arange(n), y].mean(), gradient

    points: list[Any] = []
    minimize(
        by_hand,
        np.zeros(650),
        jac=True,
        method=method,
        callback=lambda theta: points.append(theta.copy()),
        options={"maxiter": 6},
    )
    errors = [
        100
        * np.mean((digits.valid.x @ t[:640].reshape(64, 10) + t[640:]).argmax(1) != digits.valid.y)
        for t in points
    ]
    result = cg_optimization_mnist(6, digits, 50, method=method, out=tmp_path, quiet=True)
    np.testing.assert_allclose(result.validation, errors, atol=1e-9)
    assert result.best_validation == min(result.validation)
    best = points[int(np.argmin(errors))]
    with np.load(tmp_path / "best_model.npz") as saved:
        np.testing.assert_allclose(saved["W"], best[:640].reshape(64, 10), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(saved["b"], best[640:], rtol=1e-6, atol=1e-8)


def test_digits_are_learnt(
    tmp_path: Path, digits: mnist.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    result = cg_optimization_mnist(30, digits, None, out=tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["... building the model", "Optimizing using scipy.optimize.fmin_cg..."]
    assert lines[2:32] == [f"validation error {error:f} %" for error in result.validation]
    assert len(lines) == 33
    assert lines[32] == (
        f"Optimization complete with best validation score of {result.best_validation:f} %, "
        f"with test performance {result.test:f} %"
    )
    assert len(result.validation) == 30
    assert result.best_validation == min(result.validation) < 8
    assert result.test == result.tests[-1] < 12
    assert result.cost[-1] < 0.2
    assert result.cost[0] == pytest.approx(np.log(10))
    # `predict` of logistic_sgd.py takes the model too
    assert (predict(tmp_path / "best_model.npz", digits, n=300) != digits.test.y).mean() < 0.12
    validation, test = draw_errors(result, "t").axes[0].get_lines()
    assert list(validation.get_ydata()) == result.validation
    assert list(test.get_xdata()) == result.test_iterations


def test_nothing_is_computed_twice(
    tmp_path: Path, digits: mnist.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    cg_optimization_mnist(5, digits, 50, out=tmp_path, quiet=True)
    with np.load(tmp_path / "state.npz") as state:
        gradients = state["history gradient"]
    recorded, computed = logistic_cg.recorded, []

    def counted(name: str, function: Any, training: Any) -> Any:
        def count(theta: Any) -> Any:
            computed.append(name)
            return function(theta)

        return recorded(name, count, training)

    monkeypatch.setattr(logistic_cg, "recorded", counted)
    cg_optimization_mnist(5, digits, 50, out=tmp_path, resume=True, quiet=True)
    assert computed == []
    cg_optimization_mnist(6, digits, 50, out=tmp_path, resume=True, quiet=True)
    assert 2 <= len(computed) <= 6
    with np.load(tmp_path / "state.npz") as state:
        np.testing.assert_array_equal(state["history gradient"][: len(gradients)], gradients)


@pytest.mark.parametrize("call", [1, 2, 3, 8])
@pytest.mark.parametrize("method", logistic_cg.METHODS)
def test_ctrl_c_at_any_point(
    tmp_path: Path, digits: mnist.Dataset, monkeypatch: pytest.MonkeyPatch, method: str, call: int
) -> None:
    def optimise(name: str, *, resume: bool = False) -> logistic_cg.Result:
        out = tmp_path / name
        return cg_optimization_mnist(
            4, digits, 50, method=method, out=out, resume=resume, quiet=True
        )

    whole = optimise("whole")
    recorded, calls = logistic_cg.recorded, []

    def interrupted(name: str, function: Any, training: Any) -> Any:
        def interrupt(theta: Any) -> Any:
            calls.append(name)
            if len(calls) == call:
                signal.raise_signal(signal.SIGINT)
            return function(theta)

        return recorded(name, interrupt, training)

    monkeypatch.setattr(logistic_cg, "recorded", interrupted)
    with pytest.raises(Interrupted):
        optimise("kept")
    assert len(calls) == call
    assert optimise("kept", resume=True) == whole
    for name in ("best_model.npz", "state.npz"):
        with (
            np.load(tmp_path / "kept" / name) as ours,
            np.load(tmp_path / "whole" / name) as theirs,
        ):
            assert ours.files == theirs.files
            for key in ours.files:
                np.testing.assert_array_equal(ours[key], theirs[key], strict=True)


def test_a_record_of_other_steps(tmp_path: Path, digits: mnist.Dataset) -> None:
    cg_optimization_mnist(3, digits, 50, out=tmp_path, quiet=True)
    arrays = dict(np.load(tmp_path / "state.npz"))
    about = json.loads(str(arrays.pop("training")))
    del arrays["checksum"]
    arrays["history gradient"][1] *= 1.5
    state.write(tmp_path / "state.npz", about, arrays)
    with pytest.raises(OptionError, match="state.npz was recorded where SciPy takes other steps"):
        cg_optimization_mnist(3, digits, 50, out=tmp_path, resume=True, quiet=True)
    state.write(tmp_path / "state.npz", about | {"notes": {}}, arrays)
    with pytest.raises(ModelError, match="state.npz"):
        cg_optimization_mnist(3, digits, 50, out=tmp_path, resume=True, quiet=True)


def test_without_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "scipy":
            raise ImportError(name)
        return there(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(OptionError, match="SciPy.*not installed: python -m pip install scipy$"):
        cg_optimization_mnist(out=tmp_path / "o")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--method", "simplex"], "--method"),
        (["--batch-size", "301"], "301 images is larger than the validation split"),
        (["--resume"], "state.npz: found no such file"),
    ],
)
def test_bad_options(tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        main(["--dataset", "digits", "--out", str(tmp_path), *options])
    assert says in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_mnist(
    tmp_path: Path, mnist_directory: Path, floatX: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--dataset", str(mnist_directory), "--floatX", floatX, "--out", str(tmp_path)])
    out = capsys.readouterr().out
    validation = [float(error) for error in re.findall(r"^validation error (\S+) %$", out, re.M)]
    assert len(validation) == 50
    assert min(validation) <= 7.5
    # Line searches differ in late digits between versions of SciPy, and in early ones in float32:
    # one of the 9,600 validation images is 0.0104 %.
    np.testing.assert_allclose(validation[:10], REFERENCE[:10], rtol=0, atol=0.011)
    np.testing.assert_allclose(validation, REFERENCE, rtol=0, atol=0.3)


@pytest.mark.slow
def test_mnist_with_another_optimiser(tmp_path: Path, mnist_directory: Path) -> None:
    result = cg_optimization_mnist(
        dataset=mnist_directory, method="L-BFGS-B", out=tmp_path, quiet=True
    )
    assert result.best_validation <= 7.5
