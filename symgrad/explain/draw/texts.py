"""Texts inside labels: numbers, small formulas, and the words for operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.families import Elementwise

SLOT, TURNED = "□", "ᵀ"
_SHORT_NAME = 12
_MANY = 3  # elements of a constant that are written out
_RAISED = str.maketrans("0123456789-−.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻·")


class Text(NamedTuple):
    """Something that is written, not drawn; `level` says how tightly it binds.

    `counts` marks 0, 1, 2, …; `leaves` are the variables that it mentions.
    """

    text: str
    level: int = 3
    counts: bool = False
    leaves: tuple[Expr, ...] = ()

    def at(self, level: int) -> str:
        """The text, in parentheses where it binds less tightly than this."""
        return self.text if self.level >= level else f"({self.text})"


_GRADIENT = re.compile(r"\(d(\w+)/d(\w+)\)")


def shown_name(node: Expr) -> str:
    """The user's name of a node; a gradient that `grad` named is `∂cost/∂W`."""
    return _GRADIENT.sub(r"∂\1/∂\2", node.name or "")


class Operand(NamedTuple):
    """What a drawn operation is applied to: a drawn node, or a text of the label."""

    node: Expr
    text: Text | None
    turned: bool = False  # a matrix whose transpose is taken

    @property
    def name(self) -> str:
        """What it is called in a formula, if it has a short name."""
        name = shown_name(self.node)
        return (
            "" if not name or len(name) > _SHORT_NAME else f"{name}{TURNED if self.turned else ''}"
        )


def number(value: Any) -> Text:
    """A number with at most six digits.

    >>> number(-0.13).text, number(2.0).text, number(2e-6).text, number(True).text
    ('−0.13', '2', '2·10⁻⁶', 'True')
    """
    if isinstance(value, (bool, np.bool_)):
        return Text(str(bool(value)))
    if isinstance(value, (complex, np.complexfloating)):
        return Text(f"{complex(value):.6g}")
    if isinstance(value, (int, np.integer)):
        text = str(int(value))
    else:
        text = f"{float(value):.6g}".replace("inf", "∞")
        digits, e, exponent = text.partition("e")
        if e:  # 2·10⁻⁶
            digits = "" if digits == "1" else f"{digits}·"
            return Text(f"{digits}10{raised(str(int(exponent)))}".replace("-", "−"), 1)
    return Text(text.replace("-", "−"), 1 if text.startswith("-") else 3)


def constant(node: Constant) -> Text | None:
    """A constant that is one number, or a few; None for others."""
    value = node.value
    if node.name:
        return Text(node.name)
    if value.size and (value.size == 1 or bool((value == value.flat[0]).all())):
        return number(value.flat[0])
    if value.ndim == 1 and value.size > 1 and np.array_equal(value, np.arange(value.size)):
        return Text(f"0…{value.size - 1}", counts=True)
    if value.ndim <= 1 and value.size <= _MANY:
        return Text(f"[{', '.join(number(v).text for v in value.reshape(-1))}]")
    return None


_SCALAR: dict[Any, tuple[str, int]] = {
    ops.add: (" + ", 0),
    ops.sub: (" − ", 0),
    ops.mul: ("·", 1),
    ops.true_div: ("/", 1),
}


def formula(node: Expr, inputs: Sequence[Text]) -> Text | None:
    """An elementwise operation on texts, as a text."""
    op: Any = node.op
    leaves = tuple(dict.fromkeys(leaf for i in inputs for leaf in i.leaves))
    if op in _SCALAR:
        sign, level = _SCALAR[op]
        a, b = inputs
        if op is ops.mul and "1" in (a.text, b.text):
            return b if a.text == "1" else a
        if op is ops.mul and a.leaves and not b.leaves:
            a, b = b, a  # 600·index
        if op is ops.add and b.text.startswith("−"):
            return Text(f"{a.at(level)} − {b.text[1:]}", level, leaves=leaves)
        right = level + (op in (ops.sub, ops.true_div))
        return Text(f"{a.at(level)}{sign}{b.at(right + (b.text[:1] == '−'))}", level, leaves=leaves)
    if op is ops.neg:
        return Text(f"−{inputs[0].at(2)}", 1, leaves=leaves)
    if op in (ops.pow, ops.sqr):
        exponent = inputs[1].text if op is ops.pow else "2"
        return Text(f"{inputs[0].at(3)}{raised(exponent)}", 2, leaves=leaves)
    if isinstance(op, Elementwise) and op.symbol and op.nin == 2:
        return Text(f"{inputs[0].at(1)} {op.symbol} {inputs[1].at(1)}", -1, leaves=leaves)
    if isinstance(op, Elementwise):
        return Text(f"{word(op.name)}({', '.join(i.text for i in inputs)})", leaves=leaves)
    return None


def raised(exponent: str) -> str:
    """An exponent: small where it is a whole number."""
    simple = all(c in "0123456789−-" for c in exponent)
    return exponent.translate(_RAISED) if simple else f"^{exponent}"


WORDS = {
    "sgn": "sign",
    "abs": "absolute value",
    "maximum": "max",
    "minimum": "min",
    "true_div": "÷",
    "log_sum_exp": "log Σ exp",
    "xlogx": "x log x",
    "relu": "ReLU",
    "times_or_zero": "× (0 stays 0)",
    "weighted": "× (0 stays 0)",
    "matrix_inverse": "inverse ⁻¹",
    "consider_constant": "taken as constant",
    "disconnected_grad": "gradient stops here",
    "zero_grad": "gradient stops here",
    "print_value": "print",
}


def word(name: str) -> str:
    """What an operation of this name is called."""
    return WORDS.get(name, name.rstrip("_").replace("_", " "))
