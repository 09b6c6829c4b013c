"""What is known of an expression before it runs, and small functions of Theano's programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import (
    EmptyConstantError,
    GraphTypeError,
    GraphValueError,
    NotScalarConstantError,
    checks_keywords,
    describe,
    made_at,
    repr_of,
)
from symgrad.graph.expr import Constant, Expr, check_same_type
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import cast, int_div, mod, neq
from symgrad.ops.arrays.broadcasting import BroadcastArrays
from symgrad.ops.arrays.lengths import static_value
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Project, as_expr, as_exprs

# -- constants -----------------------------------------------------------------------------


@checks_keywords(v="orig_v", shown=False)
def get_scalar_constant_value(
    orig_v: Any, elemwise: bool = True, only_process_constants: bool = False, max_recur: int = 10
) -> Any:
    """The one number that all elements of an expression are, where that is known beforehand.

    Parameters
    ----------
    orig_v : array_like
        An expression, or a plain number or array.
    elemwise : bool
        Compute with operations on elements, as in ``constant(2) + 1``.
    only_process_constants : bool
        Look at constants alone.
    max_recur : int
        Accepted for Theano's sake.

    Returns
    -------
    array without dimensions
        Of the expression's dtype.

    Raises
    ------
    NotScalarConstantError
        If it is not known, or the elements differ; `EmptyConstantError` if there are none.

    >>> import symgrad.tensor as T
    >>> get_scalar_constant_value(T.constant([3, 3]) * 2)
    array(6)
    >>> get_scalar_constant_value(T.zeros((T.lscalar("n"), 2)))
    array(0.)
    """
    if isinstance(orig_v, Expr):
        values = _uniform(orig_v, elemwise, only_process_constants)
        if values is None:
            raise NotScalarConstantError(
                f"get_scalar_constant_value: {describe(orig_v)} is not known to be one number."
                f"\n{made_at(orig_v)}"
            )
        return values
    array = np.asarray(orig_v)
    if array.dtype.kind not in "biufc" or isinstance(orig_v, (list, tuple)):
        raise NotScalarConstantError(f"get_scalar_constant_value: {repr_of(orig_v)} is no number.")
    found = _only_number(array)
    if found is None:
        raise NotScalarConstantError(
            f"get_scalar_constant_value: the elements of {repr_of(orig_v)} differ."
        )
    return found


def _only_number(array: np.ndarray[Any, Any]) -> Any:
    if not array.size:
        raise EmptyConstantError("get_scalar_constant_value: the constant has no elements.")
    first = array.reshape(-1)[0]
    same = array == first if first == first else array != array  # NaN is no exception
    return np.array(first) if same.all() else None


def _uniform(e: Expr, elemwise: bool, constants_only: bool) -> Any:
    """The number that all elements of `e` are, or None."""
    if constants_only and not isinstance(e, Constant):
        return None
    if not isinstance(e, Constant) and e.ndim == 0 and elemwise:
        value = static_value(e)  # this knows lengths, and elements of constants
        if value is not None:
            return np.asarray(value, dtype=e.dtype)
    known: dict[Expr, Any] = {}
    for node in toposort([e]):
        inputs = [known[i] for i in node.inputs]
        if isinstance(node, Constant):
            known[node] = _only_number(node.value) if node is e or node.value.size else None
        elif node.op is None or node.op.has_side_effect or not inputs:
            known[node] = None
        elif isinstance(node.op, Elementwise):
            known[node] = None
            if elemwise and all(i is not None for i in inputs):
                with np.errstate(all="ignore"):
                    known[node] = np.asarray(node.op.impl(np, *inputs), dtype=node.dtype)
        elif isinstance(node.op, Project) and isinstance(node.inputs[0].op, BroadcastArrays):
            known[node] = known[node.inputs[0].inputs[node.op.index]]
        elif node.op.view_of == 0 or isinstance(node.op, (Alloc, BroadcastLike)):
            known[node] = inputs[0]  # its elements are some of its first input's
        else:
            known[node] = None
    return known[e]


def extract_constant(x: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The number that all elements of `x` are, as `get_scalar_constant_value`, or else `x`.

    >>> import symgrad.tensor as T
    >>> extract_constant(T.constant(3)), extract_constant(T.dvector("v"))
    (array(3, dtype=int8), v)
    """
    try:
        return get_scalar_constant_value(x, elemwise, only_process_constants)
    except NotScalarConstantError:
        return x


def get_vector_length(v: Any) -> int:
    """How many elements a vector has, where that is known beforehand.

    Raises
    ------
    GraphTypeError
        If it is no vector.
    GraphValueError
        If the length is not known.

    >>> import symgrad.tensor as T
    >>> get_vector_length(T.dmatrix().shape)
    2
    """
    v = as_expr(v, "get_vector_length")
    if v.ndim != 1:
        raise GraphTypeError(f"get_vector_length: {describe(v)} is no vector.\n{made_at(v)}")
    (length,) = v.static_shape
    if length is None:
        raise GraphValueError(
            f"get_vector_length: the length of {describe(v)} is not known before the function "
            f"runs. Use v.shape[0].\n{made_at(v)}"
        )
    return int(length)


# -- small functions -----------------------------------------------------------------------


def ceil_intdiv(a: Any, b: Any) -> Any:
    """``a / b``, rounded up to an integer; of integers an integer, without going through floats.

    >>> ceil_intdiv([7, -7, 8], 2).eval()
    array([ 4, -3,  4])
    """
    a, b = as_exprs((a, b), "ceil_intdiv")
    whole = int_div(a, b)
    return whole + cast(neq(mod(a, b), 0), whole.dtype)


def default(x: Any, default: Any) -> Any:
    """`x`, or `default` where `x` is None.

    Raises
    ------
    GraphTypeError
        If the two are of different types.

    >>> import symgrad.tensor as T
    >>> default(None, T.constant(2.0)).eval()
    array(2.)
    """
    other = as_expr(default, "default")
    if x is None:
        return other
    x = as_expr(x, "default")
    check_same_type(x, other, "default")
    return x


def tensor_from_scalar(s: Any) -> Any:
    """A scalar as a tensor without dimensions; in symgrad the two are one."""
    return _scalar(s, "tensor_from_scalar")


def scalar_from_tensor(t: Any) -> Any:
    """A tensor without dimensions as a scalar; in symgrad the two are one."""
    return _scalar(t, "scalar_from_tensor")


def _scalar(x: Any, what: str) -> Any:
    x = as_expr(x, what)
    if x.ndim:
        raise GraphTypeError(f"{what}: {describe(x)} has dimensions.\n{made_at(x)}")
    return x


def transfer(var: Any, target: str) -> Any:
    """`var` on another device; the only one is ``"cpu"``.

    Raises
    ------
    GraphValueError
        If `target` is another.
    """
    if target != "cpu":
        raise GraphValueError(
            f"transfer: there is no target {repr_of(target)}; functions run on the CPU ('cpu')."
        )
    return as_expr(var, "transfer")


hooks.table.update(
    get_scalar_constant_value=get_scalar_constant_value,
    transfer=transfer,
)
