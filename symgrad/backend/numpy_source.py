"""The default backend: a `Program` becomes readable NumPy source, and that a function.

One line a node, with the user's names and the line of the user's code that made it:

    t1 = dot(x, W)   # logistic_sgd.py:24
"""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from symgrad.errors import short_origin
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Op
from symgrad.plan import Program, Result, Step

_numbers = itertools.count(1)


class Compiled:
    """A callable, its source, and which line computes which step."""

    def __init__(self, call: Callable[..., Any], source: str, filename: str) -> None:
        self.call = call
        self.source = source
        self.filename = filename
        self.step_at: dict[int, Step] = {}


def compile_program(program: Program) -> Compiled:
    """Write, compile and register the source of a program.

    >>> import symgrad.tensor as T
    >>> from symgrad.plan import plan
    >>> x = T.dvector("x")
    >>> compiled = compile_program(plan("double", [x], [x * 2], []))
    >>> compiled.call(np.array([1.0, 2.0]))
    [array([2., 4.])]
    """
    writer = _Writer(program)
    source = writer.write()
    filename = f"<symgrad {program.name} {next(_numbers)}>"
    exec(compile(source, filename, "exec"), writer.namespace)
    compiled = Compiled(writer.namespace[writer.function], source, filename)
    compiled.step_at = writer.step_at
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    weakref.finalize(compiled, linecache.cache.pop, filename, None)
    return compiled


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.namespace: dict[str, Any] = {"array": np.array, "errstate": np.errstate}
        self.bound: dict[Any, str] = {}
        self.taken = set(program.names.values()) | set(self.namespace)
        for node, name in program.constants:
            self.namespace[name] = node.value
        self.function = self._free(program.name if program.name.isidentifier() else "function")
        self.lines: list[str] = []
        self.step_at: dict[int, Step] = {}

    def _free(self, wish: str) -> str:
        name, count = wish, 1
        while name in self.taken:
            count += 1
            name = f"{wish}_{count}"
        self.taken.add(name)
        return name

    def bind(self, value: Any, wish: str) -> str:
        """A name in the generated module for an object that the source needs."""
        key: Any = value
        if isinstance(value, Op):
            value = partial(value.impl, np)
        if key not in self.bound:
            name = self._free(wish if wish.isidentifier() else "f")
            self.namespace[name] = value
            self.bound[key] = name
        return self.bound[key]

    def write(self) -> str:
        program = self.program
        lines = self.lines
        lines.append(f"def {self.function}({', '.join(name for _, name in program.inputs)}):")
        indent = "    "
        lines.append(f"{indent}with errstate(all='ignore'){self._locks()}:")
        indent += "    "
        for shared, name in program.shared:
            lines.append(f"{indent}{name} = {self.bind(shared.cell, 'cell_' + name)}.value")
        for step in program.steps:
            self._step(step, indent)
        news = []
        for shared, result in program.updates:
            new = self._free(f"{program.names[shared]}_new")
            lines.append(f"{indent}{new} = {self._taken(result)}")
            news.append((self.bind(shared.cell, f"cell_{program.names[shared]}"), new))
        outputs = [self._taken(result) for result in program.outputs]
        lines.append(f"{indent}results = [{', '.join(outputs)}]")
        if news:
            # Plain attribute stores in a row: CPython handles signals and switches threads at
            # calls and jumps only, so all of them happen or none.
            lines.extend(f"{indent}{cell}.value = {new}" for cell, new in news)
        lines.append(f"{indent}return results")
        return "\n".join(lines) + "\n"

    def _locks(self) -> str:
        cells = sorted((s.cell for s, _ in self.program.updates), key=lambda c: c.serial)
        return "".join(f", {self.bind(c.lock, 'lock')}" for c in cells)

    def _step(self, step: Step, indent: str) -> None:
        op = step.node.op
        text = op.source(step.node, step.args, self.bind)
        if step.out is not None and isinstance(op, Elementwise):
            text = f"{text[:-1]}, out={step.out})"
        line = f"{indent}{step.target} = {text}"
        if step.dead:
            line += f"; del {', '.join(step.dead)}"
        origin = short_origin(step.node.origin)
        self.lines.append(f"{line:<72}  # {origin}" if origin else line)
        self.step_at[len(self.lines)] = step

    def _taken(self, result: Result) -> str:
        return f"array({result.source})" if result.copy else result.source
