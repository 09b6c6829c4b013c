"""Why no gradient arrives at a variable: `why_disconnected`, and what errors say about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from symgrad.errors import GraphTypeError, label, made_in, repr_of, short
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import TupleType, is_discrete
from symgrad.graph.walk import toposort
from symgrad.ops.control.barriers import ConsiderConstant, DisconnectedGrad, ZeroGrad
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Op, Project
from symgrad.origins import inherit_origin

Code = Literal[
    "connected", "absent", "same name", "rebuilt", "shape", "barrier", "held", "integers", "zero"
]


class Reason(NamedTuple):
    """Why a gradient arrives at a variable, or why not.

    Attributes
    ----------
    variable : Expr
        What the gradient was wanted for.
    connected : bool
        Whether anything but a constant zero arrives.
    code : str
        ``connected``; ``absent``: the cost is not computed from it; ``same name``: but from
        another variable of the same name; ``rebuilt``: but from the same formula, written
        elsewhere; ``shape``: only its shape or type is used; ``barrier``: `disconnected_grad` and
        its kin are in the way; ``held``: `consider_constant` is; ``integers``: what is computed
        from it has integer or boolean values, or it has itself; ``zero``: the derivative of an
        operation is zero everywhere, as that of rounding. In the last two cases, and behind
        `zero_grad`, `grad` gives zeros; in the others it raises `DisconnectedInputError`.
    node : Expr or None
        The operation where it is cut, or the variable that may be meant instead.
    message : str
        All this in a sentence.
    """

    variable: Expr
    connected: bool
    code: Code
    node: Expr | None
    message: str

    def __str__(self) -> str:
        return self.message


class Connections(NamedTuple):
    """What `why_disconnected` finds: a `Reason` for each variable."""

    cost: Expr
    reasons: tuple[Reason, ...]

    @property
    def connected(self) -> bool:
        """Whether a gradient arrives at every variable."""
        return all(reason.connected for reason in self.reasons)

    def __str__(self) -> str:
        return "\n".join(map(str, self.reasons))


def why_disconnected(
    cost: Any, wrt: Any, consider_constant: Sequence[Any] | None = None
) -> Connections:
    """Say for each variable whether a gradient of the cost arrives there, and if not, why not.

    Parameters
    ----------
    cost : variable
        What would be differentiated.
    wrt : variable, or list or tuple of variables
        With respect to what.
    consider_constant : list of variables, optional
        As for `grad`.

    Returns
    -------
    Connections
        ``.connected``, ``.reasons`` (one `Reason` for each variable), and a text for `print`.

    Raises
    ------
    GraphTypeError
        If one of them is no symbolic variable.

    >>> import symgrad.tensor as T
    >>> x, w = T.dvectors("x", "w")
    >>> found = why_disconnected((x * T.floor(w)).sum(), [x, w])
    >>> found.connected, [reason.code for reason in found.reasons]
    (False, ['connected', 'zero'])
    >>> print(found.reasons[1].message.split(",")[0])
    w is used by floor(w)
    """
    targets = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for name, given in (("cost", cost), *(("wrt", t) for t in targets)):
        if not isinstance(given, Expr):
            raise GraphTypeError(
                f"why_disconnected: {name} must be a symbolic variable, not {repr_of(given)}."
            )
    held = tuple(consider_constant or ())
    order = toposort([cost])
    zero: dict[tuple[Op, int], bool] = {}
    return Connections(cost, tuple(_reason(order, [cost], t, held, zero) for t in targets))


def where_cut(roots: Sequence[Expr], target: Expr, held: Sequence[Expr]) -> Reason:
    """Why `grad` finds that roots do not depend on the value of a variable."""
    return _reason(toposort(roots), roots, target, held, None)


def _reason(
    order: Sequence[Expr],
    roots: Sequence[Expr],
    target: Expr,
    held: Collection[Expr],
    zero: dict[tuple[Op, int], bool] | None,
) -> Reason:
    """Follow a variable upward; `zero` remembers derivatives, if they are asked for."""
    name = label(target)
    reached = {target}
    cuts: list[tuple[Expr, Expr, Code]] = []
    for node in order:
        for k, source in enumerate(node.inputs):
            if source in reached:
                code = _cut(node, k, held, zero)
                if code is None:
                    reached.add(node)
                else:
                    cuts.append((node, source, code))
    if any(root in reached for root in roots):
        return Reason(target, True, "connected", None, f"{name} is connected.")
    # of several, one whose result matters, and the nearest
    relevant = set(order)
    for node, source, code in cuts:
        if node in relevant:
            return Reason(target, False, code, node, _sentence(target, node, source, code))
    return _absent(order, target)


def _cut(
    node: Expr, k: int, held: Collection[Expr], zero: dict[tuple[Op, int], bool] | None
) -> Code | None:
    """Why no gradient passes from a node to its input; None if one does."""
    op = node.op
    if node in held:
        return "held"
    if isinstance(op, DisconnectedGrad):
        return "barrier"
    if not op.connects(k):
        return "shape"
    if zero is None:
        return None
    if isinstance(op, (ZeroGrad, ConsiderConstant)):
        return "barrier"
    if not isinstance(node.type, TupleType) and is_discrete(node.dtype):
        return "integers"
    if (op, k) not in zero:
        zero[op, k] = _is_zero(node, k)
    return "zero" if zero[op, k] else None


def _is_zero(node: Expr, k: int) -> bool:
    """Whether an operation says that its derivative by an input is zero, whatever the values."""
    op = node.op
    if isinstance(op, Elementwise):
        with inherit_origin(node.origin):
            parts: Sequence[Any] = op.vjp(node, node, *node.inputs)
        return parts[k] is None
    return type(op).vjp is Op.vjp and not isinstance(op, Project)


def _sentence(target: Expr, node: Expr, source: Expr, code: Code) -> str:
    used = f"{label(target)} is used by {short(label(node), 50)}{made_in(node)}, "
    if source is not target:
        by = f"{short(label(node), 50)}{made_in(node)}"
        used = f"{label(target)} is used in {short(label(source), 50)}, and that by {by}, "
    if code == "held":
        return f"{used}which consider_constant holds."
    if code == "barrier":
        return f"{used}which stops gradients: {node.op.name} is there for that."
    if code == "shape":
        return f"{used}which depends on its shape or type only, not on its values."
    if code == "integers":
        return (
            f"{used}whose values are {node.dtype}: they change in steps, so the gradient is zero "
            "everywhere. Use something smooth instead (a probability for an argmax, a sigmoid for "
            "a comparison)."
        )
    return (
        f"{used}whose derivative is zero everywhere. Leave it out of the cost, or use something "
        "smooth."
    )


def _absent(order: Sequence[Expr], target: Expr) -> Reason:
    """A variable that a graph does not hold; there may be one that was meant."""
    begin = f"{label(target)}{made_in(target)}, is not part of the expression at all"
    for node in order:
        if isinstance(node, Shared) and isinstance(target, Shared) and node.cell is target.cell:
            text = f"{begin}; {label(node)}{made_in(node)}, is, with the same storage: use that."
            return Reason(target, False, "same name", node, text)
    for node in order:
        if target.name and node.name == target.name:
            text = (
                f"{begin}; another variable of that name{made_in(node)}, is. Did you mean that "
                "one? Make it once, and use it everywhere."
            )
            return Reason(target, False, "same name", node, text)
    for node in order:
        if node.op is not None and node.op == target.op and node.inputs == target.inputs:
            text = (
                f"{begin}; the same formula written elsewhere{made_in(node)}, is. Keep it in a "
                "variable, and use that in both places."
            )
            return Reason(target, False, "rebuilt", node, text)
    names = [*dict.fromkeys(label(n) for n in _leaves(order) if n.name)]
    text = f"{begin}, which depends on {', '.join(names[:6])}" if names else begin
    return Reason(target, False, "absent", None, f"{text}{', ...' * (len(names) > 6)}.")


def _leaves(order: Iterable[Expr]) -> list[Expr]:
    return [node for node in order if node.op is None and not isinstance(node, Constant)]
