"""Programs under stress: what the flags `config.stress.prove`, `fill` and `reuse` add to them.

The source stays as it is. Statements are added to its syntax tree: before each step one that looks
at the memory that it writes, after it one that spoils memory that nothing needs any more. What is
still needed is found out here from the graph alone, not from what the planner thinks of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.backend.numpy import spares
from symgrad.backend.numpy.blocks import Blocks
from symgrad.backend.numpy.scratch import Memory
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Cell
from symgrad.graph.types import TensorType, TupleType, tensor_type
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.op import Spec
from symgrad.plan import Chain, Program, Step

# Units of a program, and steps of a chain, that are watched; with more the time grows squared.
_MOST = 400


def watched(
    source: str,
    program: Program,
    step_at: Mapping[int, Step],
    namespace: dict[str, Any],
    free: Callable[[str], str],
) -> ast.Module:
    """A program's source as a syntax tree with statements added.

    Parameters
    ----------
    source : str
        What was written for `program`.
    step_at : mapping
        The step that each of its lines computes.
    namespace : dict
        Where it finds its functions; more are added.
    free : callable
        Finds names for these.
    """
    return _Tree(source, program, step_at, namespace, free).tree


def replace_memory(namespace: dict[str, Any], memory: Memory | None) -> None:
    """Let a program take its memory by the functions below."""
    for name, value in list(namespace.items()):
        if value is spares.spare:
            namespace[name] = spare
        elif value is spares.copy_to_change:
            namespace[name] = copy_to_change
    if memory is not None:
        namespace["take"] = taking(memory)


# -- memory that is spoilt, or never used again --------------------------------------------------


def spoil(array: Any) -> None:
    """Fill an array with what shows when it is read: NaN, or the largest integer.

    >>> a = np.zeros(2, "int8")
    >>> spoil(a)
    >>> a
    array([127, 127], dtype=int8)
    """
    kind = array.dtype.kind
    if kind in "fc":
        array.fill(np.nan)
    elif kind in "iu":
        array.fill(np.iinfo(array.dtype).max)
    elif kind == "b":
        array.fill(True)


def arrays_in(memory: Any) -> Iterator[Any]:
    """The arrays among what a program was given as memory, those of its chains too.

    What is read-only is no memory: the ones that sums are products with.
    """
    todo = [memory]
    while todo:
        item = todo.pop()
        if isinstance(item, np.ndarray):
            if item.flags.writeable:
                yield item
        elif isinstance(item, (tuple, list)):
            todo += item
        elif isinstance(item, Blocks):
            todo += item.work
        elif isinstance(item, partial):
            todo += item.args


class _Home:
    """Where memory goes at the end of a call."""

    def __init__(self, home: Any) -> None:
        self.home = home

    def append(self, memory: Any) -> None:
        """Take it back."""
        *rest, _ = memory
        if config.stress.fill:
            for array in arrays_in(rest):
                spoil(array)
        if config.stress.reuse != "never":
            self.home.append((*rest, self.home))


def taking(memory: Memory) -> Callable[..., Any]:
    """`Memory.take`, under the flags."""

    def take(*shapes: Any) -> Any:
        if config.stress.reuse == "never":
            memory.made = 0
        *rest, home = memory.take(*shapes)
        if config.stress.fill:
            for array in arrays_in(rest):
                spoil(array)
        finders = {id(spares.spare): spare}
        return (*[finders.get(id(item), item) for item in rest], _Home(home))

    return take


def spare(cell: Cell, value: Any) -> Any:
    """`spares.spare`, under the flags."""
    if config.stress.reuse == "never":
        cell.spare = None
    found = spares.spare(cell, value)
    if config.stress.fill:
        spoil(found)
    return found


def copy_to_change(cell: Cell, value: Any) -> Any:
    """`spares.copy_to_change`, under the flags."""
    if config.stress.reuse == "never":
        cell.spare = None
    return spares.copy_to_change(cell, value)


# -- what is asserted of a step --------------------------------------------------------------------


def _flat(value: Any) -> list[Any]:
    """The arrays that a value is, or consists of; none for numbers."""
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in _flat(item)]
    return [value] if isinstance(value, np.ndarray) and value.dtype != object else []


def _share(a: Any, b: Any) -> bool:
    if not np.may_share_memory(a, b):
        return False
    work: Any = 100_000
    try:
        return np.shares_memory(a, b, max_work=work)
    except Exception:  # too hard; its name has moved within NumPy
        return True


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays are one: element by element in the same place."""
    return bool(
        a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
        and a.shape == b.shape
        and a.strides == b.strides
        and a.dtype == b.dtype
    )


def _expected(node: Expr, args: Sequence[Any]) -> list[Any]:
    """Dtype and shape of each result as the types say, None for a length that they leave open."""
    kind = node.type
    if node.op.typed_by_types:
        known = [
            tensor_type(a.dtype.name, a.shape) if isinstance(a, np.ndarray) and a.ndim else i.type
            for i, a in zip(node.inputs, args, strict=True)
        ]
        try:
            kind = node.op.infer(*known)
        except Exception:  # the step itself will say what is wrong
            return []
    kinds = kind.items if isinstance(kind, TupleType) else (kind,)
    return [(k.dtype, k.shape) if isinstance(k, TensorType) else None for k in kinds]


class _Watch:
    """What is asserted of one step."""

    def __init__(self, step: Step, in_chain: bool) -> None:
        self.step = step
        self.in_chain = in_chain

    def before(self, out: Any, work: Any, args: list[Any], live: list[Any]) -> list[Any]:
        """Look at the memory that a step is about to write; `live` is needed after it."""
        step, node = self.step, self.step.node
        outs = out if isinstance(out, tuple) else (out,)
        if self.in_chain and out is not None:  # perhaps seen as a vector; scratch may be larger
            shape = np.broadcast_shapes(out.shape, *map(np.shape, args))
            assert shape == out.shape, self._text("has", out.shape, "expected", shape)
            assert out.dtype == node.dtype, self._text("has", out.dtype)
        else:
            for array, want in zip(outs, _expected(node, args), strict=False):
                if array is not None and want is not None:
                    self._fits(array, *want)
        written = _flat(out)
        for k, array in enumerate(written):
            assert array.flags.writeable, self._text("is read-only")
            for other in [*written[:k], *(a for value in live for a in _flat(value))]:
                assert not _share(array, other), self._text("overlaps what is needed later")
            for position, arg in enumerate(args):
                for other in _flat(arg):
                    if _share(array, other):
                        allowed = node.op.in_place or step.changes is not None
                        if isinstance(node.op, (Gemm, IncIndex)):
                            allowed = position == 0
                        allowed = allowed and _same(array, other)
                        assert allowed, self._text("overlaps an input")
        if work:
            specs = [Spec(np.shape(a), i.dtype) for i, a in zip(node.inputs, args, strict=True)]
            asked = [(spec.shape, np.dtype(spec.dtype)) for spec in node.op.workspace(*specs)]
            assert asked == [(w.shape, w.dtype) for w in work], self._text("workspace", asked)
            for w in work:
                for other in (a for value in (*args, *live, *written) for a in _flat(value)):
                    assert not _share(w, other), self._text("workspace overlaps what is needed")
        return args

    def _fits(self, array: Any, dtype: str, shape: Sequence[int | None]) -> None:
        text = self._text("has", (array.dtype.name, array.shape), "expected", (dtype, shape))
        assert (array.dtype, array.ndim) == (np.dtype(dtype), len(shape)), text
        for have, want in zip(array.shape, shape, strict=True):
            assert want is None or have == want, text

    def after(self, result: Any, args: list[Any]) -> None:
        """Look at whose memory the result has, where the step was given none."""
        view = self.step.node.op.view_of
        if self.step.out is None and not self.step.integer:
            own = [] if view is None else _flat(args[view])
            others = (a for k, arg in enumerate(args) if k != view for a in _flat(arg))
            for other in others:
                if not any(_share(other, a) for a in own):
                    shared = any(_share(other, a) for a in _flat(result))
                    assert not shared, self._text("gave a view of an input")
        args.clear()  # counts of references are as without this

    def _text(self, *words: Any) -> str:
        return f"{self.step.target} = {self.step.node}: {' '.join(map(str, words))}"


def _before_chain(
    written: Sequence[int], chain: Any, arrays: Sequence[Any], live: Sequence[Any]
) -> None:
    """Look at the memory that a chain is about to write; `written` are positions in `arrays`."""
    shape = getattr(chain, "shape", None)
    if isinstance(chain, partial):
        shape = next((a.shape for a in chain.args if a is not None), None)
    for position in written:
        array = arrays[position]
        if array is None:
            continue
        assert shape is None or array.shape == shape, (
            f"a chain of shape {shape} writes to memory of shape {array.shape}"
        )
        whole = array.flags.carray or array.flags.farray  # the latter is taken row by row
        assert whole, "a chain writes to memory with gaps, or read-only"
        others = [a for k, a in enumerate(arrays) if k != position]
        for other in (a for value in (*live, *others) for a in _flat(value)):
            assert not _share(array, other), "a chain writes to what is needed besides"


def _spoil_dead(memory: Any, *live: Any) -> None:
    """Spoil what no living value has in use."""
    used = [a for value in live for a in _flat(value)]
    for array in arrays_in(memory):
        if not any(np.may_share_memory(array, other) for other in used):
            spoil(array)


# -- the statements that are added ----------------------------------------------------------------


class _Tree:
    """See `watched`."""

    def __init__(
        self,
        source: str,
        program: Program,
        step_at: Mapping[int, Step],
        namespace: dict[str, Any],
        free: Callable[[str], str],
    ) -> None:
        self.program = program
        self.step_at = step_at
        self.namespace = namespace
        self.free = free
        self.tree = ast.parse(source)
        self.chains = {u.name: u for u in program.units if isinstance(u, Chain)}
        self.unit_of = {id(unit): k for k, unit in enumerate(program.units)}
        self.held = free("held")
        names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)}
        self.takes_memory = "memory" in names
        if len(program.units) <= _MOST and (config.stress.prove or config.stress.fill):
            self.live = self._live()
            for function in self.tree.body:
                if isinstance(function, ast.FunctionDef):
                    chain = self.chains.get(function.name)
                    if chain is None:
                        self._visit(function.body, self._unit)
                    elif len(chain.steps) <= _MOST:
                        self._chain(function, chain)
        ast.fix_missing_locations(self.tree)

    def _live(self) -> list[list[str]]:
        """For each unit, the names of values that are there before and needed after it."""
        program = self.program
        kept = [n for n in program.names if n.op is None and n.type.dtype != "object"]
        always = [program.names[n] for n in kept if not isinstance(n, Constant) or n.ndim]
        always = [n for n in always if n not in program.integers]
        results = (*program.outputs, *(result for _, result in program.updates))
        needed = {(program.names[result.node], result.node) for result in results}
        found: list[list[str]] = []
        for unit in reversed(program.units):
            steps = unit.steps if isinstance(unit, Chain) else (unit,)
            inside = {step.node for step in steps}
            needed = {(name, node) for name, node in needed if node not in inside}
            found.append(list(dict.fromkeys([*always, *(name for name, _ in needed)])))
            for step in steps:
                for i in step.node.inputs:
                    if i.op is not None and i not in inside:
                        # of several results, the one that is taken out
                        at = f"[{step.node.op.index}]" if isinstance(i.type, TupleType) else ""
                        needed.add((program.names[i] + at, i))
        return found[::-1]

    def _visit(self, body: list[Any], change: Callable[[Any], list[Any] | None]) -> None:
        seen: set[int] = set()
        for statement in list(body):
            if isinstance(statement, ast.With):
                self._visit(statement.body, change)
            elif isinstance(statement, ast.Assign) and statement.lineno not in seen:
                seen.add(statement.lineno)
                changed = change(statement)
                if changed is not None:
                    at = body.index(statement)
                    body[at : at + 1] = changed

    def _unit(self, statement: ast.Assign) -> list[Any] | None:
        value = statement.value
        function = value.func if isinstance(value, ast.Call) else None
        called = function.id if isinstance(function, ast.Name) else ""
        unit: Any = self.chains.get(called) or self.step_at.get(statement.lineno)
        if unit is None or id(unit) not in self.unit_of:
            return None
        position = self.unit_of[id(unit)]
        own = {n for _, _, n in unit.results} if isinstance(unit, Chain) else {unit.target}
        late = self.live[position]
        made: list[Any] = [statement]
        if isinstance(unit, Chain):
            if config.stress.prove:
                places = [*unit.inputs, *(actual for _, actual in unit.outs)]
                inside = [*unit.inputs, *(name for name, _ in unit.outs)]
                outs = {step.out for step in unit.steps}
                written = [k for k, name in enumerate(inside) if name in outs]
                check = self._bind(partial(_before_chain, written), "prove")
                made[:0] = [_call(check, unit.name, places, late)]
        elif not unit.integer and config.stress.prove:
            made = self._watched(statement, unit, late, False)
        if config.stress.fill and position >= self.program.early and self.takes_memory:
            made.append(_call(self._bind(_spoil_dead, "spoil"), "memory", *late, *own))
        return _located(made, statement)

    def _watched(
        self, statement: ast.Assign, step: Step, late: Sequence[str], in_chain: bool
    ) -> list[Any]:
        watch = _Watch(step, in_chain)
        before, after = self._bind(watch.before, "prove"), self._bind(watch.after, "proved")
        first = _call(before, step.out or "None", step.work or "None", list(step.args), list(late))
        hold = ast.Assign([ast.Name(self.held, ast.Store())], first.value)
        return [hold, statement, _call(after, step.target, self.held)]

    def _chain(self, function: ast.FunctionDef, chain: Chain) -> None:
        """Watch every step inside a chain, and spoil its registers."""
        registers = [name for name, _ in chain.registers]
        local = {step.node: step.target for step in chain.steps}
        for step in chain.steps:
            for i, name in zip(step.node.inputs, step.args, strict=True):
                if i.op is not None or i.ndim:
                    local.setdefault(i, name)
        needed = {node for node, _, _ in chain.results}
        late: dict[int, list[str]] = {}
        for step in reversed(chain.steps):
            late[id(step)] = [local[n] for n in needed if n is not step.node]
            needed.discard(step.node)
            needed.update(i for i in step.node.inputs if i in local)
        own = self.free("registers")

        def change(statement: ast.Assign) -> list[Any] | None:
            step = self.step_at.get(statement.lineno)
            if step is None or id(step) not in late:
                return None
            made: list[Any] = [statement]
            if config.stress.prove:
                made = self._watched(statement, step, late[id(step)], True)
            if config.stress.fill:
                spoiler = self._bind(_spoil_dead, "spoil")
                made.append(_call(spoiler, own, *late[id(step)], step.target))
            return _located(made, statement)

        first = function.body[0]
        self._visit(function.body, change)
        if config.stress.fill:
            hold = ast.Assign([ast.Name(own, ast.Store())], _value(registers))
            function.body[:0] = _located([hold], first)

    def _bind(self, value: Any, wish: str) -> str:
        name = self.free(wish)
        self.namespace[name] = value
        return name


def _value(item: str | Sequence[str]) -> Any:
    if isinstance(item, str):
        return ast.parse(item, mode="eval").body
    return ast.List([_value(each) for each in item], ast.Load())


def _call(function: str, *items: str | Sequence[str]) -> ast.Expr:
    return ast.Expr(ast.Call(_value(function), [_value(item) for item in items], []))


def _located(statements: list[Any], at: ast.AST) -> list[Any]:
    for statement in statements:
        if not hasattr(statement, "lineno"):
            ast.copy_location(statement, at)
            for below in ast.walk(statement):
                ast.copy_location(below, at)
    return statements
