"""Saving objects that hold shared variables: a zip file whose arrays `numpy.load` reads.

`dump` writes each array as a member ``<name>.npy``, named after its shared variable, and the object
around them as a pickle beside them. `load` reads that pickle with an unpickler that knows shared
variables, arrays, numbers and containers and nothing else: a file from elsewhere cannot run code.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.shared import Shared, shared
from symgrad.plan import python_name

_PICKLE = "pkl"
_KNOWN = {
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("builtins", "slice"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    (__name__, "_restore_shared"),
}


def dump(obj: Any, file_handler: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> None:
    """Write an object, its arrays as members that `numpy.load` reads.

    Parameters
    ----------
    obj : object
        Shared variables, arrays, numbers, strings, in lists, tuples and dicts as deep as you like;
        anything else that can be pickled too, but see `load`.
    file_handler : path or binary file
        Where to write.
    protocol : int
        Of the pickle.

    >>> file = io.BytesIO()
    >>> dump([shared(np.ones(2), "b")], file)
    >>> _ = file.seek(0)
    >>> np.load(file)["b"]
    array([1., 1.])
    """
    with zipfile.ZipFile(file_handler, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        rest = io.BytesIO()
        _Pickler(rest, protocol, archive).dump(obj)
        archive.writestr(_PICKLE, rest.getvalue())


def load(f: Any, trusted: bool = False) -> Any:
    """Read what `dump` wrote.

    Parameters
    ----------
    f : path or binary file
        What to read.
    trusted : bool
        Also restore objects of any class, graphs and functions. Like `pickle.load`, this can run
        whatever code the file's author wished.

    Raises
    ------
    GraphTypeError
        If the file holds something else than data and is not trusted.
    GraphValueError
        If it is no such file.

    >>> file = io.BytesIO()
    >>> dump({"W": shared(np.ones(2), "W")}, file)
    >>> load(file)["W"].get_value()
    array([1., 1.])
    """
    try:
        with zipfile.ZipFile(f) as archive:
            return _Unpickler(io.BytesIO(archive.read(_PICKLE)), archive, trusted).load()
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, pickle.UnpicklingError) as error:
        what = os.fspath(f) if isinstance(f, (str, os.PathLike)) else "the file"
        raise GraphValueError(f"load: {what} was not written by dump: {error}") from None


class _Pickler(pickle.Pickler):
    """Puts arrays into the archive, under the names of their variables."""

    def __init__(self, file: Any, protocol: int, archive: zipfile.ZipFile) -> None:
        super().__init__(file, protocol)
        self.archive = archive
        self.members: dict[int, tuple[str, Any]] = {}
        self.names: dict[int, str] = {}
        self.used = {_PICKLE}

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Shared) or obj.default_update is not None:
            return NotImplemented
        value = obj.cell.value
        self.names[id(value)] = obj.name or "shared"
        settings = (obj.name, obj.static_shape, obj.strict, obj.allow_downcast)
        return _restore_shared, (value, *settings)

    def persistent_id(self, obj: Any) -> str | None:
        if not isinstance(obj, np.ndarray) or obj.dtype.kind not in "biufc":
            return None
        if id(obj) not in self.members:
            wish = name = python_name(self.names.get(id(obj), "array"))
            count = 1
            while name in self.used:
                count += 1
                name = f"{wish}_{count}"
            self.used.add(name)
            self.members[id(obj)] = name, obj  # kept alive, so that the id stays its own
            with self.archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(obj), allow_pickle=False)
        return self.members[id(obj)][0]


class _Unpickler(pickle.Unpickler):
    """Knows what data is made of."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, trusted: bool) -> None:
        super().__init__(file)
        self.archive = archive
        self.trusted = trusted
        self.arrays: dict[str, Any] = {}

    def persistent_load(self, pid: Any) -> Any:
        if pid not in self.arrays:
            with self.archive.open(f"{pid}.npy") as member:
                self.arrays[pid] = np.lib.format.read_array(member, allow_pickle=False)
        return self.arrays[pid]

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if self.trusted or (module, name) in _KNOWN:
            found: Callable[..., Any] = super().find_class(module, name)
            return found
        raise GraphTypeError(
            f"load: the file holds {module}.{name}, which is no plain data, and reading it could "
            "run any code. If you know where the file comes from, use load(f, trusted=True)."
        )


def _restore_shared(
    value: Any, name: str | None, shape: Any, strict: bool, allow_downcast: bool | None
) -> Any:
    fixed = shape if isinstance(value, np.ndarray) else None
    return shared(value, name, strict, allow_downcast, borrow=True, shape=fixed)
