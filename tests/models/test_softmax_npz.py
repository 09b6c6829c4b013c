"""Softmax regression on an ``.npz``, and the script that makes one."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import symgrad
from datasets import mnist
from datasets.errors import DataError, ModelError, OptionError
from make_npz import main as make_main, make_npz
from softmax_npz import load, main, train
from training.progress import Training
from training.running import Interrupted

Array = npt.NDArray[Any]

# Test accuracy after each epoch, by a loop written by hand: the first 5,000 and 1,000 images of
# MNIST, pixels / 255, in the file's order.
REFERENCE = [75.9, 79.7, 81.4, 83.2, 83.4, 83.9, 84.5, 85.1, 85.4, 86.1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """600 and 200 of the small digits."""
    path = tmp_path / "digits.npz"
    make_npz(path, "digits", n_train=600, n_test=200, quiet=True)
    return path


def by_hand(path: Path, epochs: int, rate: float, batch: int, seed: int | None) -> Array:
    """W after so many epochs; `seed` is None for the file's order."""
    with np.load(path) as arrays:
        x, y = arrays["X_train"].astype(float), arrays["y_train"]
    x = np.c_[x, np.ones(len(x))]
    W = np.zeros((x.shape[1], 10))
    rng = np.random.RandomState(seed)
    for _ in range(epochs):
        order = np.arange(len(x)) if seed is None else rng.permutation(len(x))
        for i in range(len(x) // batch):
            at = order[i * batch : (i + 1) * batch]
            p = np.exp(x[at] @ W)
            d = p / p.sum(axis=1, keepdims=True) - np.eye(10)[y[at]]
            W -= rate / batch * x[at].T @ d
    return W


# ---- the training --------------------------------------------------------------------------------


@pytest.mark.parametrize(("shuffle", "seed"), [(False, None), (True, 0), (True, 3)])
def test_training_follows_the_derivation_by_hand(
    path: Path, shuffle: bool, seed: int | None
) -> None:
    result = train(path, batch_size=64, n_epochs=3, shuffle=shuffle, seed=seed or 0, quiet=True)
    W = by_hand(path, 3, 0.1, 64, seed)
    np.testing.assert_allclose(result.params["W"], W, rtol=1e-9, atol=1e-12)
    with np.load(path) as arrays:
        for name, found in (("train", result.train_accuracy), ("test", result.test_accuracy)):
            x = np.c_[arrays[f"X_{name}"], np.ones(len(arrays[f"X_{name}"]))]
            assert len(found) == 3
            assert found[-1] == np.mean((x @ W).argmax(axis=1) == arrays[f"y_{name}"])
    assert len(result.cross_entropy) == 3 * (600 // 64)
    assert result.cross_entropy[0] == pytest.approx(np.log(10))  # W is zero
    assert result.cross_entropy[-1] < 2


def test_the_seed_decides(path: Path) -> None:
    def cross_entropy(**options: Any) -> list[float]:
        return train(path, batch_size=64, n_epochs=1, quiet=True, **options).cross_entropy

    assert cross_entropy(seed=1) == cross_entropy(seed=1)
    assert cross_entropy(seed=1) != cross_entropy(seed=2)
    assert cross_entropy(shuffle=False, seed=1) == cross_entropy(shuffle=False, seed=2)


def test_one_hot_bytes_in_capitals_are_the_same(path: Path, tmp_path: Path) -> None:
    """However a file writes it, it is the same training."""
    with np.load(path) as arrays:
        contents = {
            "X_TRAIN": np.rint(arrays["X_train"] * 255).astype(np.uint8).reshape(-1, 8, 8),
            "Y_train": np.eye(10)[arrays["y_train"]],
            "x_test": np.rint(arrays["X_test"] * 255).astype(int),
            "y_test": arrays["y_test"].astype(float)[:, np.newaxis],
        }
    np.savez(tmp_path / "other.npz", **contents)
    ours = train(tmp_path / "other.npz", batch_size=64, n_epochs=2, quiet=True)
    theirs = train(path, batch_size=64, n_epochs=2, quiet=True)
    np.testing.assert_allclose(ours.params["W"], theirs.params["W"], atol=1e-7)
    assert ours.test_accuracy == theirs.test_accuracy


def test_other_numbers_of_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    x = np.eye(3)[y] + rng.normal(0, 0.2, (90, 3)) - 5  # features, not pixels
    path = tmp_path / "blobs.npz"
    np.savez(path, X_train=x[:60], y_train=y[:60], X_test=x[60:], y_test=y[60:])
    result = train(path, batch_size=20, n_epochs=60, n_classes=3, quiet=True)
    assert result.params["W"].shape == (4, 3)
    assert result.test_accuracy[-1] > 0.95
    y[3] = 3
    np.savez(path, X_train=x[:60], y_train=y[:60], X_test=x[60:], y_test=y[60:])
    with pytest.raises(DataError, match=r"blobs.npz\[x_train, y_train\]: found label 3 at pos"):
        train(path, n_classes=3, quiet=True)


def test_the_plots(path: Path) -> None:
    result = train(path, batch_size=64, n_epochs=3, quiet=True)
    [loss] = result.figures["loss"].axes
    each, mean = loss.get_lines()
    np.testing.assert_array_equal(each.get_ydata(), result.cross_entropy)
    np.testing.assert_allclose(
        mean.get_ydata(), np.reshape(result.cross_entropy, (3, 9)).mean(axis=1)
    )
    np.testing.assert_array_equal(mean.get_xdata(), [4.5, 13.5, 22.5])
    assert loss.get_ylabel() == "cross-entropy (nats per example)"
    [accuracy] = result.figures["accuracy"].axes
    training, test = accuracy.get_lines()
    np.testing.assert_array_equal(training.get_ydata(), 100 * np.array(result.train_accuracy))
    np.testing.assert_array_equal(test.get_ydata(), 100 * np.array(result.test_accuracy))
    for axes, names in (
        (loss, ["one minibatch", "mean of an epoch"]),
        (accuracy, ["training", "test"]),
    ):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == names
        assert "digits.npz" in axes.get_title()


# ---- interrupting and resuming -------------------------------------------------------------------


def same(one: Path, other: Path) -> None:
    """Compare all arrays that two directories hold."""
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    for path in one.glob("*.npz"):
        with np.load(path) as ours, np.load(other / path.name) as theirs:
            assert ours.files == theirs.files
            for key in ours.files:
                np.testing.assert_array_equal(ours[key], theirs[key], strict=True)


@pytest.mark.parametrize(("steps", "shuffle"), [(1, True), (13, True), (14, False), (18, True)])
def test_ctrl_c_loses_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, shuffle: bool
) -> None:
    monkeypatch.setattr("softmax_npz.save_figure", lambda figure, path: None)  # takes a while
    whole, kept = tmp_path / "whole", tmp_path / "kept"
    options: dict[str, Any] = {"batch_size": 64, "n_epochs": 3, "shuffle": shuffle, "quiet": True}
    train(path, out=whole, **options)

    record = Training.record

    def interrupted_record(self: Training, **values: Any) -> None:
        record(self, **values)
        if len(self.history["cross_entropy"]) == steps:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "record", interrupted_record)
        with pytest.raises(Interrupted, match=r"--resume goes on from .*state\.npz"):
            train(path, out=kept, **options)
    assert {path.name for path in kept.iterdir()} == {"state.npz"}
    train(path, out=kept, resume=True, **options)
    same(kept, whole)


def test_a_state_of_other_options_is_refused(path: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 64, "out": tmp_path / "out", "quiet": True}
    train(path, n_epochs=1, **options)
    for changes, says in (
        ({"shuffle": False}, "with no-shuffle False, not True"),
        ({"seed": 1}, "with seed 0, not 1"),
        ({"batch_size": 32}, "with batch-size 64, not 32"),
    ):
        with pytest.raises(OptionError, match=says):
            train(path, resume=True, **options | changes)
    with pytest.raises(OptionError, match="--resume needs --out"):
        train(path, resume=True, quiet=True)


# ---- the command ---------------------------------------------------------------------------------


def test_the_command(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    main(["--dataset", str(path), "--epochs", "2", "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    percent = r"\d\d\.\d\d %"
    for number, line in enumerate(lines[1:-1], 1):
        assert re.fullmatch(
            rf"epoch  {number}, cross-entropy \d\.\d{{6}}, training accuracy {percent}, "
            rf"test accuracy {percent}",
            line,
        )
    assert len(lines) == 4
    assert re.fullmatch(rf"Test accuracy after epoch 2: {percent}", lines[-1])
    assert {path.name for path in out.iterdir()} == {
        "state.npz",
        "weights.npz",
        *(f"{name}.{ending}" for name in ("accuracy", "loss") for ending in ("png", "svg")),
    }
    with np.load(out / "weights.npz") as weights:
        assert {name: weights[name].shape for name in weights.files} == {"W": (65, 10)}
    main(["--dataset", str(path), "--epochs", "1", "--quiet", "--out", str(out)])
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--batch-size", "601"], "601 images is larger than the training split, which has 600"),
        (["--batch-size", "0"], "--batch-size: found '0'"),
        (["--learning-rate", "inf"], "--learning-rate: found 'inf'"),
        (["--scale", "0"], "--scale: found '0'"),
        (["--classes", "1"], r"digits.npz[x_train, y_train]: found label 1 at position 1"),
        (["--resume"], "no such file"),
    ],
)
def test_bad_options(path: Path, tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        main(["--dataset", str(path), "--out", str(tmp_path / "out"), "--quiet", *options])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"X_test": None}, "found no x_test among X_train, y_test, y_train, expected an .npz"),
        (
            {"X_train": np.array([None] * 9)},
            "[X_train]: found something that cannot be read (X_train.npy holds object",
        ),
        ({"y_train": np.full(9, 10)}, "found label 10 at position 0, expected labels from 0 to 9"),
        ({"y_test": np.full(4, -1)}, "found label -1 at position 0"),
        ({"y_test": np.arange(5)}, "found 5 labels, expected 4, one for each image"),
        ({"X_train": np.full((9, 4), np.nan)}, "found NaN or infinity in image 0"),
        ({"X_test": np.zeros((0, 4)), "y_test": np.zeros(0, int)}, "float64 of shape (0, 4)"),
        ({"X_test": np.zeros((4, 5))}, "images of 4 and of 5 pixels"),
        ({"X_train": np.zeros((9, 4), object)}, "X_train.npy holds object, not numbers"),
        ({"y_train": np.array(list("012345678"))}, "labels as <U1"),
    ],
)
def test_files_that_will_not_do(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    arrays = {
        "X_train": np.zeros((9, 4)),
        "y_train": np.arange(9),
        "X_test": np.zeros((4, 4)),
        "y_test": np.arange(4),
    }
    path = tmp_path / "data.npz"
    np.savez(path, **{key: a for key, a in (arrays | changes).items() if a is not None})
    with pytest.raises(DataError) as caught:
        main(["--dataset", str(path), "--batch-size", "3", "--out", str(tmp_path), "--quiet"])
    message = str(caught.value)
    assert message.startswith(str(path))
    assert says in message
    assert "\n" not in message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_learning_rate_that_explodes(path: Path) -> None:
    with pytest.raises(ModelError, match=r"a smaller learning rate than 1e\+308 may help"):
        train(path, batch_size=100, learning_rate=1e308, quiet=True)


# ---- making the file -----------------------------------------------------------------------------


def test_make_npz(
    tmp_path: Path,
    write_mnist: Callable[..., Path],
    small_mnist: Callable[..., dict[str, Array]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = write_mnist(tmp_path / "data")
    raw = small_mnist()
    path = tmp_path / "made.npz"
    make_main([str(path), "--dataset", str(directory), "--train", "50"])
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"{path}: X_train (50, 784), y_train (50,), X_test (12, 784), y_test (12,)"
    )
    pixels = raw["train-images-idx3-ubyte"][:50].reshape(50, 784)
    with np.load(path) as made:
        assert made["X_train"].dtype == np.float32
        np.testing.assert_array_equal(made["X_train"], pixels.astype("float32") / np.float32(255))
        np.testing.assert_array_equal(made["y_train"], raw["train-labels-idx1-ubyte"][:50])
        np.testing.assert_array_equal(made["y_test"], raw["t10k-labels-idx1-ubyte"])
    data = load(path, quiet=True)
    assert (data.train.n, data.test.n) == (50, 12)

    options = ["--scale", "1", "--one-hot", "--test", "5", "--quiet"]
    make_main([str(path), "--dataset", str(directory), *options])
    assert capsys.readouterr().out == ""
    with np.load(path) as made:
        assert made["X_train"].dtype == np.uint8
        np.testing.assert_array_equal(made["X_train"][:50], pixels)
        assert made["y_test"].shape == (5, 10)
        np.testing.assert_array_equal(
            made["y_test"].argmax(axis=1), raw["t10k-labels-idx1-ubyte"][:5]
        )
    again = load(path, quiet=True)
    np.testing.assert_allclose(again.train.x[:50], data.train.x, rtol=1e-6)
    np.testing.assert_array_equal(again.train.y[:50], data.train.y)


def test_make_npz_leaves_floats_as_they_are(path: Path, tmp_path: Path) -> None:
    make_npz(tmp_path / "again.npz", path, scale=1, quiet=True)
    with np.load(path) as ours, np.load(tmp_path / "again.npz") as theirs:
        for name in ours.files:
            np.testing.assert_array_equal(ours[name], theirs[name], strict=True)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("made.npz", ["--train", "1498"], "--train: found 1,498, expected at most 1,497"),
        ("made.npz", ["--test", "301"], "--test: found 301, expected at most 300"),
        ("made.txt", [], "made.txt: found the ending '.txt', expected '.npz'"),
        ("missing/made.npz", [], "made.npz: cannot save there"),
    ],
)
def test_make_npz_complains(tmp_path: Path, name: str, options: list[str], says: str) -> None:
    with pytest.raises(OptionError) as caught:
        make_main([str(tmp_path / name), "--dataset", "digits", "--quiet", *options])
    assert says in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# ---- the real thing ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mini_mnist(mnist_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mini") / "mnist.npz"
    make_npz(path, mnist_directory, quiet=True)
    return path


@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_mnist(mini_mnist: Path, floatX: str) -> None:
    symgrad.config.floatX = floatX
    result = train(mini_mnist, shuffle=False, quiet=True)
    found = 100 * np.array(result.test_accuracy)
    np.testing.assert_allclose(found, REFERENCE, rtol=0, atol=0.1001)  # one of 1,000 images
    assert len(result.cross_entropy) == 190


def test_the_dataset_can_be_one_that_is_loaded(path: Path) -> None:
    data = mnist.load(path, validation=False, quiet=True)
    assert load(data) is data
    ours, theirs = (train(each, batch_size=64, n_epochs=1, quiet=True) for each in (data, path))
    np.testing.assert_array_equal(ours.params["W"], theirs.params["W"])
