"""`function`: from symbolic inputs and outputs to a callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from symgrad import hooks
from symgrad.compile.call import Function
from symgrad.compile.checks import (
    add_default_updates,
    check_givens,
    check_inputs,
    check_missing,
    check_outputs,
    check_updates,
    check_used,
)
from symgrad.compile.modes.mode import get_mode
from symgrad.compile.recipe import Out, Recipe
from symgrad.errors import GraphTypeError, checks_keywords, repr_of
from symgrad.flags import config
from symgrad.graph.collector import collector_paused
from symgrad.graph.expr import Expr
from symgrad.graph.walk import substitute
from symgrad.origins import capture_origin, short_origin
from symgrad.plan import plan
from symgrad.rewrite.pipeline import lower, prepare


@checks_keywords
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
    inputs : list of variables, pairs (variable, default value) or `In`
        What the caller gives, in this order or by name.
    outputs : variable, `Out`, list, tuple or dict of them, or None
        What a call returns: one array, a list, or a dict (keys sorted).
    mode : str or Mode, optional
        ``FAST_RUN`` (default), or ``FAST_COMPILE``, which rewrites less; ``nan-guard`` says which
        line of yours makes a NaN or an infinity (`NanGuardMode`), ``debug`` compares each result
        with that of the graph as written (`DebugMode`); both are slower.
    updates : dict or pairs of (shared variable, new value), optional
        Carried out after each call, all at once, from the old values.
    givens : dict or pairs of (variable, replacement), optional
        Substitutions made before compiling.
    no_default_updates : bool or list of shared variables
        Leave out the default updates of all, or of these.
    accept_inplace, rebuild_strict
        Theano's arguments. ``rebuild_strict=False`` lets `givens` change a dtype by a cast.
    name : str, optional
        For messages and the generated source; by default where the function was made.
    allow_input_downcast : bool, optional
        True casts inputs whatever is lost. Otherwise arrays are cast if their dtype loses nothing,
        numbers and lists if their values do not change; None lets Python floats be rounded.
    profile : bool, str or ProfileStats, optional
        Measure how long each step of each call takes: ``print(f.profile)`` shows it by line of your
        program, by operation and by step. What nobody looked at is printed when Python ends. A
        string heads the tables; a `ProfileStats` may be shared by several functions. Default:
        ``config.profile``. Without, a call costs nothing more; with it about 1 µs, and 70 ns for
        each step: 10 % of a training step of logistic regression on 20 images (26 µs), 1 % on 600
        (310 µs).
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
    if name is not None and not isinstance(name, str):
        raise GraphTypeError(f"function: name must be a string, not {repr_of(name)}.")
    if _is_output(mode):
        raise GraphTypeError(
            f"function: the third argument is the mode, not another output ({mode}). Put the "
            "outputs into a list: function(inputs, [a, b])."
        )
    specs = check_inputs(inputs)
    structure, keys, results = check_outputs(outputs)
    replacements = check_givens(givens, rebuild_strict)
    pairs = check_updates(updates)

    with collector_paused():
        results = substitute(results, replacements)
        news = substitute([new for _, new in pairs], replacements)
        pairs = [(old, new) for (old, _), new in zip(pairs, news, strict=True)]
        variables = [spec.variable for spec in specs]
        pairs = add_default_updates(results, pairs, replacements, no_default_updates, variables)
        check_missing(variables, results, pairs)
        check_used(variables, results, pairs, replacements, on_unused_input)
    recipe = Recipe(
        tuple(specs),
        structure,
        tuple(keys),
        tuple(results),
        tuple(pairs),
        get_mode(mode),
        name,
        short_origin(capture_origin()),
        allow_input_downcast,
        profile,
    )
    return build(recipe)


def _is_output(given: Any) -> bool:
    if isinstance(given, (list, tuple)):
        return any(map(_is_output, given))
    return isinstance(given, (Expr, Out))


@hooks.provide("build_function")
@collector_paused()
def build(recipe: Recipe) -> Function:
    """Rewrite, plan and compile what was checked (or unpickled)."""
    stats = None
    if recipe.profile not in (None, False) or (recipe.profile is None and config.profile):
        from symgrad.compile.profiling import requested

        stats = requested(recipe.profile)
    started = perf_counter()
    inputs, results, updates = recipe.written()
    graph = [*results, *(new for _, new in updates)]
    graph = prepare(graph, recipe.mode.simplifies)
    if recipe.mode.simplifies:
        graph = lower(graph)
    rewritten = perf_counter()
    program = plan(
        recipe.name or "function",
        inputs,
        graph[: len(results)],
        [(old, new) for (old, _), new in zip(updates, graph[len(results) :], strict=True)],
    )
    if stats is None:
        return Function(recipe, program)
    making = {"rewriting": rewritten - started, "planning": perf_counter() - rewritten}
    from symgrad.compile.profiling import ProfiledFunction

    return ProfiledFunction(recipe, program, stats, making)


hooks.table["function"] = function


@hooks.provide("eval")
def evaluate(expr: Expr, values: Mapping[Any, Any]) -> Any:
    """Compile an expression and compute it once: see `Expr.eval`."""
    if not isinstance(values, Mapping):
        raise GraphTypeError(
            f"eval: expected a dict from variables to values, not {repr_of(values)}."
        )
    for key in values:
        if not isinstance(key, Expr):
            raise GraphTypeError(f"eval: the keys must be variables, not {repr_of(key)}.")
    check_missing(list(values), [expr], [], "eval")
    return function(list(values), expr, name="eval")(*values.values())


# -- the bodies of loops go through the pipeline that everything goes through ------------------


@hooks.provide("compile_body")
def compile_body(inputs: Sequence[Expr], outputs: Sequence[Expr]) -> Callable[..., list[Any]]:
    """Compile what a loop does in one round.

    >>> import numpy as np
    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> compile_body([x], [x + 1])(np.array(1.0))
    [array(2.)]
    """
    return function(list(inputs), list(outputs), name="loop", on_unused_input="ignore")


@hooks.provide("prepare_body")
def prepare_body(outputs: Sequence[Expr]) -> list[Expr]:
    """Rewrite what a loop does in one round, for backends that compute it node by node.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> prepare_body([T.log(T.nnet.softmax(x))])[0].op.name
    'log_softmax'
    """
    return prepare(outputs)
