"""What an array of numbers would lose is refused wherever a value comes in; the rest is taken."""

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import GraphTypeError
from symgrad.graph.foreign import as_array


class Lengths(np.ndarray):
    """An array with a unit, as astropy's are."""

    unit = "m"


class Duck:
    """An object that stands for an array, as those of other frameworks do."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0])


class Sparse:
    nnz, shape, ndim = 1, (2,), 1

    def toarray(self):
        return np.zeros(2)


class OnAnotherDevice(Duck):
    def __array__(self, dtype=None, copy=None):
        raise TypeError("cannot convert a tensor of device 7")


PAIRS = np.array([(1.0, 2), (3.0, 4)], dtype=[("a", float), ("b", int)])
LOSING = {
    "masked": (np.ma.array([1.0, 99.0], mask=[False, True]), r"\.filled\(.*compressed"),
    "masked in a list": ([1.0, np.ma.masked], r"\.filled\("),
    "rows of masked": ([[1.0], np.ma.array([99.0], mask=[True])], r"\.filled\("),
    "structured": (PAIRS, r"value\['a'\]"),
    "record": (PAIRS.view(np.recarray), r"value\['a'\]"),
    "one record": (PAIRS[0], r"value\['a'\]"),
    "times": (np.array(["2020-01-01", "2020-01-02"], "datetime64[s]"), "timedelta64"),
    "durations": (np.array([1, 2], "timedelta64[s]"), "timedelta64"),
    "one duration": (np.timedelta64(3, "s"), "timedelta64"),
    "durations in a list": ([np.timedelta64(3, "s")], "timedelta64"),
    "unit": (np.ones(2).view(Lengths), "unit m"),
    "units": (Duck(units="kg", magnitude=np.ones(2)), r"unit kg.*value\.magnitude"),
    "units in a list": ([Duck(units="kg")], "unit kg"),
    "gradient": (Duck(requires_grad=True, detach=1), r"requires a gradient.*detach\(\)"),
    "sparse": (Sparse(), r"toarray\(\)"),
    "another device": (OnAnotherDevice(), "device 7"),
}
TAKEN = {
    "nothing masked": np.ma.array([1.0, 2.0]),
    "an empty mask": np.ma.array([1.0, 2.0], mask=[False, False]),
    "no unit": Duck(units="dimensionless"),
    "no gradient": Duck(requires_grad=False),
    "record array of numbers": np.array([1.0, 2.0]).view(np.recarray),
}


def ways_in(value):
    rank = 2 if isinstance(value, list) and isinstance(value[0], list) else 1
    if isinstance(value, (np.timedelta64, np.void)):
        rank = 0
    x = T.TensorType("float64", (None,) * rank)("x")
    w = theano.shared(np.ones((2,) * rank), "w")
    yield "argument", lambda: theano.function([x], x)(value)
    yield (
        "argument with downcast",
        lambda: theano.function([x], x, allow_input_downcast=True)(value),
    )
    yield "default", lambda: theano.function([theano.In(x, value=value)], x)()
    yield "eval", lambda: x.eval({x: value})
    yield "given", lambda: theano.function([], x, givens={x: value})()
    yield "update", lambda: (theano.function([], [], updates={w: value})(), w.get_value())[1]
    yield "set_value", lambda: (w.set_value(value), w.get_value())[1]
    yield "constant", lambda: T.constant(value).eval()
    yield "as_tensor_variable", lambda: T.as_tensor_variable(value).eval()
    yield "operand", lambda: (x * 0 + value).eval({x: np.ones((2,) * rank)})
    yield "function", lambda: T.add(x * 0, value).eval({x: np.ones((2,) * rank)})
    yield "set_subtensor", lambda: T.set_subtensor(x[...], value).eval({x: np.ones((2,) * rank)})
    yield "output", lambda: theano.function([], T.as_tensor_variable(value))()
    yield "stack", lambda: T.stack([x, value])[1].eval({x: np.ones((2,) * rank)})
    if not isinstance(value, list):  # a list is kept as a Python object, as it is
        yield "shared", lambda: theano.shared(value).get_value()
        yield "index", lambda: x[value].eval({x: np.ones((2,) * rank)})


@pytest.mark.parametrize("name", LOSING)
def test_what_would_be_lost_is_refused_everywhere(name):
    value, hint = LOSING[name]
    for way, enter in ways_in(value):
        with pytest.raises(GraphTypeError, match=hint):
            enter()
            pytest.fail(f"{name} was taken as {way}")


@pytest.mark.parametrize("name", TAKEN)
def test_what_loses_nothing_is_taken_everywhere(name):
    for way, enter in ways_in(TAKEN[name]):
        if way != "index":
            result = enter()
            assert type(result) is np.ndarray, way
            assert result.tolist() == [1.0, 2.0], way


def test_operators_with_a_masked_array_on_the_left():
    v = T.dvector("v")
    masked = np.ma.array([1.0, 99.0], mask=[False, True])
    for compute in (lambda: masked * v, lambda: masked - v, lambda: masked > v):
        with pytest.raises(GraphTypeError, match=r"a\.filled\(number\)"):
            compute()


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_numpy_matrix_is_an_array_except_beside_a_star():
    m, x = T.dmatrix("m"), T.dscalar("x")
    matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    for compute in (lambda: m * matrix, lambda: matrix * m):
        with pytest.raises(GraphTypeError, match=r"T\.dot\(a, b\)"):
            compute()
    array = np.asarray(matrix)
    for result in (x * matrix, matrix * x):
        assert result.eval({x: 2.0}).tolist() == (2 * array).tolist()
    for result, expected in (
        (T.dot(m, matrix), array @ array),
        (matrix @ m, array @ array),
        (T.mul(m, matrix), array * array),
        (m + matrix, array + array),
    ):
        assert result.eval({m: matrix}).tolist() == expected.tolist()
    assert type(theano.shared(matrix).get_value()) is np.ndarray


def test_shared_variables_do_not_share_memory_with_other_libraries():
    memory = np.array([1.0, 2.0])
    duck = Duck()
    duck.__class__ = type("Lender", (Duck,), {"__array__": lambda self, *_, **__: memory})
    w = theano.shared(duck)
    w.set_value(duck)
    memory[0] = 7.0
    assert w.get_value().tolist() == [1.0, 2.0]


def test_plain_lists_cost_no_second_look(monkeypatch):
    monkeypatch.setattr("symgrad.graph.foreign.refuse_loss", None)
    assert theano.function([T.dvector()], [], on_unused_input="ignore")([1.0, 2.0]) == []
    with pytest.raises(TypeError):
        as_array(Duck())


# -- real ones, where they are installed -----------------------------------------------------------


def test_frames_of_pandas():
    pd = pytest.importorskip("pandas")
    v, m = T.dvector("v"), T.dmatrix("m")
    f, g = theano.function([v], v * 2), theano.function([m], m * 2)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    assert g(frame).tolist() == [[2.0, 6.0], [4.0, 8.0]]
    assert f(frame["a"]).tolist() == [2.0, 4.0]
    assert (frame["a"] * v).eval({v: [1.0, 2.0]}).tolist() == [1.0, 4.0]
    assert theano.shared(frame).get_value().shape == (2, 2)
    for value in (frame.sort_values("a", ascending=False), frame[frame["a"] > 1]):
        with pytest.raises(GraphTypeError, match=r"index.*to_numpy"):
            g(value)
        with pytest.raises(GraphTypeError, match=r"index.*to_numpy"):
            value["a"] + v
    for value in (pd.Series([1.0, None]), pd.Series([1, None], dtype="Int64")):
        for enter in (f, theano.shared, T.constant, lambda s: s - v):
            with pytest.raises(GraphTypeError, match=r"1 missing.*fillna"):
                enter(value)


def test_sparse_matrices_of_scipy():
    sparse = pytest.importorskip("scipy.sparse")
    m = T.dmatrix("m")
    value = sparse.csr_matrix(np.eye(2))
    for enter in (
        theano.function([m], m),
        theano.shared,
        T.constant,
        lambda s: m * s,
        lambda s: s * m,
        lambda s: s + m,
    ):
        with pytest.raises(GraphTypeError, match=r"toarray\(\)"):
            enter(value)


def test_arrays_of_jax():
    jax = pytest.importorskip("jax")
    v = T.vector("v")
    value = jax.numpy.ones(2)
    assert theano.function([v], v)(value).tolist() == [1.0, 1.0]
    assert theano.shared(value).get_value().tolist() == [1.0, 1.0]
    with pytest.raises(GraphTypeError, match="Tracer"):
        jax.jit(theano.function([v], v))(value)
