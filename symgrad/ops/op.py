"""What an operation is, the registry of all of them, and how Python values become expressions."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, checks_keywords, made_at, repr_of
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ObjectType, TupleType, ValueType, check_dtype, promote, weak_dtype
from symgrad.graph.values import literal_array

REGISTRY: dict[str, Any] = {}  # name -> an operation, or a class of operations with settings
PYTHON_NUMBERS = (bool, int, float, complex)


class Arg(NamedTuple):
    """One input of an example: tests draw values of this kind.

    `low` and `high` bound the values; `exact` gives the value itself.
    """

    shape: tuple[int, ...] = (3, 4)
    dtype: str = "float64"
    low: float = -2.0
    high: float = 2.0
    exact: Any = None


class Example(NamedTuple):
    """An operation and the inputs that tests may give it.

    `differentiable=False` says that its gradient is zero or undefined by convention; a check
    against numerical gradients would then be meaningless. `fixed_dtype=True` says that it takes
    inputs of exactly these dtypes.
    """

    op: Any
    args: tuple[Arg, ...]
    differentiable: bool = True
    fixed_dtype: bool = False


class Spec(NamedTuple):
    """An array to be: its shape and dtype."""

    shape: tuple[int, ...]
    dtype: str


def elements(spec: Spec) -> int:
    """How many numbers an array holds."""
    return math.prod(spec.shape)


def nbytes(spec: Spec | None) -> int:
    """How much memory an array takes; 0 for one that is not used, or holds objects.

    >>> nbytes(Spec((3, 4), "float32"))
    48
    """
    if spec is None or spec.dtype == "object":
        return 0
    return elements(spec) * np.dtype(spec.dtype).itemsize


Shape = tuple[int, ...]
Lengths = tuple[int | tuple[Expr, int], ...]  # where the lengths of a shape come from


class NullGrad:
    """What a `vjp` returns for an input whose gradient is undefined, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Op:
    """An operation: a value of its settings, compared by them.

    Subclasses annotate their settings; the constructor, equality, hash and match arguments come
    from the annotations. They define `infer`, `impl` and `vjp`, and `examples` for the tests.

    Attributes
    ----------
    view_of : int or None
        The input whose memory the result may share.
    shape_of : int or None
        The input whose shape the result always has.
    is_condition : bool
        The result's truth value is what the user is after, so `bool()` of it refuses.
    is_shape : bool
        The result is a vector of known length that may be unpacked.
    eager_only : bool
        The length of the result depends on data, so `jax.jit` cannot trace it.
    has_side_effect : bool
        Computing it does something besides: it is never merged, dropped or doubled.
    sums_back : bool
        Inputs are broadcast against each other; `vjp` leaves it to the reverse pass to sum back.
    flat : callable or None
        ``flat(k, *inputs)`` says where the slope by input k is 0 because something else was chosen
        (None: nowhere), if `vjp` does not say so by a `switch` between the gradient and 0.
    ints_from : int or None
        From this input on, scalars are indices or lengths, and may be Python ints.
    typed_by_types : bool
        The type of the result depends on the types of the inputs alone, not on what they are
        (a length that is a constant, say). A class that defines `make` must say so itself.
    """

    view_of: int | None = None
    shape_of: int | None = None
    is_condition: bool = False
    is_shape: bool = False
    eager_only: bool = False
    has_side_effect: bool = False
    sums_back: bool = False
    flat: Callable[..., Any] | None = None
    ints_from: int | None = None
    typed_by_types: bool = True
    fields: ClassVar[tuple[str, ...]] = ()
    _key: tuple[Any, ...] = ()

    def __init_subclass__(cls, register: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [n for n in inspect.get_annotations(cls) if n[0] != "_" and not hasattr(Op, n)]
        cls.fields = (*cls.fields, *own)
        cls.__match_args__ = cls.fields  # type: ignore[attr-defined, misc]
        if "make" in vars(cls) and "typed_by_types" not in vars(cls):
            cls.typed_by_types = False
        if register:
            register_op(cls.__name__, cls)

    def __init__(self, *args: Any, **settings: Any) -> None:
        assert len(args) <= len(self.fields), f"{type(self).__name__} has settings {self.fields}"
        values = dict(zip(self.fields, args, strict=False), **settings)
        for field in self.fields:
            if field in values:
                setattr(self, field, values[field])
        self._key = (type(self), *(_setting_key(getattr(self, f)) for f in self.fields))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Op) and self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        settings = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.fields)
        return f"{type(self).__name__}({settings})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f) for f in self.fields)

    @property
    def name(self) -> str:
        """What the operation is called in texts and pictures: its class in snake case."""
        return _WORDS.sub("_", type(self).__name__).lower()

    def settings_text(self) -> str:
        """The settings that say something, as `axis=0, keepdims=True`."""
        values = [(f, getattr(self, f)) for f in self.fields]
        return ", ".join(f"{f}={v}" for f, v in values if v is not None and v is not False)

    # -- what an operation defines -----------------------------------------------------------

    def infer(self, *types: ValueType) -> ValueType:
        """The type of the result; raises what the user should read if the inputs do not fit."""
        raise NotImplementedError

    def impl(self, xp: Any, *arrays: Any) -> Any:
        """Compute the result with an array namespace, `numpy` or `jax.numpy`, in fresh memory.

        Only an operation with `view_of` may return an input, or a view of one.
        """
        raise NotImplementedError

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        """The vector-Jacobian product: for each input the gradient, given `g` for the result.

        None stands for zero, `NullGrad` for undefined.
        """
        return (None,) * len(inputs)

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        """Where each length of the result comes from, given the same for the inputs.

        A length is an int, or a node and an axis of it. By default each is the node's own.
        """
        if self.shape_of is not None:
            return known[node.inputs[self.shape_of]]
        return tuple((node, axis) for axis in range(node.ndim))

    def result_shape(self, *shapes: Shape) -> Shape:
        """The shape of the result for inputs of these shapes; ValueError where they do not fit.

        Defined by operations that broadcast, whose `lengths` cannot say it.
        """
        raise NotImplementedError

    def resolve(self, *arrays: Spec) -> Callable[..., Any] | None:
        """For inputs of these shapes a function that does what `impl` does with NumPy, sooner."""
        return None

    def item_lengths(self, index: int, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths | None:
        """Where the lengths of one of several results come from; None: from nowhere else."""
        return None

    def equal_lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Iterable[tuple[Any, Any]]:
        """Pairs of lengths, as in `lengths`, that are equal wherever the operation succeeds."""
        return ()

    def connects(self, index: int) -> bool:
        """Whether the result depends on the *values* of an input (not on its shape alone)."""
        return True

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        """How many floating-point operations it takes, for a profile; None: not known.

        `out` is the result's `Spec`; of several results a tuple, None for each that is not used.
        """
        return None

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        """How many bytes it reads and writes, for a profile; a view needs none."""
        if self.view_of is not None:
            return 0, 0
        outs = out if isinstance(out, tuple) and not isinstance(out, Spec) else (out,)
        return sum(map(nbytes, inputs)), sum(map(nbytes, outs))

    @property
    def takes_out(self) -> bool:
        """Whether the result can be written into given memory."""
        return type(self).impl_into is not Op.impl_into

    @property
    def in_place(self) -> bool:
        """Whether the memory that the result is written into may be that of an input."""
        return False

    def takes_int(self, node: Expr, index: int) -> bool:
        """Whether an input that is an integer scalar may be a Python int."""
        return self.ints_from is not None and index >= self.ints_from

    def source_into(
        self,
        node: Expr,
        args: Sequence[str],
        out: str,
        work: str | None,
        bind: Callable[[Any, str], str],
    ) -> str:
        """The NumPy source that computes the result into `out`, which may be None when it runs."""
        given = ", ".join([*args, out, *([work] if work else [])])
        return f"{bind(Into(self, len(args)), self.name)}({given})"

    def source(self, node: Expr, args: Sequence[str], bind: Callable[[Any, str], str]) -> str:
        """The NumPy source that computes the result.

        `bind(thing, wish)` names an object that the source needs; an operation stands for its
        `impl` with NumPy filled in.
        """
        return f"{bind(self, self.name)}({', '.join(args)})"

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        """Compute the result with NumPy into `out`, using the arrays that `workspace` asked for.

        `out` is C-contiguous, of the right shape and dtype, and shares no memory with an input.
        """
        raise NotImplementedError

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        """The scratch arrays that `impl_into` needs, given the shapes and dtypes of the inputs."""
        return ()

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """What the contract test runs; every registered operation has some."""
        raise NotImplementedError(f"{cls.__name__} has no examples")

    # -- application -------------------------------------------------------------------------

    def make(self, *inputs: Expr) -> Expr:
        """The node of this operation on inputs that already have the right dtypes."""
        return Expr(self, inputs, self.infer(*[i.type for i in inputs]))

    def __call__(self, *args: Any) -> Any:
        return self.make(*[as_expr(a, self.name) for a in args])


class Into:
    """An operation as a function of its inputs, the memory of its result, and its workspace.

    Without memory it makes its result like any other.
    """

    def __init__(self, op: Op, count: int) -> None:
        self.op, self.count = op, count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Into) and (self.op, self.count) == (other.op, other.count)

    def __hash__(self) -> int:
        return hash(self.op)

    def function(self) -> Callable[..., Any]:
        """The function; for one or two inputs without the cost of collecting arguments."""
        impl, into = self.op.impl, self.op.impl_into

        def of_any(*given: Any) -> Any:
            arrays, (out, work) = given[: self.count], (*given[self.count :], ())[:2]
            if out is None or work is None:
                return impl(np, *arrays)
            into(out, work, *arrays)
            return out

        def of_one(x: Any, out: Any, work: Any = ()) -> Any:
            if out is None or work is None:
                return impl(np, x)
            into(out, work, x)
            return out

        def of_two(x: Any, y: Any, out: Any, work: Any = ()) -> Any:
            if out is None or work is None:
                return impl(np, x, y)
            into(out, work, x, y)
            return out

        functions: dict[int, Callable[..., Any]] = {1: of_one, 2: of_two}
        return functions.get(self.count, of_any)


_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _setting_key(value: Any) -> Any:
    """Settings are told apart by type and text, so that 1 and True, 0.0 and -0.0 differ."""
    try:
        hash(value)
    except TypeError:
        return (type(value), id(value))
    return (type(value), value if isinstance(value, (Op, ValueType)) else repr(value))


def register_op(name: str, op: Any) -> None:
    """Enter an operation, or a class of them, in the registry."""
    if name in REGISTRY:
        raise GraphTypeError(
            f"an operation named {repr_of(name)} exists already; choose another name"
        )
    REGISTRY[name] = op


class Project(Op):
    """One of the results of an operation that has several."""

    index: int
    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        (results,) = types
        if not isinstance(results, TupleType):
            raise GraphTypeError(f"Project needs an operation with several results, not {results}")
        return results.items[self.index]

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        results = node.inputs[0]
        found = results.op and results.op.item_lengths(self.index, results, known)
        return super().lengths(node, known) if found is None else found

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return arrays[0][self.index]

    def source(self, node: Expr, args: Sequence[str], bind: Callable[[Any, str], str]) -> str:
        return f"{args[0]}[{self.index}]"

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return ()  # tested with each operation that has several results


def projections(results: Expr) -> list[Any]:
    """All results of a node of tuple type."""
    items = results.type.items if isinstance(results.type, TupleType) else ()
    return [Project(i).make(results) for i in range(len(items))]


# -- Python values as expressions ------------------------------------------------------------


def as_expr(value: Any, what: str = "an expression", dtype: str | None = None) -> Any:
    """Return `value` as an expression; numbers, arrays and nested lists become constants.

    Raises
    ------
    GraphTypeError
        If the value is not numeric.
    """
    if isinstance(value, Expr):
        if isinstance(value.type, (ObjectType, TupleType)):
            raise GraphTypeError(
                f"{what}: {value} holds a {value.type}, not an array, so it cannot be computed "
                f"with. Make it from an array: shared(numpy.asarray(...)).\n{made_at(value)}"
            )
        return value
    if isinstance(value, (list, tuple)) and holds_expr(value):
        return hooks.call("stack", value)
    try:
        return Constant(literal_array(value, dtype))
    except GraphTypeError as error:
        raise GraphTypeError(f"{what}: {error.message}") from None


def holds_expr(value: Any) -> bool:
    """Whether nested lists hold an expression."""
    if isinstance(value, (list, tuple)):
        return any(holds_expr(entry) for entry in value)
    return isinstance(value, Expr)


def as_exprs(values: Sequence[Any], what: str) -> list[Any]:
    """Arguments of one operation as expressions; Python numbers are weak beside the others."""
    strong = [
        v if isinstance(v, Expr) and v.type.dtype != "object" else as_expr(v, what)
        for v in values
        if type(v) not in PYTHON_NUMBERS
    ]
    if len(strong) == len(values):
        return strong
    dtypes = [v.type.dtype for v in strong]
    strong.reverse()
    return [weak_constant(v, dtypes) if type(v) in PYTHON_NUMBERS else strong.pop() for v in values]


def weak_constant(value: bool | int | float | complex, dtypes: Sequence[str]) -> Constant:
    """A Python number as a constant, in the dtype that it takes beside arrays of these dtypes."""
    dtype = weak_dtype(value, dtypes)
    try:
        return Constant(np.array(value, dtype=dtype))
    except OverflowError:
        raise GraphValueError(f"The integer {value} does not fit in {dtype}.") from None


def common_dtype(exprs: Sequence[Expr]) -> str:
    """The dtype that all of them are cast to."""
    return promote(*{e.type.dtype for e in exprs})


@hooks.provide("constant")
@checks_keywords(x="value")
def constant(
    value: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None
) -> Any:
    """Make a symbolic constant.

    Parameters
    ----------
    value : array_like
        The value; it is copied.
    name : str, optional
        For messages and pictures.
    ndim : int, optional
        Dimensions of length 1 are put in front until the rank is this.
    dtype : str, optional
        By default the array's own, the smallest int for a Python int, floatX for a float.

    >>> constant(1.5).dtype, constant(3).dtype, constant([1.0, 2.0]).static_shape
    ('float64', 'int8', (2,))
    """
    if isinstance(value, Constant):
        value = value.value
    if isinstance(value, Expr):
        raise GraphTypeError(f"constant() needs a value, not the symbolic variable {value}.")
    array = literal_array(value, None if dtype is None else check_dtype(dtype))
    if ndim is not None:
        if ndim < array.ndim:
            raise GraphTypeError(
                f"constant(): a value of rank {array.ndim} cannot have rank {ndim}"
            )
        array = array.reshape((1,) * (ndim - array.ndim) + array.shape)
    return Constant(array, name)
