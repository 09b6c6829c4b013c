"""What tests ask of a message: whether it says this and points there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any


def line_of(marker: str, file: str = "") -> int:
    """The number of the line of the caller's file that ends in the comment `# <marker>`."""
    lines = Path(file or sys._getframe(1).f_code.co_filename).read_text("utf-8").splitlines()
    return next(n for n, text in enumerate(lines, 1) if text.endswith(f"# {marker}"))


def says(error: Any, *parts: str) -> None:
    """The message holds each part; `@marker` stands for that line of the caller's file."""
    text, file = str(error.value), sys._getframe(1).f_code.co_filename
    for part in parts:
        if part.startswith("@"):
            place = rf'{Path(file).name}(:|", line ){line_of(part[1:], file)}\b'
            assert re.search(place, text), f"{part}:\n{text}"
        else:
            assert part in text, f"{part!r} is missing in:\n{text}"
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 12


def marked(error: Any) -> tuple[str, str]:
    """What the mark of a message stands under."""
    lines = str(error.value).splitlines()
    at = next(k for k, line in enumerate(lines) if line.strip() and not line.strip(" ^~"))
    start = len(lines[at]) - len(lines[at].lstrip())
    return lines[at - 1][start : len(lines[at])], lines[at].strip()
