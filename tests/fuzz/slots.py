"""Arguments of rows: found among what a program has, or made as new leaves."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from tests.fuzz.reference import COMPLEX, INTS, kind_of

_WORD = re.compile(r"([~=]?)([bifcrna]*)(\d?)(\+?)(!?)")


@cache
def parsed(word: str) -> tuple[str, str, int | None, bool, bool]:
    """Mark, kinds, rank, whether higher ranks fit, whether it may not be empty."""
    match = _WORD.fullmatch(word)
    assert match, word
    mark, kinds, rank, plus, full = match.groups()
    kinds = kinds.replace("r", "if").replace("n", "ifc").replace("a", "bifc")
    return mark, kinds, int(rank) if rank else None, bool(plus), bool(full)


def argument(g: Any, word: str, given: list[str], settings: dict[str, Any]) -> str:
    """The name of an argument such as a slot describes."""
    if word[0] == "@":
        return MAKERS[word[1:]](g, [g.values[n] for n in given], settings)
    mark, kinds, rank, plus, full = parsed(word)
    first = g.values[given[0]] if given else None

    def fits(x: Any) -> bool:
        if kind_of(x.dtype) not in kinds or (full and not x.size):
            return False
        if rank is not None and not (x.ndim == rank or (plus and x.ndim > rank)):
            return False
        if mark == "=":
            return x.shape == first.shape
        return mark != "~" or broadcasts(g, [g.values[n].shape for n in given], x.shape)

    def shape() -> tuple[int, ...]:
        if mark == "=":
            return first.shape
        if mark == "~":
            return g.part_of(np.broadcast_shapes(*[g.values[n].shape for n in given]))
        ranks = (rank, rank + 1, rank + 1, rank + 2) if plus else (rank,)
        return g.shape(g.r.pick(*ranks) if rank is not None else g.rank(), full)

    near = first.dtype if mark == "~" and kind_of(first.dtype) in kinds else None
    return g.found(fits) or g.leaf(g.dtype(kinds, near), shape())


def broadcasts(g: Any, shapes: list[tuple[int, ...]], shape: tuple[int, ...]) -> bool:
    try:
        whole = np.broadcast_shapes(*shapes, shape)
    except ValueError:
        return False
    return len(whole) <= 4 and int(np.prod(whole)) <= g.limit


MAKERS: dict[str, Any] = {}


def maker(function: Any) -> Any:
    MAKERS[function.__name__] = function
    return function


def like(g: Any, kinds: str, shape: tuple[int, ...], dtype: Any = None) -> str:
    """Something of one shape, found or made."""
    found = g.found(lambda x: kind_of(x.dtype) in kinds and x.shape == shape)
    return found or g.leaf(g.dtype(kinds, dtype), shape)


def whole(g: Any, values: Any, dtype: str | None = None) -> str:
    """A leaf that holds these integers."""
    dtype = dtype or g.r.pick("int64", "int64", "int32", "int64", "int8")
    return g.leaf_of(np.array(values, dtype))


@maker
def castable(g: Any, given: Any, settings: Any) -> str:
    return argument(g, "a", [], settings)


@maker
def rows(g: Any, given: Any, settings: Any) -> str:
    return argument(g, g.r.pick("f1!", "f2!", "f2!"), [], settings)


@maker
def bits(g: Any, given: Any, settings: Any) -> str:
    return argument(g, g.r.pick("b", "i"), [], settings)


@maker
def bits_too(g: Any, given: Any, settings: Any) -> str:
    A = given[0]

    def fits(x: Any) -> bool:
        kinds = np.result_type(A.dtype, x.dtype).kind
        return kinds in "biu" and broadcasts(g, [A.shape], x.shape)

    return g.found(fits) or g.leaf(str(A.dtype), g.part_of(A.shape))


@maker
def finite(g: Any, given: Any, settings: Any) -> str:
    shape = given[0].shape if given else None

    def fits(x: Any) -> bool:
        good = kind_of(x.dtype) == "f" and (shape is None or x.shape == shape)
        return good and bool(np.all(np.isfinite(x) & (np.abs(x) < 15)))

    return g.found(fits) or g.leaf(
        g.dtype("f"), g.shape(g.rank()) if shape is None else shape, "ordinary"
    )


MAKERS["finite_too"] = finite


@maker
def share(g: Any, given: Any, settings: Any) -> str:
    """Numbers between 0 and 1."""
    shape = given[0].shape

    def fits(x: Any) -> bool:
        return x.dtype == given[0].dtype and x.shape == shape and bool(np.all((x >= 0) & (x <= 1)))

    return g.found(fits) or g.leaf(str(given[0].dtype), shape, "unit")


@maker
def finite_vector(g: Any, given: Any, settings: Any) -> str:
    def fits(x: Any) -> bool:
        good = kind_of(x.dtype) == "f" and x.ndim and x.size
        return bool(good and np.all(np.isfinite(x) & (np.abs(x) < 15) & (np.abs(x) > 1e-3)))

    return g.found(fits) or g.leaf(g.dtype("f"), g.shape(g.r.pick(1, 2, 3), True), "ordinary")


@maker
def labels(g: Any, given: Any, settings: Any) -> str:
    rows, classes = given[0].shape
    return whole(g, [g.r.randrange(classes) for _ in range(rows)], g.r.pick("int64", "int32"))


def _product(kinds: str, shape: Any) -> Any:
    def made(g: Any, given: Any, settings: Any) -> str:
        return like(g, kinds, shape(g, given[0]), given[0].dtype)

    return made


MAKERS |= {
    "line": _product("f", lambda g, A: A.shape[-1:]),
    "left2": _product("f", lambda g, A: (g.length(), A.shape[0])),
    "columns_square": _product("f", lambda g, A: A.shape[-1:] * 2),
    "rows_square": _product("f", lambda g, A: A.shape[:1] * 2),
    "right1": _product("f", lambda g, A: A.shape[-1:]),
    "right2": _product("f", lambda g, A: (A.shape[-1], g.length())),
    "right2i": _product("i", lambda g, A: (A.shape[-1], g.length())),
    "right2c": _product("c", lambda g, A: (A.shape[-1], g.length())),
    "rows2": _product("f", lambda g, A: (A.shape[0], g.length())),
    "columns2": _product("f", lambda g, A: (g.length(), A.shape[1])),
    "batch": _product("f", lambda g, A: (A.shape[0], A.shape[2], g.length())),
    "first": _product("f", lambda g, A: (A.shape[0], *g.shape(g.r.pick(0, 1)))),
    "tensor": _product("f", lambda g, A: (A.shape[-1], *g.shape(g.r.pick(0, 1)))),
    "rhs": _product("f", lambda g, A: A.shape[:1] + g.shape(g.r.pick(0, 1))),
    "beside": _product("bifc", lambda g, A: (g.length(), *A.shape[1:])),
    "matmul": _product("f", lambda g, A: (*g.r.pick(A.shape[:-2], ()), A.shape[-1], g.length())),
}


@maker
def scalar(g: Any, given: Any, settings: Any) -> str:
    return like(g, "f", (), given[0].dtype if given else None)


@maker
def product(g: Any, given: Any, settings: Any) -> str:
    A, B = given
    return like(g, "f", (B.shape[0], *A.shape[1:]), A.dtype)


@maker
def counts(g: Any, given: Any, settings: Any) -> str:
    return whole(g, [g.r.randrange(3) for _ in range(len(given[0]))], "int64")


@maker
def bias(g: Any, given: Any, settings: Any) -> str:
    A, B = given
    shape = (*A.shape[:-1], *B.shape[1:])
    return like(g, "f", g.r.pick(shape, shape[1:], g.part_of(shape)), A.dtype)


def _matrix(make: Any) -> Any:
    def made(g: Any, given: Any, settings: Any) -> str:
        n = g.r.pick(1, 2, 3)
        x = np.array([[g.r.gauss(0, 1) for _ in range(n)] for _ in range(n)])
        return g.leaf_of(make(x).astype(g.dtype("f")))

    return made


@maker
def square(g: Any, given: Any, settings: Any) -> str:
    n = g.r.pick(1, 2, 3)
    return like(g, "f", (n, n))


MAKERS |= {
    "regular": _matrix(lambda x: x + 3 * np.eye(len(x))),
    "definite": _matrix(lambda x: x @ x.T + np.diag(np.arange(1.0, len(x) + 1))),
}


@maker
def same_scalar(g: Any, given: Any, settings: Any) -> str:
    dtype = given[0].dtype
    return g.found(lambda x: x.dtype == dtype and x.ndim == 0) or g.leaf(str(dtype), ())


# -- indices -------------------------------------------------------------------------------------


def _positions(g: Any, length: int, shape: tuple[int, ...]) -> str:
    low = -length if g.r.coin(0.4) else 0
    size = int(np.prod(shape))
    return whole(g, np.reshape([g.r.randrange(low, length) for _ in range(size)], shape))


@maker
def position(g: Any, given: Any, settings: Any) -> str:
    return _positions(g, len(given[0]), ())


@maker
def any_position(g: Any, given: Any, settings: Any) -> str:
    return whole(g, g.r.randint(-9, 9))


@maker
def positions(g: Any, given: Any, settings: Any) -> str:
    return _positions(g, len(given[0]), (g.r.pick(0, 1, 2, 3, 5),))


@maker
def position_matrix(g: Any, given: Any, settings: Any) -> str:
    return _positions(g, len(given[0]), (2, g.r.pick(1, 2, 3)))


@maker
def column_positions(g: Any, given: Any, settings: Any) -> str:
    return _positions(g, given[0].shape[1], (g.r.pick(0, 1, 2, 4),))


@maker
def column_positions_like(g: Any, given: Any, settings: Any) -> str:
    return _positions(g, given[0].shape[1], given[1].shape)


@maker
def distinct(g: Any, given: Any, settings: Any) -> str:
    length = len(given[0])
    return whole(g, g.r.sample(range(length), g.r.randint(0, min(length, 4))), "int64")


@maker
def of_index(g: Any, given: Any, settings: Any) -> str:
    A, B = given
    return _fitting(g, A, A[B].shape)


@maker
def part(g: Any, given: Any, settings: Any) -> str:
    A = given[0]
    return _fitting(g, A, eval(f"A[{settings['index']}]", {"A": A}).shape)


def _fitting(g: Any, A: Any, shape: tuple[int, ...]) -> str:
    """What a part of A may be set to."""

    def fits(x: Any) -> bool:
        if x.dtype != A.dtype or x.ndim > len(shape):
            return False
        return broadcasts(g, [shape], x.shape) and np.broadcast_shapes(x.shape, shape) == shape

    return g.found(fits) or g.leaf(str(A.dtype), g.part_of(shape))


@maker
def mask(g: Any, given: Any, settings: Any) -> str:
    return like(g, "b", given[0].shape[: g.r.pick(1, given[0].ndim)])


@maker
def mask_vector(g: Any, given: Any, settings: Any) -> str:
    return like(g, "b", given[0].shape[:1])


@maker
def small(g: Any, given: Any, settings: Any) -> str:
    return whole(g, [g.r.randrange(5) for _ in range(g.r.pick(0, 1, 3, 7))], "int64")


KINDS = {"b": ("bool",), "i": INTS, "c": COMPLEX}
