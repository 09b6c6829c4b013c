"""Softmax regression on raw pixels: its numbers, the way of its parameters, its pictures."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import softmax_mnist
import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import DataError, ModelError, OptionError
from softmax_mnist import SoftmaxRegression, draw_samples, load, main, train
from training.progress import Training
from training.running import Interrupted

Array = npt.NDArray[Any]

# Test accuracy after each epoch in percent, by a loop written by hand: MNIST, raw pixels, batches
# in the files' order, rate 1e-5.
REFERENCE = {
    1000: [
        89.30, 90.41, 90.92, 91.15, 91.39, 91.56, 91.65, 91.77, 91.86, 91.95,
        91.96, 92.00, 91.98, 92.01, 91.96, 91.99, 91.98, 91.99, 92.03, 92.05,
    ],
    10000: [
        81.56, 82.13, 86.58, 87.88, 88.31, 88.72, 89.12, 89.27, 89.50, 89.66,
        89.86, 89.93, 90.06, 90.14, 90.17, 90.29, 90.41, 90.46, 90.48, 90.51,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> mnist.Dataset:
    return load("digits", quiet=True)


def by_hand(
    data: mnist.Dataset, epochs: int, rate: float, batch: int
) -> tuple[list[float], list[Array], list[Array]]:
    """Accuracies, and all parameters on the way."""
    W, b = [np.zeros((data.n_features, 10))], [np.zeros(10)]
    accuracies = []
    for _ in range(epochs):
        for i in range(data.train.n // batch):
            x, y = (part[i * batch : (i + 1) * batch] for part in data.train)
            z = x @ W[-1] + b[-1]
            p = np.exp(z - z.max(axis=1, keepdims=True))
            d = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y]) / batch
            W.append(W[-1] - rate * x.T @ d)
            b.append(b[-1] - rate * d.sum(axis=0))
        accuracies.append(np.mean((data.test.x @ W[-1] + b[-1]).argmax(axis=1) == data.test.y))
    return accuracies, W, b


# ---- the model -----------------------------------------------------------------------------------


def test_all_images_are_raw_pixels(digits: mnist.Dataset) -> None:
    assert [(name, split.n) for name, split in digits.splits()] == [
        ("training", 1497),
        ("test", 300),
    ]
    assert digits.train.x.max() == 255
    assert not (digits.train.x % 1).any()


def test_the_graph() -> None:
    x, y = T.matrix("x"), T.ivector("y")
    model = SoftmaxRegression(x, 2, 3)
    model.W.set_value(np.array([[0.0, 1.0, -1.0], [0.0, 0.0, 0.0]]))
    model.b.set_value(np.array([0.0, 0.0, 1.0]))
    f = symgrad.function([x, y], [model.p, model.cost(y), model.accuracy(y)])
    images, classes = np.array([[2.0, 5.0], [0.0, 5.0]]), np.array([1, 0], np.int32)
    p, cost, accuracy = f(images, classes)
    expected = np.exp([[0.0, 2.0, -1.0], [0.0, 0.0, 1.0]])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected)
    np.testing.assert_allclose(cost, -np.log(expected[[0, 1], classes]).mean())
    assert accuracy == 0.5


# ---- the training --------------------------------------------------------------------------------


def test_training_follows_the_derivation_by_hand(digits: mnist.Dataset) -> None:
    result = train(digits, batch_size=100, n_epochs=3, quiet=True)
    accuracies, W, b = by_hand(digits, 3, 1e-5, 100)
    assert result.accuracy == accuracies
    np.testing.assert_allclose(result.params["W"], W[-1], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(result.params["b"], b[-1], rtol=1e-9, atol=1e-15)
    assert len(result.cost) == 3
    assert result.cost[0] > result.cost[1] > result.cost[2] > 0
    # all 14 minibatches of each epoch, and the start
    assert result.iterations == list(range(43))
    for name, values in (("W", W), ("b", b)):
        expected = [np.linalg.norm(value - values[-1]) for value in values]
        np.testing.assert_allclose(
            result.distance[name], expected, rtol=1e-5, atol=1e-7 * expected[0]
        )
        assert result.distance[name][-1] == 0


@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize("rate", [1e-3, 1.0, 1e6])
def test_logits_far_from_zero(floatX: str, rate: float) -> None:
    symgrad.config.floatX = floatX
    data = load("digits", quiet=True)
    result = train(data, batch_size=100, learning_rate=rate, n_epochs=2, quiet=True)
    z = data.test.x @ result.params["W"] + result.params["b"]
    assert np.abs(z).max() > 1e5 * rate  # (warnings, of an overflow say, are errors here)
    assert np.isfinite(result.cost).all()
    assert result.accuracy[-1] > 0.6


def test_the_default_batch_suits_the_digits(digits: mnist.Dataset) -> None:
    assert len(train(digits, n_epochs=1, quiet=True).iterations) == 1497 // 50 + 1


def test_a_long_training_remembers_some(
    digits: mnist.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = train(digits, batch_size=100, n_epochs=3, quiet=True)
    monkeypatch.setattr(softmax_mnist, "N_REMEMBERED", 5)
    some = train(digits, batch_size=100, n_epochs=3, quiet=True)
    assert some.iterations == [0, 16, 32]
    for name in ("W", "b"):
        np.testing.assert_array_equal(some.params[name], everything.params[name])
        assert some.distance[name] == everything.distance[name][:33:16]


# ---- interrupting and resuming -------------------------------------------------------------------


def same(one: Path, other: Path) -> None:
    """Compare all arrays that two directories hold."""
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    for path in one.glob("*.npz"):
        with np.load(path) as ours, np.load(other / path.name) as theirs:
            assert ours.files == theirs.files
            for key in ours.files:
                np.testing.assert_array_equal(ours[key], theirs[key], strict=True)


@pytest.mark.parametrize(("steps", "n_remembered"), [(1, 2000), (20, 5), (28, 2000), (29, 5)])
def test_ctrl_c_loses_nothing(
    tmp_path: Path,
    digits: mnist.Dataset,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    n_remembered: int,
) -> None:
    monkeypatch.setattr(softmax_mnist, "N_REMEMBERED", n_remembered)
    monkeypatch.setattr("softmax_mnist.save_figure", lambda figure, path: None)  # takes a while
    whole, kept = tmp_path / "whole", tmp_path / "kept"
    train(digits, batch_size=100, n_epochs=3, out=whole, quiet=True)

    record = Training.record

    def interrupted_record(self: Training, **values: Any) -> None:
        record(self, **values)
        if "cost" in values and len(self.history["cost"]) == steps:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "record", interrupted_record)
        with pytest.raises(Interrupted, match=r"--resume goes on from .*state\.npz"):
            train(digits, batch_size=100, n_epochs=3, out=kept, quiet=True)
    assert {path.name for path in kept.iterdir()} == {"state.npz"}
    train(digits, batch_size=100, n_epochs=3, out=kept, resume=True, quiet=True)
    same(kept, whole)


def test_a_state_of_other_options_is_refused(tmp_path: Path, digits: mnist.Dataset) -> None:
    train(digits, n_epochs=1, out=tmp_path, quiet=True)
    with pytest.raises(OptionError, match="with batch-size 50, not 100"):
        train(digits, batch_size=100, out=tmp_path, resume=True, quiet=True)
    with pytest.raises(OptionError, match="with learning-rate 1e-05, not 0.1"):
        train(digits, learning_rate=0.1, out=tmp_path, resume=True, quiet=True)
    with pytest.raises(OptionError, match="--resume needs --out"):
        train(digits, resume=True, quiet=True)


# ---- pictures ------------------------------------------------------------------------------------


def test_the_plots(digits: mnist.Dataset) -> None:
    result = train(digits, batch_size=100, n_epochs=2, quiet=True)
    assert result.figures.keys() == {"accuracy", "distance"}
    [accuracy] = result.figures["accuracy"].axes
    [line] = accuracy.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])
    np.testing.assert_array_equal(line.get_ydata(), [100 * value for value in result.accuracy])
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == (
        "epoch",
        "test images classified rightly (%)",
    )
    [distance] = result.figures["distance"].axes
    assert [text.get_text() for text in distance.get_legend().get_texts()] == [
        "‖W − W at the end‖",
        "‖b − b at the end‖",
    ]
    for line, name in zip(distance.get_lines(), ("W", "b"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), range(28))  # without the 0 at the end
        np.testing.assert_array_equal(line.get_ydata(), result.distance[name][:-1])
    assert distance.get_yscale() == "log"
    assert "batches of 100" in distance.get_title()


def test_samples_have_their_own_labels(digits: mnist.Dataset) -> None:
    figure = draw_samples(digits, 12, seed=1)
    shown = [axes for axes in figure.axes if axes.get_images()]
    assert len(shown) == 12
    for axes in shown:
        picture = np.asarray(axes.get_images()[0].get_array()).ravel()
        [position] = np.flatnonzero((digits.train.x == picture).all(axis=1))
        assert axes.get_title() == str(digits.train.y[position])
    others = draw_samples(digits, 12, seed=2)
    assert [a.get_title() for a in others.axes] != [a.get_title() for a in figure.axes]


def test_samples_that_are_no_pictures(tmp_path: Path) -> None:
    x, y = np.zeros((6, 24), np.uint8), np.zeros(6, np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(ModelError, match="data.npz: rows of 24 pixels are no square pictures"):
        draw_samples(load(path, quiet=True))


# ---- the command ---------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b"
    main(["--dataset", "digits", "--epochs", "2", "--show-samples", "3", "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["... loading data", f"... samples are in {out / 'samples'}.png"]
    epoch = re.compile(r"epoch  (\d), cost \d\.\d{6}, test accuracy (\d\d\.\d\d) %")
    found = [epoch.fullmatch(line) for line in lines[2:-1]]
    assert [match and match[1] for match in found] == ["1", "2"]
    assert found[-1] is not None
    assert lines[-1] == f"Test accuracy after epoch 2: {found[-1][2]} %"
    assert {path.name for path in out.iterdir()} == {
        "state.npz",
        "weights.npz",
        *(
            f"{name}.{ending}"
            for name in ("accuracy", "distance", "samples")
            for ending in ("png", "svg")
        ),
    }
    with np.load(out / "weights.npz") as weights:
        assert {name: weights[name].shape for name in weights.files} == {"W": (64, 10), "b": (10,)}
    main(["--dataset", "digits", "--epochs", "1", "--quiet", "--out", str(out)])
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--batch-size", "1498"], "1498 images is larger than the training split, which has 1497"),
        (["--batch-size", "0"], "--batch-size: found '0'"),
        (["--learning-rate", "0"], "--learning-rate: found '0', expected a number above 0"),
        (["--show-samples", "none"], "--show-samples: found 'none'"),
        (["--resume"], "no such file"),
    ],
)
def test_bad_options(tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        main(["--dataset", "digits", "--out", str(tmp_path / "out"), "--quiet", *options])
    assert says in str(caught.value)


def test_bad_files(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    directory = write_mnist(tmp_path / "data")
    (directory / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte.gz: found bytes"):
        main(["--dataset", str(directory), "--out", str(tmp_path / "out"), "--quiet"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_learning_rate_that_explodes(digits: mnist.Dataset) -> None:
    with pytest.raises(ModelError, match=r"a smaller learning rate than 1e\+308 may help"):
        train(digits, learning_rate=1e308, quiet=True)


# ---- the real thing ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("floatX", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", REFERENCE)
def test_mnist(mnist_directory: Path, batch_size: int, floatX: str) -> None:
    symgrad.config.floatX = floatX
    result = train(mnist_directory, batch_size=batch_size, quiet=True)
    found = 100 * np.array(result.accuracy)
    # float64 finds the same images; another order of adding may turn a few of the 10,000
    np.testing.assert_allclose(found, REFERENCE[batch_size], rtol=0, atol=0.05)
