"""The BLAS that NumPy has loaded, called directly: it adds a product to what is there.

`numpy.dot` can only overwrite, so `W - lr * dot(a, b)` takes two more passes over memory. Looking
the library up in NumPy's own extension module finds the very one that `numpy.dot` uses, with its
one pool of threads; SciPy brings another, which is never touched here.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

_ROW_MAJOR, _NO_TRANS, _TRANS = 101, 111, 112

# What surrounds `cblas_sgemm`, and the type of its lengths. NumPy's wheels first, of 2.x and 1.26;
# then MKL, Accelerate and plain builds. Where a plain name takes 32-bit lengths, a wider one does
# no harm but on macOS, whose ARM calls pack arguments on the stack.
_PLAIN = ctypes.c_int32 if sys.platform == "darwin" else ctypes.c_ssize_t
_NAMES: tuple[tuple[str, str, Any], ...] = (
    ("scipy_", "64_", ctypes.c_int64),
    ("", "64_", ctypes.c_int64),
    ("", "_64", ctypes.c_int64),
    ("", "$NEWLAPACK$ILP64", ctypes.c_int64),
    ("scipy_", "", _PLAIN),
    ("", "", _PLAIN),
)
_WINDOWS = ("mkl_rt.2.dll", "mkl_rt.1.dll", "libcblas.dll", "cblas.dll", "openblas.dll")
_LONGEST = 2**31 - 1  # what every BLAS can count to


class Gemm(NamedTuple):
    """One routine of BLAS, and the size of its elements."""

    call: Callable[..., None]
    itemsize: int


_found: dict[Any, Gemm] | None = None


def routines() -> Mapping[Any, Gemm]:
    """The routines by dtype, looked up and tried at first use; none where there is no BLAS.

    >>> set(routines()) <= {np.dtype("float32"), np.dtype("float64")}
    True
    """
    global _found  # two threads may both look, and find the same
    if _found is None:
        _found = _look_up()
    return _found


def _look_up() -> dict[Any, Gemm]:
    for library in _libraries():
        for before, after, length in _NAMES:
            found = {}
            for letter, dtype, number in (
                ("s", "float32", ctypes.c_float),
                ("d", "float64", ctypes.c_double),
            ):
                call = getattr(library, f"{before}cblas_{letter}gemm{after}", None)
                if call is not None:
                    where, flag = ctypes.c_void_p, ctypes.c_int
                    call.restype = None
                    call.argtypes = (
                        *(flag, flag, flag, length, length, length),
                        *(number, where, length, where, length, number, where, length),
                    )
                    found[np.dtype(dtype)] = Gemm(call, np.dtype(dtype).itemsize)
            if found and all(_is_right(dtype, gemm) for dtype, gemm in found.items()):
                return found
    return {}


class OneThread:
    """A context in which BLAS computes on one thread, for the whole process.

    OpenBLAS cuts products for its threads and rounds each part as its size wants it, so that bits
    depend on their number.

    >>> with one_thread:
    ...     y = np.dot(np.eye(2), np.eye(2))
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.inside = 0
        self.before: list[tuple[Callable[[int], None], int]] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = [(write, read()) for read, write in thread_settings()]
                for write, _ in self.before:
                    write(1)
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                for write, count in self.before:
                    write(count)


one_thread = OneThread()
_COUNTS = (
    *(("scipy_openblas", "64_"), ("openblas", "64_"), ("openblas", "_64")),
    *(("scipy_openblas", ""), ("openblas", "")),
)
_settings: dict[str, Any] = {}


def thread_settings() -> list[tuple[Callable[[], int], Callable[[int], None]]]:
    """For each BLAS that is loaded, NumPy's and SciPy's, what reads and sets its threads."""
    scipys = getattr(sys.modules.get("scipy.linalg._fblas"), "__file__", None)
    for path in ("", *([scipys] if scipys else [])):
        if path not in _settings:
            libraries = [ctypes.CDLL(path)] if path else _libraries()
            _settings[path] = next(filter(None, map(_thread_setting, libraries)), None)
    return [found for found in _settings.values() if found is not None]


def _thread_setting(library: Any) -> Any:
    names = [(f"{a}_get_num_threads{b}", f"{a}_set_num_threads{b}") for a, b in _COUNTS]
    for get, put in (*names, ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads")):
        read, write = getattr(library, get, None), getattr(library, put, None)
        if read is not None and write is not None:
            read.argtypes, read.restype = (), ctypes.c_int
            write.argtypes, write.restype = (ctypes.c_int,), None
            return read, write
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Where the symbols that NumPy itself uses can be found."""
    core = sys.modules.get("numpy._core._multiarray_umath")
    core = core or sys.modules.get("numpy.core._multiarray_umath")
    path = getattr(core, "__file__", None)
    if sys.platform == "win32":  # there a library does not show what it depends on
        from pathlib import Path  # importing symgrad does without

        handle_of = ctypes.WinDLL("kernel32").GetModuleHandleW
        handle_of.restype = ctypes.c_void_p
        near = Path(np.__file__).parent.parent / "numpy.libs"
        for name in (*(dll.name for dll in near.glob("*openblas*.dll")), *_WINDOWS):
            handle = handle_of(name)
            if handle:
                yield ctypes.CDLL(name, handle=handle)
    elif path is not None:
        try:
            yield ctypes.CDLL(path)
        except OSError:
            return


def _is_right(dtype: Any, gemm: Gemm) -> bool:
    """Whether a small product, exact in binary, comes out right, and nothing else is written."""
    a = np.arange(6, dtype=dtype).reshape(3, 2)
    b = np.arange(8, dtype=dtype).reshape(2, 4) - 3
    right = np.ones((5, 4), dtype)
    right[1:4] += 0.5 * np.dot(a, b)
    for left, other in ((a, b), (a.T.copy().T, b.T.copy().T)):
        whole = np.ones((5, 4), dtype)
        if not _call(gemm, whole[1:4], 0.5, left, other) or not np.array_equal(whole, right):
            return False
    return True


def accumulate(out: Any, alpha: float, a: Any, b: Any) -> bool:
    """Add ``alpha * dot(a, b)`` to `out` by one call of BLAS; False where that cannot be done.

    Parameters
    ----------
    out : array
        C-contiguous; shares no memory with the others.
    alpha : float
        Not 0: BLAS does not look at the matrices then, so it would miss a NaN in them.
    a, b : array
        Matrices in any layout. Transposes are read as they are; what has gaps in both directions
        or runs backwards is copied.

    >>> out = np.ones((2, 2))
    >>> if not accumulate(out, 2.0, np.eye(2), np.ones((2, 2))):
    ...     out += 2 * np.ones((2, 2))
    >>> out
    array([[3., 3.],
           [3., 3.]])
    """
    gemm = routines().get(out.dtype)
    return gemm is not None and _call(gemm, out, alpha, a, b)


def _call(gemm: Gemm, out: Any, alpha: float, a: Any, b: Any) -> bool:
    (m, k), (inner, n) = a.shape, b.shape
    flags = out.flags
    if k != inner or out.shape != (m, n) or not (m and n and k and alpha):
        return False
    if not (flags.c_contiguous and flags.writeable and flags.aligned):
        return False
    a, trans_a, lda = _layout(a, out.dtype)
    b, trans_b, ldb = _layout(b, out.dtype)
    if m > _LONGEST or n > _LONGEST or k > _LONGEST or lda > _LONGEST or ldb > _LONGEST:
        return False
    gemm.call(
        *(_ROW_MAJOR, trans_a, trans_b, m, n, k),
        *(alpha, _address(a), lda, _address(b), ldb, 1.0, _address(out), n),
    )
    return True


def _layout(x: Any, dtype: Any) -> tuple[Any, int, int]:
    """A matrix that BLAS can read, whether it is stored transposed, and how far apart its rows."""
    size = dtype.itemsize
    rows, columns = x.shape
    down, right = x.strides
    if x.dtype == dtype and x.flags.aligned:
        if (right == size or columns == 1) and (
            rows == 1 or (down >= columns * size and not down % size)
        ):
            return x, _NO_TRANS, columns if rows == 1 else down // size
        if (down == size or rows == 1) and (
            columns == 1 or (right >= rows * size and not right % size)
        ):
            return x, _TRANS, rows if columns == 1 else right // size
    return np.array(x, dtype=dtype, order="C"), _NO_TRANS, columns


def _address(x: Any) -> int:
    address: int = x.ctypes.data
    return address
