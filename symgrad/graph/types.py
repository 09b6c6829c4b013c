"""Types of values: dtype and shape, promotion, broadcasting, and what an input may be.

The promotion table is written out here, because NumPy's own changed between 1.x and 2.x; it
equals NumPy's for arrays and Theano's upcast table (the two agree).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, quoted, repr_of, suggest
from symgrad.flags import config
from symgrad.graph.type_methods import AnyTypeMethods, TypeMethods

Shape = tuple[int | None, ...]

# dtype -> (kind, bytes)
_KINDS: dict[str, tuple[str, int]] = {
    "bool": ("b", 1),
    "int8": ("i", 1),
    "int16": ("i", 2),
    "int32": ("i", 4),
    "int64": ("i", 8),
    "uint8": ("u", 1),
    "uint16": ("u", 2),
    "uint32": ("u", 4),
    "uint64": ("u", 8),
    "float16": ("f", 2),
    "float32": ("f", 4),
    "float64": ("f", 8),
    "complex64": ("c", 8),
    "complex128": ("c", 16),
}
DTYPES = tuple(_KINDS)
_NAMES = {kind: name for name, kind in _KINDS.items()}
_INT_LIMITS = {n: (int(np.iinfo(n).min), int(np.iinfo(n).max)) for n in DTYPES if "int" in n}
_RANK_NAMES = ("scalar", "vector", "matrix")


def check_dtype(dtype: Any) -> str:
    """Return the canonical name of a dtype; `floatX` is what the configuration says.

    Raises
    ------
    GraphTypeError
        If the dtype is not one that symgrad computes with.

    >>> check_dtype(np.float32), check_dtype("floatX"), check_dtype(int)
    ('float32', 'float64', 'int64')
    """
    if isinstance(dtype, str):
        if dtype in _KINDS:
            return dtype
        if dtype == "floatX":
            return str(config.floatX)
    if dtype is int:  # platform independent: Windows' NumPy 1.x says int32
        return "int64"
    try:
        name: str = np.dtype(dtype).name
    except Exception:  # NumPy reads a small language here, and what it raises depends
        name = ""
    if name not in _KINDS:
        raise GraphTypeError(
            f"dtype {quoted(repr(dtype), 100)} is not supported. "
            f"Expected one of: {', '.join(DTYPES)}, or floatX."
            f"{suggest(dtype, [*DTYPES, 'floatX']) if isinstance(dtype, str) else ''}"
        )
    return name


def integer_limits(dtype: str) -> tuple[int, int]:
    """The least and the greatest number that an integer dtype holds.

    >>> integer_limits("int8")
    (-128, 127)
    """
    return _INT_LIMITS[dtype]


def is_float(dtype: str) -> bool:
    """Whether a dtype is a real floating-point one."""
    return _KINDS[dtype][0] == "f"


def is_discrete(dtype: str) -> bool:
    """Whether a dtype is boolean or integer."""
    return _KINDS[dtype][0] in "biu"


def is_complex(dtype: str) -> bool:
    """Whether a dtype is complex."""
    return _KINDS[dtype][0] == "c"


# Theano's lists of them, for `x.dtype in float_dtypes`
all_dtypes = DTYPES
int_dtypes = tuple(d for d in DTYPES if d.startswith("int"))
uint_dtypes = tuple(d for d in DTYPES if d.startswith("uint"))
float_dtypes = tuple(filter(is_float, DTYPES))
complex_dtypes = tuple(filter(is_complex, DTYPES))
continuous_dtypes = float_dtypes + complex_dtypes
discrete_dtypes = tuple(filter(is_discrete, DTYPES))
integer_dtypes = discrete_dtypes[1:]


@lru_cache(maxsize=1024)
def promote(*dtypes: str) -> str:
    """The smallest dtype that holds every value of the given ones.

    >>> promote("float32", "int32"), promote("float32", "int16"), promote("int64", "uint64")
    ('float64', 'float32', 'float64')
    """
    result = dtypes[0]
    for other in dtypes[1:]:
        result = _promote_two(result, other)
    return result


def _promote_two(a: str, b: str) -> str:
    (ka, sa), (kb, sb) = _KINDS[a], _KINDS[b]
    if ka == kb:
        return a if sa >= sb else b
    if ka == "b" or kb == "b":
        return b if ka == "b" else a
    if {ka, kb} == {"i", "u"}:
        signed, unsigned = (sa, sb) if ka == "i" else (sb, sa)
        if unsigned < signed:
            return _NAMES["i", signed]
        return "float64" if unsigned == 8 else _NAMES["i", 2 * unsigned]
    float_sizes = []
    for kind, size in ((ka, sa), (kb, sb)):
        if kind in "iu":
            float_sizes.append({1: 2, 2: 4}.get(size, 8))
        else:
            float_sizes.append(size // 2 if kind == "c" else size)
    largest = max(float_sizes)
    if "c" in (ka, kb):
        return _NAMES["c", max(8, 2 * largest)]
    return _NAMES["f", largest]


def float_of(dtype: str) -> str:
    """The dtype in which `exp` and kin compute: float32 up to 16-bit integers, else float64.

    >>> float_of("int8"), float_of("int32"), float_of("float16")
    ('float32', 'float64', 'float16')
    """
    if is_discrete(dtype):
        return "float32" if _KINDS[dtype][1] <= 2 else "float64"
    return dtype


def weak_dtype(value: bool | int | float | complex, others: Sequence[str] = ()) -> str:
    """The dtype that a Python number takes beside arrays of dtypes `others`.

    An int that fits keeps their dtype, otherwise it takes its smallest one; a float keeps a
    float dtype, but where it would be an infinity, and is `floatX` beside integers or alone.

    Raises
    ------
    GraphValueError
        If an int needs more than 64 bits.

    >>> weak_dtype(1, ["float32"]), weak_dtype(300, ["int8"]), weak_dtype(0.5, ["int8"])
    ('float32', 'int16', 'float64')
    """
    base = promote(*others) if others else None
    if isinstance(value, bool):
        return base or "bool"
    if isinstance(value, int):
        if base is not None and (is_float(base) or is_complex(base)):
            return _wide_enough(base, value)
        if base in _INT_LIMITS and _INT_LIMITS[base][0] <= value <= _INT_LIMITS[base][1]:
            return base
        for name in ("int8", "int16", "int32", "int64", "uint64"):
            if _INT_LIMITS[name][0] <= value <= _INT_LIMITS[name][1]:
                return name
        raise GraphValueError(f"The integer {value} does not fit in 64 bits. Use a float.")
    if isinstance(value, float):
        if base is not None and (is_float(base) or is_complex(base)):
            return _wide_enough(base, value)
        return str(config.floatX)
    base = "complex64" if base in ("float16", "float32", "complex64") else "complex128"
    return _wide_enough(base, max(abs(value.real), abs(value.imag)))


_LARGEST = {"float16": 65504.0, "float32": float(np.finfo("float32").max)}
_LARGEST["complex64"] = _LARGEST["float32"]
_WIDER = {"float16": "float32", "float32": "float64", "complex64": "complex128"}


def _wide_enough(dtype: str, value: int | float) -> str:
    """`dtype`, or the next one in which a finite number does not become an infinity."""
    while dtype in _LARGEST and _LARGEST[dtype] < abs(value) <= sys.float_info.max:
        dtype = _WIDER[dtype]
    return dtype


# -- types ---------------------------------------------------------------------------------


class ValueType:
    """What is known of a value before it is computed. Compared by value."""

    __slots__ = ("dtype", "ndim", "shape")
    dtype: str
    shape: Shape
    ndim: int

    def key(self) -> tuple[Any, ...]:
        """What makes two types equal."""
        return (self.dtype, self.shape)

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.key() == other.key())

    def __hash__(self) -> int:
        return hash(self.key())


class TensorType(TypeMethods, ValueType):
    """An array of a dtype, with lengths known (`int`) or not (`None`).

    Users get `symgrad.tensor.TensorType`, which makes these.

    Parameters
    ----------
    dtype : str
        Any of NumPy's boolean, integer, float and complex dtypes, or ``floatX``.
    shape : sequence of int or None
        One entry per dimension.
    name : str, optional
        Accepted for Theano's sake: what the type is called.

    >>> TensorType("float32", shape=(None, 10))
    TensorType('float32', shape=(None, 10))
    >>> TensorType("float64", shape=(None, None))("x").ndim
    2
    """

    __slots__ = ()

    def __init__(
        self, dtype: Any, shape: Sequence[int | None] = (), name: str | None = None
    ) -> None:
        # By position `shape` is what pickles of earlier versions call: a 0 in them is a length.
        self.dtype = check_dtype(dtype)
        self.shape = tuple(_length(entry) for entry in shape)
        self.ndim = len(self.shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return tensor_type, (self.dtype, self.shape)

    def __repr__(self) -> str:
        return f"TensorType({self.dtype!r}, shape={self.shape})"

    def __str__(self) -> str:
        rank = _RANK_NAMES[self.ndim] if self.ndim < 3 else f"tensor{self.ndim}"
        text = f"{self.dtype} {rank}"
        if any(length is not None for length in self.shape):
            lengths = ", ".join("?" if n is None else str(n) for n in self.shape)
            text += f" of shape ({lengths}{',' if self.ndim == 1 else ''})"
        return text


def _length(entry: Any) -> int | None:
    if entry is None or isinstance(entry, bool | np.bool_):
        return 1 if entry else None
    try:
        length = entry.__index__()
    except AttributeError:
        raise GraphTypeError(
            "A shape entry must be an int, None or a bool (broadcast pattern), not "
            f"{repr_of(entry)}."
        ) from None
    if length < 0:
        raise GraphValueError(f"A shape cannot have the negative length {length}.")
    return int(length)


@lru_cache(maxsize=4096)
def tensor_type(dtype: str, shape: Shape) -> TensorType:
    """A `TensorType` made once for each dtype and shape (inference makes millions)."""
    return TensorType(dtype, shape=shape)


class TupleType(ValueType):
    """The type of an operation with several results; `Project` takes one of them out."""

    __slots__ = ("items",)
    items: tuple[ValueType, ...]

    def __init__(self, items: Sequence[ValueType]) -> None:
        self.dtype, self.shape, self.ndim = "tuple", (), 0
        self.items = tuple(items)

    def key(self) -> tuple[Any, ...]:
        """What makes two types equal."""
        return self.items

    def __reduce__(self) -> tuple[Any, ...]:
        return TupleType, (self.items,)

    def __repr__(self) -> str:
        return f"TupleType({list(self.items)})"


class ObjectType(AnyTypeMethods, ValueType):
    """A Python object that is not an array; only `function` can hand it through."""

    __slots__ = ()

    def __init__(self) -> None:
        self.dtype, self.shape, self.ndim = "object", (), 0

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectType, ()

    def __repr__(self) -> str:
        return "ObjectType()"

    def __str__(self) -> str:
        return "generic Python object"


def broadcast_shapes(shapes: Sequence[Shape], what: str = "broadcast") -> Shape:
    """NumPy's broadcasting over lengths that may be unknown.

    Raises
    ------
    ShapeError
        If two known lengths differ and neither is 1.

    >>> broadcast_shapes([(None, 1), (10,), (5, None)])
    (5, 10)
    >>> broadcast_shapes([(None,), (1,)])
    (None,)
    """
    ndim = max((len(shape) for shape in shapes), default=0)
    result: list[int | None] = []
    for axis in range(-ndim, 0):
        lengths = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        known = lengths - {None}
        if len(known) > 1:
            raise ShapeError(
                f"{what}: shapes {' and '.join(map(str, shapes))} do not fit together in "
                f"dimension {ndim + axis}."
            )
        result.append(known.pop() if known else None if lengths else 1)
    return tuple(result)


def normalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """A non-negative axis number.

    Raises
    ------
    GraphValueError
        If the axis does not exist.

    >>> normalize_axis(-1, 3)
    2
    """
    try:
        number = axis.__index__()
    except (AttributeError, TypeError):
        symbol = hasattr(type(axis), "static_shape")
        known = " known when the expression is built" if symbol else ""
        raise GraphTypeError(f"{what} must be an integer{known}, not {repr_of(axis)}.") from None
    if not ndim:
        raise GraphValueError(f"{what} {number} does not exist: a scalar has no axes.")
    if not -ndim <= number < ndim:
        raise GraphValueError(
            f"{what} {number} does not exist in a variable of {ndim} "
            f"dimension{'' if ndim == 1 else 's'} (allowed: {-ndim} to {ndim - 1})."
        )
    return int(number) % ndim


def normalize_axes(axis: Any, ndim: int, what: str = "axis") -> tuple[int, ...]:
    """A sorted tuple of non-negative axes; None means all of them.

    >>> normalize_axes(None, 2), normalize_axes((-1, 0), 3)
    ((0, 1), (0, 2))
    """
    if axis is None:
        return tuple(range(ndim))
    entries = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = sorted(normalize_axis(entry, ndim, what) for entry in entries)
    if len(set(axes)) != len(axes):
        raise GraphValueError(f"{what} {repr_of(axis)} names a dimension twice.")
    return tuple(axes)
