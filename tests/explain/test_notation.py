"""Expressions as mathematics: precedence, names, shared parts, LaTeX, size."""

from __future__ import annotations

import importlib.util
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import symgrad
import symgrad.tensor as T
from symgrad.errors import GraphTypeError
from symgrad.explain.notation import formulas, latex, text

x, W, V = T.dmatrices("x", "W", "V")
b, v = T.dvectors("b", "v")
s, t = T.dscalars("s", "t")
y = T.ivector("y")
softmax = T.nnet.softmax(T.dot(x, W) + b)

TEXTS: list[tuple[Any, str, str]] = [
    (-T.mean(T.log(softmax)[T.arange(y.shape[0]), y]), "−mean(log softmax(xW + b)[k, y_k])", ""),
    (T.exp(s**2) * T.sin(s), "exp(s²)·sin(s)", "exp(s^2) * sin(s)"),
    (s - (t - s), "s − (t − s)", "s - (t - s)"),
    (s - (-t), "s + t", "s + t"),
    (s + -t, "s − t", "s - t"),
    (-(s - t) * t, "−(s − t)·t", "-(s - t) * t"),
    ((-s) * t, "−s·t", "-s * t"),
    (s * (-t), "s·(−t)", "s * (-t)"),
    (s / (t * s), "s/(t·s)", "s/(t * s)"),
    (s / t * s, "s/t·s", "s/t * s"),
    (s / (t / s), "s/(t/s)", "s/(t/s)"),
    ((s + t) ** 2, "(s + t)²", "(s + t)^2"),
    ((-s) ** 2, "(−s)²", "(-s)^2"),
    (-(s**2), "−s²", "-s^2"),
    (s**t, "s^t", "s^t"),
    (s ** (t + 1), "s^(t + 1)", "s^(t + 1)"),
    (s**-1, "s⁻¹", "s^(-1)"),
    (T.sqrt(s + t), "√(s + t)", "sqrt(s + t)"),
    (2 * T.exp(x), "2 exp(x)", "2 * exp(x)"),
    (x * 2, "2x", "2 * x"),
    (2 * (s + t), "2(s + t)", "2 * (s + t)"),
    (x * W, "x ⊙ W", "x * W"),
    (-x * W, "−x ⊙ W", "-x * W"),
    (T.dot(x, W) * V, "xW ⊙ V", "(x @ W) * V"),
    (T.dot(x, W * V), "x·(W ⊙ V)", "x @ (W * V)"),
    (T.dot(x.T, W - 1) / x.shape[0], "xᵀ(W − 1)/len(x)", "x.T @ (W - 1)/len(x)"),
    (T.dot(v, b), "v·b", "v @ b"),
    (T.dot(v, b) * s, "(v·b)·s", "(v @ b) * s"),
    (x / W, "x / W", "x / W"),
    (T.sum((T.dot(x, v) - b) ** 2), "Σ((xv − b)²)", "sum((x @ v - b)^2)"),
    (x.mean(axis=0), "mean_rows(x)", "mean_rows(x)"),
    (x.mean(), "mean(x)", "mean(x)"),
    (x.sum(axis=1), "Σ_columns(x)", "sum_columns(x)"),
    (x.sum() / x.shape[0], "Σ(x)/len(x)", "sum(x)/len(x)"),
    (T.maximum(x, 0), "max(x, 0)", "max(x, 0)"),
    (T.switch(x > 0, x, 0), "x ⊙ [x > 0]", "x * [x > 0]"),
    (T.switch(x > 0, 0, x), "x ⊙ [x ≤ 0]", "x * [x <= 0]"),
    (T.switch(x > 0, x, W), "(x if x > 0, else W)", "(x if x > 0, else W)"),
    (x[1:3, 0], "x[1:3, 0]", "x[1:3, 0]"),
    (x[:, y], "x[:, y]", "x[:, y]"),
    (x[:, None] * 2, "2x[:, None]", "2 * x[:, None]"),
    (v.dimshuffle(0, "x") * b, "vbᵀ", "v @ b.T"),
    (T.mean(T.neq(T.argmax(x, axis=1), y)), "mean([argmax_columns(x) ≠ y])", ""),
    (T.set_subtensor(x[0], v), "change(x[0] ← v)", "change(x[0] <- v)"),
    (T.ones_like(T.alloc(s, 3, 4)) * s, "ones(3, 4)·s", "ones(3, 4) * s"),
    (T.exp(x) / T.exp(x).sum(axis=1, keepdims=True), "exp(x) / Σ_columns(exp(x))", ""),
    (T.nnet.sigmoid(s), "σ(s)", "sigmoid(s)"),
    (abs(x), "|x|", "|x|"),
    (T.floor(s), "⌊s⌋", "floor(s)"),
    (0.001 * s + 1e20, "0.001s + 1e+20", "0.001 * s + 1e+20"),
    (T.and_(s > 1, t < 2), "(s > 1) and (t < 2)", "(s > 1) and (t < 2)"),
    (T.trace(T.dot(x, W)), "tr(xW)", "tr(x @ W)"),
    (T.concatenate([v, b]), "join(v, b)", "join(v, b)"),
]


@pytest.mark.parametrize(("expr", "unicode", "ascii"), TEXTS, ids=[u for _, u, _ in TEXTS])
def test_text(expr: Any, unicode: str, ascii: str) -> None:
    assert text(expr, share=False) == unicode
    plain = text(expr, share=False, ascii=True)
    assert plain.isascii()
    if ascii:
        assert plain == ascii


@pytest.mark.parametrize("name", ["lambda", "W_hidden", "x1", "a+b", "we ird", r"$%_#&~^\{}", "é"])
def test_names_in_latex_are_escaped(name: str) -> None:
    written = latex(T.dscalar(name) * 2)
    specials = written.replace(r"\_", "").replace(r"\%", "").replace(r"\#", "").replace(r"\&", "")
    assert not set("$%#&~^") & set(specials.replace(r"\$", ""))
    assert written.replace(r"\{", "").count("{") == written.replace(r"\}", "").count("}")


def test_names() -> None:
    names = ["lambda", "alpha_1", "W_hidden", "x1", "learning_rate", "a+b"]
    exprs = [T.dscalar(name) for name in names]
    assert [text(e) for e in exprs] == ["λ", "α_1", "W_hidden", "x₁", "learning_rate", "'a+b'"]
    assert [text(e, ascii=True) for e in exprs[:4]] == ["lambda", "alpha_1", "W_hidden", "x1"]
    assert latex(exprs[0]) == r"\lambda"
    assert latex(exprs[2]) == r"W_{\text{hidden}}"
    assert latex(exprs[4]) == r"\text{learning\_rate}"


def test_two_variables_of_one_name_are_told_apart() -> None:
    assert text(T.dscalar("a") + T.dscalar("a")) == "a + a′"


def test_variables_without_a_name_are_numbered() -> None:
    assert text(T.dot(T.dmatrix(), T.dvector()) + T.dvector()) == "M₁v₁ + v₂"
    assert text(T.dscalar() + T.dscalar("s1")) == "s₁ + s₁′"


def test_shared_parts_are_named() -> None:
    h = T.tanh(T.dot(x, W) + b)
    assert text(h * (1 - h)) == "u ⊙ (1 − u) where u = tanh(xW + b)"
    assert text(softmax - softmax**2) == "p − p² where p = softmax(xW + b)"
    assert text(h * (1 - h), share=False) == "tanh(xW + b) ⊙ (1 − tanh(xW + b))"
    assert r" \text{ where } u = \tanh(x W + b)" in latex(h * (1 - h))


def test_the_users_names_are_kept() -> None:
    h = T.tanh(T.dot(x, W))
    h.name = "hidden"
    assert text(h.sum()) == "Σ(hidden) where hidden = tanh(xW)"
    assert text(h) == "tanh(xW)"
    assert text(h.sum(), names={h: "h"}) == "Σ(h)"


def test_gradients_names() -> None:
    cost = (s**3).copy()
    cost.name = "cost"
    slope = T.grad(cost, s)
    assert slope.name == "(dcost/ds)"
    assert text(slope + 1, names={slope: slope.name}) == "∂cost/∂s + 1"
    written = formulas([slope * 2], {slope: "∂ℓ/∂z"}, style="latex").formulas[0]
    assert written == r"2 \, \frac{\partial \ell}{\partial z}"


def test_latex() -> None:
    loss = -T.mean(T.log(softmax)[T.arange(y.shape[0]), y])
    want = r"-\operatorname{mean}(\log \operatorname{softmax}(x W + b)[k, y_{k}])"
    assert latex(loss) == want
    assert latex(T.dot(x.T, W) / 2) == r"\frac{x^{\top} W}{2}"
    assert latex(1e-5 * s) == "10^{-5} s"
    assert latex(T.sum(x, axis=0)) == r"\sum_{\text{rows}} x"
    assert latex(T.dot(v, b)) == r"v \cdot b"


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_latex_is_read_by_mathtext() -> None:
    from matplotlib.mathtext import MathTextParser

    parser: Any = MathTextParser("agg")
    odd = [T.dscalar(name) + 1 for name in ("lambda", r"$%_#&~^\{}", "a b", "x_train")]
    for expr in [*(e for e, _, _ in TEXTS), *odd]:
        parser.parse(f"${latex(expr)}$")


def test_big_graphs_are_cut() -> None:
    e: Any = s
    for _ in range(100_000):
        e = e + 1
    start = time.perf_counter()
    written = text(e)
    assert time.perf_counter() - start < 1
    assert written.startswith("…")
    assert written.endswith("+ 1 + 1")
    assert len(written) < 2000
    e = s
    for _ in range(60):
        e = e * e  # written out it would take 10**18 characters
    assert len(text(e)) < 2000
    assert len(text(e, share=False)) < 2000


def test_what_is_written_is_the_same_each_time() -> None:
    def build() -> Any:
        a, c = T.dmatrices("a", "c")
        h = T.tanh(T.dot(a, c))
        return T.grad(T.sum(h * (1 - h)), a)

    assert text(build()) == text(build())
    assert latex(build()) == latex(build())


def test_not_an_expression() -> None:
    with pytest.raises(GraphTypeError, match="expected a symbolic variable, not 3"):
        text(3)


def test_every_operation_can_be_written() -> None:
    """No handler fails on any registered operation's examples."""
    from symgrad.graph.expr import Placeholder
    from symgrad.graph.types import TensorType
    from symgrad.ops.op import REGISTRY

    written = 0
    for op in REGISTRY.values():
        for example in list(op.examples())[:3]:
            inputs = [
                Placeholder(TensorType(a.dtype, tuple(a.shape)), f"a{k}")
                for k, a in enumerate(example.args)
            ]
            try:
                node = example.op.make(*inputs)
            except (ValueError, TypeError, IndexError):
                continue  # it needs a constant
            assert text(node)
            assert latex(node)
            assert text(node, ascii=True).isascii()
            written += 1
    assert written > 250


# -- parentheses -----------------------------------------------------------------------------

NAMES = {"s": s, "t": t}
LEAVES = st.sampled_from(["s", "t", "2.0"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*/"), inner, inner),
        st.tuples(st.just("neg"), inner),
        st.tuples(st.just("pow"), inner),
    ),
    max_leaves=8,
)


def build(tree: Any) -> Any:
    if isinstance(tree, str):
        return NAMES.get(tree) if tree in NAMES else T.constant(float(tree))
    op, *parts = tree
    values = [build(p) for p in parts]
    if op == "neg":
        return -values[0]
    if op == "pow":
        return values[0] ** 2
    a, c = values
    return {"+": a + c, "-": a - c, "*": a * c, "/": a / c}[op]


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_ascii_means_what_was_built(tree: Any) -> None:
    """Read back as Python, a formula has the value of the expression: no parenthesis is missing."""
    expr = build(tree)
    source = text(expr, ascii=True, share=False).replace("^", "**")
    at = {"s": np.float64(1.7), "t": np.float64(-0.6)}
    with np.errstate(all="ignore"):
        have = eval(source, {"__builtins__": {}}, at)
    f = symgrad.function([s, t], expr, on_unused_input="ignore", mode="FAST_COMPILE")
    want = f(at["s"], at["t"])
    np.testing.assert_allclose(have, want, rtol=1e-9)
