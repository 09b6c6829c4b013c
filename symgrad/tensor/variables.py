"""Placeholders in all of Theano's constructors.

`matrix("x")` and the other names without a prefix make variables of `config.floatX`, read at
call time. With a prefix they are types, and calling a type makes a variable: `dmatrix("x")`,
`x.type == dmatrix`. The prefixes: b int8, w int16, i int32, l int64, f float32, d float64,
c complex64, z complex128. A `row` has one row and a `col` one column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from symgrad.errors import GraphTypeError, describe, made_at
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.type_methods import pattern_shape
from symgrad.graph.types import TensorType
from symgrad.ops.arrays.axes import shape_padleft
from symgrad.ops.arrays.shaping import dimshuffle
from symgrad.ops.op import as_expr

Lengths = Sequence["int | None"]


def _placeholder(
    what: str, name: str | None, dtype: Any, shape: Lengths | None, default: Lengths
) -> Placeholder:
    if shape is not None and len(shape) != len(default):
        raise GraphTypeError(
            f"{what}: shape={tuple(shape)} has {len(shape)} entries, expected {len(default)}."
        )
    if isinstance(dtype, str) and len(dtype) == 1:  # NumPy has such dtypes: "b" is int8
        plural = {"matrix": "matrices"}.get(what, f"{what}s")
        raise GraphTypeError(
            f"{what} makes one variable, and its second argument is a dtype such as 'float32', not "
            f"{dtype!r}. For several: T.{plural}({name!r}, {dtype!r})."
        )
    entries = default if shape is None else shape
    return Placeholder(TensorType("floatX" if dtype is None else dtype, shape=entries), name)


# -- of floatX, or of the dtype that is given --------------------------------------------------


def scalar(name: str | None = None, dtype: Any = None) -> Placeholder:
    """Make a variable without dimensions.

    Parameters
    ----------
    name : str, optional
        For messages, pictures and calls by keyword.
    dtype : str, optional
        By default `config.floatX`, read when this is called.

    >>> scalar("x").type
    TensorType('float64', shape=())
    """
    return _placeholder("scalar", name, dtype, None, ())


def row(name: str | None = None, dtype: Any = None) -> Placeholder:
    """Make a matrix variable of one row; see `scalar` for the arguments.

    >>> row("x").static_shape
    (1, None)
    """
    return _placeholder("row", name, dtype, None, (1, None))


def col(name: str | None = None, dtype: Any = None) -> Placeholder:
    """Make a matrix variable of one column; see `scalar` for the arguments.

    >>> col("x").static_shape
    (None, 1)
    """
    return _placeholder("col", name, dtype, None, (None, 1))


def vector(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of one dimension.

    Parameters
    ----------
    name : str, optional
        For messages, pictures and calls by keyword.
    dtype : str, optional
        By default `config.floatX`, read when this is called.
    shape : sequence of int or None, optional
        Lengths that are known beforehand; None for each that is not.

    >>> vector("x").type, vector("y", dtype="int64", shape=(3,)).type
    (TensorType('float64', shape=(None,)), TensorType('int64', shape=(3,)))
    """
    return _placeholder("vector", name, dtype, shape, (None,) * 1)


def matrix(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of two dimensions; see `vector` for the arguments.

    >>> matrix("x").ndim
    2
    """
    return _placeholder("matrix", name, dtype, shape, (None,) * 2)


def tensor3(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of three dimensions; see `vector` for the arguments.

    >>> tensor3("x").ndim
    3
    """
    return _placeholder("tensor3", name, dtype, shape, (None,) * 3)


def tensor4(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of four dimensions; see `vector` for the arguments.

    >>> tensor4("x").ndim
    4
    """
    return _placeholder("tensor4", name, dtype, shape, (None,) * 4)


def tensor5(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of five dimensions; see `vector` for the arguments.

    >>> tensor5("x").ndim
    5
    """
    return _placeholder("tensor5", name, dtype, shape, (None,) * 5)


def tensor6(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of six dimensions; see `vector` for the arguments.

    >>> tensor6("x").ndim
    6
    """
    return _placeholder("tensor6", name, dtype, shape, (None,) * 6)


def tensor7(
    name: str | None = None, dtype: Any = None, *, shape: Lengths | None = None
) -> Placeholder:
    """Make a variable of seven dimensions; see `vector` for the arguments.

    >>> tensor7("x").ndim
    7
    """
    return _placeholder("tensor7", name, dtype, shape, (None,) * 7)


def tensor(
    dtype: Any = None,
    broadcastable: Sequence[bool] | None = None,
    name: str | None = None,
    *,
    shape: Sequence[int | bool | None] | None = None,
) -> Placeholder:
    """Make a variable of any dtype and shape.

    Parameters
    ----------
    dtype : str, optional
        By default `config.floatX`.
    broadcastable : sequence of bool, optional
        Theano's pattern, one entry per dimension: True (or 1) where the length is 1.
    name : str, optional
        For messages, pictures and calls by keyword.
    shape : sequence of int or None, optional
        The same, with lengths: None for each that is unknown.

    >>> tensor("float32", (False, True), "x").static_shape
    (None, 1)
    >>> tensor(dtype="int8", shape=(None, 10)).static_shape
    (None, 10)
    """
    if (shape is None) == (broadcastable is None):
        raise GraphTypeError(
            "tensor: give either broadcastable=(False, ...) or shape=(None, ...), which say how "
            "many dimensions there are."
        )
    entries = pattern_shape(broadcastable) if shape is None else shape
    return Placeholder(TensorType("floatX" if dtype is None else dtype, shape=entries), name)


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Any:
    """Return `x` as a symbolic expression; a number, an array or nested lists become constants.

    Parameters
    ----------
    x : array_like
        A symbolic expression is returned as it is.
    name : str, optional
        The name of the constant.
    ndim : int, optional
        The rank of the result: dimensions of length 1 are added or dropped on the left.

    Raises
    ------
    GraphTypeError
        If `x` is not numeric, or has more dimensions than `ndim` that cannot be dropped.

    >>> as_tensor_variable([[1.0, 2.0]]).static_shape, as_tensor_variable(3, ndim=1).static_shape
    ((1, 2), (1,))
    """
    result = as_expr(x, "as_tensor_variable")
    if ndim is not None and result.ndim < ndim:
        result = shape_padleft(result, ndim - result.ndim)
    elif ndim is not None and result.ndim > ndim:
        extra = result.ndim - ndim
        if any(length != 1 for length in result.static_shape[:extra]):
            raise GraphTypeError(
                f"as_tensor_variable: {describe(result)} has {result.ndim} dimensions, more than "
                f"ndim={ndim}, and the first are not known to have length 1.\n{made_at(result)}"
            )
        result = dimshuffle(result, *range(extra, result.ndim))
    if name is not None and not isinstance(x, Expr) and isinstance(result, Constant):
        result.name = name
    return result


class Several:
    """A function that makes several variables at once: ``x, y = matrices("x", "y")``.

    Parameters
    ----------
    make : callable
        What makes one of them.

    >>> x, y = matrices("x", "y")
    >>> a, b = matrices("ab")
    >>> x.name, a.name, [v.ndim for v in dvectors(3)]
    ('x', 'a', [1, 1, 1])
    """

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make

    def __repr__(self) -> str:
        one = getattr(self.make, "__name__", str(self.make))
        return f"<several variables, each {one}>"

    def __call__(self, *names: str | int | Iterable[str | None] | None, **settings: Any) -> Any:
        """Make one variable per name; a number makes so many without names.

        Parameters
        ----------
        *names : str
            Or one int, or one list of names. A single string holds names of one letter each; if
            it is one letter long, the result is that variable and no list.
        **settings
            For each of them, such as ``dtype=``.
        """
        if len(names) == 1 and isinstance(names[0], int):
            return [self.make(**settings) for _ in range(names[0])]
        if len(names) == 1 and isinstance(names[0], (list, tuple, str)):
            if isinstance(names[0], str) and len(names[0]) == 1:
                return self.make(names[0], **settings)
            names = tuple(names[0])
        return [self.make(name, **settings) for name in names]


scalars = Several(scalar)
vectors = Several(vector)
rows = Several(row)
cols = Several(col)
matrices = Several(matrix)
tensor3s = Several(tensor3)
tensor4s = Several(tensor4)
tensor5s = Several(tensor5)
tensor6s = Several(tensor6)
tensor7s = Several(tensor7)

# -- b: int8 -----------------------------------------------------------------------------

bscalar = TensorType("int8", shape=())
bvector = TensorType("int8", shape=(None,))
brow = TensorType("int8", shape=(1, None))
bcol = TensorType("int8", shape=(None, 1))
bmatrix = TensorType("int8", shape=(None, None))
btensor3 = TensorType("int8", shape=(None,) * 3)
btensor4 = TensorType("int8", shape=(None,) * 4)
btensor5 = TensorType("int8", shape=(None,) * 5)
btensor6 = TensorType("int8", shape=(None,) * 6)
btensor7 = TensorType("int8", shape=(None,) * 7)

bscalars = Several(bscalar)
bvectors = Several(bvector)
brows = Several(brow)
bcols = Several(bcol)
bmatrices = Several(bmatrix)
btensor3s = Several(btensor3)
btensor4s = Several(btensor4)
btensor5s = Several(btensor5)
btensor6s = Several(btensor6)
btensor7s = Several(btensor7)

# -- w: int16 ----------------------------------------------------------------------------

wscalar = TensorType("int16", shape=())
wvector = TensorType("int16", shape=(None,))
wrow = TensorType("int16", shape=(1, None))
wcol = TensorType("int16", shape=(None, 1))
wmatrix = TensorType("int16", shape=(None, None))
wtensor3 = TensorType("int16", shape=(None,) * 3)
wtensor4 = TensorType("int16", shape=(None,) * 4)
wtensor5 = TensorType("int16", shape=(None,) * 5)
wtensor6 = TensorType("int16", shape=(None,) * 6)
wtensor7 = TensorType("int16", shape=(None,) * 7)

wscalars = Several(wscalar)
wvectors = Several(wvector)
wrows = Several(wrow)
wcols = Several(wcol)
wmatrices = Several(wmatrix)
wtensor3s = Several(wtensor3)
wtensor4s = Several(wtensor4)
wtensor5s = Several(wtensor5)
wtensor6s = Several(wtensor6)
wtensor7s = Several(wtensor7)

# -- i: int32 ----------------------------------------------------------------------------

iscalar = TensorType("int32", shape=())
ivector = TensorType("int32", shape=(None,))
irow = TensorType("int32", shape=(1, None))
icol = TensorType("int32", shape=(None, 1))
imatrix = TensorType("int32", shape=(None, None))
itensor3 = TensorType("int32", shape=(None,) * 3)
itensor4 = TensorType("int32", shape=(None,) * 4)
itensor5 = TensorType("int32", shape=(None,) * 5)
itensor6 = TensorType("int32", shape=(None,) * 6)
itensor7 = TensorType("int32", shape=(None,) * 7)

iscalars = Several(iscalar)
ivectors = Several(ivector)
irows = Several(irow)
icols = Several(icol)
imatrices = Several(imatrix)
itensor3s = Several(itensor3)
itensor4s = Several(itensor4)
itensor5s = Several(itensor5)
itensor6s = Several(itensor6)
itensor7s = Several(itensor7)

# -- l: int64 ----------------------------------------------------------------------------

lscalar = TensorType("int64", shape=())
lvector = TensorType("int64", shape=(None,))
lrow = TensorType("int64", shape=(1, None))
lcol = TensorType("int64", shape=(None, 1))
lmatrix = TensorType("int64", shape=(None, None))
ltensor3 = TensorType("int64", shape=(None,) * 3)
ltensor4 = TensorType("int64", shape=(None,) * 4)
ltensor5 = TensorType("int64", shape=(None,) * 5)
ltensor6 = TensorType("int64", shape=(None,) * 6)
ltensor7 = TensorType("int64", shape=(None,) * 7)

lscalars = Several(lscalar)
lvectors = Several(lvector)
lrows = Several(lrow)
lcols = Several(lcol)
lmatrices = Several(lmatrix)
ltensor3s = Several(ltensor3)
ltensor4s = Several(ltensor4)
ltensor5s = Several(ltensor5)
ltensor6s = Several(ltensor6)
ltensor7s = Several(ltensor7)

# -- f: float32 --------------------------------------------------------------------------

fscalar = TensorType("float32", shape=())
fvector = TensorType("float32", shape=(None,))
frow = TensorType("float32", shape=(1, None))
fcol = TensorType("float32", shape=(None, 1))
fmatrix = TensorType("float32", shape=(None, None))
ftensor3 = TensorType("float32", shape=(None,) * 3)
ftensor4 = TensorType("float32", shape=(None,) * 4)
ftensor5 = TensorType("float32", shape=(None,) * 5)
ftensor6 = TensorType("float32", shape=(None,) * 6)
ftensor7 = TensorType("float32", shape=(None,) * 7)

fscalars = Several(fscalar)
fvectors = Several(fvector)
frows = Several(frow)
fcols = Several(fcol)
fmatrices = Several(fmatrix)
ftensor3s = Several(ftensor3)
ftensor4s = Several(ftensor4)
ftensor5s = Several(ftensor5)
ftensor6s = Several(ftensor6)
ftensor7s = Several(ftensor7)

# -- d: float64 --------------------------------------------------------------------------

dscalar = TensorType("float64", shape=())
dvector = TensorType("float64", shape=(None,))
drow = TensorType("float64", shape=(1, None))
dcol = TensorType("float64", shape=(None, 1))
dmatrix = TensorType("float64", shape=(None, None))
dtensor3 = TensorType("float64", shape=(None,) * 3)
dtensor4 = TensorType("float64", shape=(None,) * 4)
dtensor5 = TensorType("float64", shape=(None,) * 5)
dtensor6 = TensorType("float64", shape=(None,) * 6)
dtensor7 = TensorType("float64", shape=(None,) * 7)

dscalars = Several(dscalar)
dvectors = Several(dvector)
drows = Several(drow)
dcols = Several(dcol)
dmatrices = Several(dmatrix)
dtensor3s = Several(dtensor3)
dtensor4s = Several(dtensor4)
dtensor5s = Several(dtensor5)
dtensor6s = Several(dtensor6)
dtensor7s = Several(dtensor7)

# -- c: complex64 ------------------------------------------------------------------------

cscalar = TensorType("complex64", shape=())
cvector = TensorType("complex64", shape=(None,))
crow = TensorType("complex64", shape=(1, None))
ccol = TensorType("complex64", shape=(None, 1))
cmatrix = TensorType("complex64", shape=(None, None))
ctensor3 = TensorType("complex64", shape=(None,) * 3)
ctensor4 = TensorType("complex64", shape=(None,) * 4)
ctensor5 = TensorType("complex64", shape=(None,) * 5)
ctensor6 = TensorType("complex64", shape=(None,) * 6)
ctensor7 = TensorType("complex64", shape=(None,) * 7)

cscalars = Several(cscalar)
cvectors = Several(cvector)
crows = Several(crow)
ccols = Several(ccol)
cmatrices = Several(cmatrix)
ctensor3s = Several(ctensor3)
ctensor4s = Several(ctensor4)
ctensor5s = Several(ctensor5)
ctensor6s = Several(ctensor6)
ctensor7s = Several(ctensor7)

# -- z: complex128 -----------------------------------------------------------------------

zscalar = TensorType("complex128", shape=())
zvector = TensorType("complex128", shape=(None,))
zrow = TensorType("complex128", shape=(1, None))
zcol = TensorType("complex128", shape=(None, 1))
zmatrix = TensorType("complex128", shape=(None, None))
ztensor3 = TensorType("complex128", shape=(None,) * 3)
ztensor4 = TensorType("complex128", shape=(None,) * 4)
ztensor5 = TensorType("complex128", shape=(None,) * 5)
ztensor6 = TensorType("complex128", shape=(None,) * 6)
ztensor7 = TensorType("complex128", shape=(None,) * 7)

zscalars = Several(zscalar)
zvectors = Several(zvector)
zrows = Several(zrow)
zcols = Several(zcol)
zmatrices = Several(zmatrix)
ztensor3s = Several(ztensor3)
ztensor4s = Several(ztensor4)
ztensor5s = Several(ztensor5)
ztensor6s = Several(ztensor6)
ztensor7s = Several(ztensor7)

# -- Theano's lists of them --------------------------------------------------------------

int_scalar_types = int_types = (bscalar, wscalar, iscalar, lscalar)
int_vector_types = (bvector, wvector, ivector, lvector)
int_matrix_types = (bmatrix, wmatrix, imatrix, lmatrix)
float_scalar_types = float_types = (fscalar, dscalar)
float_vector_types = (fvector, dvector)
float_matrix_types = (fmatrix, dmatrix)
complex_scalar_types = complex_types = (cscalar, zscalar)
complex_vector_types = (cvector, zvector)
complex_matrix_types = (cmatrix, zmatrix)
