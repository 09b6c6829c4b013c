"""`function`: from symbolic inputs and outputs to a callable."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symgrad import hooks
from symgrad.backend.numpy_source import Compiled, compile_program
from symgrad.call import Function, In, Out
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    UnusedInputError,
    describe,
    made_at,
    suggest,
)
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr, Placeholder, check_same_type
from symgrad.graph.shared import Shared
from symgrad.graph.shared import shared as make_shared
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.elementwise import cast
from symgrad.ops.op import as_expr
from symgrad.plan import plan
from symgrad.rewrite.algebra import ALGEBRA
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.stability import STABILITY
from symgrad.types import is_discrete, promote

Updates = list[tuple[Shared, Expr]]

# What each of Theano's modes rewrites; all of them give the same numbers.
_MODES = {
    "FAST_RUN": True,
    "FAST_COMPILE": False,
    "None": False,
    "Mode": True,
    "NUMPY": True,
}


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: bool | Sequence[Any] = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile expressions into a callable.

    Parameters
    ----------
    inputs : list of variables or `In`
        What the caller gives, in this order or by name.
    outputs : variable, `Out`, list, tuple or dict of them, or None
        What a call returns: one array, a list, or a dict (keys sorted).
    mode : str, optional
        ``FAST_RUN`` (default) or ``FAST_COMPILE``, which rewrites less.
    updates : dict or pairs of (shared variable, new value), optional
        Carried out after each call, all at once, from the old values.
    givens : dict or pairs of (variable, replacement), optional
        Substitutions made before compiling.
    no_default_updates : bool or list of shared variables
        Leave out the default updates of all, or of these.
    accept_inplace, rebuild_strict, profile
        Theano's arguments. ``rebuild_strict=False`` lets `givens` change a dtype by a cast.
    name : str, optional
        For messages and the generated source.
    allow_input_downcast : bool, optional
        True casts inputs whatever is lost; None and False accept lossless casts and Python
        numbers that fit.
    on_unused_input : {'raise', 'warn', 'ignore'}, optional
        Default: ``config.on_unused_input``.

    Returns
    -------
    Function
        Call it with arrays; see its `source`.

    Raises
    ------
    MissingInputError, UnusedInputError
        If the inputs are too few or too many.
    GraphTypeError
        If an update or a replacement has another dtype or rank than what it stands for.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], (x**2).sum())
    >>> f([1, 2, 3])
    array(14.)
    """
    specs = _check_inputs(inputs)
    structure, keys, results = _check_outputs(outputs)
    replacements = _check_givens(givens, rebuild_strict)
    pairs = _check_updates(updates)
    label = name or "function"
    optimize = _check_mode(mode)

    results = substitute(results, replacements)
    news = substitute([new for _, new in pairs], replacements)
    pairs = [(old, new) for (old, _), new in zip(pairs, news, strict=True)]
    pairs = _add_default_updates(results, pairs, replacements, no_default_updates)
    variables = [spec.variable for spec in specs]
    _check_used(variables, results, pairs, replacements, on_unused_input)
    _check_missing(variables, results, pairs)

    graph = [*results, *(new for _, new in pairs)]
    graph = rewrite(graph, [STABILITY])
    if optimize:
        graph = rewrite(graph, [STABILITY, ALGEBRA])
    program = plan(
        label,
        variables,
        graph[: len(results)],
        [(old, new) for (old, _), new in zip(pairs, graph[len(results) :], strict=True)],
    )
    compiled: Compiled = compile_program(program)
    recipe = (
        inputs, outputs, mode, updates, givens, no_default_updates, accept_inplace, name,
        rebuild_strict, allow_input_downcast, profile, on_unused_input,
    )
    return Function(specs, structure, keys, program, compiled, allow_input_downcast, name, recipe)


# -- checking what the user gave ---------------------------------------------------------------


def _check_inputs(inputs: Any) -> list[In]:
    if not isinstance(inputs, (list, tuple)):
        what = "a variable" if isinstance(inputs, (Expr, In)) else repr(inputs)
        raise GraphTypeError(
            f"function: inputs must be a list, not {what}. Write function([x], ...)."
        )
    specs = [entry if isinstance(entry, In) else In(entry) for entry in inputs]
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


def _check_outputs(outputs: Any) -> tuple[str, list[Any], list[Any]]:
    """The structure of the outputs ('one', 'list' or 'dict'), its keys, and the expressions."""
    if outputs is None:
        return "list", [], []
    if isinstance(outputs, dict):
        for key in outputs:
            if not isinstance(key, str):
                raise GraphTypeError(f"function: a dict of outputs needs string keys, not {key!r}.")
        keys = sorted(outputs)
        return "dict", keys, [_check_output(outputs[k]) for k in keys]
    if isinstance(outputs, (list, tuple)):
        return "list", [], [_check_output(o) for o in outputs]
    return "one", [], [_check_output(outputs)]


def _check_output(output: Any) -> Any:
    if isinstance(output, Out):
        output = output.variable
    if isinstance(output, Expr) and output.type.dtype == "object":
        return output
    return as_expr(output, "function: an output")


def _pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    if given is None:
        return []
    entries: Iterable[Any] = given.items() if isinstance(given, Mapping) else given
    if isinstance(given, Expr) or not isinstance(given, Iterable):
        raise GraphTypeError(f"function: {what} must be a dict or a list of pairs, not {given!r}.")
    pairs = []
    for entry in entries:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise GraphTypeError(
                f"function: {what} must hold pairs (variable, new value), not {entry!r}."
            )
        pairs.append((entry[0], entry[1]))
    return pairs


def _check_givens(givens: Any, strict: bool) -> dict[Expr, Expr]:
    replacements: dict[Expr, Expr] = {}
    for old, new in _pairs(givens, "givens"):
        if not isinstance(old, Expr):
            raise GraphTypeError(f"function: givens must map variables, not {old!r}.")
        if old in replacements:
            raise GraphValueError(f"function: givens replaces {old} twice.")
        if not isinstance(new, Expr):
            value = new
            new = make_shared(value)
            if new.dtype == "object":
                new = as_expr(value, "givens")
            if new.dtype != old.dtype and promote(new.dtype, old.dtype) == old.dtype:
                new = cast(new, old.dtype)
        if new.dtype != old.dtype and not strict:
            new = cast(new, old.dtype)
        check_same_type(old, new, "function: givens")
        replacements[old] = new
    for old, new in replacements.items():
        for node in toposort([new]):
            if node in replacements and node is not old:
                raise GraphValueError(
                    f"function: givens replaces {old} by {new}, which depends on {node}, which "
                    f"is replaced too. Substitute it yourself: clone({new}, {{{node}: ...}})."
                )
    return replacements


def _check_updates(updates: Any) -> Updates:
    pairs: Updates = []
    seen: set[Expr] = set()
    for old, new in _pairs(updates, "updates"):
        if not isinstance(old, Shared):
            what = describe(old) if isinstance(old, Expr) else repr(old)
            raise GraphTypeError(
                f"function: updates can change shared variables only, not {what}. Make it with "
                "shared(value)."
            )
        if old in seen:
            raise GraphValueError(f"function: updates changes {old} twice.\n{made_at(old)}")
        seen.add(old)
        pairs.append((old, _fit_update(old, new)))
    return pairs


def _fit_update(old: Shared, new: Any) -> Any:
    new = as_expr(new, f"update of {old}")
    if new.ndim != old.ndim:
        raise GraphTypeError(
            f"function: the update of {describe(old)} is {describe(new)}, of another rank. Is a "
            f"sum or mean over an axis missing, or one too many?\n{made_at(new)}"
        )
    if new.dtype != old.dtype:
        if promote(new.dtype, old.dtype) != old.dtype:
            raise GraphTypeError(
                f"function: the update of {describe(old)} is {new.dtype}. "
                f"{_where_from(new, new.dtype)}Cast it: T.cast(new, {old.dtype!r}), or keep "
                f"everything in {old.dtype}. The update was {made_at(new)}"
            )
        new = cast(new, old.dtype)
    check_same_type(old, new, "function: updates")
    return new


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
    return f"The {dtype} comes from {describe(source)}{mixed}, {made_at(source)}.\n"


def _check_mode(mode: Any) -> bool:
    """Whether this mode simplifies the graph."""
    chosen = config.mode if mode is None else mode
    text = str(getattr(chosen, "name", chosen))
    if text not in _MODES:
        raise GraphValueError(
            f"function: mode={text!r} is not known; expected FAST_RUN or FAST_COMPILE."
            f"{suggest(text, list(_MODES))}"
        )
    return _MODES[text]


def _add_default_updates(
    results: Sequence[Expr],
    pairs: Updates,
    replacements: Mapping[Expr, Expr],
    without: bool | Sequence[Any],
) -> Updates:
    if without is True:
        return pairs
    skipped = set() if without is False else set(without)  # type: ignore[arg-type]
    pairs = list(pairs)
    done = {old for old, _ in pairs}
    frontier = [*results, *(new for _, new in pairs)]
    while frontier:
        found = [
            node
            for node in toposort(frontier)
            if isinstance(node, Shared)
            and node.default_update is not None
            and node not in done
            and node not in skipped
        ]
        frontier = []
        for node in found:
            (new,) = substitute([_fit_update(node, node.default_update)], replacements)
            done.add(node)
            pairs.append((node, new))
            frontier.append(new)
    return pairs


def _check_used(
    variables: Sequence[Expr],
    results: Sequence[Expr],
    pairs: Updates,
    replacements: Mapping[Expr, Expr],
    action: str | None,
) -> None:
    action = action or str(config.on_unused_input)
    if action not in ("raise", "warn", "ignore"):
        raise GraphValueError(
            f"function: on_unused_input={action!r}; expected 'raise', 'warn' or 'ignore'."
        )
    if action == "ignore":
        return
    used = set(toposort([*results, *(new for _, new in pairs), *replacements.values()]))
    for variable in variables:
        if variable not in used:
            message = (
                f"function: the input {describe(variable)} is not used by any output or update. "
                "Leave it out, or pass on_unused_input='ignore'.\n" + made_at(variable)
            )
            if action == "raise":
                raise UnusedInputError(message)
            warnings.warn(message, stacklevel=3)


def _check_missing(variables: Sequence[Expr], results: Sequence[Expr], pairs: Updates) -> None:
    given = set(variables)
    graph = [*results, *(new for _, new in pairs)]
    order = toposort(graph, stop=given)
    for node in order:
        if isinstance(node, Placeholder) and node not in given:
            user = next((n for n in order if node in n.inputs), None)
            raise MissingInputError(
                f"function: {describe(node)} is needed"
                f"{f' by {user}' if user is not None else ''}, but it is not among the inputs. "
                f"Add it to them, or replace it with givens.\n{made_at(node)}"
            )


hooks.table["function"] = function


@hooks.provide("eval")
def evaluate(expr: Expr, values: Mapping[Any, Any]) -> Any:
    """Compile an expression and compute it once: see `Expr.eval`."""
    if not isinstance(values, Mapping):
        raise GraphTypeError(f"eval: expected a dict from variables to values, not {values!r}.")
    for key in values:
        if not isinstance(key, Expr):
            raise GraphTypeError(f"eval: the keys must be variables, not {key!r}.")
    return function(list(values), expr)(*values.values())


def clone(
    output: Any,
    replace: Any = None,
    strict: bool = True,
    share_inputs: bool = True,
) -> Any:
    """Copy an expression with some of its variables replaced.

    Parameters
    ----------
    output : variable or list of variables
        What to copy.
    replace : dict or pairs, optional
        Replacements; with ``strict`` of the same dtype, otherwise cast to it.
    strict, share_inputs : bool
        Without `share_inputs`, placeholders and shared variables are copied too.

    >>> import symgrad.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> clone(x * 2, {x: y}).eval({y: 4.0})
    array(8.)
    """
    several = isinstance(output, (list, tuple))
    outputs = list(output) if several else [output]
    replacements: dict[Expr, Expr] = {}
    for old, new in _pairs(replace, "replace"):
        new = as_expr(new, "clone")
        if not strict and new.dtype != old.dtype:
            new = cast(new, old.dtype)
        check_same_type(old, new, "clone")
        replacements[old] = new
    if not share_inputs:
        for node in toposort(outputs):
            if node.op is None and not isinstance(node, Constant):
                replacements.setdefault(node, node.clone())
    copies = substitute(outputs, replacements)
    return copies if several else copies[0]
