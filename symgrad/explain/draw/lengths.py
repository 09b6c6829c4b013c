"""What pictures say of shapes: numbers where they are known or shared now, letters elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count

from symgrad.explain.lengths import Equal
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import ObjectType, TupleType
from symgrad.ops.control.loops import Map
from symgrad.ops.indexing.index_spec import SYMBOL
from symgrad.ops.indexing.indexing import Index
from symgrad.ops.op import Lengths, Project

_LETTERS = "nmpqrstuvabcdefghijk"
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Symbols = Mapping[Expr, tuple[str, ...]]


def symbols(
    order: Sequence[Expr],
    inputs_of: Callable[[Expr], Sequence[Expr]],
    taken: Iterable[str] = (),
    same: Mapping[Expr, Expr] | None = None,
) -> Symbols:
    """For each node its lengths as texts: `("600", "n")`.

    Shared variables count as they are now. Lengths that are equal wherever the graph can be
    computed are one; so are those that meet in an elementwise operation, where nothing says that
    one of them is 1.

    Parameters
    ----------
    order : sequence of Expr
        The graph, each node after its inputs.
    inputs_of : callable
        What a node is drawn below: for most, its inputs.
    taken : iterable of str
        Letters that mean something else.
    same : mapping, optional
        For each node, the first that computes the same.

    >>> import symgrad.tensor as T
    >>> from symgrad.graph.walk import toposort
    >>> x, b = T.dmatrix("x"), T.dvector("b")
    >>> symbols(toposort([x + b]), lambda node: node.inputs)[x]
    ('n', 'm')
    """
    known: dict[Expr, Lengths] = {}
    free = [letter for letter in _LETTERS if letter not in set(taken)]
    more = (f"n{k}".translate(_SUBSCRIPTS) for k in count(len(free)))
    equal = Equal(chain(free, more))
    for node in order:
        if same is not None and same[node] is not node:
            known[node] = known[same[node]]
            continue
        drawn_below = inputs_of(node)
        if isinstance(node.op, Project):
            drawn_below = inputs_of(node.inputs[0])
        known[node] = _lengths(node, drawn_below, known)
        if node.op is not None and all(i in known for i in node.inputs):
            equal.learn(node, known)
    return {node: tuple(map(equal.name, lengths)) for node, lengths in known.items()}


def _lengths(node: Expr, drawn_below: Sequence[Expr], known: Mapping[Expr, Lengths]) -> Lengths:
    static = node.type.shape
    if isinstance(node, Shared):
        shape = getattr(node.cell.value, "shape", ())
        return tuple(map(int, shape)) if len(shape) == len(static) else ()
    if None not in static:
        return tuple(n or 0 for n in static)
    own: Lengths = tuple((node, a) for a in range(node.ndim))
    if node.op is None:
        if drawn_below:  # in the body of a loop: an element of what it goes through
            (source,) = drawn_below
            if 0 <= len(known[source]) - node.ndim <= 1:
                own = known[source][len(known[source]) - node.ndim :]
    elif isinstance(node.op, Project) and isinstance(node.inputs[0].op, Map):
        (loop,) = node.inputs
        round_ = known[drawn_below[node.op.index]]
        own = round_ if loop.op.summed[node.op.index] else (known[loop.inputs[0]][0], *round_)
    elif all(i in known for i in node.inputs):
        own = node.op.lengths(node, known)
        if isinstance(node.op, Index):
            own = _of_minibatch(node, own)
    return tuple([a if n is None else n for a, n in zip(own, static, strict=True)])


# -- x[i * 600 : (i + 1) * 600] has 600 rows -----------------------------------------------------


def _of_minibatch(node: Expr, own: Lengths) -> Lengths:
    """The lengths of a part between two bounds that are always equally far apart."""
    values = iter(node.inputs[1:])
    axis = 0
    found = list(own)
    for kind, *parts in node.op.spec:
        given = [next(values) if p == SYMBOL else p for p in parts] if kind != "new" else []
        if kind == "array" or kind == "mask":
            return own
        if kind == "slice" and parts == [SYMBOL, SYMBOL, None] and found[axis] == (node, axis):
            start, stop = _linear(given[0]), _linear(given[1])
            if start is not None and stop is not None:
                apart = {t: stop.get(t, 0) - start.get(t, 0) for t in {**start, **stop}}
                number = apart.pop(None, 0)
                if number > 0 and not any(apart.values()):
                    found[axis] = number
        axis += kind in ("slice", "new")
    return tuple(found)


def _linear(node: Expr, depth: int = 6) -> dict[Expr | None, int] | None:
    """A sum of multiples of variables, as a table with the constant term under None."""
    name = getattr(node.op, "name", "")
    value = getattr(node, "value", None)
    if value is not None:
        return {None: int(value)} if value.size == 1 and value.dtype.kind in "iu" else None
    if name in ("add", "sub", "mul") and depth:
        a, b = (_linear(i, depth - 1) for i in node.inputs)
        if a is None or b is None:
            return None
        if name == "mul":
            if len(a.keys() - {None}) and len(b.keys() - {None}):
                return None
            factor, terms = (a, b) if not (a.keys() - {None}) else (b, a)
            return {t: n * factor.get(None, 0) for t, n in terms.items()}
        sign = 1 if name == "add" else -1
        return {t: a.get(t, 0) + sign * b.get(t, 0) for t in {**a, **b}}
    if name == "cast" and depth:
        return _linear(node.inputs[0], depth - 1)
    return {node: 1}


def shape_text(node: Expr, texts: Symbols) -> str:
    """`n×10`; nothing for a scalar."""
    return "×".join(texts.get(node, ()))


def type_text(node: Expr, texts: Symbols) -> str:
    """`float64 (n, 10)`."""
    if isinstance(node.type, (ObjectType, TupleType)):
        return "a Python object" if isinstance(node.type, ObjectType) else "several results"
    lengths = texts.get(node, ())
    if not lengths:
        return node.dtype if not node.ndim else str(node.type)
    return f"{node.dtype} ({', '.join(lengths)}{',' * (len(lengths) == 1)})"
