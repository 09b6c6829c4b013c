"""The IDX format, in which MNIST is published: a short header, then unsigned bytes.

A file starts with a magic number of four bytes, ``00 00 tt nn``: ``tt`` is the type of the
elements (08: unsigned byte), ``nn`` the number of dimensions. The lengths follow, four bytes each,
most significant first, and then the elements:

===================  ==========  =======================
contents             magic       header
===================  ==========  =======================
images (idx3-ubyte)  2051 = 803h  count, rows, columns
labels (idx1-ubyte)  2049 = 801h  count
===================  ==========  =======================
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from datasets.errors import DataError, check_regular, reason
from symgrad.files.budget import BudgetError, Unpacking

__all__ = ["FILES", "IDXFiles", "find", "opened", "read", "read_directory", "read_stream"]

Bytes = npt.NDArray[np.uint8]

IMAGES_MAGIC = 0x0803
LABELS_MAGIC = 0x0801
KINDS = {IMAGES_MAGIC: "IDX images", LABELS_MAGIC: "IDX labels"}

IMAGE_SHAPE = (28, 28)

_GZIP = 16 + zlib.MAX_WBITS  # what zlib calls the format
MEMBERS = 1000  # of a gzip file; who joins files has a few

# The four files, by the part of their names that every copy agrees on.
FILES = {
    "train-images": "train-images-idx3-ubyte",
    "train-labels": "train-labels-idx1-ubyte",
    "t10k-images": "t10k-images-idx3-ubyte",
    "t10k-labels": "t10k-labels-idx1-ubyte",
}


class IDXFiles(NamedTuple):
    """The contents of the four files: images of shape (n, 28, 28) and their labels."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def find(directory: Path) -> dict[str, Path]:
    """Those of the four files that `directory` holds, gzipped or not, by their stems.

    Some archives unpack to names with a dot (``train-images.idx3-ubyte``); they count too.
    """
    found = {}
    for stem, name in FILES.items():
        for spelling in (name, name.replace("-idx", ".idx")):
            for path in (directory / spelling, directory / f"{spelling}.gz"):
                if stem not in found and path.is_file():
                    found[stem] = path
    return found


def read_directory(directory: Path, n_classes: int = 10) -> IDXFiles:
    """Read and check the four files of `directory`."""
    files = find(directory)
    for stem, name in FILES.items():
        if stem not in files:
            raise DataError(
                directory / name, "no such file", "the four files of MNIST (.gz or not)"
            )
    train = _read_pair(files["train-images"], files["train-labels"], n_classes)
    test = _read_pair(files["t10k-images"], files["t10k-labels"], n_classes)
    return IDXFiles(*train, *test)


def _read_pair(images_path: Path, labels_path: Path, n_classes: int) -> tuple[Bytes, Bytes]:
    images = read(images_path, IMAGES_MAGIC)
    labels = read(labels_path, LABELS_MAGIC)
    if len(labels) != len(images):
        raise DataError(
            labels_path,
            f"{len(labels):,} labels",
            f"{len(images):,}, one for each image in {images_path.name}",
        )
    if labels.max() >= n_classes:
        where = int(np.argmax(labels >= n_classes))
        raise DataError(
            labels_path,
            f"label {labels[where]} at position {where:,}",
            f"labels from 0 to {n_classes - 1}",
        )
    return images, labels


def read(path: Path, magic: int) -> Bytes:
    """Read one IDX file, through gzip where its name ends in ``.gz``.

    Parameters
    ----------
    path
        The file.
    magic
        What it should hold: `IMAGES_MAGIC` or `LABELS_MAGIC`.
    """
    with opened(path) as stream:
        return read_stream(stream, path, magic)


class _Gzip:
    """Unpacks gzip data.

    Python's own `gzip` goes through names in headers, empty members and padding byte by byte, which
    takes minutes where somebody has put millions of them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.unpacker = zlib.decompressobj(_GZIP)
        self.members = 1

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while True:
            if self.unpacker.eof:  # zeros may follow, or another member
                data = self.unpacker.unused_data.lstrip(b"\0")
                while not data:
                    piece = self.file.read(1 << 16)
                    if not piece:
                        return b""
                    data = piece.lstrip(b"\0")
                self.members += 1
                if self.members > MEMBERS:
                    raise BudgetError(f"gzip data of more than {MEMBERS:,} members")
                self.unpacker = zlib.decompressobj(_GZIP)
            else:
                data = self.unpacker.unconsumed_tail or self.file.read(1 << 16)
                if not data:
                    raise EOFError
            if piece := self.unpacker.decompress(data, size):
                return piece


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading with `read(size)`, through gzip where its name ends in ``.gz``.

    What goes wrong, also later while the file is read, is raised as a `DataError`.
    """
    check_regular(path, "a readable file")
    try:
        with path.open("rb") as file:
            if path.suffix != ".gz":
                yield file
                return
            start = file.read(2)
            if start != b"\x1f\x8b":
                raise DataError(path, f"bytes {_hex(start)} at the start", "gzip data (1f 8b)")
            file.seek(0)
            yield Unpacking(_Gzip(file), file)  # type: ignore[misc, arg-type]
    except BudgetError as error:
        raise DataError(path, str(error), "a file of its kind") from None
    except EOFError:
        raise DataError(path, "gzip data that ends too early", "a whole gzip file") from None
    except zlib.error as error:
        raise DataError(path, f"damaged gzip data ({reason(error)})", "a whole gzip file") from None
    except OSError as error:
        raise DataError(path, error.strerror or str(error), "a readable file") from None


def read_stream(stream: IO[bytes], path: Path, magic: int) -> Bytes:
    """Read IDX data from `stream`; `path` is for messages."""
    start = stream.read(4)
    if len(start) < 4 or (found := int.from_bytes(start, "big")) != magic:
        if start[:2] == b"\x1f\x8b":
            what = "gzip data in a file whose name does not end in .gz"
        elif len(start) < 4:
            what = f"{len(start)} bytes in all"
        else:
            what = f"magic number {found} ({KINDS.get(found, f'bytes {_hex(start)}')})"
        raise DataError(path, what, f"magic number {magic} ({KINDS[magic]})")

    rank = magic & 0xFF
    header = stream.read(4 * rank)
    if len(header) < 4 * rank:
        raise DataError(path, "a header that is cut short", f"{rank} lengths of 4 bytes each")
    shape = struct.unpack(f">{rank}I", header)
    if shape[0] == 0:
        raise DataError(path, "no elements (the header says 0)", "at least one")
    if rank == 3 and shape[1:] != IMAGE_SHAPE:
        raise DataError(path, f"images of {shape[1]}x{shape[2]} pixels", "28x28, as MNIST's are")

    # A header can claim more than there is: read piece by piece, and one byte beyond the claim,
    # which also makes gzip check its own checksum.
    size = math.prod(shape)
    body = bytearray()
    while len(body) <= size and (piece := stream.read(min(1 << 20, size + 1 - len(body)))):
        body += piece
    if len(body) != size:
        count = "more" if len(body) > size else f"{len(body):,} bytes"
        lengths = " x ".join(f"{length:,}" for length in shape)
        raise DataError(
            path,
            f"{count} after the header",
            f"{size:,} bytes, as the header says ({lengths})",
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


def _hex(data: bytes) -> str:
    return data.hex(" ") or "(none)"
