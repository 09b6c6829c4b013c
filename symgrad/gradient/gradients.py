"""Derivatives: a graph in, a bigger graph out: `grad` and what is built on the reverse pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from symgrad import hooks
from symgrad.errors import (
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    NullTypeGradError,
    checks_keywords,
    describe,
    made_at,
    repr_of,
    suggest,
    warn_user,
)
from symgrad.flags import config
from symgrad.gradient.reverse import Seeds, gradients
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.types import ObjectType, TensorType, TupleType, is_complex, is_discrete
from symgrad.graph.walk import connected, substitute, toposort
from symgrad.graph.written import remember
from symgrad.ops.arithmetic.elementwise import cast, eq
from symgrad.ops.arrays.constructors import arange
from symgrad.ops.arrays.lengths import dim, size
from symgrad.ops.arrays.shaping import broadcast_like, full_like, reshape
from symgrad.ops.control.loops import map_over
from symgrad.ops.linalg.equal_values import any_like
from symgrad.ops.op import NullGrad, as_expr, constant

Disconnected = Literal["raise", "warn", "ignore"]
Instead = Literal["zero", "None", "Disconnected"]
Null = Literal["raise", "return"]


class DisconnectedType:
    """What stands for the gradient of a disconnected variable, when asked for.

    >>> DisconnectedType()
    <disconnected>
    """

    def __repr__(self) -> str:
        return "<disconnected>"


@checks_keywords
def grad(
    cost: Any,
    wrt: Any,
    consider_constant: Sequence[Any] | None = None,
    disconnected_inputs: Disconnected = "raise",
    add_names: bool = True,
    known_grads: Mapping[Any, Any] | None = None,
    return_disconnected: Instead = "zero",
    null_gradients: Null = "raise",
) -> Any:
    """Differentiate a scalar with respect to variables of its graph.

    The graph is stabilised first (`log(softmax(z))` becomes one operation, and so on), so that
    gradients are finite and accurate wherever the function is.

    Parameters
    ----------
    cost : scalar variable or None
        What to differentiate; None is allowed with `known_grads`.
    wrt : variable, or list or tuple of variables
        Inputs, shared variables or intermediate results of the graph.
    consider_constant : list of variables, optional
        Expressions not to differentiate through.
    disconnected_inputs : {'raise', 'warn', 'ignore'}
        What to do when `cost` does not depend on one of `wrt`.
    add_names : bool
        Name the results ``(dcost/dx)``.
    known_grads : dict, optional
        Gradients of intermediate variables that are given, broadcast to their shapes; each
        replaces what would arrive at its variable.
    return_disconnected : {'zero', 'None', 'Disconnected'}
        What to return for a disconnected variable that was not an error.
    null_gradients : {'raise', 'return'}
        Whether a gradient that an operation declares undefined is an error; with ``return``, a
        `NullGrad` stands for it.

    Returns
    -------
    variable, or list or tuple of variables, as `wrt` is
        Each with the dtype and shape of what it belongs to. Integers get what real numbers would,
        as floats, through each operation whose result is a float; through one whose result is an
        integer (a sum of integers, ``//``) they get zeros.

    Raises
    ------
    GraphTypeError
        If the cost is not a real scalar, or `wrt` not made of variables.
    DisconnectedInputError, NullTypeGradError
        As chosen above.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> grad(x**3, x).eval({x: 2.0})
    array(12.)
    """
    _check_choice("grad", "disconnected_inputs", disconnected_inputs, Disconnected)
    _check_choice("grad", "return_disconnected", return_disconnected, Instead)
    _check_choice("grad", "null_gradients", null_gradients, Null)
    targets = _check_variables(wrt, "grad", "wrt")
    constants = _check_constants(consider_constant, "grad")
    if cost is None and not known_grads:
        raise GraphTypeError("grad: the cost is None, which needs known_grads.")
    cost = None if cost is None else _check_cost(cost, "grad")
    known = dict(_check_known(v, g) for v, g in (known_grads or {}).items())
    seeds: Seeds = [] if cost is None else [(cost, constant(1, dtype=cost.dtype))]
    results = _differentiate(
        "grad",
        seeds,
        targets,
        constants,
        known,
        disconnected_inputs,
        return_disconnected,
        null_gradients,
    )
    if add_names and cost is not None and cost.name:
        _name(results, targets, cost, [*known.values()])
    return _like(wrt, results)


hooks.table["grad"] = grad


def _differentiate(
    what: str,
    seeds: Seeds,
    targets: Sequence[Expr],
    constants: Sequence[Expr],
    known: Mapping[Expr, Any],
    disconnected_inputs: str,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> list[Any]:
    """One gradient per target, of its dtype."""
    roots = [*(root for root, _ in seeds), *known]
    reached = connected(roots, set(constants))
    found = gradients(seeds, [t for t in targets if t in reached], constants, known)
    results: list[Any] = []
    for target in targets:
        result = found.get(target)
        if target not in reached:
            _report_disconnected(what, roots, target, constants, disconnected_inputs)
            result = _instead(target, return_disconnected)
        elif result is None:
            result = _zeros(target)
        elif isinstance(result, NullGrad):
            if null_gradients == "raise":
                raise NullTypeGradError(
                    f"{what}: the gradient of {_names(roots)} with respect to {describe(target)} "
                    f"is undefined: {result.reason}\n{made_at(target)}\n"
                    "To treat what is in the way as a constant, use consider_constant=[...] or "
                    "disconnected_grad(...)."
                )
        elif result.dtype != target.dtype and not is_discrete(target.dtype):
            result = cast(result, target.dtype)
        results.append(result)
    return remember(results, [*roots, *targets])


def _name(results: list[Any], targets: Sequence[Expr], cost: Any, given: Sequence[Any]) -> None:
    """Name gradients `(dcost/dx)`, leaving alone what is the user's own."""
    theirs = set(toposort([cost, *targets, *given]))
    for k, (result, target) in enumerate(zip(results, targets, strict=True)):
        if not target.name or not isinstance(result, Expr) or result in theirs:
            continue
        if result.name:  # the gradient of another target too
            result = results[k] = result.clone()
        result.name = f"(d{cost.name}/d{target.name})"


def _like(wrt: Any, results: Sequence[Any]) -> Any:
    """A list for a list, a tuple for a tuple, one for one."""
    if isinstance(wrt, tuple):
        return tuple(results)
    return list(results) if isinstance(wrt, list) else results[0]


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """Return outputs as a list, a tuple, or a single one by itself, as `grad` does.

    >>> format_as(True, False, [1]), format_as(False, True, [1, 2]), format_as(False, False, [1])
    ([1], (1, 2), 1)
    """
    if use_list and use_tuple:
        raise GraphValueError("format_as: a list or a tuple, not both.")
    several = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if not (use_list or use_tuple) and len(several) != 1:
        raise GraphValueError(f"format_as: {len(several)} outputs need a list or a tuple.")
    return _like([] if use_list else () if use_tuple else None, several)


def _zeros(target: Expr) -> Any:
    return full_like(target, 0, config.floatX if is_discrete(target.dtype) else target.dtype)


def _instead(target: Expr, choice: str) -> Any:
    """What is returned for a disconnected variable."""
    if choice == "zero":
        return _zeros(target)
    return None if choice == "None" else DisconnectedType()


# -- checking what the user gave -------------------------------------------------------------


def _check_choice(what: str, name: str, value: str, choices: Any) -> None:
    """Raise unless `value` is one of the words of a `Literal`."""
    if value not in get_args(choices):
        raise GraphValueError(
            f"{what}: {name}={repr_of(value)}; expected one of {', '.join(get_args(choices))}."
            f"{suggest(str(value), get_args(choices))}"
        )


def _check_variables(given: Any, what: str, argument: str) -> list[Any]:
    if isinstance(given, (set, frozenset, dict)):
        raise GraphTypeError(
            f"{what}: {argument} must be a variable, list or tuple; a {type(given).__name__} has "
            "no order."
        )
    variables = list(given) if isinstance(given, (list, tuple)) else [given]
    for variable in variables:
        if not isinstance(variable, Expr):
            raise GraphTypeError(
                f"{what}: {argument} must hold symbolic variables, not {repr_of(variable)}."
            )
        if isinstance(variable.type, (ObjectType, TupleType)):
            raise GraphTypeError(
                f"{what}: {argument} must hold arrays, but {describe(variable)} is none."
                f"\n{made_at(variable)}"
            )
    return variables


def _check_constants(given: Any, what: str) -> list[Any]:
    if given is not None and not isinstance(given, (list, tuple, set, frozenset)):
        raise GraphTypeError(
            f"{what}: consider_constant must be a list of variables, not {repr_of(given)}. "
            f"Write consider_constant=[...]."
        )
    return _check_variables(list(given or ()), what, "consider_constant")


def _check_cost(cost: Any, what: str) -> Any:
    cost = as_expr(cost, f"{what}: cost")
    if cost.ndim != 0:
        raise GraphTypeError(
            f"{what}: the cost must be a scalar, but {describe(cost)} has {cost.ndim} dimension"
            f"{'' if cost.ndim == 1 else 's'}. Use its mean or sum, or jacobian(), Lop().\n"
            f"{made_at(cost)}"
        )
    return _check_real(cost, what, "the cost")


def _check_real(cost: Any, what: str, argument: str) -> Any:
    if is_complex(cost.dtype) or is_discrete(cost.dtype):
        raise GraphTypeError(
            f"{what}: {argument} must be real floating-point, but {describe(cost)} is "
            f"{cost.dtype}. Cast it, or compute it from floats.\n{made_at(cost)}"
        )
    return cost


def _check_known(variable: Any, gradient: Any) -> tuple[Any, Any]:
    if not isinstance(variable, Expr):
        raise GraphTypeError(
            f"grad: known_grads must map variables to gradients, not {repr_of(variable)}."
        )
    return variable, _check_gradient(variable, gradient, "grad: known_grads")


def _check_gradient(variable: Any, gradient: Any, what: str) -> Any:
    gradient = as_expr(gradient, what)
    if gradient.ndim > variable.ndim:
        raise GraphTypeError(
            f"{what}: the gradient given for {describe(variable)} is {describe(gradient)}, of "
            f"a higher rank.\n{made_at(variable)}"
        )
    pairs = list(zip(gradient.static_shape[::-1], variable.static_shape[::-1], strict=False))
    if any(have not in (None, 1, want) and want is not None for have, want in pairs):
        raise GraphValueError(
            f"{what}: the gradient given for {describe(variable)} is {describe(gradient)}, "
            f"of another shape.\n{made_at(variable)}"
        )
    if gradient.ndim < variable.ndim or any(have == 1 != want for have, want in pairs):
        gradient = broadcast_like(gradient, variable)
    return gradient if is_discrete(variable.dtype) else cast(gradient, variable.dtype)


# -- what is not connected -------------------------------------------------------------------


def _names(roots: Sequence[Expr]) -> str:
    return " and ".join(describe(root) for root in roots[:3])


def _report_disconnected(
    what: str, roots: Sequence[Expr], target: Expr, constants: Sequence[Expr], action: str
) -> None:
    if action == "ignore":
        return
    from symgrad.gradient.disconnected import where_cut

    message = (
        f"{what}: {_names(roots)} does not depend on the value of {describe(target)}.\n"
        f"  {where_cut(roots, target, constants)}\n"
        "  To get zeros instead, pass disconnected_inputs='ignore'."
    )
    if action == "raise":
        raise DisconnectedInputError(message, nodes=[*roots[:3], target])
    warn_user(message)


# -- products with Jacobians -----------------------------------------------------------------


@checks_keywords
def Lop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    consider_constant: Sequence[Any] | None = None,
    disconnected_inputs: Disconnected = "raise",
) -> Any:
    """Multiply a row vector with a Jacobian: ``eval_points @ (df/dwrt)``.

    Parameters
    ----------
    f : variable, or list of variables
        Of any rank.
    wrt : variable, or list or tuple of variables
        As for `grad`.
    eval_points : variable, or list of variables
        One for each in `f`, broadcast to its shape.
    consider_constant, disconnected_inputs
        As for `grad`.

    Returns
    -------
    variable, or list or tuple of variables, as `wrt` is
        Each with the dtype and shape of what it belongs to.

    >>> import symgrad.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> Lop(x**2, x, v).eval({x: [1.0, 2.0], v: [10.0, 100.0]})
    array([ 20., 400.])
    """
    _check_choice("Lop", "disconnected_inputs", disconnected_inputs, Disconnected)
    outputs = _check_variables(f, "Lop", "f")
    targets = _check_variables(wrt, "Lop", "wrt")
    constants = _check_constants(consider_constant, "Lop")
    points = _check_points(outputs, eval_points, "Lop", "f")
    seeds = [
        (_check_real(output, "Lop", "f"), point)
        for output, point in zip(outputs, points, strict=True)
    ]
    return _like(wrt, _differentiate("Lop", seeds, targets, constants, {}, disconnected_inputs))


def _check_points(variables: Sequence[Any], given: Any, what: str, argument: str) -> list[Any]:
    points = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(points) != len(variables):
        raise GraphValueError(
            f"{what}: {len(points)} eval_points were given for {len(variables)} variables in "
            f"{argument}."
        )
    return [
        _check_gradient(variable, point, f"{what}: eval_points")
        for variable, point in zip(variables, points, strict=True)
    ]


@checks_keywords
def Rop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    disconnected_outputs: Disconnected = "ignore",
    return_disconnected: Instead = "zero",
) -> Any:
    """Multiply a Jacobian with a column vector: ``(df/dwrt) @ eval_points``.

    The product is the transpose of a transpose: ``u -> Lop(f, wrt, u)`` is linear in `u`, and
    its own `Lop` is the product wanted.

    Parameters
    ----------
    f : variable, or list or tuple of variables
        Of any rank.
    wrt : variable, or list of variables
        As for `grad`.
    eval_points : variable, or list of variables
        The direction: one for each in `wrt`, broadcast to its shape.
    disconnected_outputs : {'raise', 'warn', 'ignore'}
        What to do when one of `f` depends on none of `wrt`: it does not change along with them.
    return_disconnected : {'zero', 'None', 'Disconnected'}
        What to return for one that was not an error.

    Returns
    -------
    variable, or list or tuple of variables, as `f` is
        Each with the dtype and shape of the output that it belongs to.

    >>> import symgrad.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> Rop(T.sum(x**2), x, v).eval({x: [1.0, 2.0], v: [10.0, 100.0]})
    array(420.)
    """
    _check_choice("Rop", "disconnected_outputs", disconnected_outputs, Disconnected)
    _check_choice("Rop", "return_disconnected", return_disconnected, Instead)
    outputs = _check_variables(f, "Rop", "f")
    targets = _check_variables(wrt, "Rop", "wrt")
    directions = _check_points(targets, eval_points, "Rop", "wrt")
    results: list[Any] = []
    for output in outputs:
        _check_real(output, "Rop", "f")
        u = Placeholder(output.type, "u")
        reached = connected([output])
        used = [k for k, t in enumerate(targets) if t in reached]
        if not used:
            _report_disconnected("Rop", [output], targets[0], (), disconnected_outputs)
            results.append(_instead(output, return_disconnected))
            continue
        transposed = Lop(output, [targets[k] for k in used], u)
        product = Lop(transposed, u, [directions[k] for k in used], disconnected_inputs="ignore")
        # Linear in u, so its derivative may still need the shape of u, but no value: or any, where
        # a value says what is differentiable (of vectors of equal eigenvalues, 0 would be).
        results += substitute([product], {u: any_like(output)})
    return _like(f, remember(results, [*outputs, *targets]))


# -- whole Jacobians -------------------------------------------------------------------------


@checks_keywords
def jacobian(
    expression: Any,
    wrt: Any,
    consider_constant: Sequence[Any] | None = None,
    disconnected_inputs: Disconnected = "raise",
) -> Any:
    """All partial derivatives of an expression.

    Parameters
    ----------
    expression : variable
        Of any rank; lengths need not be known.
    wrt : variable, or list or tuple of variables
        As for `grad`.
    consider_constant, disconnected_inputs
        As for `grad`.

    Returns
    -------
    variable, or list or tuple of variables, as `wrt` is
        Each of shape ``(*expression.shape, *wrt.shape)`` and of the dtype of what it belongs to.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> jacobian(x**2, x).eval({x: [1.0, 2.0]})
    array([[2., 0.],
           [0., 4.]])
    """
    _check_choice("jacobian", "disconnected_inputs", disconnected_inputs, Disconnected)
    (expression,) = _check_variables(expression, "jacobian", "expression")
    _check_real(expression, "jacobian", "the expression")
    targets = _check_variables(wrt, "jacobian", "wrt")
    constants = _check_constants(consider_constant, "jacobian")

    def rows(seed: Any) -> list[Any]:
        seeds = [(expression, cast(seed, expression.dtype))]
        return _differentiate("jacobian", seeds, targets, constants, {}, disconnected_inputs)

    if expression.ndim == 0:
        return _like(wrt, rows(constant(1)))
    # Row k is the product with the k-th unit vector; all of them in one loop.
    lengths = [dim(expression, a) for a in range(expression.ndim)]
    k = Placeholder(TensorType("int64"), "k")
    positions = arange(size(expression))
    unit = eq(positions, k)
    if expression.ndim > 1:
        unit = reshape(unit, lengths)
    stacked = map_over([k], rows(unit), [positions], like=targets)
    if expression.ndim > 1:
        stacked = [
            reshape(result, [*lengths, *(dim(target, a) for a in range(target.ndim))])
            for result, target in zip(stacked, targets, strict=True)
        ]
    return _like(wrt, remember(stacked, [expression, *targets]))


@checks_keywords
def hessian(
    cost: Any,
    wrt: Any,
    consider_constant: Sequence[Any] | None = None,
    disconnected_inputs: Disconnected = "raise",
) -> Any:
    """All second derivatives of a scalar, for each variable with respect to itself.

    Parameters
    ----------
    cost : scalar variable
        What to differentiate twice.
    wrt : variable, or list or tuple of variables
        Usually vectors; of any rank.
    consider_constant, disconnected_inputs
        As for `grad`.

    Returns
    -------
    variable, or list or tuple of variables, as `wrt` is
        Each of shape ``(*wrt.shape, *wrt.shape)``: a matrix for a vector.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> hessian(T.sum(x**3), x).eval({x: [1.0, 2.0]})
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    _check_choice("hessian", "disconnected_inputs", disconnected_inputs, Disconnected)
    cost = _check_cost(cost, "hessian")
    targets = _check_variables(wrt, "hessian", "wrt")
    for target in targets:
        _check_real(target, "hessian", "wrt")
    slopes = grad(cost, targets, consider_constant, disconnected_inputs, add_names=False)
    # A cost that is linear in a variable has slopes that do not depend on it: zeros, no error.
    found = [
        jacobian(slope, target, consider_constant, disconnected_inputs="ignore")
        for slope, target in zip(slopes, targets, strict=True)
    ]
    return _like(wrt, remember(found, [cost, *targets]))


def subgraph_grad(
    wrt: Sequence[Any],
    end: Sequence[Any],
    start: Mapping[Any, Any] | None = None,
    cost: Any = None,
    details: bool = False,
) -> tuple[Any, ...]:
    """Differentiate a part of a graph, between variables whose gradients are known and others.

    Useful for going through a model one layer at a time.

    Parameters
    ----------
    wrt : list of variables
        Where gradients are wanted.
    end : list of variables
        Where differentiation stops; their gradients are returned too.
    start : dict, optional
        Known gradients, from which to go on (variable → gradient).
    cost : scalar variable, optional
        Differentiated too, and added.
    details : bool
        Return also the parts that came from `start` and from `cost`.

    Returns
    -------
    tuple of lists
        Gradients for `wrt` and for `end`; with `details` followed by those from `start` and those
        from `cost`, for `wrt` and then `end` (None where there is no start or cost).

    >>> import symgrad.tensor as T
    >>> x, w = T.dscalars("x", "w")
    >>> h = x * w
    >>> _, (dh,) = subgraph_grad(wrt=[], end=[h], cost=h**2)
    >>> (dw,), _ = subgraph_grad(wrt=[w], end=[x], start={h: dh})
    >>> dw.eval({x: 2.0, w: 3.0})
    array(24.)
    """
    if cost is None and start is None:
        raise GraphTypeError("subgraph_grad: give a cost, a start, or both.")
    for name, value in (("wrt", wrt), ("end", end)):
        if not isinstance(value, (list, tuple)):
            raise GraphTypeError(f"subgraph_grad: {name} must be a list of variables.")
    targets = [*wrt, *end]

    def part(cost: Any, start: Mapping[Any, Any] | None) -> list[Any]:
        found: list[Any] = grad(
            cost,
            targets,
            consider_constant=list(end),
            disconnected_inputs="ignore",
            known_grads=start,
            add_names=False,
        )
        return found

    from_start = None if start is None else part(None, start)
    from_cost = None if cost is None else part(cost, None)
    if from_start is None or from_cost is None:
        total = from_start if from_cost is None else from_cost
        total = list(total or ())
    else:
        total = [a + b for a, b in zip(from_start, from_cost, strict=True)]
    result = total[: len(wrt)], total[len(wrt) :]
    return (*result, from_start, from_cost) if details else result
