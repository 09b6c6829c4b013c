"""Pickling and copying graphs: identity kept, no recursion, shared variables once."""

import copy
import pickle

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.graph.walk import toposort


def through_pickle(thing):
    return pickle.loads(pickle.dumps(thing))


both = pytest.mark.parametrize("again", [through_pickle, copy.deepcopy], ids=["pickle", "deepcopy"])


@both
def test_one_root(again):
    x = T.dscalar("x")
    y = T.exp(x) + T.exp(x)
    y.name, y.tag.note = "y", [1, 2]
    z = again(y)
    assert (z.name, z.tag.note, z.type) == ("y", [1, 2], y.type)
    assert len(toposort([z])) == len(toposort([y]))
    (leaf,) = [n for n in toposort([z]) if n.op is None]
    assert leaf is not x
    assert z.eval({leaf: 1.0}) == y.eval({x: 1.0})


@both
def test_identity_across_several_roots(again):
    x = T.dscalar("x")
    h = T.tanh(x)
    a, b, c = again([h * 2, h, {"x": x, "again": h * 2}])
    assert a.inputs[0] is b
    assert b.inputs[0] is c["x"]
    assert c["again"].inputs[0] is b
    assert c["again"] is not a


@both
def test_repeated_inputs_stay_one_node(again):
    x = T.dscalar("x")
    y = x * x
    z = again(y * y)
    assert z.inputs[0] is z.inputs[1]
    assert z.inputs[0].inputs[0] is z.inputs[0].inputs[1]


@both
def test_shared_variables_keep_their_cell(again):
    w = symgrad.shared(np.array([1.0, 2.0]), "w")
    alias = w.clone()
    model = again({"w": w, "alias": alias, "y": w * 2})
    assert model["y"].inputs[0] is model["w"]
    assert model["alias"].cell is model["w"].cell
    assert model["w"].cell is not w.cell
    model["w"].set_value([5.0, 6.0])
    np.testing.assert_array_equal(model["y"].eval(), [10, 12])
    np.testing.assert_array_equal(w.get_value(), [1, 2])


@both
def test_default_update_that_depends_on_its_variable(again):
    counter = symgrad.shared(0, "counter")
    counter.default_update = counter + 1
    for start in (counter, counter * 10, [counter.default_update, counter]):
        copied = again(start)
        nodes = copied if isinstance(copied, list) else toposort([copied])
        (variable,) = [n for n in nodes if n.name == "counter"]
        assert variable.default_update.inputs[0] is variable
        read = symgrad.function([], variable)
        assert [int(read()), int(read())] == [0, 1]


@both
def test_constants_keep_dtype_and_value(again):
    c = again(T.constant(np.array([1, 2], "int16"), name="c"))
    assert (c.name, c.dtype, c.value.tolist()) == ("c", "int16", [1, 2])
    assert not c.value.flags.writeable


@both
def test_long_chain_inside_other_objects(again):
    x = T.dscalar("x")
    y = x
    for _ in range(5000):
        y = y + x
    z = y * 2  # shares the chain
    a, nested = again([y, {"z": (z, [x])}])
    assert nested["z"][0].inputs[0] is a
    assert toposort([a])[0] is nested["z"][1][0]


@both
def test_models_with_functions(again):
    class Model:
        pass

    model = Model()
    model.w = symgrad.shared(1.0, "w")
    model.x = T.dscalar("x")
    model.y = model.w * model.x
    if again is copy.deepcopy:
        model.step = symgrad.function([model.x], model.y, updates=[(model.w, model.w + 1)])
        twin = again(model)
        assert float(twin.step(2.0)) == 2.0
        assert float(twin.w.get_value()) == 2.0
        assert float(model.w.get_value()) == 1.0
    else:
        w, x, y = again((model.w, model.x, model.y))
        assert symgrad.function([x], y)(3.0) == 3.0
        assert y.inputs[0] is w


def test_origin_survives_as_file_and_line():
    y = T.dscalar("x") + 1
    ((file, line), *_) = through_pickle(y).origin
    assert file == __file__
    assert isinstance(line, int)
