"""Logistic regression and its training, as a class and as a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import ModelError, OptionError
from logistic_sgd import LogisticRegression, load_data, predict, sgd_optimization_mnist

# ---- the class -----------------------------------------------------------------------------------


def test_the_class_has_what_the_tutorial_uses() -> None:
    x, y = T.matrix("x"), T.ivector("y")
    classifier = LogisticRegression(input=x, n_in=4, n_out=3)
    assert classifier.input is x
    assert classifier.params == [classifier.W, classifier.b]
    assert (classifier.W.name, classifier.b.name) == ("W", "b")
    assert classifier.W.get_value().shape == (4, 3)
    assert classifier.W.get_value().dtype == symgrad.config.floatX
    assert not classifier.W.get_value().any()
    assert not classifier.b.get_value().any()

    images = np.arange(8.0).reshape(2, 4)
    p = symgrad.function([x], classifier.p_y_given_x)
    np.testing.assert_allclose(p(images), np.full((2, 3), 1 / 3))
    cost = symgrad.function([x, y], classifier.negative_log_likelihood(y))
    np.testing.assert_allclose(cost(images, np.array([0, 2], np.int32)), np.log(3))

    classifier.b.set_value(np.array([0.0, 1.0, 0.0]))
    predicted = symgrad.function([x], classifier.y_pred)
    assert predicted(images).tolist() == [1, 1]
    errors = symgrad.function([x, y], classifier.errors(y))
    assert errors(images, np.array([1, 2], np.int32)) == 0.5


def test_errors_refuses_what_it_cannot_compare() -> None:
    classifier = LogisticRegression(input=T.matrix("x"), n_in=4, n_out=3)
    with pytest.raises(TypeError, match="as many dimensions as y_pred, 1, found 2"):
        classifier.errors(T.imatrix("y"))
    with pytest.raises(NotImplementedError, match="found dtype float64"):
        classifier.errors(T.dvector("y"))


def test_the_cost_stays_finite_when_the_model_is_certain_and_wrong() -> None:
    x, y = T.dmatrix("x"), T.ivector("y")
    classifier = LogisticRegression(input=x, n_in=2, n_out=2)
    classifier.W.set_value(np.array([[2000.0, -2000.0], [0.0, 0.0]], symgrad.config.floatX))
    cost = classifier.negative_log_likelihood(y)
    both = symgrad.function([x, y], [cost, T.grad(cost, classifier.b)])
    value, gradient = both(np.array([[1.0, 0.0]]), np.array([1], np.int32))
    assert value == 4000
    assert gradient.tolist() == [1, -1]


def test_load_data_gives_shared_variables(digits: mnist.Dataset) -> None:
    pairs = load_data(digits)
    assert [x.get_value(borrow=True).shape for x, _ in pairs] == [(1197, 64), (300, 64), (300, 64)]
    assert [y.dtype for _, y in pairs] == ["int32"] * 3


# ---- the function --------------------------------------------------------------------------------


def by_hand(
    data: mnist.Dataset, epochs: int, rate: float, batch: int
) -> tuple[list[float], npt.NDArray[Any], npt.NDArray[Any]]:
    """The same training in NumPy, with the gradient that a person derives:

    ∂ℓ/∂z = (softmax(z) - onehot(y)) / n,   ∂ℓ/∂W = xᵀ ∂ℓ/∂z,   ∂ℓ/∂b = Σ_k ∂ℓ/∂z_k
    """
    W, b = np.zeros((data.n_features, 10)), np.zeros(10)
    errors = []
    for _ in range(epochs):
        for i in range(data.train.n // batch):
            x, y = (part[i * batch : (i + 1) * batch] for part in data.train)
            p = np.exp(x @ W + b)
            g = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y]) / batch
            W, b = W - rate * x.T @ g, b - rate * g.sum(axis=0)
        n = data.valid.n // batch * batch
        errors.append(100 * np.mean((data.valid.x[:n] @ W + b).argmax(axis=1) != data.valid.y[:n]))
    return errors, W, b


def test_training_follows_the_derivation_by_hand(tmp_path: Path, digits: mnist.Dataset) -> None:
    path = tmp_path / "model.npz"
    result = sgd_optimization_mnist(0.2, 4, digits, 50, save=path, quiet=True)
    errors, W, b = by_hand(digits, 4, 0.2, 50)
    assert errors[-1] == min(errors) < errors[0]  # so that the saved parameters are the last
    np.testing.assert_allclose(result.validation, errors, atol=1e-9)
    assert (result.epochs, result.best_validation) == (4, result.validation[-1])
    with np.load(path) as saved:
        assert sorted(saved.files) == ["W", "b"]
        np.testing.assert_allclose(saved["W"], W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(saved["b"], b, rtol=1e-9, atol=1e-12)


def test_digits_are_learnt_until_patience_runs_out(
    tmp_path: Path, digits: mnist.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    result = sgd_optimization_mnist(
        dataset=digits, batch_size=None, save=tmp_path / "model.npz", quiet=True
    )
    assert 200 < result.epochs < 1000
    assert result.best_validation == min(result.validation) < 10
    assert result.test < 15

    capsys.readouterr()
    labels = predict(tmp_path / "model.npz", digits)
    out = capsys.readouterr().out
    assert out == f"Predicted values for the first 10 examples in test set:\n{labels}\n"
    assert labels.shape == (10,)
    assert (predict(tmp_path / "model.npz", digits, n=300) != digits.test.y).mean() < 0.15


def test_predict_checks_the_model(tmp_path: Path, digits: mnist.Dataset) -> None:
    path = tmp_path / "model.npz"
    with pytest.raises(ModelError, match=r"model.npz: found no such file"):
        predict(path, digits)
    np.savez(path, W=np.zeros((784, 10)), b=np.zeros(10))
    with pytest.raises(ModelError, match=r"W of shape \(784, 10\) .*, expected .* 64 pixels"):
        predict(path, digits)


def test_a_batch_larger_than_a_split(tmp_path: Path, digits: mnist.Dataset) -> None:
    with pytest.raises(OptionError, match="600 images is larger than the validation .* 300"):
        sgd_optimization_mnist(dataset=digits, save=tmp_path / "model.npz")


def test_ctrl_c_while_saving_still_saves(
    tmp_path: Path, digits: mnist.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    savez, calls = np.savez, []

    def interrupted_at_first(file: Any, **arrays: Any) -> None:
        calls.append(file)
        if len(calls) == 1:
            file.write(b"half of it")
            raise KeyboardInterrupt
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", interrupted_at_first)
    with pytest.raises(KeyboardInterrupt, match=r"in epoch 1\. The best model so far.*model.npz"):
        sgd_optimization_mnist(0.2, 4, digits, 50, save=path, quiet=True)
    with np.load(path) as saved:
        np.testing.assert_allclose(saved["W"], by_hand(digits, 1, 0.2, 50)[1], atol=1e-12)
