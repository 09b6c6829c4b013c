"""Values to start from: ordinary and extreme ones, as arrays of every layout, with their texts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

TEMPERS = ("ordinary", "whole", "unit", "extreme", "special")
LAYOUTS = ("plain", "fortran", "strided", "backwards", "transposed", "readonly")


class Value(NamedTuple):
    """An array, and the Python text that makes it."""

    array: Any
    layout: str = "plain"
    seed: int | None = None  # of a large array, which is made by a generator


def draw(rng: Any, dtype: str, shape: tuple[int, ...], temper: str) -> Any:
    """An array of a dtype and shape."""
    kind = np.dtype(dtype).kind
    size = int(np.prod(shape))
    if kind == "b":
        found = rng.rand(size) < 0.5
    elif kind in "iu":
        found = _integers(rng, np.iinfo(dtype), size, temper, kind)
    elif kind == "f":
        found = _floats(rng, np.finfo(dtype), size, temper)
    else:
        part = np.finfo(dtype)
        found = _floats(rng, part, size, temper) + 1j * _floats(rng, part, size, temper)
    return found.astype(dtype).reshape(shape)


def _integers(rng: Any, info: Any, size: int, temper: str, kind: str) -> Any:
    if temper in ("extreme", "special"):
        some = [info.min, info.max, info.max - 1, info.min + 1, info.max // 2, 0, 1, 2]
        return np.array([some[k] for k in rng.randint(len(some), size=size)], info.dtype)
    return rng.randint(0 if kind == "u" else -4, 5, size=size)


def _floats(rng: Any, info: Any, size: int, temper: str) -> Any:
    found = rng.randn(size)
    if temper == "whole":
        return rng.randint(-2, 3, size=size).astype("float64")
    if temper == "unit":
        return rng.rand(size) * 0.98 + 0.01
    if temper == "extreme":
        reach = {16: 4, 32: 36, 64: 300}[info.bits if info.bits < 128 else 64]
        powers = rng.uniform(-reach, reach, size=size)
        return np.where(rng.rand(size) < 0.5, found * 10.0**powers, found * 30)
    if temper == "special":
        tiny = float(info.smallest_subnormal)
        some = [np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -3 * tiny, float(info.max), 1.0, -1.0]
        chosen = np.array(some)[rng.randint(len(some), size=size)]
        return np.where(rng.rand(size) < 0.4, chosen, found)
    return found


def laid_out(array: Any, layout: str) -> Any:
    """An equal array with another layout in memory."""
    if layout == "fortran" and array.ndim:
        return np.asfortranarray(array)
    if layout == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "backwards" and array.ndim:
        return array[::-1].copy()[::-1]
    if layout == "transposed":
        return array.T.copy().T
    if layout == "readonly":
        array = array.copy()
        array.flags.writeable = False
        return array
    return array.copy()


def text(value: Value) -> str:
    """Python that makes the array (without its layout where that cannot matter)."""
    array = value.array
    if value.seed is not None:
        return f"large({value.seed}, {array.shape}, {str(array.dtype)!r})"
    made = f"np.array({_numbers(array)}, {str(array.dtype)!r})"
    if array.size == 0:
        made = f"np.zeros({array.shape}, {str(array.dtype)!r})"
    endings = {
        "fortran": f"np.asfortranarray({made})",
        "backwards": f"{made}[::-1].copy()[::-1]",
        "transposed": f"{made}.T.copy().T",
        "strided": f"np.repeat({made}, 2, axis=-1)[..., ::2]",
        "readonly": f"np.broadcast_to({made}, {array.shape})",
    }
    return endings.get(value.layout, made) if array.ndim else made


def _numbers(array: Any) -> str:
    """Nested lists of numbers, NaN and infinity as `nan` and `inf`."""
    if array.ndim:
        return f"[{', '.join(_numbers(part) for part in array)}]"
    number = array.item()
    if array.dtype.kind == "f" and array.dtype != np.float64:
        return str(array)  # the shortest text that gives this number in its dtype
    if array.dtype.kind == "c":
        return f"complex({float(number.real)!r}, {float(number.imag)!r})"
    return repr(number)


LARGE = """def large(seed, shape, dtype):
    return np.random.RandomState(seed).randn(*shape).astype(dtype)"""


def large(seed: int, shape: tuple[int, ...], dtype: str) -> Any:
    """A large array, which a seed describes."""
    return np.random.RandomState(seed).randn(*shape).astype(dtype)
