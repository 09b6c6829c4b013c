"""The files that pages are made of."""

from __future__ import annotations

_SCRIPTS = (
    *("graph.js", "layout.js", "layers.js", "drawing.js", "camera.js"),
    *("panel.js", "search.js", "words.js", "main.js", "keys.js"),
)


def part(name: str) -> str:
    """The text of a file that is part of every page."""
    from importlib.resources import files

    return files("symgrad.draw.page").joinpath(name).read_text("utf-8")


def style() -> str:
    """How pages look."""
    return part("style.css").strip()


def script() -> str:
    """What pages do: all scripts in one scope of their own."""
    return "\n".join(['"use strict";', "{", *(part(name) for name in _SCRIPTS), "start();", "}"])
