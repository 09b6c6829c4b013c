"""Reading and writing parts of tensors: NumPy's basic and advanced indexing.

Reading and writing stand in one file: each is made of the other where it is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    IndexRangeError,
    ShapeError,
    describe,
    made_at,
    repr_of,
)
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ValueType, integer_limits, is_discrete, tensor_type
from symgrad.graph.values import literal_array
from symgrad.graph.written import folded
from symgrad.ops.arithmetic.elementwise import cast, switch
from symgrad.ops.arrays.lengths import Shape, dim
from symgrad.ops.arrays.shaping import DimShuffle, Reshape, broadcast_like, sum_like, zeros_like
from symgrad.ops.indexing.index_spec import (
    SYMBOL,
    Spec,
    build_index,
    check_range,
    depends_on_data,
    index_source,
    is_basic,
    may_repeat,
    parse_index,
    part_lengths,
    part_shape,
)
from symgrad.ops.indexing.scatter import add_at
from symgrad.ops.op import (
    PYTHON_NUMBERS,
    Arg,
    Example,
    Lengths,
    Op,
    Spec as OpSpec,
    as_expr,
    weak_constant,
)

# -- the operations ----------------------------------------------------------------------------


class Index(Op):
    """Part of a tensor; a view where the index is basic.

    With `from_zero` the arrays in the index are labels: a negative one is out of range, and each
    row has one.
    """

    spec: Spec
    from_zero: bool = False
    ints_from = 1

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.view_of = 0 if is_basic(self.spec) else None
        self.eager_only = depends_on_data(self.spec)

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, part_shape(types[0].shape, self.spec, types[1:]))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        x, *index = node.inputs
        own = super().lengths(node, known)
        return part_lengths(known[x], self.spec, [known[i] for i in index], own)

    def on_part(self, spec: Spec) -> Index:
        """The same with another index, which what this one's becomes elsewhere."""
        return Index(spec, self.from_zero)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = xp.asarray(arrays[0])
        return x[_index(xp, self.spec, arrays[1:], self.from_zero, x)]

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        if self.from_zero or any(i.dtype == "uint64" for i in node.inputs[1:]):
            return super().source(node, args, bind)
        return f"{args[0]}[{index_source(self.spec, args[1:])}]"

    def connects(self, index: int) -> bool:
        return index == 0

    def traffic(self, out: Any, *inputs: OpSpec) -> tuple[int, int]:
        return super().traffic(out, out, *inputs[1:])  # of x it reads what it takes

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        x, *index = inputs
        inc = IncIndex(self.spec, False, False, self.from_zero)
        back = inc.make(zeros_like(x, g.dtype), g, *index)
        return (back, *[None] * len(index))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for x, spec, index in _example_indices():
            yield Example(Index(spec), (Arg(x), *index))


class IncIndex(Op):
    """A tensor with part of it replaced (`assign`) or increased; duplicates accumulate.

    `distinct` says that the index names no element twice; `from_zero` as for `Index`.
    """

    spec: Spec
    assign: bool
    distinct: bool = False
    from_zero: bool = False
    shape_of = 0
    ints_from = 2

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.eager_only = depends_on_data(self.spec)

    @property
    def name(self) -> str:
        return "set_subtensor" if self.assign else "inc_subtensor"

    def infer(self, *types: ValueType) -> ValueType:
        x, y, *index = types
        part = part_shape(x.shape, self.spec, index)
        if len(y.shape) > len(part):
            raise ShapeError(
                f"a value with {y.ndim} dimensions does not fit in a part with {len(part)}."
            )
        for have, want in zip(y.shape[::-1], part[::-1], strict=False):
            if have is not None and want is not None and have not in (1, want):
                raise ShapeError(f"a value of shape {y.shape} does not fit in a part of {part}.")
        return tensor_type(x.dtype, x.shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, y, *rest = arrays
        index = _index(xp, self.spec, rest, self.from_zero)
        if xp is not np:
            return x.at[index].set(y) if self.assign else x.at[index].add(y)
        return self._function()(x, index, y)

    def inc_into(self, x: Any, value: Any, *index: Any) -> None:
        """Change the part in `x` itself, a NumPy array.

        One call of NumPy writes, at the end: an exception or an interrupt leaves `x` as it was.
        """
        change = self._choose(_set_part, _add_to_part, _add_all_to_part)
        change(x, _index(np, self.spec, index, self.from_zero), value)

    in_place = True

    def source_into(self, node: Any, args: Any, out: str, work: str | None, bind: Any) -> str:
        _, value, *index = args  # `out` is the first input
        return f"{bind(Changer(self), self.name)}({', '.join([out, 'None', value, *index])})"

    def _function(self) -> Any:
        return self._choose(_with_part_set, _with_part_added_once, _with_part_added)

    def _choose(self, for_setting: Any, for_distinct: Any, for_any: Any) -> Any:
        if self.assign:
            return for_setting
        return for_any if may_repeat(self.spec) and not self.distinct else for_distinct

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        if self.from_zero or any(i.dtype == "uint64" for i in node.inputs[2:]):
            return super().source(node, args, bind)
        index = f"{bind(np.s_, 's_')}[{index_source(self.spec, args[2:])}]"
        return f"{bind(self._function(), self.name)}({args[0]}, {index}, {args[1]})"

    def connects(self, index: int) -> bool:
        return index < 2

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        _, value, *index = inputs
        part = Index(self.spec, self.from_zero).make(g, *index)
        if not self.assign:
            return (g, sum_like(part, value), *[None] * len(index))
        if (
            may_repeat(self.spec) and not self.distinct
        ):  # of elements written twice only the last counts
            part = switch(LastWrites(self.spec).make(g, *index), part, 0)
        zero = Constant(np.zeros((), dtype=g.dtype))
        gx = IncIndex(self.spec, True, self.distinct, self.from_zero).make(g, zero, *index)
        return (gx, sum_like(part, value), *[None] * len(index))

    def flat(self, index: int, *inputs: Any) -> Any:
        """Where something else is written."""
        if index or not self.assign:
            return None
        x, _, *where = inputs
        kept, written = (Constant(np.array(b)) for b in (False, True))
        return self.make(broadcast_like(kept, x), written, *where)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for x, spec, index in _example_indices():
            part = np.zeros(x)[build_index(spec, [np.array(i.exact) for i in index])].shape
            yield Example(IncIndex(spec, False), (Arg(x), Arg(part), *index))
            yield Example(IncIndex(spec, True), (Arg(x), Arg(part), *index))
        yield Example(IncIndex((("slice", None, 2, None),), True), (Arg((3, 4)), Arg((4,))))
        rows = Arg((3,), "int64", exact=[0, 2, 2])
        yield Example(IncIndex((("array",),), False), (Arg((3, 4)), Arg((3, 1)), rows))
        yield Example(IncIndex((("array",),), True), (Arg((3, 4)), Arg(()), rows))


def _set_part(out: Any, index: Any, y: Any) -> None:
    out[index] = y


def _add_to_part(out: Any, index: Any, y: Any) -> None:
    out[index] += y


def _add_all_to_part(out: Any, index: Any, y: Any) -> None:
    add_at(out, index if isinstance(index, tuple) else (index,), y)


def _with_part_set(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x)
    _set_part(out, index, y)
    return out


def _with_part_added_once(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x)
    _add_to_part(out, index, y)
    return out


def _with_part_added(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x, order="C")
    _add_all_to_part(out, index, y)
    return out


class Changer:
    """`IncIndex` on an array that may be changed; what it changes is noted down where asked."""

    def __init__(self, op: IncIndex) -> None:
        self.op = op
        self.spec = op.spec
        self.inc_into = op.inc_into

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changer) and self.op == other.op

    def __hash__(self) -> int:
        return hash(self.op)

    def __call__(self, x: Any, changes: list[Any] | None, value: Any, *index: Any) -> Any:
        """Change `x` and return it."""
        self.inc_into(x, value, *index)
        if changes is not None:
            changes.append(build_index(self.spec, [np.array(i) for i in index]))
        return x


class LastWrites(Op):
    """Which elements of a part are the last that its index writes to their place."""

    spec: Spec

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("bool", part_shape(types[0].shape, self.spec, types[1:]))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        index = _index(xp, self.spec, arrays[1:])
        written_by = xp.zeros(xp.shape(arrays[0]), dtype="int64")
        shape = written_by[index].shape
        order = xp.arange(math.prod(shape), dtype="int64").reshape(shape)
        if xp is np:
            written_by[index] = order
        else:
            written_by = written_by.at[index].set(order)
        return written_by[index] == order

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for x, spec, index in _example_indices():
            if may_repeat(spec):
                yield Example(LastWrites(spec), (Arg(x), *index), differentiable=False)


class ShapePart(Op):
    """The lengths of some axes, an int64 vector: `x.shape[:2]`."""

    axes: tuple[int, ...]
    is_shape = True

    def traffic(self, out: Any, *inputs: OpSpec) -> tuple[int, int]:
        return super().traffic(out)

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (len(self.axes),))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        shape = xp.shape(arrays[0])
        return xp.asarray([shape[a] for a in self.axes], dtype="int64")

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(ShapePart((1, 0)), (Arg((3, 4, 2)),), differentiable=False)
        yield Example(ShapePart(()), (Arg((3, 4)),), differentiable=False)


def _index(
    xp: Any, spec: Spec, arrays: Sequence[Any], from_zero: bool = False, x: Any = None
) -> tuple[Any, ...]:
    """The index that an array namespace takes; labels are one for each row of `x`, if given."""
    index = build_index(spec, arrays)
    if from_zero and x is not None and len(index) == 2:
        check_labels(len(index[1]), len(x))
    if xp is np and (from_zero or any(map(_is_uint64, arrays))):
        for value in index:
            if isinstance(value, (int, np.ndarray, np.integer)):
                _check_sign(np.asarray(value), from_zero)
    if xp is np or all(entry[0] != "mask" for entry in spec):
        return index
    expanded: list[Any] = []  # a mask as the positions that it names, whose number is known
    for entry, value in zip(spec, index, strict=True):
        expanded.extend(xp.nonzero(value, size=entry[2]) if entry[0] == "mask" else [value])
    return tuple(expanded)


def check_labels(labels: int, rows: int) -> None:
    """Refuse fewer or more labels than rows: what has none would be left out without a word."""
    if labels != rows:
        raise ValueError(f"{labels} labels for {rows} rows of predictions; each row needs one")


def _is_uint64(x: Any) -> bool:
    return getattr(x, "dtype", None) == np.uint64


def _check_sign(x: Any, from_zero: bool) -> None:
    """Refuse negative labels, and numbers that NumPy takes for negative ones: from 2**63 on."""
    if x.dtype == np.uint64 and x.size and x.max() > np.iinfo("int64").max:
        raise IndexError(f"index {x.max()} is out of bounds for any axis")
    if from_zero and x.dtype.kind == "i" and x.size and x.min() < 0:
        raise IndexError(f"index {x.min()} is negative; labels count from 0")


def _example_indices() -> Iterator[tuple[tuple[int, ...], Spec, tuple[Arg, ...]]]:
    rows, columns = np.array([0, 2, 2, -1]), np.array([1, 0, 0, 3])
    some, all_ = np.array([True, False, True, True]), slice(None)
    for shape, index in (
        ((3, 4), (1, slice(None, None, -1))),
        ((3, 4), (slice(1, None), None, slice(0, 4, 2))),
        ((3, 4), rows),
        ((3, 4), (rows, columns)),
        ((3, 4, 2), (rows[:, None], all_, np.array([1, 0]))),
        ((2, 3, 4), (0, all_, columns)),
        ((3, 4, 2), (slice(None, None, -2), None, columns, 1)),
        ((3, 2, 4), (rows[:, None], Ellipsis, columns[:, None] % 2, some)),
        ((3, 4), np.eye(3, 4) > 0),
        ((3, 4), (None, [0, 2, 2], some)),
        ((3, 4), np.zeros((0,), "int64")),
        ((30, 20), (np.arange(40) % 7, all_)),
    ):
        spec, inputs = parse_index(as_expr(np.zeros(shape)), index)
        yield shape, spec, tuple(Arg(i.static_shape, i.dtype, exact=i.value) for i in inputs)
    position = Arg((), "int64", exact=-2)
    yield (3, 4), (("int", SYMBOL), ("slice", SYMBOL, None, SYMBOL)), (position,) * 3
    yield (3, 4), (("mask", 1, None),), (Arg((3,), "bool", exact=[True, False, True]),)


# -- what users write --------------------------------------------------------------------------


class ConstantPart(Constant):
    """Part of a constant vector of integers, known when it is written (lengths in a shape)."""

    __slots__ = ("part",)

    def __init__(self, part: Expr, whole: Constant) -> None:
        super().__init__(part.op.impl(np, whole.value).copy())
        self.part = part


def getitem(x: Any, index: Any) -> Any:
    """Return ``x[index]``: a part of a tensor, as NumPy's indexing selects it.

    Parameters
    ----------
    x : array_like
        Any shape and dtype.
    index : int, slice, None, Ellipsis, integer or boolean tensor, array or list, or tuple of them
        Integers and the bounds and steps of slices may be symbolic integer scalars.

    Raises
    ------
    GraphTypeError
        For an index that is not one, such as a float.
    IndexRangeError
        For too many indices, or a position that is known to be out of range.
    ShapeError
        If arrays in the index cannot be broadcast together, or a mask does not fit.

    >>> x = as_expr([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> getitem(x, (slice(None), [2, 0])).eval()
    array([[3., 1.],
           [6., 4.]])
    """
    x = as_expr(x, "indexing")
    try:
        spec, inputs = parse_index(x, index)
        lengths = _lengths(x, spec)
        if lengths is not None:
            return lengths
        part = Index(spec).make(x, *inputs)
    except (ShapeError, IndexRangeError) as error:
        if error.args[0].startswith("too many"):
            raise
        raise type(error)(f"{error.message} The variable is {describe(x)}.\n{made_at(x)}") from None
    if isinstance(x, Constant) and x.ndim == 1 and is_discrete(x.dtype) and not inputs:
        return folded(ConstantPart(part, x), x)
    return part


def entries_of(x: Any, index: Any) -> Any:
    """``x[index]`` where what stands in the index are labels: those that are negative are refused.

    Raises
    ------
    IndexRangeError
        If a label is out of range: now, or when the function runs.
    """
    spec, inputs = parse_index(x, index)
    known = [entry[1] for entry in spec if entry[0] == "int" and entry[1] != SYMBOL]
    known += [int(i.value.min(initial=0)) for i in inputs if isinstance(i, Constant)]
    if min(known, default=0) < 0:
        raise IndexRangeError(f"index {min(known)} is negative; labels count from 0.\n{made_at(x)}")
    return Index(spec, True).make(x, *inputs)


def _lengths(x: Expr, spec: Spec) -> Any:
    """`x[index]` where `x` is a shape and the index is a number or a slice of numbers."""
    if x.op is None or not x.op.is_shape or len(spec) != 1 or SYMBOL in spec[0]:
        return None
    if not isinstance(x.op, (Shape, ShapePart)):
        return None
    (of,) = x.inputs
    axes = range(of.ndim) if isinstance(x.op, Shape) else x.op.axes
    kind, *parts = spec[0]
    if kind == "int":
        check_range(parts[0], len(axes), 0)
        length = dim(of, axes[parts[0]])
        return folded(length, x) if isinstance(length, Constant) else length
    if kind != "slice":
        return None
    chosen = tuple(axes[slice(*parts)])
    known = [of.static_shape[a] for a in chosen]
    if None not in known:
        return folded(Constant(np.array(known, dtype="int64")), x)
    return ShapePart(chosen).make(of)


def set_subtensor(
    x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False
) -> Any:
    """Return the tensor that `x` is a part of, with that part replaced by `y`.

    Parameters
    ----------
    x : indexing expression
        ``a[index]``, with any index; it may be transposed, dimshuffled or reshaped.
    y : array_like
        Broadcast to the part's shape and cast to the dtype of `a`; floats do not go into integers.
    inplace, tolerate_inplace_aliasing : bool
        Theano's arguments, without effect: memory is planned for the whole function.

    Returns
    -------
    variable
        Of the type of `a`. Where the index names an element twice, the last value stays.

    Raises
    ------
    GraphTypeError
        If `x` is not a part of a tensor, or `y` is of a kind that does not fit in `a`.
    ShapeError
        If `y` is known not to fit.

    >>> a = as_expr([1.0, 2.0, 3.0])
    >>> set_subtensor(a[1:], 0).eval()
    array([1., 0., 0.])
    """
    return _change(x, y, True, "set_subtensor")


def inc_subtensor(
    x: Any,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
) -> Any:
    """Return the tensor that `x` is a part of, with `y` added to that part.

    Parameters
    ----------
    x : indexing expression
        ``a[index]``, with any index; it may be transposed, dimshuffled or reshaped.
    y : array_like
        Broadcast to the part's shape and cast to the dtype of `a`; floats do not go into integers.
    set_instead_of_inc : bool
        Replace, as `set_subtensor` does.
    inplace, tolerate_inplace_aliasing : bool
        Theano's arguments, without effect: memory is planned for the whole function.

    Returns
    -------
    variable
        Of the type of `a`. An element that the index names twice is increased twice.

    Raises
    ------
    GraphTypeError
        If `x` is not a part of a tensor, or `y` is of a kind that does not fit in `a`.
    ShapeError
        If `y` is known not to fit.

    >>> a = as_expr([1.0, 2.0, 3.0])
    >>> inc_subtensor(a[[0, 0, 2]], 10).eval()
    array([21.,  2., 13.])
    """
    if set_instead_of_inc:
        return _change(x, y, True, "inc_subtensor")
    return _change(x, y, False, "inc_subtensor")


def sparse_grad(var: Any) -> Any:
    """Return `var`, an indexed tensor, as it is: gradients here are dense.

    >>> x = as_expr([1.0, 2.0])[[1, 1]]
    >>> sparse_grad(x) is x
    True
    """
    return as_expr(var, "sparse_grad")


def _change(x: Any, y: Any, assign: bool, what: str) -> Any:
    if isinstance(x, ConstantPart):
        x = x.part
    op = x.op if isinstance(x, Expr) else None
    if isinstance(op, (DimShuffle, Reshape)):
        full = broadcast_like(fitting_value(y, x, what), x)
        back = op.vjp(full, x, *x.inputs)[0]  # these only move elements, so this moves them back
        return _change(x.inputs[0], back, assign, what)
    if not isinstance(op, Index):
        raise GraphTypeError(
            f"{what}: the first argument must be a part of a tensor, such as x[2:5] or x[i, j], "
            f"not {describe(x) if isinstance(x, Expr) else repr_of(x)}."
        )
    base, *index = x.inputs
    if base.dtype == "bool" and not assign:
        raise GraphTypeError(
            f"{what}: {describe(base)} holds booleans, which have no sum. Use T.set_subtensor, or "
            f"cast it.\n{made_at(base)}"
        )
    value = fitting_value(y, base, what)
    try:
        return IncIndex(op.spec, assign, False, op.from_zero).make(base, value, *index)
    except ShapeError as error:
        raise ShapeError(
            f"{what}: {error.message} The part is {describe(x)}, the value {describe(value)}.",
            nodes=[x, value],
        ) from None


def fitting_value(y: Any, base: Expr, what: str) -> Any:
    """`y` in the dtype of `base`; what could only lose (fractions, signs, size) is refused."""
    if type(y) in PYTHON_NUMBERS:
        value: Any = weak_constant(y, [base.dtype])
    elif isinstance(y, (list, tuple)) and _only_numbers(y, is_discrete(base.dtype)):
        value = Constant(literal_array(y, base.dtype if base.dtype != "bool" else None))
    else:
        value = as_expr(y, what)
    if not _fits(value, base.dtype):
        raise GraphTypeError(
            f"{what}: {describe(value)} does not fit in {describe(base)} without loss. Cast it: "
            f"T.cast(y, {base.dtype!r}).\n{made_at(value)}"
        )
    return cast(value, base.dtype)


def _fits(value: Expr, dtype: str) -> bool:
    """Whether a dtype is of the kind of a value or of a larger one; of integers only if known."""
    order = "biufc"
    have, want = (np.dtype(d).kind.replace("u", "i") for d in (value.dtype, dtype))
    if have == want == "i" and isinstance(value, Constant) and value.value.size:
        least, most = integer_limits(dtype)
        return bool(least <= value.value.min() and value.value.max() <= most)
    return order.index(have) <= order.index(want)


def _only_numbers(y: Any, integers: bool) -> bool:
    """Whether nested lists hold Python numbers only, which take the dtype of what they go into."""
    if isinstance(y, (list, tuple)):
        return all(_only_numbers(entry, integers) for entry in y)
    return type(y) in ((bool, int) if integers else (bool, int, float))


hooks.table["getitem"] = getitem
