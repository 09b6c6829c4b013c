"""MNIST's images, or noise where there are none."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks.workloads import data


def write_idx(directory: Path, images: int) -> np.ndarray:
    pixels = np.arange(images * data.N_PIXELS, dtype="uint8").reshape(images, 28, 28)
    header = struct.pack(">HBB3I", 0, 8, 3, *pixels.shape)
    (directory / f"{data.IMAGES}.gz").write_bytes(gzip.compress(header + pixels.tobytes()))
    labels = np.arange(images, dtype="uint8") % 10
    (directory / data.LABELS).write_bytes(struct.pack(">HBBI", 0, 8, 1, images) + labels.tobytes())
    return pixels.reshape(images, -1)


def test_images_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mnist"
    place.mkdir()
    pixels = write_idx(place, 12)
    monkeypatch.setenv("SYMGRAD_DATA", str(tmp_path))
    found = data.directory(tmp_path)
    assert found == place.resolve()
    monkeypatch.setenv("SYMGRAD_DATA", str(found))
    x, y = data.images(11)
    assert (x.dtype, y.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(x, pixels[:11].astype("float32") / np.float32(255))
    np.testing.assert_array_equal(y, [*range(10), 0])
    with pytest.raises(ValueError, match="were wanted"):
        data.images(13)


def test_without_images_there_is_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_DATA", str(tmp_path))
    assert data.directory(tmp_path) is None
    x, y = data.images(50)
    assert (x.shape, x.dtype, y.dtype) == ((50, 784), np.float32, np.int32)
    assert 0.1 < (x > 0).mean() < 0.3
    assert x.max() <= 1
    assert set(y) <= set(range(10))
