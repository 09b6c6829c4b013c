"""`dump` and `load`: arrays that NumPy reads, and an unpickler that runs nothing."""

from __future__ import annotations

import collections
import io
import pickle
import re
import struct
import warnings
import zipfile

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import GraphTypeError, GraphValueError, function, shared
from symgrad.theano.misc.pkl_utils import dump, load


def through(obj, **settings):
    file = io.BytesIO()
    dump(obj, file)
    file.seek(0)
    return load(file, **settings)


def test_arrays_are_members_named_after_their_variables(tmp_path):
    path = tmp_path / "params.zip"
    w, b = shared(np.ones((2, 3), "float32"), "W"), shared(2, "b")
    other = shared(np.zeros(1), "W")
    dump((w, b, other, shared(np.ones(1)), np.arange(3)), path)
    with np.load(path) as found:
        assert set(found) == {"W", "b", "W_2", "array_0", "array_1", "pkl"}
        np.testing.assert_array_equal(found["W"], np.ones((2, 3), "float32"))
        assert found["W_2"].shape == (1,)


def test_data_comes_back_as_it_was():
    w = shared(np.ones((2, 1)), "W", strict=True, broadcastable=(False, True))
    array = np.arange(3)
    obj = [
        w,
        {"k": w, "n": [1, 2.5, None, True, "text", b"bytes", 1j, np.float32(2)]},
        {3},
        array,
        array,
    ]
    obj.append(collections.OrderedDict(a=slice(1)))
    got = through(obj)
    assert got[0] is got[1]["k"]
    assert (got[0].name, got[0].strict, got[0].static_shape) == ("W", True, (None, 1))
    np.testing.assert_array_equal(got[0].get_value(), np.ones((2, 1)))
    assert got[1]["n"] == obj[1]["n"]
    assert got[3] is got[4]
    assert (got[2], got[5]) == (obj[2], obj[5])


def test_generic_shared_variables():
    assert through(shared([1, {"a": 2}])).get_value() == [1, {"a": 2}]


class Model:
    """As a user's class that holds parameters."""

    def __init__(self):
        self.W = shared(np.ones(2), "W")
        self.x = T.dvector("x")
        self.f = function([self.x], self.W * self.x, updates=[(self.W, self.W + 1)])


def test_other_objects_need_trust():
    with pytest.raises(GraphTypeError, match="Model, which is no plain data.*trusted=True"):
        through(Model())
    model = through(Model(), trusted=True)
    np.testing.assert_array_equal(model.f([1, 2]), [1, 2])
    np.testing.assert_array_equal(model.W.get_value(), [2, 2])


class Evil:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize("content", [Evil(), [np.ones(1), Evil()]])
def test_a_hostile_file_runs_nothing(content, capsys):
    with pytest.raises(GraphTypeError, match="builtins.print"):
        through(content)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("pkl", pickle.dumps(content))
    with pytest.raises(GraphTypeError):
        load(file)
    assert capsys.readouterr().out == ""


def test_object_arrays_in_members_are_not_read():
    file = io.BytesIO()
    dump([np.ones(1)], file)
    member = io.BytesIO()
    np.save(member, np.array([Evil()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(file) as archive:
        pkl = archive.read("pkl")
    bad = io.BytesIO()
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("pkl", pkl)
        archive.writestr("array_0.npy", member.getvalue())
    with pytest.raises(GraphValueError, match=r"array_0\.npy holds object, not numbers"):
        load(bad)


@pytest.mark.parametrize("content", [b"", b"no zip", pickle.dumps([1])])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(GraphValueError, match=rf"load: {re.escape(str(path))} was not"):
        load(path)


def test_a_zip_without_a_pickle_is_refused(tmp_path):
    path = tmp_path / "file.npz"
    np.savez(path, a=np.ones(1))
    with pytest.raises(GraphValueError, match="was not written by dump"):
        load(path)


def test_members_have_theanos_names():
    def names(obj):
        file = io.BytesIO()
        dump(obj, file)
        return zipfile.ZipFile(file).namelist()[:-1]

    one, two = np.ones(1), np.ones(2)
    W = shared(one, "W")
    assert names(one) == ["array_0.npy"]
    assert names([one, two, one]) == ["array_0.npy", "array_1.npy"]
    assert names(shared(one)) == ["array_0.npy"]
    assert names([W, shared(two, "W")]) == ["W.npy", "W_2.npy"]
    assert names((one, W, shared(two))) == ["array_0.npy", "W.npy", "array_1.npy"]
    assert names([shared(one, "array_0"), two]) == ["array_0.npy", "array_1.npy"]


def test_members_without_an_ending_are_read():
    """As Theano wrote them."""
    file, renamed = io.BytesIO(), io.BytesIO()
    dump([np.arange(3.0), np.ones(2)], file)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(renamed, "w") as other:
        for name in archive.namelist():
            other.writestr(name.removesuffix(".npy"), archive.read(name))
    first, second = load(renamed)
    assert (first.tolist(), second.tolist()) == ([0, 1, 2], [1, 1])


def _npy(header: bytes, version: int) -> bytes:
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<I", len(header)) + header


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # about names that are there already
        for name, data in members:
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (_zip(("pkl", b"N."), ("pkl", b"].")), "holds pkl twice"),
        (_zip(("pkl", b"N."), method=zipfile.ZIP_BZIP2), "packed in another way"),
        (_zip(("pkl", b"N."), method=zipfile.ZIP_LZMA), "packed in another way"),
        (_zip(*[(f"{k:0100}", b"") for k in range(30_000)]), "list of members takes"),
        (_zip(("pkl", b"PW\n."), ("W.npy", _npy(b" " * 20_000, 2))), "header of 20,000 bytes"),
    ],
    ids=["twice", "bzip2", "lzma", "many members", "header"],
)
def test_zip_files_that_numpy_does_not_write(file: io.BytesIO, said: str) -> None:
    file.seek(0)
    with pytest.raises(GraphValueError, match=said):
        load(file)
