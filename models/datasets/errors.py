"""What a user can get wrong, as exceptions that the scripts print in one line."""

from __future__ import annotations

import os
from pathlib import Path

from symgrad.errors import QUOTED, quoted

__all__ = ["DataError", "ModelError", "OptionError", "check_regular", "reason"]


LONGEST = 2000  # characters of a message


class ModelError(Exception):
    """A mistake in what the user gave: one line on stderr, exit status 2, no traceback.

    Names, options and files may hold anything, and a message must not drive a terminal: what is no
    text to read is escaped here.
    """

    def __init__(self, message: str) -> None:
        super().__init__(quoted(message.replace("\n", " "), LONGEST))


class OptionError(ModelError):
    """An option, or options together, that cannot work."""


class DataError(ModelError):
    """A file that is not what it should be.

    Parameters
    ----------
    path
        The file (or ``file[key]``).
    found, expected
        What it is and what it should have been.
    """

    def __init__(self, path: Path | str, found: str, expected: str) -> None:
        text = (
            f"{quoted(path, 1000)}: found {quoted(found)}, expected {quoted(expected, 2 * QUOTED)}"
        )
        super().__init__(text)


def reason(error: BaseException) -> str:
    """What a library says of a damaged file, at a readable length."""
    return quoted(" ".join(str(error).split()), 100) or type(error).__name__


def check_regular(path: Path, expected: str) -> None:
    """Refuse pipes and devices, at which a reader would wait for ever, and directories."""
    if os.path.exists(path) and not os.path.isfile(path):  # (any name will do for these)
        found = "a directory" if os.path.isdir(path) else "a pipe or device"
        raise DataError(path, found, expected)
