"""What is noted on nodes: names, scopes, what they mean, the user's own."""

from __future__ import annotations

from typing import Any


class Tag:
    """A place for the user's own notes on a variable (`x.tag.anything = 1`)."""


class Notes:
    """The mutable annotations of a node; they never take part in equality.

    `written` holds what the node was made from besides its inputs; see `symgrad.graph.written`.
    `meant` is what the node is computed instead of, and `part_of` what it is computed for, where
    one operation has become several; see `symgrad.graph.meant`.
    """

    __slots__ = ("meant", "name", "part_of", "role", "scope", "tag", "written")

    def __init__(self) -> None:
        self.name: str | None = None
        self.tag: Tag | None = None
        self.scope: str | None = None
        self.role: str | None = None
        self.written: tuple[Any, ...] = ()
        self.meant: Any = None
        self.part_of: Any = None

    def copy(self) -> Notes:
        """The same annotations for another node."""
        copied = Notes()
        copied.__setstate__(self.__getstate__())
        copied.meant, copied.part_of = self.meant, self.part_of
        return copied

    def __getstate__(self) -> Any:
        tag = None if self.tag is None else vars(self.tag)
        return (self.name, tag, self.scope, self.role, self.written)

    def __setstate__(self, state: Any) -> None:
        self.name, tag, self.scope, self.role, *written = state
        self.written = written[0] if written else ()  # older pickles have none
        self.meant = self.part_of = None  # a program is made again, not read
        self.tag = None
        if tag is not None:
            self.tag = Tag()
            vars(self.tag).update(tag)
