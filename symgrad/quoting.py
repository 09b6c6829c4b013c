"""What messages and texts quote: names, values, contents of files, at a length to be read.

Any of them may hold anything, ten thousand characters or what moves the cursor of a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 2000  # characters of a line that quotes several

# Characters of a text from elsewhere that a message quotes.
QUOTED = 200


def quoted(text: object, limit: int = QUOTED) -> str:
    r"""What a file contains, fit for one line of a message: cut, and unable to drive a terminal.

    >>> quoted("W\x1b[2J" + "x" * 300, 12)
    'W\\x1b[2Jx...'
    """
    text = escaped(str(text[:limit] if isinstance(text, bytes) else text)[: 2 * limit])
    return short(text, limit)


def short(text: str, most: int = 60, dots: str = "...") -> str:
    """A text, or the beginning of a long one.

    >>> short("softmax", 6), short("softmax", 6, "…"), short("softmax", 7)
    ('sof...', 'softm…', 'softmax')
    """
    return text if len(text) <= most else text[: most - len(dots)] + dots


def repr_of(value: object) -> str:
    """What was given, as Python writes it, fit for a message.

    >>> repr_of("fast"), len(repr_of("x" * 300))
    ("'fast'", 200)
    """
    return quoted(repr(value))


def escaped(text: str) -> str:
    """A text without what is no character to read, line breaks among that."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def visible(text: str) -> str:
    """The same for a text of several lines, each at a length that can be read."""
    if len(text) <= _LONGEST and text.isprintable():
        return text
    return "\n".join(quoted(line, _LONGEST) for line in text.split("\n"))


def listed(names: Sequence[object], most: int = 5) -> str:
    """Names from elsewhere, the first few of them.

    >>> listed(["W", "b"]), listed([f"p{k}" for k in range(9)])
    ('W, b', 'p0, p1, p2, p3, p4 and 4 more')
    """
    text = ", ".join(quoted(name, 40) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
