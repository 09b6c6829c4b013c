"""What a user can get wrong, as exceptions that the scripts print in one line."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DataError", "ModelError", "OptionError"]


class ModelError(Exception):
    """A mistake in what the user gave: one line on stderr, exit status 2, no traceback."""


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
        super().__init__(f"{path}: found {found}, expected {expected}")
