"""The perceptron: its layers, its numbers against a derivation by hand, and the tutorial's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import ModelError, OptionError
from mlp import MLP, HiddenLayer, main, train_mlp

# ---- the classes ---------------------------------------------------------------------------------


def test_the_weights_at_the_start() -> None:
    x = T.matrix("x")
    layer = HiddenLayer(np.random.RandomState(1234), x, 784, 500, activation=T.tanh)
    W = layer.W.get_value()
    # the numbers from which the tutorial's figures follow
    expected = np.random.RandomState(1234).uniform(
        -np.sqrt(6 / 1284), np.sqrt(6 / 1284), (784, 500)
    )
    np.testing.assert_array_equal(W, expected)
    assert not layer.b.get_value().any()
    assert (layer.input, layer.params) == (x, [layer.W, layer.b])

    sigmoid = HiddenLayer(np.random.RandomState(1234), x, 784, 500, activation=T.nnet.sigmoid)
    np.testing.assert_array_equal(sigmoid.W.get_value(), 4 * expected)
    symgrad.config.floatX = "float32"
    single = HiddenLayer(np.random.RandomState(1234), x, 784, 500)
    np.testing.assert_array_equal(single.W.get_value(), expected.astype(np.float32), strict=True)


def test_a_layer_computes() -> None:
    x = T.matrix("x")
    W = symgrad.shared(np.array([[1.0, -1.0], [0.5, 2.0]]))
    b = symgrad.shared(np.array([0.0, 1.0]))
    images = np.array([[1.0, 2.0], [-1.0, 0.0]])
    linear = images @ W.get_value() + b.get_value()
    for activation, expected in (
        (T.tanh, np.tanh(linear)),
        (T.nnet.sigmoid, 1 / (1 + np.exp(-linear))),
        (None, linear),
    ):
        rng = np.random.RandomState(0)
        layer = HiddenLayer(rng, x, 2, 2, W, b, activation=activation)
        assert layer.params == [W, b]
        np.testing.assert_allclose(symgrad.function([x], layer.output)(images), expected)


def test_the_two_layers_together() -> None:
    x, y = T.matrix("x"), T.ivector("y")
    classifier = MLP(np.random.RandomState(0), x, n_in=3, n_hidden=4, n_out=2)
    assert [param.get_value().shape for param in classifier.params] == [(3, 4), (4,), (4, 2), (2,)]
    W1, _, W2, b2 = classifier.params
    W2.set_value(np.arange(8.0).reshape(4, 2))
    b2.set_value(np.array([0.0, -20.0]))
    W = W1.get_value()
    f = symgrad.function(
        [x, y],
        [
            classifier.L1,
            classifier.L2_sqr,
            classifier.errors(y),
            classifier.negative_log_likelihood(y),
        ],
    )
    images = np.array([[1.0, 2.0, 3.0]])
    l1, l2, errors, loss = f(images, np.array([0], np.int32))
    z = np.tanh(images @ W) @ W2.get_value() + b2.get_value()
    np.testing.assert_allclose(l1, np.abs(W).sum() + 28)
    np.testing.assert_allclose(l2, (W**2).sum() + 140)
    np.testing.assert_allclose(loss, np.log(np.exp(z - z[0, 0]).sum()))
    assert errors == (z[0, 1] > z[0, 0])


# ---- the function --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_training_follows_the_derivation_by_hand(
    tmp_path: Path, digits: mnist.Dataset, activation: str
) -> None:
    """With h = s(x W₁ + b₁) and d = softmax(h W₂ + b₂) - onehot(y), back through the layers:

    ∂ℓ/∂W₂ = hᵀ d / n,   ∂ℓ/∂W₁ = xᵀ ((d W₂ᵀ) ∘ s'(…)) / n,   and 2 L2 W + L1 sign(W) for each W
    """
    rate, l1, l2, n = 0.1, 1e-3, 1e-2, 20
    result = train_mlp(
        rate, l1, l2, 2, digits, n, 15, activation=activation, seed=7, out=tmp_path, quiet=True
    )
    limit = np.sqrt(6 / (64 + 15)) * (4 if activation == "sigmoid" else 1)
    W1, b1 = np.random.RandomState(7).uniform(-limit, limit, (64, 15)), np.zeros(15)
    W2, b2 = np.zeros((15, 10)), np.zeros(10)
    validation = []

    def hidden(x: Any) -> Any:
        z = x @ W1 + b1
        return np.tanh(z) if activation == "tanh" else 1 / (1 + np.exp(-z))

    for _ in range(2):
        for i in range(digits.train.n // n):
            x, y = digits.train.x[i * n : i * n + n], digits.train.y[i * n : i * n + n]
            h = hidden(x)
            p = np.exp(h @ W2 + b2)
            d = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y]) / n
            slope = 1 - h**2 if activation == "tanh" else h * (1 - h)
            e = d @ W2.T * slope
            W2, b2, W1, b1 = (
                W2 - rate * (h.T @ d + 2 * l2 * W2 + l1 * np.sign(W2)),
                b2 - rate * d.sum(axis=0),
                W1 - rate * (x.T @ e + 2 * l2 * W1 + l1 * np.sign(W1)),
                b1 - rate * e.sum(axis=0),
            )
        wrong = (hidden(digits.valid.x) @ W2 + b2).argmax(axis=1) != digits.valid.y
        validation.append(100 * wrong.mean())
    np.testing.assert_allclose(result.validation, validation, atol=1e-9)
    with np.load(tmp_path / "state.npz") as saved:
        for name, expected in (("W1", W1), ("b1", b1), ("W2", W2), ("b2", b2)):
            np.testing.assert_allclose(saved[name], expected, rtol=1e-9, atol=1e-12)


def test_digits_are_learnt(tmp_path: Path, digits: mnist.Dataset) -> None:
    result = train_mlp(0.1, n_epochs=30, dataset=digits, n_hidden=40, out=tmp_path, quiet=True)
    assert result.best_validation == min(result.validation) < 6
    assert result.test < 13
    assert result.epochs == 30
    assert {path.name for path in tmp_path.iterdir()} == {
        "best_model.npz",
        "errors.png",
        "errors.svg",
        "state.npz",
    }


def test_a_batch_larger_than_a_split(tmp_path: Path, digits: mnist.Dataset) -> None:
    with pytest.raises(OptionError, match="301 images is larger than the validation .* 300"):
        train_mlp(dataset=digits, batch_size=301, out=tmp_path)


# ---- the command ---------------------------------------------------------------------------------


def test_the_tutorials_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--dataset", "digits", "--hidden", "9", "--epochs", "2", "--out", str(tmp_path / "o")])
    out, err = capsys.readouterr()
    number = r"\d+\.\d{6}"
    where = "epoch [12], minibatch 59/59,"
    assert re.fullmatch(
        r"\.\.\. loading data\n\.\.\. building the model\n\.\.\. training\n"
        rf"({where} validation error {number} %\n"
        rf"(     {where} test error of best model {number} %\n)?){{2}}"
        rf"Optimization complete\. Best validation score of {number} % obtained at iteration "
        rf"(59|118), with test performance {number} %\n",
        out,
    )
    assert re.fullmatch(r"The code for file mlp\.py ran for \d+\.\d\dm\n", err)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden", "0"], "--hidden: found '0'"),
        (["--l2", "-1"], "--l2: found '-1', expected a number, 0 or above"),
        (["--activation", "relu"], "--activation"),
        (["--resume"], "state.npz: found no such file"),
    ],
)
def test_bad_options(tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        main(["--dataset", "digits", "--out", str(tmp_path), *options])
    assert says in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_mnist_for_two_epochs(
    tmp_path: Path, mnist_directory: Path, floatX: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--dataset", str(mnist_directory), "--floatX", floatX]
    main([*data, "--epochs", "2", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5:-1] == [
        "epoch 1, minibatch 2500/2500, validation error 9.620000 %",
        "     epoch 1, minibatch 2500/2500, test error of best model 10.090000 %",
        "epoch 2, minibatch 2500/2500, validation error 8.610000 %",
        "     epoch 2, minibatch 2500/2500, test error of best model 8.740000 %",
    ]
    assert lines[-1] == (
        "Optimization complete. Best validation score of 8.610000 % obtained at iteration 5000, "
        "with test performance 8.740000 %"
    )
