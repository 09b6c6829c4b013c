"""What random programs are made of: one row for each way to write something.

A row has a text in symgrad's words and one in NumPy's (`reference.Words`), over the arguments
`A`, `B`, `C`; which arguments it takes; and settings, drawn when it is used, that are filled in.

Arguments are described by words such as ``"r2!"``: letters for the kinds of dtype (``b`` bool,
``i`` integers, ``f`` floats, ``c`` complex; ``r`` is ``if``, ``n`` is ``ifc``, ``a`` all), a rank
(``2``, ``1+``; none: any), and marks: ``~`` broadcasts with A, ``=`` has A's shape, ``!`` is not
empty. A word with ``@`` names a maker of arguments in `slots.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

ROWS: dict[str, Row] = {}


class Row(NamedTuple):
    """One way to write something.

    Attributes
    ----------
    exact : bool
        Nothing is rounded.
    stable : bool
        The reference is more stable than the row as it is written.
    flat : bool
        Its gradient is not that of its value (`consider_constant`), or is a convention.
    accuracy : float
        How many times less accurate than the dtype its results may be.
    """

    name: str
    text: str
    reference: str | None
    slots: tuple[str, ...]
    settings: Callable[..., dict[str, Any]] | None = None
    weight: float = 1.0
    exact: bool = False
    flat: bool = False
    accuracy: float = 1.0
    stable: bool = False
    group: str = ""


def row(name: str, text: str, reference: str | None, *slots: str, **more: Any) -> None:
    assert name not in ROWS, name
    ROWS[name] = Row(name, text, reference, slots, **more)


# A table reads best with a row on a line or two, not an argument on each.
# fmt: off

# -- elementwise ---------------------------------------------------------------------------------

for word in """exp expm1 log log1p log2 log10 sqrt sin cos tan arcsin arccos arctan sinh cosh
    arcsinh arccosh arctanh exp2 tanh""".split():
    weight = 2.0 if word in ("exp", "log", "tanh", "sqrt", "log1p") else 0.6
    kinds = "bif" if word in ("exp2", "expm1") else "bifc" if weight > 1 else "if"
    row(word, f"T.{word}(A)", f"np.{word}(F(A))", kinds, weight=weight, group="elementwise")
for word in ("deg2rad", "rad2deg"):
    row(word, f"T.{word}(A)", f"np.{word}(F(A))", "r", weight=0.3, group="elementwise")
for word in ("ceil", "floor", "trunc"):
    reference = f"np.{word}(A) if A.dtype.kind == 'f' else A + 0"
    row(word, f"T.{word}(A)", reference, "r", exact=True, weight=0.5, group="elementwise")
row("round", "T.round(A)", "np.rint(A) if A.dtype.kind == 'f' else A + 0", "r", exact=True)
row("round_away", "T.round(A, mode='half_away_from_zero')", "away(A)", "f", exact=True, weight=0.3)
row("neg", "-A", "np.negative(A)", "n", exact=True, weight=2)
row("abs", "abs(A)", "np.abs(A)", "n", exact=True, weight=1.5)
row("sgn", "T.sgn(A)", "np.sign(A)", "r", exact=True)
row("sqr", "T.sqr(A)", "np.square(*N(A))", "a", weight=1.5)
row("inv", "T.inv(A)", "np.divide(W(1, F(A)), F(A))", "n")
row("isnan", "T.isnan(A)", "np.isnan(A)", "a", exact=True, weight=0.5)
row("isinf", "T.isinf(A)", "np.isinf(A)", "a", exact=True, weight=0.5)
row("isfinite", "T.isfinite(A)", "np.isfinite(A)", "f", exact=True, weight=0.3)
row("copy", "T.tensor_copy(A)", "A.copy()", "a", exact=True, weight=0.5)
row("cast", "T.cast(A, {dtype!r})", "C(A, {dtype!r})", "@castable", weight=2, exact=True,
    settings=lambda r, A: {"dtype": r.cast(A)})
row("erf", "T.erf(A)", "special('erf', F(A))", "f", weight=0.7, accuracy=4)
row("erfc", "T.erfc(A)", "special('erfc', F(A))", "f", weight=0.7, accuracy=8)
row("erfinv", "T.erfinv(T.tanh(A))", "special('erfinv', np.tanh(A))", "f", weight=0.2, accuracy=8)
row("gamma", "T.gamma(A)", "special('gamma', F(A))", "f", weight=0.3, accuracy=16)
row("gammaln", "T.gammaln(A)", "special('gammaln', F(A))", "f", weight=0.5, accuracy=16)
row("psi", "T.psi(A)", "special('psi', F(A))", "f", weight=0.2, accuracy=64)
row("i0", "T.i0(A)", "special('i0', F(A))", "f", weight=0.2, accuracy=16)
row("i1", "T.i1(A)", "special('i1', F(A))", "f", weight=0.2, accuracy=16)
row("j0", "T.j0(A)", None, "f", weight=0.2)
row("j1", "T.j1(A)", None, "f", weight=0.2)
row("gammainc", "T.gammainc(T.exp(A), T.exp(B))", None, "f", "~f", weight=0.2)
row("tri_gamma", "T.tri_gamma(A)", None, "f", weight=0.1)

row("sigmoid", "T.nnet.sigmoid(A)", "sigmoid(F(A))", "r", weight=2)
row("softplus", "T.nnet.softplus(A)", "softplus(F(A))", "r", weight=1.5)
row("relu", "T.nnet.relu(A)", "np.maximum(A, W(0, A))", "f", exact=True, weight=1.5)
row("leaky", "T.nnet.relu(A, {c})", "np.where(A > 0, A, W({c}, A) * A)", "f",
    settings=lambda r, A: {"c": r.pick(0.1, 0.5, 0.01)})
row("elu", "T.nnet.elu(A, {c})", "elu(A, W({c}, A))", "f", weight=0.7,
    settings=lambda r, A: {"c": r.pick(1.0, 0.5)})
row("selu", "T.nnet.selu(A)",
    "W(1.0507009873554804934193349852946, A) * elu(A, W(1.6732632423543772848170429916717, A))",
    "f", weight=0.4, accuracy=4)
row("softsign", "T.nnet.softsign(A)",
    "A / (1 + np.abs(A))", "f", weight=0.5)
row("swish", "T.nnet.swish(A)", "A * sigmoid(A)", "f", weight=0.4)
row("hard_sigmoid", "T.nnet.hard_sigmoid(A)", "np.clip(A * W(0.2, A) + W(0.5, A), 0, 1)", "f",
    weight=0.4)
row("ultra_fast_sigmoid", "T.nnet.ultra_fast_sigmoid(A)", None, "f", weight=0.2, flat=True)

for word, sign, more in (
    ("add", "+", "a"), ("sub", "-", "n"), ("mul", "*", "a"), ("pow", "**", "f"),
):
    function = {"add": "add", "sub": "subtract", "mul": "multiply", "pow": "power"}[word]
    row(word, f"A {sign} B", f"np.{function}(*P(A, B))", more, "~" + more,
        weight=1.5 if word == "pow" else 6, group="elementwise")
row("div", "A / B", "np.divide(*D(A, B))", "n", "~n", weight=3)
row("int_div", "A // B", "np.floor_divide(*P(A, B))", "r", "~r", weight=1, exact=True)
row("mod", "A % B", "np.mod(*P(A, B))", "r", "~r", weight=1, exact=True)
row("add3", "T.add(A, B, C)", "np.add(np.add(*P(A, B, C)[:2]), P(A, B, C)[2])", "n", "~n", "~n")
row("mul3", "T.mul(A, B, C)", "np.multiply(np.multiply(*P(A, B, C)[:2]), P(A, B, C)[2])",
    "n", "~n", "~n")
row("maximum", "T.maximum(A, B)", "np.maximum(*P(A, B))", "r", "~r", exact=True, weight=2)
row("minimum", "T.minimum(A, B)", "np.minimum(*P(A, B))", "r", "~r", exact=True, weight=1.5)
row("arctan2", "T.arctan2(A, B)", "np.arctan2(*PF(A, B))", "f", "~f", weight=0.6)
row("logaddexp", "T.logaddexp(A, B)", "np.logaddexp(*PF(A, B))", "f", "~f", weight=0.6,
    accuracy=4)
row("xlogy0", "T.xlogx.xlogy0(A, B)", "xlogy(*PF(A, B))", "f", "~f", weight=0.4)
row("xlogx", "T.xlogx.xlogx(A)", "xlogy(F(A), F(A))", "f", weight=0.4)
for word, sign, function in (
    ("lt", "<", "less"), ("le", "<=", "less_equal"), ("gt", ">", "greater"),
    ("ge", ">=", "greater_equal"),
):
    row(word, f"A {sign} B", f"np.{function}(*P(A, B))", "r", "~r", exact=True)
row("eq", "T.eq(A, B)", "np.equal(*P(A, B))", "a", "~a", exact=True)
row("neq", "T.neq(A, B)", "np.not_equal(*P(A, B))", "a", "~a", exact=True)
for word, function in (("and_", "bitwise_and"), ("or_", "bitwise_or"), ("xor", "bitwise_xor")):
    row(word, f"T.{word}(A, B)", f"np.{function}(*P(A, B))", "@bits", "@bits_too", exact=True,
        weight=0.6)
row("invert", "T.invert(A)", "np.invert(A)", "bi", exact=True, weight=0.5)
row("logical_and", "T.logical_and(A, B)", "np.logical_and(A, B)", "a", "~a", exact=True, weight=0.4)
row("logical_or", "T.logical_or(A, B)", "np.logical_or(A, B)", "a", "~a", exact=True, weight=0.4)
row("logical_xor", "T.logical_xor(A, B)", "np.logical_xor(A, B)", "a", "~a", exact=True, weight=0.3)
row("logical_not", "T.logical_not(A)", "np.logical_not(A)", "a", exact=True, weight=0.4)
row("isclose", "T.isclose(A, B)", "np.isclose(*P(A, B))", "f", "~f", weight=0.3, exact=True)
row("switch", "T.switch(A, B, C)", "np.where(A, *P(B, C))", "b", "~bifc", "~bifc", exact=True,
    weight=2)
row("switch_gt", "T.switch(A > 0, B, C)", "np.where(A > 0, *P(B, C))", "r", "~r", "~r",
    exact=True, weight=1.5)
row("switch_log", "T.switch(A > 0, T.log(A), 0.)", "np.where(A > 0, np.log(A), W(0., A))", "f")
row("where", "T.where(A, B, C)", "np.where(A, *P(B, C))", "b", "~r", "~r", exact=True)
row("clip", "T.clip(A, B, C)", "np.minimum(np.maximum(*P(A, B, C)[:2]), P(A, B, C)[2])",
    "f", "~f", "~f", exact=True)
row("clip_numbers", "T.clip(A, {low}, {high})", "np.clip(A, W({low}, A), W({high}, A))", "r",
    exact=True,
    settings=lambda r, A: r.bounds(A))
for word, text, function in (
    ("add_number", "A + {c}", "add"), ("number_sub", "{c} - A", "subtract"),
    ("sub_number", "A - {c}", "subtract"), ("mul_number", "A * {c}", "multiply"),
    ("number_mul", "{c} * A", "multiply"), ("div_number", "A / {c}", "divide"),
    ("number_div", "{c} / A", "divide"),
):
    number, to = "W({c}, A)", "D" if "div" in word else "P"
    both = f"{number}, A" if text[0] == "{" else f"A, {number}"
    row(word, text, f"np.{function}(*{to}({both}))", "r", weight=1.5,
        settings=lambda r, A: {"c": r.number(A)})
for power in ("2", "3", "-1", "0.5", "1", "0", "-2", "1.5", "4", "0.", "-0.5"):
    row(f"pow_{power}", f"A ** {power}", f"np.power(A, W({power}, A))", "f", weight=0.35)
row("int_pow", "A ** {c}", "np.power(A, W({c}, A))", "i", weight=0.5,
    settings=lambda r, A: {"c": r.pick(0, 1, 2, 3)})
row("one_plus_exp", "T.log(1 + T.exp(A))", "softplus(F(A))", "f", stable=True, weight=0.7)
row("one_minus_sigmoid", "1 - T.nnet.sigmoid(A)", "sigmoid(-A)", "f", stable=True, weight=0.7)
row("log_sigmoid", "T.log(T.nnet.sigmoid(A))", "-softplus(-A)", "f", stable=True, weight=0.7)
row("exp_minus_one", "T.exp(A) - 1", "np.expm1(A)", "f", stable=True, weight=0.5)
row("log_one_plus", "T.log(1 + A)", "np.log1p(A)", "f", stable=True, weight=0.5)
row("real", "T.real(A)", "np.real(A) + 0", "c", exact=True, weight=0.7)
row("imag", "T.imag(A)", "np.imag(A) + 0", "c", exact=True, weight=0.7)
row("conj", "T.conj(A)", "np.conj(A)", "c", exact=True, weight=0.7)
row("angle", "T.angle(A)", "np.angle(A)", "c", weight=0.5)
row("constant", "T.consider_constant(A)", "A.copy()",
    "f", exact=True, flat=True, weight=0.3)

# -- reductions ----------------------------------------------------------------------------------

AXES = {"settings": lambda r, A: {"axis": r.axis(A), "keep": r.coin(0.3)}, "group": "reduction"}
for word, kinds, weight in (("sum", "a", 5), ("prod", "r", 1), ("mean", "n", 3)):
    row(word, f"T.{word}(A, axis={{axis}}, keepdims={{keep}})", f"{word}(A, {{axis}}, {{keep}})",
        kinds, weight=weight, accuracy=4, **AXES)
row("var", "T.var(A, axis={axis}, keepdims={keep})", "var(A, {axis}, {keep})", "r", accuracy=8,
    **AXES)
row("std", "T.std(A, axis={axis}, keepdims={keep})", "std(A, {axis}, {keep})", "r", accuracy=8,
    **AXES)
for word in ("max", "min"):
    row(word, f"T.{word}(A, axis={{axis}}, keepdims={{keep}})",
        f"np.{word}(A, axis={{axis}}, keepdims={{keep}})", "bif!", exact=True, weight=2, **AXES)
for word in ("all", "any"):
    row(word, f"T.{word}(A, axis={{axis}}, keepdims={{keep}})",
        f"np.{word}(A, axis={{axis}}, keepdims={{keep}})", "a", exact=True, weight=0.6, **AXES)
for word in ("argmax", "argmin"):
    row(word, f"T.{word}(A, axis={{axis}})", f"np.asarray(np.{word}(A, axis={{axis}}))", "r!",
        exact=True, settings=lambda r, A: {"axis": r.one_axis(A)})
row("ptp", "T.ptp(A, axis={axis})", "np.max(A, axis={axis}) - np.min(A, axis={axis})", "f!",
    settings=lambda r, A: {"axis": r.one_axis(A)}, weight=0.4)
row("norm", "T.norm(A, axis={axis})", "norm(A, {axis})", "f1+!", accuracy=4, weight=0.6,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("root_of_squares", "T.sqrt(T.sum(A ** 2, axis={axis}))",
    "np.sqrt(sum(np.square(A), {axis}))", "f", stable=True, weight=0.7, accuracy=4,
    settings=lambda r, A: {"axis": r.axis(A)})
row("logsumexp", "T.logsumexp(A, axis={axis})", "logsumexp(A, {axis})", "f1+!", weight=0.8,
    accuracy=4, settings=lambda r, A: {"axis": r.given_axis(A)})
row("log_sum_exp", "T.log(T.sum(T.exp(A), axis={axis}))", "logsumexp(A, {axis})", "f1+!",
    stable=True, weight=0.6, accuracy=4, settings=lambda r, A: {"axis": r.given_axis(A)})
for word in ("cumsum", "cumprod"):
    row(word, f"T.{word}(A, axis={{axis}})", f"np.{word}(total(A), axis={{axis}})", "bif1+",
        weight=0.7, accuracy=16, settings=lambda r, A: {"axis": r.one_axis(A)})
row("diff", "T.diff(A, n={n}, axis={axis})", "np.diff(A, n={n}, axis={axis})", "r1+", weight=0.5,
    settings=lambda r, A: {"axis": r.given_axis(A), "n": r.pick(1, 1, 2)})
row("sort", "T.sort(A, axis={axis})", "np.sort(A, axis={axis})", "r1+", exact=True, weight=0.8,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("argsort", "T.argsort(A, axis={axis}, kind='stable')",
    "np.argsort(A, axis={axis}, kind='stable')", "r1+", exact=True, weight=0.4,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("topk", "T.topk(A, {k}, axis=-1)", "np.sort(A, axis=-1)[..., ::-1][..., :{k}].copy()", "f1+!",
    exact=True, weight=0.3, settings=lambda r, A: {"k": r.pick(1, max(1, A.shape[-1] - 1))})

# -- nnet ----------------------------------------------------------------------------------------

row("softmax", "T.nnet.softmax(A)", "softmax(A, -1)", "@rows", weight=1.5, accuracy=2)
row("softmax_axis", "T.nnet.softmax(A, axis={axis})", "softmax(A, {axis})", "f1+!", weight=0.7,
    accuracy=2, settings=lambda r, A: {"axis": r.given_axis(A)})
row("logsoftmax", "T.nnet.logsoftmax(A)", "logsoftmax(A, -1)", "@rows", weight=1, accuracy=2)
row("log_of_softmax", "T.log(T.nnet.softmax(A))", "logsoftmax(A, -1)", "@rows", stable=True,
    weight=1, accuracy=2)
row("softmax_by_hand", "T.exp(A) / T.exp(A).sum(axis=-1, keepdims=True)",
    "np.exp(A) / sum(np.exp(A), -1, True)", "f1+!", stable=True, weight=0.5, accuracy=2)
row("nll", "-T.log(T.nnet.softmax(A))[T.arange(B.shape[0]), B]",
    "-logsoftmax(A, -1)[np.arange(B.shape[0]), B]", "f2!", "@labels", stable=True, weight=1.5,
    accuracy=2)
row("nll_mean", "-T.mean(T.log(T.nnet.softmax(A))[T.arange(B.shape[0]), B])",
    "-mean(logsoftmax(A, -1)[np.arange(B.shape[0]), B])", "f2!", "@labels", stable=True,
    weight=1.5, accuracy=2)
row("crossentropy_labels", "T.nnet.categorical_crossentropy(T.nnet.softmax(A), B)",
    "-logsoftmax(A, -1)[np.arange(B.shape[0]), B]", "f2!", "@labels", stable=True, weight=1.0,
    accuracy=2)
row("crossentropy_softmax_1hot", "T.nnet.crossentropy_softmax_1hot(A, B)[0]",
    "-logsoftmax(A, -1)[np.arange(B.shape[0]), B]", "f2!", "@labels", weight=0.4, accuracy=2)
row("crossentropy_rows", "T.nnet.categorical_crossentropy(T.nnet.softmax(A), T.nnet.softmax(B))",
    "-sum(softmax(B, -1) * logsoftmax(A, -1), -1)", "f2!", "=f2", stable=True, weight=0.7,
    accuracy=4)
row("binary_crossentropy", "T.nnet.binary_crossentropy(T.nnet.sigmoid(A), B)",
    "(lambda a, t: t * softplus(-a) + (1 - t) * softplus(a))(*P(A, B))", "@finite", "@share",
    stable=True, weight=0.8, accuracy=4)
row("sigmoid_binary_crossentropy", "T.nnet.sigmoid_binary_crossentropy(A, B)",
    "(lambda a, t: t * softplus(-a) + (1 - t) * softplus(a))(*P(A, B))", "@finite", "@share",
    weight=0.6, accuracy=4)
row("logistic", "1 / (1 + T.exp(-T.dot(A, B)))", "sigmoid(dot(*P(A, B)))", "f2", "@right1",
    stable=True, weight=0.7, accuracy=8)
row("layer", "T.tanh(T.dot(A, B) + C)", "np.tanh(np.add(*P(dot(*P(A, B)), C)))", "f2", "@right2",
    "@bias", weight=1.5, accuracy=8)

# -- products and linear algebra -----------------------------------------------------------------

for name, first, second, weight in (
    ("vv", "f1", "@right1", 1), ("mv", "f2", "@right1", 2), ("mm", "f2", "@right2", 4),
    ("vm", "f1", "@right2", 1), ("tm", "f3", "@right2", 0.5), ("ints", "bi2", "@right2i", 0.7),
    ("complex", "c2", "@right2c", 0.4), ("sm", "f0", "f2", 0.2),
):
    row(f"dot_{name}", "T.dot(A, B)", "dot(*P(A, B))", first, second, weight=weight, accuracy=8,
        group="product")
row("dot_t", "T.dot(A.T, B)", "dot(*P(A.T, B))", "f2", "@rows2", weight=1.5, accuracy=8)
row("dot_bt", "T.dot(A, B.T)", "dot(*P(A, B.T))", "f2", "@columns2", weight=1.5, accuracy=8)
row("gemm", "{c} * T.dot(A, B) + C", "np.add(*P(W({c}, P(A, B)[0]) * dot(*P(A, B)), C))",
    "f2", "@right2", "@bias", weight=1, accuracy=8,
    settings=lambda r, A: {"c": r.pick(0.5, -0.1, 2.0)})
row("matmul", "T.matmul(A, B)", "matmul(*P(A, B))", "f2+", "@matmul", weight=0.7, accuracy=8)
row("batched_dot", "T.batched_dot(A, B)", "matmul(*P(A, B))", "f3", "@batch", weight=0.5,
    accuracy=8)
row("tensordot", "T.tensordot(A, B, axes={n})", "np.asarray(np.tensordot(*P(A, B), axes={n}))",
    "f1+", "@tensor", weight=0.6, accuracy=8, settings=lambda r, A: {"n": 1})
row("tensordot_axes", "T.tensordot(A, B, axes=[[0], [0]])",
    "np.asarray(np.tensordot(*P(A, B), axes=[[0], [0]]))", "f1+", "@first", weight=0.5, accuracy=8)
row("outer", "T.outer(A, B)", "np.outer(*P(A, B))", "r1", "r1", weight=0.6)
row("inner", "T.inner(A, B)", "np.asarray(np.inner(*P(A, B)))", "f1", "=f1", weight=0.4, accuracy=8)
row("kron", "T.nlinalg.kron(A, B)", "np.kron(*P(A, B))", "f2", "f2", weight=0.3)
LAPACK = {"weight": 0.35, "accuracy": 64.0, "group": "linalg"}
row("det", "T.nlinalg.det(A)", "np.asarray(np.linalg.det(L(A)))", "@square", **LAPACK)
row("inverse", "T.nlinalg.matrix_inverse(A)", "np.linalg.inv(L(A))", "@regular", **LAPACK)
row("pinv", "T.nlinalg.pinv(A)", "np.linalg.pinv(L(A))", "@regular", **LAPACK)
row("solve", "T.slinalg.solve(A, B)", "np.linalg.solve(L(A), L(B))", "@regular", "@rhs",
    **LAPACK)
row("solve_triangular", "T.slinalg.solve_lower_triangular(A, B)",
    "np.linalg.solve(L(np.tril(A)), L(B))", "@regular", "@rhs", **LAPACK)
row("cholesky", "T.slinalg.cholesky(A)", "np.linalg.cholesky(L(A))", "@definite", **LAPACK)
row("eigenvalues", "T.nlinalg.eigh(A)[0]", "np.linalg.eigvalsh(L(A))", "@definite", **LAPACK)
row("eigh_back",
    "T.dot(T.nlinalg.eigh(A)[1] * T.exp(-T.nlinalg.eigh(A)[0]), T.nlinalg.eigh(A)[1].T)",
    "(lambda w, V: (V * np.exp(-w)) @ V.T)(*np.linalg.eigh(L(A)))", "@definite", **LAPACK)
row("singular_values", "T.nlinalg.svd(A, compute_uv=False)",
    "np.linalg.svd(L(A), compute_uv=False)", "@regular", **LAPACK)
row("slogdet", "T.nlinalg.slogdet(A)[1]", "np.asarray(np.linalg.slogdet(L(A))[1])", "@regular",
    **LAPACK)
row("qr", "abs(T.nlinalg.qr(A)[1])", "np.abs(np.linalg.qr(L(A))[1])", "@regular", **LAPACK)
row("matrix_power", "T.nlinalg.matrix_power(A, {n})", "np.linalg.matrix_power(A, {n})", "@regular",
    settings=lambda r, A: {"n": r.pick(0, 1, 2, 3)}, **LAPACK)
row("expm", "T.slinalg.expm(A)", None, "@regular", **LAPACK)
row("trace", "T.nlinalg.trace(A)", "sum(np.diagonal(A))", "r2", weight=0.5)

# -- shapes --------------------------------------------------------------------------------------

VIEW = {"exact": True, "group": "shape"}
row("transpose", "A.T", "A.T", "a", weight=2, **VIEW)
row("transpose_axes", "A.transpose({axes})", "A.transpose({axes})", "a2+", **VIEW,
    settings=lambda r, A: {"axes": r.permutation(A)})
row("dimshuffle", "A.dimshuffle({pattern})", "np.reshape(A.transpose({axes}), {shape})", "a",
    weight=2, settings=lambda r, A: r.dimshuffle(A), **VIEW)
row("dropped", "T.mean(A, axis={axis}, keepdims=True).dimshuffle({rest})",
    "mean(A, {axis}).transpose({order})", "f2+", settings=lambda r, A: r.dropped(A), accuracy=4)
row("reshape", "A.reshape({shape})", "A.reshape({shape})", "a", weight=1.5,
    settings=lambda r, A: {"shape": r.new_shape(A)}, **VIEW)
row("reshape_rows", "A.reshape((A.shape[0], -1))", "A.reshape((A.shape[0], -1))", "a2+!", **VIEW)
row("reshape_like", "A.flatten().reshape(A.shape, ndim={n})", "A + 0 if A.dtype != bool else A",
    "a1+", settings=lambda r, A: {"n": A.ndim}, **VIEW)
row("flatten", "A.flatten()", "A.reshape(-1)", "a", weight=1.5, **VIEW)
row("flatten2", "A.flatten(2)", "A.reshape(A.shape[0], -1)", "a2+!", weight=0.5, **VIEW)
row("squeeze", "T.squeeze(A[None], 0)", "A", "a", weight=0.3, **VIEW)
row("expand", "A[None]", "A[None]", "a", weight=0.7, **VIEW)
row("expand_last", "A[..., None]", "A[..., None]", "a", weight=0.7, **VIEW)
row("padleft", "T.shape_padleft(A)", "A[None]", "a", weight=0.3, **VIEW)
row("padright", "T.shape_padright(A)", "A[..., None]", "a", weight=0.3, **VIEW)
row("swapaxes", "A.swapaxes(0, -1)", "A.swapaxes(0, -1)", "a1+", weight=0.6, **VIEW)
row("moveaxis", "T.moveaxis(A, 0, -1)", "np.moveaxis(A, 0, -1)", "a1+", weight=0.4, **VIEW)
row("broadcast_to", "T.broadcast_to(A, ({n}, *A.shape))",
    "np.broadcast_to(A, ({n}, *A.shape)) + A.dtype.type(0)", "bif", exact=True, weight=0.4,
    settings=lambda r, A: {"n": r.pick(1, 2, 3)})
row("shape", "A.shape", "np.array(A.shape, 'int64')", "a1+", exact=True, weight=0.6)
row("length", "A.shape[{axis}]", "np.array(A.shape[{axis}])", "a1+", exact=True,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("size", "A.size", "np.array(A.size)", "a", exact=True, weight=0.3)
row("concatenate", "T.concatenate([A, B], axis={axis})", "np.concatenate(P(A, B), axis={axis})",
    "a1+", "@beside", weight=2, exact=True, settings=lambda r, A: {"axis": 0})
row("concatenate_three", "T.concatenate([A, B, A], axis=-1)",
    "np.concatenate(P(A, B, A), axis=-1)", "r1+", "=r", exact=True)
row("stack", "T.stack([A, B], axis={axis})", "np.stack(P(A, B), axis={axis})", "a", "=a",
    exact=True, settings=lambda r, A: {"axis": r.pick(0, A.ndim, -1)}, weight=1.5)
row("split", "T.split(A, [1, A.shape[0] - 1], 2, axis=0)[{k}]",
    "np.split(A, [1], axis=0)[{k}]", "a1+!", exact=True,
    settings=lambda r, A: {"k": r.pick(0, 1)})
row("zeros_like", "T.zeros_like(A)", "np.zeros_like(A)", "a", exact=True, weight=0.6)
row("ones_like", "T.ones_like(A)", "np.ones_like(A)", "a", exact=True, weight=0.5)
row("fill", "T.fill(A, B)", "np.full(A.shape, B, B.dtype)", "f", "@same_scalar", exact=True,
    weight=0.4)
row("alloc", "T.alloc(A, {n}, *A.shape)", "np.broadcast_to(A, ({n}, *A.shape)).copy()", "a",
    exact=True, settings=lambda r, A: {"n": r.pick(1, 2, 3)}, weight=0.5)
row("zeros", "T.zeros((A.shape[0], {n})) + T.sum(A)",
    "np.zeros((A.shape[0], {n}), floatX()) + sum(A)", "f1+", weight=0.3,
    settings=lambda r, A: {"n": r.pick(1, 2)}, accuracy=4)
row("arange", "T.arange(A.shape[0])", "np.arange(A.shape[0])", "a1+", exact=True, weight=0.6)
row("arange_steps", "T.arange({a}, {b}, {c})", "np.arange({a}, {b}, {c}, dtype='int64')", "a",
    exact=True, weight=0.3,
    settings=lambda r, A: {"a": r.pick(0, 2, -3), "b": r.pick(5, -4, 0), "c": r.pick(1, 2, -1)})
row("eye", "T.eye(A.shape[0], {n}, {k})", "np.eye(A.shape[0], {n}, {k}, dtype=floatX())",
    "a1+", exact=True, weight=0.3, settings=lambda r, A: {"n": r.pick(1, 2, 3), "k": r.pick(0, 1,
    -1)})
row("tril", "T.tril(A, {k})", "np.tril(A, {k})", "r2", exact=True, weight=0.5,
    settings=lambda r, A: {"k": r.pick(0, 1, -1)})
row("triu", "T.triu(A, {k})", "np.triu(A, {k})", "r2", exact=True, weight=0.4,
    settings=lambda r, A: {"k": r.pick(0, 1, -1)})
row("diag", "T.diag(A)", "np.diag(A)", "r2!", exact=True, weight=0.5)
row("diag_of", "T.diag(A)", "np.diag(A)", "r1", exact=True, weight=0.4)
row("tile", "T.tile(A, {reps})", "np.tile(A, {reps})", "r1+", exact=True, weight=0.5,
    settings=lambda r, A: {"reps": r.reps(A)})
row("repeat", "T.repeat(A, {n}, axis={axis})", "np.repeat(A, {n}, axis={axis})", "r1+", exact=True,
    weight=0.5, settings=lambda r, A: {"n": r.pick(0, 1, 2, 3), "axis": r.given_axis(A)})
row("roll", "T.roll(A, {n}, axis={axis})", "np.roll(A, {n}, axis={axis})", "r1+", exact=True,
    weight=0.5, settings=lambda r, A: {"n": r.pick(1, -1, 5), "axis": r.given_axis(A)})
row("flip", "T.flip(A, axis={axis})", "np.flip(A, axis={axis})", "r1+", exact=True, weight=0.4,
    settings=lambda r, A: {"axis": r.given_axis(A)})
row("pad", "T.pad(A, {n}, mode={mode!r})", "np.pad(A, {n}, mode={mode!r})", "r1+!", exact=True,
    weight=0.4, settings=lambda r, A: {"n": 1, "mode": r.pick("constant", "edge", "wrap",
    "symmetric")})

# -- indexing ------------------------------------------------------------------------------------

PART = {"exact": True, "group": "indexing"}
row("index", "A[{index}]", "A[{index}]", "a1+", weight=5, **PART,
    settings=lambda r, A: {"index": r.index(A)})
row("index_scalar", "A[B]", "A[int(B)]", "a1+!", "@position", weight=1, **PART)
row("index_from", "A[B:]", "A[int(B):]", "a1+", "@any_position", weight=0.8, **PART)
row("index_to", "A[:B]", "A[:int(B)]", "a1+", "@any_position", weight=0.8, **PART)
row("index_vector", "A[B]", "A[B]", "a1+!", "@positions", weight=1.5, **PART)
row("index_matrix", "A[B]", "A[B]", "a1+!", "@position_matrix", weight=0.7, **PART)
row("index_columns", "A[:, B]", "A[:, B]", "a2+!", "@column_positions", weight=0.8, **PART)
row("index_pairs", "A[B, C]", "A[B, C]", "a2+!", "@positions", "@column_positions_like",
    weight=0.8, **PART)
row("index_mask", "A[B]", "A[B]", "a1+", "@mask", weight=0.7, **PART)
row("index_own_mask", "A[A > 0]", "A[A > 0]", "r1+", weight=0.5, **PART)
row("take", "T.take(A, B, axis=0)", "np.take(A, B, axis=0)", "a1+!", "@positions", weight=0.4,
    **PART)
row("take_along", "T.take_along_axis(A, T.argsort(A, axis=-1, kind='stable'), axis=-1)",
    "np.take_along_axis(A, np.argsort(A, axis=-1, kind='stable'), axis=-1)", "f1+!", weight=0.3,
    **PART)
row("compress", "T.compress(B, A, axis=0)", "np.compress(B, A, axis=0)", "r1+", "@mask_vector",
    weight=0.3, **PART)
row("nonzero", "T.nonzero(A)[0]", "np.nonzero(A)[0]", "bif1+", weight=0.3, **PART)
row("one_hot", "T.extra_ops.to_one_hot(A, 5)", "np.eye(5, dtype=floatX())[A]", "@small",
    weight=0.4, **PART)
row("bincount", "T.bincount(A)", "np.bincount(A)", "@small", weight=0.3, **PART)
row("searchsorted", "T.searchsorted(T.sort(A), B)", "np.searchsorted(*P(np.sort(A), B))", "f1", "f",
    weight=0.3, **PART)
row("unique", "T.unique(A)", "np.unique(A)", "r", weight=0.3, **PART)
row("choose", "T.choose(A % 2, [B, C])", "np.choose(A % 2, P(B, C))", "i", "~r", "~r", weight=0.3,
    **PART)
row("fill_diagonal", "T.fill_diagonal(A, {c})",
    "np.where(np.eye(*A.shape, dtype=bool), W({c}, A), A)", "f2!", weight=0.3,
    settings=lambda r, A: {"c": 2.0}, **PART)
row("set_number", "T.set_subtensor(A[{index}], {c})", "inc(A, np.s_[{index}], W({c}, A), True)",
    "f1+", weight=1.5, settings=lambda r, A: {"index": r.index(A), "c": r.pick(0, 2.5, -1)}, **PART)
row("set_part", "T.set_subtensor(A[{index}], B)", "inc(A, np.s_[{index}], B, True)", "f1+",
    "@part", weight=2, settings=lambda r, A: {"index": r.index(A)}, **PART)
row("inc_part", "T.inc_subtensor(A[{index}], B)", "inc(A, np.s_[{index}], B)", "f1+",
    "@part", weight=2, settings=lambda r, A: {"index": r.index(A)}, group="indexing")
row("inc_number", "T.inc_subtensor(A[{index}], {c})", "inc(A, np.s_[{index}], W({c}, A))", "r1+",
    settings=lambda r, A: {"index": r.index(A), "c": r.pick(1, 2, -1)}, group="indexing")
row("inc_vector", "T.inc_subtensor(A[B], C)", "inc(A, B, C)", "f1+!", "@positions", "@of_index",
    weight=1.2, accuracy=4, group="indexing")
row("set_vector", "T.set_subtensor(A[B], C)", "inc(A, B, C, True)", "f1+!", "@distinct",
    "@of_index", weight=1, **PART)
row("inc_matrix", "T.inc_subtensor(A[B], C)", "inc(A, B, C)", "f1+!", "@position_matrix",
    "@of_index", weight=0.7, accuracy=4, group="indexing")
row("inc_pairs", "T.inc_subtensor(A[B, C], 1.5)", "inc(A, (B, C), W(1.5, A))", "f2+!",
    "@positions", "@column_positions_like", weight=0.5, accuracy=4, group="indexing")
row("inc_mask", "T.inc_subtensor(A[B], 2.)", "inc(A, B, W(2., A))", "f1+", "@mask", weight=0.5,
    group="indexing")
row("set_mask", "T.set_subtensor(A[A > 0], 0.5)", "inc(A, A > 0, W(0.5, A), True)", "f1+",
    weight=0.5, **PART)
