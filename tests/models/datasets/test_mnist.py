"""Finding, splitting and scaling datasets; ``.npz`` files; the way `auto` takes."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st

from datasets import mnist
from datasets.errors import DataError

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's data, cache or network is seen."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("SYMGRAD_DATA", raising=False)
    monkeypatch.setenv("SYMGRAD_MIRRORS", "")
    monkeypatch.setattr("datasets.download.cache_directory", lambda: tmp_path / "cache")


# ---- splits and scales ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [256, 255, 1])
def test_idx_files_are_split_and_scaled(
    tmp_path: Path,
    write_mnist: Callable[..., Path],
    small_mnist: Callable[..., dict[str, Array]],
    dtype: str,
    scale: float,
) -> None:
    data = mnist.load(write_mnist(tmp_path / "data"), scale=scale, dtype=dtype, quiet=True)
    raw = small_mnist()
    rows = raw["train-images-idx3-ubyte"].reshape(60, 784)
    assert (data.train.n, data.valid.n, data.test.n) == (50, 10, 12)
    assert (data.n_features, data.image_shape, data.batch_size) == (784, (28, 28), 600)
    for split, images in ((data.train, rows[:50]), (data.valid, rows[50:])):
        assert split.x.dtype == dtype
        assert split.y.dtype == np.int32
        np.testing.assert_array_equal(split.x, images.astype(dtype) / dtype_of(dtype)(scale))
    np.testing.assert_array_equal(data.valid.y, raw["train-labels-idx1-ubyte"][50:])
    np.testing.assert_array_equal(data.test.y, raw["t10k-labels-idx1-ubyte"])


def dtype_of(name: str) -> Callable[[float], Any]:
    return np.dtype(name).type


def test_idx_files_that_are_not_split(
    tmp_path: Path, write_mnist: Callable[..., Path], small_mnist: Callable[..., dict[str, Array]]
) -> None:
    directory = write_mnist(tmp_path / "data", n_train=5)
    data = mnist.load(directory, scale=1, validation=False, quiet=True)
    raw = small_mnist(n_train=5)
    np.testing.assert_array_equal(data.train.x, raw["train-images-idx3-ubyte"].reshape(5, 784))
    np.testing.assert_array_equal(data.train.y, raw["train-labels-idx1-ubyte"])
    assert [(name, split.n) for name, split in data.splits()] == [("training", 5), ("test", 12)]
    assert data.valid.x.shape == (0, 784)


def test_digits_that_are_not_split() -> None:
    split = mnist.load("digits", quiet=True)
    whole = mnist.load("digits", validation=False, quiet=True)
    assert [part.n for _, part in whole.splits()] == [1497, 300]
    np.testing.assert_array_equal(whole.train.x[1197:], split.valid.x)
    np.testing.assert_array_equal(whole.train.y, [*split.train.y, *split.valid.y])
    np.testing.assert_array_equal(whole.test.x, split.test.x)


def test_the_real_mnist(mnist_directory: Path) -> None:
    data = mnist.load(mnist_directory, dtype="float32", quiet=True)
    assert [split.n for _, split in data.splits()] == [50_000, 10_000, 10_000]
    assert data.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.y[:3].tolist() == [7, 2, 1]
    assert data.train.x.max() == np.float32(255 / 256)
    assert data.train.x.min() == 0


def test_digits() -> None:
    data = mnist.load("digits", quiet=True)
    assert [split.n for _, split in data.splits()] == [1197, 300, 300]
    assert (data.n_features, data.image_shape, data.batch_size) == (64, (8, 8), 50)
    assert 0 <= data.train.x.min() < data.train.x.max() < 1
    assert set(data.test.y) == set(range(10))


def test_too_few_images_to_split(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="found 5 images, expected at least 6"):
        mnist.load(write_mnist(tmp_path / "data", n_train=5), quiet=True)


# ---- .npz ----------------------------------------------------------------------------------------


def arrays(n: int = 30, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    made = {
        "x_train": rng.integers(0, 256, (n, 6, 4), dtype=np.uint8),
        "y_train": rng.integers(0, 10, n, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (n // 2, 6, 4), dtype=np.uint8),
        "y_test": rng.integers(0, 10, n // 2, dtype=np.uint8),
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def npz(tmp_path: Path, contents: dict[str, Any]) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, **contents)
    return path


def test_npz_of_bytes(tmp_path: Path) -> None:
    data = mnist.load(npz(tmp_path, arrays()), quiet=True)
    assert [split.n for _, split in data.splits()] == [25, 5, 15]
    assert (data.name, data.image_shape) == ("data.npz", (6, 4))
    np.testing.assert_array_equal(data.valid.x, arrays()["x_train"][25:].reshape(5, 24) / 256)
    np.testing.assert_array_equal(data.valid.y, arrays()["y_train"][25:])


def test_npz_of_floats_with_capital_keys_stays_as_it_is(tmp_path: Path) -> None:
    made = arrays()
    contents = {
        "X_train": made["x_train"].reshape(30, 24) / 10,
        "Y_TRAIN": made["y_train"].astype(float),
        "X_test": made["x_test"].reshape(15, 24) / 10,
        "y_test": made["y_test"][:, np.newaxis],
        "other": np.arange(3),
    }
    data = mnist.load(npz(tmp_path, contents), quiet=True)
    np.testing.assert_array_equal(data.test.x, contents["X_test"])
    np.testing.assert_array_equal(data.test.y, made["y_test"])
    assert data.image_shape is None


def test_npz_with_a_validation_split_and_one_hot_labels(tmp_path: Path) -> None:
    made = arrays()
    contents = {**made, "x_valid": made["x_test"], "y_valid": np.eye(10)[made["y_test"]]}
    data = mnist.load(npz(tmp_path, contents), quiet=True)
    assert [split.n for _, split in data.splits()] == [30, 15, 15]
    np.testing.assert_array_equal(data.valid.y, made["y_test"])


def test_npz_that_is_not_split(tmp_path: Path) -> None:
    made = arrays(5)
    without = mnist.load(npz(tmp_path, made), validation=False, quiet=True)
    assert (without.train.n, without.valid.n) == (5, 0)
    # bytes and floats, each scaled as what they are
    valid = {"x_valid": made["x_test"].reshape(2, 24) / 10, "y_valid": made["y_test"]}
    whole = mnist.load(npz(tmp_path, made | valid), scale=255, validation=False, quiet=True)
    assert [name for name, _ in whole.splits()] == ["training", "test"]
    np.testing.assert_array_equal(whole.train.x[:5], made["x_train"].reshape(5, 24) / 255)
    np.testing.assert_array_equal(whole.train.x[5:], valid["x_valid"])
    np.testing.assert_array_equal(whole.train.y, [*made["y_train"], *made["y_test"]])


@pytest.mark.parametrize(
    ("changes", "where", "found"),
    [
        ({"x_test": None}, "data.npz", "no x_test among x_train, y_test, y_train"),
        ({"x_valid": np.zeros((3, 6, 4))}, "data.npz", "one of x_valid and y_valid"),
        (
            {"y_train": np.array([None] * 30)},
            "data.npz[y_train]",
            "something that cannot be read (y_train.npy holds object",
        ),
        ({"x_train": np.zeros((30, 24), complex)}, "data.npz[x_train, y_train]", "complex128"),
        ({"x_train": np.zeros(30)}, "data.npz[x_train, y_train]", "images as float64 of shape (30"),
        ({"x_train": np.full((30, 24), -1)}, "data.npz[x_train, y_train]", "pixels from -1 to -1"),
        ({"x_train": np.full((30, 24), np.inf)}, "data.npz[x_train", "NaN or infinity in image 0"),
        ({"x_train": np.zeros((30, 23))}, "data.npz", "images of 23 and of 24 pixels"),
        ({"x_train": np.zeros((30, 3, 4, 3))}, "data.npz", "images of 36 and of 24 pixels"),
        ({"x_test": np.zeros((0, 6, 4))}, "data.npz[x_test, y_test]", "of shape (0, 6, 4)"),
        ({"y_test": np.zeros(14)}, "data.npz[x_test, y_test]", "14 labels"),
        ({"y_test": np.arange(15)}, "data.npz[x_test, y_test]", "label 10 at position 10"),
        ({"y_test": -np.arange(15)}, "data.npz[x_test, y_test]", "label -1 at position 1"),
        ({"y_test": np.full(15, 0.5)}, "data.npz[x_test, y_test]", "labels as float64"),
        ({"y_test": np.full(15, np.nan)}, "data.npz[x_test, y_test]", "labels as float64"),
        ({"y_test": np.array(["a"] * 15)}, "data.npz[x_test, y_test]", "labels as <U1"),
        ({"y_test": np.ones((15, 10))}, "data.npz[x_test, y_test]", "not one-hot"),
    ],
)
def test_npz_that_is_no_dataset(
    tmp_path: Path, changes: dict[str, Any], where: str, found: str
) -> None:
    with pytest.raises(DataError) as caught:
        mnist.load(npz(tmp_path, arrays(**changes)), quiet=True)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / where))
    assert found in message.partition(", expected ")[0]
    assert message.partition(", expected ")[2]


@pytest.mark.parametrize("data", [b"", b"no archive", pickle.dumps([1]), b"\x93NUMPY\1\0"])
def test_not_an_npz(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"data.npz: found .*, expected an .npz"):
        mnist.load(path, quiet=True)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.with_suffix(".npy").rename(path)
    with pytest.raises(DataError, match="cannot be read"):
        mnist.load(path, quiet=True)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_npz_is_complained_about_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = npz(tmp_path_factory.getbasetemp(), arrays(12))
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    for _ in range(data.draw(st.integers(0, 3))):
        if whole:
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        loaded = mnist.load(path, quiet=True)
    except DataError as error:
        complaint = str(error)
        assert complaint.startswith(str(path))
    else:
        assert loaded.train.n == 10


# ---- what a path can be --------------------------------------------------------------------------


def test_a_directory_may_hold_the_files_in_mnist(
    tmp_path: Path, write_mnist: Callable[..., Path]
) -> None:
    write_mnist(tmp_path / "data" / "mnist")
    assert mnist.load(tmp_path / "data", quiet=True).test.n == 12


def test_paths_that_are_nothing_or_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing: found nothing, expected a directory of IDX"):
        mnist.load(tmp_path / "missing", quiet=True)
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"file.txt: found a file of another kind, expected"):
        mnist.load(tmp_path / "file.txt", quiet=True)
    with pytest.raises(DataError, match="train-images-idx3-ubyte: found no such file"):
        mnist.load(tmp_path, quiet=True)


# ---- auto ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "mnist"])
def test_auto_looks_in_symgrad_data_then_data_then_the_cache(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_mnist: Callable[..., Path],
    below: str,
) -> None:
    write_mnist(tmp_path / "cache" / below, n_test=13)
    assert mnist.load(quiet=True).test.n == 13
    write_mnist(Path("data") / below, n_test=14)
    assert mnist.load(quiet=True).test.n == 14
    monkeypatch.setenv("SYMGRAD_DATA", str(tmp_path / "named"))
    assert mnist.load().test.n == 14
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"... SYMGRAD_DATA={tmp_path / 'named'} holds no MNIST: looking elsewhere"
    ]
    write_mnist(tmp_path / "named" / below, n_test=15)
    assert mnist.load(quiet=True).test.n == 15


def test_auto_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_mnist: Callable[..., Path]
) -> None:
    write_mnist(tmp_path / "named")
    (tmp_path / "named" / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("SYMGRAD_DATA", str(tmp_path / "named"))
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte: found no such file"):
        mnist.load(quiet=True)


def test_auto_without_a_network_takes_the_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert mnist.load().name == "digits"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "... loading data"
    assert [line for line in lines if "no network" in line] == lines[2:]
    mnist.load(quiet=True)
    assert capsys.readouterr().out.count("\n") == 1


def test_auto_downloads_into_the_cache(
    tmp_path: Path, server: Any, published: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    data = mnist.load(mirrors=[server.serve("m", published)])
    assert (data.name, data.test.n) == ("mnist", 12)
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(
        published
    )
    out = capsys.readouterr()
    assert out.out.splitlines()[1].startswith("... downloading MNIST")
    assert out.err == ""

    asked = len(server.asked)
    assert mnist.load(mirrors=["http://127.0.0.1:1/"]).name == "mnist"
    assert len(server.asked) == asked == 4


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise there")
def test_auto_with_a_cache_that_cannot_be_written(
    tmp_path: Path, server: Any, published: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file where a directory should be", encoding="utf-8")
    assert mnist.load(mirrors=[server.serve("m", published)]).name == "digits"
    assert "cannot write to" in capsys.readouterr().out
