"""What is made again with other parts: functions (`f.copy`), expressions (`clone`)."""

from __future__ import annotations

from typing import Any

from symgrad import hooks
from symgrad.compile.checks import check_pairs, check_updates
from symgrad.compile.functions import build
from symgrad.compile.recipe import Recipe
from symgrad.errors import GraphTypeError, GraphValueError, checks_keywords, repr_of
from symgrad.graph.expr import Constant, Expr, check_replaceable, check_same_type
from symgrad.graph.shared import Shared
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.broadcasting import in_place_of
from symgrad.ops.op import as_expr


@hooks.provide("copy_function")
def copy(recipe: Recipe, swap: Any, delete_updates: bool, name: str | None, profile: Any) -> Any:
    """A function made of the same recipe: see `Function.copy`."""
    replacements: dict[Expr, Expr] = {}
    leaves = set(toposort([*recipe.results, *(n for pair in recipe.updates for n in pair)]))
    for old, new in check_pairs(swap, "swap"):
        for variable in (old, new):
            if not isinstance(variable, Shared):
                raise GraphTypeError(
                    f"copy of {recipe.title}: swap must map shared variables, not "
                    f"{repr_of(variable)}."
                )
        if old not in leaves:
            raise GraphValueError(
                f"copy of {recipe.title}: it does not use the shared variable {old}, so it "
                "cannot be swapped."
            )
        check_same_type(old, new, f"copy of {recipe.title}: swap")
        replacements[old] = new
    updates = [] if delete_updates else recipe.updates
    graph = substitute([*recipe.results, *(new for _, new in updates)], replacements)
    results, news = graph[: len(recipe.results)], graph[len(recipe.results) :]
    olds = [replacements.get(old, old) for old, _ in updates]
    pairs = check_updates(list(zip(olds, news, strict=True)))
    if name is None and recipe.name:
        name = f"{recipe.name} copy"
    return build(
        recipe._replace(results=tuple(results), updates=tuple(pairs), name=name, profile=profile)
    )


@checks_keywords(copy_inputs="share_inputs", shown=False)
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
    for entry in outputs:
        if not isinstance(entry, Expr):
            raise GraphTypeError(
                f"clone: expected a variable or a list of them, not {repr_of(entry)}."
            )
    replacements: dict[Expr, Expr] = {}
    for old, new in check_pairs(replace, "replace"):
        if not isinstance(old, Expr):
            raise GraphTypeError(f"clone: replace must map variables, not {repr_of(old)}.")
        check_replaceable(old, "clone")
        new = as_expr(new, "clone")
        if not strict and new.dtype != old.dtype:
            new = cast(new, old.dtype)
        check_same_type(old, new, "clone")
        replacements[old] = in_place_of(old, new)
    if not share_inputs:
        for node in toposort(outputs):
            if node.op is None and not isinstance(node, Constant):
                replacements.setdefault(node, node.clone())
    copies = substitute(outputs, replacements)
    return copies if several else copies[0]
