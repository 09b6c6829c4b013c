"""Which line of the user's code made a node, and how messages show it."""

import inspect
import linecache

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import errors, origins
from tests.said import line_of, marked


def test_a_node_knows_the_line_that_made_it_and_its_callers():
    def layer(x):
        return T.exp(x)  # layer

    x = T.dscalar("x")
    y = layer(x)  # caller
    frames = [origins.resolve_frame(frame) for frame in y.origin]
    assert frames[0] == (__file__, line_of("layer"))
    assert frames[1] == (__file__, line_of("caller"))
    assert len(frames) <= 4
    assert "return T.exp(x)" in errors.made_at(y)


def test_the_flag_says_how_many_frames_are_kept():
    with symgrad.config.change_flags({"traceback.limit": 1}):
        x = T.dscalar("x")
    assert len(x.origin) == 1


def test_a_gradient_has_the_origin_of_what_it_differentiates():
    x = T.dvector("x")
    y = T.tanh(x)  # forward
    g = symgrad.grad(y.sum(), x)
    nodes = symgrad.graph.walk.toposort([g])
    found = {origins.resolve_frame(node.origin[0])[1] for node in nodes if node.op}
    assert line_of("forward") in found


def test_generated_and_internal_files_are_not_user_code():
    assert origins.is_internal(inspect.getfile(errors))
    assert origins.is_internal("<symgrad f 1>")
    assert not origins.is_internal(__file__)


# -- the mark under the user's expression ----------------------------------------------------------


def test_the_mark_stands_under_the_expression():
    a, b = T.constant(np.zeros((3, 4)), name="a"), T.constant(np.zeros((5, 6)), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh(T.dot(a, b) + 1)
    assert marked(error) == ("T.dot(a, b)", "^" * 11)


def test_an_operator_alone_is_marked():
    a, b = T.constant(np.zeros(3), name="a"), T.constant(np.zeros(4), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh((2 * a) - (b * 3))
    assert marked(error) == ("(2 * a) - (b * 3)", "~~~~~~~~^~~~~~~~~")
    with pytest.raises(symgrad.IndexRangeError) as error:
        T.tanh(a[7])
    assert marked(error) == ("a[7]", "~^^^")
    x = T.dscalar("x")
    with pytest.raises(TypeError) as error:
        T.tanh(a if x > 1 else b)
    assert marked(error) == ("x > 1", "~~^~~")


def test_an_expression_of_several_lines_is_marked_to_the_end_of_its_first():
    a, b = T.constant(np.zeros((3, 4)), name="a"), T.constant(np.zeros((5, 6)), name="b")
    with pytest.raises(symgrad.ShapeError) as error:
        T.dot(
            a,
            b,
        )
    assert marked(error) == ("T.dot(", "^^^^^^")


def test_letters_beyond_ascii_do_not_shift_the_mark():
    θ, β = T.constant(np.zeros((3, 4)), name="θ"), T.constant(np.zeros((5, 6)), name="β")
    with pytest.raises(symgrad.ShapeError) as error:
        T.tanh(T.dot(θ, β) + 1)
    assert marked(error) == ("T.dot(θ, β)", "^" * 11)


def test_a_long_line_is_shown_around_the_mark():
    source = f"y = [{', '.join(['0'] * 60)}, a + b, {', '.join(['1'] * 60)}]\n"
    linecache.cache["long.py"] = (len(source), None, [source], "long.py")
    names = {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))}
    with pytest.raises(symgrad.ShapeError) as error:
        exec(compile(source, "long.py", "exec"), names)
    assert marked(error) == ("a + b", "~~^~~")
    assert max(map(len, str(error.value).splitlines()[1:])) < 125


def test_code_without_source_is_named_by_its_line():
    names = {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))}
    with pytest.raises(symgrad.ShapeError) as error:
        exec(compile("\na + b", "<nowhere>", "exec"), names)
    assert 'File "<nowhere>", line 2' in str(error.value)
    assert "^" not in str(error.value)


def test_an_error_is_told_where_no_file_can_have_the_name_of_its_source():
    code = compile("a + b", "<made>", "exec").replace(co_filename="no\0file")
    with pytest.raises(symgrad.ShapeError) as error:
        exec(code, {"a": T.constant(np.zeros(3)), "b": T.constant(np.zeros(4))})
    assert "do not fit" in str(error.value)
    assert "do not fit" in error.value.explain()
