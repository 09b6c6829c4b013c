"""Large graphs come down to a page: by source line, scope, role; each box says what it holds."""

from __future__ import annotations

import time

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.explain.draw.fold import LIMIT, fold
from symgrad.explain.draw.picture import picture


def layers(count, scopes=True):
    """The cost of a chain of layers of tanh, and its gradients."""
    x, params = T.dmatrix("x"), []
    h = x
    for k in range(count):
        W, b = symgrad.shared(np.eye(3), f"W{k}"), symgrad.shared(np.zeros(3), f"b{k}")
        params += [W, b]
        if scopes:
            with symgrad.name_scope(f"layer{k}"):
                h = T.tanh(T.dot(h, W) + b)
        else:
            h = T.tanh(T.dot(h, W) + b)
    cost = (h**2).sum()
    return x, cost, params, T.grad(cost, params)


def test_small_pictures_stay_as_they_are():
    _, _, _, gradients = layers(3)
    drawn = picture(gradients)
    assert len(drawn.nodes) < LIMIT
    assert fold(drawn) is drawn


def test_by_source_line():
    _, _, _, gradients = layers(60, scopes=False)
    whole = picture(gradients)
    drawn = fold(whole)
    assert len(whole.nodes) > 700
    assert len(drawn.nodes) < 15
    forward, gradient = (
        node for node in drawn.nodes if node.label == "h = T.tanh(T.dot(h, W) + b)"
    )
    assert (forward.role, gradient.role) == ("forward", "gradient")
    assert forward.type == "180 operations: ·, +, tanh; 120 shared: W0, b0 … b59"
    assert forward.kind == "group"
    (outputs,) = [node for node in drawn.nodes if node.kind == "output"]
    assert outputs.type == "120 outputs"
    assert [group.title for group in drawn.groups] == ["forward", "gradient"]


def test_by_scope_and_runs_of_scopes():
    x, cost, params, gradients = layers(60)
    steps = [(p, p - 0.1 * g) for p, g in zip(params, gradients, strict=True)]
    drawn = fold(picture(symgrad.function([x], cost, updates=steps)))
    titles = [node.label for node in drawn.nodes if node.kind == "group"]
    forward, gradient = titles[: len(titles) // 2], titles[len(titles) // 2 :]
    assert "layer0 … layer9" in forward
    assert "layer0 … layer9" in gradient
    assert len(drawn.nodes) < 40
    assert len(drawn.edges) < 50
    assert {"20 updates"} == {node.type for node in drawn.nodes if node.kind == "update"}


def test_scopes_inside_scopes_are_opened_as_far_as_they_fit():
    h = T.dvector("x")
    for k in range(4):
        for part in range(30):
            with symgrad.name_scope(f"block{k}"), symgrad.name_scope(f"part{part}"):
                h = T.tanh(h) * 2 + T.exp(h)
    drawn = fold(picture(h.sum()))
    assert [n.label for n in drawn.nodes if n.kind == "group"] == [f"block{k}" for k in range(4)]


def test_nothing_is_lost():
    """Each arrow between two boxes stands for one between what they hold."""
    _, _, _, gradients = layers(60)
    whole = picture(gradients)
    drawn = fold(whole)
    held = 0
    for node in drawn.nodes:
        first = node.type.split()[0].replace(",", "")
        held += int(first) if node.kind == "group" else 0
    operations = [node for node in whole.nodes if node.kind == "operation"]
    single = [node for node in drawn.nodes if node.kind == "operation"]
    assert held + len(single) == len(operations)
    ids = {node.id for node in drawn.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in drawn.edges)
    assert not any(edge.source == edge.target for edge in drawn.edges)
    assert {id for group in drawn.groups for id in group.members} <= ids


@pytest.mark.parametrize("many", ["lines", "scopes"])
def test_thousands_of_lines_or_scopes(many):
    x = T.dvector("x")
    if many == "lines":
        lines = ["v = x", *(f"v = T.tanh(v) + {k} * x" for k in range(1000))]
        variables = {"T": T, "x": x}
        exec(compile("\n".join(lines), "generated.py", "exec"), variables)
        v = variables["v"]
    else:
        v = x
        for k in range(1000):
            with symgrad.name_scope(f"step{k}"):
                v = T.tanh(v) + k * x
                v = T.exp(v) - x
    drawn = fold(picture(T.grad(v.sum(), x)))
    assert 4 < len(drawn.nodes) < 40
    assert any(" … " in node.label for node in drawn.nodes)


@pytest.mark.parametrize("nodes", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_long_chains_in_seconds(nodes):
    v = T.dvector("x")
    for _ in range(nodes // 2):
        v = T.tanh(v) * 0.5
    start = time.perf_counter()
    drawn = fold(picture(v))
    assert time.perf_counter() - start < 30  # 100,000 in two seconds on an idle machine
    assert [node.label for node in drawn.nodes] == ["x", "v = T.tanh(v) * 0.5", "output"]
    assert drawn.nodes[1].type == f"{nodes:,} operations: tanh, ×"
