"""From a program that fails to a small one that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import numpy as np

import symgrad as S
from symgrad.ops.control.evaluation import evaluate
from tests.fuzz.cases import Case, quiet
from tests.fuzz.program import Leaf, Program, Step
from tests.fuzz.values import Value


def shrunk(program: Program, fails: Callable[[Program], bool], seconds: float = 30.0) -> Program:
    """The smallest program found for which `fails` still holds."""
    end = monotonic() + seconds
    for simpler in (_fewer, _shorter, _plainer, _rounder, _fewer, _plainer):
        found = True
        while found and monotonic() < end:
            found = False
            for candidate in simpler(program):
                if monotonic() > end:
                    break
                try:
                    smaller = candidate.trimmed()
                    if smaller != program and fails(smaller):
                        program, found = smaller, True
                        break
                except Exception:  # what cannot be built is no candidate
                    continue
    return program


def _without(items: tuple[Any, ...], k: int) -> tuple[Any, ...]:
    return items[:k] + items[k + 1 :]


def _fewer(p: Program) -> Iterator[Program]:
    """Fewer outputs, updates, givens and steps."""
    if p.mode:
        yield p._replace(mode="")
    if p.floatx != "float64":
        yield p._replace(floatx="float64")
    for name in p.outputs:
        if len(p.outputs) > 1:
            yield p._replace(outputs=(name,))
    if p.outputs and p.updates:
        yield p._replace(updates=())
        yield p._replace(outputs=())
    for field in ("outputs", "updates", "givens"):
        items = getattr(p, field)
        for k in range(len(items)):
            if field != "outputs" or len(items) + len(p.updates) > 1:
                yield p._replace(**{field: _without(items, k)})
    for step in p.steps:
        leaf = _leaf_for(p, step)
        if leaf is not None:
            yield p._replace(
                leaves=(*p.leaves, leaf), steps=tuple(s for s in p.steps if s is not step)
            )
    for step in p.steps:
        for arg in step.args:
            yield _renamed(p, step, arg)
    for step in p.steps:  # earlier results instead of later ones
        if p.outputs and step.name not in p.outputs:
            yield p._replace(outputs=(step.name,))


def _leaf_for(p: Program, step: Step) -> Leaf | None:
    """A leaf with the value of a step."""
    if any(a == step.name for _, a in p.givens):
        return None
    try:
        with quiet(), S.config.change_flags(floatX=p.floatx):
            case = Case(p)
            given = dict(zip(case.inputs, case.args, strict=True))
            given.update((case.values[a], p.named(a).value.array) for a, _ in p.givens)
            value = np.asarray(evaluate([case.values[step.name]], np, given)[0])
    except Exception:  # what fails may fail here, too
        return None
    return Leaf(step.name, "input", Value(value.copy()), (False,) * value.ndim)


def _renamed(p: Program, step: Step, arg: str) -> Program:
    """The program with a step replaced by one of its arguments."""

    def new(name: str) -> str:
        return arg if name == step.name else name

    return p._replace(
        steps=tuple(s._replace(args=tuple(map(new, s.args))) for s in p.steps if s is not step),
        outputs=tuple(map(new, p.outputs)),
        updates=tuple((s, new(n)) for s, n in p.updates),
        givens=tuple((s, new(n)) for s, n in p.givens),
    )


def _with(p: Program, change: Callable[[Leaf], Leaf | None]) -> Iterator[Program]:
    """The program with one leaf changed, for each that a change changes."""
    for k, leaf in enumerate(p.leaves):
        new = change(leaf)
        if new is not None and new is not leaf:
            yield p._replace(leaves=(*p.leaves[:k], new, *p.leaves[k + 1 :]))


def _shorter(p: Program) -> Iterator[Program]:
    """Shorter axes: all that have one length at once, or one leaf's alone."""
    lengths = sorted({n for x in p.leaves for n in x.value.array.shape if n > 1}, reverse=True)
    for n in lengths:
        for short in sorted({1, 2, n // 2, n - 1} - {0, n}):
            leaves = tuple(_cut(x, n, short) for x in p.leaves)
            yield p._replace(leaves=leaves)
    for n in lengths:
        for short in sorted({1, 2, n // 2} - {0, n}):
            yield from _with(p, lambda x, n=n, short=short: _cut(x, n, short))


def _cut(leaf: Leaf, n: int, short: int) -> Leaf:
    array = leaf.value.array
    if n not in array.shape:
        return leaf
    part = tuple(slice(0, short) if length == n else slice(None) for length in array.shape)
    seed = leaf.value.seed
    if seed is not None:
        from tests.fuzz.values import large

        shape = tuple(short if length == n else length for length in array.shape)
        return leaf._replace(value=Value(large(seed, shape, leaf.dtype), "plain", seed))
    return leaf._replace(value=Value(array[part].copy()))


def _plainer(p: Program) -> Iterator[Program]:
    """Inputs of plain layout, with lengths unknown."""

    def plain(x: Leaf) -> Leaf | None:
        if x.value.layout == "plain":
            return None
        return x._replace(value=Value(x.value.array.copy()))

    def unknown(x: Leaf) -> Leaf | None:
        return x._replace(known=(False,) * len(x.known)) if any(x.known) else None

    def given(x: Leaf) -> Leaf | None:
        shape = x.value.array.shape
        if x.role == "input" or x.name in {s for s, _ in p.updates}:
            return None
        return x._replace(role="input", known=(False,) * len(shape))

    for change in (plain, unknown, given):
        yield from _with(p, change)


def _rounder(p: Program) -> Iterator[Program]:
    """Rounder values."""

    def changed(make: Callable[[Any], Any]) -> Callable[[Leaf], Leaf | None]:
        def change(x: Leaf) -> Leaf | None:
            old = x.value.array
            with np.errstate(all="ignore"):
                new = np.asarray(make(old)).astype(old.dtype)
            if x.value.seed is not None and old.size > 200:
                return None
            return None if np.array_equal(old, new, equal_nan=True) else x._replace(
                value=Value(new)
            )  # fmt: skip

        return change

    for make in (np.zeros_like, np.ones_like):
        yield from _with(p, changed(make))
    for x in p.leaves:
        size = x.value.array.size
        if size > 24:
            continue
        for k in range(size):
            for number in (0, 1, 2):

                def one(old: Any, k: int = k, number: int = number) -> Any:
                    new = old.copy().reshape(-1)
                    if new[k] not in (0, 1, 2) or (new[k] != 0 and number == 0):
                        new[k] = number
                    return new.reshape(old.shape)

                only = changed(one)
                yield from _with(p, lambda y, x=x, only=only: only(y) if y is x else None)
    for digits in (0, 1, 3):

        def rounded(old: Any, digits: int = digits) -> Any:
            return np.round(old, digits) if old.dtype.kind in "fc" else old

        yield from _with(p, changed(rounded))
