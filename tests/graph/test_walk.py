"""The walk over graphs, substitution, connectedness."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad.tensor as T
from symgrad.graph.walk import connected, depends_on, rebuild, substitute, toposort
from symgrad.ops.op import REGISTRY


@st.composite
def graphs(draw):
    """Nodes of a random graph, made one after the other."""
    nodes = [T.dscalar(f"x{k}") for k in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 12))):
        pick = st.sampled_from(nodes)
        nodes.append(draw(st.sampled_from([T.add, T.mul, T.sub]))(draw(pick), draw(pick)))
    return nodes


def reachable(node):
    found = {node}
    for source in node.inputs:
        found |= reachable(source)
    return found


@given(graphs(), st.data())
def test_toposort_lists_each_node_once_after_its_inputs(nodes, data):
    outputs = data.draw(st.lists(st.sampled_from(nodes), max_size=3))
    order = toposort(outputs)
    assert len(order) == len(set(order))
    assert set(order) == set().union(*map(reachable, outputs))
    place = {node: k for k, node in enumerate(order)}
    assert all(place[i] < place[node] for node in order for i in node.inputs)


@given(graphs(), st.data())
def test_toposort_does_not_follow_the_inputs_of_stops(nodes, data):
    output, stop = data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(nodes))
    order = toposort([output], stop={stop})

    def above(node):
        return {node}.union(*(above(i) for i in node.inputs if node is not stop))

    assert set(order) == above(output)


@given(graphs(), st.data())
def test_substitute_replaces_and_keeps_the_rest(nodes, data):
    output = data.draw(st.sampled_from(nodes))
    old, new = data.draw(st.sampled_from(nodes)), T.dscalar("new")
    (result,) = substitute([output], {old: new})
    if old not in reachable(output):
        assert result is output
    else:
        assert new in toposort([result])
    assert old not in toposort([result])


def test_substitute_does_all_at_once():
    x, y = T.dscalars("x", "y")
    swapped, leaf = substitute([x - y, x], {x: y, y: x})
    assert swapped.inputs == (y, x)
    assert leaf is y


def test_substitute_does_not_look_into_replacements():
    x = T.dscalar("x")
    (result,) = substitute([x * 2], {x: x + 1})
    assert result.inputs[0].inputs[0] is x


def test_rebuilt_nodes_keep_name_and_line():
    x, y = T.dscalars("x", "y")
    node = x * 2
    node.name = "double"
    again = rebuild(node, [y, node.inputs[1]])
    assert (again.name, again.origin) == ("double", node.origin)
    again.name = "twice"
    assert node.name == "double"


def test_a_rebuilt_node_has_the_type_that_its_new_inputs_give():
    x = T.dmatrix("x")
    known = T.TensorType("float64", (2, 3))("known")
    assert rebuild(T.exp(x), [x]).type == x.type
    assert rebuild(T.exp(x), [known]).static_shape == (2, 3)
    n = x.shape[0]
    flat = x.reshape((n, 3))  # its shape depends on what its lengths are, not on their types
    assert flat.static_shape == (None, 3)
    assert rebuild(flat, [x, T.constant(2, dtype="int64"), flat.inputs[2]]).static_shape == (2, 3)
    assert isinstance(rebuild(x + 1, [x, T.constant(2.0)]).inputs, tuple)


def test_types_alone_give_the_type_where_an_operation_says_so():
    seen = 0
    for op in REGISTRY.values():
        for example in op.examples():
            if example.op.typed_by_types:
                inputs = [
                    T.constant(np.zeros(a.shape, a.dtype) if a.exact is None else a.exact)
                    for a in example.args
                ]
                made = example.op.make(*inputs)
                assert made.type == example.op.infer(*[i.type for i in inputs]), example.op
                seen += 1
    assert seen > 300


def test_depends_on():
    x, y = T.dscalars("x", "y")
    a, b = x + 1, y + 1
    c = a * b
    assert depends_on([c], {x}) == {x, a, c}
    assert depends_on([b], {x}) == set()


def test_connected_follows_values_only():
    x, y = T.dvectors("x", "y")
    h = T.exp(y)
    cost = T.sum(x) * y.shape[0] + T.sum(h)
    assert {x, y} <= connected([cost])
    assert y not in connected([cost], {h})
    assert h in connected([cost], {h})
    with pytest.raises(TypeError):
        connected([cost], 3)
