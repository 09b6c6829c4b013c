"""What NumPy's own functions make of symbols: `np.exp(v)`, `array - v`, `np.sum(v, axis=0)`.

NumPy hands a call that meets a symbol to the symbol; here it is given to the operation of the
same meaning, or refused with the name of the function to use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, made_at, suggest
from symgrad.graph.expr import Expr
from symgrad.graph.identity import BY_NUMPY
from symgrad.ops.arithmetic.elementwise import divmod
from symgrad.ops.families import Elementwise
from symgrad.ops.op import REGISTRY

# NumPy's names whose meaning has another name here.
_RENAMED = {
    "amax": "max",
    "amin": "min",
    "around": "round",
    "conjugate": "conj",
    "degrees": "rad2deg",
    "divide": "true_div",
    "expit": "sigmoid",
    "positive": "tensor_copy",
    "power": "pow",
    "radians": "deg2rad",
    "ravel": "flatten",
    "remainder": "mod",
    "rint": "round",
    "true_divide": "true_div",
}
_REDUCTIONS = {
    ("add", "reduce"): "sum",
    ("multiply", "reduce"): "prod",
    ("maximum", "reduce"): "max",
    ("minimum", "reduce"): "min",
    ("logical_and", "reduce"): "all",
    ("logical_or", "reduce"): "any",
    ("add", "accumulate"): "cumsum",
    ("multiply", "accumulate"): "cumprod",
}
_IN_PLACE = ("copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask")


def _find(name: str) -> Callable[..., Any] | None:
    """The function that users know by a name, or by NumPy's name for the same."""
    name = _RENAMED.get(name, name)
    for place in (hooks.table, REGISTRY):
        found: Callable[..., Any] | None = place.get(name)
        if found is not None and not inspect.isclass(found):
            return found
    for op in REGISTRY.values():
        if isinstance(op, Elementwise) and op.ufunc is not None and op.ufunc.__name__ == name:
            return op
    return hooks.call("user_function", name) if "user_function" in hooks.table else None


def _refuse(what: str, values: Any, why: str) -> NoReturn:
    symbol = _first_symbol(values)
    where = "" if symbol is None else f"\n{made_at(symbol)}"
    raise GraphTypeError(f"{what}: {why}{where}")


def _first_symbol(values: Any) -> Expr | None:
    if isinstance(values, Expr):
        return values
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        return next((s for s in map(_first_symbol, values) if s is not None), None)
    return None


@hooks.provide("array_ufunc")
def array_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a NumPy (or SciPy) ufunc gives when one of its arguments is symbolic.

    >>> import numpy as np
    >>> from symgrad.ops.op import as_expr
    >>> np.exp(as_expr([0.0])).op, (np.float32(2) * as_expr([1.0])).op
    (exp, mul)
    """
    name = ufunc.__name__
    call = f"numpy.{name}" if hasattr(np, name) else f"scipy.special.{name}"
    call += "" if method == "__call__" else f".{method}"
    given = {k: v for k, v in kwargs.items() if v is not None}
    if "out" in given:
        _refuse(
            call,
            [inputs, kwargs],
            "an array cannot hold a symbolic result (out=, or an in-place operator such as += "
            "on an array). Write a = a + v.",
        )
    reduction = hooks.table.get(_REDUCTIONS.get((name, method), ""))
    if reduction is not None and set(given) <= {"axis", "keepdims"}:
        return reduction(*inputs, **{**given, "axis": kwargs.get("axis", 0)})
    if method != "__call__":
        _refuse(
            call, inputs, "it does not take symbolic variables. Use functions of symgrad.tensor."
        )
    if given:
        _refuse(
            call,
            inputs,
            f"with a symbolic variable it takes no {', '.join(given)}=. Cast the result, or use "
            "T.switch.",
        )
    if name == "divmod":
        return divmod(*inputs)
    function = _find(name)
    if function is None:
        _unknown(call, name, inputs)
    result = function(*inputs)
    if ufunc in (np.equal, np.not_equal):
        BY_NUMPY.add(result)
    return result


def _unknown(call: str, name: str, values: Any) -> NoReturn:
    user = hooks.table.get("user_function", hooks.table.get)
    hint = suggest(name, [n for n in (*hooks.table, *REGISTRY) if user(n) is not None])
    _refuse(
        call,
        values,
        "it does not take symbolic variables, and symgrad.tensor has no function of that name."
        f"{hint} Build it from functions of symgrad.tensor, or use v.eval({{...}}) for a value.",
    )


# -- functions that are not ufuncs -----------------------------------------------------------


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return hooks.call("nonzero", condition)
    return hooks.call("switch", condition, x, y)


def _transpose(a: Any, axes: Any = None) -> Any:
    return hooks.call("transpose", a, *(() if axes is None else axes))


def _size(a: Any, axis: Any = None) -> Any:
    return hooks.call("size", a) if axis is None else a.shape[axis]


# Functions whose arguments NumPy names or orders in another way.
_ADAPTERS: dict[str, Callable[..., Any]] = {
    "ndim": lambda a: a.ndim,
    "reshape": lambda a, shape: hooks.call("reshape", a, shape),
    "size": _size,
    "split": lambda ary, indices_or_sections, axis=0: hooks.call(
        "numpy_split", ary, indices_or_sections, axis
    ),
    "transpose": _transpose,
    "where": _where,
}


@hooks.provide("array_function")
def array_function(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a NumPy function that is no ufunc gives when one of its arguments is symbolic.

    >>> import numpy as np
    >>> from symgrad.ops.op import as_expr
    >>> np.sum(as_expr([[1.0, 2.0]]), axis=1).eval()
    array([3.])
    """
    name = func.__name__
    module = func.__module__ or "numpy"
    call = f"{module}.{name}"
    if module != "numpy":
        place = "symgrad.tensor.nlinalg" if module == "numpy.linalg" else "symgrad.tensor"
        _refuse(call, [args, kwargs], f"it does not take symbolic variables. Look in {place}.")
    if name in _IN_PLACE:
        _refuse(
            call,
            [args, kwargs],
            "it changes its argument in place, which a symbolic variable cannot do. Use "
            "T.set_subtensor, or the function of this name in symgrad.tensor, which returns a "
            "new variable.",
        )
    target = _ADAPTERS.get(name) or _find(name)
    if target is None:
        _unknown(call, name, [args, kwargs])
    positional, options = _arguments(func, args, kwargs)
    parameters: Any = {}
    if not isinstance(target, Elementwise):
        signature = inspect.signature(target)
        parameters = signature.parameters
    strange = [k for k in options if k not in parameters]
    if strange:
        _refuse(
            call,
            [args, kwargs],
            f"with a symbolic variable it takes no {', '.join(strange)}=. See symgrad.tensor."
            f"{_RENAMED.get(name, name)}.",
        )
    if parameters:
        try:
            signature.bind(*positional, **options)
        except TypeError:
            _refuse(
                call,
                [args, kwargs],
                f"its arguments differ from those of symgrad.tensor.{name}{signature}; call that.",
            )
    return target(*positional, **options)


def _arguments(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The required arguments in NumPy's order, and the options that were given, by name."""
    try:
        signature = inspect.signature(func)
    except ValueError:  # some functions written in C have none
        return list(args), {k: v for k, v in kwargs.items() if v is not None}
    bound = signature.bind(*args, **kwargs).arguments
    positional: list[Any] = []
    options: dict[str, Any] = {}
    for name, value in bound.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(value)
        elif parameter.default is parameter.empty:
            positional.append(value)
        elif value is not parameter.default:
            options[name] = value
    return positional, options
