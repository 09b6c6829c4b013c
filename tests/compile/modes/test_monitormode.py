"""MonitorMode shows every operation, in order, with its values."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import symgrad
import symgrad as theano
import symgrad.tensor as T
from symgrad.compile.modes.monitormode import MonitorMode
from symgrad.errors import GraphTypeError


def test_theanos_example_of_finding_nan(capsys):
    found = []

    def detect_nan(i, node, fn):
        for output in fn.outputs:
            if not isinstance(output[0], np.random.RandomState) and np.isnan(output[0]).any():
                theano.printing.debugprint(node)
                found.append([float(value[0]) for value in (*fn.inputs, *fn.outputs)])
                break

    x = T.dscalar("x")
    mode = theano.compile.MonitorMode(post_func=detect_nan)
    mode = mode.excluding("local_elemwise_fusion", "inplace")
    f = theano.function([x], [T.log(x) * x], mode=mode)
    f(0.0)
    np.testing.assert_array_equal(found, [[-np.inf, 0.0, np.nan]])
    assert capsys.readouterr().out == "mul [id A]\n |log [id B]\n | |x [id C]\n |x [id C]\n"


def test_before_and_after_each_operation():
    seen = []
    mode = MonitorMode(
        pre_func=lambda i, node, fn: seen.append((i, str(node.op), fn.inputs, fn.outputs)),
        post_func=lambda i, node, fn: seen.append((i, str(node.op), fn.outputs)),
    )
    x = T.dvector("x")
    f = symgrad.function([x], T.exp(x).sum(), mode=mode)
    assert seen == []
    assert f([0.0, 0.0]) == 2
    assert [entry[:2] for entry in seen] == [(0, "exp"), (0, "exp"), (1, "sum"), (1, "sum")]
    assert seen[0][3] == [[None]]
    np.testing.assert_array_equal(seen[0][2][0][0], [0.0, 0.0])
    assert seen[3][2][0][0] == 2


def test_updates_are_carried_out_once():
    w = symgrad.shared(1.0, "w")
    f = symgrad.function([], w, updates=[(w, w * 2)], mode="MonitorMode")
    assert [f(), f(), f()] == [1.0, 2.0, 4.0]


def test_exceptions_of_the_users_functions_arrive():
    def stop(i, node, fn):
        raise KeyError("enough")

    w = symgrad.shared(1.0, "w")
    f = symgrad.function([], w, updates=[(w, w * 2)], mode=MonitorMode(stop))
    with pytest.raises(KeyError, match="enough"):
        f()
    assert w.get_value() == 1


def show(i, node, fn):
    """Do nothing."""


def test_it_pickles():
    x = T.dscalar("x")
    f = symgrad.function([x], x + 1, mode=MonitorMode(post_func=show))
    assert pickle.loads(pickle.dumps(f))(1.0) == 2


def test_what_is_no_function_is_refused():
    with pytest.raises(GraphTypeError, match="pre_func must be a function, not 3"):
        MonitorMode(3)
