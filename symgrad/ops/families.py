"""Families of operations: what elementwise operations and reductions have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, ShapeError, own_names, repr_of, suggest
from symgrad.graph.expr import Expr
from symgrad.graph.types import (
    ValueType,
    broadcast_shapes,
    is_complex,
    is_discrete,
    tensor_type,
)
from symgrad.ops.dtype_rules import RULES, DtypeRule
from symgrad.ops.hints import for_broadcasting
from symgrad.ops.op import (
    REGISTRY,
    Arg,
    Example,
    Lengths,
    Op,
    Shape,
    Spec,
    as_expr,
    as_exprs,
    elements,
    register_op,
)

NUMPY_1 = np.__version__.startswith("1.")


def _with_weak_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with 0-d values as arrays of length 1 while it computes.

    NumPy 1 takes a Python number beside a 0-d float32 for a float64, beside an array for a
    float32; NumPy 2 always for a float32.
    """

    def computed(xp: Any, *arrays: Any) -> Any:
        if xp is not np or all(map(np.ndim, arrays)):
            return function(xp, *arrays)
        result = function(np, *map(np.atleast_1d, arrays))
        return result if any(map(np.ndim, arrays)) else result.reshape(())

    return computed


_OPERATORS: dict[Any, str] = {
    np.add: " + ",
    np.subtract: " - ",
    np.multiply: " * ",
    np.true_divide: " / ",
    np.negative: "-",
}


def broadcast_lengths(node: Expr, shapes: Iterable[Lengths]) -> Lengths:
    """Where the lengths of a result come from that has some shapes broadcast against each other."""
    result: list[int | tuple[Expr, int]] = []
    for axis in range(-node.ndim, 0):
        found = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(found) > 1:
            result.append((node, node.ndim + axis))
        else:
            result.append(found.pop() if found else 1)
    return tuple(result)


class _Signature:
    """What `inspect` says of an elementwise operation: the arguments of its function but `xp`."""

    def __get__(self, op: Any, owner: type) -> inspect.Signature:
        if op is None:
            raise AttributeError("__signature__")  # the class has its constructor's
        parameters = list(inspect.signature(op.__wrapped__).parameters.values())[1:]
        if op.variadic:
            last = parameters[-1].replace(name="more", kind=inspect.Parameter.VAR_POSITIONAL)
            parameters.append(last)
        return inspect.Signature(parameters)


class Elementwise(Op, register=False):
    """A function of single elements, broadcast over its inputs; see `elementwise`.

    The inputs are cast to one dtype by explicit nodes before the operation is made, so its
    `impl` never meets mixed dtypes. Gradients are summed back over broadcast dimensions and
    cast to their input's dtype by the gradient pass, never here.
    """

    typed_by_types = True  # its `make` adds only to messages
    sums_back = True
    __signature__ = _Signature()

    # There is one of each, and rules compare them all the time.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        vjp: Callable[..., Sequence[Any]] | None = None,
        domain: Any = (-2.0, 2.0),
        dtype: str | DtypeRule = "same",
        ufunc: str | np.ufunc | None = None,
        condition: bool = False,
        variadic: bool = False,
        differentiable: bool = True,
        name: str | None = None,
        symbol: str | None = None,
        jax: Callable[..., Any] | None = None,
        apart: int = 0,
        real: bool = False,
        on_integers: Callable[[Any], Any] | None = None,
        into: Callable[..., None] | None = None,
        names: Mapping[str, str] | None = None,
        flat: Callable[..., Sequence[Any]] | None = None,
    ) -> None:
        self._name = name or function.__name__
        self.function = _with_weak_numbers(function) if NUMPY_1 else function
        self._vjp = vjp
        self.domain = domain
        self.rule: DtypeRule = RULES[dtype] if isinstance(dtype, str) else dtype
        # inspect.signature would take 2 ms of the import
        self.nin: int = function.__code__.co_argcount - 1
        self.is_condition = condition
        self.variadic = variadic
        self.differentiable = differentiable and vjp is not None
        self.symbol = symbol
        self.apart = apart
        self.real = real
        self._jax = jax
        self._on_integers = on_integers
        self._into = into
        self._names = names or {}
        self.flat = None if flat is None else lambda k, *inputs: flat(*inputs)[k]
        found = getattr(np, ufunc or self._name, None) if isinstance(ufunc, str | None) else ufunc
        found = None if ufunc == "" else found
        self.ufunc = found if isinstance(found, np.ufunc) and found.nin == self.nin else None
        self._key = (Elementwise, self._name)
        self.__doc__ = function.__doc__
        self.__name__ = self._name
        self.__wrapped__ = function
        self.__module__ = function.__module__
        register_op(self._name, self)

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, (self._name,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = self._in_order(args, kwargs)
        if len(args) != self.nin:
            if self.variadic and args:
                return self._folded(args)
            raise GraphTypeError(
                f"{self._name}() takes {self.nin} argument{'' if self.nin == 1 else 's'}, "
                f"{len(args)} were given."
            )
        if self.rule is RULES["float"] and type(args[0]) is int and self.nin == 1:
            args = (float(args[0]),)  # sqrt(2) beside float64 is not the float32 of an int8
        exprs = as_exprs(args[self.apart :], self._name)
        if self.apart:
            exprs = [as_expr(a, self._name) for a in args[: self.apart]] + exprs
        dtypes, _ = self.rule([e.type.dtype for e in exprs], self._name)
        if self._on_integers is not None and is_discrete(dtypes[0]):
            return self._on_integers(*exprs)
        return self.make(
            *[
                e if e.type.dtype == d else hooks.call("cast", e, d)
                for e, d in zip(exprs, dtypes, strict=True)
            ]
        )

    def _folded(self, args: Sequence[Any]) -> Any:
        """One argument itself, or any number of them from the left, in the dtype of them all."""
        exprs = as_exprs(args, self._name)
        dtypes, _ = self.rule([e.type.dtype for e in exprs], self._name)
        total, *others = (hooks.call("cast", e, d) for e, d in zip(exprs, dtypes, strict=True))
        for other in others:
            total = self.make(total, other)
        return total

    def _in_order(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments by position, some of which were given by name."""
        names = self.__wrapped__.__code__.co_varnames[1 : self.nin + 1]
        given = dict(zip(names, args, strict=False))
        for name, value in own_names(kwargs, self._names, self._name).items():
            if name not in names or name in given:
                problem = "was given twice" if name in given else "is unknown"
                hint = "" if name in given else suggest(name, names)
                raise GraphTypeError(
                    f"{self._name}(): the argument {repr_of(name)} {problem}; it takes "
                    f"{', '.join(names)}.{hint}"
                )
            given[name] = value
        return tuple(given[name] for name in names if name in given)

    def make(self, *inputs: Expr) -> Expr:
        try:
            return Expr(self, inputs, self.infer(*[i.type for i in inputs]))
        except ShapeError as error:
            raise ShapeError(error.message + for_broadcasting(inputs), nodes=inputs) from None

    def infer(self, *types: ValueType) -> ValueType:
        dtypes, dtype = self.rule([t.dtype for t in types], self._name)
        if self.real and is_complex(dtypes[-1]):
            raise GraphTypeError(
                f"{self._name} is not defined for complex numbers. Use T.real(x), T.imag(x), "
                "abs(x) or T.angle(x)."
            )
        shape = types[0].shape
        for t in types:
            if t.shape != shape and t.shape:  # a scalar fits everywhere
                if shape:
                    shape = broadcast_shapes([t.shape for t in types], self._name)
                    break
                shape = t.shape
        return tensor_type(dtype, shape)

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        shapes = {known[i] for i in node.inputs if i.type.shape}
        if len(shapes) <= 1:
            return shapes.pop() if shapes else ()
        return broadcast_lengths(node, shapes)

    def result_shape(self, *shapes: Shape) -> Shape:
        return np.broadcast_shapes(*shapes)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return self.function(xp, *arrays)

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        """Compute the result with `jax.numpy`, where the text of `impl` cannot serve both."""
        return (self._jax or self.function)(xp, *arrays)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (None,) * self.nin if self._vjp is None else self._vjp(g, y, *inputs)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(out)

    @property
    def takes_out(self) -> bool:
        return self.ufunc is not None or self._into is not None

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        if self._into is None:
            raise NotImplementedError(self._name)
        self._into(out, *arrays)

    @property
    def in_place(self) -> bool:
        return self.ufunc is not None

    def source_into(
        self,
        node: Expr,
        args: Sequence[str],
        out: str,
        work: str | None,
        bind: Callable[[Any, str], str],
    ) -> str:
        if self.ufunc is not None:
            # by position where NumPy likes that: a keyword costs a tenth of a small call
            keyword = "out=" if self.ufunc in (np.maximum, np.minimum) else ""
            return f"{bind(self.ufunc, self._name)}({', '.join(args)}, {keyword}{out})"
        return super().source_into(node, args, out, work, bind)

    def source(self, node: Expr, args: Sequence[str], bind: Callable[[Any, str], str]) -> str:
        if node.ndim == 0 and node.dtype.startswith("float") and self.ufunc in _OPERATORS:
            return _OPERATORS[self.ufunc].join(["", *args][-2:])  # 0.07 µs; as a ufunc 0.4
        if self.ufunc is not None:
            return f"{bind(self.ufunc, self._name)}({', '.join(args)})"
        return super().source(node, args, bind)

    def examples(self) -> Iterable[Example]:  # type: ignore[override]
        domain = self.domain
        per_input = domain if isinstance(domain[0], tuple) else (domain,) * self.nin
        dtype = "bool" if self.rule is RULES["bits"] else "float64"
        for shapes in ([(3, 4)] * self.nin, [(3, 1), (4,), (2, 3, 4)][: self.nin], [()] * self.nin):
            args = [Arg(s, dtype, lo, hi) for s, (lo, hi) in zip(shapes, per_input, strict=True)]
            yield Example(self, tuple(args), self.differentiable)


def _find(name: str) -> Op:
    op: Op = REGISTRY[name]
    return op


def elementwise(**settings: Any) -> Callable[[Callable[..., Any]], Elementwise]:
    """Turn `f(xp, *elements)` into an elementwise operation.

    Parameters
    ----------
    vjp : callable, optional
        ``vjp(g, y, *inputs)`` returns one gradient per input; None (the default) is zero.
    domain : (low, high) or one pair per input
        Where tests may sample.
    dtype : str or DtypeRule
        ``same``: the inputs' common dtype; ``number``: likewise, without booleans; ``count``:
        likewise, booleans become int8; ``float``: integers become floats; ``division``: integers
        become floatX; ``compare``: result bool; ``bits``: integers and booleans only.
    ufunc : str or numpy.ufunc, optional
        The NumPy ufunc that computes exactly this (default: the one of the same name); an
        empty string for none.
    condition : bool
        `bool()` of the result refuses.
    variadic : bool
        One argument is the result; more than two fold from the left, in the dtype of them all.
    differentiable : bool
        False where the gradient is a convention that numerical gradients do not show.
    symbol : str, optional
        The infix operator for formulas.
    jax : callable, optional
        The forward for `jax.numpy`, where the decorated text cannot serve both.
    apart : int
        How many leading inputs do not decide what dtype a Python number takes beside the rest.
    real : bool
        Complex numbers are refused.
    on_integers : callable, optional
        What a call returns instead where the input is of integers.
    into : callable, optional
        ``into(out, *arrays)`` computes with NumPy into given memory, where no ufunc does.
    names : dict, optional
        Second names of arguments, as in `checks_keywords`.
    flat : callable, optional
        ``flat(*inputs)`` returns for each input where the slope is 0 because something else was
        chosen, if `vjp` does not say so by a `switch`; None for nowhere.
    """
    return partial(Elementwise, **settings)
