"""The BLAS that NumPy has loaded, called directly."""

import ctypes
import subprocess
import sys
import time

import numpy as np
import pytest

from symgrad.ops.linalg import blas

DTYPES = ["float32", "float64"]


@pytest.fixture
def routines():
    found = blas.routines()
    if not found:
        pytest.skip("no BLAS was found behind this NumPy")
    return found


def matrix(rng, rows, columns, dtype):
    return rng.integers(-4, 5, (rows, columns)).astype(dtype)  # products are exact


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "wide rows": lambda x: np.hstack([x, x])[:, : x.shape[1]],
    "wide columns": lambda x: np.vstack([x, x]).copy("F")[: x.shape[0]],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "backwards both": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "one row repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "one element repeated": lambda x: np.broadcast_to(x[:1, :1], x.shape),
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": lambda x: misaligned(x),
    "read-only": lambda x: read_only(x),
}


def misaligned(x):
    memory = np.empty(x.nbytes + 1, "uint8")
    moved = memory[1:].view(x.dtype).reshape(x.shape)
    moved[...] = x
    return moved


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (40, 7, 9)]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_right(routines, layout, shape, dtype):
    m, k, n = shape
    rng = np.random.default_rng(0)
    change = LAYOUTS[layout]
    for left, right in ((True, True), (True, False), (False, True)):
        a, b, c = matrix(rng, m, k, dtype), matrix(rng, k, n, dtype), matrix(rng, m, n, dtype)
        a = change(a) if left else a
        b = change(b) if right else b
        expected = c + 0.5 * np.dot(a.astype(dtype), b.astype(dtype))
        a_before, b_before = a.copy(), b.copy()
        assert blas.accumulate(c, 0.5, a, b)
        np.testing.assert_array_equal(c, expected)
        np.testing.assert_array_equal(a, a_before)
        np.testing.assert_array_equal(b, b_before)


def test_transposes_are_not_copied(routines, monkeypatch):
    x, e = np.ones((6, 4)), np.ones((6, 3))
    c = np.zeros((4, 3))
    monkeypatch.setattr(blas.np, "array", None)  # what would copy
    for a, b in ((x.T, e), (x.T, e.T.copy().T), (x.T[1:3], e[:, 1:])):
        out = np.zeros((a.shape[0], b.shape[1]))
        assert blas.accumulate(out, 1.0, a, b)
        assert (out == 6).all()
    assert (c == 0).all()


@pytest.mark.parametrize("alpha", [2.0, np.float32(2), np.float64(2), np.array(2.0, "float32"), 2])
def test_the_factor_may_be_any_scalar(routines, alpha):
    out = np.ones((2, 2), "float32")
    assert blas.accumulate(out, alpha, np.ones((2, 2), "float32"), np.ones((2, 2), "float32"))
    assert (out == 5).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_comes_through(routines, value):
    a = np.array([[value, 1.0], [2.0, 3.0]])
    out = np.ones((2, 2))
    assert blas.accumulate(out, -1.0, a, np.eye(2) + 1)
    with np.errstate(invalid="ignore"):  # some kernels meet inf * 0 on the way
        expected = 1 - a @ (np.eye(2) + 1)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("out", "alpha", "a", "b"),
    [
        (np.zeros((2, 2)), 0.0, np.ones((2, 2)), np.ones((2, 2))),
        (np.zeros((2, 3)), 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (np.zeros((2, 2)), 1.0, np.ones((2, 3)), np.ones((2, 2))),
        (np.zeros((2, 2)), 1.0, np.ones((2, 0)), np.ones((0, 2))),
        (np.zeros((0, 2)), 1.0, np.ones((0, 2)), np.ones((2, 2))),
        (np.zeros((2, 2)).T[:, ::-1], 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (np.zeros((2, 4))[:, ::2], 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (read_only(np.zeros((2, 2))), 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (np.zeros((2, 2), "int64"), 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (np.zeros((2, 2), "complex128"), 1.0, np.ones((2, 2)), np.ones((2, 2))),
        (
            np.zeros((2, 2), ">f8" if sys.byteorder == "little" else "<f8"),
            1.0,
            *[np.ones((2, 2))] * 2,
        ),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_written(out, alpha, a, b):
    assert not blas.accumulate(out, alpha, a, b)
    assert not out.any()


# -- finding it ----------------------------------------------------------------------------------


def test_the_wheel_of_numpy_has_one():
    if "openblas" not in str(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]):
        pytest.skip("this NumPy was not built with OpenBLAS")
    assert set(blas.routines()) == {np.dtype("float32"), np.dtype("float64")}


def test_without_a_library_there_are_no_routines(monkeypatch):
    monkeypatch.setattr(blas, "_libraries", lambda: iter(()))
    assert blas._look_up() == {}
    monkeypatch.setattr(blas, "_found", {})
    assert not blas.accumulate(np.zeros((2, 2)), 1.0, np.ones((2, 2)), np.ones((2, 2)))


def test_a_library_without_the_symbols_is_passed_over(monkeypatch):
    monkeypatch.setattr(blas, "_libraries", lambda: iter([ctypes.pythonapi]))
    assert blas._look_up() == {}


@pytest.mark.parametrize(
    "broken",
    [
        lambda call, args: None,  # writes nothing
        lambda call, args: call(*args[:6], 2 * args[6], *args[7:]),  # another product
        lambda call, args: call(*args[:3], args[3] + 1, *args[4:]),  # writes past the end
    ],
)
def test_a_routine_that_computes_something_else_is_not_used(routines, broken):
    dtype = np.dtype("float64")
    right = routines[dtype]
    assert blas._is_right(dtype, right)
    wrong = right._replace(call=lambda *args: broken(right.call, args))
    assert not blas._is_right(dtype, wrong)


def test_the_first_use_takes_a_moment(routines):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        blas._look_up()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.002


def test_the_library_is_the_one_that_numpy_has_loaded(routines):
    """Looking it up loads nothing."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    code = (
        "import numpy, ctypes\n"
        "from symgrad.ops import blas\n"
        "maps = lambda: {l.split()[-1] for l in open('/proc/self/maps') if '.so' in l}\n"
        "before = maps(); assert blas.routines(); print(sorted(maps() - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
