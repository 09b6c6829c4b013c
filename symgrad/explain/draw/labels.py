"""What operations are called in pictures: `softmax`, `·`, `xᵀ`, `mean over axis 0`, `× 0.13`.

A handler is given the operation's node and what stands for each operand: a text, where it is part
of the label, or None, where an arrow comes in. In labels □ is what the one arrow brings. There is
a handler for each kind of operation, of a few lines: the file is as long as there are kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from symgrad import ops
from symgrad.explain.draw.texts import SLOT, TURNED, Operand, Text, number, raised, word
from symgrad.graph.expr import Expr
from symgrad.ops.arithmetic import elementwise, logic
from symgrad.ops.arrays.joining import Join
from symgrad.ops.arrays.lengths import MakeVector
from symgrad.ops.arrays.shaping import (
    Alloc,
    BroadcastLike,
    DimShuffle,
    Reshape,
    SumLike,
    is_column,
    is_transposed,
)
from symgrad.ops.control.loops import Map
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import SYMBOL
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.linalg.linalg import Product
from symgrad.ops.nnet import nnet
from symgrad.ops.nnet.row_losses import RowLoss, ScaleRows
from symgrad.ops.nnet.softmax import AxisNormalizer, LessShare, LogSumExp
from symgrad.ops.op import Project
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.inner import Inner
from symgrad.ops.reductions.reduction import Prod, Sum


class Given(NamedTuple):
    """A node to label, what it is applied to, and all lengths."""

    node: Expr
    operands: Sequence[Operand]
    lengths: Callable[[Expr], Sequence[str]]

    @property
    def texts(self) -> list[Text | None]:
        """What is written of each operand; None where an arrow comes in."""
        return [operand.text for operand in self.operands]

    @property
    def names(self) -> list[str]:
        """The users' names of the operands, as far as they are short."""
        return [operand.name for operand in self.operands]

    @property
    def is_twice(self) -> bool:
        """Whether both operands are the same."""
        a, b = self.operands
        return a.node is b.node and a.turned == b.turned and a.text is None and b.text is None

    @property
    def drawn(self) -> list[int]:
        """The operands that arrows bring."""
        return [k for k, text in enumerate(self.texts) if text is None]

    def at(self, k: int, level: int = 0) -> str:
        """An operand's text, or a slot for it."""
        text = self.texts[k]
        return SLOT if text is None else text.at(level)


class Label(NamedTuple):
    """A label, and marks for the arrows of the operands where it matters which is which."""

    text: str
    marks: dict[int, str] = {}


Handler = Callable[[Given], "Label | str"]
_HANDLERS: dict[Any, Handler] = {}


def label(given: Given) -> Label:
    """The label of an operation.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> label(Given(T.nnet.softmax(x), [Operand(x, None)], lambda node: ("n", "m"))).text
    'softmax'
    """
    op = given.node.op
    handler = _HANDLERS.get(op) or _HANDLERS.get(type(op))
    if handler is None:
        kinds = (kind for kind in type(op).__mro__ if kind in _HANDLERS)
        handler = _HANDLERS.get(next(kinds, None), _by_name)
    made = handler(given)
    if isinstance(made, Label):
        return made
    return Label(made, _numbered(given))


def _numbered(given: Given) -> dict[int, str]:
    drawn = given.drawn
    return {k: str(k + 1) for k in drawn} if len(drawn) > 1 else {}


def labels(*kinds: Any) -> Callable[[Handler], Handler]:
    """Say how operations, or classes of them, are called."""

    def enter(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return enter


# -- arithmetic ----------------------------------------------------------------------------------


def _scalar(node: Expr) -> bool:
    return all(n == 1 for n in node.static_shape)


@labels(ops.add)
def _add(g: Given) -> Label | str:
    if len(g.drawn) == 2:
        return Label("× 2" if g.is_twice else "+")
    text = g.at(1 - g.drawn[0], 1)
    return f"− {text[1:]}" if text.startswith("−") else f"+ {text}"


@labels(ops.sub)
def _sub(g: Given) -> Label | str:
    return _taken(g, "−", 1)


@labels(ops.neg)
def _neg(g: Given) -> str:
    return f"−{SLOT}"


@labels(ops.mul, nnet.times_or_zero, nnet.weighted)
def _mul(g: Given) -> Label | str:
    if len(g.drawn) == 2:
        a, b = g.node.inputs
        if g.is_twice:
            return Label(f"{SLOT}²")
        return Label("×" if _scalar(a) or _scalar(b) else "⊙")
    text = g.at(1 - g.drawn[0], 1)
    return f"−{SLOT}" if text == "−1" else f"× {text}"


@labels(ops.true_div)
def _true_div(g: Given) -> Label | str:
    return _taken(g, "÷", 2)


@labels(ops.pow)
def _pow(g: Given) -> Label | str:
    base, exponent = g.texts
    if base is None and exponent is None:
        return Label("aᵇ", {0: "a", 1: "b"})
    if exponent is None:
        return f"{g.at(0, 3)}^{SLOT}"
    return "√" if exponent.text == "0.5" else f"{SLOT}{raised(exponent.text)}"


@labels(ops.sqr)
def _sqr(g: Given) -> str:
    return f"{SLOT}²"


@labels(ops.sqrt)
def _sqrt(g: Given) -> str:
    return "√"


@labels(ops.inv)
def _inv(g: Given) -> str:
    return f"1 ÷ {SLOT}"


@labels(ops.switch)
def _switch(g: Given) -> Label:
    marks = {k: ("if", "then", "else")[k] for k in g.drawn}
    condition, a, b = (g.at(k) for k in range(3))
    if len(g.drawn) == 3:
        return Label("if … then … else", marks)
    if a == SLOT and b == "0" and condition == SLOT:
        return Label("only where", {0: "where", 1: "value"})
    return Label(f"if {condition} then {a} else {b}", marks if len(g.drawn) > 1 else {})


@labels(elementwise.clip_between)
def _clip(g: Given) -> Label | str:
    if g.texts[1] is not None and g.texts[2] is not None:
        return Label(f"clip to [{g.at(1)}, {g.at(2)}]")
    return Label("clip", {k: ("value", "from", "to")[k] for k in g.drawn})


@labels(logic.and_, logic.or_)
def _logic(g: Given) -> Label:
    return Label(word(g.node.op.name))


@labels(Elementwise)
def _elementwise(g: Given) -> Label | str:
    op: Any = g.node.op
    if op.symbol and op.nin == 2:
        if len(g.drawn) == 2:
            return Label(op.symbol) if op.symbol in "=≠" else op.symbol
        return f"{g.at(0, 1)} {op.symbol} {g.at(1, 1)}".removeprefix(f"{SLOT} ")
    name = word(op.name)
    if len(g.drawn) == op.nin:
        return Label(name) if op in (elementwise.maximum, elementwise.minimum) else name
    return f"{name}({', '.join(g.at(k) for k in range(op.nin))})"


@labels(ops.Cast)
def _cast(g: Given) -> str:
    return f"to {g.node.op.dtype}"


def _taken(g: Given, sign: str, level: int) -> Label | str:
    """One operand taken from the other: `a − b`, or with a text on one side."""
    if len(g.drawn) == 2:
        return _between(g, sign)
    return (
        f"{sign} {g.at(1, level + 1)}" if g.texts[0] is None else f"{g.at(0, level)} {sign} {SLOT}"
    )


def _between(g: Given, sign: str) -> Label:
    """A sign between names, so that they need no marks; or between A and B; or alone."""
    if g.is_twice and not g.operands[0].turned:
        return Label(f"{g.names[0] or SLOT} {sign} {g.names[0] or SLOT}")
    if any(g.names):
        texts = [
            operand.name or f"{SLOT}{TURNED if operand.turned else ''}" for operand in g.operands
        ]
        return Label(f" {sign} ".join(texts))
    turned = [TURNED if operand.turned else "" for operand in g.operands]
    if any(turned):
        a, b = f"A{turned[0]}", f"B{turned[1]}"
        return Label(f"{a} {sign} {b}", {0: "A", 1: "B"})
    return Label(sign, {0: "1", 1: "2"})


# -- matrices ------------------------------------------------------------------------------------


@labels(Product)
def _product(g: Given) -> Label | str:
    settings = g.node.op.settings_text()
    return f"· {settings}" if settings else _between(g, "·")


@labels(DimShuffle)
def _dim_shuffle(g: Given) -> str:
    order = g.node.op.order
    name = g.names[0] if g.names[0] and len(g.names[0]) <= 12 else SLOT
    if is_transposed(g.node):
        return f"{name}ᵀ"
    if is_column(g.node):
        return "as a column"
    if order == ("x", 0):
        return "as a row"
    return f"axes ({', '.join('new' if a == 'x' else str(a) for a in order)})"


@labels(Gemm)
def _gemm(g: Given) -> Label:
    """`W − 0.13 · A·B`."""
    op: Any = g.node.op
    start = g.at(0) if g.texts[0] is not None else (g.names[0] or "C")
    marks = {0: start} if g.texts[0] is None else {}
    first = 1
    if op.start != "plain":
        first = 2
        beta = g.at(1, 1)
        if g.texts[1] is None:
            marks[1] = beta = "β"
        start = f"{beta}·{start}" if op.start == "scaled" else _plus(start, f"{beta}·{start}")
    letters = iter("ABDEFGHIJKLMNOPQRSTUVXYZ" * (len(g.texts) // 20 + 1))

    def matrix(k: int) -> str:
        if g.names[k]:
            return g.names[k]
        marks[k] = next(letters)
        return marks[k] + (TURNED if g.operands[k].turned else "")

    for k in range(first, len(g.texts), 3):
        a, b = matrix(k + 1), matrix(k + 2)
        alpha = g.at(k, 1)
        if g.texts[k] is None:
            marks[k] = alpha = "α"
        start = _plus(start, f"{a}·{b}" if alpha == "1" else f"{alpha}·{a}·{b}")
    return Label(start, {k: m for k, m in marks.items() if g.texts[k] is None})


def _plus(a: str, b: str) -> str:
    return f"{a} − {b[1:].removeprefix('1·')}" if b.startswith("−") else f"{a} + {b}"


@labels(Inner)
def _inner(g: Given) -> str | Label:
    return f"sum of {SLOT}²" if g.is_twice else Label("sum of ⊙")


# -- along axes ----------------------------------------------------------------------------------


def over(axes: Sequence[int], ndim: int) -> str:
    """`over axis 0`; nothing where a reduction leaves one number.

    >>> over((0,), 2), over((0, 1), 2), over((1, 2), 3)
    (' over axis 0', '', ' over axes 1, 2')
    """
    if len(axes) == ndim:
        return ""
    return f" over {'axes' if len(axes) > 1 else 'axis'} {', '.join(map(str, axes))}"


@labels(Reduction)
def _reduction(g: Given) -> str:
    names = {Sum: "sum", Prod: "product", LogSumExp: "log Σ exp"}
    op: Any = g.node.op
    name = names.get(type(op)) or word(op.name)
    return f"{name}{over(op.axis, g.node.inputs[0].ndim)}"


@labels(AxisNormalizer)
def _normalizer(g: Given) -> str:
    op: Any = g.node.op
    along = "" if op.axis == (g.node.ndim - 1,) else over(op.axis, -1)
    return f"{word(op.name)}{along}"


@labels(LessShare)
def _less_share(g: Given) -> Label:
    """What is left of u when each place gives its share p of the sum: the gradient of softmax."""
    if len(g.drawn) < 2:
        return Label(f"u − p·Σu, u = {g.at(0)}, p = {g.at(1)}")
    return Label("u − p·Σu", {0: "u", 1: "p"})


@labels(SumLike)
def _sum_like(g: Given) -> str:
    x, like = g.node.inputs
    have, want = g.lengths(x), g.lengths(like)
    extra = len(have) - len(want)
    axes = [a for a, n in enumerate(have) if a < extra or (want[a - extra] == "1" != n)]
    return f"sum{over(axes, x.ndim)}"


@labels(RowLoss)
def _row_loss(g: Given) -> Label:
    return Label("softmax with cross-entropy", {0: "scores", 1: "classes"})


@labels(Project)
def _project(g: Given) -> Label:
    op: Any = g.node.op
    if isinstance(g.node.inputs[0].op, RowLoss):
        return Label(("loss of each row", "softmax − one-hot")[op.index])
    if isinstance(g.node.inputs[0].op, Map):
        summed = g.node.inputs[0].op.summed[op.index]
        return Label("sum over the rounds" if summed else "all rounds, stacked")
    return Label(f"result {op.index + 1}")


@labels(ScaleRows)
def _scale_rows(g: Given) -> Label:
    if g.texts[1] is not None:
        return Label(f"× {g.at(1, 1)}", {2: "rows"})
    return Label("rows ×" if g.node.inputs[1].ndim else "×", {0: "rows", 1: "factors", 2: "labels"})


# -- parts and shapes ----------------------------------------------------------------------------


def _index(g: Given, first: int) -> tuple[str, dict[int, str]]:
    """What stands between the brackets, and marks for the arrays that arrows bring."""
    spec = g.node.op.spec
    counted = any(text is not None and text.counts for text in g.texts[first:])
    letters = iter("ijklmpqrst" * (len(g.texts) // 10 + 1))
    position = first
    marks: dict[int, str] = {}
    single = sum(entry[0] in ("array", "mask") for entry in spec) == 1

    def take() -> str:
        nonlocal position
        k = position
        position += 1
        text = g.texts[k]
        if text is not None:
            return "k" if text.counts and len(g.texts) - first > 1 else text.text
        name = g.names[k] if len(g.names[k]) <= 8 else ""
        if counted:
            if not name:
                marks[k] = name = next(letters)
            return f"{name}ₖ"
        if single and not name:
            marks[k] = "where" if g.node.inputs[k].dtype == "bool" else "index"
            return marks[k]
        if not name:
            marks[k] = name = next(letters)
        return name

    def part(p: Any) -> str:
        return "" if p is None else take() if p == SYMBOL else number(p).text

    entries = []
    for kind, *parts in spec:
        if kind == "new":
            entries.append("new")
        elif kind == "gap":
            entries.append("…")
        elif kind == "slice":
            start, stop, step = (part(p) for p in parts)
            entries.append(f"{start} : {stop}".strip() + (f" : {step}" if step else ""))
        elif kind == "int":
            entries.append(part(parts[0]))
        else:
            entries.append(take())
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return f"[{', '.join(entries)}]", marks


@labels(Index)
def _part(g: Given) -> Label:
    text, marks = _index(g, 1)
    spec = g.node.op.spec
    if spec[0][0] == "slice" and ":" in text and "," not in text and g.node.ndim:
        text = f"rows {text}" if g.node.ndim > 1 else text
    elif any(entry[0] in ("array", "mask") for entry in spec):
        text = f"entries {text}"
    return Label(text, marks)


@labels(IncIndex)
def _changed(g: Given) -> Label:
    text, marks = _index(g, 2)
    base, value = g.texts[0], g.at(1)
    if g.texts[1] is None:
        marks[1] = "value"
    if base is not None and base.text == "0":
        made = f"zeros, with {value if g.texts[1] is not None else 'value'} at {text}"
    else:
        if base is None and len(g.drawn) > 1:
            marks[0] = "x"
        made = f"x{text} {'←' if g.node.op.assign else '+='} {value}"
    return Label(made, marks if len(g.drawn) > 1 else {})


@labels(Reshape)
def _reshape(g: Given) -> str:
    if g.node.ndim == 1:
        return "flatten"
    return f"reshape to {'×'.join(g.lengths(g.node))}"


@labels(BroadcastLike, Alloc)
def _repeated(g: Given) -> Label:
    return Label(f"repeat to {'×'.join(g.lengths(g.node))}")


@labels(MakeVector)
def _vector(g: Given) -> str:
    return f"[{', '.join(g.at(k) for k in range(len(g.texts)))}]" if len(g.texts) <= 6 else "vector"


@labels(Join)
def _join(g: Given) -> str:
    axis = getattr(g.node.op, "axis", None)
    return "join" if axis is None else f"join along axis {axis}"


def _by_name(g: Given) -> str:
    op: Any = g.node.op
    written = [t.text for t in g.texts if t is not None and t.text]
    settings = op.settings_text()
    inside = ", ".join([*written, *([settings] if settings else [])])
    name = word(op.name)
    return f"{name} ({inside})" if inside and len(inside) <= 40 else name
