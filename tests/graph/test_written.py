"""Inputs that an expression was written with count as used, also where its value needs none."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from symgrad.errors import MissingInputError, UnusedInputError
from symgrad.graph.walk import toposort

X, Y = T.dscalars("x", "y")
V, W = T.dvectors("v", "w")
N = T.lscalar("n")
FIXED = T.TensorType("float64", (2, 3))("fixed")
CUBE = T.TensorType("float64", (None, 2, 3))("t")
VALUES = {
    X: 3.0,
    Y: 5.0,
    V: [1.0, 2.0],
    W: [3.0, 4.0],
    N: 2,
    CUBE: np.ones((1, 2, 3)),
    FIXED: np.ones((2, 3)),
}
H = X * Y  # an intermediate variable, which may be an input

PROGRAMS = {
    "a linear cost": ([X], T.grad(2 * X, X), 2.0),
    "a sum": ([X, Y], T.grad(X + Y, X), 1.0),
    "a product, twice": ([X, Y], T.grad(T.grad(X * Y, X), Y), 1.0),
    "a gradient that is the other factor": ([X, Y], T.grad(X * Y, X), 5.0),
    "a gradient of a gradient, used twice": ([X, Y], T.grad(T.grad(X * Y, X) * Y, Y), 10.0),
    "ones_like": ([X], T.ones_like(X), 1.0),
    "zeros_like": ([X], T.zeros_like(X), 0.0),
    "zeros_like of known lengths": ([FIXED], T.zeros_like(FIXED)[0, 0], 0.0),
    "fill": ([X, Y], T.fill(X, Y), 5.0),
    "identity_like": ([FIXED], T.identity_like(FIXED)[0], [1.0, 0.0, 0.0]),
    "the gradient of sgn": ([X], T.grad(T.sgn(X), X), 0.0),
    "the gradient of floor": ([X], T.grad(T.floor(X), X), 0.0),
    "the gradient of a remainder": ([X], T.grad(X % 2, X), 1.0),
    "a comparison": ([X, Y], T.grad(T.switch(X > 1, 2 * Y, Y), Y), 2.0),
    "a shape": ([X], X.shape, []),
    "a known shape": ([FIXED], FIXED.shape, [2, 3]),
    "a known length": ([FIXED], FIXED.shape[1], 3),
    "a size": ([FIXED], FIXED.size, 6),
    "the size of a scalar": ([X], X.size, 1),
    "zeros of a known shape": ([FIXED], T.zeros(FIXED.shape)[0], [0.0, 0.0, 0.0]),
    "the imaginary part": ([X], X.imag, 0.0),
    "with respect to an integer": ([N], T.grad((N * 2.0) ** 0, N), 0.0),
    "nothing but the shape": ([X, V], T.grad(X * V.shape[0], V, disconnected_inputs="ignore"), 0.0),
    "zeros where nothing arrives": (
        [X, Y],
        T.grad(X**2, Y, disconnected_inputs="ignore"),
        0.0,
    ),
    "a stopped gradient": ([X], T.grad(theano.gradient.zero_grad(X), X), 0.0),
    "an intermediate variable": ([H], T.grad(2 * H, H), 2.0),
    "several": ([X, Y], [*T.grad(2 * X + 3 * Y, [X, Y])], [2.0, 3.0]),
    "one of several": ([X, Y], T.grad(2 * X + Y**2, [X, Y])[1], 10.0),
    "a vector": ([V, W], T.grad((V + W).sum(), V), [1.0, 1.0]),
    "jacobian": ([V], theano.gradient.jacobian(2 * V, V)[0], [2.0, 0.0]),
    "hessian": ([X, Y], theano.gradient.hessian(X * Y, X), 0.0),
    "Lop": ([X, Y], theano.Lop(2 * X, X, Y), 10.0),
    "Rop": ([X, Y], theano.Rop(2 * X, X, Y), 10.0),
    "known gradients": ([X, Y], T.grad(None, X, known_grads={X + Y: Y}), 5.0),
    "cast": ([X], T.cast(T.ones_like(X), "float32"), 1.0),
    "a slice of a shape": ([FIXED], FIXED.shape[:1], [2]),
    "a part of a larger shape": ([CUBE], CUBE.shape[1:][1], 3),
    "used further": ([X, Y], T.exp(0 * Y + T.grad(3 * X, X)) * 0 + 1, 1.0),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_written_is_used(name):
    inputs, outputs, expected = PROGRAMS[name]
    f = theano.function(inputs, outputs)
    values = [VALUES.get(i, 15.0) for i in inputs]
    result = f(*values)
    if isinstance(outputs, list):
        assert [float(r) for r in result] == expected
    else:
        assert np.all(result == np.asarray(expected))
    unused = T.dscalar("unused")
    with pytest.raises(UnusedInputError, match="unused"):
        theano.function([*inputs, unused], outputs)


def test_an_input_that_is_only_written_may_be_missing():
    assert theano.function([], T.grad(2 * X, X))() == 2.0
    assert T.ones_like(X).eval() == 1.0
    with pytest.raises(MissingInputError):
        theano.function([X], T.grad(X * Y, X))


def test_the_users_own_variables_remember_nothing():
    x, y = T.dscalars("x", "y")
    assert T.grad(x * y, x) is not y
    with pytest.raises(UnusedInputError):
        theano.function([x, y], y * 2)
    square = y**2
    T.grad(x * square, x)
    with pytest.raises(UnusedInputError):
        theano.function([x, y], square)


def test_it_follows_substitutions_and_copies():
    z = T.dscalar("z")
    slope = T.grad(2 * X, X)
    assert theano.function([z], theano.clone(slope + 1, {X: z}))(0.0) == 3.0
    assert theano.function([z], slope + 1, givens={X: z})(0.0) == 3.0
    with pytest.raises(UnusedInputError):
        theano.function([X], theano.clone(slope + 1, {X: z}))
    for copied in (copy.deepcopy((X, slope)), pickle.loads(pickle.dumps((X, slope)))):
        assert theano.function([copied[0]], copied[1])(0.0) == 2.0
    f = pickle.loads(pickle.dumps(theano.function([X], slope)))
    assert f(0.0) == 2.0


def test_nothing_is_computed_from_it():
    f = theano.function([X, Y], T.grad(2 * X + T.exp(Y), X))
    assert not f.maker.fgraph.toposort()
    assert len(toposort([T.grad(2 * X, X)])) <= 3


def test_ordinary_gradients_remember_nothing():
    w = theano.shared(np.ones(3), "w")
    cost = ((T.dot(V, w) - Y) ** 2).sum()
    assert all(n.notes is None or not n.notes.written for n in toposort([T.grad(cost, w)]))


def test_unused_inputs_may_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theano.function([X], T.grad(2 * X, X), on_unused_input="warn")


def test_long_chains_of_what_was_written():
    y = X
    for _ in range(20_000):
        y = T.ones_like(y)
    assert theano.function([X], y)(3.0) == 1
    assert theano.function([X], theano.clone(y, {X: X * 2}))(3.0) == 1
    again, copied = pickle.loads(pickle.dumps([X, y])), copy.deepcopy([X, y])
    for x, z in (again, copied):
        assert theano.function([x], z)(3.0) == 1


def test_what_many_gradients_were_written_from_is_noted_once():
    variables = [theano.shared(np.ones(2), f"w{k}") for k in range(300)]
    cost = T.add(*[(w * 2).sum() for w in variables])
    gradients = T.grad(cost, variables)
    assert len({g.notes.written for g in gradients}) == 1
    assert len(toposort(gradients, written=True)) < 20 * len(variables)
