"""``mnist.pkl.gz``: as Python 2 wrote it, as Python 3 writes it, damaged, and hostile."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st

from datasets import old_pickle
from datasets.errors import DataError
from datasets.mnist import load

Array = npt.NDArray[Any]


def pairs(n: int = 12) -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(1)
    return [
        ((rng.integers(0, 256, (m, 784)) / 256).astype(np.float32), rng.integers(0, 10, m))
        for m in (n, n // 2, n // 2)
    ]


def python2_array(array: Array, code: str) -> bytes:
    """The opcodes by which Python 2's protocol 2 writes an array, its bytes as an 8-bit string."""
    raw = array.tobytes()
    shape = b"".join(b"J" + struct.pack("<i", length) for length in array.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01("
        + shape
        + b"tcnumpy\ndtype\nU\x02"
        + code.encode()
        + b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tb"
    )


def python2_pickle() -> bytes:
    """The very shape of the published file: three pairs, float32 images, int64 labels."""
    body = b"".join(
        python2_array(x, "f4") + python2_array(y.astype("<i8"), "i8") + b"\x86" for x, y in pairs()
    )
    return b"\x80\x02" + body + b"\x87."


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def check(path: Path) -> None:
    for (x, y), (x_wanted, y_wanted) in zip(old_pickle.read_arrays(path), pairs(), strict=True):
        np.testing.assert_array_equal(x, x_wanted)
        np.testing.assert_array_equal(y, y_wanted)


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        old_pickle.read_arrays(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: found ")
    assert ", expected " in message
    return message


def test_python_2_wrote_it(tmp_path: Path) -> None:
    check(write(tmp_path / "mnist.pkl.gz", python2_pickle()))


def test_the_sample_is_what_numpy_reads_too() -> None:
    # The hand-made bytes above are a true pickle: NumPy's own hooks read them alike.
    loaded = pickle.loads(python2_pickle(), encoding="latin1")
    np.testing.assert_array_equal(loaded[0][0], pairs()[0][0])
    assert loaded[2][1].dtype == np.int64


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["mnist.pkl.gz", "mnist.pkl"])
def test_python_3_wrote_it(tmp_path: Path, protocol: int, name: str) -> None:
    check(write(tmp_path / name, pickle.dumps(pairs(), protocol)))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f8", "<f4", "<f2"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_memory_orders_and_byte_orders(
    tmp_path: Path, order: str, dtype: str, protocol: int
) -> None:
    data = [(np.array(x, dtype, order=order), y) for x, y in pairs()]  # type: ignore[call-overload]
    check(write(tmp_path / "mnist.pkl.gz", pickle.dumps(data, protocol)))


def test_as_a_dataset(tmp_path: Path) -> None:
    path = write(tmp_path / "mnist.pkl.gz", python2_pickle())
    data = load(path, quiet=True)
    assert [split.n for _, split in data.splits()] == [12, 6, 6]
    assert data.image_shape == (28, 28)
    np.testing.assert_array_equal(data.valid.x, pairs()[1][0])
    np.testing.assert_array_equal(load(path, scale=1, quiet=True).test.x, pairs()[2][0] * 256)


class Hostile:
    """Pickles as a call of os.system."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path / "mnist.pkl.gz", pickle.dumps([Hostile(marker)] * 3, protocol))
    assert f"a pickle that asks for {os.mkdir.__module__}.mkdir" in complaint(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "builtins.getattr", "numpy.load", "numpy.ndarray.tofile", "os.system"],
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.partition(".")
    data = f"c{module}\n{attribute}\n(S'1'\ntR.".encode()
    assert name in complaint(write(tmp_path / "mnist.pkl.gz", data))


def test_objects_and_odd_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    objects = np.array([None, {}], dtype=object)
    write(path, pickle.dumps([(objects, objects)] * 3, 2))
    assert "'O8'" in complaint(path)
    write(path, pickle.dumps([(np.array(["a"]), np.zeros(1))] * 3, 2))
    assert "'U1'" in complaint(path)
    # An array that claims more elements than it has bytes.
    x = python2_array(np.zeros((2, 3), np.float32), "f4")
    write(path, b"\x80\x02" + x.replace(b"J\x03\0\0\0", b"J\x09\0\0\0") + b".")
    assert "6 elements for an array of shape (2, 9)" in complaint(path)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], "a list of length 0"),
        ({"train": 1}, "a dict"),
        ([(1, 2, 3)] * 3, "a tuple of length 3"),
        ([(1, 2)] * 3, "a pair of something else than arrays"),
        (np.zeros(3), "an array"),
        ("mnist", "a str"),
    ],
)
def test_other_contents(tmp_path: Path, value: object, found: str) -> None:
    assert found in complaint(write(tmp_path / "mnist.pkl.gz", pickle.dumps(value)))


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    data = python2_pickle()
    write(path, data[: len(data) // 2])
    assert "a damaged pickle" in complaint(path)
    path.write_bytes(gzip.compress(data)[:-100])
    assert "gzip data that ends too early" in complaint(path)
    path.write_bytes(data)
    assert "80 02 at the start" in complaint(path)
    path.write_bytes(b"")
    assert "(none) at the start" in complaint(path)
    assert "No such file" in complaint(tmp_path / "missing.pkl.gz")


def test_a_pickle_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    write(path, b"\x80\x02Nr\xff\xff\xff\x7f.")  # store as value number 2,147,483,647
    assert "a NoneType" in complaint(path)
    write(path, b"\x80\x02" + b"]" * 20_000 + b".")
    assert "too many parts" in complaint(path)


def test_a_message_stays_short_and_plain(tmp_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    write(path, b"\x80\x02c\x1b[31m\nred\n.")
    assert "asks for \\x1b[31m.red" in complaint(path)


SAMPLES = [pickle.dumps([(x[:, :3], y) for x, y in pairs(2)], protocol) for protocol in (0, 2, 5)]


@settings(deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_byte_is_complained_about_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, sample: bytes, data: st.DataObject
) -> None:
    bad = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(bad)
    try:
        arrays = old_pickle.read_arrays(path)
    except DataError:
        complaint(path)
    else:
        assert all(isinstance(part, np.ndarray) for pair in arrays for part in pair)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda x, y: (x, y[:-1]), "11 labels"),
        (lambda x, y: (x, y + 5), "label 1[0-4] at position"),
        (lambda x, y: (x, y - 20), "label -"),
        (lambda x, y: (x * 256, y), "pixels from"),
        (lambda x, y: (x * np.float32(np.nan), y), "NaN or infinity in image 0"),
        (lambda x, y: (x[0], y), "images as float32"),
        (lambda x, y: (x, y + 0.5), "labels as float64"),
        (lambda x, y: (x[:, 1:], y), "images of 783 and of 784 pixels"),
        (lambda x, y: (x[:0], y[:0]), "images as float32 of shape"),
    ],
)
def test_arrays_that_are_no_dataset(tmp_path: Path, change: Any, found: str) -> None:
    first, *others = pairs()
    path = write(tmp_path / "mnist.pkl.gz", pickle.dumps([change(*first), *others]))
    with pytest.raises(DataError, match=found) as caught:
        load(path, quiet=True)
    assert str(path) in str(caught.value)
