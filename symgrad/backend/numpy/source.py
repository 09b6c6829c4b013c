"""The default backend: a `Program` becomes readable NumPy source, and that a function.

One line a node, with the user's names and the line of the user's code that made it:

    t1 = dot(x, W, t1)   # logistic_sgd.py:24

The last argument is the memory that the result is written to.
"""

from __future__ import annotations

import itertools
import linecache
import warnings
import weakref
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from symgrad.backend.numpy.blocks import Kernel
from symgrad.backend.numpy.integers import converted, wrapped
from symgrad.backend.numpy.scratch import Memory
from symgrad.backend.numpy.spares import copy_to_change, keep, spare
from symgrad.backend.profiling.timing import INPUTS, LOCKS, MEMORY, RESULTS, Clocks, Timing
from symgrad.errors import ShapeError, describe, made_at
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.locks import all_of
from symgrad.ops.arithmetic.lowered import log1p_by_log, log1p_of_fraction
from symgrad.ops.arrays.lengths import Dim
from symgrad.ops.indexing.indexing import Changer
from symgrad.ops.linalg.blas import one_thread, thread_settings
from symgrad.ops.op import Into, Op
from symgrad.origins import Origin, short_origin
from symgrad.plan import Chain, Program, Result, Step, python_name
from symgrad.plan.integers import INTEGER_SYMBOLS

_numbers = itertools.count(1)
_WIDTH = 100
_MOST_LOCKS = 16  # CPython nests at most 20 blocks, and each lock of a `with` is one

Check = Callable[[Any], Any]


class Compiled:
    """A callable, its source, which line computes which step, and its scratch memory."""

    def __init__(self, call: Callable[..., Any], source: str, filename: str) -> None:
        self.call = call
        self.source = source
        self.filename = filename
        self.step_at: dict[int, Step] = {}
        self.memory: Memory | None = None


def compile_program(
    program: Program,
    checks: Sequence[Check | None] = (),
    single: bool = False,
    timing: Timing | None = None,
) -> Compiled:
    """Write, compile and register the source of a program.

    Parameters
    ----------
    program : Program
        What to compute.
    checks : sequence of callable, optional
        For each input what is asked about a value that is not at first sight right; None where
        every value is.
    single : bool
        Return the only output itself, not a list.
    timing : Timing, optional
        Where the source notes how long each step takes.

    >>> import symgrad.tensor as T
    >>> from symgrad.plan import plan
    >>> x = T.dvector("x")
    >>> compiled = compile_program(plan("double", [x], [x * 2], []))
    >>> compiled.call(np.array([1.0, 2.0]))
    [array([2., 4.])]
    """
    writer = _Writer(program, checks, single, timing)
    source = writer.write()
    filename = f"<symgrad {writer.function} {next(_numbers)}>"
    code: Any = source
    if config.stress.on:
        from symgrad.backend.numpy import stress  # for developers only

        code = stress.watched(source, program, writer.step_at, writer.namespace, writer._free)
    exec(compile(code, filename, "exec"), writer.namespace)
    call = writer.namespace.pop(writer.function)
    if len(writer.locks) > _MOST_LOCKS:
        call = _holding(call, writer.locks)
    compiled = Compiled(call, source, filename)
    compiled.step_at = writer.step_at
    compiled.memory = writer.link()
    if config.stress.on:
        stress.replace_memory(writer.namespace, compiled.memory)
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    _forget_with(compiled, filename)
    return compiled


_ends: list[Any] = []  # references to what is compiled, and to some of what is gone
_most_ends = 64


def _forget_with(compiled: Compiled, filename: str) -> None:
    """Let linecache forget the source with the function, by a callback in C.

    In a callback in Python, as `weakref.finalize` has, Ctrl-C would be lost.
    """
    global _most_ends
    _ends.append(weakref.ref(compiled, partial(linecache.cache.pop, filename)))  # default: the ref
    if len(_ends) > _most_ends:
        _ends[:] = [end for end in _ends if end() is not None]
        _most_ends = 2 * len(_ends) + 64


class _Writer:
    def __init__(
        self,
        program: Program,
        checks: Sequence[Check | None],
        single: bool,
        timing: Timing | None,
    ) -> None:
        self.program = program
        self.checks = checks
        self.single = single
        self.namespace: dict[str, Any] = {
            "array": np.array,
            "errstate": np.errstate,
            "ndarray": np.ndarray,
            "spare": spare,
        }
        self.bound: dict[Any, str] = {}
        self.chains = [unit for unit in program.units if isinstance(unit, Chain)]
        self.taken = set(program.taken)
        self.counts: dict[str, int] = {}
        for node, name in program.constants:
            # NumPy's scalars are faster beside arrays than arrays of rank 0
            self.namespace[name] = node.value if node.ndim else node.value[()]
        self.function = self._free(python_name(program.name))
        self.lines: list[str] = []
        self.places: dict[tuple[int, int], str] = {}
        self.step_at: dict[int, Step] = {}
        cells = sorted((shared.cell for shared, _ in program.updates), key=lambda c: c.serial)
        self.locks = [cell.lock for cell in cells]
        self.clocks = None
        if timing is not None:
            self.clocks = Clocks(timing, self.namespace, self._free)

    def _free(self, wish: str) -> str:
        name = wish
        while name in self.taken:
            self.counts[wish] = self.counts.get(wish, 1) + 1
            name = f"{wish}_{self.counts[wish]}"
        self.taken.add(name)
        return name

    def bind(self, value: Any, wish: str) -> str:
        """A name in the generated module for an object that the source needs."""
        key: Any = value
        if isinstance(value, Op):
            value = partial(value.impl, np)
        elif isinstance(value, Into):
            value = value.function()
        if key not in self.bound:
            name = self._free(python_name(wish))
            self.namespace[name] = value
            self.bound[key] = name
        return self.bound[key]

    def link(self) -> Memory | None:
        """Give the compiled chains to the scratch memory, which binds them to shapes."""
        scratch = self.program.scratch
        if not self.has_scratch:
            return None
        kernels = []
        for chain in self.chains:
            names = [*chain.inputs, *(name for name, _ in chain.outs)]
            places = {name: place for place, name in reversed(list(enumerate(names)))}
            where = {step.node: places[step.out] for step in chain.steps if step.out in places}
            by_name = {step.out: step.node.dtype for step in chain.steps}
            kernel = Kernel(
                self.namespace[chain.name],
                tuple(dtype for _, dtype in chain.registers),
                tuple(by_name[name] for name, _ in chain.outs),
                tuple(where[node] for node, _, _ in chain.results),
                any(step.node.op in (log1p_by_log, log1p_of_fraction) for step in chain.steps),
            )
            kernels.append((tuple(node for node, _, _ in chain.results), kernel))
        memory = Memory(scratch, kernels)
        self.namespace["take"] = memory.take
        return memory

    # -- the function ------------------------------------------------------------------------------

    def write(self) -> str:
        program = self.program
        for chain in self.chains:
            self._define(chain)
        self._listed(f"def {self.function}(", [name for _, name in program.inputs], "):", "")
        indent = "    "
        self._begin(indent)
        for (node, name), check in zip(program.inputs, self.checks, strict=bool(self.checks)):
            self._check(node, name, check)
        self._read_clock(INPUTS, indent)
        contexts = self._contexts()
        if contexts:
            self._listed(f"{indent}with ", contexts, ":", indent)
            indent += "    "
        for shared, name in program.shared:
            self.lines.append(f"{indent}{name} = {self._cell(shared)}.value")
        self._read_clock(LOCKS, indent)
        for unit in program.units[: program.early]:
            self._unit(unit, indent)
        self._take(indent)
        finders = {each.shared: each.name for each in program.scratch.fitting}
        for shared, name in program.spares.items():
            old = program.names[shared]
            if shared in program.changes:
                copy = self.bind(copy_to_change, "copy_to_change")
                changes = program.changes[shared]
                self.lines.append(
                    f"{indent}{name}, {changes} = {copy}({self._cell(shared)}, {old})"
                )
            else:
                find = finders.get(shared, "spare")
                self.lines.append(f"{indent}{name} = {find}({self._cell(shared)}, {old})")
        self._read_clock(MEMORY, indent)
        for unit in program.units[program.early :]:
            self._unit(unit, indent)
        stores, kept = [], []
        for shared, result in program.updates:
            name = program.names[shared]
            new = self._free(f"{name}_new")
            self.lines.append(f"{indent}{new} = {self._fitting(shared, result)}")
            stores.append(f"{self._cell(shared)}.value = {new}")
            old = name if shared in program.spares else "None"
            if shared in program.changes:
                old = self._free(f"{name}_kept")
                call = f"{self.bind(keep, 'keep')}({name}, {program.changes[shared]})"
                self.lines.append(f"{indent}{old} = {call}")
            kept.append(f"{self._cell(shared)}.spare = {old}")
        outputs = [self._taken(result) for result in program.outputs]
        if self.single:
            self.lines.append(f"{indent}result = {outputs[0]}")
        else:
            self._listed(f"{indent}result = [", outputs, "]", indent)
        if self.has_scratch:
            self.lines.append(f"{indent}home.append(memory)")
        self._read_clock(RESULTS, indent)
        if self.clocks is not None:
            self._listed(indent + self.clocks.end(), self.clocks.names, "))", indent)
        if stores:
            # Attribute stores in one line: CPython handles signals, switches threads and calls
            # tracers at calls, jumps and new lines only, so all of them happen or none. What the
            # cells held stays alive in locals, so no finaliser runs in between either.
            self.lines.append(indent + "; ".join(stores + kept))
        self.lines.append(f"{indent}return result")
        return "\n".join(self.lines) + "\n"

    def _cell(self, shared: Shared) -> str:
        return self.bind(shared.cell, f"cell_{self.program.names[shared]}")

    def _check(self, node: Expr, name: str, check: Check | None) -> None:
        """Let a value pass that is right at first sight, and ask about any other."""
        if check is None:
            return
        asked = f"{self.bind(check, f'check_{name}')}({name})"
        if name in self.program.integers:
            bits = 8 * np.dtype(node.dtype).itemsize - 1
            fits = f"-(2**{bits}) <= {name} < 2**{bits}"  # constants, to Python's compiler
            line = f"if type({name}) is not int or not {fits}: {name} = {asked}.item()"
        elif any(n is not None for n in node.static_shape):
            line = f"{name} = {asked}"
        elif node.ndim == 0:
            scalar = self.bind(np.dtype(node.dtype).type, node.dtype)
            line = f"if type({name}) is not {scalar}: {name} = {asked}"
        else:
            dtype = self.bind(np.dtype(node.dtype), node.dtype)
            line = (
                f"if type({name}) is not ndarray or {name}.dtype is not {dtype} "
                f"or {name}.ndim != {node.ndim}: {name} = {asked}"
            )
        self.lines.append(f"    {line}")

    @property
    def has_scratch(self) -> bool:
        scratch = self.program.scratch
        return bool(
            scratch.arrays or scratch.works or scratch.solvers or scratch.fitting or self.chains
        )

    def _take(self, indent: str) -> None:
        """Memory for the lengths of this call."""
        if self.clocks is not None:
            given = self.clocks.shapes
            end = ",)" if len(given) == 1 else ")"
            self._listed(f"{indent}{self.clocks.given} = (", given, end, indent)
        if not self.has_scratch:
            return
        scratch = self.program.scratch
        names = [name for name, _ in (*scratch.arrays, *scratch.works, *scratch.solvers)]
        names += [chain.name for chain in self.chains]
        names += [each.name for each in scratch.fitting]
        shapes = ", ".join(f"{name}.shape" for _, name in scratch.sources)
        self._listed(f"{indent}memory = ", [*names, "home"], f" = take({shapes})", indent)

    def _listed(self, start: str, items: Sequence[str], end: str, indent: str) -> None:
        """One line, or several where there are many items."""
        line = start + ", ".join(items) + end
        if len(line) <= _WIDTH or len(items) < 2:
            self.lines.append(line)
            return
        bracket = "" if start[-1] in "([" else "("
        close = ")" if bracket else ""
        self.lines.append(start + bracket)
        inner = indent + "    " * (2 if end.endswith(":") else 1)
        from textwrap import wrap  # a millisecond

        text = ", ".join(item.replace(" ", "\0") for item in items) + ","
        for part in wrap(text, _WIDTH - len(inner), break_long_words=False):
            self.lines.append(inner + part.replace("\0", " "))
        self.lines.append(indent + close + end)

    def _contexts(self) -> list[str]:
        contexts = []
        flags = config.numpy
        settings = {
            "all": flags.seterr_all,
            "divide": flags.seterr_divide,
            "over": flags.seterr_over,
            "under": flags.seterr_under,
            "invalid": flags.seterr_invalid,
        }
        chosen = [f"{key}={value!r}" for key, value in settings.items() if value != "None"]
        if chosen:
            contexts.append(f"errstate({', '.join(chosen)})")
        if config.deterministic == "more":
            if not thread_settings():
                warnings.warn(
                    "config.deterministic: the BLAS of this NumPy does not say how many threads it "
                    "uses; start Python with OMP_NUM_THREADS=1 or what its documentation names",
                    stacklevel=2,
                )
            contexts.append(self.bind(one_thread, "one_thread"))
        if len(self.locks) <= _MOST_LOCKS:
            contexts += [self.bind(lock, "lock") for lock in self.locks]
        return contexts

    # -- units -------------------------------------------------------------------------------------

    def _define(self, chain: Chain) -> None:
        """The function of a chain."""
        names = [name for name, _ in chain.registers]
        names += [*chain.inputs, *(name for name, _ in chain.outs)]
        self._listed(f"def {chain.name}(", names, "):", "")
        self._begin("    ")
        for step in chain.steps:
            self._step(step, "    ")
        if self.clocks is not None:
            self._listed("    " + self.clocks.end_chain(chain), self.clocks.names, "))", "    ")
        self.lines += [f"    return {', '.join(inside for _, inside, _ in chain.results)}", "", ""]

    def _unit(self, unit: Step | Chain, indent: str) -> None:
        if isinstance(unit, Step):
            self._step(unit, indent)
            return
        targets = ", ".join(outside for _, _, outside in unit.results)
        args = [*unit.inputs, *(actual for _, actual in unit.outs)]
        dead = f"; del {', '.join(unit.dead)}" if unit.dead else ""
        end = f"){dead}{self._clock(unit)}"
        self._listed(f"{indent}{targets} = {unit.name}(", args, end, indent)

    def _step(self, step: Step, indent: str) -> None:
        op = step.node.op
        if step.integer:
            text = self._integer(step)
        elif step.wraps:
            text = f"{self.bind(converted(op.dtype), op.dtype)}({step.args[0]})"
        elif step.changes is not None:
            change = self.bind(Changer(op), op.name)
            text = f"{change}({', '.join([str(step.out), step.changes, *step.args[1:]])})"
        elif step.solver is not None:
            text = f"{step.solver}({', '.join(step.args)})"
        elif step.out is not None:
            text = op.source_into(step.node, step.args, step.out, step.work, self.bind)
        else:
            text = op.source(step.node, step.args, self.bind)
        line = f"{indent}{step.target} = {text}"
        if step.dead:
            line += f"; del {', '.join(step.dead)}"
        line += self._clock(step)
        origin = self._place(step.node.origin)
        self.lines.append(f"{line:<72}  # {origin}" if origin else line)
        self.step_at[len(self.lines)] = step

    def _place(self, origin: Origin) -> str:
        """The user's file and line as a comment may hold them."""
        if not origin:
            return ""
        code, position = origin[0]
        place = self.places.get((id(code), position))
        if place is None:
            place = short_origin(origin)
            if not place.isprintable():
                place = "".join(c if c.isprintable() else "?" for c in place)
            self.places[id(code), position] = place
        return place

    def _begin(self, indent: str) -> None:
        """Read the clock where a function begins, if it is profiled."""
        if self.clocks is not None:
            self.clocks.begin()
            self.lines.append(indent + self.clocks.reading())

    def _read_clock(self, what: str, indent: str) -> None:
        if self.clocks is not None:
            self.lines.append(indent + self.clocks.reading(what))

    def _clock(self, what: Step | Chain) -> str:
        """What the line that computes a step ends in, if the function is profiled."""
        return "" if self.clocks is None else f"; {self.clocks.reading(what)}"

    def _integer(self, step: Step) -> str:
        """Arithmetic of Python ints alone: beside a NumPy number, one beyond 64 bits would fail."""
        node = step.node
        if isinstance(node.op, Dim):
            return f"{step.args[0]}.shape[{node.op.axis}]"
        ints = self.program.integers
        operands = [name if name in ints else f"int({name})" for name in step.args]
        for k, i in enumerate(node.inputs):
            if isinstance(i, Constant):
                operands[k] = str(int(i.value))
        text = f" {INTEGER_SYMBOLS[node.op.name]} ".join(operands)
        return (
            f"{self.bind(wrapped(node.dtype), f'wrap_{node.dtype}')}({text})"
            if step.wraps
            else text
        )

    def _taken(self, result: Result) -> str:
        """A result as the caller's own."""
        if result.node.dtype == "object":
            return f"{self.bind(deepcopy, 'deepcopy')}({result.source})"
        return f"array({result.source})" if result.copy else result.source

    def _fitting(self, shared: Shared, result: Result) -> str:
        """An update; its lengths are checked where the variable's are fixed."""
        known = zip(shared.static_shape, result.node.static_shape, strict=True)
        if all(want is None or want == have for want, have in known):
            return self._taken(result)
        return f"{self.bind(partial(_fit, shared, result.node), 'fit')}({self._taken(result)})"


def _fit(shared: Shared, node: Expr, value: Any) -> Any:
    for axis, want in enumerate(shared.static_shape):
        if want is not None and value.shape[axis] != want:
            raise ShapeError(
                f"The update of {describe(shared)} has shape {value.shape}, expected length {want} "
                f"in dimension {axis}.\n{made_at(node)}"
            )
    return value


def _holding(call: Callable[..., Any], locks: Sequence[Any]) -> Callable[..., Any]:
    """`call`, with more locks held than one `with` statement can name."""

    def holding(*args: Any) -> Any:
        with all_of(locks):
            return call(*args)

    return holding
