"""How mathematics is spelled: Unicode text, ASCII text, LaTeX.

A `Piece` is a part of a formula with how tightly it binds; a `Style` joins pieces to larger ones
and puts parentheses only where the meaning needs them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.errors import QUOTED, quoted

# How tightly a piece binds.
COMPARISON, SUM, NEGATIVE, HADAMARD, PRODUCT, POWER, POSTFIX, ATOM = range(8)

GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
        "phi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΣΦΨΩ",
        strict=True,
    )
)
_DIGITS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NUMBERS: dict[Any, tuple[str, int]] = {math.log(2): ("log", 2), math.log(10): ("log", 10)}
_ROOT = 2 / math.sqrt(math.pi)  # in the derivatives of erf and erfc


class Piece(NamedTuple):
    """A part of a formula."""

    text: str
    level: int = ATOM
    short: bool = False  # a single letter, perhaps with an index or transposed
    number: bool = False


class Name(NamedTuple):
    """A variable's name taken apart: letter (or word), index, how many primes."""

    base: str
    subscript: str
    primes: int

    @classmethod
    def of(cls, name: str) -> Name:
        """Take a name apart.

        >>> Name.of("alpha_k")
        Name(base='α', subscript='k', primes=0)
        """
        stem = name.rstrip("′")
        primes = len(name) - len(stem)
        found = re.fullmatch(r"([^\W\d_]+?)(?:_(\w+)|(\d*))", stem)
        if found:
            base, index = found[1], found[2] or found[3] or ""
            base = GREEK.get(base, base)
            if len(base) == 1 or not index:
                return cls(base, index, primes)
        return cls(stem, "", primes)


class Style:
    """Unicode text, and what the others inherit."""

    minus, dot, odot, ellipsis, partial = "−", "·", " ⊙ ", "…", "∂"
    total, ones, arrow, prime = "Σ", "ones", " ← ", "′"
    relations = {"=": "=", "≠": "≠", "≤": "≤", "≥": "≥", "<": "<", ">": ">"}
    functions = {"sigmoid": "σ", "gamma": "Γ", "psi": "ψ", "logsumexp": "logsumexp"}
    every = ":"
    fractions = False  # whether division is written one above the other
    newline = "\n"

    # -- what stands alone ---------------------------------------------------------------------

    def name(self, name: str) -> Piece:
        """A variable; `∂ℓ/∂W` and grad's own `(dcost/dW)` are gradients."""
        if len(name) > QUOTED or not name.isprintable():
            stem = name.rstrip("′")
            name = quoted(" ".join(stem.split())) + name[len(stem) :]
        gradient = re.fullmatch(r"\(d(.+)/d(.+)\)|([∂d])(.+)/[∂d](.+)", name)
        if gradient:
            above, below = gradient[1] or gradient[4], gradient[2] or gradient[5]
            return self.gradient(above, below, gradient[3] or "∂")
        return self.variable(name)

    def gradient(self, above: str, below: str, sign: str) -> Piece:
        """A derivative."""
        sign = self.partial if sign == "∂" else "d"
        a, b = self.variable(above).text, self.variable(below).text
        return Piece(f"{sign}{a}/{sign}{b}", PRODUCT)

    def variable(self, name: str) -> Piece:
        """A variable; what could be taken for a formula is put in quotes."""
        base, index, primes = Name.of(name)
        text = self.letter(base)
        if text is None:
            text = f"'{' '.join(base.split())}'"
        if index:
            text += index.translate(_DIGITS) if index.isdigit() and "_" not in name else f"_{index}"
        return Piece(text + "′" * primes, ATOM, short=len(base) == 1)

    def letter(self, base: str) -> str | None:
        """A word as it is; None for what is no word."""
        return base if re.fullmatch(r"\w+(\.\w+)*", base) else None

    def number(self, value: Any) -> Piece:
        """A number, without a point where it is whole."""
        if isinstance(value, (bool, complex)):
            return Piece(str(value), ATOM, number=not isinstance(value, bool))
        known = _NUMBERS.get(value)
        if known:
            return self.call(known[0], [str(known[1])])
        if value == math.pi:
            return self.variable("π")
        if value == _ROOT:
            return self.over(self.number(2), self.root(self.variable("π")))
        if value != value or value in (math.inf, -math.inf):
            text = "nan" if value != value else self.infinity()
            return self.negative(Piece(text)) if value < 0 else Piece(text)
        whole = float(value).is_integer() and abs(value) < 1e6
        text = str(int(value)) if whole else self.digits(str(value))
        negative = text.startswith("-")
        made = Piece(text.removeprefix("-"), ATOM, number=True)
        return self.negative(made)._replace(number=True) if negative else made

    def infinity(self) -> str:
        """The infinite number."""
        return "∞"

    def digits(self, text: str) -> str:
        """A number that is not whole."""
        return text

    # -- what is made of pieces ----------------------------------------------------------------

    def parens(self, text: str) -> str:
        """In parentheses."""
        return f"({text})"

    def at(self, piece: Piece, level: int) -> str:
        """A piece where only what binds at least so tightly stands without parentheses."""
        return piece.text if piece.level >= level else self.parens(piece.text)

    def negative(self, x: Piece) -> Piece:
        """Minus x."""
        if x.text.startswith(self.minus) and x.level >= NEGATIVE:
            return Piece(x.text.removeprefix(self.minus), PRODUCT)
        return Piece(self.minus + self.at(x, HADAMARD), NEGATIVE)

    def plus(self, a: Piece, b: Piece) -> Piece:
        """a + b."""
        if b.text.startswith(self.minus):
            return Piece(f"{self.at(a, SUM)} {self.minus} {b.text.removeprefix(self.minus)}", SUM)
        return Piece(f"{self.at(a, SUM)} + {self.at(b, SUM)}", SUM)

    def less(self, a: Piece, b: Piece) -> Piece:
        """a − b."""
        if b.text.startswith(self.minus) and b.level >= NEGATIVE:
            return Piece(f"{self.at(a, SUM)} + {b.text.removeprefix(self.minus)}", SUM)
        return Piece(f"{self.at(a, SUM)} {self.minus} {self.at(b, HADAMARD)}", SUM)

    def times(self, a: Piece, b: Piece, matrices: bool | None = False) -> Piece:
        """The product of a scalar and anything, or of matrices (None: of two vectors)."""
        if b.number and not a.number:
            a, b = b, a
        if a.level == NEGATIVE:  # −x·y
            inner = Piece(a.text.removeprefix(self.minus), ATOM if a.number else PRODUCT)
            return self.negative(self.times(inner._replace(number=a.number), b, matrices))
        left, right = self.at(a, PRODUCT), self.at(b, PRODUCT)
        return Piece(left + self.between(a, b, left, right, matrices) + right, PRODUCT)

    def between(self, a: Piece, b: Piece, left: str, right: str, matrices: bool | None) -> str:
        """What stands between two factors."""
        if a.number:
            word = right[0].isalpha() and right[1:2].isalpha() and right[1] != "ᵀ"
            if word or right[0] in "∂√":
                return " "  # 2 exp(x)
            return self.dot if right[0].isdigit() else ""
        grouped = right.startswith("(")
        turned = left.endswith("ᵀ")
        if matrices and (a.short or left.endswith(")")) and (b.short or grouped):
            return self.dot if grouped and a.short and not turned else ""
        return self.dot

    def each(self, a: Piece, b: Piece) -> Piece:
        """The product element by element."""
        if a.level == NEGATIVE and not a.number:
            return self.negative(self.each(Piece(a.text.removeprefix(self.minus), HADAMARD), b))
        left = a.text if a.level == HADAMARD else self.at(a, self._apart(a))
        return Piece(f"{left}{self.odot}{self.at(b, self._apart(b))}", HADAMARD)

    def _apart(self, x: Piece) -> int:
        """Beside ⊙, a product of matrices stands in parentheses, unless it is one word."""
        flat = x.text
        while flat != (flat := re.sub(r"\([^()]*\)", "", flat)):
            pass  # what stands in parentheses is apart already
        plain = x.level == PRODUCT and (not re.search(r"[·/ ]", flat) or flat[0] == "∂")
        return PRODUCT if plain else POWER

    def over(self, a: Piece, b: Piece, elementwise: bool = False) -> Piece:
        """a / b."""
        if a.level == NEGATIVE:
            inner = Piece(a.text.removeprefix(self.minus), PRODUCT)
            return self.negative(self.over(inner, b, elementwise))
        bar = " / " if elementwise else "/"
        left, right = self.at(a, PRODUCT), self.at(b, POWER)
        return Piece(f"{left}{bar}{right}", HADAMARD if elementwise else PRODUCT)

    def power(self, x: Piece, exponent: Piece) -> Piece:
        """x to a power; a whole number is raised."""
        base = self.at(x, POSTFIX)
        raised = exponent.text.replace(self.minus, "-")
        if re.fullmatch(r"-?\d+", raised):
            return Piece(base + raised.translate(_RAISED), POWER)
        return Piece(f"{base}^{self.at(exponent, POSTFIX)}", POWER)

    def transposed(self, x: Piece) -> Piece:
        """x with its axes swapped."""
        return Piece(self.at(x, POSTFIX) + "ᵀ", POSTFIX, short=x.short)

    def indexed(self, x: Piece, index: str) -> Piece:
        """Part of x."""
        return Piece(f"{self.at(x, POSTFIX)}[{index}]", POSTFIX)

    def subscripted(self, x: Piece, index: str) -> str:
        """An element of a vector: y_k."""
        return f"{x.text}_{index}" if x.short else f"{self.at(x, POSTFIX)}[{index}]"

    def call(self, function: str, args: Sequence[str]) -> Piece:
        """A function of arguments."""
        return Piece(self.function(function) + self.parens(", ".join(args)), ATOM)

    def applied(self, function: str, x: Piece) -> Piece:
        """A function of something with an index, as in log p[k, y_k]."""
        return Piece(f"{self.function(function)} {x.text}", PRODUCT)

    def function(self, name: str) -> str:
        """The name of a function."""
        return self.functions.get(name, name)

    def over_axes(self, function: str, where: str, x: Piece) -> Piece:
        """A sum, mean or the like over some axes (empty: over all)."""
        head = self.total if function == "sum" else self.function(function)
        return Piece(f"{head}{'_' * bool(where)}{where}({x.text})", ATOM)

    def magnitude(self, x: Piece) -> Piece:
        """|x|."""
        return Piece(f"|{x.text}|", ATOM)

    def root(self, x: Piece) -> Piece:
        """The square root."""
        return Piece("√" + (x.text if x.short else self.parens(x.text)), POSTFIX)

    def rounded(self, x: Piece, up: bool) -> Piece:
        """The next whole number."""
        return Piece(f"⌈{x.text}⌉" if up else f"⌊{x.text}⌋", ATOM)

    def truth(self, condition: Piece) -> Piece:
        """1 where a condition holds, else 0."""
        return Piece(f"[{condition.text}]", ATOM)

    def either(self, condition: Piece, a: Piece, b: Piece) -> Piece:
        """One value or another."""
        return Piece(f"({a.text} if {condition.text}, else {b.text})", ATOM)

    def relation(self, a: Piece, sign: str, b: Piece) -> Piece:
        """a < b and the like."""
        text = f"{self.at(a, SUM)} {self.relations.get(sign, sign)} {self.at(b, SUM)}"
        return Piece(text, COMPARISON)

    def filled(self, shape: Sequence[str]) -> Piece:
        """An array of ones."""
        return self.call(self.ones, shape)

    def array(self, entries: Sequence[str]) -> Piece:
        """A few elements."""
        return Piece(f"[{', '.join(entries)}]", ATOM)

    def words(self, text: str) -> str:
        """Plain words beside formulas."""
        return text

    def shape(self, lengths: Sequence[str]) -> str:
        """A shape, as 784×10."""
        return "×".join(lengths)
