"""The IDX reader: what it reads, and what it says of files that are not what they should be."""

from __future__ import annotations

import gzip
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from datasets import idx
from datasets.errors import DataError

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"


def labels_file(labels: list[int]) -> bytes:
    return struct.pack(">II", 2049, len(labels)) + bytes(labels)


def complaint(path: Path, magic: int) -> str:
    with pytest.raises(DataError) as caught:
        idx.read(path, magic)
    message = str(caught.value)
    assert str(path) in message
    assert "found" in message
    assert "expected" in message
    assert "\n" not in message
    return message


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=300), st.booleans())
def test_labels_come_back(labels: list[int], gz: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / ("labels.gz" if gz else "labels")
        data = labels_file(labels)
        path.write_bytes(gzip.compress(data, mtime=0) if gz else data)
        np.testing.assert_array_equal(idx.read(path, idx.LABELS_MAGIC), labels)


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_cut_anywhere_is_noticed(data: st.DataObject, gz: bool) -> None:
    whole = labels_file([3, 1, 4, 1, 5, 9, 2, 6])
    if gz:
        whole = gzip.compress(whole, mtime=0)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / ("labels.gz" if gz else "labels")
        path.write_bytes(whole[:cut])
        complaint(path, idx.LABELS_MAGIC)


@settings(deadline=None)
@given(st.binary(max_size=64), st.booleans(), st.sampled_from([idx.IMAGES_MAGIC, idx.LABELS_MAGIC]))
def test_any_bytes_are_read_or_complained_about(noise: bytes, gz: bool, magic: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / ("file.gz" if gz else "file")
        path.write_bytes(noise)
        try:
            array = idx.read(path, magic)
        except DataError:
            complaint(path, magic)
        else:
            assert array.ndim == magic & 0xFF


def test_a_flipped_bit_in_gzip_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    good = gzip.compress(labels_file(list(range(10)) * 20), mtime=0)
    for position in range(10, len(good)):  # behind gzip's own header
        bad = bytearray(good)
        bad[position] ^= 0x10
        path.write_bytes(bad)
        complaint(path, idx.LABELS_MAGIC)


# (without a time inside: processes that test together must name tests alike)
ZIPPED = gzip.compress(labels_file([1]), mtime=0)


@pytest.mark.parametrize(
    ("data", "name", "magic", "found", "expected"),
    [
        (b"", "x", 2049, "0 bytes in all", "magic number 2049"),
        (labels_file([1]), "x", 2051, "magic number 2049 (IDX labels)", "2051 (IDX images)"),
        (
            struct.pack(">IIII", 2051, 1, 28, 28) + bytes(784),
            "x",
            2049,
            "magic number 2051 (IDX images)",
            "2049 (IDX labels)",
        ),
        (b"PK\3\4....", "x", 2049, "50 4b 03 04", "magic number 2049"),
        (labels_file([1, 2])[:-1], "x", 2049, "1 bytes after the header", "2 bytes"),
        (labels_file([1, 2]) + b"!", "x", 2049, "more after the header", "2 bytes"),
        (struct.pack(">II", 2049, 0), "x", 2049, "no elements", "at least one"),
        (struct.pack(">IH", 2049, 0), "x", 2049, "a header that is cut short", "1 lengths"),
        (
            struct.pack(">IIII", 2051, 1, 27, 28) + bytes(27 * 28),
            "x",
            2051,
            "images of 27x28 pixels",
            "28x28",
        ),
        (
            struct.pack(">IIII", 2051, 2**32 - 1, 28, 28) + bytes(784),
            "x",
            2051,
            "784 bytes after the header",
            "4,294,967,295 x 28 x 28",
        ),
        (labels_file([1]), "x.gz", 2049, "00 00 at the start", "gzip data (1f 8b)"),
        (b"", "x.gz", 2049, "(none) at the start", "gzip data"),
        (b"<html>", "x.gz", 2049, "3c 68 at the start", "gzip data"),
        (ZIPPED, "x", 2049, "does not end in .gz", "2049"),
        (ZIPPED[:-9], "x.gz", 2049, "ends too early", "whole gzip"),
        (ZIPPED + b"more", "x.gz", 2049, "damaged gzip", "whole gzip"),
    ],
)
def test_what_was_found_and_expected(
    tmp_path: Path, data: bytes, name: str, magic: int, found: str, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    message = complaint(path, magic)
    assert found in message.partition(", expected ")[0]
    assert expected in message.partition(", expected ")[2]


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    complaint(tmp_path / "missing", idx.LABELS_MAGIC)
    complaint(tmp_path, idx.LABELS_MAGIC)


@pytest.mark.parametrize("gz", [False, True])
def test_a_directory(
    tmp_path: Path, write_mnist: Callable[..., Path], small_mnist: Callable[..., dict], gz: bool
) -> None:
    files = idx.read_directory(write_mnist(tmp_path, gz=gz))
    for got, wanted in zip(files, small_mnist().values(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_names_with_a_dot(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path, gz=False)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert len(idx.read_directory(tmp_path).train_labels) == 60


@pytest.mark.parametrize("stem", list(idx.FILES))
def test_a_missing_file_is_named(
    tmp_path: Path, write_mnist: Callable[..., Path], stem: str
) -> None:
    write_mnist(tmp_path)
    idx.find(tmp_path)[stem].unlink()
    with pytest.raises(DataError, match=f"{idx.FILES[stem]}: found no such file, expected"):
        idx.read_directory(tmp_path)


def test_labels_that_do_not_fit_the_images(
    tmp_path: Path, write_mnist: Callable[..., Path]
) -> None:
    write_mnist(tmp_path, gz=False)
    path = tmp_path / TRAIN_LABELS
    path.write_bytes(labels_file([0] * 59))
    with pytest.raises(
        DataError, match=rf"{TRAIN_LABELS}: found 59 labels, expected 60, .* {TRAIN_IMAGES}"
    ):
        idx.read_directory(tmp_path)

    path.write_bytes(labels_file([0] * 41 + [10] + [0] * 18))
    with pytest.raises(DataError, match=r"found label 10 at position 41, expected .* 0 to 9"):
        idx.read_directory(tmp_path)
    assert idx.read_directory(tmp_path, n_classes=11).train_labels[41] == 10


def test_swapped_files_are_noticed(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path, gz=False)
    images, labels = tmp_path / TRAIN_IMAGES, tmp_path / TRAIN_LABELS
    swapped = labels.read_bytes()
    labels.write_bytes(images.read_bytes())
    images.write_bytes(swapped)
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}: found magic number 2049"):
        idx.read_directory(tmp_path)
