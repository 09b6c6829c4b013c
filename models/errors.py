"""What a user can get wrong, as exceptions that the scripts print in one line."""

from __future__ import annotations

import textwrap
from pathlib import Path

__all__ = ["DataError", "ModelError", "OptionError", "reason"]


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
        text = f"{path}: found {found}, expected {expected}"
        # What a damaged file holds can end up in a message, but must not drive a terminal.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


def reason(error: BaseException) -> str:
    """What a library says of a damaged file, at a readable length."""
    return textwrap.shorten(str(error), 100, placeholder=" ...") or type(error).__name__
