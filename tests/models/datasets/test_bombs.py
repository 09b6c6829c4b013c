"""Small files that ask for much: each is refused soon, in one line, and before the memory is full.

Every file is read in a process of its own, which says how much memory it took at most.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[3]

READERS = {
    "images": "images.read(path)",
    "text": "handwriting.read_digit(path)",
    "idx images": "idx.read(path, idx.IMAGES_MAGIC)",
    "idx labels": "idx.read(path, idx.LABELS_MAGIC)",
    "npz": "npz.read_arrays(path, ['x_train'])",
    "params": "saving.load_params(path, ['W'])",
    "pickle": "old_pickle.read_arrays(path)",
    "zip": "from symgrad.misc.pkl_utils import load; load(path)",
}

# Reads file after file, each in a child of its own.
PROGRAM = """
import json, os, resource, signal, sys, time
from pathlib import Path
import numpy, PIL.Image
import symgrad.misc.pkl_utils
from datasets import handwriting, idx, images, npz, old_pickle
from datasets.errors import DataError
from symgrad import SymgradError
from training import saving
unit = 1 if sys.platform == "darwin" else 1024
for line in sys.stdin:
    code, name = json.loads(line)
    path = Path(name)
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            print("0 0 it did not end well", flush=True)
        continue
    signal.alarm(120)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        exec(code)
    except (DataError, SymgradError) as error:
        text = str(error).split("\\n  File")[0]
    else:
        text = "taken"
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit >> 20
    print(peak, round(time.process_time() - start, 2), ascii(text), flush=True)
    os._exit(0)
"""


def zeros_gz(path: Path, header: bytes, size: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header)
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))


def npy_header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def zip_of(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy" if name != "pkl" else name, data)


def zip_of_zeros(path: Path, name: str, size: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            member.write(npy_header((size // 8,)))
            for _ in range(size >> 20):
                member.write(bytes(1 << 20))
        archive.writestr("pkl", b"\x80\x02X\x01\0\0\0aQ.")


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(path: Path, width: int, height: int, extra: bytes = b"") -> None:
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + extra
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


IMAGES, LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"

# Name: (reader, file name, what makes it, what the message says).
BOMBS: dict[str, tuple[str, str, Callable[[Path], object], str]] = {
    "idx images that a header promises": (
        "idx images",
        "train",
        lambda p: p.write_bytes(IMAGES + struct.pack(">3I", 2**32 - 1, 28, 28)),
        "0 bytes after the header",
    ),
    "idx images of zeros": (
        "idx images",
        "train.gz",
        lambda p: zeros_gz(p, IMAGES + struct.pack(">3I", 10**7, 28, 28), 1 << 28),
        "more than 100 times their size",
    ),
    "idx labels of zeros": (
        "idx labels",
        "labels.gz",
        lambda p: zeros_gz(p, LABELS + struct.pack(">I", 2**31), 1 << 28),
        "more than 100 times their size",
    ),
    "a pickle of zeros": (
        "pickle",
        "mnist.pkl.gz",
        lambda p: zeros_gz(p, b"", 1 << 28),
        "more than 100 times their size",
    ),
    "an npz member of zeros": (
        "npz",
        "data.npz",
        lambda p: zip_of_zeros(p, "x_train", 1 << 28),
        "that unpacks to 268,435,",
    ),
    "an npz member that promises": (
        "npz",
        "data.npz",
        lambda p: zip_of(p, x_train=npy_header((10**12, 10**3))),
        "is of shape (1000000000000, 1000) by its header",
    ),
    "an npz member of negative length": (
        "npz",
        "data.npz",
        lambda p: zip_of(p, x_train=npy_header((-1, -8)) + bytes(64)),
        "has the shape (-1, -8)",
    ),
    "an npz member of objects": (
        "npz",
        "data.npz",
        lambda p: zip_of(p, x_train=npy_header((1,), "|O") + b"\x80\x02N."),
        "holds object, not numbers",
    ),
    "an npz member of parts": (
        "params",
        "model.npz",
        lambda p: zip_of(p, W=npy_header((1,), "f4, f4") + bytes(8)),
        "cannot be read",
    ),
    "an npy header that does not end": (
        "npz",
        "data.npz",
        lambda p: zip_of(p, x_train=b"\x93NUMPY\x02\0\xff\xff\xff\x7f" + b" " * 10**6),
        "cannot be read",
    ),
    "members that share their data": (
        "zip",
        "model.zip",
        lambda p: zip_of(p, pkl=b"\x80\x02N.", **{f"a{k}": bytes(1 << 20) for k in range(500)}),
        "that unpacks to 524,",
    ),
    "a dump's array of zeros": (
        "zip",
        "model.zip",
        lambda p: zip_of_zeros(p, "a", 1 << 28),
        "that unpacks to 268,435,",
    ),
    "a dump's pickle of tuples": (
        "zip",
        "model.zip",
        lambda p: zip_of(p, pkl=b"\x80\x02K\x01" + b"2\x86" * 1000 + b"."),
        "hold each other",
    ),
    "a dump without its array": (
        "zip",
        "model.zip",
        lambda p: zip_of(p, pkl=b"\x80\x02X\x01\0\0\0aQ."),
        "the array a is missing",
    ),
    "a png of 3.6 billion pixels": (
        "images",
        "digit.png",
        lambda p: png(p, 60_000, 60_000),
        "pixels",
    ),
    "a png of 80 million pixels": (
        "images",
        "digit.png",
        lambda p: png(p, 8_000, 10_000),
        "8000x10000",
    ),
    "a png whose text unpacks": (
        "images",
        "digit.png",
        lambda p: png(
            p,
            8_000,
            8_000,
            chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28), 1)),
        ),
        "cannot be read",
    ),
    "a PostScript program under another name": (
        "images",
        "digit.png",
        lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        "cannot be read",
    ),
    "a text of a gigabyte": (
        "text",
        "digit.txt",
        lambda p: os.truncate(p, 1 << 30),
        "more than 100,000 bytes",
    ),
}


Reader = Callable[[str, Path], tuple[int, float, str]]


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    """Read a file in a process of its own: how many megabytes and seconds, and what was said."""
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'models'}"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def read(reader: str, path: Path) -> tuple[int, float, str]:
            print(json.dumps([READERS[reader], str(path)]), file=process.stdin, flush=True)
            peak, seconds, text = process.stdout.readline().split(" ", 2)
            return int(peak), float(seconds), text

        yield read


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", BOMBS)
def test_refused_before_the_memory_is_full(tmp_path: Path, read: Reader, name: str) -> None:
    reader, filename, make, says = BOMBS[name]
    path = tmp_path / filename
    path.touch()
    make(path)
    peak, seconds, text = read(reader, path)
    assert says in text
    assert len(text) < 450 + len(str(path))
    assert peak < 200  # megabytes
    assert seconds < 10  # (2 on an idle machine; what this finds is a hang)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("reader", ["images", "text", "idx images", "npz", "pickle"])
def test_nobody_waits_at_a_pipe(tmp_path: Path, read: Reader, reader: str) -> None:
    path = tmp_path / "digit.txt"
    os.mkfifo(path)
    assert "a pipe or device" in read(reader, path)[2]
