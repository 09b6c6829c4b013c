"""MNIST for the programs: found, downloaded, read, checked, split and scaled.

    >>> data = load("digits", quiet=True)
    >>> data.train.x.shape, data.train.y.shape
    ((1197, 64), (1197,))

``load("auto")`` looks for the four files of MNIST in the directory that the environment variable
``SYMGRAD_DATA`` names, in ``./data``, and in the user's cache, and downloads them otherwise. Where
there is no network it falls back on the 1,797 small digits that come with scikit-learn.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datasets import idx, npz, old_pickle
from datasets.errors import DataError

__all__ = ["Dataset", "Split", "load"]

Array = npt.NDArray[Any]

N_CLASSES = 10

# A byte b becomes b / 256, as in the file that the Theano tutorials trained on. (With b / 255 the
# very same model takes 172 epochs instead of 74, and ends at another error.)
SCALE = 256.0


class Split(NamedTuple):
    """Images, one per row of `x`, and their class numbers `y`."""

    x: npt.NDArray[np.floating]
    y: npt.NDArray[np.int32]

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.y)


@dataclass(frozen=True)
class Dataset:
    """Images and labels in three splits.

    Attributes
    ----------
    name
        ``"mnist"``, ``"digits"``, or the name of the file or directory.
    train, valid, test
        What to fit, what to choose by (nothing, where that was not asked for), what to report.
    image_shape
        Rows and columns of an image, or None where only the number of features is known.
    batch_size
        A minibatch size that suits the number of images.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    image_shape: tuple[int, int] | None
    batch_size: int = 600

    @property
    def n_features(self) -> int:
        """The number of pixels of an image."""
        return int(self.train.x.shape[1])

    def splits(self) -> Iterator[tuple[str, Split]]:
        """The splits that hold images, with their names."""
        for name, split in (
            ("training", self.train),
            ("validation", self.valid),
            ("test", self.test),
        ):
            if split.n:
                yield name, split


def load(
    dataset: str | Path | Dataset = "auto",
    *,
    scale: float = SCALE,
    dtype: str = "float64",
    n_classes: int = N_CLASSES,
    validation: bool = True,
    mirrors: Sequence[str] | None = None,
    quiet: bool = False,
) -> Dataset:
    """Load a dataset of images with class numbers.

    Parameters
    ----------
    dataset
        ``"auto"`` (see the top of this file); ``"digits"``, the images that come with scikit-learn;
        or a path: a directory with the four IDX files of MNIST, the old ``mnist.pkl.gz``, or an
        ``.npz`` with ``x_train``, ``y_train``, ``x_test``, ``y_test``. A `Dataset` is returned as
        it is.
    scale
        Pixels are bytes divided by this: 256, 255, or 1 for raw bytes. Floats in an ``.npz`` stay
        as they are.
    dtype
        Of the images: ``"float64"`` or ``"float32"``.
    n_classes
        Labels run from 0 to ``n_classes - 1``.
    validation
        Whether to set images aside for validation: those that the dataset names, or else the last
        sixth of the training images. Otherwise all of them are for training.
    mirrors
        Where to download MNIST from, instead of the usual places.
    quiet
        Print nothing but what changes the meaning of the results.

    Raises
    ------
    DataError
        A file is missing or is not what it should be; the message says which, and how.
    """
    if isinstance(dataset, Dataset):
        return dataset
    if not quiet:
        print("... loading data", flush=True)
    if str(dataset) == "auto":
        parts = _auto(n_classes, mirrors, quiet)
    elif str(dataset) == "digits":
        parts = _digits()
    else:
        parts = _from_path(Path(dataset).expanduser(), n_classes)
    return _dataset(parts, scale, dtype, validation)


Pair = tuple[Array, Array]


class _Parts(NamedTuple):
    """Images and labels as they were read."""

    name: str
    where: str  # the training images are, for messages
    train: Pair
    valid: Pair | None
    test: Pair
    batch_size: int = 600
    divided_by: float | None = None  # bytes were, to make floats, where that is known


# ---- finding -------------------------------------------------------------------------------------


def _from_path(path: Path, n_classes: int) -> _Parts:
    if os.path.isdir(path):
        directory = path if idx.find(path) or not idx.find(path / "mnist") else path / "mnist"
        return _from_idx(directory, path.name, n_classes)
    if not os.path.exists(path):
        raise DataError(path, "nothing", "a directory of IDX files, an .npz or a .pkl.gz")
    if path.suffix == ".npz":
        return _from_npz(path, n_classes)
    if path.suffix in (".pkl", ".pickle") or path.name.endswith((".pkl.gz", ".pickle.gz")):
        return _from_pickle(path, n_classes)
    raise DataError(
        path, "a file of another kind", "a directory of IDX files, an .npz or a .pkl.gz"
    )


def _auto(n_classes: int, mirrors: Sequence[str] | None, quiet: bool) -> _Parts:
    named = os.environ.get("SYMGRAD_DATA")
    places = [Path(named).expanduser()] if named else []
    for place in (*places, Path("data")):
        for directory in (place, place / "mnist"):
            if idx.find(directory):  # one of the four is enough: the others are then missed by name
                return _from_idx(directory, "mnist", n_classes)
        if place in places and not quiet:
            print(f"... SYMGRAD_DATA={named} holds no MNIST: looking elsewhere", flush=True)

    # (these imports take a while)
    from datasets.download import DownloadError, cache_directory, download

    cache = cache_directory()
    for directory in (cache, cache / "mnist"):
        if len(idx.find(directory)) == len(idx.FILES):
            return _from_idx(directory, "mnist", n_classes)
    if not quiet:
        print(f"... downloading MNIST (11 MB) to {cache / 'mnist'}", flush=True)
    try:
        download(cache / "mnist", mirrors, quiet=quiet)
    except DownloadError as error:
        why = f"no network ({error})" if error.offline else f"no MNIST: {error}"
        print(
            f"... {why}: training on the 1,797 digits of 8x8 pixels in scikit-learn instead",
            flush=True,
        )
        return _digits()
    return _from_idx(cache / "mnist", "mnist", n_classes)


# ---- reading -------------------------------------------------------------------------------------


def _from_idx(directory: Path, name: str, n_classes: int) -> _Parts:
    """MNIST as published."""
    files = idx.read_directory(directory, n_classes)
    train = (files.train_images, files.train_labels)
    test = (files.test_images, files.test_labels)
    return _Parts(name, str(directory / idx.FILES["train-images"]), train, None, test)


def _from_pickle(path: Path, n_classes: int) -> _Parts:
    """The Theano tutorials' ``mnist.pkl.gz``: three pairs of arrays, pixels as byte / 256."""
    pairs = []
    for part, (x, y) in zip(("train", "valid", "test"), old_pickle.read_arrays(path), strict=True):
        x, y = _checked(f"{path}[{part}]", x, y, n_classes)
        if x.min() < 0 or x.max() > 1:
            found = f"pixels from {x.min():g} to {x.max():g}"
            raise DataError(f"{path}[{part}]", found, "pixels from 0 to 1")
        pairs.append((x, y))
    _same_features(path, *(x for x, _ in pairs))
    train, valid, test = pairs
    return _Parts(path.name, f"{path}[train]", train, valid, test, divided_by=SCALE)


def _from_npz(path: Path, n_classes: int) -> _Parts:
    """Arrays by name, as Keras publishes MNIST; ``x_valid`` and ``y_valid`` may be there or not."""
    arrays = npz.read_arrays(
        path, ["x_train", "y_train", "x_test", "y_test"], optional=["x_valid", "y_valid"]
    )
    if ("x_valid" in arrays) != ("y_valid" in arrays):
        raise DataError(path, "one of x_valid and y_valid", "both or none")
    pairs = {}
    for part in ("train", "valid", "test"):
        if f"x_{part}" in arrays:
            where = f"{path}[x_{part}, y_{part}]"
            pairs[part] = _checked(where, arrays[f"x_{part}"], arrays[f"y_{part}"], n_classes)
    _same_features(path, *(x for x, _ in pairs.values()))
    where = f"{path}[x_train]"
    return _Parts(path.name, where, pairs["train"], pairs.get("valid"), pairs["test"])


def _digits() -> _Parts:
    """The digits that come with scikit-learn: 8x8 pixels of 0 to 16, here spread to 0 to 255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.int32)
    parts = (slice(0, 1197), slice(1197, 1497), slice(1497, 1797))
    train, valid, test = ((images[part], labels[part]) for part in parts)
    return _Parts("digits", "the digits of scikit-learn", train, valid, test, batch_size=50)


# ---- checking ------------------------------------------------------------------------------------


def _checked(where: str, x: Array, y: Array, n_classes: int) -> tuple[Array, npt.NDArray[np.int32]]:
    """Images and labels from a file whose arrays could be anything."""
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "uif":
        raise DataError(where, f"images as {_type(x)}", "numbers, one image per row")
    if x.dtype.kind in "ui" and (x.min() < 0 or x.max() > 255):
        raise DataError(where, f"pixels from {x.min()} to {x.max()}", "bytes, from 0 to 255")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.argmin(np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise DataError(where, f"NaN or infinity in image {row:,}", "finite pixels")

    if y.ndim == 2 and y.shape[1] == n_classes and n_classes > 1:  # one-hot rows
        if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
            raise DataError(where, "rows of labels that are not one-hot", "a single 1 in each row")
        y = y.argmax(axis=1)
    elif y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "uif" or (y.dtype.kind == "f" and (y % 1 != 0).any()):
        raise DataError(where, f"labels as {_type(y)}", "one class number per image")
    if len(y) != len(x):
        raise DataError(where, f"{len(y):,} labels", f"{len(x):,}, one for each image")
    if y.min() < 0 or y.max() >= n_classes:
        position = int(np.argmax((y < 0) | (y >= n_classes)))
        found = f"label {y[position]:g} at position {position:,}"
        raise DataError(where, found, f"labels from 0 to {n_classes - 1}")
    return x, y.astype(np.int32)


def _type(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _same_features(path: Path, *images: Array) -> None:
    first, *others = (math.prod(x.shape[1:]) for x in images)
    for other in others:
        if other != first:
            found = f"images of {first} and of {other} pixels"
            raise DataError(path, found, "the same number of pixels in every split")


# ---- splitting and scaling -----------------------------------------------------------------------


def _dataset(parts: _Parts, scale: float, dtype: str, validation: bool) -> Dataset:
    """Put the images where they belong, flatten them, and scale the pixels."""

    def scaled(images: Array, labels: Array) -> Split:
        rows = images.reshape(len(images), math.prod(images.shape[1:]))
        if rows.dtype.kind in "ui":
            rows = np.divide(rows, scale, dtype=dtype)
        elif parts.divided_by is not None and parts.divided_by != scale:
            rows = rows * (parts.divided_by / scale)
        return Split(rows.astype(dtype, copy=False), labels.astype(np.int32))

    images = parts.train[0]
    if images.ndim == 3:
        shape: tuple[int, int] | None = (images.shape[1], images.shape[2])
    else:  # rows of pixels: square pictures, as far as one can tell
        side = round(images.shape[1] ** 0.5)
        shape = (side, side) if side * side == images.shape[1] else None

    train, test = scaled(*parts.train), scaled(*parts.test)
    valid = None if parts.valid is None else scaled(*parts.valid)
    if validation and valid is None:
        # Of MNIST's 60,000 training images the last 10,000; of any other number the last sixth.
        cut = train.n - train.n // 6
        if cut == train.n:
            raise DataError(parts.where, f"{cut} images", "at least 6, to split them")
        train, valid = Split(train.x[:cut], train.y[:cut]), Split(train.x[cut:], train.y[cut:])
    elif not validation and valid is not None:
        train = Split(np.concatenate([train.x, valid.x]), np.concatenate([train.y, valid.y]))
        valid = None
    if valid is None:
        valid = Split(train.x[:0], train.y[:0])
    return Dataset(parts.name, train, valid, test, shape, parts.batch_size)
