"""Two classes: the figures of the reference, the gradient by hand, certainty, the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from binary_logistic import BinaryLogisticRegression, main, train
from datasets.errors import ModelError, OptionError
from datasets.two_classes import Data, load


@pytest.fixture(scope="module")
def digits() -> Data:
    return load("digits", quiet=True)


def by_hand(data: Data, n_epochs: int, *, rate: float = 0.01, seed: int = 0) -> Any:
    """Losses and accuracies after each epoch, and the weights, with the gradient derived."""
    x, y = data.train_x / 255, data.train_y
    w = np.random.RandomState(seed).normal(0, 0.1, 64)
    losses, accuracies = [], []
    for _ in range(n_epochs):
        p = 1 / (1 + np.exp(-x @ w))
        w -= rate * x.T @ (p - y) / len(y)
        p = 1 / (1 + np.exp(-x @ w))
        losses.append(-np.mean(np.log(np.where(y == 1, p, 1 - p))))
        accuracies.append(np.mean((p > 0.5) == y))
    return losses, accuracies, w


# ---- numbers -------------------------------------------------------------------------------------


def test_the_gradient_by_hand(digits: Data) -> None:
    losses, accuracies, w = by_hand(digits, 30, rate=0.5, seed=3)
    result = train(digits, n_epochs=30, learning_rate=0.5, seed=3, quiet=True)
    np.testing.assert_allclose(result.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(result.params["W"], w, rtol=1e-10)
    assert result.accuracy == accuracies
    assert losses[-1] < losses[0] / 2
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.95


@pytest.mark.parametrize(("floatX", "rtol"), [("float64", 1e-14), ("float32", 1e-6)])
def test_the_reference(mnist_directory: Path, floatX: str, rtol: float) -> None:
    symgrad.config.floatX = floatX
    data = load(mnist_directory, quiet=True)
    assert data.train_y.tolist() == 500 * [0] + 500 * [1]
    result = train(data, quiet=True)
    assert len(result.loss) == 100
    np.testing.assert_allclose(result.loss[0], 0.614287844412366, rtol=rtol)
    np.testing.assert_allclose(result.loss[-1], 0.5105575136978252, rtol=rtol)
    assert (result.accuracy[0], result.accuracy[-1]) == (0.936, 0.987)
    assert result.params["W"].dtype == floatX
    assert data.test_y.size == 980 + 1135
    assert result.test_accuracy == pytest.approx(0.9924, abs=0.0005)


@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_a_model_that_is_certain_has_a_finite_cost(floatX: str) -> None:
    symgrad.config.floatX = floatX
    x, y = T.matrix("x"), T.ivector("y")
    model = BinaryLogisticRegression(x, np.full(64, 1e4))
    cost = model.cost(y)
    f = symgrad.function([x, y], [cost, T.grad(cost, model.W), model.p])
    images = np.array([np.ones(64), -np.ones(64)], floatX)
    right, slope, p = f(images, np.array([1, 0], np.int32))
    assert p.tolist() == [1, 0]
    assert right == 0
    assert not slope.any()
    wrong, slope, _ = f(images, np.array([0, 1], np.int32))
    np.testing.assert_allclose(wrong, 64e4)
    np.testing.assert_allclose(slope, np.ones(64))


def test_a_cost_that_is_not_finite() -> None:
    symgrad.config.floatX = "float32"
    data = load("digits", ("3", "8"), quiet=True)
    with pytest.raises(ModelError, match=r"loss became \w+ in epoch \d+: a smaller learning rate"):
        train(data, learning_rate=1e38, quiet=True)


def test_threshold_and_bias(digits: Data) -> None:
    always, never = (
        train(digits, threshold=p, n_epochs=1, quiet=True).accuracy for p in (1e-9, 1 - 1e-9)
    )
    ones = float(digits.train_y.mean())
    assert (always, never) == ([ones], [pytest.approx(1 - ones)])
    result = train(digits, bias=True, n_epochs=5, quiet=True)
    assert result.params["b"].shape == ()
    assert result.params["b"] != 0
    assert result.loss != train(digits, n_epochs=5, quiet=True).loss


def test_without_test_images_there_is_no_test(digits: Data) -> None:
    assert train(digits, n_epochs=2, quiet=True).test_accuracy is not None
    untested = digits._replace(test_x=digits.test_x[:0], test_y=digits.test_y[:0])
    assert train(untested, n_epochs=2, quiet=True).test_accuracy is None


# ---- the command ---------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["--dataset", "digits", "--classes", "3", "8", "--epochs", "3", "--out", str(out)]
    main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "... loading data"
    for number, line in enumerate(lines[1:4], 1):
        assert re.fullmatch(rf"epoch   {number}, loss 0\.\d{{6}}, accuracy \d+\.\d\d %", line)
    assert re.fullmatch(
        r"Training accuracy after 3 epochs: [\d.]+ %, test accuracy on \d+ images: [\d.]+ %",
        lines[4],
    )
    pictures = {f"{n}.{end}" for n in ("loss", "accuracy", "weights") for end in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == pictures | {"weights.npz", "state.npz"}
    with np.load(out / "weights.npz") as saved:
        assert saved["W"].shape == (64,)

    main([*arguments, "--quiet", "--resume"])
    assert capsys.readouterr().out.splitlines() == lines[4:]
    with pytest.raises(OptionError, match="saved by a training with dataset digits of 298"):
        main([*arguments[:2], "--epochs", "4", "--out", str(out), "--resume"])
    with pytest.raises(OptionError, match="found '1.5', expected a number between 0 and 1"):
        main([*arguments, "--threshold", "1.5"])


def test_the_pictures(digits: Data) -> None:
    figures = train(digits, n_epochs=4, quiet=True).figures
    axes = figures["loss"].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "cross-entropy (nats per image)")
    axes, bar = figures["weights"].axes
    assert axes.images[0].get_array().shape == (8, 8)
    low, high = axes.images[0].get_clim()
    assert low == -high
    assert "speaks for 1 (+) or 0 (−)" in bar.get_ylabel()
