"""The default backend: a `Program` becomes readable NumPy source, and that a function.

One line a node, with the user's names and the line of the user's code that made it:

    t1 = dot(x, W)   # logistic_sgd.py:24
"""

from __future__ import annotations

import itertools
import linecache
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from textwrap import wrap
from typing import Any

import numpy as np

from symgrad.errors import ShapeError, describe, made_at, short_origin
from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Op
from symgrad.plan import Program, Result, Step, python_name

_numbers = itertools.count(1)
_WIDTH = 100
_MOST_LOCKS = 16  # CPython nests at most 20 blocks, and each lock of a `with` is one


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
    filename = f"<symgrad {writer.function} {next(_numbers)}>"
    exec(compile(source, filename, "exec"), writer.namespace)
    call = writer.namespace.pop(writer.function)
    if len(writer.locks) > _MOST_LOCKS:
        call = _holding(call, writer.locks)
    compiled = Compiled(call, source, filename)
    compiled.step_at = writer.step_at
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    weakref.finalize(compiled, linecache.cache.pop, filename, None).atexit = False
    return compiled


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.namespace: dict[str, Any] = {"array": np.array, "errstate": np.errstate}
        self.bound: dict[Any, str] = {}
        self.taken = {*program.names.values(), *self.namespace, "results"}
        for node, name in program.constants:
            self.namespace[name] = node.value
        self.function = self._free(python_name(program.name))
        self.lines: list[str] = []
        self.step_at: dict[int, Step] = {}
        cells = sorted((shared.cell for shared, _ in program.updates), key=lambda c: c.serial)
        self.locks = [cell.lock for cell in cells]

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
            name = self._free(python_name(wish))
            self.namespace[name] = value
            self.bound[key] = name
        return self.bound[key]

    def write(self) -> str:
        program = self.program
        self._listed(f"def {self.function}(", [name for _, name in program.inputs], "):", "")
        indent = "    "
        contexts = self._contexts()
        if contexts:
            self._listed(f"{indent}with ", contexts, ":", indent)
            indent += "    "
        for shared, name in program.shared:
            self.lines.append(f"{indent}{name} = {self.bind(shared.cell, f'cell_{name}')}.value")
        for step in program.steps:
            self._step(step, indent)
        stores = []
        for shared, result in program.updates:
            name = program.names[shared]
            new = self._free(f"{name}_new")
            self.lines.append(f"{indent}{new} = {self._fitting(shared, result)}")
            stores.append(f"{self.bind(shared.cell, f'cell_{name}')}.value = {new}")
        outputs = [self._taken(result) for result in program.outputs]
        self._listed(f"{indent}results = [", outputs, "]", indent)
        if stores:
            # Attribute stores in one line: CPython handles signals, switches threads and calls
            # tracers at calls, jumps and new lines only, so all of them happen or none. What the
            # cells held stays alive in locals, so no finaliser runs in between either.
            self.lines.append(indent + "; ".join(stores))
        self.lines.append(f"{indent}return results")
        return "\n".join(self.lines) + "\n"

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
        if len(self.locks) <= _MOST_LOCKS:
            contexts += [self.bind(lock, "lock") for lock in self.locks]
        return contexts

    def _step(self, step: Step, indent: str) -> None:
        op = step.node.op
        text = op.source(step.node, step.args, self.bind)
        if step.out is not None and isinstance(op, Elementwise):
            text = f"{text[:-1]}, out={step.out})"
        line = f"{indent}{step.target} = {text}"
        if step.dead:
            line += f"; del {', '.join(step.dead)}"
        origin = short_origin(step.node.origin)
        if not origin.isprintable():
            origin = "".join(c if c.isprintable() else "?" for c in origin)
        self.lines.append(f"{line:<72}  # {origin}" if origin else line)
        self.step_at[len(self.lines)] = step

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


_acquire = type(threading.RLock()).acquire
_release = type(threading.RLock()).release


def _holding(call: Callable[..., Any], locks: Sequence[Any]) -> Callable[..., Any]:
    """`call`, with more locks held than one `with` statement can name.

    Taking the locks is one call into C, and so is giving them back, so Ctrl-C cannot come between
    taking a lock and noting that it is held.
    """

    def holding(*args: Any) -> Any:
        held: list[Any] = []
        give_back = map(_release, held)  # reads `held` when it is run
        try:
            held.extend(filter(_acquire, locks))
            return call(*args)
        finally:
            deque(give_back, maxlen=0)

    return holding
