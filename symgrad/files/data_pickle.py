"""Reading pickles that hold plain data, without Python's unpickler.

A pickle is a program for a machine with a stack: most instructions push a value or put values into
a container, a few call what the file names. `read_data` is such a machine for plain data only:
numbers, texts, bytes, containers, NumPy's numbers and arrays. What a file names is looked up in the
table of `symgrad.files.pickle_calls` (and that of the caller), whose functions check what they are
given. No constructor, ``__setstate__`` or ``__reduce__`` of any other class is ever called with
what a file says, and everything is counted as it is built (see `symgrad.files.budget`).
"""

from __future__ import annotations

import collections
import pickletools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from symgrad.errors import quoted
from symgrad.files import budget
from symgrad.files.budget import BudgetError
from symgrad.files.pickle_calls import (
    FUNCTIONS,
    ForbiddenError,
    Unfilled,
    filled,
    reconstruct,
    with_byte_order,
)

__all__ = ["ForbiddenError", "read_data"]


class _Entry:
    """A value on the stack, with what it costs. A container changes until it is used."""

    __slots__ = ("depth", "for_call", "used", "value", "weight")

    def __init__(self, value: Any, weight: int = 1, depth: int = 0) -> None:
        self.value = value
        self.weight = weight  # values that are met when all of it is gone through
        self.depth = depth
        self.used = False
        self.for_call = False  # a tuple that holds the class of arrays: arguments, and no data


class _Function:
    """What a file may call."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


_MARK = _Entry(None)


def read_data(
    data: bytes,
    *,
    functions: Mapping[tuple[str, str], Callable[..., Any]] | None = None,
    persistent: Callable[[str], Any] | None = None,
    parts: int = budget.PARTS,
) -> Any:
    """The object that a pickle holds, if it is plain data.

    Parameters
    ----------
    data
        The pickle, of any protocol; what Python 2 wrote as `str` comes as text (latin1).
    functions
        More that the pickle may call, by module and name. They are given what the file says.
    persistent
        Returns the object of a persistent id. Without it there may be none.
    parts
        The most instructions that the pickle may have.

    Raises
    ------
    ForbiddenError
        The pickle asks for something else.
    BudgetError
        It has too many parts, or would build something too large or too deep.
    ValueError, IndexError, KeyError, TypeError
        It is damaged.

    >>> import pickle
    >>> read_data(pickle.dumps({"a": [1, 2.5, None]}))
    {'a': [1, 2.5, None]}
    >>> try:
    ...     read_data(pickle.dumps(print))
    ... except ForbiddenError as error:
    ...     print(error)
    a pickle that asks for builtins.print, which is no plain data
    """
    machine = _Machine({**FUNCTIONS, **(functions or {})}, persistent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in the texts of a damaged file
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > parts:
                raise BudgetError("a pickle of too many parts")
            if opcode.name == "STOP":
                break
            machine.step(opcode.name, argument)
    return machine.use(machine.top())


_PUSHED = set(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT "
    "BINFLOAT".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack and the memory of a pickle, and what its instructions do to them."""

    def __init__(
        self,
        functions: Mapping[tuple[str, str], Callable[..., Any]],
        persistent: Callable[[str], Any] | None,
    ) -> None:
        self.functions = functions
        self.persistent = persistent
        self.stack: list[_Entry] = []
        self.memory: dict[int, _Entry] = {}
        self.hashes: collections.Counter[int] = collections.Counter()

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _PUSHED:
            if isinstance(argument, int) and argument.bit_length() > 8 * budget.INTEGER:
                raise BudgetError(f"a whole number of {argument.bit_length():,} bits")
            length = len(argument) if isinstance(argument, str | bytes | bytearray) else 0
            stack.append(_Entry(argument, 1 + length // 64))
        elif name in _CONSTANTS:
            stack.append(_Entry(_CONSTANTS[name]))
        elif name in _EMPTY:
            stack.append(_Entry(_EMPTY[name]()))
        elif name in _TUPLES:
            self.push_container(tuple, self.popped(_TUPLES[name]))
        elif name in ("TUPLE", "LIST", "FROZENSET"):
            kind = {"TUPLE": tuple, "LIST": list, "FROZENSET": frozenset}[name]
            self.push_container(kind, self.to_mark())
        elif name == "DICT":
            items = self.to_mark()
            stack.append(_Entry({}))
            self.set_items(items)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            self.add(self.popped(1) if name == "APPEND" else self.to_mark())
        elif name in ("SETITEM", "SETITEMS"):
            items = self.popped(2) if name == "SETITEM" else self.to_mark()
            self.set_items(items)
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self.to_mark()
        elif name == "DUP":
            stack.append(self.top())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memory[len(self.memory) if name == "MEMOIZE" else int(argument)] = self.top()
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memory[int(argument)])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            if name == "GLOBAL":
                module, _, attribute = argument.partition(" ")
            else:
                module, attribute = (entry.value for entry in self.popped(2))
            stack.append(_Entry(_Function(self.find(module, attribute))))
        elif name == "REDUCE":
            self.reduce()
        elif name == "BUILD":
            self.build()
        elif name in ("PERSID", "BINPERSID") and self.persistent is not None:
            pid = argument if name == "PERSID" else self.popped(1)[0].value
            if not isinstance(pid, str):
                raise ForbiddenError("a reference to an outside object that is no name")
            stack.append(_Entry(self.persistent(pid)))
        elif name not in ("PROTO", "FRAME"):
            what = "refers to outside objects" if "PERS" in name else f"has the instruction {name}"
            raise ForbiddenError(f"a pickle that {what}, which plain data do not need")

    # ---- the stack
    def top(self) -> _Entry:
        if not self.stack or self.stack[-1] is _MARK:
            raise IndexError("an instruction that finds nothing on the stack")
        return self.stack[-1]

    def popped(self, count: int) -> list[_Entry]:
        if count > len(self.stack):
            raise IndexError("an instruction that finds nothing on the stack")
        entries = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        if _MARK in entries:
            raise IndexError("an instruction that finds a mark on the stack")
        return entries

    def to_mark(self) -> list[_Entry]:
        place = len(self.stack) - 1
        while place >= 0 and self.stack[place] is not _MARK:
            place -= 1
        if place < 0:
            raise IndexError("an instruction that finds no mark on the stack")
        entries = self.stack[place + 1 :]
        del self.stack[place:]
        return entries

    # ---- containers
    def use(self, entry: _Entry) -> Any:
        """The value, which is now part of something and cannot change any more."""
        if entry.for_call or isinstance(entry.value, _Function | Unfilled):
            raise ForbiddenError("a pickle that holds functions or unfinished arrays")
        entry.used = True
        return entry.value

    def grow(self, container: _Entry, parts: list[_Entry]) -> Iterator[Any]:
        """Count what is put into a container, and give the values."""
        if container.used or container in parts:
            # What others hold already would grow with it, or hold itself.
            raise ForbiddenError("a container that is changed after it was put into another")
        for part in parts:
            container.weight += part.weight
            container.depth = max(container.depth, part.depth + 1)
        if container.weight > budget.REACHED:
            raise BudgetError("containers that hold each other millions of times")
        if container.depth > budget.DEPTH:
            raise BudgetError(f"containers that are nested more than {budget.DEPTH} deep")
        return map(self.use, parts)

    def push_container(self, kind: type, parts: list[_Entry]) -> None:
        entry = _Entry(None)
        if kind is tuple:
            for place, part in enumerate(parts):
                if isinstance(part.value, _Function) and part.value.call is Unfilled:
                    entry.for_call = True
                    parts[place] = _Entry(Unfilled)
        values = list(self.grow(entry, parts))
        if kind is frozenset:
            self.check_keys(parts)
        entry.value = kind(values)
        self.stack.append(entry)

    def add(self, parts: list[_Entry]) -> None:
        container = self.top()
        values = list(self.grow(container, parts))
        if type(container.value) is list:
            container.value.extend(values)
        elif type(container.value) is set:
            self.check_keys(parts)
            container.value.update(values)
        else:
            raise TypeError("an instruction that appends to something else than a list")

    def set_items(self, parts: list[_Entry]) -> None:
        container = self.top()
        values = list(self.grow(container, parts))
        if type(container.value) not in (dict, collections.OrderedDict) or len(values) % 2:
            raise TypeError("an instruction that sets items of something else than a dict")
        self.check_keys(parts[::2])
        container.value.update(zip(values[::2], values[1::2], strict=True))

    def check_keys(self, entries: list[_Entry]) -> None:
        """Keys of dicts and sets: cheap to hash, and not all with one hash."""
        for entry in entries:
            if isinstance(entry.value, str | bytes):
                continue  # Python's hashes of them cannot be foreseen
            if isinstance(entry.value, tuple | frozenset) and entry.weight > 10_000:
                raise BudgetError("keys that are too large to be hashed")
            value = hash(entry.value)
            self.hashes[value] += 1
            if self.hashes[value] > 1_000:
                raise BudgetError("more than a thousand keys of one hash")

    # ---- calls
    def find(self, module: Any, name: Any) -> Callable[..., Any]:
        try:
            return self.functions[module, name]
        except (KeyError, TypeError):
            what = quoted(f"{module}.{name}", 80)
            raise ForbiddenError(f"a pickle that asks for {what}, which is no plain data") from None

    def reduce(self) -> None:
        function, arguments = self.popped(2)
        if not isinstance(function.value, _Function) or type(arguments.value) is not tuple:
            raise ForbiddenError("a pickle that calls something else than a function")
        call = function.value.call
        if call in (set, frozenset):
            (listed,) = arguments.value
            if type(listed) is not list:
                raise ForbiddenError("a set of something else than a list")
            self.check_keys([_Entry(value, arguments.weight) for value in listed])
            self.stack.append(_Entry(call(listed), arguments.weight, arguments.depth))
            return
        if arguments.for_call and call is not reconstruct:
            raise ForbiddenError("a pickle that holds functions")
        self.stack.append(_Entry(call(*arguments.value), arguments.weight, arguments.depth))

    def build(self) -> None:
        (state,) = self.popped(1)
        entry = self.top()
        if entry.used:
            raise ForbiddenError("an object whose state is set after it was used")
        if isinstance(entry.value, np.dtype):
            entry.value = with_byte_order(entry.value, state.value)
        elif isinstance(entry.value, Unfilled):
            entry.value = filled(state.value)
        else:
            raise ForbiddenError("a pickle that sets the state of an object")
        entry.weight += state.weight
