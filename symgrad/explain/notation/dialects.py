"""Two more ways to spell: ASCII, and LaTeX."""

# ruff: noqa: D102 - each method means what it means in `Style`
from __future__ import annotations

import re
from collections.abc import Sequence

from symgrad.explain.notation.style import (
    ATOM,
    GREEK,
    HADAMARD,
    NEGATIVE,
    POSTFIX,
    POWER,
    PRODUCT,
    Name,
    Piece,
    Style,
)

_LETTERS = {letter: word for word, letter in GREEK.items()} | {"ℓ": "ell"}
_IN_TEXT = {
    **{c: f"\\{c}" for c in "_%$#&{}"},
    "\\": r"}\backslash\text{",
    "^": r"}\wedge\text{",
    "~": r"}\sim\text{",
    "·": r"}\cdot\text{",
    "⊙": r"}\odot\text{",
    "Σ": r"}\Sigma\text{",
    "∂": r"}\partial\text{",
    "σ": r"}\sigma\text{",
    "π": r"}\pi\text{",
    "√": r"}\sqrt{\,}\text{",
    "×": r"}\times\text{",
    "≥": r"}\geq\text{",
    "≤": r"}\leq\text{",
    "−": "-",
    "′": "'",
}
_RAISED_WORDS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵘᵇᵀ", "0123456789-ubT", strict=True))
_PLAIN_WORDS = {
    "−": "-",
    "′": "'",
    "⊙": "*",
    "·": "*",
    "×": "x",
    "Σ": "sum",
    "∂": "d",
    "√": "sqrt",
    "π": "pi",
    "σ": "sigmoid",
    "ᵘ": "^u",
    "ᵇ": "^b",
    "⁻": "^-",
    "ᵀ": ".T",
    "≥": ">=",
    "≤": "<=",
    **{raised: f"^{digit}" for digit, raised in zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)},
}
_KNOWN_TO_LATEX = {
    *("exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min det".split()),
}


class Ascii(Style):
    """Text in ASCII alone (names keep what they have)."""

    minus, dot, odot, ellipsis, partial = "-", " * ", " * ", "...", "d"
    total, arrow, prime = "sum", " <- ", "'"
    relations = {"=": "==", "≠": "!=", "≤": "<=", "≥": ">="}
    functions: dict[str, str] = {}

    def variable(self, name: str) -> Piece:
        base, index, primes = Name.of(name)
        word = _LETTERS.get(base, base)
        word = "cost" if base == "ℓ" else word
        text = word if self.letter(word) else f"'{' '.join(word.split())}'"
        text += f"_{index}" if "_" in name and index else index
        return Piece(text + "'" * primes, ATOM, short=len(text) == 1)

    def infinity(self) -> str:
        return "inf"

    def words(self, text: str) -> str:
        for sign, plain in _PLAIN_WORDS.items():
            text = text.replace(sign, plain)
        return text

    def between(self, a: Piece, b: Piece, left: str, right: str, matrices: bool | None) -> str:
        return self.dot if matrices is False else " @ "

    def power(self, x: Piece, exponent: Piece) -> Piece:
        return Piece(f"{self.at(x, POSTFIX)}^{self.at(exponent, POSTFIX)}", POWER)

    def transposed(self, x: Piece) -> Piece:
        return Piece(self.at(x, POSTFIX) + ".T", POSTFIX, short=x.short)

    def root(self, x: Piece) -> Piece:
        return self.call("sqrt", [x.text])

    def rounded(self, x: Piece, up: bool) -> Piece:
        return self.call("ceil" if up else "floor", [x.text])

    def shape(self, lengths: Sequence[str]) -> str:
        return " x ".join(lengths)


class Latex(Style):
    """LaTeX as MathJax, KaTeX and matplotlib's mathtext read it, without dollar signs."""

    minus, dot, odot, ellipsis, partial = "-", r" \cdot ", r" \odot ", r"\ldots", r"\partial "
    total, arrow, prime = r"\sum", r" \leftarrow ", "'"
    relations = {"=": "=", "≠": r"\neq", "≤": r"\leq", "≥": r"\geq", "<": "<", ">": ">"}
    functions = {"sigmoid": r"\sigma", "gamma": r"\Gamma", "psi": r"\psi"}
    every = r"{:}"
    fractions = True
    newline = r" \\ "

    def gradient(self, above: str, below: str, sign: str) -> Piece:
        sign = self.partial if sign == "∂" else r"\mathrm{d}"
        a, b = self.variable(above).text, self.variable(below).text
        return Piece(rf"\frac{{{sign}{a}}}{{{sign}{b}}}", PRODUCT)

    def variable(self, name: str) -> Piece:
        base, index, primes = Name.of(name)
        text = self.letter(base)
        if index:
            text += f"_{{{index if len(index) == 1 or index.isdigit() else self.words(index)}}}"
        return Piece(text + "'" * primes, ATOM, short=len(base) == 1)

    def letter(self, base: str) -> str:
        if base in _LETTERS:
            return f"\\{_LETTERS[base]}"
        if base.isdigit() or (len(base) == 1 and base.isascii() and base.isalpha()):
            return base
        return self.words(base)

    def words(self, text: str) -> str:
        text = re.sub(r"[\s\x00-\x1f]+", " ", text)
        text = re.sub(f"[{''.join(_RAISED_WORDS)}]+", self._raised, text)
        inside = "".join(_IN_TEXT.get(c, c) for c in text)
        inside = re.sub("\x00(.*?)\x01", r"}^{\1}\\text{", inside)
        return rf"\text{{{inside}}}".replace(r"\text{}", "")

    @staticmethod
    def _raised(found: re.Match[str]) -> str:
        raised = "".join(_RAISED_WORDS[c] for c in found[0])
        return f"\x00{raised}\x01"  # between marks that no name holds, until all is escaped

    def infinity(self) -> str:
        return r"\infty"

    def digits(self, text: str) -> str:
        found = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", text)
        if not found:
            return text
        number, exponent = found[1], int(found[2])
        power = f"10^{{{exponent}}}"
        return power if number == "1" else rf"{number} \cdot {power}"

    def parens(self, text: str) -> str:
        tall = re.search(r"\\frac|\\sum|\^\{", text)
        return rf"\left({text}\right)" if tall else f"({text})"

    def between(self, a: Piece, b: Piece, left: str, right: str, matrices: bool | None) -> str:
        if a.number:
            return self.dot if right[0].isdigit() else r" \, " if right[0] == "\\" else " "
        if matrices is None:
            return self.dot
        near = a.short or left.endswith(")") or (left.endswith("}") and r"\text" not in left)
        return " " if near and (b.short or right.startswith(("(", r"\left"))) else r" \, "

    def over(self, a: Piece, b: Piece, elementwise: bool = False) -> Piece:
        if a.level == NEGATIVE:
            inner = Piece(a.text.removeprefix(self.minus), PRODUCT)
            return self.negative(self.over(inner, b, elementwise))
        return Piece(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT)

    def _apart(self, x: Piece) -> int:
        return PRODUCT

    def power(self, x: Piece, exponent: Piece) -> Piece:
        return Piece(f"{self.at(x, POSTFIX)}^{{{exponent.text}}}", POWER)

    def transposed(self, x: Piece) -> Piece:
        return Piece(self.at(x, POSTFIX) + r"^{\top}", POWER, short=x.short)

    def subscripted(self, x: Piece, index: str) -> str:
        return f"{x.text}_{{{index}}}" if x.short else f"{self.at(x, POSTFIX)}[{index}]"

    def indexed(self, x: Piece, index: str) -> Piece:
        if re.search(r"\\frac|\[", index) or x.level < ATOM:
            return Piece(f"{self.at(x, POSTFIX)}[{index}]", POSTFIX)
        return Piece(f"{x.text}[{index}]", POSTFIX)

    def function(self, name: str) -> str:
        if name in self.functions:
            return self.functions[name]
        if name in _KNOWN_TO_LATEX:
            return f"\\{name}"
        if re.fullmatch(r"[A-Za-z]+", name):
            return rf"\operatorname{{{name}}}"
        return self.words(name)

    def applied(self, function: str, x: Piece) -> Piece:
        return Piece(f"{self.function(function)} {x.text}", PRODUCT)

    def over_axes(self, function: str, where: str, x: Piece) -> Piece:
        below = f"_{{{self.words(where)}}}" if where else ""
        if function == "sum":
            text = rf"\sum{below} {self.at(x, PRODUCT)}"
            return Piece(text, HADAMARD)
        return Piece(f"{self.function(function)}{below}{self.parens(x.text)}", ATOM)

    def magnitude(self, x: Piece) -> Piece:
        return Piece(rf"\left|{x.text}\right|", ATOM)

    def root(self, x: Piece) -> Piece:
        return Piece(rf"\sqrt{{{x.text}}}", POSTFIX)

    def rounded(self, x: Piece, up: bool) -> Piece:
        left, right = (r"\lceil ", r" \rceil") if up else (r"\lfloor ", r" \rfloor")
        return Piece(left + x.text + right, ATOM)

    def either(self, condition: Piece, a: Piece, b: Piece) -> Piece:
        return self.call("where", [condition.text, a.text, b.text])

    def filled(self, shape: Sequence[str]) -> Piece:
        return Piece(rf"\mathbf{{1}}_{{{self.shape(shape)}}}", ATOM)

    def shape(self, lengths: Sequence[str]) -> str:
        return r" \times ".join(lengths)


STYLES: dict[str, Style] = {"unicode": Style(), "ascii": Ascii(), "latex": Latex()}
