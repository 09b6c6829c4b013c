"""Names for the generated source: valid, unique, and close to the user's."""

from __future__ import annotations

import keyword
import re
import unicodedata

from symgrad.graph.expr import Constant

RESERVED = frozenset(
    {"array", "errstate", "home", "int", "memory", "ndarray", "result", "spare", "take", "type"}
)
_REGISTER = re.compile(r"t\d+")
_LONGEST_NAME = 50


class Namer:
    """Unique names, and registers: numbered names for what the user gave none."""

    def __init__(self) -> None:
        self.used: set[str] = set(RESERVED)
        self.counts: dict[str, int] = {}
        self.registers = 0

    def unique(self, wish: str) -> str:
        """A name that nothing else has."""
        base = name = python_name(wish)
        while name in self.used or _REGISTER.fullmatch(name):
            self.counts[base] = self.counts.get(base, 1) + 1
            name = f"{base}_{self.counts[base]}"
        self.used.add(name)
        return name

    def register(self) -> str:
        """The next of t1, t2, t3."""
        self.registers += 1
        return f"t{self.registers}"


def python_name(wish: str) -> str:
    """The Python identifier nearest to what the user called something.

    >>> python_name("W'"), python_name("class"), python_name("(dcost/dW)"), python_name("θ 1")
    ('W_new', 'class_', 'dcost_dW', 'θ_1')
    """
    text = unicodedata.normalize("NFKC", wish[: 4 * _LONGEST_NAME].replace("'", "_new"))
    name = re.sub(r"\W+", "_", text).strip("_")[:_LONGEST_NAME] or "v"
    if not name.isidentifier():
        name = f"v_{name}"
    if not name.isidentifier():  # a digit or a mark that no identifier may hold
        name = "v"
    return f"{name}_" if keyword.iskeyword(name) else name


def constant_name(node: Constant) -> str:
    """What a constant is called: its own name, its number, or just that."""
    if node.name:
        return node.name
    if node.ndim == 0:
        text = str(node.value[()]).removesuffix(".0").replace("-", "neg_")
        return "k" + text.replace(".", "_").replace("+", "")
    return "constant"
