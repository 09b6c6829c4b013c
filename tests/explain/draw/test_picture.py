"""What is drawn of a graph, and with which words: equal parts once, plumbing not at all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import GraphTypeError
from symgrad.explain.draw.picture import picture
from symgrad.ops.op import REGISTRY, Arg


@pytest.fixture(scope="module")
def train_model():
    """The tutorial's training function: givens, two parameters."""
    data_x = symgrad.shared(np.zeros((5000, 784)), "train_set_x")
    data_y = symgrad.shared(np.zeros(5000, "int32"), "train_set_y")
    x, y, index = T.dmatrix("x"), T.ivector("y"), T.lscalar("index")
    W, b = symgrad.shared(np.zeros((784, 10)), "W"), symgrad.shared(np.zeros(10), "b")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W) + b))[T.arange(y.shape[0]), y])
    rows = slice(index * 600, (index + 1) * 600)
    return symgrad.function(
        [index],
        cost,
        updates=[(p, p - 0.13 * T.grad(cost, p)) for p in (W, b)],
        givens={x: data_x[rows], y: data_y[rows]},
        name="train_model",
    )


def labels(x, kind="operation", written=False):
    return [node.label for node in picture(x, written).nodes if node.kind == kind]


def test_the_tutorials_cost():
    x, y = T.dmatrix("x"), T.ivector("y")
    W, b = symgrad.shared(np.zeros((784, 10)), "W"), symgrad.shared(np.zeros(10), "b")
    cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W) + b))[T.arange(y.shape[0]), y])
    drawn = picture(cost)
    shown = [(node.label, node.kind, node.type) for node in drawn.nodes]
    assert shown == [
        ("x", "input", "float64 (n, 784)"),
        ("W", "shared", "float64 (784, 10)"),
        ("x · W", "operation", "float64 (n, 10)"),
        ("b", "shared", "float64 (10,)"),
        ("+", "operation", "float64 (n, 10)"),
        ("softmax", "operation", "float64 (n, 10)"),
        ("log", "operation", "float64 (n, 10)"),
        ("y", "input", "int32 (n,)"),
        ("entries [k, yₖ]", "operation", "float64 (n,)"),
        ("mean", "operation", "float64"),
        ("−□", "operation", "float64"),
        ("output", "output", "float64"),
    ]
    assert drawn.groups == ()


def test_the_training_step_as_compiled(train_model):
    drawn = picture(train_model)
    assert drawn.title == "train_model, as compiled"
    assert len(drawn.nodes) <= 20  # a page
    assert labels(train_model, "update") == ["W ← W − 0.13·Aᵀ·B", "b ← b − 0.13·gradient"]
    assert labels(train_model, "input") == ["index"]
    names = {node.id: node.label for node in drawn.nodes}
    groups = {group.title: {names[id] for id in group.members} for group in drawn.groups}
    assert list(groups) == ["forward", "gradient", "updates"]
    assert {"softmax − one-hot", "× 1/600", "sum over axis 0"} == groups["gradient"]
    assert {"W", "b", "index", "mean", "rows [600·index : 600·(index + 1)]"} <= groups["forward"]
    assert all(group.kind == "role" for group in drawn.groups)


def test_the_training_step_as_written(train_model):
    drawn = picture(train_model, written=True)
    assert drawn.title == "train_model, as written"
    assert labels(train_model, "update", written=True) == [
        "W ← W − 0.13·gradient",
        "b ← b − 0.13·gradient",
    ]
    shown = labels(train_model, written=True)
    assert shown.count("log softmax") == 1  # both gradients were built from the same forward part
    assert {"softmax", "log", "mean", "Aᵀ · B", "zeros, with −1/600 at [k, iₖ]"} <= set(shown)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, y, v: x * 0.13, ["× 0.13"]),
        (lambda x, y, v: 0.13 * x, ["× 0.13"]),
        (lambda x, y, v: x * y, ["⊙"]),
        (lambda x, y, v: x + 1, ["+ 1"]),
        (lambda x, y, v: 1 - x, ["1 − □"]),
        (lambda x, y, v: x - 1, ["− 1"]),
        (lambda x, y, v: x + -1, ["− 1"]),
        (lambda x, y, v: x - y, ["x − y"]),
        (lambda x, y, v: x**2, ["□²"]),
        (lambda x, y, v: x**0.5, ["√"]),
        (lambda x, y, v: 2**x, ["2^□"]),
        (lambda x, y, v: x / 2, ["÷ 2"]),
        (lambda x, y, v: 1 / x, ["1 ÷ □"]),
        (lambda x, y, v: x > 0, ["> 0"]),
        (lambda x, y, v: T.maximum(x, 0), ["max(□, 0)"]),
        (lambda x, y, v: T.clip(x, -1, 1), ["clip to [−1, 1]"]),
        (lambda x, y, v: T.switch(x > 0, x, 0.0), ["> 0", "only where"]),
        (lambda x, y, v: x.T, ["xᵀ"]),
        (lambda x, y, v: T.dot(x.T, y), ["xᵀ · y"]),
        (lambda x, y, v: T.dot(T.exp(x), T.exp(y)), ["exp", "exp", "·"]),
        (lambda x, y, v: T.dot(T.exp(x).T, T.exp(y)), ["exp", "exp", "Aᵀ · B"]),
        (lambda x, y, v: x.sum(), ["sum"]),
        (lambda x, y, v: x.sum(axis=0), ["sum over axis 0"]),
        (lambda x, y, v: x.mean(axis=0), ["mean over axis 0"]),
        (lambda x, y, v: x.mean(), ["mean"]),
        (lambda x, y, v: x.sum() / 7, ["sum", "÷ 7"]),
        (lambda x, y, v: x - x.mean(axis=1, keepdims=True), ["mean over axis 1", "x − □"]),
        (lambda x, y, v: T.nnet.softmax(x), ["softmax"]),
        (lambda x, y, v: x + v, ["+"]),  # the row that v becomes is not drawn
        (lambda x, y, v: x * v.dimshuffle(0, "x"), ["as a column", "⊙"]),
        (lambda x, y, v: T.cast(x, "float32"), []),
        (lambda x, y, v: T.cast(x, "int32"), ["to int32"]),
        (lambda x, y, v: x[0], ["[0]"]),
        (lambda x, y, v: x[1:, 0], ["[1 :, 0]"]),
        (lambda x, y, v: x.reshape((2, -1)), ["reshape to 2×n"]),
        (lambda x, y, v: T.exp(x) + T.exp(x), ["exp", "× 2"]),
        (lambda x, y, v: x * 2e-6, ["× 2·10⁻⁶"]),
        (lambda x, y, v: T.concatenate([x, y], axis=1), ["join along axis 1"]),
        (lambda x, y, v: T.set_subtensor(x[0], 0.0), ["x[0] ← 0"]),
        (lambda x, y, v: x * x.shape[0], ["× n"]),
        (lambda x, y, v: x + np.ones((3, 3)), ["+ 1"]),
        (lambda x, y, v: x + np.arange(9.0).reshape(3, 3), ["+"]),
    ],
)
def test_words(build, expected):
    x, y, v = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v")
    found = labels(build(x, y, v))
    if "reshape" in str(expected):
        found = [label.split("×")[0] + "×n" for label in found]
    assert found == expected


def test_marks_tell_operands_apart_where_names_do_not():
    a, b = T.exp(T.dmatrix("x")), T.log(T.dmatrix("y"))
    assert [e.position for e in picture(a - b).edges][-3:-1] == ["1", "2"]
    assert {e.position for e in picture(a + b).edges} == {""}
    marks = [e.position for e in picture(T.switch(a > b, a, b)).edges]
    assert {"if", "then", "else"} <= set(marks)


def test_lengths_are_numbers_where_they_are_known():
    x = T.dmatrix("x")
    index = T.lscalar("i")
    W = symgrad.shared(np.zeros((3, 4)), "W")
    h = T.tanh(T.dot(x, W))
    assert picture(h).edges[-1].text == "float64 n×4"
    assert picture(W[index * 2 : (index + 1) * 2]).edges[-1].text == "float64 2×4"
    assert picture(W[index : index + 2]).edges[-1].text == "float64 2×4"
    assert picture(W[index : 2 * index]).edges[-1].text == "float64 n×4"
    assert picture(T.dvector("n") * 2).edges[-1].text == "float64 m"  # n means something else
    z = T.dmatrix("z")
    assert picture(T.dot(x, z)).edges[-1].text == "float64 n×p"


def test_updates_as_formulas():
    W = symgrad.shared(np.ones((2, 2)), "W")
    v = symgrad.shared(np.zeros((2, 2)), "v")
    rate = symgrad.shared(0.1, "rate")
    x = T.dmatrix("x")
    cost = (T.tanh(T.dot(x, W)) ** 2).sum()
    step = 0.9 * v - rate * T.grad(cost, W)
    f = symgrad.function([x], cost, updates=[(v, step), (W, W + step)])
    assert labels(f, "update", written=True) == ["v ← □", "W ← W + □"]  # one step, drawn once
    n = symgrad.shared(0, "n")
    assert labels(symgrad.function([], [], updates=[(n, n + 1)]), "update") == ["n ← n + 1"]
    f = symgrad.function([x], [], updates=[(W, W - rate * T.grad(cost, W)), (v, x)])
    assert labels(f, "update", written=True) == ["W ← W − rate·gradient", "v ← □"]
    drawn = picture(f, written=True)
    names = {node.id: node.label for node in drawn.nodes}
    assert [names[e.source] for e in drawn.edges if e.target == "new1"] == ["xᵀ · □", "rate"]
    cost.name = "cost"
    f = symgrad.function([x], [], updates=[(W, W - 0.1 * T.grad(cost, W))])
    assert labels(f, "update", written=True) == ["W ← W − 0.1·∂cost/∂W"]


def test_scopes_are_groups_inside_the_roles():
    x = T.dmatrix("x")
    with symgrad.name_scope("net"), symgrad.name_scope("layer1"):
        W = symgrad.shared(np.ones((3, 3)), "W")
        h = T.tanh(T.dot(x, W))
    groups = picture([h.sum(), T.grad(h.sum(), W)]).groups
    assert [(g.id, g.title, g.kind, g.parent) for g in groups if g.title != "gradient"] == [
        ("forward", "forward", "role", None),
        ("forward/net", "net", "scope", "forward"),
        ("forward/net/layer1", "layer1", "scope", "forward/net"),
        ("gradient/net", "net", "scope", "gradient"),
        ("gradient/net/layer1", "layer1", "scope", "gradient/net"),
    ]


def test_the_body_of_a_loop_is_drawn_in_its_own_group():
    x, W = T.dvector("x"), T.dmatrix("W")
    drawn = picture(T.jacobian(T.tanh(T.dot(x, W)), x))
    names = {node.id: node.label for node in drawn.nodes}
    (loop,) = [group for group in drawn.groups if group.kind == "loop"]
    assert (loop.title, loop.parent) == ("loop, m times", "gradient")
    inside = [names[id] for id in loop.members]
    assert inside == ["each element", "(0…m−1) = □", "⊙", "W · □"]
    arrows = {(names[e.source], names[e.target]) for e in drawn.edges}
    assert {("W", "W · □"), ("W · □", "all rounds, stacked")} <= arrows
    assert drawn.nodes[-1].type == "float64 (m, n)"


def test_loops_with_one_body_are_drawn_apart():
    x = T.dvector("x")
    f = symgrad.function([x], [T.jacobian(x**3, x), T.jacobian(x**3, x).sum()])
    for written in (False, True):
        loops = [g for g in picture(f, written).groups if g.kind == "loop"]
        assert 1 <= len(loops) <= 2
        members = [id for loop in loops for id in loop.members]
        assert len(members) == len(set(members))


def test_ids_places_and_lines_of_source():
    x = T.dmatrix("x")
    y = T.exp(x)
    node = picture(y).nodes[1]
    assert node.id == "n2"
    assert node.expr is y
    assert node.place.startswith("test_picture.py:")
    assert node.source == "y = T.exp(x)"
    assert picture(y) == picture(y)


def test_lists_and_dicts():
    x = T.dscalar("x")
    assert labels([x + 1, x * 2], "output") == ["output 1", "output 2"]
    assert labels({"sum": x + 1, "product": x * 2}, "output") == ["sum", "product"]
    named = x * 3
    named.name = "triple"
    assert labels([named, x], "output") == ["triple", "x"]


@pytest.mark.parametrize("thing", [3, "x", None, [3], [T.dscalar(), "y"]])
def test_other_things_are_refused(thing):
    with pytest.raises(GraphTypeError, match="draw: expected a variable"):
        picture(thing)


def test_every_operation_has_a_label():
    count = 0
    for name, op in REGISTRY.items():
        for example in itertools.islice(op.examples(), 2):
            inputs = [
                symgrad.tensor.TensorType(a.dtype, (None,) * len(a.shape))(f"a{k}")
                if isinstance(a, Arg)
                else a
                for k, a in enumerate(example.args)
            ]
            try:
                node = example.op.make(*map(T.as_tensor_variable, inputs))
            except symgrad.SymgradError:
                continue  # an example that needs known lengths
            assert all(label.strip() for label in labels(node)), name
            count += 1
    assert count > 150
