"""Expressions: immutable nodes, and the leaves that they grow from.

A node is what an operation makes of its inputs. The methods below only declare how users write
operations; what they do is looked up in the table of `symgrad.hooks`, filled by `symgrad.ops`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    SymgradError,
    made_at,
    quoted,
    repr_of,
)
from symgrad.graph.counts import instead_of_count, is_power_of_matrix
from symgrad.graph.flat_pickle import flat_reduce
from symgrad.graph.foreign import is_array_like
from symgrad.graph.identity import SameVariable, is_looked_for
from symgrad.graph.methods import Methods
from symgrad.graph.misnamed import Misnames, is_misnamed
from symgrad.graph.notes import Notes, Tag
from symgrad.graph.numpy_calls import array_for, hint_for
from symgrad.graph.types import DTYPES, ValueType, tensor_type
from symgrad.origins import Origin, capture_origin, resolve_origin

_call = hooks.call


class Expr(Methods, Misnames):
    """A symbolic value: an operation applied to inputs, or (see below) a leaf.

    It takes attributes of the user's own, and copies keep them (Theano's libraries hang their notes
    on variables that way). They are no part of what it is: nothing here looks at them.

    Attributes
    ----------
    op : Op or None
        The operation; None for a leaf.
    inputs : tuple of Expr
        What it is applied to.
    type : TensorType
        dtype and shape, as far as they are known.
    origin : tuple
        The frames of user code that made the node, the nearest first.

    >>> import symgrad.tensor as T
    >>> x = T.matrix("x")
    >>> (x + 1).ndim, (x + 1).dtype, x.T.dot(x).op
    (2, 'float64', Dot())
    """

    __slots__ = ("__dict__", "__weakref__", "inputs", "notes", "op", "origin", "type")
    __array_priority__ = 1000
    __pandas_priority__ = 10_000  # so that `series * x` asks the symbol

    def __init__(
        self, op: Any, inputs: tuple[Expr, ...], type_: ValueType, origin: Origin | None = None
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.type = type_
        self.origin: Origin = capture_origin() if origin is None else origin
        self.notes: Notes | None = None

    # -- annotations -----------------------------------------------------------------------

    def note(self) -> Notes:
        """The node's annotations, made at first use."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    @property
    def name(self) -> str | None:
        """The user's name for this variable; it may be set."""
        return None if self.notes is None else self.notes.name

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise GraphTypeError(f"A name must be a string or None, not {repr_of(name)}.")
        self.note().name = name

    @property
    def tag(self) -> Any:
        """A namespace for the user's own notes."""
        notes = self.note()
        if notes.tag is None:
            notes.tag = Tag()
        return notes.tag

    @property
    def owner(self) -> Expr | None:
        """Theano's spelling: what holds `.op` and `.inputs`; None for a leaf."""
        return None if self.op is None else self

    # -- type ------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype's name, a string."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.type.ndim

    @property
    def static_shape(self) -> tuple[int | None, ...]:
        """The lengths known before the function runs; None for each unknown one."""
        return self.type.shape

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Theano's pattern: which dimensions are known to have length 1."""
        return tuple(length == 1 for length in self.type.shape)

    @property
    def shape(self) -> Any:
        """The shape, an int64 vector of known length: `n, m = x.shape`."""
        return _call("shape", self)

    @property
    def size(self) -> Any:
        """The number of elements, an int64 scalar."""
        return _call("size", self)

    @property
    def T(self) -> Any:
        """The transpose: all axes reversed."""
        return _call("transpose", self)

    @property
    def real(self) -> Any:
        """The real part."""
        return _call("real", self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return _call("imag", self)

    # -- text ------------------------------------------------------------------------------

    def __str__(self) -> str:
        return quoted(self.name) if self.name else _call("line", self)

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        if spec[-1:] in tuple("bcdeEfFgGnoxX%"):
            self._no(
                f"it has no number yet to format as {repr_of(spec)}",
                "Use x.eval({...}) for a value.",
            )
        return format(str(self), spec)

    def draw(self, path: Any = None) -> Any:
        """Draw the expression as SVG; see `symgrad.draw.svg`."""
        return _call("draw", self, path)

    def _repr_svg_(self) -> Any:
        return _call("draw_for_notebook", self)

    # -- pickling without recursion ----------------------------------------------------------

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return flat_reduce(self)

    def _parts(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore, (self.op, self.inputs, self.type, *self._kept())

    def _kept(self) -> tuple[Any, ...]:
        return resolve_origin(self.origin), self.notes

    # -- what a symbol cannot do -------------------------------------------------------------

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not is_misnamed(type(self), name)]

    def __bool__(self) -> bool:
        if self.op is not None and self.op.is_condition:
            if is_looked_for(self, sys._getframe(1)):
                return bool(self.op.name == "neq")
            raise GraphTypeError(
                f"{self} is symbolic: its truth is not known before the function runs. Use "
                "T.switch(condition, a, b) instead of `if`, T.and_(a, b) or `a & b` instead of "
                f"`and`.\n{made_at(self)}"
            )
        return True

    def _no(self, what: str, hint: str, told_by: type[SymgradError] = GraphTypeError) -> NoReturn:
        raise told_by(
            f"{self} is a symbolic variable ({self.type}): {what}. {hint}\n{made_at(self)}"
        )

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        self._no(
            "its items cannot be assigned",
            "Use y = T.set_subtensor(x[i], value) or T.inc_subtensor(x[i], value), and go on "
            "with y.",
        )

    def _known_length(self) -> int | None:
        """How many items iteration gives: only shapes and constants know."""
        if self.type.ndim == 1 and self.op is not None and self.op.is_shape:
            return self.type.shape[0]
        return None

    def __len__(self) -> int:
        length = self._known_length()
        if length is None:
            self._no("its length is not known before the function runs", "Use x.shape[0].")
        return length

    def __iter__(self) -> Iterator[Any]:
        length = self._known_length()
        if length is None:
            self._no(
                "it cannot be iterated over, so sum(x), max(x), list(x) and unpacking fail too",
                "Use x.sum(), x.max(), or indexing.",
            )
        return iter([self[i] for i in range(length)])

    def __contains__(self, item: Any) -> NoReturn:
        self._no("`in` cannot be answered before the function runs", "Use T.any(T.eq(x, item)).")

    def __int__(self) -> NoReturn:
        if is_power_of_matrix(sys._getframe(1)):
            self.__index__()
        self._no("it has no number yet", "Use T.cast(x, 'int64'), or x.eval({...}) for a value.")

    def __float__(self) -> NoReturn:
        self._no(
            "it has no number yet",
            "Use T.exp and kin instead of math.exp, T.cast(x, 'floatX') instead of float(x), or "
            "x.eval({...}) for a value.",
        )

    def __complex__(self) -> NoReturn:
        self._no("it has no number yet", "Use x.eval({...}) for a value.")

    def __index__(self) -> NoReturn:
        what, hint, told_by = instead_of_count(self, sys._getframe(1))
        self._no(what, hint, told_by)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        frame = sys._getframe(1)
        array = array_for(self, frame)
        if array is None:
            self._no("NumPy cannot make an array of it", hint_for(frame))
        return array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _call("array_ufunc", ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call("array_function", func, args, kwargs)

    # -- operators ---------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _call("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _call("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        if type(other) is np.matrix:
            self._check_matrix(other)
        return _call("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        if type(other) is np.matrix:
            self._check_matrix(other)
        return _call("mul", other, self)

    def _check_matrix(self, other: Any) -> None:
        """Refuse `*` with a numpy.matrix, which means its product unless this is a scalar."""
        if self.ndim:
            raise GraphTypeError(
                f"{self} * a numpy.matrix: NumPy's * is the matrix product there, and multiplies "
                "element by element here. Use T.dot(a, b) or a @ b for the one, T.mul(a, b) or "
                f"numpy.asarray(matrix) for the other.\n{made_at(self)}"
            )

    def __truediv__(self, other: Any) -> Any:
        return _call("true_div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _call("true_div", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _call("int_div", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _call("int_div", other, self)

    def __mod__(self, other: Any) -> Any:
        return _call("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return _call("mod", other, self)

    def __divmod__(self, other: Any) -> Any:
        return _call("int_div", self, other), _call("mod", self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return _call("int_div", other, self), _call("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return _call("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _call("pow", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _call("matmul", other, self)

    def __and__(self, other: Any) -> Any:
        return _call("and_", self, other)

    def __rand__(self, other: Any) -> Any:
        return _call("and_", other, self)

    def __or__(self, other: Any) -> Any:
        return _call("or_", self, other)

    def __ror__(self, other: Any) -> Any:
        return _call("or_", other, self)

    def __xor__(self, other: Any) -> Any:
        return _call("xor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return _call("xor", other, self)

    def __neg__(self) -> Any:
        return _call("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _call("abs", self)

    def __invert__(self) -> Any:
        return _call("invert", self)

    def __ceil__(self) -> Any:
        return _call("ceil", self)

    def __floor__(self) -> Any:
        return _call("floor", self)

    def __trunc__(self) -> Any:
        return _call("trunc", self)

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits:
            self._no("round(x, ndigits) is not supported", "Use T.round(x * 10**n) / 10**n.")
        return _call("round", self)

    def __eq__(self, other: object) -> Any:
        if _is_compared(other):
            return SameVariable("==", self, other)
        return NotImplemented

    def __ne__(self, other: object) -> Any:
        if _is_compared(other):
            return SameVariable("!=", self, other)
        return NotImplemented

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Any:
        return _call("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return _call("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return _call("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return _call("ge", self, other)

    def __getitem__(self, index: Any) -> Any:
        return _call("getitem", self, index)

    # -- upward ------------------------------------------------------------------------------

    def eval(self, inputs_to_values: dict[Any, Any] | None = None) -> Any:
        """Compile this expression and compute it for the given values.

        >>> import symgrad.tensor as T
        >>> x = T.dscalar("x")
        >>> (x**2).eval({x: 3.0})
        array(9.)
        """
        return _call("eval", self, inputs_to_values or {})

    def clone(self) -> Any:
        """Return a new node of the same operation, inputs and name."""
        copied = Expr(self.op, self.inputs, self.type)
        copied.name = self.name
        return copied._with_attributes_of(self)

    def _with_attributes_of(self, other: Expr) -> Expr:
        """The same node, with what the user set on another."""
        vars(self).update(vars(other))
        return self


def _is_compared(other: Any) -> bool:
    """Whether a comparison with a variable is answered by identity, but not as a number.

    NumPy's arrays and scalars compare element by element, from their side. What is no number at all
    has the first word if it wants it, and is a plain False if not.
    """
    if isinstance(other, Expr):
        return True
    if isinstance(other, (np.ndarray, np.generic)):
        return False
    return isinstance(other, (bool, int, float, complex, list, tuple)) or is_array_like(other)


class Placeholder(Expr):
    """An input: a variable whose value comes with each call."""

    __slots__ = ()

    def __init__(self, type_: ValueType, name: str | None = None) -> None:
        super().__init__(None, (), type_)
        if name is not None:
            self.name = name

    def _parts(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore_placeholder, (self.type, *self._kept())

    def clone(self) -> Any:
        """Return a new placeholder of the same type and name."""
        return Placeholder(self.type, self.name)._with_attributes_of(self)


_NAMES = {np.dtype(name): name for name in DTYPES}  # `dtype.name` takes 1.5 µs


class Constant(Expr):
    """A value that is part of the expression."""

    __slots__ = ("value",)

    def __init__(self, value: np.ndarray[Any, Any], name: str | None = None) -> None:
        dtype = _NAMES.get(value.dtype) or value.dtype.name
        super().__init__(None, (), tensor_type(dtype, value.shape))
        if value.flags.writeable:
            value.flags.writeable = False
        self.value = value
        if name is not None:
            self.name = name

    @property
    def data(self) -> np.ndarray[Any, Any]:
        """Theano's spelling of `value`."""
        return self.value

    def _known_length(self) -> int | None:
        return self.type.shape[0] if self.type.ndim == 1 else None

    def _parts(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore_constant, (self.value, *self._kept())

    def clone(self) -> Any:
        """Return a new constant of the same value."""
        return Constant(self.value, self.name)._with_attributes_of(self)


def _keep(node: Expr, origin: Origin, notes: Notes | None) -> Any:
    node.origin, node.notes = origin, notes
    return node


def _restore(op: Any, inputs: Any, type_: Any, origin: Origin, notes: Notes | None) -> Any:
    return _keep(Expr(op, inputs, type_), origin, notes)


def _restore_placeholder(type_: Any, origin: Origin, notes: Notes | None) -> Any:
    return _keep(Placeholder(type_), origin, notes)


def _restore_constant(value: Any, origin: Origin, notes: Notes | None) -> Any:
    return _keep(Constant(value), origin, notes)


@hooks.provide("placeholder")
def placeholder(type_: ValueType, name: str | None = None) -> Placeholder:
    """Make an input variable of a type."""
    return Placeholder(type_, name)


def check_replaceable(old: Expr, what: str) -> None:
    """Raise for a constant: what is built on one may use its value or its length at once.

    A cast does, and ``v[c]``, the slope of ``v**c``, ``c.mean()``; no node would say so.
    """
    if isinstance(old, Constant):
        raise GraphTypeError(
            f"{what}: {old} is a constant and cannot be replaced, for what was built on it may "
            "have used its value at once. Build on a variable in its place, such as "
            f"T.TensorType({old.dtype!r}, {(False,) * old.type.ndim})(), and replace that one.\n"
            f"{made_at(old)}"
        )


def check_same_type(old: Expr, new: Expr, what: str) -> None:
    """Raise unless `new` can stand where `old` stands: same dtype and rank."""
    if old.type.dtype != new.type.dtype or old.type.ndim != new.type.ndim:
        raise GraphTypeError(
            f"{what}: {old} is a {old.type}, but its replacement {new} is a {new.type}."
        )
    for a, b in zip(old.type.shape, new.type.shape, strict=True):
        if a is not None and b is not None and a != b:
            raise GraphValueError(
                f"{what}: {old} is a {old.type}, but its replacement {new} is a {new.type}."
            )
