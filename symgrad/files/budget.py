"""What a file from elsewhere may cost: bytes, parts, pixels, seconds. All readers share it.

A small file can ask for much memory: compressed zeros, a header that promises more than there is,
containers that hold each other. What a reader unpacks is therefore counted while it is unpacked,
and refused at the first byte (part, pixel) too many, long before the memory is full.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from symgrad.errors import quoted

# Bytes that any file may unpack to: a bomb of that size harms nobody.
FLOOR = 64 << 20

# Beyond that, bytes for each compressed byte. MNIST unpacks to 5 times its size, one-hot rows of
# ten thousand classes to 90 times; a bomb of zeros to 1,000 times.
RATIO = 100

# Instructions of a pickle of plain data, of which a model of a thousand arrays takes 30,000. So
# many are read in a second.
PARTS = 500_000

# Elements of a container, counted as often as they are reached: what printing or comparing it
# would go through.
REACHED = 10_000_000

# Containers within each other: beyond this, Python's own comparison and `repr` give up.
DEPTH = 200

# Bytes of a whole number: 2,400 decimal digits, of which Python prints 4,300.
INTEGER = 1_000

# Bytes of the list of members in a zip file: of some 40,000 arrays. Python takes ten times that.
DIRECTORY = 4 << 20

# Bytes of a ``.npy`` header: NumPy's own limit.
HEADER = 10_000

# Bytes of the pickle beside the arrays that `symgrad.misc.pkl_utils.dump` writes.
PICKLE = 64 << 20

# Pixels of a picture: cameras of telephones make 50 million.
PIXELS = 64_000_000


_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BudgetError(ValueError):
    """A file asks for more than a file of its kind may cost, or is not what it says it is."""


def allowed(packed: int) -> int:
    """Bytes that so many compressed ones may unpack to."""
    return FLOOR + RATIO * packed


class Unpacking:
    """A stream that unpacks a file, and stops where it unpacks to too much.

    Parameters
    ----------
    stream
        What is read, unpacked.
    file
        The compressed file that it reads from: how much of it has been read is asked of it.
    """

    def __init__(self, stream: BinaryIO, file: BinaryIO) -> None:
        self.stream = stream
        self.file = file
        self.unpacked = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        pieces = []
        while size > 0 and (piece := self.stream.read(min(size, 1 << 20))):
            pieces.append(piece)
            size -= len(piece)
            self.unpacked += len(piece)
            packed = self.file.tell()
            if self.unpacked > allowed(packed):
                raise BudgetError(
                    f"data that unpack to more than {RATIO} times their size "
                    f"({self.unpacked >> 20} MB out of {packed:,} bytes)"
                )
        return b"".join(pieces)


class _Listing:
    """A file of which, while `longest` is set, no more is read at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.longest: int | None = DIRECTORY

    def read(self, size: int = -1) -> bytes:
        if self.longest is not None and size > self.longest:
            raise BudgetError(f"a zip file whose list of members takes {size:,} bytes")
        return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@contextmanager
def opened_zip(file: Any) -> Iterator[zipfile.ZipFile]:
    """Open a zip file for reading, if all its members together unpack to what its size allows."""
    is_path = isinstance(file, (str, bytes, os.PathLike))
    with (
        open(file, "rb") if is_path else nullcontext(file) as stream,
        zipfile.ZipFile(listing := _Listing(stream)) as archive,
    ):
        listing.longest = None
        packed = stream.seek(0, io.SEEK_END)
        members = archive.infolist()
        names = [info.filename for info in members]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BudgetError(f"a zip file that holds {quoted(twice, 60)} twice")
        if any(info.compress_type not in _METHODS for info in members):
            # (Python unpacks some others without a limit)
            raise BudgetError("a zip file that is packed in another way than NumPy packs")
        unpacked = sum(info.file_size for info in members)
        if unpacked > allowed(packed):
            raise BudgetError(f"a zip file of {packed:,} bytes that unpacks to {unpacked:,}")
        yield archive


def read_array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """An array of numbers (or texts), a ``.npy`` member of a zip file: no pickle is ever read.

    Parameters
    ----------
    archive
        From `opened_zip`.
    name
        Of the member, with ``.npy``.

    Raises
    ------
    BudgetError
        The member holds something else than numbers or texts, or its header states another shape
        than its data have.
    KeyError
        There is no such member.

    >>> file = io.BytesIO()
    >>> np.savez(file, W=np.ones((2, 3)))
    >>> with opened_zip(file) as archive:
    ...     read_array(archive, "W.npy").shape
    (2, 3)
    """
    info = archive.getinfo(name)
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise BudgetError(f"{quoted(name)} is of version {version}, not 1.0 or 2.0")
        field = "<H" if version == (1, 0) else "<I"
        lead = member.read(struct.calcsize(field))
        length = struct.unpack(field, lead)[0] if len(lead) == struct.calcsize(field) else 0
        if length > HEADER:  # (NumPy reads it before it asks)
            raise BudgetError(f"{quoted(name)} has a header of {length:,} bytes")
        header = io.BytesIO(lead + member.read(length))
        shape, fortran, dtype = readers[version](header, max_header_size=HEADER)
        if dtype.kind not in "biufcSU" or dtype.names is not None or dtype.subdtype is not None:
            raise BudgetError(f"{quoted(name)} holds {quoted(dtype, 60)}, not numbers")
        if len(shape) > 32 or any(length < 0 for length in shape):
            raise BudgetError(f"{quoted(name)} has the shape {quoted(shape, 60)}")
        size = math.prod(shape)
        if size * dtype.itemsize != info.file_size - member.tell():
            raise BudgetError(
                f"{quoted(name)} is of shape {quoted(shape, 60)} by its header, which "
                f"{info.file_size - member.tell():,} bytes of {dtype} are not"
            )
        array = np.empty(size, dtype)  # (memory is taken as it is filled)
        view = memoryview(array.view(np.uint8).data) if array.nbytes else memoryview(b"")
        done = 0
        while done < len(view):
            count = cast(io.BufferedIOBase, member).readinto(view[done : done + (1 << 20)])
            if not count:
                raise BudgetError(f"{quoted(name)} ends too early")
            done += count
        member.read(1)  # at the end, where its checksum is compared
    return array.reshape(shape, order="F" if fortran else "C")
