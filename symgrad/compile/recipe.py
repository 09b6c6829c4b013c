"""What a function is made of: its inputs, outputs and the recipe to make it again."""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.errors import GraphTypeError, quoted, repr_of
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.walk import substitute


class In:
    """An input of a function, with settings of its own.

    Parameters
    ----------
    variable : placeholder
        The symbolic input.
    name : str, optional
        The keyword by which callers give it; default: the variable's name.
    value : array_like or shared variable, optional
        Used by calls that leave this input out; of a shared variable, its value at that time.
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
                f"{repr_of(variable)}."
            )
        if update is not None:
            raise GraphTypeError(
                "In(update=...) is not supported. Make a shared variable and pass "
                "function(..., updates=[(shared, new)])."
            )
        self.variable = variable
        self.name = name or (variable.name if autoname else None)
        self.value = value
        self.strict = strict
        self.allow_downcast = allow_downcast

    def __repr__(self) -> str:
        default = "" if self.value is None else f", value={self.value!r}"
        return f"In({self.variable}{default})"


def Param(
    variable: Any,
    default: Any = None,
    name: str | None = None,
    mutable: bool | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    implicit: bool | None = None,
    borrow: bool | None = None,
    **settings: Any,
) -> In:
    """Make an `In`, by its oldest name, where the value was called the default.

    >>> import symgrad.tensor as T
    >>> Param(T.dscalar("x"), default=1.0)
    In(x, value=1.0)
    """
    settings = {
        "value": default,
        "mutable": mutable,
        "strict": strict,
        "allow_downcast": allow_downcast,
        "implicit": implicit,
        "borrow": borrow,
    } | settings
    return In(variable, name, **settings)


class Out:
    """An output of a function; `borrow` is accepted, results are always the caller's own."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable
        self.borrow = borrow


class Recipe(NamedTuple):
    """What a function was made of: enough to make it again (pickle and deepcopy do)."""

    specs: tuple[In, ...]
    structure: str
    keys: tuple[str, ...]
    results: tuple[Expr, ...]
    updates: tuple[tuple[Shared, Expr], ...]
    mode: Any
    name: str | None
    origin: str
    allow_downcast: bool | None
    profile: Any = None

    @property
    def title(self) -> str:
        """How messages call the function."""
        return f"{quoted(self.name)}()" if self.name else f"function made at {self.origin}"

    def written(self) -> tuple[list[Expr], list[Expr], list[tuple[Shared, Expr]]]:
        """The inputs, results and updates as they were written, with placeholders as inputs.

        An input may be any variable, `x + y` say: a placeholder takes its place.
        """
        stand_ins: dict[Expr, Expr] = {
            spec.variable: Placeholder(spec.variable.type, spec.variable.name)
            for spec in self.specs
            if spec.variable.op is not None
        }
        inputs = [stand_ins.get(spec.variable, spec.variable) for spec in self.specs]
        graph = substitute([*self.results, *(new for _, new in self.updates)], stand_ins)
        results, news = graph[: len(self.results)], graph[len(self.results) :]
        return inputs, results, [(s, n) for (s, _), n in zip(self.updates, news, strict=True)]


class FunctionGraph(NamedTuple):
    """The graph that a function computes, after rewriting (Theano's `f.maker.fgraph`)."""

    inputs: list[Expr]
    outputs: list[Expr]
    nodes: list[Expr]

    def toposort(self) -> list[Expr]:
        """The nodes that are computed, in the order in which they are."""
        return list(self.nodes)

    @property
    def apply_nodes(self) -> set[Expr]:
        """The nodes that are computed."""
        return set(self.nodes)


class Maker(NamedTuple):
    """Where Theano's users look for the compiled graph: `f.maker.fgraph`."""

    fgraph: FunctionGraph
    mode: Any
