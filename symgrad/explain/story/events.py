"""What happened to a graph: each rewrite as two formulas, a reason, and where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.errors import short
from symgrad.explain.notation import text
from symgrad.explain.story.evidence import Evidence, find_evidence
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.meant import as_meant, served
from symgrad.graph.types import TensorType, is_discrete
from symgrad.graph.walk import toposort
from symgrad.origins import is_of_gradient, short_origin, source_line
from symgrad.plan import Chain, Program
from symgrad.rewrite import lowering
from symgrad.rewrite.engine import Fired, rewrite
from symgrad.rewrite.pipeline import Passed, traced
from symgrad.rewrite.stability import STABILITY as STABLE

STABILITY, SIMPLICITY, SPEED = "stability", "simplification", "lowering"

TITLES = {
    STABILITY: ("Stability", "the same value, finite and exact where the old form is not"),
    SIMPLICITY: ("Simplification", "less to compute, the same value"),
    SPEED: ("Lowering", "what the machine does well: fused losses, BLAS, NumPy's own functions"),
}

_NEARBY = 200  # nodes of each side of a rewrite that are looked at
_SHORT = 16  # characters; longer parts that both sides hold are given a letter
_SHOWN = 4  # rewrites by the same rule that are told one by one
_TRIED = 40  # rewrites by the same rule that are looked at for others than those
_LONGEST = 160  # characters of a formula
_LETTERS = "uvwpqrst"

_STABLE_RULES = ("logarithms", "spellings")
_SLOW_RULES = ("losses", "inner", "lowering", "products")


class Event(NamedTuple):
    """One kind of rewrite, and how often it happened.

    Attributes
    ----------
    group : str
        Why it is done: for stability, to make the graph small, or to make it fast.
    rule : str
        The name of the rule or pass.
    before, after : str
        In mathematical notation.
    where : tuple of (str, str)
        Letters in these formulas, and what they stand for.
    reason : str
        The identity.
    place, source : str
        The user's file and line, and that line.
    in_gradient : bool
        Whether it is about a gradient of that line.
    evidence : Evidence or None
        A value where the old form fails.
    times : int
        How many times it happened.
    more : int
        How many further rewrites by the same rule are not told.
    """

    group: str
    rule: str
    before: str
    after: str
    where: tuple[tuple[str, str], ...]
    reason: str
    place: str
    source: str
    in_gradient: bool
    evidence: Evidence | None = None
    times: int = 1
    more: int = 0


class Pair(NamedTuple):
    """Two expressions of the same value, and what both are made of.

    `shared` lists the nodes where they meet: what is below those is the same in both.
    """

    before: Expr
    after: Expr
    shared: tuple[Expr, ...]


def events(
    roots: Sequence[Expr], simplify: bool, program: Program, compiled: bool = False
) -> tuple[list[Event], dict[str, int]]:
    """What happens to a graph that is compiled, and how often each trivial thing does.

    Parameters
    ----------
    roots : sequence of Expr
        The graph as it was written.
    simplify : bool
        Whether more is done than what keeps values finite.
    program : Program
        What came of it.
    compiled : bool
        Tell what elementwise operations have become, too.
    """
    trivial = {"equal part computed once": _merged(roots)}
    found: dict[str, list[tuple[Fired, str]]] = {}
    for done in traced(roots, simplify):
        for fired, group in _fired(done):
            kind = _trivial(fired)
            if not compiled and fired.module == lowering.__name__:
                kind = kind or "operation done by others of NumPy's"
            if kind:
                trivial[kind] = trivial.get(kind, 0) + 1
            else:
                found.setdefault(f"{group}: {fired.rule}", []).append((fired, group))
    told: list[Event] = []
    for same_rule in found.values():
        told += _told(same_rule, trivial)
    told += _fusions(program, compiled)
    order = (STABILITY, SIMPLICITY, SPEED)
    told.sort(key=lambda event: order.index(event.group))
    return told, {kind: count for kind, count in trivial.items() if count}


def _fired(done: Passed) -> Iterator[tuple[Fired, str]]:
    """The rewrites of a pass, and what they are for."""
    for fired in done.fired:
        module = fired.module.rpartition(".")[2]
        group = SPEED if module in _SLOW_RULES else SIMPLICITY
        yield fired, STABILITY if module in _STABLE_RULES else group
    reasons = {
        "broadcasting": "sum_like(g, x) → g, where a product makes both of one shape.",
        "blas": "A matrix product and what it is added to become one call of BLAS.",
    }
    if done.name in reasons:
        for before, after in differences(done.before, done.after):
            yield Fired(done.name, before, after, reasons[done.name]), SPEED


def differences(before: Sequence[Expr], after: Sequence[Expr]) -> list[tuple[Expr, Expr]]:
    """Where two graphs of the same values part, from the roots down."""
    found: list[tuple[Expr, Expr]] = []
    seen: set[tuple[Expr, Expr]] = set()
    stack = list(zip(before, after, strict=True))[::-1]
    while stack:
        pair = stack.pop()
        old, new = pair
        if old is new or pair in seen:
            continue
        seen.add(pair)
        if old.op == new.op and len(old.inputs) == len(new.inputs):
            stack += list(zip(old.inputs, new.inputs, strict=True))[::-1]
        else:
            found.append(pair)
    return found


def _merged(roots: Sequence[Expr]) -> int:
    """How many operations of a graph compute what another one does."""
    return _operations(roots) - _operations(rewrite(roots))


def _operations(roots: Iterable[Expr]) -> int:
    return sum(node.op is not None for node in toposort(roots))


def _trivial(fired: Fired) -> str:
    """What a rewrite is called that needs no telling; empty for one that does."""
    before, after = fired.before, fired.after
    if fired.rule == "folded":
        return "operation on constants done beforehand"
    if isinstance(before.type, TensorType) and is_discrete(before.dtype):
        return "length found without computing values"
    if "cast(" in fired.reason.split("→")[0]:
        return "cast dropped or moved"
    if before.op is not None and after is before.inputs[0] and before.op.view_of == 0:
        return "view of the same elements dropped"
    return ""


# -- one rewrite -----------------------------------------------------------------------------


def _told(same_rule: Sequence[tuple[Fired, str]], trivial: dict[str, int]) -> list[Event]:
    """The rewrites by one rule: equal ones as one, the first few one by one."""
    found: dict[Any, Event] = {}
    for fired, group in same_rule[:_TRIED]:
        pair = meeting(fired.before, fired.after)
        names, where = _letters(pair)
        event = _event(fired, group, pair, names, where)
        if event.before == event.after:
            kind = "rewrite that no formula shows"
            trivial[kind] = trivial.get(kind, 0) + 1
            continue
        key = (event.before, event.after, event.place)
        if key in found:
            found[key] = found[key]._replace(times=found[key].times + 1)
        elif group == STABILITY and len(found) < _SHOWN:
            found[key] = event._replace(evidence=_evidence(pair, names))
        else:
            found[key] = event
    shown = list(found.values())
    rest = sum(e.times for e in shown[_SHOWN:]) + len(same_rule[_TRIED:])
    shown = shown[:_SHOWN]
    if rest and shown:
        shown[-1] = shown[-1]._replace(more=rest)
    return shown


def _event(
    fired: Fired,
    group: str,
    pair: Pair,
    names: Mapping[Expr, str],
    where: Sequence[tuple[str, str]],
) -> Event:
    before, after = (written(node, names) for node in (pair.before, pair.after))
    origin = fired.before.origin or fired.after.origin
    reason = " ".join(fired.reason.split("\n\n")[0].split())
    if fired.module.endswith("losses"):
        for letter, meaning in (("L", "cross-entropy"), ("D", "cross-entropy's gradient")):
            if re.search(rf"\b{letter}\b", reason):
                reason += f" {letter} is the {meaning}, row by row."
    return Event(
        group,
        fired.rule,
        before,
        after,
        tuple(entry for entry in where if re.search(rf"\b{entry[0]}", before + " " + after)),
        reason,
        short_origin(origin),
        source_line(origin[0]) if origin else "",
        is_of_gradient(origin),
    )


def _evidence(pair: Pair, names: Mapping[Expr, str]) -> Evidence | None:
    """Where the old form fails: for values of what both sides share, or of what that is made of."""
    found = None
    if len(pair.shared) == 1:
        found = find_evidence(pair.before, pair.after, pair.shared, names)
    below = [i for node in pair.shared for i in (node.inputs or (node,))]
    leaves = tuple(dict.fromkeys(i for i in below if not isinstance(i, Constant)))
    for shared in (leaves, pair.shared):
        if found is None and 0 < len(shared) <= 3:
            # What one rule makes, others may have to go on with before it is safe.
            (final,) = rewrite([pair.after], [STABLE], stop=shared)
            found = find_evidence(pair.before, final, shared, names)
    return found


def written(node: Expr, names: Mapping[Expr, str], limit: int = 60) -> str:
    """A node in mathematical notation, without what only the machine asks for."""
    formula = names.get(node) or text(node, names, share=False, limit=limit)
    formula = re.sub(r", (start|broadcasts)=\w+", "", formula)
    return short(formula, _LONGEST, "…")


def meeting(before: Expr, after: Expr) -> Pair:
    """Two expressions and the nodes where they meet; only what is near to them is looked at."""
    common = _near(before) & _near(after)
    common.discard(before)
    return Pair(
        before, after, tuple(dict.fromkeys([*_first(before, common), *_first(after, common)]))
    )


def _near(root: Expr) -> set[Expr]:
    """The nodes nearest to a root, breadth first."""
    found = {root: None}
    for node in (queue := [root]):
        for i in node.inputs:
            if i not in found and len(found) < _NEARBY:
                found[i] = None
                queue.append(i)
    return set(found)


def _first(root: Expr, among: set[Expr]) -> list[Expr]:
    """The first nodes of a set on each way down from a root; and where nobody looked further."""
    found: dict[Expr, None] = {}
    seen = {root}
    stack = [root]
    while stack:
        node = stack.pop()
        if node in among or (node.op is not None and len(seen) > 2 * _NEARBY):
            found[node] = None
            continue
        for i in reversed(node.inputs):
            if i not in seen:
                seen.add(i)
                stack.append(i)
    return [node for node in found if not isinstance(node, Constant)]


def _letters(pair: Pair) -> tuple[Mapping[Expr, str], tuple[tuple[str, str], ...]]:
    """Short names for what both sides hold, and what these stand for."""
    taken = {node.name for node in _near(pair.before) | _near(pair.after) if node.name}
    free = iter([letter for letter in _LETTERS if letter not in taken])
    names: dict[Expr, str] = {}
    where = []
    for node in pair.shared:
        if node.op is None:
            continue
        formula = text(node, share=False, limit=30)
        letter = next(free, "") if len(formula) > _SHORT or "…" in formula else ""
        if letter:
            names[node] = letter
            where.append((letter, short(formula, 70, "…")))
    return names, tuple(where)


# -- fused steps -----------------------------------------------------------------------------


def _fusions(program: Program, compiled: bool) -> list[Event]:
    """The chains of elementwise steps that run in one pass."""
    found = []
    for chain in program.units:
        if not isinstance(chain, Chain) or len(chain.steps) < 2:
            continue
        nodes, names = [node for node, _, _ in chain.results], _named_inputs(chain)
        if not compiled:
            inputs: dict[Expr, Expr] = {n: Placeholder(n.type, name) for n, name in names.items()}
            nodes, names = as_meant(nodes, inputs), {}
        results = [written(node, names, 30) for node in nodes]
        shown = [short(r, 60, "…") for r in results[:3]]
        ops = [step.node.op.name for step in chain.steps]
        if not compiled:
            ops = [node.op.name for node in dict.fromkeys(served(s.node) for s in chain.steps)]
        if len(ops) < 2:
            continue
        origin = chain.steps[-1].node.origin
        found.append(
            Event(
                SPEED,
                "fusion",
                f"{len(ops)} operations: " + ", ".join([*ops[:8], *["…"][: len(ops) > 8]]),
                "one pass: " + "; ".join([*shown, *["…"][: len(results) > 3]]),
                (),
                "Elementwise operations of one shape run block by block, so that what lies "
                "between them stays in the processor's cache.",
                short_origin(origin),
                source_line(origin[0]) if origin else "",
                is_of_gradient(origin),
            )
        )
    if len(found) > _SHOWN:
        found = [*found[: _SHOWN - 1], found[_SHOWN - 1]._replace(more=len(found) - _SHOWN)]
    return found


def _named_inputs(chain: Chain) -> dict[Expr, str]:
    """What a chain reads: names where there are some, else letters."""
    inner = {step.node for step in chain.steps}
    read = dict.fromkeys(i for step in chain.steps for i in step.node.inputs if i not in inner)
    letters = (*_LETTERS, *(f"u{k}" for k in range(len(read))))
    unnamed = [i for i in read if not i.name and not isinstance(i, Constant)]
    return dict(zip(unnamed, letters, strict=False))
