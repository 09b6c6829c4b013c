"""Parameters in ``.npz`` files: written whole or not at all, read without trusting them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import npz
from errors import DataError, ModelError, OptionError

__all__ = ["check_writable", "load_params", "save_params"]

Array = npt.NDArray[Any]


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.npz.tmp")


def check_writable(path: Path) -> None:
    """Find out before a long training whether its result can be saved at `path`."""
    if path.exists() and not path.is_file():
        raise OptionError(f"{path}: found a directory or device, expected a file to save to")
    try:
        _temporary(path).touch()
        _temporary(path).unlink()
    except OSError as error:
        raise OptionError(f"{path}: cannot save there ({error.strerror})") from None


def save_params(path: Path, **arrays: Array) -> None:
    """Write `arrays` to the ``.npz`` file `path`: all of them or, if that fails, nothing.

    They are written to a file beside it first, which then takes its name in one step: whoever reads
    `path` meanwhile, or pulls the plug, finds the old parameters or the new ones.
    """
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ModelError(f"{path}: the parameters cannot be saved ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


def load_params(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Read the parameters `names` from a file that `save_params` has written."""
    params = npz.read_arrays(path, names)
    for name, value in params.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            found = "values that are not finite numbers"
            raise DataError(f"{path}[{name}]", found, "the parameters of a model")
    return params
