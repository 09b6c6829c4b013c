"""Reading ``.npz`` files whose contents nobody vouches for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy.typing as npt

from datasets.errors import DataError, check_regular, reason
from symgrad.errors import listed, quoted
from symgrad.files.budget import BudgetError, opened_zip, read_array

__all__ = ["names", "read_arrays"]


def names(path: Path) -> list[str]:
    """The names of the arrays in an archive that `read_arrays` has read."""
    with opened_zip(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_arrays(
    path: Path, keys: Sequence[str], *, optional: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """The arrays `keys` of an archive, in capitals or not. No pickle in it is ever loaded.

    Parameters
    ----------
    path
        The file.
    keys
        What it must hold.
    optional
        What is read too where it is there.
    """
    expected = f"an .npz with {', '.join(keys)}"
    spelling = {key.lower(): key for key in (*keys, *optional)}
    check_regular(path, expected)
    arrays = {}
    where = str(path)
    try:
        with opened_zip(path) as archive:
            members = [(PurePosixPath(name).stem, name) for name in archive.namelist()]
            for stem, name in members:
                if stem.lower() in spelling:
                    if spelling[stem.lower()] in arrays:
                        raise BudgetError("a second array of that name")
                    where = f"{path}[{quoted(stem, 40)}]"
                    arrays[spelling[stem.lower()]] = read_array(archive, name)
    except FileNotFoundError:
        raise DataError(path, "no such file", expected) from None
    except Exception as error:  # a damaged archive can raise nearly anything
        found = f"something that cannot be read ({reason(error)})"
        raise DataError(where, found, expected) from None
    for key in keys:
        if key not in arrays:
            found = f"no {key} among {listed(sorted(stem for stem, _ in members)) or 'no arrays'}"
            raise DataError(path, found, expected)
    return arrays
