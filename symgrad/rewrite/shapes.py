"""Shapes computed without computing values, and broadcasting undone where there is none.

These rules look at lengths: besides the node they are given what tells where each length of a node
comes from, `LengthsOf`. `bind` makes ordinary rules of them for one graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import add, cast, int_div, maximum, mul
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.arrays.joining import Join
from symgrad.ops.arrays.lengths import Dim, MakeVector, Shape, length_constant
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike, Reshape, SumLike
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import is_basic
from symgrad.ops.indexing.indexing import IncIndex, Index, ShapePart
from symgrad.ops.op import Lengths
from symgrad.rewrite.engine import Rule, RuleSet, rewrite


def known_lengths(order: Sequence[Expr]) -> dict[Expr, Lengths]:
    """For each node, where each of its lengths comes from: two equal entries are equal lengths.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> y = T.exp(x.T)
    >>> known_lengths(toposort([y]))[y]
    ((x, 1), (x, 0))
    """
    known: dict[Expr, Lengths] = {}
    _extend(known, order)
    return known


def _extend(known: dict[Expr, Lengths], order: Sequence[Expr]) -> None:
    for node in order:
        static = node.type.shape
        if None not in static:
            known[node] = static  # type: ignore[assignment]
        elif node.op is None:
            known[node] = tuple([(node, a) if n is None else n for a, n in enumerate(static)])
        else:
            lengths = node.op.lengths(node, known)
            known[node] = tuple(
                [a if n is None else n for a, n in zip(lengths, static, strict=True)]
            )


class LengthsOf:
    """`known_lengths` of a graph that grows, found when they are asked for.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> LengthsOf()(T.exp(x))
    ((x, 0), (x, 1))
    """

    def __init__(self) -> None:
        self.known: dict[Expr, Lengths] = {}
        self.moved: dict[Expr, int] = {}  # how often an index has moved below a node

    def __call__(self, e: Expr) -> Lengths:
        """Where the lengths of a node come from."""
        known = self.known
        if e not in known:
            new = [e]
            if any(i not in known for i in e.inputs):
                new = [node for node in toposort([e], stop=known) if node not in known]
            _extend(known, new)
        return known[e]


LengthRule = Callable[[Expr, LengthsOf], "Expr | None"]


class LengthRules:
    """Rules that look at lengths, as a `RuleSet` holds those that do not.

    >>> len(LengthRules("example").rules)
    0
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rules: list[tuple[LengthRule, tuple[Any, ...], Sequence[Any]]] = []

    def __call__(self, *ops: Any, needs: Sequence[Any] = ()) -> Callable[[LengthRule], LengthRule]:
        """Decorate a rule, as with a `RuleSet`."""

        def register(rule: LengthRule) -> LengthRule:
            self.rules.append((rule, ops, needs))
            return rule

        return register


def bind(*sets: LengthRules | RuleSet) -> list[RuleSet]:
    """The rules of some sets, of either kind, for one graph.

    >>> [bound.name for bound in bind(SHAPES, RuleSet("others"))]
    ['shapes', 'others']
    """
    lengths = LengthsOf()

    def bound(rule: LengthRule) -> Rule:
        def asked(e: Expr) -> Expr | None:
            return rule(e, lengths)

        asked.__name__, asked.__doc__ = rule.__name__, rule.__doc__
        asked.__module__ = rule.__module__
        return asked

    result: list[RuleSet] = []
    for each in sets:
        if isinstance(each, RuleSet):
            result.append(each)
            continue
        result.append(RuleSet(each.name))
        for rule, ops, needs in each.rules:
            result[-1](*ops, needs=needs)(bound(rule))
    return result


SHAPES = LengthRules("shapes")


def simplify_shapes(outputs: Sequence[Expr]) -> list[Expr]:
    """Rewrite a graph with the rules of this file alone.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> simplify_shapes([T.exp(x).shape[0]])[0].inputs
    (x,)
    """
    return rewrite(outputs, bind(SHAPES), merge=False)


# -- lengths ---------------------------------------------------------------------------------------


@SHAPES(Dim)
def length_from_its_source(e: Expr, lengths: LengthsOf) -> Expr | None:
    """exp(x).shape[0] → x.shape[0], or the number where it is known."""
    (x,) = e.inputs
    length = lengths(x)[e.op.axis]
    if isinstance(length, int):
        return length_constant(length)
    return None if length[0] is x else Dim(length[1]).make(length[0])


@SHAPES(Dim)
def length_that_was_given(e: Expr, lengths: LengthsOf) -> Expr | None:
    """alloc(v, n + 1).shape[0] → n + 1; a reshaped tensor likewise, where n is no -1."""
    (x,) = e.inputs
    if not isinstance(x.op, (Alloc, Reshape)):
        return None
    length = x.inputs[1 + e.op.axis]
    if isinstance(x.op, Reshape) and not _is_made_of_lengths(length):
        return None
    return cast(length, "int64")  # type: ignore[no-any-return]


@SHAPES(Dim)
def length_that_was_left(e: Expr, lengths: LengthsOf) -> Expr | None:
    """x.reshape((n, -1)).shape[1] → x.size // n."""
    (made,) = e.inputs
    if not isinstance(made.op, Reshape):
        return None
    x, *given = made.inputs
    rest = given.pop(e.op.axis)
    if not (isinstance(rest, Constant) and rest.value == -1):
        return None
    if not all(map(_is_made_of_lengths, given)):
        return None
    whole = _product([Dim(a).make(x) for a in range(x.ndim)])
    return int_div.make(whole, _product(given)) if given else whole


def _product(lengths: Sequence[Expr]) -> Expr:
    total = length_constant(1) if not lengths else lengths[0]
    for length in lengths[1:]:
        total = mul.make(total, length)
    return total


def _is_made_of_lengths(e: Expr) -> bool:
    """Whether a scalar is a length, a number from 0 on, or a sum or product of a few of those."""
    todo = [e]
    for _ in range(20):
        if not todo:
            return True
        e = todo.pop()
        if e.op in (add, mul) and e.dtype == "int64":
            todo.extend(e.inputs)
        elif not isinstance(e.op, Dim) and not (isinstance(e, Constant) and e.value >= 0):
            return False
    return False


@SHAPES(Dim)
def length_of_joined(e: Expr, lengths: LengthsOf) -> Expr | None:
    """concatenate([a, b]).shape[0] → a.shape[0] + b.shape[0]."""
    (x,) = e.inputs
    if not isinstance(x.op, Join):
        return None
    parts: list[Any] = [Dim(e.op.axis).make(part) for part in x.inputs]
    while len(parts) > 1:
        parts = [add.make(*parts[:2]), *parts[2:]]
    return parts[0]  # type: ignore[no-any-return]


@SHAPES(Dim)
def length_of_arange(e: Expr, lengths: LengthsOf) -> Expr | None:
    """arange(n).shape[0] → max(n, 0)."""
    (x,) = e.inputs
    if not isinstance(x.op, Arange) or not x.op.counts_up(x) or x.inputs[1].dtype != "int64":
        return None
    return maximum.make(x.inputs[1], length_constant(0))


@SHAPES(Dim)
def length_of_slice(e: Expr, lengths: LengthsOf) -> Expr | None:
    """exp(x)[1:].shape[0] → x[1:].shape[0]."""
    (part,) = e.inputs
    if not isinstance(part.op, Index) or not is_basic(part.op.spec):
        return None
    whole, *index = part.inputs
    source = _with_lengths(lengths(whole))
    if source is None or source is whole:
        return None
    return e.op.make(part.op.make(source, *index))  # type: ignore[no-any-return]


@SHAPES(Shape, ShapePart)
def shape_from_its_source(e: Expr, lengths: LengthsOf) -> Expr | None:
    """exp(x).shape → x.shape; dot(x, y).shape → [x.shape[0], y.shape[1]]."""
    (x,) = e.inputs
    axes = e.op.axes if isinstance(e.op, ShapePart) else range(x.ndim)
    wanted = [lengths(x)[a] for a in axes]
    source = _with_lengths(wanted) if isinstance(e.op, Shape) else None
    if source is not None and source is not x:
        return Shape().make(source)
    own = all(isinstance(n, tuple) and n[0] is x for n in wanted)
    if x.op is None or (own and not isinstance(x.op, (Alloc, Reshape, Join, Arange, Index))):
        return None
    parts = [length_constant(n) if isinstance(n, int) else Dim(n[1]).make(n[0]) for n in wanted]
    return MakeVector().make(*parts)


def _with_lengths(wanted: Sequence[int | tuple[Expr, int]]) -> Expr | None:
    """The node that has exactly these lengths, if there is one."""
    if not wanted or not isinstance(wanted[0], tuple):
        return None
    source = wanted[0][0]
    own = [(source, a) if n is None else n for a, n in enumerate(source.static_shape)]
    return source if list(wanted) == own else None


# -- reshaping and broadcasting ------------------------------------------------------------------


@SHAPES(Reshape)
def reshape_to_its_own_shape(e: Expr, lengths: LengthsOf) -> Expr | None:
    """x.reshape(x.shape) → x."""
    x = e.inputs[0]
    return x if x.ndim == e.ndim and lengths(x) == lengths(e) else None


@SHAPES(SumLike, BroadcastLike)
def broadcasting_of_nothing(e: Expr, lengths: LengthsOf) -> Expr | None:
    """sum_like(g, x) → g, broadcast_like(a, x) → a, where both have one shape."""
    x, like = e.inputs
    return x if lengths(x) == lengths(like) else None


@SHAPES(SumLike, BroadcastLike)
def broadcasting_to_the_source(e: Expr, lengths: LengthsOf) -> Expr | None:
    """sum_like(g, exp(x)) → sum_like(g, x), broadcast_like likewise: exp(x) is not needed."""
    x, like = e.inputs
    source = _with_lengths(lengths(like))
    return None if source is None or source is like else e.op.make(x, source)


@SHAPES(Elementwise, needs=[BroadcastLike, Alloc])
def broadcasting_beside_its_shape(e: Expr, lengths: LengthsOf) -> Expr | None:
    """broadcast_like(a, x) * x → a * x; alloc(a, x.shape) * x likewise."""
    inputs = e.inputs
    repeated = [type(i.op) in (BroadcastLike, Alloc) for i in inputs]
    if True not in repeated:
        return None
    shapes = {lengths(i) for i, r in zip(inputs, repeated, strict=True) if not r}
    if not any(r and lengths(i) in shapes for i, r in zip(inputs, repeated, strict=True)):
        return None
    return e.op.make(  # type: ignore[no-any-return]
        *[
            i.inputs[0] if r and lengths(i) in shapes else i
            for i, r in zip(inputs, repeated, strict=True)
        ]
    )


# -- changing parts ----------------------------------------------------------------------------


@SHAPES(IncIndex, needs=[BroadcastLike])
def increment_of_repeated(e: Expr, lengths: LengthsOf) -> Expr | None:
    """Adding broadcast_like(a, x[i]) to x[i] → adding a: writing to a part broadcasts by itself."""
    x, value, *index = e.inputs
    if not isinstance(value.op, BroadcastLike):
        return None
    like, part = value.inputs[1], Index(e.op.spec, e.op.from_zero)
    if like.op == part and like.inputs[1:] == tuple(index):
        whole = lengths(like.inputs[0]) == lengths(x)
    else:
        whole = lengths(like) == lengths(part.make(x, *index))
    if not whole:
        return None
    return e.op.make(x, value.inputs[0], *index)  # type: ignore[no-any-return]


@SHAPES(IncIndex, needs=[Arange])
def increment_of_distinct(e: Expr, lengths: LengthsOf) -> Expr | None:
    """Adding at [arange(n), i] needs no care for elements that are named twice: none is."""
    op = e.op
    vectors = [i for i in e.inputs[2:] if i.ndim]
    if (
        op.distinct
        or len({lengths(i) for i in vectors}) != 1
        or any(i.ndim != 1 for i in vectors)
        or not any(isinstance(i.op, Arange) and i.op.counts_up(i) for i in vectors)
    ):
        return None
    return IncIndex(op.spec, op.assign, True, op.from_zero).make(*e.inputs)
