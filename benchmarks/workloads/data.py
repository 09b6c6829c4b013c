"""MNIST's training images, or noise of the same shape: speed does not depend on which."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np

N_IMAGES, N_PIXELS, N_CLASSES = 60_000, 784, 10
N_TRAIN = 50_000  # of the tutorial's split; the other 10,000 validate

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
HEADERS = {IMAGES: 16, LABELS: 8}  # bytes before the first element


def directory(root: Path) -> Path | None:
    """Where the files lie: SYMGRAD_DATA, or a directory ``shared/data`` beside the repository."""
    named = os.environ.get("SYMGRAD_DATA")
    places = [Path(named)] if named else [root.parent / "shared" / "data"]
    for place in places:
        for candidate in (place, place / "mnist"):
            if file(candidate, IMAGES) and file(candidate, LABELS):
                return candidate.resolve()
    return None


def file(place: Path, stem: str) -> Path | None:
    """A file of MNIST, compressed or not."""
    found = [place / name for name in (stem, f"{stem}.gz") if (place / name).is_file()]
    return found[0] if found else None


def read(place: Path, stem: str, n: int) -> Any:
    """The first `n` bytes of contents of a file in IDX format."""
    path = file(place, stem)
    if path is None:
        raise FileNotFoundError(f"no {stem} in {place}")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        stream.read(HEADERS[stem])
        contents = np.frombuffer(stream.read(n), np.uint8)
    if contents.size != n:
        raise ValueError(f"{path.name} holds {contents.size} bytes of contents, {n} were wanted")
    return contents


def images(n: int = N_IMAGES) -> tuple[Any, Any]:
    """The first `n` images, float32 in [0, 1], a row each, and their classes, int32.

    In a worker, whose SYMGRAD_DATA names the directory that `directory` has found.
    """
    named = os.environ.get("SYMGRAD_DATA")
    if named and file(Path(named), IMAGES):
        pixels = read(Path(named), IMAGES, n * N_PIXELS).reshape(n, N_PIXELS)
        return np.divide(pixels, 255, dtype="float32"), read(Path(named), LABELS, n).astype("int32")
    rng = np.random.default_rng(0)
    x = rng.random((n, N_PIXELS), dtype="float32")
    x[x > 0.2] = 0  # about as much ink as a digit has
    return 5 * x, rng.integers(0, N_CLASSES, n, dtype="int32")


def tutorial() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The tutorial's split: 50,000 images to train on, 10,000 to validate with."""
    x, y = images()
    return (x[:N_TRAIN], y[:N_TRAIN]), (x[N_TRAIN:], y[N_TRAIN:])
