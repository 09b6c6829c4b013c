"""`==` between variables: whether they are the same object, and never a number."""

import copy
import pickle
from functools import partial
from unittest import mock

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError

A, B = T.dvectors("a", "b")
X = T.dscalar("x")
S = theano.shared(np.ones(3), "s")


class Tensor:
    """An array of another library, which does not know how to compare itself with a variable."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(3)

    def __str__(self):
        return "tensor"


WAYS_IN = {
    "operand": lambda c: c * 1.0,
    "reflected operand": lambda c: 1.0 - c,
    "beside a variable": lambda c: A * c,
    "before a variable": lambda c: c + A,
    "beside an array": lambda c: np.ones(2) * c,
    "beside a NumPy scalar": lambda c: np.float64(1.0) * c,
    "logic": lambda c: c & c,
    "inverted": lambda c: ~c,
    "compared": lambda c: c < 1,
    "compared with a variable": lambda c: c == A,
    "float": lambda c: float(c),
    "int": lambda c: int(c),
    "Python's sum": lambda c: sum([c]),
    "T.mean": T.mean,
    "T.sum": T.sum,
    "T.any": lambda c: T.any([c]),
    "T.cast": lambda c: T.cast(c, "float64"),
    "T.switch": lambda c: T.switch(c, 1, 0),
    "T.and_": lambda c: T.and_(c, A > 0),
    "Assert": lambda c: T.opt.Assert()(A, c),
    "constant": T.constant,
    "as_tensor_variable": T.as_tensor_variable,
    "element of a list": lambda c: T.constant([1.0, c]),
    "element of a stack": lambda c: T.stack([c, X]),
    "element of an array": lambda c: np.array([c]),
    "element of a float array": lambda c: np.array([0.0, c], dtype=float),
    "np.asarray": np.asarray,
    "np.mean": np.mean,
    "np.where": lambda c: np.where(c, 1, 0),
    "np.logical_not": np.logical_not,
    "index of a variable": lambda c: A[c],
    "index in a list": lambda c: A[[c]],
    "index of a Python list": lambda c: [1, 2][c],
    "length": lambda c: T.zeros((c,)),
    "shape": lambda c: A.reshape((c, 1)),
    "axis": lambda c: A.sum(axis=c),
    "set_subtensor": lambda c: T.set_subtensor(A[0], c),
    "output": lambda c: theano.function([], c),
    "list of outputs": lambda c: theano.function([], [c]),
    "dict of outputs": lambda c: theano.function([], {"c": c}),
    "update": lambda c: theano.function([], [], updates=[(S, c)]),
    "given": lambda c: theano.function([], S.sum(), givens={S: c}),
    "default": lambda c: theano.function([theano.In(X, value=c)], X),
    "argument": lambda c: theano.function([X], X)(c),
    "argument in a list": lambda c: theano.function([A], A)([c]),
    "eval": lambda c: X.eval({X: c}),
    "cost": lambda c: T.grad(c, A),
    "shared": theano.shared,
    "shared list": lambda c: theano.shared([c]),
    "set_value": lambda c: S.set_value([c, c, c]),
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("word", ["==", "!=", "== number", "== array of another library"])
def test_the_answer_is_not_computed_with(way, word):
    other = {"== number": 3, "== array of another library": Tensor()}.get(word, B)
    answer = A != B if word == "!=" else A == other  # noqa: SIM300
    with pytest.raises(GraphTypeError, match=r"T\.neq\(a, b\)" if word == "!=" else r"T\.eq\(a"):
        WAYS_IN[way](answer)


@pytest.mark.parametrize("method", ["sum", "mean", "astype", "any", "shape"])
def test_what_arrays_have_says_what_to_use(method):
    with pytest.raises(AttributeError, match=r"T\.eq\(a, b\)"):
        getattr(A == B, method)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("A == A", True),
        ("A == B", False),
        ("A != A", False),
        ("A != B", True),
        ("(A == B) == False", True),
        ("(A != B) == True", True),
        ("(A == B) == (B == A)", True),
        ("{A == A, True} == {True}", True),
        ("A == 3", False),
        ("3 == A", False),
        ("A != None", True),
        ("A == 'a'", False),
        ("A in [B, A]", True),
        ("A in (B, X)", False),
        ("A in {A: 1}", True),
        ("B in {A}", False),
        ("(A, B) == (A, B)", True),
        ("[A] == [B]", False),
        ("{'a': A} == {'a': A}", True),
        ("[A, B].index(B) == 1", True),
        ("[A, B, A].count(A) == 2", True),
    ],
)
def test_truth_is_identity(text, truth):
    assert bool(eval(text)) is truth


NUMBER, VALUES = np.float64(1.0), np.ones(2)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("X in [NUMBER, X]", True),
        ("X in [NUMBER]", False),
        ("X not in (VALUES, A)", True),
        ("A in {'a': VALUES}.values()", False),
        ("[VALUES, NUMBER, X].index(X) == 2", True),
        ("[X, np.int8(1), X].count(X) == 2", True),
        ("[NUMBER, X] == [NUMBER, X]", True),
        ("(NUMBER, X) == (X, NUMBER)", False),
        ("(NUMBER, X) != (X, NUMBER)", True),
    ],
)
def test_containers_may_hold_numpys_values(text, truth):
    assert bool(eval(text)) is truth


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bool(NUMBER == X),
        lambda: 1 if X == NUMBER else 2,
        lambda: NUMBER == X and 1,
        lambda: bool(np.equal(NUMBER, X)),
        lambda: not VALUES != A,  # noqa: SIM202
        lambda: list(filter(lambda w: T.eq(w, 1.0), [X])),
        lambda: list(filter(partial(T.eq, NUMBER), [X])),
    ],
)
def test_elsewhere_the_truth_of_a_comparison_with_a_number_is_not_known(ask):
    with pytest.raises(GraphTypeError, match="its truth is not known"):
        ask()


def test_the_truth_survives_copies_as_a_plain_bool():
    assert copy.deepcopy(A == A) is True
    assert pickle.loads(pickle.dumps(A == B)) is False


def test_arrays_go_on_to_compare_element_by_element():
    values = np.array([1.0, 2.0])
    for compared in (A == values, values == A):  # noqa: SIM300
        assert compared.eval({A: [1.0, 3.0]}).tolist() == [True, False]
    for scalar in (np.float64(2.0), np.float32(2.0), np.int8(2)):
        assert (scalar == X).eval({X: 2.0})
        assert (X == scalar).eval({X: 2.0})  # noqa: SIM300
        assert not (X != scalar).eval({X: 2.0})  # noqa: SIM300


def test_who_wants_the_first_word_has_it():
    assert mock.ANY == A
    assert A == mock.ANY


def test_bools_go_on_to_be_numbers():
    assert (X * True).eval({X: 2.0}) == 2.0
    assert T.switch(np.True_, X, 0.0).eval({X: 2.0}) == 2.0
