"""Tensors made from numbers, and diagonals, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad import config
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError
from symgrad.graph.types import TensorType


def same(node, want, inputs=None):
    got = node.eval(inputs or {})
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype == node.dtype
    assert got.shape == want.shape
    assert all(n in (None, m) for n, m in zip(node.static_shape, got.shape, strict=True))


# -- filled ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), 3, (0,), (2, 3), [2, 0, 1]])
@pytest.mark.parametrize("dtype", [None, "int8", "float32", "bool", "complex128"])
def test_filled_tensors(shape, dtype):
    as_numpy = {"dtype": dtype or "float64"}
    same(T.zeros(shape, dtype), np.zeros(shape, **as_numpy))
    same(T.ones(shape, dtype), np.ones(shape, **as_numpy))
    same(T.full(shape, 1, dtype or "float64"), np.full(shape, 1, **as_numpy))
    assert T.empty(shape, dtype).dtype == as_numpy["dtype"]
    assert T.zeros(shape).static_shape == np.zeros(shape).shape


def test_float_x_is_read_at_call_time():
    with config.change_flags(floatX="float32"):
        made = [T.zeros(2), T.ones(2), T.eye(2), T.tri(2), T.arange(0.0, 1.0, 0.5)]
        made += [T.linspace(0, 1), T.full(2, 0.5)]
    assert {m.dtype for m in made} == {"float32"}
    assert T.zeros(2).dtype == "float64"


def test_full_broadcasts_and_checks():
    n = T.lscalar("n")
    same(T.full((n, 2), [1.0, 2.0]), np.array([[1.0, 2.0]] * 3), {n: 3})
    with pytest.raises(ShapeError, match="cannot be broadcast"):
        T.full((2, 3), [1.0, 2.0])
    with pytest.raises(GraphValueError, match="negative"):
        T.zeros((2, -1))
    for number, dtype in ((300, "uint8"), (-1, "uint16"), (2**63, "int64"), (3e9, "int32")):
        for known in (number, np.asarray(number), [1, number], float(number), T.constant(number)):
            for build in (
                lambda known, dtype: T.full((2,), known, dtype=dtype),
                lambda known, dtype: T.full_like(T.constant(np.ones(2, dtype)), known),
                lambda known, dtype: T.full_like(T.dvector("v"), known, dtype),
            ):
                with pytest.raises(GraphValueError, match=f"does not fit in {dtype}"):
                    build(known, dtype)
    with pytest.raises(GraphValueError, match="does not fit in int8"):
        T.full((2,), np.nan, dtype="int8")
    same(T.full(2, 255, dtype="uint8"), np.full(2, 255, "uint8"))
    same(T.full(2, -1.5, dtype="int8"), np.full(2, -1.5, "int8"))
    with pytest.raises(ShapeError, match=r"(?s)negative.*test_constructors"):
        T.zeros((n, 2)).eval({n: -3})


# -- counted -----------------------------------------------------------------------------------

ints = st.integers(-20, 20)


@settings(max_examples=35)
@given(ints, ints, ints.filter(bool))
def test_arange_of_integers_agrees_with_numpy(start, stop, step):
    want = np.arange(start, stop, step)
    node = T.arange(start, stop, step)
    same(node, want)
    assert node.static_shape == want.shape
    a, b, c = T.lscalars("a", "b", "c")
    same(T.arange(a, b, c), want, {a: start, b: stop, c: step})


@settings(max_examples=35)
@given(
    st.floats(-5, 5), st.floats(-5, 5), st.floats(0.1, 3), st.sampled_from([-1, 1]),
)  # fmt: skip
def test_arange_of_floats_agrees_with_numpy(start, stop, step, sign):
    want = np.arange(start, stop, sign * step)
    node = T.arange(start, stop, sign * step)
    got = node.eval()
    assert node.static_shape == got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_arange_dtypes():
    f, i, w, n = T.fscalar("f"), T.iscalar("i"), T.wscalar("w"), T.lscalar("n")
    assert T.arange(10).dtype == "int64"
    assert T.arange(w).dtype == "int64"
    assert T.arange(f).dtype == "float32"
    assert T.arange(0, f, 0.5).dtype == "float32"
    assert T.arange(i, f).dtype == "float64"
    assert T.arange(0.0, w, 0.5).dtype == "float64"
    assert T.arange(n, dtype="int32").dtype == "int32"
    assert T.arange(TensorType("uint8", ())()).dtype == "uint64"
    same(T.arange(0, 1, 0.25, dtype="float32"), np.arange(0, 1, 0.25, dtype="float32"))
    same(T.arange(5, dtype="floatX"), np.arange(5.0))
    same(T.arange(0.0, 3.0, dtype="int32"), np.arange(3, dtype="int32"))
    same(T.arange(1000, f, np.float32(0.001)), np.float32([1000, 1000.001]), {f: 1000.0015})


def test_arange_length_is_known_where_the_arguments_are():
    x = TensorType("float64", (7, None))("x")
    assert T.arange(x.shape[0]).static_shape == (7,)
    assert T.arange(x.shape[0] - 1, 0, -2).static_shape == (3,)
    assert T.arange(x.shape[1]).static_shape == (None,)
    assert T.arange(5, 2).static_shape == (0,)
    same(T.arange(x.shape[1]), np.arange(3), {x: np.zeros((7, 3))})


def test_arange_refuses():
    s = T.dscalar("s")
    with pytest.raises(GraphTypeError, match=r"real scalars, not v"):
        T.arange(T.lvector("v"))
    with pytest.raises(GraphTypeError, match=r"real scalars"):
        T.arange(1j)
    with pytest.raises(GraphValueError, match="step is 0"):
        T.arange(0, 5, 0)
    with pytest.raises(GraphValueError, match="step is 0"):
        T.arange(0.0, 1.0, s).eval({s: 0.0})
    with pytest.raises(GraphValueError, match="never ends"):
        T.arange(0.0, float("inf"))


def test_arange_gradients():
    a, b, c = T.dscalars("a", "b", "c")
    cost = (T.arange(a, b, c) ** 2).sum()
    values = {a: 0.5, b: 2.1, c: 0.4}
    counted = np.arange(0.5, 2.1, 0.4)
    da, db, dc = T.grad(cost, [a, b, c])
    np.testing.assert_allclose(da.eval(values), 2 * counted.sum())
    np.testing.assert_allclose(dc.eval(values), (2 * counted * np.arange(4)).sum())
    assert db.eval() == 0
    n = T.lscalar("n")
    g = T.grad((T.arange(n) * a).sum(), n)
    assert g.dtype == "float64"
    assert g.eval() == 0


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_linspace_agrees_with_numpy(num, endpoint):
    n, a = T.lscalar("n"), T.dscalar("a")
    want = np.linspace(0.3, -2, num, endpoint=endpoint)
    for node in (T.linspace(0.3, -2, num, endpoint), T.linspace(a, -2, n, endpoint)):
        f = symgrad.function([n, a], node, on_unused_input="ignore")
        np.testing.assert_allclose(f(num, 0.3), want, rtol=1e-14, atol=1e-15)
    assert T.linspace(0, 1, num, dtype="float32").dtype == "float32"
    assert T.linspace(0.0, 1.0, num).static_shape == (num,)


def test_linspace_ends_exactly_and_takes_scalars_only():
    assert T.linspace(0.1, 0.7, 11).eval()[-1] == 0.7
    with pytest.raises(GraphTypeError, match="scalars"):
        T.linspace([0.0], 1.0)


def test_bartlett_is_float64_under_every_floatX():
    with symgrad.config.change_flags(floatX="float32"):
        assert T.bartlett(4).dtype == "float64"


@pytest.mark.parametrize("m", [0, 1, 2, 5, 8])
def test_bartlett_agrees_with_numpy(m):
    n = T.lscalar("n")
    for node in (T.bartlett(m), T.bartlett(n)):
        got = symgrad.function([n], node, on_unused_input="ignore")(m)
        np.testing.assert_allclose(got, np.bartlett(m), atol=1e-15)


# -- gridded -----------------------------------------------------------------------------------


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("lengths", [(), (3,), (2, 3), (2, 0, 4)])
def test_meshgrid_agrees_with_numpy(indexing, sparse, lengths):
    vectors = [np.arange(float(n)) + k for k, n in enumerate(lengths)]
    inputs = T.dvectors(len(lengths))
    grid = T.meshgrid(*inputs, indexing=indexing, sparse=sparse)
    got = symgrad.function(inputs, grid)(*vectors)
    want = np.meshgrid(*vectors, indexing=indexing, sparse=sparse)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == b.shape


def test_meshgrid_refuses():
    with pytest.raises(GraphTypeError, match="vectors, not m "):
        T.meshgrid(T.dmatrix("m"))
    with pytest.raises(GraphValueError, match="indexing='yx'"):
        T.meshgrid([1], indexing="yx")


def test_grids_are_indexed_as_numpys():
    for ours, numpys in zip(T.mgrid[0:3, 1:8:2], np.mgrid[0:3, 1:8:2], strict=True):
        same(ours, numpys)
    for ours, numpys in zip(T.ogrid[0:3, -1:1:5j], np.ogrid[0:3, -1:1:5j], strict=True):
        np.testing.assert_allclose(ours.eval(), numpys)
        assert ours.static_shape == numpys.shape
    same(T.mgrid[2:5], np.mgrid[2:5])
    n = T.lscalar("n")
    a, b = T.mgrid[:n, :2]
    np.testing.assert_array_equal((a + b).eval({n: 3}), np.add(*np.mgrid[:3, :2]))
    with pytest.raises(GraphTypeError, match="mgrid is indexed with slices"):
        T.mgrid[3]
    with pytest.raises(GraphTypeError, match="ogrid is indexed with slices"):
        T.ogrid[0:3, 1:]


# -- triangles, the unit matrix, diagonals -----------------------------------------------------


@settings(max_examples=35)
@given(st.integers(0, 4), st.integers(0, 4) | st.none(), st.integers(-5, 5))
def test_tri_and_eye_agree_with_numpy(n, m, k):
    for ours, numpys in ((T.tri, np.tri), (T.eye, np.eye)):
        same(ours(n, m, k), numpys(n, m, k))
        same(ours(n, m, k, "int8"), numpys(n, m, k, "int8"))
        assert ours(n, m, k).static_shape == numpys(n, m).shape


def test_sizes_of_matrices_may_be_symbolic():
    n, k = T.lscalars("n", "k")
    x = T.dmatrix("x")
    f = symgrad.function([n, k], [T.eye(n), T.eye(n, 2, k), T.tri(n, k=k), T.identity(n)])
    for got, want in zip(f(3, -1), [np.eye(3), np.eye(3, 2, -1), np.tri(3, k=-1), np.eye(3)],
                         strict=True):  # fmt: skip
        np.testing.assert_array_equal(got, want)
    same(T.identity_like(x), np.eye(2, 3), {x: np.zeros((2, 3))})
    assert T.identity_like(T.fmatrix()).dtype == "float32"
    with pytest.raises(GraphTypeError, match="takes a matrix"):
        T.identity_like(T.dvector())
    with pytest.raises(GraphValueError, match="negative"):
        T.eye(-1)
    with pytest.raises(GraphTypeError, match="eye: a length must be an integer scalar"):
        T.eye(2.5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 3), (2, 3, 2)])
@pytest.mark.parametrize("k", [-3, -1, 0, 1, 5])
def test_triangles_agree_with_numpy(shape, k):
    x = TensorType("float32", (None,) * len(shape))("x")
    value = np.arange(1, 1 + np.prod(shape), dtype="float32").reshape(shape)
    same(T.tril(x, k), np.tril(value, k), {x: value})
    same(T.triu(x, k), np.triu(value, k), {x: value})


def test_triangles_drop_infinities_and_gradients():
    x = T.dmatrix("x")
    value = np.array([[1.0, np.inf], [np.nan, 4.0]])
    np.testing.assert_array_equal(T.tril(x).eval({x: value}), [[1, 0], [np.nan, 4]])
    np.testing.assert_array_equal(T.triu(x).eval({x: value}), [[1, np.inf], [0, 4]])
    g = T.grad(T.triu(x, 1).sum(), x)
    np.testing.assert_array_equal(g.eval({x: np.ones((2, 3))}), np.triu(np.ones((2, 3)), 1))
    assert T.tril(T.imatrix()).dtype == "int32"
    with pytest.raises(GraphTypeError, match="tril takes a matrix"):
        T.tril(T.dvector())


@settings(max_examples=35)
@given(st.data())
def test_diagonal_agrees_with_numpy(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=4)))
    axis1, axis2 = data.draw(st.permutations(range(len(shape))))[:2]
    axis2 -= data.draw(st.sampled_from([0, len(shape)]))
    offset = data.draw(st.integers(-5, 5))
    value = np.arange(float(np.prod(shape))).reshape(shape)
    want = value.diagonal(offset, axis1, axis2).copy()
    for lengths in (shape, (None,) * len(shape)):
        x = TensorType("float64", lengths)("x")
        node = x.diagonal(offset, axis1, axis2)
        same(node, want, {x: value})
        if None not in lengths:
            assert node.static_shape == want.shape
        g = T.grad((T.diagonal(x, offset, axis1, axis2) ** 2).sum(), x)
        back = np.zeros(shape)
        back[np.isin(value, want)] = 2 * value[np.isin(value, want)]
        np.testing.assert_array_equal(g.eval({x: value}), back)


@pytest.mark.parametrize("k", [-2, 0, 1])
def test_diag_both_ways(k):
    v, m = T.dvector("v"), T.dmatrix("m")
    vector, matrix = np.array([1.0, 2.0, 3.0]), np.arange(12.0).reshape(3, 4)
    same(T.diag(v, k), np.diag(vector, k), {v: vector})
    same(T.diag(m, k), np.diag(matrix, k).copy(), {m: matrix})
    same(T.diag(v, k), np.diag(np.zeros(0), k), {v: np.zeros(0)})
    assert T.diag([1.0, 2.0], k).static_shape == (2 + abs(k),) * 2
    weights = np.arange(float((3 + abs(k)) ** 2)).reshape((3 + abs(k),) * 2)
    g = T.grad((T.diag(v, k) * weights).sum(), v)
    np.testing.assert_array_equal(g.eval({v: vector}), np.diag(weights, k))


def test_alloc_diag_of_any_rank():
    x = T.dmatrix("x")
    value = np.arange(6.0).reshape(2, 3)
    for axis1, axis2 in ((0, 1), (1, 2), (-1, 0)):
        made = T.alloc_diag(x, 1, axis1, axis2)
        got = made.eval({x: value})
        assert got.shape == tuple(np.zeros((2, 4, 4)).shape) if axis1 == 1 else got.ndim == 3
        np.testing.assert_array_equal(np.diagonal(got, 1, axis1, axis2), value)
        assert got.sum() == value.sum()
    np.testing.assert_array_equal(T.extract_diag([[1, 2], [3, 4]]).eval(), [1, 4])


def test_diagonals_refuse():
    with pytest.raises(GraphTypeError, match="vector or a matrix"):
        T.diag(T.dtensor3())
    with pytest.raises(GraphTypeError, match="fewer than two axes"):
        T.diagonal(T.dvector())
    with pytest.raises(GraphValueError, match="both 1"):
        T.diagonal(T.dmatrix(), 0, 1, -1)
    with pytest.raises(GraphTypeError, match="offset must be an integer"):
        T.diagonal(T.dmatrix(), T.lscalar())
    with pytest.raises(GraphTypeError, match="scalar"):
        T.alloc_diag(1.0)
    with pytest.raises(GraphValueError, match="both 0"):
        T.alloc_diag([1.0], 0, 0, 0)


def test_a_matrix_is_no_shape():
    with pytest.raises(GraphTypeError, match=r"zeros: a length must be an integer scalar, not x"):
        T.zeros(T.imatrix("x"))


def test_diagonals_may_be_whole_floats():
    np.testing.assert_array_equal(T.tri(3, 3, 1.0).eval(), np.tri(3, 3, 1))
    x = T.dmatrix("x")
    value = np.ones((3, 3))
    for k in (1.0, np.float32(-1)):
        got = symgrad.function([x], [T.tril(x, k), T.triu(x, k)])(value)
        np.testing.assert_array_equal(got[0], np.tril(value, int(k)))
        np.testing.assert_array_equal(got[1], np.triu(value, int(k)))
    with pytest.raises(GraphTypeError, match="integer"):
        T.tri(3, 3, 0.5)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(["int64", "uint64", "int32", "uint8"]), st.booleans())
def test_integers_of_any_size_are_counted_exactly(data, dtype, known):
    limits = np.iinfo(dtype)
    ends = st.integers(int(limits.min), int(limits.max))
    start, step = data.draw(ends), data.draw(ends.filter(bool))
    stop = start + data.draw(st.integers(-1, 5)) * step + data.draw(st.integers(-1, 1))
    stop = min(max(stop, int(limits.min)), int(limits.max))
    want = list(range(start, stop, step))[:9] if abs((stop - start) // step) < 9 else None
    if want is None:
        return
    values = [np.array(n, dtype) for n in (start, stop, step)]
    inputs = [] if known else [T.scalar(dtype=dtype) for _ in values]
    counted = T.arange(*(values if known else inputs))
    got = symgrad.function(inputs, counted)(*([] if known else values))
    assert got.dtype == counted.dtype == ("uint64" if dtype[0] == "u" else "int64")
    assert got.tolist() == want
    assert counted.static_shape == ((len(want),) if known else (None,))


def test_a_count_beyond_memory_is_refused_when_it_runs():
    for stop in (2**62, np.uint64(2**64 - 1)):
        with pytest.raises(symgrad.errors.SymgradError):
            T.arange(stop).eval()
