"""Placeholders in all of Theano's constructors."""

import inspect
import pickle

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import config
from symgrad.errors import GraphTypeError
from symgrad.graph.expr import Constant, Placeholder
from symgrad.graph.types import TensorType

SHAPES = {
    "scalar": (),
    "vector": (None,),
    "row": (1, None),
    "col": (None, 1),
    "matrix": (None, None),
    **{f"tensor{k}": (None,) * k for k in range(3, 8)},
}
PREFIXES = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}


def plural(name):
    return "matrices".join(name.rsplit("matrix", 1)) if name.endswith("matrix") else f"{name}s"


@pytest.mark.parametrize("kind", SHAPES)
def test_constructors_without_prefix_make_float_x(kind):
    make, several = getattr(T, kind), getattr(T, plural(kind))
    x = make("x")
    assert isinstance(x, Placeholder)
    assert (x.name, x.type) == ("x", TensorType("float64", SHAPES[kind]))
    assert make().name is None
    assert make(name="y", dtype="int16").type == TensorType("int16", SHAPES[kind])
    with config.change_flags(floatX="float32"):
        assert make("x").dtype == "float32"
        assert [v.dtype for v in several("x", "y")] == ["float32"] * 2
    assert [v.dtype for v in several("x", "y", dtype="int8")] == ["int8"] * 2
    assert make.__doc__
    assert "name" in inspect.signature(make).parameters


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_constructors_with_prefix_are_types(prefix, kind):
    make, several = getattr(T, prefix + kind), getattr(T, plural(prefix + kind))
    x = make("x")
    assert isinstance(x, Placeholder)
    assert (x.name, x.type) == ("x", TensorType(PREFIXES[prefix], SHAPES[kind]))
    assert x.type == make
    assert make(name="y").name == "y"
    a, b = several("a", "b")
    assert (a.name, b.name, a.type, b.type) == ("a", "b", make, make)


def test_several_variables_at_once():
    assert [v.name for v in T.ivectors(3)] == [None] * 3
    assert [v.name for v in T.matrices(["x", "y"])] == ["x", "y"]
    assert [v.name for v in T.matrices(["xy"])] == ["xy"]
    assert T.matrices() == []
    assert "float64 matrix" in repr(T.dmatrices)
    assert "tensor3" in repr(T.tensor3s)


@pytest.mark.parametrize("several", [T.fmatrices, T.vectors, T.scalars, T.dtensor3s, T.zrows])
def test_a_single_string_holds_names_of_one_letter(several):
    assert [v.name for v in several("weights")] == list("weights")
    assert several("z").name == "z"
    assert several("z").type == several(1)[0].type
    assert [v.name for v in several("ab", "c")] == ["ab", "c"]
    assert [v.name for v in several("ab", None)] == ["ab", None]
    assert several("") == []
    assert isinstance(several(1), list)


def test_lengths_that_are_known_beforehand():
    x = T.matrix("x", dtype="float32", shape=(None, 3))
    assert x.type == TensorType("float32", (None, 3))
    with pytest.raises(GraphTypeError, match=r"matrix: shape=\(3,\) has 1 entries, expected 2"):
        T.matrix(shape=(3,))


def test_tensor_of_any_type():
    assert T.tensor("int8", (False, True), "x").type == TensorType("int8", (None, 1))
    assert T.tensor(dtype="float32", broadcastable=(True,)).static_shape == (1,)
    assert T.tensor(shape=(None, 3), name="y").name == "y"
    assert T.tensor(shape=()).type == TensorType("float64", ())
    assert T.tensor("floatX", ()).dtype == "float64"
    for wrong in ({}, {"shape": (2,), "broadcastable": (False,)}):
        with pytest.raises(GraphTypeError, match="either broadcastable"):
            T.tensor("int8", **wrong)
    with pytest.raises(GraphTypeError, match="dtype 'flot32' is not supported"):
        T.matrix(dtype="flot32")


def test_types_are_called_to_make_variables():
    kind = T.TensorType(dtype="float32", broadcastable=(False, True))
    assert kind == TensorType("float32", (None, 1))
    x = kind("x")
    assert (x.name, x.broadcastable) == ("x", (False, True))
    assert x.type("y").type == x.type


@pytest.mark.parametrize("one", [True, 1, np.True_, np.int64(1)])
@pytest.mark.parametrize("open_", [False, 0, np.False_, np.int8(0), None])
def test_patterns_of_bools_and_of_numbers(open_, one):
    expected = TensorType("float64", shape=(None, 1))
    assert T.TensorType("float64", (open_, one)) == expected
    assert symgrad.TensorType("float64", broadcastable=[open_, one]) == expected
    assert T.tensor("float64", (open_, one)).type == expected
    assert T.dmatrix.clone(broadcastable=(open_, one)) == expected
    assert symgrad.shared(np.ones((2, 1)), broadcastable=(open_, one)).type == expected


def test_shapes_are_lengths():
    kind = T.TensorType("float64", shape=(0, 1))
    assert kind.shape == (0, 1)
    assert T.vector(shape=(0,)).static_shape == (0,)
    assert T.tensor(shape=(0, None)).static_shape == (0, None)
    for again in (eval(repr(kind), {"TensorType": T.TensorType}), pickle.loads(pickle.dumps(kind))):
        assert again == kind
        assert again.shape == (0, 1)
    assert T.TensorType("float64", (3, None)).shape == (3, None)
    for wrong in ((0, 10), (-1,), (0.5,), "ab"):
        with pytest.raises(GraphTypeError, match="broadcast pattern.*shape="):
            T.TensorType("float64", wrong)
    with pytest.raises(GraphTypeError, match="not both"):
        T.TensorType("float64", (0,), shape=(None,))


def test_types_in_pickles_of_earlier_versions():
    old = b"csymgrad.types\nTensorType\n(S'float64'\n(I0\nNI1\nttR."
    assert pickle.loads(old) == TensorType("float64", shape=(0, None, 1))


def test_isinstance_of_types():
    assert isinstance(T.dvector, T.TensorType)
    assert issubclass(type(T.dvector), T.TensorType)
    assert not isinstance(symgrad.shared([]).type, T.TensorType)

    class Mine(T.TensorType):
        pass

    assert isinstance(Mine("float64", (0,)), Mine)
    assert not isinstance(T.dvector, Mine)


def test_variables_stand_where_the_user_made_them():
    for x in (T.dmatrix("x"), T.matrix("x"), *T.dmatrices("xy"), T.tensor(shape=())):
        assert "test_variables" in symgrad.errors.made_at(x)


def test_as_tensor_variable():
    x = T.dmatrix("x")
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable(x, name="y").name == "x"
    named = T.as_tensor_variable([[1, 2]], name="c")
    assert isinstance(named, Constant)
    assert (named.name, named.dtype, named.static_shape) == ("c", "int64", (1, 2))
    assert T.as_tensor_variable(np.float32(2)).dtype == "float32"
    assert T.as_tensor_variable(x, ndim=4).static_shape == (1, 1, None, None)
    assert T.as_tensor_variable(T.row(), ndim=1).ndim == 1
    stacked = T.as_tensor_variable([T.dscalar("a"), 1.0])
    assert (stacked.dtype, stacked.static_shape) == ("float64", (2,))
    with pytest.raises(GraphTypeError, match="more than ndim=1"):
        T.as_tensor_variable(x, ndim=1)
    with pytest.raises(GraphTypeError, match="as_tensor_variable"):
        T.as_tensor_variable("text")


def test_constants():
    assert T.constant(1.5).dtype == "float64"
    assert T.constant([1, 2], dtype="int8", name="c").name == "c"
    assert T.constant(3, ndim=2).static_shape == (1, 1)


def test_extra_ops_is_a_module_of_known_names():
    from symgrad.tensor import extra_ops

    assert extra_ops.repeat is T.repeat
    assert extra_ops.squeeze is T.squeeze
    assert extra_ops.bincount is T.bincount
