"""Gradients on paper: the formulas are those of textbooks, and every step holds numerically."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.errors import DisconnectedInputError, GraphTypeError, GraphValueError
from symgrad.explain.derivation.words import derivative
from symgrad.ops.arithmetic import elementwise as ew
from symgrad.ops.families import elementwise
from symgrad.ops.nnet import nnet
from symgrad.ops.op import REGISTRY

rng = np.random.default_rng(3)
x, A, B = T.dmatrices("x", "A", "B")
u, v, w, t = T.dvectors("u", "v", "w", "t")
s, c = T.dscalars("s", "c")
y = T.ivector("y")
W = symgrad.shared(rng.normal(size=(6, 4)), "W")
b = symgrad.shared(np.zeros(4), "b")
W1 = symgrad.shared(rng.normal(size=(6, 5)), "W1")
b1 = symgrad.shared(np.zeros(5), "b1")
W2 = symgrad.shared(rng.normal(size=(5, 4)), "W2")
z = T.dot(x, W) + b
p = T.nnet.softmax(z)
rows = T.arange(y.shape[0])
score = T.dot(x, w)
hidden = T.tanh(T.dot(x, W1) + b1)
by_hand = T.exp(z) / T.exp(z).sum(axis=1, keepdims=True)

# The cost, by what to differentiate, and the closed gradients as a textbook has them.
MODELS: dict[str, tuple[Any, list[Any], list[str] | None]] = {
    "softmax regression": (
        -T.mean(T.log(p)[rows, y]),
        [W, b],
        ["xᵀ(softmax(xW + b) − onehot(y))/n", "Σ_rows(softmax(xW + b) − onehot(y))/n"],
    ),
    "categorical cross-entropy": (
        T.nnet.categorical_crossentropy(p, y).sum(),
        [W],
        ["xᵀ(softmax(xW + b) − onehot(y))"],
    ),
    "softmax by hand": (
        -T.mean(T.log(by_hand)[rows, y]),
        [W],
        ["xᵀ(softmax(xW + b) − onehot(y))/n"],
    ),
    "softmax along the wrong axis": (
        -T.mean(T.log(T.nnet.softmax(z, axis=0))[rows, y]),
        [b],
        ["Σ_rows(softmax_rows(xW + b) ⊙ Σ_rows(onehot(y)) − onehot(y))/n"],
    ),
    "soft targets": (
        -T.mean(T.sum(A * T.log(p), axis=1)),
        [W],
        ["xᵀ(softmax(xW + b) ⊙ Σ_columns(A) − A)/n"],
    ),
    "mlp with tanh and L2": (
        -T.mean(T.log(T.nnet.softmax(T.dot(hidden, W2)))[rows, y])
        + 0.001 * ((W1**2).sum() + (W2**2).sum()),
        [W1, b1, W2],
        [
            "xᵀ((p − onehot(y))W₂ᵀ ⊙ (1 − h²))/n + 0.002W₁",
            "Σ_rows((p − onehot(y))W₂ᵀ ⊙ (1 − h²))/n",
            "hᵀ(p − onehot(y))/n + 0.002W₂",
        ],
    ),
    "least squares": (
        T.mean((score + c - t) ** 2),
        [w, c],
        ["2xᵀ(xw + c − t)/n", "2Σ(xw + c − t)/n"],
    ),
    "root of least squares": (
        T.sqrt(T.mean((score - t) ** 2)),
        [w],
        ["xᵀ(xw − t)/(n·√(mean((xw − t)²)))"],
    ),
    "logistic regression": (
        -T.mean(t * T.log(T.nnet.sigmoid(score)) + (1 - t) * T.log(1 - T.nnet.sigmoid(score))),
        [w],
        ["xᵀ(σ(xw) − t)/n"],
    ),
    "logistic regression on integers": (
        T.mean(T.nnet.binary_crossentropy(T.nnet.sigmoid(score), y)),
        [w],
        ["xᵀ(σ(xw) − y)/n"],
    ),
    "sigmoid cross-entropy": (
        T.mean(T.nnet.sigmoid_binary_crossentropy(score, t)),
        [w],
        ["xᵀ(σ(xw) − t)/n"],
    ),
    "poisson": (T.mean(T.exp(score) - t * score), [w], ["xᵀ(exp(xw) − t)/n"]),
    "gaussian": (
        T.sum((v - s) ** 2 / (2 * c**2) + T.log(c)),
        [s, c],
        ["Σ(s − v)/c²", "n/c − Σ((v − s)²)/c³"],
    ),
    "hinge": (T.mean(T.maximum(0, 1 - t * score)), [w], ["−xᵀ([0 < 1 − t ⊙ xw] ⊙ t)/n"]),
    "relu": (T.sum(T.nnet.relu(T.dot(x, A))), [A], ["xᵀ·[xA > 0]"]),
    "maximum": (T.sum(T.maximum(v, 0) * t), [v], ["t ⊙ [v ≥ 0]"]),
    "huber": (
        T.sum(T.switch(abs(v) < 1, v**2 / 2, abs(v) - 0.5)),
        [v],
        ["[|v| ≥ 1] ⊙ sign(v) + [|v| < 1] ⊙ v"],
    ),
    "L1": (abs(W).sum(), [W], ["sign(W)"]),
    "of numbers": (T.exp(s**2) * T.sin(s), [s], ["exp(s²)·cos(s) + 2s·sin(s)·exp(s²)"]),
    "quotient": (s / (1 + s**2), [s], ["1/(1 + s²) − 2s²/(1 + s²)²"]),
    "log odds": (T.log(s / (1 - s)), [s], ["1/s + 1/(1 − s)"]),
    "power": (s**c, [s, c], ["c·s^(c − 1)", "s^c·log(s)"]),
    "product": (s * T.log(s), [s], ["1 + log(s)"]),
    "tanh by hand": (
        (T.exp(s) - T.exp(-s)) / (T.exp(s) + T.exp(-s)),
        [s],
        ["1 − tanh(s)²"],
    ),
    "erf": (T.erf(s), [s], ["2/√π·exp(−s²)"]),
    "used twice": (
        T.sum(score * score + score * T.exp(score)),
        [w],
        ["xᵀ(xw ⊙ exp(xw) + exp(xw) + 2 xw)"],
    ),
    "quadratic form": (T.dot(v, T.dot(A, v)), [v, A], ["Aᵀv + Av", "vvᵀ"]),
    "norm": (T.sqrt(T.sum(v**2)), [v], ["v/√(Σ(v²))"]),
    "outer product": (T.sum(T.outer(u, v) ** 2), [u, v], ["2Σ(v²)·u", "2Σ(u²)·v"]),
    "logsumexp": (T.mean(T.log(T.sum(T.exp(x), axis=1))), [x], ["softmax(x)/n"]),
    "distances": (T.sum((x[:, None, :] - A[None, :, :]) ** 2), [x], None),
    "determinant": (T.log(T.nlinalg.det(T.dot(A.T, A))), [A], None),
    "trace": (T.nlinalg.trace(T.dot(A, B)), [A], ["IBᵀ"]),
    "centred": (T.sum((x - x.mean(axis=0)) ** 3), [x], None),
    "batch norm": (
        T.sum(((x - x.mean(axis=0)) / T.sqrt(x.var(axis=0) + 0.1)) ** 3),
        [x],
        None,
    ),
    "attention": (
        T.sum(T.dot(T.nnet.softmax(T.dot(A, B.T) / T.sqrt(2.0)), x) ** 2),
        [A, B],
        None,
    ),
    "two steps of a recurrent net": (
        T.sum(T.tanh(T.dot(T.tanh(T.dot(x, A)), A)) ** 2),
        [A],
        None,
    ),
    "slices": (
        T.sum(v[1:] * v[:-1]),
        [v],
        ["place([:−1] ← v[1:]) + place([1:] ← v[:−1])"],
    ),
    "embedding": (T.sum(A[y] ** 2), [A], ["2 place([y] += A[y])"]),
    "joined": (T.sum(T.concatenate([u, v]) ** 2), [v], ["(2 join(u, v))[n:]"]),
    "running sum": (T.sum(T.cumsum(v) ** 2), [v], ["cumsum(2 cumsum(v), reverse)"]),
    "convolution of slices": (
        T.sum((v[:-2] * s + v[1:-1] * c + v[2:]) ** 2),
        [s, v],
        None,
    ),
    "column times matrix": (T.sum(v.dimshuffle(0, "x") * A), [v], ["Σ_columns(A)"]),
    "gradient in the cost": (
        T.sum(T.grad(T.sum(T.tanh(score)), x) ** 2),
        [w],
        None,
    ),
    "jacobian in the cost": (
        T.sum(symgrad.gradient.jacobian(T.tanh(v), v) ** 2),
        [v],
        None,
    ),
    "flat": (T.sum(T.floor(v)) + T.sum(w), [v, w], ["zeros(n)", "ones(m)"]),
    "clip": (T.sum(T.clip(v, 0, 1) * t), [v], ["t ⊙ [v ≥ 0] ⊙ [v ≤ 1]"]),
    "max": (T.max(A, axis=1).sum(), [A], ["[A = max_columns(A)]"]),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    cost, wrt, want = MODELS[name]
    derivation = symgrad.derive(cost, wrt, numeric_check=True)
    assert [str(c) for c in derivation.checked if not c.ok] == []
    assert len(derivation.checked) == len(derivation.steps)
    if want is not None:
        assert [f.text for f in derivation.result] == want
    assert "FAILS" not in str(derivation)
    assert derivation.text(ascii=True).isascii()


def test_the_tutorial_step_by_step() -> None:
    derivation = symgrad.derive(-T.mean(T.log(p)[rows, y]), [W, b])
    assert [str(d) for d in derivation.definitions] == [
        "z = xW + b",
        "p = softmax(z)",
        "ℓ = −mean(log p[k, y_k])",
    ]
    assert [(step.name, step.text, step.shape) for step in derivation.steps] == [
        ("∂ℓ/∂z", "(p − onehot(y))/n", ("n", "4")),
        ("∂ℓ/∂W", "xᵀ·∂ℓ/∂z", ("6", "4")),
        ("∂ℓ/∂b", "Σ_rows(∂ℓ/∂z)", ("4",)),
    ]
    softmax, product, bias = (step.rule for step in derivation.steps)
    assert "logarithm of softmax" in softmax
    assert product == "product rule for a matrix product AB, right factor: Aᵀ·gradient"
    assert bias == "what is added to every row gets the sum over the rows"


def test_as_text() -> None:
    derivation = symgrad.derive(T.mean((score - t) ** 2), w)
    assert (
        str(derivation)
        == """\
Given  x: n×m, w: m numbers, t: n numbers
       n = x.shape[0], m = x.shape[1]

The cost
  r = xw − t             n numbers
  ℓ = mean(r²)           number

Its gradient, from the end
  ∂ℓ/∂r = 2r/n           n numbers
      mean: each of its terms gets the gradient over their number; power rule: (u²)′ =
      2u
  ∂ℓ/∂w = xᵀ·∂ℓ/∂r       m numbers
      product rule for a matrix product AB, right factor: Aᵀ·gradient

Result
  ∂ℓ/∂w = 2xᵀ(xw − t)/n  m numbers"""
    )
    derivation.check()
    assert str(derivation).count("✓") == 2
    assert "dcost/dw = 2 * x.T @ (x @ w - t)/n" in derivation.text(ascii=True)


def test_names_of_quantities_do_not_collide() -> None:
    n, r = T.dmatrix("n"), T.dvector("z")
    derivation = symgrad.derive(T.sum(T.tanh(T.dot(n, r)) ** 2), [n, r])
    names = [d.name for d in derivation.definitions]
    assert len({*names, "n", "z"}) == len(names) + 2
    assert "n" not in derivation.steps[0].shape


def test_the_users_names_stay() -> None:
    h = T.tanh(T.dot(x, A))
    h.name = "hidden"
    cost = T.sum(h**2)
    cost.name = "cost"
    derivation = symgrad.derive(cost, A)
    assert [d.name for d in derivation.definitions] == ["z", "hidden", "cost"]
    assert derivation.steps[0].name == "∂cost/∂hidden"


def test_one_variable_of_numbers_is_written_with_d() -> None:
    assert symgrad.derive(T.sin(s), s).result.name == "df/ds"
    assert symgrad.derive(T.sin(s) * c, s).result.name == "∂f/∂s"


def test_result_is_as_wrt() -> None:
    assert not isinstance(symgrad.derive(T.sum(v * w), v).result, list)
    assert [f.text for f in symgrad.derive(T.sum(v * w), [v, w]).result] == ["w", "v"]
    assert [f.text for f in symgrad.derive(T.sum(v * w), (w,)).result] == ["v"]


def test_intermediate_results_as_wrt() -> None:
    derivation = symgrad.derive(-T.mean(T.log(p)[rows, y]), [p, W], numeric_check=True)
    assert all(c.ok for c in derivation.checked)
    assert str(derivation.steps[0]) == "∂ℓ/∂p = −(onehot(y) / p)/n"
    assert derivation.steps[1].name == "∂ℓ/∂z"  # softmax is differentiated by itself now
    assert "softmax: p ⊙ (g − Σ(g ⊙ p))" in derivation.steps[1].rule
    below = symgrad.derive(-T.mean(T.log(p)[rows, y]), z, numeric_check=True)
    assert all(c.ok for c in below.checked)
    assert below.result.text == "(softmax(z) − onehot(y))/n"


def test_float32_and_integers() -> None:
    X = T.fmatrix("X")
    M = symgrad.shared(rng.normal(size=(3, 2)).astype("float32"), "M")
    cost = T.sum(T.dot(X, M) ** 2) + np.float32(0.1) * M.sum()
    derivation = symgrad.derive(cost, M, numeric_check=True)
    assert all(c.error < 1e-9 for c in derivation.checked)
    assert derivation.result.text == "2Xᵀ·XM + 0.1"
    assert symgrad.derive(T.sum(v * y), [v, y]).result[1].text == "v"
    assert symgrad.derive(T.sum(v * (y // 2)), [v, y]).result[1].text == "zeros(n)"


def test_an_operation_of_the_user() -> None:
    before = dict(REGISTRY)

    @elementwise(vjp=lambda g, y, x: (-2 * g * x * y,), domain=(-2.0, 2.0), dtype="float")
    def bell_on_paper(xp: Any, x: Any) -> Any:
        """``exp(-x**2)``, element by element."""
        return xp.exp(-xp.square(x))

    @elementwise(vjp=lambda g, y, x: (3 * g * x,), domain=(-2.0, 2.0), dtype="float")
    def wrong_on_paper(xp: Any, x: Any) -> Any:
        """``x**2``, element by element, with a wrong gradient."""
        return xp.square(x)

    try:
        right = symgrad.derive(T.sum(bell_on_paper(T.dot(x, v))), v, numeric_check=True)
        assert right.result.text == "−2xᵀ(xv ⊙ bell_on_paper(xv))"
        assert all(c.ok for c in right.checked)
        assert "bell_on_paper′(u) = −2u·bell_on_paper(u)" in right.steps[0].rule

        wrong = symgrad.derive(T.sum(T.tanh(wrong_on_paper(v))), v, numeric_check=True)
        first, last = wrong.checked
        assert first.ok
        assert not last.ok
        assert "FAILS: for element" in str(last)
        assert "✗ FAILS" in str(wrong)
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)


def test_derivatives_in_words() -> None:
    assert derivative(ew.tanh) == "tanh′(u) = 1 − tanh(u)²"
    assert derivative(nnet.sigmoid) == "σ′(u) = σ(u)·(1 − σ(u))"
    assert derivative(ew.sqrt) == "(√u)′ = 1/(2 √u)"
    assert derivative(ew.log1p) == "log1p′(u) = 1/(u + 1)"


def test_given_values() -> None:
    derivation = symgrad.derive(T.sum(T.log(v) * t), v)
    checked = derivation.check({v: [1.0, 2.0], "t": [3.0, -1.0]})
    assert [c.ok for c in checked] == [True]
    checked = derivation.check({v: [0.0, 2.0], t: [3.0, -1.0]})
    assert "not finite" in str(checked[0])
    with pytest.raises(GraphValueError, match="has shape"):
        derivation.check({v: 1.0})
    with pytest.raises(GraphValueError, match="'tt', which is no variable.*Did you mean 't'"):
        derivation.check({"tt": 1.0})
    with pytest.raises(GraphValueError, match="no variable of the cost"):
        derivation.check({w: [1.0]})


def test_errors() -> None:
    with pytest.raises(DisconnectedInputError, match="does not depend on the value of w"):
        symgrad.derive(T.sum(v), w)
    with pytest.raises(GraphTypeError, match="must be a scalar"):
        symgrad.derive(v * 2, v)
    with pytest.raises(GraphValueError, match="wrt is empty"):
        symgrad.derive(T.sum(v), [])
    cost = T.sum(v)
    with pytest.raises(GraphValueError, match="holds the cost itself"):
        symgrad.derive(cost, cost)
    deep: Any = s
    for _ in range(6000):
        deep = T.sin(deep)
    with pytest.raises(GraphValueError, match="6,001 operations"):
        symgrad.derive(deep, s)


def test_many_layers() -> None:
    """What nobody could read in one line stays in steps, and takes a second, not minutes."""
    h: Any = x
    for _ in range(25):
        h = T.tanh(T.dot(h, A) + v)
    derivation = symgrad.derive(T.sum(h), [A, v], numeric_check=True)
    assert all(c.ok for c in derivation.checked)
    assert all(len(f.text) < 1500 for f in derivation.result)
    assert len(derivation.steps) == 51


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_latex_is_read_by_mathtext() -> None:
    from matplotlib.mathtext import MathTextParser

    parser: Any = MathTextParser("agg")
    for cost, wrt, _ in MODELS.values():
        derivation = symgrad.derive(cost, wrt)
        for formula in (*derivation.definitions, *derivation.steps, *derivation.result):
            parser.parse(f"${formula.latex}$")


def test_latex_as_a_whole() -> None:
    derivation = symgrad.derive(-T.mean(T.log(p)[rows, y]), [W, b])
    written = derivation.latex()
    assert written.startswith("\\begin{aligned}")
    assert written.endswith("\\end{aligned}")
    assert written.count("{") == written.count("}")
    want = r"\frac{\partial \ell}{\partial z} &= \frac{p - \operatorname{onehot}(y)}{n} && n \times"
    assert want in written
    assert derivation._repr_latex_() == f"$\\displaystyle {written}$"
    assert all(ord(sign) < 128 for sign in written)


def test_the_same_each_time() -> None:
    first, second = (symgrad.derive(MODELS["mlp with tanh and L2"][0], [W1, W2]) for _ in "ab")
    assert str(first) == str(second)
    assert first.latex() == second.latex()


def test_parts_of_data_are_named() -> None:
    """A minibatch is x and y, whatever slices it is taken by."""
    images = symgrad.shared(rng.normal(size=(30, 6)).astype("float32"), "images")
    labels = T.cast(symgrad.shared(rng.integers(0, 4, 30).astype("float32"), "labels"), "int32")
    i = T.lscalar("i")
    batch, classes = images[i * 10 : (i + 1) * 10], labels[i * 10 : (i + 1) * 10]
    q = T.nnet.softmax(T.dot(batch, W) + b)
    cost = -T.mean(T.log(q)[T.arange(classes.shape[0]), classes])
    derivation = symgrad.derive(cost, [W, b], {i: 1})
    assert [c.ok for c in derivation.checked] == [True] * 3
    assert derivation.definitions[0].text == "images[10i:10(i + 1)]"
    assert derivation.definitions[0].name == "x"
    assert derivation.result[0].text == "xᵀ(p − onehot(y))/n"
