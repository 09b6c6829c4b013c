"""Small images of two classes: of a directory with pictures, or two of MNIST's digits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datasets import idx, images, mnist
from datasets.errors import DataError, OptionError
from symgrad.errors import repr_of

__all__ = ["SIDE", "Data", "load"]

Array = npt.NDArray[Any]

SIDE = 8  # pixels


class Data(NamedTuple):
    """Small images of two classes: one per row of `x`, bytes, with `y` 0 or 1."""

    name: str
    classes: tuple[str, str]
    train_x: npt.NDArray[np.uint8]
    train_y: npt.NDArray[np.int32]
    test_x: npt.NDArray[np.uint8]  # of no rows if there is nothing to test with
    test_y: npt.NDArray[np.int32]


def load(
    dataset: str | Path = "auto",
    classes: Sequence[str] = ("0", "1"),
    *,
    per_class: int = 500,
    mixed_sizes: bool = False,
    quiet: bool = False,
) -> Data:
    """Images of two classes, resized to 8x8.

    Parameters
    ----------
    dataset
        A directory with ``train/<class>`` and perhaps ``test/<class>`` in it, or what `mnist.load`
        takes.
    classes
        The names of the two directories, or two digits.
    per_class
        The most training images to take of each class.
    mixed_sizes
        Whether pictures in a directory may have different sizes.
    quiet
        Print nothing.
    """
    if len(classes) != 2 or classes[0] == classes[1]:
        raise OptionError(f"found classes {', '.join(classes)}, expected two different ones")
    first, second = classes
    directory = Path(dataset).expanduser()
    if not os.path.isdir(directory / "train"):
        pictures = f"pictures in {Path('train', first)} and {Path('train', second)}"
        if (
            os.path.isdir(directory)
            and not idx.find(directory)
            and not idx.find(directory / "mnist")
        ):
            raise DataError(directory, "no directory train", f"{pictures}, or MNIST's four files")
        if not os.path.exists(directory) and str(dataset) not in {"auto", "digits"}:
            raise DataError(directory, "nothing", f"{pictures}, or a dataset of digits")
        return _from_digits(dataset, (first, second), per_class, quiet)
    if not quiet:
        print("... loading data", flush=True)
    train_x, train_y = images.read_tree(
        directory / "train", classes, side=SIDE, per_class=per_class, mixed_sizes=mixed_sizes
    )
    if os.path.exists(directory / "test"):
        test_x, test_y = images.read_tree(
            directory / "test", classes, side=SIDE, mixed_sizes=mixed_sizes
        )
    else:
        test_x, test_y = train_x[:0], train_y[:0]
    splits = _rows(train_x), train_y, _rows(test_x), test_y
    return Data(directory.resolve().name, (first, second), *splits)


def _from_digits(
    dataset: str | Path, classes: tuple[str, str], per_class: int, quiet: bool
) -> Data:
    """Two of MNIST's ten classes."""
    for name in classes:
        if name not in map(str, range(mnist.N_CLASSES)):
            raise OptionError(
                f"unknown label {repr_of(name)}: expected digits from 0 to {mnist.N_CLASSES - 1}, "
                f"or a --dataset with pictures in {Path('train', name)}"
            )
    data = mnist.load(dataset, scale=1, dtype="float32", validation=False, quiet=quiet)
    if data.image_shape is None:
        found = f"rows of {data.n_features} pixels"
        raise DataError(str(dataset), found, "square pictures, to resize them")
    splits: list[Array] = []
    for part, split in data.splits():
        chosen = [np.flatnonzero(split.y == int(name)) for name in classes]
        if part == "training":
            chosen = [rows[:per_class] for rows in chosen]
            for name, rows in zip(classes, chosen, strict=True):
                if not rows.size:
                    found = f"no images for class {name}"
                    raise DataError(str(dataset), found, "training images of both classes")
        pictures = _bytes(split.x, dataset)[np.concatenate(chosen)]
        small = [images.shrunk(picture.reshape(data.image_shape), SIDE) for picture in pictures]
        splits.append(np.array(small, np.uint8).reshape(len(small), SIDE * SIDE))
        splits.append(np.repeat(np.arange(2, dtype=np.int32), [len(rows) for rows in chosen]))
    return Data(data.name, classes, *splits)


def _bytes(pixels: Array, dataset: str | Path) -> npt.NDArray[np.uint8]:
    """Pixels from a file that may have had them as fractions."""
    if pixels.min() < 0 or pixels.max() > 255:
        found = f"pixels from {pixels.min():g} to {pixels.max():g}"
        raise DataError(str(dataset), found, "bytes, or numbers from 0 to 1")
    return np.rint(pixels * (255 if pixels.max() <= 1 else 1)).astype(np.uint8)


def _rows(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return pictures.reshape(len(pictures), SIDE * SIDE)
