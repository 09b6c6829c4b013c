"""What a plan consists of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.ops.op import Lengths
from symgrad.plan.memory import Shapes


class Step(NamedTuple):
    """One node to compute.

    Attributes
    ----------
    node : Expr
        What is computed.
    target : str
        The name that receives it.
    args : tuple of str
        The names of its inputs.
    out : str or None
        An array of the right shape and dtype that the result is written to: scratch memory, a
        dead array, or the memory of an update. None: the operation makes a new array.
    work : str or None
        The scratch arrays that the operation asked for.
    changes : str or None
        The list that notes down which parts of `out` are changed; `out` held a copy before.
    solver : str or None
        What computes the result for the shapes of this call, if that depends on them.
    integer : bool
        The value is a Python int, for it is only ever an index or a length.
    wraps : bool
        It is computed of Python ints, and may leave its dtype, or be a cast that has to round.
    dead : tuple of str
        Names that nothing needs after this step.
    """

    node: Expr
    target: str
    args: tuple[str, ...]
    out: str | None = None
    work: str | None = None
    changes: str | None = None
    solver: str | None = None
    integer: bool = False
    wraps: bool = False
    dead: tuple[str, ...] = ()


class Chain(NamedTuple):
    """Elementwise steps of one shape, which may run block by block.

    Attributes
    ----------
    name : str
        The name of the function that computes it.
    steps : tuple of Step
        What it computes, in order.
    inputs : tuple of str
        The arrays and numbers that it reads.
    outs : tuple of (str, str)
        Arrays that it writes to besides: the name inside, and what is passed (a name or None).
    registers : tuple of (str, str)
        Names and dtypes of the scratch arrays inside.
    results : tuple of (Expr, str, str)
        What it gives back: the node, its name inside, its name outside.
    dead : tuple of str
        Names that nothing needs after it.
    """

    name: str
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outs: tuple[tuple[str, str], ...]
    registers: tuple[tuple[str, str], ...]
    results: tuple[tuple[Expr, str, str], ...]
    dead: tuple[str, ...]


class Result(NamedTuple):
    """A value that leaves the program; `copy` where its memory is not the caller's alone."""

    node: Expr
    source: str
    copy: bool


class Fitting(NamedTuple):
    """A name for what finds memory for an update, its variable, and what must have one shape."""

    name: str
    shared: Shared
    nodes: tuple[Expr, ...]


class Scratch(NamedTuple):
    """Memory that a call needs, once the lengths are known.

    Attributes
    ----------
    sources : tuple of (Expr, str)
        The nodes whose shapes decide all others.
    rules : tuple of (Expr, lengths or None)
        How to find further shapes, in order: by lengths of sources, or by broadcasting the inputs.
    arrays : tuple of (str, Expr)
        Scratch arrays: the name, and a node of the same shape and dtype.
    works : tuple of (str, Expr)
        Names of workspaces, and the nodes whose operations asked for them.
    solvers : tuple of (str, Expr)
        Names of functions that depend on shapes, and the nodes that they compute.
    items : dict
        Of each node of several results, those that are used.
    equal : tuple of pairs
        Lengths that are taken to be equal; where they are not, an operation will fail.
    fitting : tuple of Fitting
        Updates of which it shows at a call whether they have the shapes of their variables.
    """

    sources: tuple[tuple[Expr, str], ...]
    rules: tuple[tuple[Expr, Lengths | None], ...]
    arrays: tuple[tuple[str, Expr], ...]
    works: tuple[tuple[str, Expr], ...]
    solvers: tuple[tuple[str, Expr], ...]
    items: dict[Expr, tuple[Expr | None, ...]]
    equal: tuple[tuple[Any, Any], ...]
    fitting: tuple[Fitting, ...]


class Program(NamedTuple):
    """Everything a backend needs to make a callable.

    `early` is the number of units that come before scratch memory is taken. `spares` names the
    arrays that updates are made in, `changes` the lists of changed parts, for updates of parts.
    """

    name: str
    inputs: tuple[tuple[Expr, str], ...]
    integers: frozenset[str]
    shared: tuple[tuple[Shared, str], ...]
    constants: tuple[tuple[Constant, str], ...]
    units: tuple[Step | Chain, ...]
    early: int
    scratch: Scratch
    spares: dict[Shared, str]
    changes: dict[Shared, str]
    outputs: tuple[Result, ...]
    updates: tuple[tuple[Shared, Result], ...]
    names: dict[Expr, str]
    taken: frozenset[str]
    shapes: Shapes

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, those inside chains too."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[Step]:
        for unit in self.units:
            if isinstance(unit, Chain):
                yield from unit.steps
            else:
                yield unit
