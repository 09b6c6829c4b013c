"""Compiled functions as users hold them: checking arguments, calling, explaining failures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad import hooks
from symgrad.backend.numpy.source import compile_program
from symgrad.backend.profiling.timing import Timing
from symgrad.compile.containers import Containers, Values
from symgrad.compile.recipe import FunctionGraph, In, Maker, Recipe
from symgrad.errors import (
    GraphTypeError,
    describe,
    label,
    listed,
    made_at,
    quoted,
    repr_of,
    suggest,
)
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.graph.values import accept
from symgrad.plan import Program

if TYPE_CHECKING:
    from symgrad.backend.profiling.profile import ProfileStats
    from symgrad.backend.profiling.report import Plan


class Function:
    """A compiled function: call it with one value per input, in order or by name.

    Attributes
    ----------
    name : str
        What the user called it, or the file and line where it was made.
    program : Program
        The plan that the source was generated from.
    profile : ProfileStats or None
        What was measured, if it was made with ``profile=True``.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x, y = T.dscalars("x", "y")
    >>> f = function([x, y], x - y)
    >>> f(3.0, 1.0), f(y=1.0, x=3.0)
    (array(2.), array(2.))
    """

    def __init__(self, recipe: Recipe, program: Program, timing: Timing | None = None) -> None:
        self.name = recipe.name or recipe.origin or "function"
        self.program = program
        self.input_specs = recipe.specs
        self.profile: ProfileStats | None = None
        self._timing = timing
        self._recipe = recipe
        self._mode = recipe.mode
        self._keys = recipe.keys if recipe.structure == "dict" else None
        self._count = len(recipe.specs)
        self.filters = tuple(
            _Filter(self.title, k, spec, recipe.allow_downcast)
            for k, spec in enumerate(recipe.specs)
        )
        self._trusts = False
        self._compile()

    def _compile(self) -> None:
        checks = [None if self._trusts else check.for_source for check in self.filters]
        single = self._recipe.structure == "one"
        self._compiled = compile_program(self.program, checks, single, self._timing)
        self._run = self._mode.watched(self, self._compiled.call)

    @property
    def trust_input(self) -> bool:
        """Whether arguments are not checked; they must then be arrays of the right dtype and rank.

        Setting it writes the source again, without or with the checks.
        """
        return self._trusts

    @trust_input.setter
    def trust_input(self, trusts: bool) -> None:
        if trusts != self._trusts:
            self._trusts = bool(trusts)
            self._compile()

    @property
    def title(self) -> str:
        """How messages call it."""
        return self._recipe.title

    @property
    def recipe(self) -> Recipe:
        """What it was made of."""
        return self._recipe

    def accepted(self, args: Sequence[Any]) -> list[Any]:
        """Arguments as a call takes them: checked, of the right dtype."""
        return [check(value) for check, value in zip(self.filters, args, strict=True)]

    @property
    def source(self) -> str:
        """The generated Python source, one line a node."""
        return self._compiled.source

    @property
    def plan(self) -> Plan:
        """Steps and memory: ``print(f.plan)``, ``f.plan.memory(*args).peak``."""
        from symgrad.backend.profiling.report import Plan

        return Plan(self.program, self._compiled.memory)

    @property
    def maker(self) -> Maker:
        """Theano's way to the compiled graph: ``f.maker.fgraph.toposort()``."""
        program = self.program
        outputs = [*(r.node for r in program.outputs), *(r.node for _, r in program.updates)]
        inputs = [*(node for node, _ in program.inputs), *self.get_shared()]
        graph = FunctionGraph(inputs, outputs, [step.node for step in program.steps])
        return Maker(graph, self._mode)

    def draw(self, path: str | os.PathLike[str] | None = None, written: bool = False) -> str:
        """Draw the graph as SVG, as compiled or as it was `written`; see `symgrad.draw.svg`."""
        drawn: str = hooks.call("draw", self, path, written)
        return drawn

    def _repr_svg_(self) -> Any:
        return hooks.call("draw_for_notebook", self)

    def story(self, compiled: bool = False) -> Any:
        """What was done to the graph when it was compiled: a `symgrad.story.Story`.

        Print it, or see its `html`. Each rewrite is shown as before → after, with the reason, your
        line, and for those that keep values finite a value where the old form fails. With
        `compiled`, what elementwise operations have become is told, too: NumPy's own functions.
        """
        return hooks.call("story", self._recipe, self.program, compiled)

    def get_shared(self) -> list[Expr]:
        """The shared variables that a call reads or changes."""
        return [shared for shared, _ in self.program.shared]

    def free(self) -> None:
        """Let go of the scratch memory that is kept for the next call."""
        if self._compiled.memory is not None:
            self._compiled.memory.free()
        for shared in self.program.spares:
            with shared.cell.lock:
                shared.cell.spare = None

    def __repr__(self) -> str:
        inputs = listed([label(spec.variable) for spec in self.input_specs])
        return f"<symgrad function {quoted(self.name)}({inputs})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._recipe,)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.value[key] = value

    def __contains__(self, key: Any) -> bool:
        return key in self.container

    __iter__ = None  # or Python would ask for f[0], f[1], and so on

    @property
    def container(self) -> Containers:
        """Where values are kept: ``f.container["x"].value``, of defaults and shared variables."""
        return Containers(self)

    @property
    def value(self) -> Values:
        """What is kept there: ``f.value["x"]``, or ``f["x"]``; it may be set."""
        return Values(self)

    def copy(
        self,
        share_memory: bool = False,
        swap: Mapping[Any, Any] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
        profile: Any = None,
    ) -> Any:
        """Make the same function anew, with other shared variables or without its updates.

        Parameters
        ----------
        share_memory : bool
            Accepted for Theano's sake; scratch memory is never shared.
        swap : dict of shared variables, optional
            Which one takes the place of which, of the same dtype and rank.
        delete_updates : bool
            Leave out all updates.
        name : str, optional
            By default that of this function, followed by ``copy``.
        profile : bool, str or ProfileStats, optional
            As for `function`.

        >>> import symgrad, symgrad.tensor as T
        >>> total, other = symgrad.shared(0.0), symgrad.shared(0.0)
        >>> x = T.dscalar("x")
        >>> add = symgrad.function([x], total, updates=[(total, total + x)])
        >>> add_to_other = add.copy(swap={total: other})
        >>> add_to_other(3.0), add_to_other(0.0), total.get_value()
        (array(0.), array(3.), array(0.))
        """
        return hooks.call("copy_function", self._recipe, swap, delete_updates, name, profile)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Check the arguments, compute, and carry out the updates."""
        start = perf_counter()
        if kwargs or len(args) != self._count:
            args = tuple(self._bind(args, kwargs))
        try:
            results = self._run(*args)
        except Exception as error:
            explained = self._explain(error, args)
            if explained is error:
                raise
            raise explained from error
        self._mode.call_time += perf_counter() - start
        return results if self._keys is None else dict(zip(self._keys, results, strict=True))

    def _bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Any]:
        specs = self.input_specs
        if len(args) > len(specs):
            raise GraphTypeError(
                f"{self.title} takes {_count(len(specs), 'input')} "
                f"({listed([label(s.variable) for s in specs])}), {len(args)} were given."
            )
        names = [spec.name for spec in specs]
        for name in kwargs:
            if name not in names:
                raise GraphTypeError(
                    f"{self.title} has no input named {repr_of(name)}; its inputs are "
                    f"{listed([label(s.variable) for s in specs]) or 'none'}."
                    f"{suggest(name, [n for n in names if n])}"
                )
            if names.count(name) > 1:
                raise GraphTypeError(
                    f"{self.title} has {names.count(name)} inputs named {repr_of(name)}; "
                    "give them in order, or tell them apart with In(variable, name=...)."
                )
            if names.index(name) < len(args):
                raise GraphTypeError(f"{self.title} was given {repr_of(name)} twice.")
        for k, spec in enumerate(specs):
            if k < len(args):
                yield args[k]
            elif spec.name in kwargs:
                yield kwargs[spec.name]
            elif spec.value is not None:
                yield self.filters[k].take_default()
            else:
                raise GraphTypeError(
                    f"{self.title} needs a value for input {k + 1}, {describe(spec.variable)}; "
                    f"it takes {listed([label(s.variable) for s in specs])}."
                    f"\n{made_at(spec.variable)}"
                )

    def _explain(self, error: Exception, args: Sequence[Any]) -> Exception:
        """The error that the user reads: an argument that is wrong, or what failed."""
        from symgrad.compile.failures import Call, explain

        values: dict[Expr, Any] = {}
        for check, spec, value in zip(self.filters, self.input_specs, args, strict=True):
            try:
                values[spec.variable] = check(value)
            except GraphTypeError as wrong:  # what is trusted is checked now
                return wrong
        recipe = self._recipe
        return explain(
            Call(self.title, recipe.results, recipe.updates, values, self._compiled), error
        )


class _Filter:
    """Checks one argument; exact arrays pass at once."""

    __slots__ = (
        "_default",
        "_next",
        "allow_downcast",
        "dtype",
        "fixed",
        "index",
        "limit",
        "narrow",
        "ndim",
        "spec",
        "title",
    )

    def __init__(self, title: str, index: int, spec: In, allow_downcast: bool | None) -> None:
        self.title, self.index, self.spec = title, index, spec
        self.ndim = spec.variable.ndim
        is_object = spec.variable.dtype == "object"
        self.dtype = None if is_object else np.dtype(spec.variable.dtype)
        self.narrow: Any = None
        self.limit = 0.0  # Python floats below this are taken at once
        own = spec.allow_downcast
        self.allow_downcast = allow_downcast if own is None else own
        if self.ndim == 0 and self.dtype is not None and self.dtype.kind == "f":
            self.narrow = self.dtype.type
            if self.allow_downcast is not False or self.dtype == np.float64:
                self.limit = float(np.finfo(self.dtype).max)
        self.fixed = any(n is not None for n in spec.variable.static_shape)
        self._default: Any = None
        self._next: tuple[Any] | None = None
        if spec.value is not None:
            value = self(self.default())
            self._default = value.copy() if isinstance(value, np.ndarray) else value

    @property
    def for_source(self) -> _Filter | None:
        """What generated code asks about a value; None where every value is accepted."""
        return None if self.dtype is None else self

    def take_default(self) -> Any:
        """What stands for an argument that is left out; what was set serves once."""
        value, self._next = self.default(), None
        return value

    def set_next(self, value: Any) -> None:
        """Set what stands for the argument when it is left out the next time."""
        value = self(value)
        self._next = (value.copy() if isinstance(value, np.ndarray) else value,)

    def default(self) -> Any:
        """What would stand for the argument."""
        if self._next is not None:
            return self._next[0]
        value = self.spec.value
        if isinstance(value, Shared):
            return value.cell.value
        return value if self._default is None else self._default

    def __call__(self, value: Any) -> Any:
        spec = self.spec
        if type(value) is np.ndarray and value.dtype == self.dtype and value.ndim == self.ndim:
            if not self.ndim:
                return value[()]  # a NumPy scalar is faster than an array of rank 0
            if not self.fixed:
                return value
        if type(value) is float and -self.limit < value < self.limit and not spec.strict:
            return self.narrow(value)
        try:
            value = accept(value, spec.variable.type, spec.strict, self.allow_downcast)
            return value if self.ndim or self.dtype is None else value[()]
        except GraphTypeError as error:
            is_default = value is spec.value and value is not None
            what = "the default of input" if is_default else "input"
            raise GraphTypeError(
                f"{self.title}: {what} {self.index + 1}, {describe(spec.variable)}: {error.message}"
                f"\n{made_at(spec.variable)}"
            ) from None


def _rebuild(recipe: Recipe) -> Any:
    return hooks.call("build_function", recipe)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
