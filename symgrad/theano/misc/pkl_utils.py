"""Saving objects that hold shared variables: a zip file whose arrays `numpy.load` reads.

`dump` writes each array as a member ``<name>.npy``, named after its shared variable or, like
Theano's, ``array_0``, ``array_1`` and so on, and the object around them as a pickle beside them.
`load` reads that pickle with a reader that knows shared variables, arrays, numbers and containers
and nothing else: a file from elsewhere cannot run code, nor fill the memory (see
`symgrad.files.budget`).
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError, SymgradError, quoted
from symgrad.files import budget
from symgrad.files.budget import BudgetError, opened_zip, read_array
from symgrad.files.data_pickle import ForbiddenError, read_data
from symgrad.files.writing import safe_name, whole
from symgrad.graph.shared import Shared, shared
from symgrad.plan import python_name

_PICKLE = "pkl"


def dump(obj: Any, file_handler: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> None:
    """Write an object, its arrays as members that `numpy.load` reads.

    Parameters
    ----------
    obj : object
        Shared variables, arrays, numbers, strings, in lists, tuples and dicts as deep as you like;
        anything else that can be pickled too, but see `load`.
    file_handler : path or binary file
        Where to write; a path gets the whole file, or stays what it was.
    protocol : int
        Of the pickle.

    >>> file = io.BytesIO()
    >>> dump([shared(np.ones(2), "b")], file)
    >>> _ = file.seek(0)
    >>> np.load(file)["b"]
    array([1., 1.])
    """
    with _opened(file_handler) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        rest = io.BytesIO()
        _Pickler(rest, protocol, archive).dump(obj)
        archive.writestr(_PICKLE, rest.getvalue())


def _opened(file: Any) -> AbstractContextManager[Any]:
    is_path = isinstance(file, (str, bytes, os.PathLike))
    return whole(file, sync=True) if is_path else nullcontext(file)


def load(f: Any, trusted: bool = False) -> Any:
    """Read what `dump` wrote.

    Parameters
    ----------
    f : path or binary file
        What to read.
    trusted : bool
        Also restore objects of any class, graphs and functions, of any size. Like `pickle.load`,
        this can run whatever code the file's author wished: only for files that you, or somebody
        you would let work at your computer, have written.

    Raises
    ------
    GraphTypeError
        If the file holds something else than data and is not trusted.
    GraphValueError
        If it is no such file, is damaged, or asks for more memory than its size explains.

    >>> file = io.BytesIO()
    >>> dump({"W": shared(np.ones(2), "W")}, file)
    >>> load(file)["W"].get_value()
    array([1., 1.])
    """
    what = quoted(os.fspath(f)) if isinstance(f, (str, os.PathLike)) else "the file"
    try:
        with zipfile.ZipFile(f) if trusted else opened_zip(f) as archive:
            arrays = _Members(archive)
            if trusted:
                return _TrustingUnpickler(io.BytesIO(archive.read(_PICKLE)), arrays).load()
            if archive.getinfo(_PICKLE).file_size > budget.PICKLE:
                raise BudgetError(f"a pickle of more than {budget.PICKLE >> 20} MB")
            known = {(__name__, "_restore_shared"): _restore_shared}
            data = archive.read(_PICKLE)
            return read_data(data, functions=known, persistent=arrays.__getitem__)
    except ForbiddenError as error:
        raise GraphTypeError(
            f"load: {what}: {error}. Reading it could run any code; if you know where the file "
            "comes from, use load(f, trusted=True)."
        ) from None
    except SymgradError:
        raise
    except OSError as error:
        raise GraphValueError(f"load: {what} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged file can raise nearly anything
        if trusted and not isinstance(error, (*_DAMAGED, pickle.UnpicklingError)):
            raise
        said = quoted(error) or type(error).__name__
        raise GraphValueError(f"load: {what} was not written by dump: {said}") from None


_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError)


class _Pickler(pickle.Pickler):
    """Puts arrays into the archive, under the names of their variables."""

    def __init__(self, file: Any, protocol: int, archive: zipfile.ZipFile) -> None:
        super().__init__(file, protocol)
        self.archive = archive
        self.members: dict[int, tuple[str, Any]] = {}
        self.names: dict[int, str] = {}
        self.used = {_PICKLE}
        self.counts: dict[str, int] = {}

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Shared) or obj.default_update is not None:
            return NotImplemented
        value = obj.cell.value
        if obj.name:
            self.names[id(value)] = obj.name
        settings = (obj.name, obj.static_shape, obj.strict, obj.allow_downcast)
        return _restore_shared, (value, *settings)

    def persistent_id(self, obj: Any) -> str | None:
        if not isinstance(obj, np.ndarray) or obj.dtype.kind not in "biufc":
            return None
        if id(obj) not in self.members:
            given = self.names.get(id(obj))
            wish = "array" if given is None else safe_name(python_name(given))
            name = f"{wish}_0" if given is None else wish  # array_0, array_1; W, W_2
            while name.lower() in self.used:  # (unpacked, W and w are one file on some systems)
                self.counts[wish] = self.counts.get(wish, 0 if given is None else 1) + 1
                name = f"{wish}_{self.counts[wish]}"
            self.used.add(name.lower())
            self.members[id(obj)] = name, obj  # kept alive, so that the id stays its own
            with self.archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(obj), allow_pickle=False)
        return self.members[id(obj)][0]


class _Members(dict[str, Any]):
    """The arrays of an archive, each read when it is asked for."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__()
        self.archive = archive

    def __missing__(self, name: str) -> Any:
        members = self.archive.namelist()
        member = f"{name}.npy" if f"{name}.npy" in members else name  # as Theano named them
        try:
            self[name] = read_array(self.archive, member)
        except KeyError:
            raise BudgetError(f"the array {quoted(name, 80)} is missing from it") from None
        return self[name]


class _TrustingUnpickler(pickle.Unpickler):
    """Python's own, which calls whatever the file names."""

    def __init__(self, file: Any, arrays: _Members) -> None:
        super().__init__(file)
        self.arrays = arrays

    def persistent_load(self, pid: Any) -> Any:
        return self.arrays[pid]


def _restore_shared(value: Any, name: Any, shape: Any, strict: Any, allow_downcast: Any) -> Shared:
    lengths = shape if isinstance(shape, tuple) else ()
    if (
        not isinstance(name, str | None)
        or not isinstance(shape, tuple | None)
        or not all(length is None or type(length) is int for length in lengths)
        or not isinstance(strict, bool)
        or not isinstance(allow_downcast, bool | None)
    ):
        raise BudgetError("a damaged shared variable")
    fixed = shape if isinstance(value, np.ndarray) else None
    made: Shared = shared(value, name, strict, allow_downcast, borrow=True, shape=fixed)
    return made
