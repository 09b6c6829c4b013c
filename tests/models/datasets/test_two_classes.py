"""Two classes of pictures: from a tree, from a dataset, and what is wrong with either."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.errors import DataError, OptionError
from datasets.two_classes import Data, load


@pytest.fixture(scope="module")
def digits() -> Data:
    return load("digits", quiet=True)


def plant(root: Path, data: Data, names: tuple[str, str], n: int = 12) -> None:
    """A directory tree with the first images of the small digits."""
    for part, x, y in (("train", data.train_x, data.train_y), ("test", data.test_x, data.test_y)):
        for label, name in enumerate(names):
            (root / part / name).mkdir(parents=True)
            for number, row in enumerate(x[y == label][:n]):
                path = root / part / name / f"{number}.png"
                Image.fromarray(row.reshape(8, 8)).save(path)


def test_a_tree_gives_the_same_as_the_dataset(tmp_path: Path, digits: Data) -> None:
    plant(tmp_path, digits, ("zero", "one"))
    data = load(tmp_path, ("zero", "one"), per_class=10, quiet=True)
    chosen = np.concatenate([np.flatnonzero(digits.train_y == label)[:10] for label in (0, 1)])
    np.testing.assert_array_equal(data.train_x, digits.train_x[chosen])
    np.testing.assert_array_equal(data.train_y, digits.train_y[chosen])
    assert data.test_y.tolist() == 12 * [0] + 12 * [1]

    shutil.rmtree(tmp_path / "test")
    assert not load(tmp_path, ("zero", "one"), quiet=True).test_y.size


def test_the_classes_have_an_order(digits: Data) -> None:
    data = load("digits", ("1", "0"), quiet=True)
    assert data.train_y.sum() == (digits.train_y == 0).sum()
    np.testing.assert_array_equal(
        data.train_x[data.train_y == 1], digits.train_x[digits.train_y == 0]
    )
    few = load("digits", ("3", "8"), per_class=7, quiet=True)
    assert few.train_y.tolist() == 7 * [0] + 7 * [1]


def write_npz(path: Path, **changes: Any) -> Path:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "x_train": rng.integers(0, 256, (20, 6, 6), dtype=np.uint8),
        "y_train": np.arange(20) % 3,
        "x_test": rng.integers(0, 256, (4, 6, 6), dtype=np.uint8),
        "y_test": np.arange(4) % 3,
    }
    np.savez(path, **(arrays | changes))
    return path


def test_fractions_of_bytes(tmp_path: Path) -> None:
    whole = load(write_npz(tmp_path / "whole.npz"), quiet=True)
    with np.load(tmp_path / "whole.npz") as arrays:
        changes = {name: arrays[name] / 255 for name in ("x_train", "x_test")}
    parts = load(write_npz(tmp_path / "parts.npz", **changes), quiet=True)
    np.testing.assert_array_equal(parts.train_x, whole.train_x)
    np.testing.assert_array_equal(parts.test_x, whole.test_x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.full(20, 1)}, "data.npz: found no images for class 0"),
        ({"y_train": np.full(20, 11)}, "label 11 at position 0, expected labels from 0 to 9"),
        ({"x_train": np.full((20, 36), np.nan)}, "NaN or infinity in image 0"),
        ({"x_train": np.full((20, 36), -1.5)}, "pixels from -1.5 to -1.5, expected bytes"),
        ({"x_train": np.zeros((20, 35)), "x_test": np.zeros((4, 35))}, "rows of 35 pixels"),
        ({"x_test": np.zeros((4, 7, 7))}, "images of 36 and of 49 pixels"),
        ({"x_train": np.zeros((0, 6, 6)), "y_train": np.zeros(0)}, "shape (0, 6, 6)"),
        ({"x_train": np.array([{}] * 20)}, "data.npz[x_train]: found something that cannot"),
    ],
)
def test_bad_arrays(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write_npz(tmp_path / "data.npz", **changes)
    with pytest.raises(DataError, match=re.escape(message)):
        load(path, quiet=True)


def test_bad_classes(tmp_path: Path, digits: Data) -> None:
    with pytest.raises(OptionError, match="unknown label 'cat': expected digits from 0 to 9"):
        load("digits", ("cat", "0"), quiet=True)
    with pytest.raises(OptionError, match="expected two different ones"):
        load("digits", ("1", "1"), quiet=True)
    with pytest.raises(DataError, match="no directory train, expected pictures in train.0 and"):
        load(tmp_path, quiet=True)
    with pytest.raises(DataError, match=r"nowhere: found nothing, expected pictures in train.0"):
        load(tmp_path / "nowhere", quiet=True)
    plant(tmp_path, digits, ("zero", "one"))
    with pytest.raises(DataError, match="found only one, zero, expected a directory 0 of pictures"):
        load(tmp_path, quiet=True)
    shutil.rmtree(tmp_path / "test" / "one")
    with pytest.raises(DataError, match=r"test: found only zero, expected a directory one"):
        load(tmp_path, ("zero", "one"), quiet=True)
