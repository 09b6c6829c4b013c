"""A random program: leaves, steps, outputs, updates and givens, as data and as Python text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.values import LARGE, Value, text


class Leaf(NamedTuple):
    """An input, a shared variable or a constant.

    `known` says which of its lengths the graph knows.
    """

    name: str
    role: str  # input, shared, constant
    value: Value
    known: tuple[bool, ...] = ()

    @property
    def dtype(self) -> str:
        return str(self.value.array.dtype)

    def made(self) -> str:
        """Python that makes the variable."""
        if self.role == "shared":
            return f"S.shared({self.name}_, {self.name!r})"
        if self.role == "constant":
            return f"T.constant({self.name}_)"
        shape = tuple(
            n if k else None for n, k in zip(self.value.array.shape, self.known, strict=True)
        )
        return f"T.TensorType({self.dtype!r}, shape={shape})({self.name!r})"


class Step(NamedTuple):
    """A row in use: what it makes, of what."""

    name: str
    row: Any
    args: tuple[str, ...]
    text: str
    reference: str | None

    def python(self) -> str:
        """The line of a program."""
        return f"{self.name} = {filled(self.text, self.args)}"


class Program(NamedTuple):
    """What a fuzzer's program is."""

    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    updates: tuple[tuple[str, str], ...] = ()
    givens: tuple[tuple[str, str], ...] = ()
    mode: str = ""
    floatx: str = "float64"

    def named(self, name: str) -> Any:
        for each in (*self.leaves, *self.steps):
            if each.name == name:
                return each
        raise KeyError(name)

    def inputs(self) -> list[Leaf]:
        """What a call is given."""
        replaced = {name for name, _ in self.givens}
        return [x for x in self.leaves if x.role == "input" and x.name not in replaced]

    def roots(self) -> list[str]:
        return [*self.outputs, *(new for _, new in self.updates), *(new for _, new in self.givens)]

    def trimmed(self) -> Program:
        """The program without what nothing depends on."""
        needed = {*self.roots(), *(s for s, _ in self.updates)}
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.args)
        givens = tuple((old, new) for old, new in self.givens if old in needed)
        if len(givens) != len(self.givens):
            return self._replace(givens=givens).trimmed()
        return self._replace(
            leaves=tuple(x for x in self.leaves if x.name in needed),
            steps=tuple(s for s in self.steps if s.name in needed),
        )

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """The names that some depend on, themselves included, by givens too."""
        needed = set(names)
        known = -1
        while known != len(needed):
            known = len(needed)
            for step in reversed(self.steps):
                if step.name in needed:
                    needed.update(step.args)
            needed.update(new for old, new in self.givens if old in needed)
        return needed

    def python(self, call: bool = True) -> str:
        """A program that can be pasted."""
        lines = [
            "import numpy as np, symgrad as S, symgrad.tensor as T",
            "from numpy import nan, inf",
        ]
        if self.floatx != "float64":
            lines.append(f"S.config.floatX = {self.floatx!r}")
        if any(x.value.seed is not None for x in self.leaves):
            lines += LARGE.split("\n")
        for leaf in self.leaves:
            lines.append(f"{leaf.name}_ = {text(leaf.value)}")
            lines.append(f"{leaf.name} = {leaf.made()}")
        lines += [step.python() for step in self.steps]
        settings = ""
        if self.updates:
            settings += f", updates=[{', '.join(f'({a}, {b})' for a, b in self.updates)}]"
        if self.givens:
            settings += f", givens=[{', '.join(f'({a}, {b})' for a, b in self.givens)}]"
        if self.mode:
            settings += f", mode={self.mode!r}"
        names = ", ".join(x.name for x in self.inputs())
        ignored = ', on_unused_input="ignore"'
        lines.append(f"f = S.function([{names}], [{', '.join(self.outputs)}]{settings}{ignored})")
        if call:
            lines.append(f"print(f({', '.join(x.name + '_' for x in self.inputs())}))")
            lines += [f"print({s}.get_value())" for s, _ in self.updates]
        return "\n".join(lines)


def filled(text: str, args: tuple[str, ...]) -> str:
    """A row's text with the names of its arguments."""
    import re

    names = dict(zip("ABC", args, strict=False))
    return re.sub(r"(?<![\w.'])([ABC])(?![\w'])", lambda m: names.get(m[1], m[1]), text)


@cache
def compiled(text: str, count: int) -> Any:
    """A row's text as code of its arguments; what else it names is looked up where it runs."""
    arguments = ", ".join("ABC"[:count])
    return compile(f"lambda {arguments}: {text}", f"<{text}>", "eval")


def function_of(text: str, count: int, names: dict[str, Any]) -> Any:
    """A row's text as a function."""
    return eval(compiled(text, count), names)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are equal to the last bit (NaN is NaN)."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            same = (a == b) & (np.signbit(a.real) == np.signbit(b.real))
            if a.dtype.kind == "c":
                same &= np.signbit(a.imag) == np.signbit(b.imag)
            return bool(np.all(same | ((a != a) & (b != b))))
    return bool(np.array_equal(a, b))
