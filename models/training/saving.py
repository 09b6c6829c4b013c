"""Parameters in ``.npz`` files: written whole or not at all, read without trusting them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from datasets import npz
from datasets.errors import DataError, ModelError, OptionError
from symgrad.errors import FileError
from symgrad.files import writing as files

__all__ = ["check_writable", "claim", "load_params", "on_disk", "save_params", "saved"]

Array = npt.NDArray[Any]


def check_writable(path: Path) -> None:
    """Find out before a long training whether its result can be saved at `path`."""
    if os.path.exists(path) and not os.path.isfile(path):  # (any name will do for these)
        raise OptionError(f"{path}: found a directory or device, expected a file to save to")
    _sweep(path)
    try:
        files.check(path)
    except FileError as error:
        raise OptionError(f"{path}: cannot save there ({error.reason})") from None


@contextmanager
def saved(path: Path, what: str, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write all of it or, if that fails, nothing.

    What is written goes to a file beside it first, which then takes its name in one step: whoever
    reads `path` meanwhile, or pulls the plug, finds what was there before or what is new.

    Parameters
    ----------
    path
        Where to.
    what
        Is written, for messages.
    sync
        Have it on the disk before it takes its name: for what would be lost work.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        found = "is a directory" if path.is_dir() else "is a pipe or device"
        raise ModelError(f"{path}: {what} cannot be saved (it {found})")
    _sweep(path)
    try:
        with files.whole(path, sync=sync) as file:
            yield file
    except FileError as error:
        raise ModelError(f"{path}: {what} cannot be saved ({error.reason})") from None
    on_disk[path] = what


def claim(directory: Path) -> int | None:
    """Keep other trainings out of a directory until the descriptor returned is closed.

    Two that save to one place would end with the state of one and the best model of the other. None
    where the system knows no such locks.
    """
    try:
        fcntl = import_module("fcntl")
        place = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(place)
        if isinstance(error, BlockingIOError):
            text = "another training is saving there: wait for it, or give another directory"
            raise OptionError(f"{directory}: {text}") from None
        return None
    return place


# What this process has saved, and what it is, in the order in which it first came.
on_disk: dict[Path, str] = {}


def _sweep(path: Path) -> None:
    """Say what killed runs have left, and remove it."""
    if removed := files.sweep(path):
        print(f"({files.left(removed)})", file=sys.stderr)


def save_params(path: Path, what: str = "the parameters", /, **arrays: Array) -> None:
    """Write `arrays` to the ``.npz`` file `path`: all of them or, if that fails, nothing."""
    with saved(path, what, sync=True) as file:
        content = io.BytesIO()  # (a zip file that meets a full disk complains more than once)
        np.savez(content, **arrays)  # type: ignore[arg-type]
        file.write(content.getbuffer())


def load_params(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Read the parameters `names` from a file that `save_params` has written."""
    params = npz.read_arrays(path, names)
    for name, value in params.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            found = "values that are not finite numbers"
            raise DataError(f"{path}[{name}]", found, "the parameters of a model")
    return params
