"""What a user may hand to `function`: inputs, outputs, updates, givens; each said no to clearly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.compile.recipe import In, Out
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    UnusedInputError,
    describe,
    label,
    made_at,
    made_in,
    repr_of,
    warn_user,
)
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr, Placeholder, check_replaceable, check_same_type
from symgrad.graph.shared import Cell, Shared, shared as make_shared
from symgrad.graph.types import ObjectType, is_discrete, promote
from symgrad.graph.values import accept
from symgrad.graph.walk import substitute, toposort
from symgrad.graph.written import as_written
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.broadcasting import in_place_of
from symgrad.ops.op import as_expr, holds_expr

Updates = list[tuple[Shared, Expr]]


def check_inputs(inputs: Any) -> list[In]:
    """The inputs as `In`s, each another variable."""
    if not isinstance(inputs, (list, tuple)):
        what = "a variable" if isinstance(inputs, (Expr, In)) else repr_of(inputs)
        raise GraphTypeError(
            f"function: inputs must be a list, not {what}. Write function([x], ...)."
        )
    specs = [_as_input(entry) for entry in inputs]
    seen: set[Expr] = set()
    for spec in specs:
        variable = spec.variable
        if isinstance(variable, Shared):
            raise GraphTypeError(
                f"function: {variable} is a shared variable, which keeps its own value, so it "
                "cannot be an input. To compute with another value, make a placeholder and pass "
                f"givens={{{variable}: placeholder}}; to change it, use set_value.\n"
                f"{made_at(variable)}"
            )
        if isinstance(variable, Constant):
            raise GraphTypeError(f"function: the constant {variable} cannot be an input.")
        if variable in seen:
            raise GraphValueError(
                f"function: {variable} is in the inputs twice.\n{made_at(variable)}"
            )
        seen.add(variable)
    return specs


def _as_input(entry: Any) -> In:
    """An `In`, a variable, or (variable, value), with the name for keywords in front or not."""
    if isinstance(entry, In):
        return entry
    if not isinstance(entry, (tuple, list)):
        return In(entry)
    name, *rest = entry if entry and isinstance(entry[0], str) else (None, *entry)
    if not 1 <= len(rest) <= 2 or not isinstance(rest[0], Expr):
        raise GraphTypeError(
            "function: an input given as a tuple is (variable, value), (name, variable) or "
            f"(name, variable, value), not {repr_of(entry)}. A value that calls change is a shared "
            "variable: pass function(..., updates=[(shared, new)])."
        )
    return In(rest[0], name, rest[1] if len(rest) == 2 else None)


def check_outputs(outputs: Any) -> tuple[str, list[str], list[Expr]]:
    """The structure of the outputs ('one', 'list' or 'dict'), its keys, and the expressions."""
    if outputs is None:
        return "list", [], []
    if isinstance(outputs, dict):
        for key in outputs:
            if not isinstance(key, str):
                raise GraphTypeError(
                    f"function: a dict of outputs needs string keys, not {repr_of(key)}."
                )
        keys = sorted(outputs)
        return "dict", keys, [_output(outputs[k]) for k in keys]
    if isinstance(outputs, (list, tuple)):
        return "list", [], [_output(o) for o in outputs]
    return "one", [], [_output(outputs)]


def _output(output: Any) -> Any:
    if isinstance(output, Out):
        output = output.variable
    if isinstance(output, Expr) and output.type.dtype == "object":
        return output
    return as_expr(output, "function: an output")


def check_pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """A dict, or an iterable of pairs, as a list of pairs."""
    if given is None:
        return []
    if isinstance(given, Expr) or not isinstance(given, Iterable):
        raise GraphTypeError(
            f"function: {what} must be a dict or a list of pairs, not {repr_of(given)}."
        )
    entries: Iterable[Any] = given.items() if isinstance(given, Mapping) else given
    pairs = []
    for entry in entries:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise GraphTypeError(
                f"function: {what} must hold pairs (variable, new value), not {repr_of(entry)}."
            )
        pairs.append((entry[0], entry[1]))
    return pairs


def check_givens(givens: Any, strict: bool) -> dict[Expr, Expr]:
    """The replacements, none of which depends on what another one replaces."""
    replacements: dict[Expr, Expr] = {}
    for old, new in check_pairs(givens, "givens"):
        if not isinstance(old, Expr):
            raise GraphTypeError(f"function: givens must map variables, not {repr_of(old)}.")
        check_replaceable(old, "function: givens")
        if old in replacements:
            raise GraphValueError(f"function: givens replaces {old} twice.")
        if not isinstance(new, Expr):
            new = _as_variable(old, new, strict)
        elif new.dtype != old.dtype and not strict:
            new = cast(new, old.dtype)
        check_same_type(old, new, "function: givens")
        replacements[old] = in_place_of(old, new)
    for old, new in replacements.items():
        for node in toposort([new]):
            if node in replacements and node is not old:
                raise GraphValueError(
                    f"function: givens replaces {old} by {new}, which depends on {node}, which "
                    f"is replaced too. Substitute it yourself: clone({new}, {{{node}: ...}})."
                )
    return replacements


def _as_variable(old: Expr, value: Any, strict: bool) -> Any:
    """A value that stands for a variable."""
    if old.dtype == "object":
        return Shared(ObjectType(), Cell(value))
    try:
        return make_shared(accept(value, old.type, allow_downcast=None if strict else True))
    except GraphTypeError as error:
        raise GraphTypeError(
            f"function: givens for {describe(old)}: {error.message}\n{made_at(old)}"
        ) from None


def check_updates(updates: Any) -> Updates:
    """Pairs of a shared variable and its new value, of the same type."""
    pairs: Updates = []
    seen: set[Cell] = set()
    for old, new in check_pairs(updates, "updates"):
        if not isinstance(old, Shared):
            what = describe(old) if isinstance(old, Expr) else repr_of(old)
            raise GraphTypeError(
                f"function: updates can change shared variables only, not {what}. Make it with "
                f"shared(value).\n{made_at(old) if isinstance(old, Expr) else ''}".rstrip()
            )
        if old.cell in seen:
            raise GraphValueError(f"function: updates changes {old} twice.\n{made_at(old)}")
        seen.add(old.cell)
        pairs.append((old, _fit_update(old, new)))
    return pairs


def _fit_update(old: Shared, new: Any) -> Any:
    if isinstance(new, Expr) and new.type == old.type:
        return new
    if not holds_expr(new) and old.dtype != "object":
        return _as_new_value(old, new)
    new = as_expr(new, f"update of {old}")
    if new.ndim != old.ndim:
        raise GraphTypeError(
            f"function: the update of {describe(old)} is {describe(new)}, of another rank. Is a "
            "sum or mean over an axis missing, or one too many?",
            nodes=[old, new],
        )
    if new.dtype != old.dtype:
        if old.dtype == "object" or promote(new.dtype, old.dtype) != old.dtype:
            raise GraphTypeError(
                f"function: the update of {describe(old)} is {new.dtype}. "
                f"{_where_from(new, new.dtype)}Cast it: T.cast(new, {old.dtype!r}), or keep "
                f"everything in {old.dtype}.\n{made_at(new)}"
            )
        new = cast(new, old.dtype)
    check_same_type(old, new, "function: updates")
    return new


def _as_new_value(old: Shared, value: Any) -> Constant:
    """A number or an array as an update, judged as `set_value` judges it."""
    try:
        return Constant(np.array(accept(value, old.type)))
    except GraphTypeError as error:
        raise GraphTypeError(
            f"function: the update of {describe(old)}: {error.message}\n{made_at(old)}"
        ) from None


def _where_from(new: Expr, dtype: str) -> str:
    """Which variable brought a dtype into an expression, in words."""
    found: list[tuple[int, Expr]] = []
    for node in toposort([new]):
        if node.dtype != dtype or any(i.dtype == dtype for i in node.inputs):
            continue
        if node.op is None:
            found.append((2 if isinstance(node, Constant) and not node.ndim else 0, node))
        else:  # a cast of an integer, which meets float32 in float64, or one that was asked for
            discrete = [i for i in node.inputs if is_discrete(i.dtype)]
            found.append((1, discrete[0]) if discrete else (3, node))
    if not found:
        return ""
    rank, source = min(found, key=lambda entry: entry[0])
    mixed = " (float32 with 32- or 64-bit integers gives float64)" if rank == 1 else ""
    return f"The {dtype} comes from {describe(source)}{mixed}{made_in(source)}. "


def add_default_updates(
    results: Sequence[Expr],
    pairs: Updates,
    replacements: Mapping[Expr, Expr],
    without: Any,
    inputs: Sequence[Expr],
) -> Updates:
    """The updates, with those that the graph's shared variables bring themselves.

    As an input does, a shared variable counts that the graph as written depends on. What an input
    replaces is not computed, so what is below it is not updated.
    """
    if without is True:
        return pairs
    if without is not False and not isinstance(without, (list, tuple, set, frozenset)):
        raise GraphTypeError(
            "function: no_default_updates must be True, False or a list of shared variables, "
            f"not {repr_of(without)}."
        )
    skipped = {*(() if without is False else without)}
    pairs = list(pairs)
    done, given = {old.cell for old, _ in pairs}, set(inputs)
    frontier = [*results, *(new for _, new in pairs)]
    while frontier:
        found = [
            node
            for node in as_written(frontier, stop=given)
            if isinstance(node, Shared)
            and node.default_update is not None
            and node.cell not in done
            and node not in skipped
        ]
        frontier = []
        for node in found:
            if node.cell not in done:
                (new,) = substitute([_fit_update(node, node.default_update)], replacements)
                done.add(node.cell)
                pairs.append((node, new))
                frontier.append(new)
    return pairs


def check_used(
    variables: Sequence[Expr],
    results: Sequence[Expr],
    pairs: Updates,
    replacements: Mapping[Expr, Expr],
    action: str | None,
) -> None:
    """Complain about inputs that nothing uses, as `on_unused_input` says."""
    action = action or str(config.on_unused_input)
    if action not in ("raise", "warn", "ignore"):
        raise GraphValueError(
            f"function: on_unused_input={repr_of(action)}; expected 'raise', 'warn' or 'ignore'."
        )
    if action == "ignore":
        return
    graph = [*results, *(new for _, new in pairs), *replacements.values()]
    given = set(variables)
    used = set(toposort(graph, stop=given))
    if not used.issuperset(given):  # costs of gradients count, and what shapes were asked of
        used.update(as_written(graph, stop=given))
    for variable in variables:
        if variable not in used:
            message = (
                f"function: the input {describe(variable)} is not used by any output or update. "
                "Leave it out, or pass on_unused_input='ignore'.\n" + made_at(variable)
            )
            if action == "raise":
                raise UnusedInputError(message)
            warn_user(message)


def check_missing(
    variables: Sequence[Expr], results: Sequence[Expr], pairs: Updates, what: str = "function"
) -> None:
    """Raise for a placeholder that is no input."""
    given = set(variables)
    order = toposort([*results, *(new for _, new in pairs)], stop=given)
    for node in order:
        if isinstance(node, Placeholder) and node not in given:
            user = next((n for n in order if node in n.inputs), None)
            raise MissingInputError(
                f"{what}: {describe(node)} is needed"
                f"{f' by {user}' if user is not None else ''}, but it is not among the inputs. "
                f"{_same_name(node, variables, what)}\n{made_at(node)}"
                + ("" if user is None else f"\n{made_at(user)}")
            )


def _same_name(node: Expr, variables: Sequence[Expr], what: str) -> str:
    """What to do about a variable that is missing."""
    for other in variables:
        if other.name and other.name == node.name:
            return (
                f"The input {describe(other)}{made_in(other)}, has the same name but is another "
                "variable: make it once, and use that everywhere."
            )
    if what == "eval":
        return "Give it a value: .eval({variable: value, ...})."
    return f"Add it to them, or replace it: givens={{{label(node)}: value}}."
