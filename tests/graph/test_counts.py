"""Plain integers that are wanted of a symbol: what is said, by who asks."""

import operator

import numpy as np
import pytest
import scipy.sparse

import symgrad.tensor as T
from symgrad.errors import GraphTypeError, SymgradError

n, v, m = T.lscalar("n"), T.dvector("v"), T.dmatrix("m")
items = [1.0, 2.0]
SQUARE = np.eye(2)
MATRIX = np.asmatrix(SQUARE)


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: np.zeros(n), "Use T.zeros(n) instead of np.zeros(n)."),
        (lambda: np.zeros((n, 3)), "Use T.zeros((n, 3)) instead of np.zeros((n, 3))."),
        (lambda: np.zeros(m.shape), "Use T.zeros(m.shape) instead of np.zeros(m.shape)."),
        (lambda: np.ones(v.shape[0]), "Use T.ones(v.shape[0]) instead of np.ones(v.shape[0])."),
        (lambda: np.full((2, n), 0.5), "Use T.full((2, n), 0.5) instead of np.full((2, n), 0.5)."),
        (lambda: np.empty(n), "Use T.empty(n) instead of np.empty(n)."),
        (lambda: np.eye(n), "Use T.eye(n) instead of np.eye(n)."),
        (lambda: np.identity(n), "Use T.eye(n) instead of np.identity(n)."),
        (lambda: np.linspace(0, 1, n), "Use T.linspace(0, 1, n) instead of np.linspace(0, 1, n)."),
        (lambda: range(1, n), "Use T.arange(1, n) instead of range(1, n)."),
        (lambda: items[n], "Use T.as_tensor(items)[n] instead of items[n]."),
        (lambda: items[:n], "Use T.as_tensor(items)[:n] instead of items[:n]."),
        (lambda: eval("np.zeros(n)"), "Use T.zeros(n) instead of numpy.zeros(n)"),
        (lambda: eval("np.ones(n)"), "Use T.ones instead of numpy.ones."),
        (lambda: eval("range(n)"), "T.arange(n) instead of range(n)"),
        (lambda: np.random.rand(n), "Use what symgrad.tensor has for it"),
        (lambda: MATRIX**n, "T.nlinalg.matrix_power(a, 3)"),
        (lambda: scipy.sparse.csr_matrix(SQUARE) ** n, "T.nlinalg.matrix_power(a, 3)"),
        (lambda: np.linalg.matrix_power(SQUARE, n), "T.nlinalg.matrix_power(a, 3)"),
    ],
)
def test_the_hint_fits_who_asked(ask, hint):
    if "eval" in ask.__code__.co_names and "zeros" in hint:
        with pytest.raises(TypeError):  # NumPy's own text, where there is no source to tell it by
            ask()
        return
    with pytest.raises(SymgradError) as caught:
        ask()
    assert hint in caught.value.message
    assert "symbolic variable" in caught.value.message


def test_what_the_hints_say_works():
    made = [T.zeros((n, 3)), T.full((2, n), 0.5), T.eye(n), T.linspace(0, 1, n), T.arange(1, n)]
    assert [e.eval({n: 2}).shape for e in made] == [(2, 3), (2, 2), (2, 2), (2,), (1,)]
    assert T.as_tensor(items)[n].eval({n: 1}) == 2.0
    assert T.as_tensor([v[0], n])[n].eval({n: 1, v: [3.0]}) == 1.0


def test_the_protocol_asks_for_a_type_error():
    with pytest.raises(GraphTypeError):
        operator.index(n)
    with pytest.raises(GraphTypeError, match="T.cast"):
        int(n)


@pytest.mark.parametrize("make", [T.dvector, T.imatrix, T.TensorType("float32", shape=(None,))])
def test_a_type_takes_one_name(make):
    with pytest.raises(GraphTypeError, match=r"has one name, .*T\.dvectors\('a', 'b'\)"):
        make("a", "b")


@pytest.mark.parametrize("make", [T.scalar, T.vector, T.matrix, T.row, T.tensor4])
def test_a_second_name_is_no_dtype(make):
    with pytest.raises(GraphTypeError, match=r"s\('a', 'b'\)"):
        make("a", "b")
    assert make("a", "int8").dtype == "int8"
