"""Gzip data is read as Python's own `gzip` reads it, and soon."""

from __future__ import annotations

import gzip
import io
import time
import zlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from datasets import idx
from datasets.errors import DataError


def everything(data: bytes, size: int) -> bytes:
    stream, out = idx._Gzip(io.BytesIO(data)), b""
    while piece := stream.read(size):
        assert len(piece) <= size
        out += piece
    return out


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(0, 3), st.data())
def test_members_and_padding(parts: list[bytes], zeros: int, data: st.DataObject) -> None:
    packed = b"".join(map(gzip.compress, parts)) + bytes(zeros)
    size = data.draw(st.integers(1, 400))
    assert everything(packed, size) == b"".join(parts) == gzip.decompress(packed)
    cut = packed[: data.draw(st.integers(1, len(packed) - zeros - 1))]
    try:
        wanted: Any = gzip.decompress(cut)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        wanted = None
    try:
        got: Any = everything(cut, size)
    except (EOFError, zlib.error):
        got = None
    assert got == wanted


SLOW = {
    "a name": b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 30_000_000,
    "a comment": b"\x1f\x8b\x08\x10" + bytes(6) + b"a" * 30_000_000,
    "empty members": gzip.compress(b"") * 1_000_000,
    "padding": gzip.compress(b"a") + bytes(30_000_000),
}


@pytest.mark.parametrize("name", SLOW)
def test_nothing_is_gone_through_byte_by_byte(name: str, tmp_path: Any) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(SLOW[name])
    start = time.process_time()
    with pytest.raises(DataError):
        idx.read(path, idx.IMAGES_MAGIC)
    assert time.process_time() - start < 2
