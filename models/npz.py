"""Reading ``.npz`` files whose contents nobody vouches for."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from errors import DataError, reason

__all__ = ["read_arrays"]


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
    arrays = {}
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(name).stem: name for name in archive.namelist()}
            for stem, name in members.items():
                if stem.lower() in spelling:
                    where = f"{path}[{stem}]"
                    with archive.open(name) as member:
                        array = np.lib.format.read_array(member, allow_pickle=False)
                    arrays[spelling[stem.lower()]] = array
    except FileNotFoundError:
        raise DataError(path, "no such file", expected) from None
    except Exception as error:  # a damaged archive can raise nearly anything
        found = f"something that cannot be read ({reason(error)})"
        raise DataError(where, found, expected) from None
    for key in keys:
        if key not in arrays:
            found = f"no {key} among {', '.join(sorted(members)) or 'no arrays'}"
            raise DataError(path, found, expected)
    return arrays
