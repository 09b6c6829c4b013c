"""What `derive` returns: the derivation as data, as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.explain.derivation.chain import Chain, Slope
from symgrad.explain.derivation.check import Checked, check
from symgrad.explain.derivation.words import rules
from symgrad.explain.notation import formulas
from symgrad.explain.notation.dialects import STYLES
from symgrad.explain.notation.style import Style
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete
from symgrad.graph.walk import toposort
from symgrad.ops.arrays.lengths import Dim

_SHORT = 72  # characters of a closed formula in the variables alone
_RULE = 82  # characters of a line of a rule
_LONG = 240  # of one with the names of quantities


class Formula(NamedTuple):
    """A name and what it stands for: text, LaTeX (both sides), and the shape."""

    name: str
    text: str
    latex: str
    shape: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} = {self.text}"


class Step(NamedTuple):
    """One gradient in terms of those before it, with the rule in words."""

    name: str
    text: str
    latex: str
    shape: tuple[str, ...]
    rule: str

    def __str__(self) -> str:
        return f"{self.name} = {self.text}"


class Derivation:
    """The gradient of a cost, step by step: the result of `symgrad.derive`.

    Attributes
    ----------
    definitions : tuple of Formula
        The quantities that the cost is made of.
    steps : tuple of Step
        The gradient for each of them, from the cost downwards, then for each of `wrt`.
    result : Formula, or tuple of Formula where `wrt` was a list
        The gradients in closed form.
    checked : tuple of Checked
        What the last comparison with differences gave; empty before the first.
    """

    def __init__(self, cost: Expr, wrt: Sequence[Expr], several: bool) -> None:
        self._chain = Chain(cost, wrt)
        self._several = several
        self.checked: tuple[Checked, ...] = ()
        self.definitions, self.steps, self._results = self._written("unicode")

    @property
    def result(self) -> Formula | tuple[Formula, ...]:
        """The gradients in closed form."""
        return self._results if self._several else self._results[0]

    def check(self, values: Mapping[Any, Any] | None = None) -> tuple[Checked, ...]:
        """Compare every step, and every result, with differences of the cost in float64.

        Parameters
        ----------
        values : dict, optional
            Values for variables, or their names; the others are drawn, always the same ones.
            Shared variables keep theirs, a little changed.

        Returns
        -------
        tuple of Checked
            One for each step; its `ok` says whether it holds, `error` how well. The text of the
            derivation shows them from now on.
        """
        self.checked = tuple(check(self._chain, values))
        return self.checked

    # -- formulas --------------------------------------------------------------------------

    def _written(
        self, style: str
    ) -> tuple[tuple[Formula, ...], tuple[Step, ...], tuple[Formula, ...]]:
        """Definitions, steps and results, the texts in a style."""
        chain = self._chain
        last = {slope.of: slope for slope in chain.slopes}
        ends = [last[symbol] for symbol in chain.wrt]
        opened = [self._end(slope, slope.open, style, alone=True) for slope in ends]
        results = [f for f in opened if f is not None and len(f.text) <= _SHORT]
        if len(results) < len(ends):
            closed = [self._end(slope, slope.closed, style) for slope in ends]
            results = []
            for slope, f in zip(ends, closed, strict=True):
                if f is None or len(f.text) > _LONG:  # then it stays in terms of the others
                    f = self._end(slope, slope.formula, style)
                    assert f is not None
                results.append(f)
        return (
            tuple(self._definition(q.expr, style) for q in chain.quantities),
            tuple(self._step(slope, style) for slope in chain.slopes),
            tuple(results),
        )

    def _names(self, e: Expr, names: Mapping[Expr, str]) -> dict[Expr, str]:
        found = dict(names)
        for node in toposort([e], stop=found):
            if isinstance(node.op, Dim):
                lengths = self._chain.letters.lengths(node.inputs[0])
                found[node] = self._chain.letters.equal.name(lengths[node.op.axis])
        return found

    def _write(self, e: Expr, names: Mapping[Expr, str], style: str) -> str:
        known = self._names(e, names)
        written = formulas([e], known, style=style, share=False, lengths=self._chain.letters.shape)
        return written.formulas[0]

    def _both(self, name: str, e: Expr, names: Mapping[Expr, str], of: Expr, style: str) -> Formula:
        title = STYLES[style].name(name).text
        shape = tuple(self._chain.letters.shape(of))
        head = STYLES["latex"].name(name).text
        latex = f"{head} = {self._write(e, names, 'latex')}"
        return Formula(title, self._write(e, names, style), latex, shape)

    def _definition(self, e: Expr, style: str) -> Formula:
        chain = self._chain
        names = {q.expr: q.name for q in chain.quantities}
        names |= {v: chain.names[v] for v in chain.variables}
        return self._both(names[e], e, names, e, style)

    def _name(self, slope: Slope) -> str:
        chain = self._chain
        if slope.of in chain.seeds:
            return chain.names[chain.seeds[slope.of]]
        return f"∂{chain.names[chain.cost_symbol]}/∂{chain.names[slope.of]}"

    def _step(self, slope: Slope, style: str) -> Step:
        written = self._both(self._name(slope), slope.formula, self._chain.names, slope.of, style)
        if slope.links:
            rule = rules([link.body for link in slope.links], slope.of)
        elif is_discrete(slope.of.dtype):
            rule = "it holds integers: the gradient is 0"
        else:
            rule = "only values that do not change with it are used: the gradient is 0"
        return Step(*written, rule if style == "unicode" else STYLES[style].words(rule))

    def _end(self, slope: Slope, e: Expr | None, style: str, alone: bool = False) -> Formula | None:
        """A gradient as a result; `alone` where it knows no quantities."""
        if e is None:
            return None
        names = self._chain.names
        if alone:
            names = {v: n for v, n in names.items() if v.op is None}
        return self._both(self._name(slope), e, names, slope.of, style)

    # -- as a whole --------------------------------------------------------------------------

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, ascii: bool = False) -> str:
        """The whole derivation as text.

        Parameters
        ----------
        ascii : bool
            Use ASCII alone.
        """
        return text_of(self, ascii)

    def latex(self) -> str:
        r"""The whole derivation as LaTeX, in an `aligned` block without dollar signs."""
        return latex_of(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


# -- text ------------------------------------------------------------------------------------


def text_of(d: Derivation, ascii: bool) -> str:
    """A derivation as text."""
    chain, kind = d._chain, "ascii" if ascii else "unicode"
    style = STYLES[kind]
    written = d._written(kind) if ascii else (d.definitions, d.steps, d._results)

    def row(f: Formula | Step) -> tuple[str, str]:
        return f"{f.name} = {f.text}", _kind(f.shape, style)

    given = [
        f"{style.name(chain.names[v]).text}: {_kind(chain.letters.shape(v), style, v)}"
        for v in chain.variables
        if not isinstance(v, Constant)
    ]
    definitions, steps, results = ([row(f) for f in part] for part in written)
    width = min(max(len(left) for left, _ in definitions + steps + results), 64)
    marks = [_mark(c, ascii) for c in d.checked] or [""] * len(steps)

    def line(pair: tuple[str, str], mark: str = "") -> str:
        return f"  {pair[0]:<{width}}  {pair[1]}{mark}"

    legend = chain.letters.legend(chain.variables, chain.names)
    lines = [f"Given  {', '.join(given)}"]
    if legend:
        lines.append(f"       {', '.join(legend)}")
    lines += ["", "The cost", *map(line, definitions), "", "Its gradient, from the end"]
    for step, pair, mark in zip(written[1], steps, marks, strict=True):
        lines += [line(pair, mark), *(f"      {part}" for part in _wrapped(step.rule))]
    lines += ["", "Result", *map(line, results)]
    failures = [style.words(str(c)) for c in d.checked if not c.ok]
    if failures:
        lines += ["", *failures]
    text = "\n".join(line.rstrip() for line in lines)
    return text


def _kind(shape: Sequence[str], style: Style, v: Expr | None = None) -> str:
    """A shape in words: a number, 10 numbers, 784×10."""
    what = "integer" if v is not None and is_discrete(v.dtype) else "number"
    if not shape:
        return what if v is None else f"a{'n' if what[0] == 'i' else ''} {what}"
    if len(shape) == 1:
        return f"{shape[0]} {what}s"
    return style.shape(shape) + (" integers" if what == "integer" else "")


def _mark(c: Checked, ascii: bool) -> str:
    sign = ("ok" if c.ok else "") if ascii else ("✓" if c.ok else "✗")
    return f"  {sign} {c.error:.0e}" if c.ok else f"  {sign} FAILS"


def _wrapped(rule: str) -> list[str]:
    lines = [""]
    for word in rule.split():
        if len(lines[-1]) + len(word) >= _RULE:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


def latex_of(d: Derivation) -> str:
    """A derivation as LaTeX."""
    style = STYLES["latex"]

    def row(f: Formula | Step) -> str:
        left, _, right = f.latex.partition(" = ")
        shape = style.shape([style.name(n).text for n in f.shape])
        return rf"{left} &= {right} && {shape}".rstrip()

    def title(words: str) -> str:
        return rf"&\textbf{{{words}}}"

    rows = [title("The cost"), *map(row, d.definitions), title("Its gradient, from the end")]
    for step in d.steps:
        rows.append(row(step))
        rows += [rf"&\quad {{\scriptstyle {style.words(part)}}}" for part in _wrapped(step.rule)]
    rows += [title("Result"), *map(row, d._results)]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
