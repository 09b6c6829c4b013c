"""The engine: fixed points, merging, budgets, names, traces, and graphs of any depth."""

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.errors import GraphTypeError
from symgrad.graph.walk import toposort
from symgrad.ops.op import Arg, Example, Op
from symgrad.rewrite.engine import RuleSet, names, rewrite


class Effect(Op, register=False):
    """An identity that must happen as often as it is written."""

    has_side_effect = True

    def infer(self, *types):
        return types[0]

    def impl(self, xp, *arrays):
        return xp.array(arrays[0])

    @classmethod
    def examples(cls):
        yield Example(cls(), (Arg(),))


def count(outputs, op):
    return sum(node.op == op for node in toposort(outputs))


def test_equal_nodes_are_merged_but_not_side_effects():
    x = T.dvector("x")
    (y,) = rewrite([T.exp(x) + T.exp(x)])
    assert y.inputs[0] is y.inputs[1]
    (y,) = rewrite([Effect()(x) + Effect()(x)])
    assert count([y], Effect()) == 2
    (y,) = rewrite([T.exp(x) + T.exp(x)], merge=False)
    assert count([y], ops.exp) == 2


def test_constants_merge_by_dtype_and_bytes():
    for a, b, merged in (
        (0.0, -0.0, False),
        (np.nan, np.nan, True),
        (1.0, np.float32(1), False),
        (2.0, 2.0, True),
        (np.ones(2), np.ones((1, 2)), False),
    ):
        p, q = rewrite([T.constant(a), T.constant(b)])
        assert (p is q) == merged, (a, b)


def test_rules_fire_on_what_rules_made():
    rules = RuleSet("chain")

    @rules(ops.exp)
    def exp_to_log(e):
        return ops.log.make(ops.sqr.make(e.inputs[0]))

    @rules(ops.sqr)
    def sqr_to_neg(e):
        return ops.neg.make(e.inputs[0])

    @rules(ops.log)
    def log_of_neg(e):
        return ops.sqrt.make(e.inputs[0]) if e.inputs[0].op is ops.neg else None

    x = T.dvector("x")
    trace = []
    (y,) = rewrite([T.exp(x)], [rules], trace=trace)
    assert names(trace) == ["exp_to_log", "sqr_to_neg", "log_of_neg"]
    assert y.op is ops.sqrt
    assert y.inputs[0].op is ops.neg
    assert trace[0].before.op is ops.exp


def test_rules_of_one_op_of_its_class_and_of_any_are_asked_in_order():
    rules, asked = RuleSet("order"), []

    @rules()
    def any_op(e):
        asked.append("any")

    @rules(type(ops.exp))
    def of_class(e):
        asked.append("class")

    @rules(ops.exp)
    def of_op(e):
        asked.append("op")

    rewrite([T.exp(T.dvector())], [rules])
    assert asked == ["op", "class", "any"]
    assert len(rules) == 3


def test_a_rule_is_asked_only_where_what_it_needs_is_in_the_graph():
    rules, asked = RuleSet("needs"), []

    @rules(ops.exp, needs=[ops.log, ops.Sum])
    def of_exp(e):
        asked.append(e)

    x = T.dvector("x")
    rewrite([T.exp(x) + 1], [rules])
    assert asked == []
    inner, outer = T.exp(x), None
    outer = T.exp(T.log(inner))
    rewrite([outer], [rules])
    assert asked == [outer]  # the log comes after the inner one, which cannot hold it
    asked.clear()
    rewrite([T.exp(x.sum())], [rules])
    assert len(asked) == 1  # a class of operations
    asked.clear()
    held = T.log(x)
    rewrite([T.exp(held)], [rules], stop={T.neg(held)})
    assert len(asked) == 1


def test_what_a_rule_makes_lets_rules_that_need_it_be_asked():
    rules = RuleSet("needs")

    @rules(ops.neg)
    def to_log(e):
        return ops.log.make(e.inputs[0])

    @rules(ops.exp, needs=[ops.log])
    def exp_of_log(e):
        return ops.sqr.make(e.inputs[0].inputs[0]) if e.inputs[0].op is ops.log else None

    (y,) = rewrite([T.exp(-T.dvector("x"))], [rules])
    assert y.op is ops.sqr


def test_a_rule_set_made_of_others_has_their_rules():
    first, second = RuleSet("first"), RuleSet("second")
    first(ops.exp)(lambda e: ops.log.make(e.inputs[0]))
    second(ops.log, needs=[ops.log])(lambda e: ops.neg.make(e.inputs[0]))
    both = RuleSet("both", first, second)
    assert (len(first), len(second), len(both)) == (1, 1, 2)
    (y,) = rewrite([T.exp(T.dvector("x"))], [both])
    assert y.op is ops.neg


def test_a_rule_whose_result_holds_the_node_leaves_it_alone():
    rules = RuleSet("wrapping")

    @rules(ops.exp)
    def twice_minus(e):
        return ops.neg.make(ops.neg.make(e))

    x = T.dvector("x")
    (y,) = rewrite([T.log(T.exp(x))], [rules])
    assert [node.op for node in toposort([y])[1:]] == [ops.exp, ops.log]


def test_rules_that_undo_each_other_stop():
    rules = RuleSet("circle")

    @rules(ops.exp)
    def there(e):
        return ops.log.make(e.inputs[0])

    @rules(ops.log)
    def back(e):
        return ops.exp.make(e.inputs[0])

    trace = []
    (y,) = rewrite([T.exp(T.dvector("x"))], [rules], trace=trace)
    assert y.op in (ops.exp, ops.log)
    assert len(trace) < 1000


def test_a_rule_that_grows_the_graph_stops():
    rules = RuleSet("growth")

    @rules(ops.exp)
    def grow(e):
        return ops.neg.make(ops.neg.make(e))

    trace = []
    (y,) = rewrite([T.exp(T.dvector("x"))], [rules], trace=trace)
    assert len(trace) < 1000
    assert y.eval({y_input(y): [0.0]}) == 1.0


def test_a_rule_that_makes_nodes_which_others_look_at_stops():
    rules = RuleSet("growth below")

    @rules(ops.exp)
    def grow(e):
        return ops.exp.make(ops.neg.make(ops.neg.make(e.inputs[0])))

    @rules(ops.neg)
    def look(e):
        return None

    trace = []
    rewrite([T.exp(T.dvector("x"))], [rules], trace=trace)
    assert len(trace) < 1000


def y_input(y):
    return next(node for node in toposort([y]) if node.op is None)


def test_a_rule_may_not_change_dtype_or_rank():
    rules = RuleSet("wrong")

    @rules(ops.exp)
    def wrong(e):
        return T.cast(e.inputs[0], "float32")

    with pytest.raises(GraphTypeError, match="wrong turned a float64 vector into a float32 vector"):
        rewrite([T.exp(T.dvector("x"))], [rules])


def test_names_and_origins_go_to_what_is_made_and_never_to_nodes_of_the_user():
    rules = RuleSet("names")

    @rules(ops.neg)
    def to_input(e):
        return e.inputs[0]

    @rules(ops.log)
    def to_new(e):
        return ops.sqrt.make(e.inputs[0])

    x = T.dvector("x")
    inner = T.exp(x)
    minus, log = -inner, T.log(inner)
    minus.name, log.name = "minus", "log"
    a, b = rewrite([minus, log], [rules])
    assert a is inner
    assert inner.name is None
    assert b.op is ops.sqrt
    assert b.name == "log"
    assert b.origin == log.origin
    b.name = "changed"
    assert log.name == "log"
    one, two = T.exp(x), T.exp(x)
    two.name = "two"
    merged = rewrite([one, two])
    assert merged[0] is merged[1]
    assert one.name is None


def test_nodes_to_stop_at_stay():
    rules = RuleSet("stop")

    @rules(ops.exp)
    def to_log(e):
        return ops.log.make(e.inputs[0])

    x = T.dvector("x")
    held = T.exp(T.exp(x))
    (y,) = rewrite([T.exp(held)], [rules], stop={held})
    assert y.op is ops.log
    assert y.inputs[0] is held


def test_unchanged_graphs_are_returned_as_they_are():
    x = T.dmatrix("x")
    y = T.exp(x).sum() + T.log(x).mean()
    assert rewrite([y], merge=False)[0] is y


def test_work_grows_linearly_with_depth():
    asked = []
    rules = RuleSet("counting")

    @rules(ops.mul)
    def watch(e):
        asked.append(e)

    x = T.dvector("x")
    y = x
    for _ in range(3000):
        y = y * y  # 2**3000 paths
    trace = []
    (z,) = rewrite([y], [rules], trace=trace)
    assert len(asked) == 3000
    assert len(toposort([z])) == 3001
    f = symgrad.function([x], z)
    assert f([1.0]) == 1.0
