"""A program that symgrad computes, what may go wrong, and what that takes at the most."""

from __future__ import annotations

import signal
import threading
import warnings
from contextlib import contextmanager
from time import monotonic, process_time
from typing import Any, NamedTuple

import numpy as np

import symgrad as S
import symgrad.tensor as T
from symgrad.errors import SymgradError
from tests.fuzz.program import Program, function_of

HANG = 30  # seconds of the processor; of the clock, four times as many
NAMES = {"np": np, "T": T, "S": S}


class Failure(NamedTuple):
    """What went wrong: a kind, by which shrinking knows it again, and a text."""

    kind: str
    text: str


class Hang(BaseException):
    """A program takes too long."""


@contextmanager
def limited(seconds: float = HANG) -> Any:
    """Let what takes longer raise `Hang`, where the platform can."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return
    worked, began = process_time() + seconds, monotonic() + 4 * seconds

    def alarm(*_: Any) -> None:
        if process_time() > worked or monotonic() > began:
            raise Hang

    old = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # where others work too, look again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextmanager
def strict() -> Any:
    """Warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def quiet() -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Failed(Exception):
    """A failure, on its way out."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.failure = Failure(kind, text)


class Refused(Exception):
    """The program is refused when it is built."""


class Case:
    """A program in symgrad."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values: dict[str, Any] = {}
        self.where = ""
        self.rounded = False  # whether rounding has decided a length
        names = self.values
        for leaf in program.leaves:
            array = leaf.value.array
            if leaf.role == "shared":
                names[leaf.name] = S.shared(array, leaf.name)
            elif leaf.role == "constant":
                names[leaf.name] = T.constant(array)
            else:
                lengths = zip(array.shape, leaf.known, strict=True)
                shape = tuple(n if known else None for n, known in lengths)
                names[leaf.name] = T.TensorType(leaf.dtype, shape=shape)(leaf.name)
        for step in program.steps:
            self.where = step.row.name
            if step.row.name == "clone" and self._has_another_name(step.args[1]):
                raise Refused("clone: what is replaced has another name, too")
            function = function_of(step.text, len(step.args), NAMES)
            names[step.name] = function(*[names[a] for a in step.args])
        self.inputs = [names[x.name] for x in program.inputs()]
        self.args = [x.value.array for x in program.inputs()]
        self.shared = [(names[x.name], x.value.array) for x in program.leaves if x.role == "shared"]
        self.where = "function"

    def _has_another_name(self, name: str) -> bool:
        """Whether a step gave back its argument itself, as a cast to the same dtype does."""
        return sum(v is self.values[name] for v in self.values.values()) > 1

    def compile(self) -> Any:
        p, names = self.program, self.values
        return S.function(
            self.inputs,
            [names[n] for n in p.outputs],
            updates=[(names[s], names[n]) for s, n in p.updates],
            givens=[(names[a], names[b]) for a, b in p.givens],
            mode=p.mode or None,
            on_unused_input="ignore",
        )

    def reset(self) -> None:
        for variable, array in self.shared:
            variable.set_value(array)

    @contextmanager
    def as_at_first(self) -> Any:
        """A block in which shared variables hold what they held before the first call."""
        now = [variable.get_value() for variable, _ in self.shared]
        self.reset()
        yield
        for (variable, _), value in zip(self.shared, now, strict=True):
            variable.set_value(value)

    def updated(self) -> list[Any]:
        return [self.values[s].get_value() for s, _ in self.program.updates]

    def call(self, f: Any) -> list[Any]:
        """Results and new values of shared variables."""
        results = f(*self.args)
        return [*results, *self.updated()]


def ours(action: Any, what: str) -> Any:
    """Run what only our errors may leave."""
    try:
        with strict():
            return action()
    except SymgradError as error:
        raise Failed(f"error: {what}: {type(error).__name__}", str(error)) from None
    except (Warning, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
            AssertionError, RuntimeError) as error:  # fmt: skip
        text = f"{type(error).__name__}: {error}"
        raise Failed(f"exception: {what}: {type(error).__name__}", text) from error


def built(program: Program) -> tuple[Case, Any]:
    """A program and its function."""
    case: Any = Case.__new__(Case)
    try:
        with strict():
            case.__init__(program)
    except Refused:
        raise
    except SymgradError as error:
        raise Refused(f"{case.where}: {str(error).splitlines()[0][:110]}") from None
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise Failed(f"exception: building {case.where}: {type(error).__name__}", text) from error
    return case, ours(case.compile, "compiling")
