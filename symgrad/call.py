"""Compiled functions as users hold them: checking arguments, calling, explaining failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.backend.numpy_source import Compiled
from symgrad.errors import (
    ExecutionError,
    GraphTypeError,
    GraphValueError,
    IndexRangeError,
    ShapeError,
    SymgradError,
    describe,
    label,
    made_at,
)
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.plan import Program, Step
from symgrad.values import accept


class In:
    """An input of a function, with settings of its own.

    Parameters
    ----------
    variable : placeholder
        The symbolic input.
    name : str, optional
        The keyword by which callers give it; default: the variable's name.
    value : array_like, optional
        Used by calls that leave this input out.
    strict : bool
        Accept only an array of exactly the right dtype.
    allow_downcast : bool, optional
        Overrides the function's `allow_input_downcast` for this input.
    update, mutable, autoname, implicit, borrow, shared
        Theano's arguments; `update` is not supported, use a shared variable.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x = T.dscalar("x")
    >>> f = function([x, In(T.dscalar("y"), value=10.0)], x, on_unused_input="ignore")
    >>> f(1.0)
    array(1.)
    """

    def __init__(
        self,
        variable: Any,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool | None = None,
        borrow: bool | None = None,
        shared: bool = False,
    ) -> None:
        if not isinstance(variable, Expr):
            raise GraphTypeError(
                f"function: an input must be a symbolic variable such as T.matrix('x'), not "
                f"{variable!r}."
            )
        if update is not None:
            raise GraphTypeError(
                "In(update=...) is not supported. Make a shared variable and pass "
                "function(..., updates=[(shared, new)])."
            )
        self.variable = variable
        self.name = name or (variable.name if autoname else None)
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.has_default = value is not None
        self.value: Any = None
        if isinstance(value, Shared):
            value = value.get_value()
        if self.has_default:
            try:
                self.value = accept(value, variable.type, strict, allow_downcast)
            except GraphTypeError as error:
                raise GraphTypeError(f"In: the default value of {variable}: {error}") from None


class Out:
    """An output of a function; `borrow` is accepted, results are always the caller's own."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable
        self.borrow = borrow


class Function:
    """A compiled function: call it with one value per input, in order or by name.

    Attributes
    ----------
    name : str
        What the user called it, or ``function``.
    source : str
        The generated Python source.
    program : Program
        The plan that it was generated from.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x, y = T.dscalars("x", "y")
    >>> f = function([x, y], x - y)
    >>> f(3.0, 1.0), f(y=1.0, x=3.0)
    (array(2.), array(2.))
    """

    def __init__(
        self,
        specs: Sequence[In],
        structure: str,
        keys: Sequence[str],
        program: Program,
        compiled: Compiled,
        allow_downcast: bool | None,
        name: str | None,
        recipe: tuple[Any, ...],
    ) -> None:
        self.name = name or "function"
        self.program = program
        self.input_specs = tuple(specs)
        self._structure = structure
        self._keys = tuple(keys)
        self._compiled = compiled
        self._run = compiled.call
        self._recipe = recipe
        self._filters = tuple(_Filter(self.name, k, s, allow_downcast) for k, s in enumerate(specs))

    @property
    def source(self) -> str:
        """The generated Python source, one line a node."""
        return self._compiled.source

    def __repr__(self) -> str:
        inputs = ", ".join(label(spec.variable) for spec in self.input_specs)
        return f"<symgrad function {self.name}({inputs})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _recompile, self._recipe

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != len(self._filters):
            args = tuple(self._bind(args, kwargs))
        values = [check(value) for check, value in zip(self._filters, args, strict=True)]
        try:
            results = self._run(*values)
        except SymgradError:
            raise
        except Exception as error:
            raise self._explain(error) from error
        if self._structure == "one":
            return results[0]
        if self._structure == "dict":
            return dict(zip(self._keys, results, strict=True))
        return results

    def _bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Any]:
        specs = self.input_specs
        if len(args) > len(specs):
            raise GraphTypeError(
                f"{self.name}() takes {_count(len(specs), 'input')} "
                f"({', '.join(label(s.variable) for s in specs)}), {len(args)} were given."
            )
        by_name = {spec.name: k for k, spec in enumerate(specs) if spec.name}
        for name in kwargs:
            if name not in by_name:
                raise GraphTypeError(
                    f"{self.name}() has no input named {name!r}; its inputs are "
                    f"{', '.join(label(s.variable) for s in specs) or 'none'}."
                )
            if by_name[name] < len(args):
                raise GraphTypeError(f"{self.name}() was given {name!r} twice.")
        for k, spec in enumerate(specs):
            if k < len(args):
                yield args[k]
            elif spec.name in kwargs:
                yield kwargs[spec.name]
            elif spec.has_default:
                yield spec.value
            else:
                raise GraphTypeError(
                    f"{self.name}() needs a value for input {k + 1}, "
                    f"{describe(spec.variable)}.\n{made_at(spec.variable)}"
                )

    # -- explaining failures -------------------------------------------------------------------

    def _explain(self, error: Exception) -> SymgradError:
        step, values = self._failed_step(error.__traceback__)
        if step is None:
            return ExecutionError(f"{self.name}: {error}")
        node = step.node
        kind: type[SymgradError] = ExecutionError
        if isinstance(error, IndexError):
            kind = IndexRangeError
        elif isinstance(error, ValueError):
            kind = ShapeError if _is_about_shapes(error) else GraphValueError
        operands = []
        for i, name in zip(node.inputs, step.args, strict=True):
            if isinstance(i, Constant) and i.ndim == 0:
                continue
            value = i.value if isinstance(i, Constant) else values.get(name)
            operands.append(f"  {label(i)}: {_shape_of(value)}")
        return kind(
            f"{self.name}: {node.op} failed: {error}\n"
            + "\n".join(operands)
            + f"\n{made_at(node)}"
        )

    def _failed_step(self, trace: TracebackType | None) -> tuple[Step | None, dict[str, Any]]:
        found: tuple[Step | None, dict[str, Any]] = (None, {})
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._compiled.filename:
                step = self._compiled.step_at.get(trace.tb_lineno)
                found = (step, trace.tb_frame.f_locals)
            trace = trace.tb_next
        return found


class _Filter:
    """Checks one argument; exact arrays pass at once."""

    __slots__ = ("allow_downcast", "dtype", "fixed", "function", "index", "ndim", "spec")

    def __init__(
        self, function: str, index: int, spec: In, allow_downcast: bool | None
    ) -> None:
        self.function, self.index, self.spec = function, index, spec
        self.ndim = spec.variable.ndim
        is_object = spec.variable.dtype == "object"
        self.dtype = None if is_object else np.dtype(spec.variable.dtype)
        self.fixed = any(n is not None for n in spec.variable.static_shape)
        own = spec.allow_downcast
        self.allow_downcast = allow_downcast if own is None else own

    def __call__(self, value: Any) -> Any:
        if (
            type(value) is np.ndarray
            and value.dtype == self.dtype
            and value.ndim == self.ndim
            and not self.fixed
        ):
            return value
        spec = self.spec
        try:
            return accept(value, spec.variable.type, spec.strict, self.allow_downcast)
        except GraphTypeError as error:
            raise GraphTypeError(
                f"{self.function}(): input {self.index + 1}, {describe(spec.variable)}: {error}"
                f"\n{made_at(spec.variable)}"
            ) from None


def _recompile(*recipe: Any) -> Any:
    return hooks.call("function", *recipe)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is_about_shapes(error: ValueError) -> bool:
    text = str(error)
    return any(word in text for word in ("shape", "broadcast", "dimension", "align", "mismatch"))


def _shape_of(value: Any) -> str:
    if hasattr(value, "shape"):
        text = f"{value.dtype} of shape {value.shape}"
        return f"{text}, value {value}" if value.ndim == 0 else text
    return repr(value)
