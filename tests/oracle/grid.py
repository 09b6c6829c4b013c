"""The grid of expressions that symgrad and Theano are both asked: names, dtypes, ranks, edges.

``python -m tests.oracle.grid [floatX]`` prints where they differ and why; SYMGRAD_ORACLE names the
python in which Theano 1.0.5 runs. `tests/test_differences.py` asks a part of it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from tests.oracle.explained import explained

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Case = dict[str, Any]

EDGES: dict[str, list[Any]] = {
    "bool": [False, True],
    "int8": [-128, -3, 0, 1, 5, 127],
    "uint8": [0, 1, 5, 255],
    "int32": [-(2**31), -3, 0, 1, 7, 2**31 - 1],
    "int64": [-(2**63), -3, 0, 1, 7, 2**53 + 1],
    "uint64": [0, 1, 5, 2**64 - 1],
    "float16": [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.25, -1.5, 1.0, 2.5, 100.0],
    "float32": [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.25, -1.5, 1.0, 2.5, 20.0, -20.0, 1e30],
    "complex64": [1 + 2j, 0j, -1.5j, -2.0],
}
EDGES["float64"] = [*EDGES["float32"][:-1], 1e300, -0.5, 0.9]
EDGES["complex128"] = EDGES["complex64"]
REAL = [d for d in EDGES if not d.startswith("complex")]
MIXED = ["bool", "int8", "uint8", "int64", "uint64", "float16", "float32", "float64"]

ONE = """abs_ neg sgn inv sqr sqrt exp exp2 expm1 log log1p log2 log10 ceil floor trunc round iround
    round_half_to_even round_half_away_from_zero sin cos tan arcsin arccos arctan sinh cosh tanh
    arcsinh arccosh arctanh deg2rad rad2deg erf erfc erfcx erfinv erfcinv gamma gammaln psi
    tri_gamma i0 i1 j0 j1 isnan isinf invert real imag conj angle xlogx.xlogx tensor_copy zeros_like
    ones_like nnet.sigmoid nnet.softplus nnet.hard_sigmoid nnet.ultra_fast_sigmoid nnet.relu
    nnet.elu nnet.selu nnet.softsign""".split()
TWO = """add sub mul true_div int_div mod pow power maximum minimum eq neq lt le gt ge and_ or_ xor
    arctan2 xlogx.xlogy0""".split()
THREE = ["T.switch(a, b, c)", "T.clip(b, a, c)", "T.add(a, b, c)", "T.mul(a, b, c)"]
REDUCTIONS = "sum prod mean var std max min argmax argmin all any ptp".split()
AXES = ["", "axis=0", "axis=-1", "axis=(0, 1)", "axis=()", "axis=1, keepdims=True"]

# of a vector v and a matrix m of floats, a vector i of integers, and a scalar x
SHAPES = """
    T.cumsum(v) | T.cumsum(m) | T.cumsum(m, axis=0) | T.cumprod(m, axis=1) | T.cumsum(i)
    T.diff(v) | T.extra_ops.diff(v) | T.extra_ops.diff(m, n=2, axis=0) | T.repeat(m, 2, axis=0)
    T.repeat(v, i[:3] % 3) | T.tile(v, 2) | T.tile(m, (2, 1)) | T.roll(v, 1) | T.roll(m, 1, axis=0)
    T.concatenate([v, v * 2]) | T.stack([v, v]) | T.stack([v, v], axis=1) | T.join(1, m, m)
    T.stacklists([[x, x], [x, x]]) | T.horizontal_stack(m, m) | T.vertical_stack(m, m)
    T.outer(v, v) | T.dot(m, m.T) | T.dot(m, v) | T.dot(v, v) | T.tensordot(m, m, 1)
    T.tensordot(m, m, [[0], [0]]) | T.batched_dot(m[:, None], m[:, :, None]) | T.dot(i, v)
    T.dot(i, i) | T.dot(x, m) | m.T | m.flatten() | m.flatten(2) | m.reshape((-1,))
    m.reshape((3, 1, 3)) | m.dimshuffle(1, "x", 0) | T.shape_padleft(v) | T.shape_padright(v, 2)
    T.shape_padaxis(m, 1) | T.swapaxes(m, 0, 1) | T.squeeze(v[None]) | T.unbroadcast(v[None], 0)
    T.addbroadcast(v[:1], 0) | T.patternbroadcast(v[:1], (True,)) | T.specify_shape(v, (3,))
    T.diag(v) | T.diag(m) | T.diag(v, 1) | T.diagonal(m) | T.nlinalg.diag(v) | T.tril(m) | T.triu(m, 1)
    T.eye(3) | T.eye(2, 3, 1) | T.tri(3) | T.tri(2, 3, -1) | T.zeros((2, 3)) | T.ones(2)
    T.zeros_like(m) | T.fill(m, 2) | T.fill(v, x) | T.alloc(x, 2, 3) | T.alloc(1, 2) | T.arange(3)
    T.arange(3.) | T.arange(0, 1, .25) | T.arange(x, x + 3) | T.arange(i[1]) | T.identity_like(m)
    T.constant(1) | T.constant(1.) | T.constant(True) | T.constant(300) | T.constant([1, 2])
    T.constant([1., 2.]) | T.constant(.1) | T.constant(1j) | T.constant(2**40) | T.constant(-129)
    T.constant(np.float32(1)) | T.constant([True]) | T.constant([]) | T.constant(255)
    v[0] | v[-1] | v[1:] | v[::-1] | v[::2] | v[-5:5] | m[0] | m[:, 1] | m[0, 1] | m[..., 0]
    m[None] | m[i[:3] % 3] | m[i[:3] % 3, 0] | m[[0, 1]] | m[[0, 1], [1, 2]] | v[i[1]] | v[v > 0]
    m[m > 0] | v[i[3]:] | v[:i[3]] | m[:, [0, 0]] | m[[0, 2]][:, [1]] | m[1:, ::-1] | v[np.array([2, 0])]
    T.set_subtensor(v[0], 5) | T.set_subtensor(v[1:], 5.) | T.inc_subtensor(v[[0, 0]], 1.)
    T.inc_subtensor(m[0], v) | T.set_subtensor(m[:, 0], v) | T.set_subtensor(m[[0, 1]], 0)
    T.inc_subtensor(m[[0, 0], [1, 1]], 2.) | T.set_subtensor(v[v > 0], 0.) | T.inc_subtensor(v[::2], x)
    T.nonzero(v) | T.nonzero(m) | T.nonzero_values(v) | T.flatnonzero(m) | T.where(v > 0, v, x)
    T.sort(v) | T.sort(m, axis=0) | T.argsort(v) | T.sort(m, axis=None) | T.argsort(m, axis=None)
    T.take(v, [0, 2]) | T.take(m, i[:2] % 3, axis=1) | T.take(m, 1, axis=0) | T.take(m, [0, 4])
    T.choose(i[:3] % 2, [v, v * 2]) | T.compress([True, False, True], m, axis=0) | T.bincount(abs(i[:4]) % 9)
    T.extra_ops.compress([1, 0, 1], m, axis=1) | T.extra_ops.fill_diagonal(m, 1.)
    T.extra_ops.fill_diagonal_offset(m, x, 1) | T.extra_ops.to_one_hot(i[:2] % 3, 3)
    T.extra_ops.searchsorted(v, [1., 2.]) | T.extra_ops.searchsorted(v, x) | T.extra_ops.bartlett(4)
    T.extra_ops.squeeze(v[None]) | T.extra_ops.unravel_index(abs(i[:2]) % 6, (2, 3))
    T.extra_ops.ravel_multi_index((abs(i[:2]) % 2, abs(i[:2]) % 2), (2, 3)) | T.extra_ops.bincount(i[1:4] % 7, v)
    T.max_and_argmax(m, axis=1) | T.max_and_argmax(v) | T.allclose(v, v) | T.isclose(v, v * 2)
    T.largest(v, x) | T.smallest(v, x) | T.shape(m) | T.shape(m)[0] | m.shape | m.size | v.shape[0]
    T.inverse_permutation(T.argsort(v)) | T.permute_row_elements(m, T.argsort(v)) | T.split(v, [1, 2], 2)
    T.batched_tensordot(m, m, 1) | T.mgrid[0:2, 0:3] | T.ogrid[0:2, 0:3] | T.mgrid[0:1:.25]
    v.norm(2) | v.norm(1) | m.norm(2, axis=0) | m.norm(np.inf) | v.norm(3) | v.norm(0)
    v.clip(0, 1) | v.clip(1, 0) | v.astype("int32") | v.astype("bool") | i.astype("uint8") | v.ravel()
    v.mean(dtype="float32") | v.sum(dtype="float32") | i.sum(dtype="float64") | i.mean() | i.var() | i.std()
    i.prod(dtype="int8") | i.mean(dtype="int64") | v.sum(acc_dtype="float32") | m.mean(axis=0) | m.max(axis=())
    v.round() | v.round("half_away_from_zero") | v ** 2 | v ** -1 | i ** 2 | i ** -1 | 2 ** v | 2 ** i | v ** .5
    v + 1 | v + 1.5 | i + 1 | i + 1.5 | i / 2 | i // 2 | i % 3 | -i % 3 | v // 1. | v % 1.5 | -v % 1.5 | i * True
    i + 300 | i - 1 | 1 - i | 1. / v | i / i | v > 0 | i == i | T.eq(i, 1) | ~(v > 0) | (v > 0) & (v < 1) | abs(i)
    divmod(i, 3)[0] | divmod(v, 2.)[1] | T.ceil_intdiv(i, 3) | (v > 0) + (v > 1) | (v > 0) * v | (v > 0).sum()
    (v > 0).mean() | -(v > 0) | (v > 0) - 1 | T.cast(v, "int8") | T.cast(i, "bool") | T.cast(v > 0, "float32")
    T.grad(v.sum(), v) | T.grad((v ** 2).sum(), v) | T.grad(x * i.sum(), x) | T.grad(abs(v).sum(), v)
    T.grad(v.max(), v) | T.grad(m.max(), m) | T.grad(v.prod(), v) | T.grad(T.maximum(v, 0).sum(), v)
    T.grad(v.std(), v) | T.grad(v.norm(2), v) | T.grad(T.sqrt(v).sum(), v) | T.grad((v ** x).sum(), x)
    T.grad(T.sort(v)[0], v) | T.grad(T.cumsum(v)[1], v) | T.grad(T.cumprod(v)[1], v) | T.grad((x ** i).sum(), x)
    T.grad(T.clip(v, 0, 1).sum(), v) | T.grad(T.nnet.relu(v).sum(), v) | T.grad((v % 1.5).sum(), v)
    T.grad((v // 1.5).sum(), v) | T.grad(T.arctan2(v, x).sum(), [v, x]) | T.grad(T.minimum(v, v).sum(), v)
    T.grad(T.switch(v > 0, T.log(v), 0).sum(), v) | T.grad(T.round(v).sum(), v) | T.grad(T.sgn(v).sum(), v)
    T.grad(i.sum(), i) | T.grad((i * x).sum(), i) | T.grad(T.exp(i * 1.).sum(), i) | T.grad(i.mean(), i)
    T.jacobian(v ** 2, v) if hasattr(T, "jacobian") else S.gradient.jacobian(v ** 2, v)
    S.gradient.hessian((v ** 3).sum(), v) | T.Lop(v ** 2, v, v) | T.Rop(v ** 2, v, v) | T.Rop(m.sum(axis=0), m, m)
    T.nnet.softmax(v) | T.nnet.softmax(m) | T.nnet.logsoftmax(m) | T.log(T.nnet.softmax(m))
    T.nnet.softmax_with_bias(m, v) | T.nnet.binary_crossentropy(T.nnet.sigmoid(v), v > 0)
    T.nnet.sigmoid_binary_crossentropy(v, v > 0) | T.nnet.categorical_crossentropy(T.nnet.softmax(m), i[:3] % 3)
    T.nnet.categorical_crossentropy(T.nnet.softmax(m), T.nnet.softmax(m)) | T.nnet.confusion_matrix(i[:3] % 2, i[1:4] % 2)
    T.nnet.crossentropy_softmax_1hot(m, i[:3] % 3) | T.nnet.crossentropy_softmax_argmax_1hot_with_bias(m, v, i[:3] % 3)
    T.nnet.crossentropy_categorical_1hot(T.nnet.softmax(m), i[:3] % 3) | T.nnet.prepend_1_to_each_row(m)
    T.nnet.relu(v, .1) | T.nnet.relu(v, x) | T.nnet.elu(v, 2.) | T.nnet.elu(m)
    T.nlinalg.det(m) | T.nlinalg.matrix_inverse(m) | T.nlinalg.pinv(m) | T.nlinalg.trace(m) | T.nlinalg.norm(m, None)
    T.nlinalg.norm(m, 2) | T.nlinalg.norm(m, 1) | T.nlinalg.norm(m, "fro") | T.nlinalg.norm(v, 2) | T.nlinalg.norm(v, np.inf)
    T.nlinalg.matrix_power(m, 3) | T.nlinalg.matrix_dot(m, m, m) | T.nlinalg.eigh(m + m.T)[0] | T.nlinalg.svd(m, compute_uv=False)
    T.nlinalg.svd(m)[1] | abs(T.nlinalg.qr(m)[1]) | T.nlinalg.tensorinv(m, 1) | T.nlinalg.tensorsolve(m, v)
    T.slinalg.cholesky(T.dot(m, m.T)) | T.slinalg.solve(m, v) | T.slinalg.solve_lower_triangular(m, v) | T.slinalg.expm(m)
    T.slinalg.kron(m, m) | T.slinalg.eigvalsh(m + m.T, T.eye(3)) | T.nlinalg.extract_diag(m) | T.nlinalg.alloc_diag(v)
    T.gammainc(x, abs(v)) | T.gammaincc(x, abs(v)) | T.chi2sf(abs(v), x) | T.iv(1.5, abs(v)) | T.jv(x, v) | T.complex(v, v)
    T.complex_from_polar(v, v) | T.real(T.complex(v, x)) | T.topk(v, 2) | T.argtopk(v, 2, sorted=False)
    T.second(v, x) | T.default(v, v) | T.extract_constant(T.constant(3)) | T.switch(v > 0, v, m) | T.all(v > 0) | T.any(m > 0, axis=0)
    T.ptp(m, axis=0) | T.var(m, axis=0, ddof=1) | T.std(v, ddof=1) | T.var(v, corrected=True) | T.abs_(x) | T.max(v, keepdims=True)
    S.gradient.grad_clip(v, -1, 1) | S.gradient.zero_grad(v) | S.gradient.disconnected_grad(v) | S.gradient.grad_scale(v, 2.)
    S.shared(1) + i | S.shared(1.) * v | S.shared(np.float32(2)) * v.astype("float32") | S.shared(True) + 1
    v.astype("float32") * 1.5 | v.astype("float32") * i | v.astype("float16") + 1 | i.astype("int8") * 1.5 | i.astype("int8") + 300
    i.astype("int8") + 1 | i.astype("uint8") - 1 | i.astype("int8") / 2 | i.astype("uint8") * -1 | i.astype("uint64") + i | np.float32(2) * v
    np.array([1, 2, 3]) * v | v * np.float64(2) | v.astype("float32") * np.float64(2) | np.int8(3) * i.astype("int8") | 3 * v[:0] | v[:0].sum()
    v[:0].max() | v[:0].mean() | v[:0].prod() | v[:0].argmax() | m[:0].max(axis=1) | T.dot(v[:0], v[:0]) | T.concatenate([v, v[:0]]) | m[:0].T
"""  # noqa: E501
V = [[1.0, 0.5, -2.0], [0.0, 3.0, math.nan], [math.inf, 1.0, 1.0]]
M = [[[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.0, 1.0, 4.0]]] * 3
WORDS = [["v", "float64", [0]], ["m", "float64", [0, 0]], ["i", "int64", [0]], ["x", "float64", []]]


def in_json(value: Any) -> Any:
    """Numbers as texts, which JSON keeps exactly."""
    if isinstance(value, list):
        return [in_json(entry) for entry in value]
    return value if isinstance(value, bool) else repr(value)


def of_names() -> Iterator[Case]:
    """Each function of elements, on all dtypes with their edges."""
    for name, dtype in product(ONE, EDGES):
        for rank in (0, 1):
            values = [EDGES[dtype]] if rank else EDGES[dtype][-2:]
            yield {
                "expression": f"T.{name}(a)",
                "inputs": [["a", dtype, [0] * rank]],
                "values": [[in_json(v)] for v in values],
            }
    for name, (p, q) in product(TWO, product(MIXED, MIXED)):
        pairs = list(product(EDGES[p], EDGES[q]))
        yield {
            "expression": f"T.{name}(a, b)",
            "inputs": [["a", p, [0]], ["b", q, [0]]],
            "values": [[in_json([a for a, _ in pairs]), in_json([b for _, b in pairs])]],
        }
    for name, number, p in product(TWO, ["2", "1.5", "-1", "300", "True", "2**40"], MIXED):
        for form in (f"T.{name}(a, {number})", f"T.{name}({number}, a)"):
            yield {"expression": form, "inputs": [["a", p, [0]]], "values": [[in_json(EDGES[p])]]}
    kinds_of_three = product(["bool", "int8", "int64", "float32", "float64"], repeat=3)
    for form, kinds in product(THREE, kinds_of_three):
        inputs = [[n, d, [0]] for n, d in zip("abc", kinds, strict=True)]
        values = [in_json((EDGES[d] * 6)[-6:]) for d in kinds]
        yield {"expression": form, "inputs": inputs, "values": [values]}


def of_reductions() -> Iterator[Case]:
    """Each reduction, on all dtypes, axes, and lengths of 0."""
    for name, dtype, axis in product(REDUCTIONS, [*REAL, "complex128"], AXES):
        edges = (EDGES[dtype] * 4)[-6:]
        plain = [x for x in EDGES[dtype] if x == x and abs(x) < 200] or edges
        plain = (plain * 6)[:6]
        yield {
            "expression": f"T.{name}(a{', ' if axis else ''}{axis})",
            "inputs": [["a", dtype, [0, 0]]],
            "values": [[in_json([e[:3], e[3:]])] for e in (edges, plain)] + [[in_json([[], []])]],
        }


def of_shapes() -> Iterator[Case]:
    """Expressions that work on whole arrays."""
    integers = in_json([5, 2, 0, 1, -3])
    for line in SHAPES.strip().splitlines():
        for expression in line.split(" | "):
            yield {
                "expression": expression.strip(),
                "inputs": WORDS,
                "values": [
                    [in_json(v), in_json(m), integers, in_json(0.5)]
                    for v, m in zip(V, M, strict=True)
                ],
            }


def cases() -> list[Case]:
    """The whole grid."""
    return [*of_shapes(), *of_reductions(), *of_names()]


def ask(
    which: str, asked: list[Case], python: str = sys.executable, floatX: str = "float64"
) -> list[dict[str, Any]]:
    """What symgrad or Theano answers."""
    environment = dict(os.environ)
    if which == "symgrad":
        environment["PYTHONPATH"] = str(ROOT)
        environment["SYMGRAD_FLAGS"] = f"floatX={floatX}"
    else:  # without a C compiler, fused operations run element by element
        environment["THEANO_FLAGS"] = f"floatX={floatX},optimizer_excluding=fusion"
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, str(HERE / "answers.py"), which],
        input="\n".join(map(json.dumps, asked)),
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == len(asked), done.stderr[-2000:]
    return found


def _number(text: str) -> complex:
    return (
        complex(float(text))
        if text not in ("True", "False") and "j" not in text
        else (complex(text) if "j" in text else complex(text == "True"))
    )


def same(ours: Any, theirs: Any, tolerance: float) -> bool:
    """Whether two nested lists of numbers are equal, but for rounding."""
    if isinstance(ours, list) != isinstance(theirs, list):
        return False
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(
            same(a, b, tolerance) for a, b in zip(ours, theirs, strict=True)
        )
    if ours == theirs:
        return True
    try:
        a, b = _number(ours), _number(theirs)
    except ValueError:
        return False
    if a != a or b != b:
        return a != a and b != b
    if math.isinf(abs(a)) or math.isinf(abs(b)):
        return a == b
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """How two answers differ, in a few words; empty where they do not."""
    if "failed" in ours or "failed" in theirs:
        a, b = ours.get("failed"), theirs.get("failed")
        if a and b:
            return ""
        if a:
            return f"only ours fails {a}: {ours['error']}"
        return f"only Theano fails {b}: {theirs['error']}"
    for what in ("dtypes", "ndims"):
        if ours[what] != theirs[what]:
            return f"{what} {ours[what]}, Theano's {theirs[what]}"
    halves = "float16" in ours["dtypes"]
    singles = {"float32", "complex64"} & set(ours["dtypes"])
    tolerance = 2e-3 if halves else 1e-5 if singles else 1e-9
    for what in ("values", "slopes"):
        for a, b in zip(ours.get(what, []), theirs.get(what, []), strict=True):
            if isinstance(a, str) and isinstance(b, str):
                continue  # an error in both
            if not same(a, b, tolerance if what == "values" else max(tolerance, 1e-7)):
                return f"{what} {a}, Theano's {b}"
    return ""


def main() -> None:
    """Print all differences, under the floatX that is given."""
    python, floatX = os.environ["SYMGRAD_ORACLE"], (*sys.argv[1:], "float64")[0]
    asked = cases()
    ours = ask("symgrad", asked, floatX=floatX)
    theirs = ask("theano", asked, python, floatX)
    for case, a, b in zip(asked, ours, theirs, strict=True):
        found = difference(a, b)
        if found:
            kinds = ", ".join(f"{n}: {d}" for n, d, _ in case["inputs"])
            reason = explained(case, found) or "NO REASON YET"
            sys.stdout.write(f"{case['expression']}  [{kinds}]  {found}  ({reason})\n")


if __name__ == "__main__":
    main()
