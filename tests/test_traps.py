"""The traps: semantics that Theano programs rely on, one test or more for each number."""

from __future__ import annotations

import collections
import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T


# S1 (softmax of a vector) is the compatibility tree's; here the rank stays.
def test_s1_softmax_of_a_vector_is_a_vector():
    assert T.nnet.softmax(T.dvector()).ndim == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: T.matrix("x"),
        lambda: theano.shared(np.zeros((2, 2))),
        lambda: theano.shared(0),
        lambda: T.matrix("x") + 1,
        lambda: T.constant(0.0),
    ],
)
def test_s2_variables_are_true(make):
    v = make()
    assert bool(v) is True


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x > 0,
        lambda x: T.eq(x, 1),
        lambda x: T.neq(x, 1),
        lambda x: (x > 0) & (x < 1),
        lambda x: T.any(x > 0),
        lambda x: T.all(x > 0),
    ],
)
def test_s2_conditions_refuse_to_be_truth_values(make):
    with pytest.raises(TypeError, match=r"T\.switch.*instead of `if`"):
        bool(make(T.dmatrix("x")))


def test_s3_operations_compare_and_are_reachable_from_the_root():
    activation = theano.tensor.nnet.sigmoid
    assert activation == T.nnet.sigmoid
    assert activation is theano.tensor.nnet.sigmoid
    assert (T.tanh == theano.tensor.nnet.sigmoid) is False
    assert theano.tensor.dot is T.dot
    code = "import symgrad as t; t.tensor.nnet.sigmoid; t.tensor.dot; t.config; t.compile.mode"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_s4_givens_of_a_slice_of_a_cast_shared_variable_casts_the_slice_only():
    labels = theano.shared(np.arange(50_000, dtype="float32"), borrow=True)
    data = theano.shared(np.ones((50_000, 2), "float32"), borrow=True)
    x, y, index = T.fmatrix("x"), T.ivector("y"), T.lscalar("index")
    f = theano.function(
        inputs=[index],
        outputs=[y.sum(), x.sum()],
        givens={
            x: data[index * 20 : (index + 1) * 20],
            y: T.cast(labels, "int32")[index * 20 : (index + 1) * 20],
        },
    )
    assert f(1) == [sum(range(20, 40)), 40]
    casts = [n for n in f.maker.fgraph.toposort() if n.op.name == "cast" and n.dtype == "int32"]
    assert all(n.inputs[0].op is not None for n in casts), "a slice is cast, not the dataset"


def test_s5_calling_by_name_and_defaults():
    index, corruption, lr = T.lscalar("index"), T.scalar("corruption"), T.scalar("lr")
    f = theano.function(
        [index, theano.In(corruption, value=0.2), theano.In(lr, value=0.1)], index + corruption + lr
    )
    assert f(index=1, corruption=0.5, lr=0.25) == 1.75
    assert f(index=1) == pytest.approx(1.3)
    assert f(1, lr=2) == pytest.approx(3.2)
    assert f(1) == pytest.approx(1.3)


def test_s6_results_are_fresh_and_of_the_right_kind():
    w = theano.shared(np.ones(3), "w")
    f = theano.function([], [w, w * 2, w.sum()])
    first = f()
    first[0] += 5
    first[1] += 5
    again = f()
    np.testing.assert_array_equal(again[0], [1, 1, 1])
    np.testing.assert_array_equal(again[1], [2, 2, 2])
    assert isinstance(again, list)
    assert isinstance(again[2], np.ndarray)
    assert again[2].shape == ()
    assert theano.function([], [])() == []
    assert theano.function([])() == []


def test_s7_updates_are_simultaneous_in_every_form():
    for form in (list, tuple, lambda p: [list(q) for q in p], dict, collections.OrderedDict):
        a, b = theano.shared(1.0), theano.shared(2.0)
        theano.function([], [], updates=form([(a, b), (b, a)]))()
        assert (a.get_value(), b.get_value()) == (2, 1)


def test_s8_default_updates_advance_unless_told_otherwise():
    state = theano.shared(0)
    state.default_update = state + 1
    f = theano.function([], state)
    g = theano.function([], state, no_default_updates=True)
    assert [int(v) for v in (f(), f(), g(), g(), f())] == [0, 1, 2, 2, 2]


def test_s12_consider_constant_matches_by_identity():
    x = T.dvector("x")
    y = x * 2
    last = y[-1]
    cost = (x[0] * last).sum()
    held = T.grad(cost, x, consider_constant=[last])
    np.testing.assert_array_equal(held.eval({x: [1, 2, 3.0]}), [6, 0, 0])
    other = T.grad(cost, x, consider_constant=[y[-1]])
    np.testing.assert_array_equal(other.eval({x: [1, 2, 3.0]}), [6, 0, 2])


def test_s13_advanced_indexing_and_its_gradient():
    lp = T.dmatrix("lp")
    y = T.ivector("y")
    nll = -T.mean(lp[T.arange(y.shape[0]), y])
    got = theano.function([lp, y], [nll, T.grad(nll, lp)])(np.eye(2), [1, 1])
    assert got[0] == -0.5
    np.testing.assert_array_equal(got[1], [[0, -0.5], [0, -0.5]])

    emb = theano.shared(np.arange(8.0).reshape(4, 2), "emb")
    idx = T.imatrix("idx")
    x = emb[idx].reshape((idx.shape[0], 4))
    f = theano.function([idx], [x, T.grad(x.sum(), emb)])
    value, slope = f([[0, 0], [1, -1]])
    np.testing.assert_array_equal(value, [[0, 1, 0, 1], [2, 3, 6, 7]])
    np.testing.assert_array_equal(slope, [[2, 2], [1, 1], [0, 0], [1, 1]])


def test_s14_division_by_an_int64_symbol():
    with theano.config.change_flags(floatX="float32"):
        v = T.matrix("v")
        w = theano.shared(np.ones(2, "float32"))
        cost = (T.dot(v, w).sum()) / v.shape[0]
        assert (v.dtype, cost.dtype) == ("float32", "float64")
        g = T.grad(cost, w)
        assert g.dtype == "float32"
        f = theano.function([v], cost, updates=[(w, w - 0.5 * g)])
    f(np.ones((4, 2), "float32"))
    np.testing.assert_array_equal(w.get_value(), np.full(2, 0.5, "float32"))
    assert w.get_value().dtype == "float32"


def test_s15_python_constants_are_weak_and_numpy_ones_are_not():
    with theano.config.change_flags(floatX="float32"):
        w = theano.shared(np.float32(2))
        for other in (0.95, 2, 300, True):
            assert (other * w).dtype == "float32"
            assert (other * w).eval().dtype == "float32"
        assert (np.float64(0.95) * w).dtype == "float64"
        assert (np.float32(0.95) * w).dtype == "float32"
        i = T.bvector()
        assert ((i + 1).dtype, (i + 300).dtype, (i * 0.5).dtype) == ("int8", "int16", "float32")


def test_s16_input_filtering():
    with theano.config.change_flags(floatX="float32"):
        rows, v, s = T.imatrix("rows"), T.lvector("v"), T.scalar("s")
    f = theano.function([rows], rows)
    got = f([np.array([1, 2], "int32"), np.array([3, 4], "int32")])
    np.testing.assert_array_equal(got, [[1, 2], [3, 4]])
    assert theano.function([v], v)([1, 2]).dtype == "int64"
    assert theano.function([s], s)(0.1).dtype == "float32"
    y = T.ivector("y")
    with pytest.raises(TypeError, match="int64.*expected int32"):
        theano.function([y], y)(np.array([1, 2]))
    x = T.fmatrix("x")
    with pytest.raises(TypeError, match="float64.*expected float32"):
        theano.function([x], x)(np.ones((2, 2)))
    down = theano.function([x], x, allow_input_downcast=True)
    assert down(np.ones((2, 2))).dtype == "float32"


def test_s17_numpy_on_the_left():
    x = T.dvector("x")
    a = np.array([1.0, 2.0])
    for left, want in (
        (a - x, [0, 0]),
        (np.float32(2) * x, [2, 4]),
        (np.float64(1) / x, [1, 0.5]),
        (a @ x, 5),
        (a > x, [False, False]),
        (np.int64(3) + x, [4, 5]),
        (a**x, [1, 4]),
    ):
        assert isinstance(left, theano.Variable)
        np.testing.assert_array_equal(left.eval({x: a}), want)
    x += a
    np.testing.assert_array_equal(np.exp(x).op.name, "exp")


class LogisticRegression:
    """As in the tutorial: parameters and graph in one object."""

    def __init__(self, input, n_in, n_out):
        self.W = theano.shared(np.zeros((n_in, n_out)), name="W", borrow=True)
        self.b = theano.shared(np.zeros(n_out), name="b", borrow=True)
        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)
        self.params = [self.W, self.b]
        self.input = input


def test_s18_an_object_with_graph_and_parameters_pickles():
    classifier = LogisticRegression(T.matrix("x"), 4, 3)
    classifier.b.set_value(np.array([0.0, 1.0, 0.5]))
    loaded = pickle.loads(pickle.dumps(classifier))
    assert loaded.params[0] is loaded.W
    predict = theano.function(inputs=[loaded.input], outputs=loaded.y_pred)
    np.testing.assert_array_equal(predict(np.ones((2, 4))), [1, 1])
    classifier.b.set_value(np.array([5.0, 1.0, 0.5]))
    np.testing.assert_array_equal(predict(np.ones((2, 4))), [1, 1])


class Network:
    """As the recurrent tutorial: parameters, compiled functions, and a graph of some depth."""

    def __init__(self, depth):
        self.emb = theano.shared(np.ones((3, 2)), "emb")
        self.W = theano.shared(np.ones(2), "W")
        idx, lr = T.lvector("idx"), T.scalar("lr")
        h = self.emb[idx].sum(axis=0)
        for _ in range(depth):
            h = h * 1.001
        cost = T.sum(h * self.W)
        grads = T.grad(cost, [self.emb, self.W])
        updates = collections.OrderedDict(
            (p, p - lr * g) for p, g in zip([self.emb, self.W], grads, strict=True)
        )
        self.classify = theano.function([idx], cost)
        self.train = theano.function([idx, lr], cost, updates=updates)
        self.normalize = theano.function(
            [], updates={self.emb: self.emb / T.sqrt((self.emb**2).sum(axis=1)).dimshuffle(0, "x")}
        )


def test_s19_deepcopy_of_parameters_and_functions_together():
    net = Network(depth=400)
    limit = sys.getrecursionlimit()
    best = copy.deepcopy(net)
    assert sys.getrecursionlimit() == limit
    before = float(best.classify([0, 1]))
    net.train([0, 1], 0.1)
    net.normalize()
    assert best.classify([0, 1]) == before
    assert net.classify([0, 1]) != before
    best.train([0, 1], 0.1)
    best.normalize()
    assert best.classify([0, 1]) == net.classify([0, 1])
    np.testing.assert_array_equal(best.emb.get_value(), net.emb.get_value())
    assert best.train.get_shared()[0] in (best.emb, best.W)


def test_s20_operators_and_builtins():
    x = T.dvector("x")
    a = np.array([-1.5, 2.5])
    pairs = [
        (abs(x), abs(a)),
        (-x, -a),
        (+x, a),
        (x**2, a**2),
        (2**x, 2**a),
        (x // 2, a // 2),
        (7 // x, 7 // a),
        (x % 2, a % 2),
        (7 % x, 7 % a),
        (divmod(x, 2)[0], a // 2),
        (x > 0, a > 0),
        (x >= 0, a >= 0),
        (x < 0, a < 0),
        (x <= 0, a <= 0),
        (3 - x, 3 - a),
        (3 / x, 3 / a),
    ]
    for node, want in pairs:
        np.testing.assert_array_equal(node.eval({x: a}), want)
    y = x
    y += 1
    y *= 2
    assert y is not x
    np.testing.assert_array_equal(y.eval({x: a}), (a + 1) * 2)
    for builtin in (sum, max, min, list, tuple, sorted):
        with pytest.raises(TypeError, match="cannot be iterated over"):
            builtin(x)
    assert sum([x, x]).eval({x: a})[0] == -3
    with pytest.raises(TypeError, match=r"x\.shape\[0\]"):
        len(x)
    with pytest.raises(TypeError, match="set_subtensor"):
        x[0] = 1
    n, m = T.dmatrix("m").shape
    assert (n.ndim, m.dtype) == (0, "int64")


def test_s21_old_flags_are_accepted():
    theano.config.warn.subtensor_merge_bug = False
    assert theano.config.floatX == "float64"
    assert theano.config.mode == "FAST_RUN"
    code = "import symgrad; print(symgrad.config.floatX, symgrad.tensor.matrix().dtype)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"THEANO_FLAGS": "floatX=float32,device=cpu,warn.round=False,openmp=True"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["float32", "float32"]
    assert done.stderr == ""


def test_s22_names_and_dtypes():
    for make in (T.lscalar, T.matrix, T.ivector):
        assert make().name is None
    assert T.matrix("x", dtype="int64").dtype == "int64"
    assert T.scalar(name="lr").name == "lr"
    y = T.ivector("y")
    assert type(y.dtype) is str
    assert y.dtype.startswith("int")
    assert T.scalar(dtype="float16").dtype == "float16"


def test_s24_means_and_sums():
    x = T.fvector("x")
    assert T.mean(T.neq(x, 0)).dtype == "float64"
    assert T.mean(T.ivector()).dtype == "float64"
    assert T.sum(T.bvector()).dtype == "int64"
    assert T.sum(x).dtype == "float32"
    many = np.full(1_000_000, 0.1, "float32")
    assert abs(float(T.sum(x).eval({x: many})) - 100_000) < 0.2


def test_s25_a_python_int_as_shared_value():
    i = theano.shared(value=0)
    assert (i.dtype, i.ndim) == ("int64", 0)
    x = T.dmatrix("x")
    f = theano.function([x], x[:, i], updates=[(i, (i + 1) % 2)])
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(f(a), [1, 3])
    np.testing.assert_array_equal(f(a), [2, 4])
    np.testing.assert_array_equal(f(a), [1, 3])


@pytest.mark.parametrize("spec", [".3f", "d", "e", ".2%", "g", "05n"])
def test_a_format_for_numbers_is_refused_in_words(spec):
    x = T.dscalar("x")
    with pytest.raises(theano.GraphTypeError, match=r"no number yet to format as '.*Use x.eval"):
        format(x, spec)
    assert f"{x}|{x:>3}|{x:s}|{x:<3s}|" == "x|  x|x|x  |"
