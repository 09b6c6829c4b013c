"""Where symgrad is deliberately not Theano: both answers of each row of docs/differences.md.

The expressions are programs for either: Theano's answers are what `tests/oracle/answers.py` told in
Theano 1.0.5, and are asked again where SYMGRAD_ORACLE names the python in which that runs.
``python -m tests.test_differences`` writes the document.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from tests.oracle import answers, grid
from tests.oracle.explained import explained

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "differences.md"
ORACLE = os.environ.get("SYMGRAD_ORACLE")

# What the expressions speak of; run in front of them.
NAMES = """
kinds = {**dict.fromkeys("vnugdow", "float64"), **dict.fromkeys("ikl", "int64"), "f": "float32",
    "h": "float16", "b": "int8", "c": "uint8", "q": "uint64", "t": "bool", "z": "complex128"}
for name, kind in kinds.items():
    globals()[name] = T.TensorType(kind, (False,))(name)
A, B, m = T.dmatrix("A"), T.dmatrix("B"), T.dmatrix("m")
x, W, F = T.dscalar("x"), T.dscalar("W"), T.fscalar("F")
p = T.exp(x)
s = S.shared(np.float64(1), "s")
one_row, two_rows = np.ones((1, 2)), np.ones((2, 2))
def single(make):
    with S.change_flags(floatX="float32"):
        return S.function([v], make(), on_unused_input="ignore")(arrays[v])
values = {
    "v": [1, 0.5, -2], "n": [np.nan, 1], "u": [1, 1], "g": [-np.inf, np.inf, 0], "d": [0, 2, 3],
    "o": [0, 1], "w": [np.nan, 1, 2], "f": [1, 0.5], "h": [1, 2], "b": [100, -128], "c": [0, 3],
    "i": [5, 0, -3], "k": [0, 1, 2], "l": [2**62] * 3, "q": [5, 2], "t": [True, False],
    "z": [1 + 2j, 3]}
arrays = {globals()[name]: np.array(value, kinds[name]) for name, value in values.items()}
arrays.update({m: np.eye(3) * 2, x: np.array(0.5)})
"""


class Row(NamedTuple):
    """An expression, why its answers differ, both answers, and how to get Theano's."""

    expression: str
    why: str
    theano: str
    ours: str
    instead: str | None = None


SAME = "the same"
ROWS: dict[str, list[Row]] = {
    "Shapes": [
        Row(
            "T.nnet.softmax(v)",
            "a vector stays a vector",
            theano="float64 [[0.603749, 0.366192, 0.0300589]]",
            ours="float64 [0.603749, 0.366192, 0.0300589]",
            instead='T.nnet.softmax(v.dimshuffle("x", 0))',
        ),
        Row(
            "S.function([A, B], A + B)(one_row, two_rows)",
            "lengths of 1 broadcast when a function runs, as in NumPy",
            theano="refused",
            ours="float64 [[2, 2], [2, 2]]",
            instead="S.function([A, B], T.specify_shape(A, B.shape) + B)(one_row, two_rows)",
        ),
        Row(
            "T.max(v, axis=())",
            "no axis is reduced, as by `sum` in both; `min`, `argmax`, `argmin`, `ptp` alike",
            theano="float64 1",
            ours="float64 [1, 0.5, -2]",
            instead="T.max(v)",
        ),
        Row(
            "v[:0].max().dtype",
            "what cannot succeed is refused when it is written",
            theano="float64",
            ours="refused",
            instead=None,
        ),
    ],
    "Dtypes": [
        Row(
            "T.constant(1.)",
            "a Python float is `floatX`, whatever its digits",
            theano="float32 1",
            ours="float64 1",
            instead="T.constant(np.float32(1))",
        ),
        Row(
            "T.arange(3.)",
            SAME,
            theano="float32 [0, 1, 2]",
            ours="float64 [0, 1, 2]",
            instead='T.arange(3., dtype="float32")',
        ),
        Row(
            "b * 1.5",
            "a Python float beside integers is `floatX`",
            theano="float32 [150, -192]",
            ours="float64 [150, -192]",
            instead="b * np.float32(1.5)",
        ),
        Row(
            "f * .1",
            "a Python float never widens an array that can hold it",
            theano="float64 [0.1, 0.05]",
            ours="float32 [0.1, 0.05]",
            instead="f * np.float64(.1)",
        ),
        Row(
            "single(lambda: v * .1 - v / 10)",
            "under `floatX=float32`, too, a Python float is a number of the array",
            theano="float64 [1.49012e-09, 7.45058e-10, -2.98023e-09]",
            ours="float64 [0, 0, 0]",
            instead="v * np.float32(.1) - v / 10",
        ),
        Row(
            "single(lambda: T.constant([.1]) * np.float64(1e9) - 1e8)",
            "and so are those of a list",
            theano="float64 [0]",
            ours="float64 [1.49012]",
            instead="T.constant(np.array([.1])) * np.float64(1e9) - 1e8",
        ),
        Row(
            "T.nnet.selu(f)",
            SAME,
            theano="float64 [1.0507, 0.52535]",
            ours="float32 [1.0507, 0.525351]",
            instead='T.nnet.selu(f.astype("float64"))',
        ),
        Row(
            "h * 1.5",
            SAME,
            theano="float32 [1.5, 3]",
            ours="float16 [1.5, 3]",
            instead='h.astype("float32") * 1.5',
        ),
        Row(
            "f + 2**40",
            "nor does a Python int",
            theano="float64 [1.09951e+12, 1.09951e+12]",
            ours="float32 [1.09951e+12, 1.09951e+12]",
            instead='f.astype("float64") + 2**40',
        ),
        Row(
            "c - 1",
            "a Python int takes the type of the array, and wraps as in NumPy 2",
            theano="int16 [-1, 2]",
            ours="uint8 [255, 2]",
            instead='c.astype("int16") - 1',
        ),
        Row(
            "q + 1",
            SAME,
            theano="float64 [6, 3]",
            ours="uint64 [6, 3]",
            instead='q.astype("float64") + 1',
        ),
        Row(
            "T.fill(v, 2)",
            SAME,
            theano="int8 [2, 2, 2]",
            ours="float64 [2, 2, 2]",
            instead="T.fill(v, np.int8(2))",
        ),
        Row(
            "T.arctan2(b, h)",
            "the smallest type that holds both, as in NumPy",
            theano="float32 [1.5608, -1.55517]",
            ours="float16 [1.56055, -1.55469]",
            instead='T.arctan2(b.astype("float32"), h)',
        ),
        Row(
            "T.constant(True)",
            "Python's bools are bools",
            theano="int8 1",
            ours="bool True",
            instead="T.constant(np.int8(1))",
        ),
        Row(
            "i * True",
            "and operands, as in NumPy",
            theano="refused",
            ours="int64 [5, 0, -3]",
            instead=None,
        ),
        Row(
            "T.and_(t, b)",
            "bools are small integers, as in NumPy",
            theano="refused",
            ours="int8 [0, 0]",
            instead=None,
        ),
        Row(
            "T.sqr(t)",
            "products of bools as numbers are int8; `//` and `%` alike",
            theano="bool [True, False]",
            ours="int8 [1, 0]",
            instead="T.and_(t, t)",
        ),
        Row(
            "T.conj(t)",
            "the type of the input",
            theano="int8 [1, 0]",
            ours="bool [True, False]",
            instead='T.conj(t.astype("int8"))',
        ),
        Row(
            "T.cumsum(b).dtype",
            "sums of small integers do not wrap, as in NumPy",
            theano="int8",
            ours="int64",
            instead=None,
        ),
        Row(
            "T.ceil(i)",
            "integers stay integers, as in NumPy 2; `floor` and `trunc` alike",
            theano="float64 [5, 0, -3]",
            ours="int64 [5, 0, -3]",
            instead='T.ceil(i.astype("float64"))',
        ),
        Row(
            "T.round(i)",
            SAME + "; `iround` alike",
            theano="refused",
            ours="int64 [5, 0, -3]",
            instead=None,
        ),
        Row(
            "(i + 1) ** -1",
            "integers have no negative powers (NumPy refuses, too)",
            theano="int64 [0, 1, 0]",
            ours="refused",
            instead=None,
        ),
        Row(
            'i.mean(dtype="int64")',
            "`dtype` is that of the result, as in NumPy",
            theano="float64 0.666667",
            ours="int64 0",
            instead="i.mean()",
        ),
        Row(
            "T.angle(f)",
            "the precision of the input",
            theano="float64 [0, 0]",
            ours="float32 [0, 0]",
            instead='T.angle(f.astype("float64"))',
        ),
        Row(
            "T.grad((f * np.float64(.1)).sum(), f)",
            "a gradient has its variable's dtype",
            theano="float64 [0.1, 0.1]",
            ours="float32 [0.1, 0.1]",
            instead=None,
        ),
        Row(
            "T.max(z)",
            "complex numbers have no order; `argmax` alike",
            theano="complex128 3+0j",
            ours="refused",
            instead=None,
        ),
        Row(
            "T.var(z)",
            "take the parts apart; `std` alike",
            theano="complex128 0-2j",
            ours="refused",
            instead=None,
        ),
        Row(
            "T.nnet.binary_crossentropy(f, k[:2]).dtype",
            "labels do not widen a loss; `categorical_crossentropy` alike",
            theano="float64",
            ours="float32",
            instead='T.nnet.binary_crossentropy(f.astype("float64"), k[:2]).dtype',
        ),
    ],
    "Values": [
        Row(
            "v.clip(1, 0)",
            "where the bounds cross the upper one holds, as in NumPy",
            theano="float64 [0, 1, 1]",
            ours="float64 [0, 0, 0]",
            instead="T.switch(v < 1, 1., T.switch(v > 0, 0., v))",
        ),
        Row(
            "T.largest(n, x)",
            "NaN in, NaN out, as in NumPy's maximum; `smallest` alike",
            theano="float64 [0.5, 1]",
            ours="float64 [nan, 1]",
            instead="T.switch(n > x, n, x)",
        ),
        Row(
            "i / i",
            "0 / 0 is NaN",
            theano="float64 [1, 1, 1]",
            ours="float64 [1, nan, 1]",
            instead="T.ones_like(i / 1.)",
        ),
        Row(
            "v // 1.",
            "Theano takes it for `v`",
            theano="float64 [1, 0.5, -2]",
            ours="float64 [1, 0, -2]",
            instead="v",
        ),
        Row(
            "b.argmin()",
            "Theano takes the largest of the negated numbers, and -(-128) wraps; `min` alike",
            theano="int64 0",
            ours="int64 1",
            instead="(-b).argmax()",
        ),
        Row(
            'T.nnet.softmax(g.dimshuffle("x", 0))',
            "beside an infinite score the others are 0, as in `exp(x) / exp(x).sum()`",
            theano="float64 [[nan, nan, nan]]",
            ours="float64 [[0, nan, 0]]",
        ),
        Row(
            "T.nnet.relu(g)",
            "the limit",
            theano="float64 [nan, inf, 0]",
            ours="float64 [0, inf, 0]",
            instead="(g + abs(g)) / 2",
        ),
        Row(
            "T.complex_from_polar(-x, x)",
            "a product of two numbers",
            theano="refused",
            ours="complex128 -0.438791-0.239713j",
            instead=None,
        ),
        Row(
            "T.slinalg.solve(m, w)",
            "NaN in, NaN out; `solve_lower_triangular` and kin alike",
            theano="refused",
            ours="float64 [nan, nan, nan]",
            instead=None,
        ),
        Row(
            "T.nlinalg.norm(v, np.inf)",
            "Theano forgets the signs",
            theano="float64 1",
            ours="float64 2",
            instead="T.max(v)",
        ),
        Row(
            "T.nnet.binary_crossentropy(o, o)",
            "0 log 0 is 0",
            theano="float64 [nan, nan]",
            ours="float64 [-0, -0]",
            instead="-(o * T.log(o) + (1 - o) * T.log(1 - o))",
        ),
        Row(
            "l.mean()",
            "integers are added up as NumPy's `mean` does; `var` and `std` alike",
            theano="float64 -1.53723e+18",
            ours="float64 4.61169e+18",
            instead="l.sum() / 3.",
        ),
        Row(
            "S.function([v], T.switch(v > 0, v, 0) * T.log(v))([0., 1.])",
            "values are NumPy's: 0 * -inf is NaN; the slopes of what was not chosen are 0 in both",
            theano="float64 [0, 0]",
            ours="float64 [nan, 0]",
            instead="S.function([v], T.switch(v > 0, v * T.log(v), 0))([0., 1.])",
        ),
        Row(
            "T.nlinalg.eig(m)[0].dtype",
            "eigenvalues of real matrices may be complex, whatever the values are",
            theano="float64",
            ours="complex128",
            instead="T.nlinalg.eig(m)[0].real.dtype",
        ),
    ],
    "Gradients": [
        Row(
            "T.grad(i.sum(), i)",
            "an integer cost is a mistake more often than it is meant",
            theano="float64 [0, 0, 0]",
            ours="refused",
            instead='T.zeros_like(i, dtype="float64")',
        ),
        Row(
            "T.grad(u.std(), u)",
            "0, which lies between the slopes on both sides",
            theano="float64 [nan, nan]",
            ours="float64 [0, 0]",
            instead="T.grad(T.sqrt(u.var()), u)",
        ),
        Row(
            "T.grad((u - 1).norm(2), u)",
            SAME,
            theano="float64 [nan, nan]",
            ours="float64 [0, 0]",
            instead="T.grad(T.sqrt(((u - 1) ** 2).sum()), u)",
        ),
        Row(
            "T.grad(T.maximum(n, 0).sum(), n)",
            "NaN in, NaN out: a slope of 0 would hide it; `minimum` alike",
            theano="float64 [0, 1]",
            ours="float64 [nan, 1]",
            instead=None,
        ),
        Row(
            "T.grad(n.clip(0, 1).sum(), n)",
            SAME,
            theano="float64 [0, 1]",
            ours="float64 [nan, 1]",
            instead=None,
        ),
        Row(
            "T.grad(n.max(), n)",
            SAME,
            theano="float64 [0, 0]",
            ours="float64 [nan, nan]",
            instead=None,
        ),
        Row(
            "T.grad(T.nnet.hard_sigmoid(n).sum(), n)",
            SAME,
            theano="float64 [0, 0.2]",
            ours="float64 [nan, 0.2]",
            instead=None,
        ),
        Row(
            "T.grad(i.max() * 1., i)",
            "an operation with an integer result has the slope 0",
            theano="float64 [1, 0, 0]",
            ours="float64 [0, 0, 0]",
            instead=None,
        ),
        Row(
            "T.grad(i.norm(2), i)",
            "the norm of integers is computed in float64",
            theano="float64 [0, 0, 0]",
            ours="float64 [0.857493, 0, -0.514496]",
            instead=None,
        ),
        Row(
            "T.grad(T.cumprod(d)[2], d)",
            "the product of the others; Theano divides by 0",
            theano="float64 [nan, 0, 0]",
            ours="float64 [6, 0, 0]",
            instead=None,
        ),
        Row(
            "T.grad(T.pow(d, k).sum(), d)",
            "`x**0` is 1 everywhere",
            theano="float64 [nan, 1, 6]",
            ours="float64 [0, 1, 6]",
            instead=None,
        ),
        Row(
            "T.grad(T.xlogx.xlogy0(u - 1, o).sum(), o)",
            "`xlogy0(0, a)` is 0 everywhere",
            theano="float64 [nan, 0]",
            ours="float64 [0, 0]",
            instead=None,
        ),
    ],
    "Functions": [
        Row(
            "(lambda a: (S.function([S.In(v, value=a)], v), a.fill(9))[0]())(np.ones(2))",
            "the default of an input is the function's own, `borrow=True` or not",
            theano="float64 [9, 9]",
            ours="float64 [1, 1]",
            instead=None,
        ),
        Row(
            "S.function([F], F * 2)(.1)",
            "a Python float is taken under every `floatX`",
            theano="refused",
            ours="float32 0.2",
            instead="S.function([F], F * 2, allow_input_downcast=False)(.1)",
        ),
        Row(
            "S.function([f], f * 2)([.1, .2])",
            "lists of Python floats, too",
            theano="refused",
            ours="float32 [0.2, 0.4]",
            instead=None,
        ),
        Row(
            "S.function([x], T.grad(p, x), givens={p: x * 0})(3.)",
            "a given stands wherever the intermediate value does, in gradients too",
            theano="float64 20.0855",
            ours="float64 0",
            instead="S.function([x], T.exp(x))(3.)",
        ),
        Row(
            "S.function([], s, updates=[(s, T.constant(np.float32(2)))])()",
            "an update is cast to a wider type",
            theano="refused",
            ours="float64 1",
            instead=None,
        ),
        Row(
            "S.function([], W * 2, givens={W: np.float32(2)})()",
            "a given, too",
            theano="refused",
            ours="float64 4",
            instead=None,
        ),
        Row(
            "S.function([v], v.sum())(np.ma.array([1., 99.], mask=[0, 1]))",
            "what an array would lose is refused: masks, units, indices of frames",
            theano="float64 100",
            ours="refused",
            instead="S.function([v], v.sum())(np.array([1., 99.]))",
        ),
        Row(
            "(v == n) * 1.",
            "`==` between variables is identity in both, but its answer is no number",
            theano="float64 0",
            ours="refused",
            instead=None,
        ),
        Row(
            "str(T.exp(v))",
            "texts show formulas, not the names of operations",
            theano="Elemwise{exp,no_inplace}.0",
            ours="exp(v)",
            instead=None,
        ),
    ],
}
ALL = [row for rows in ROWS.values() for row in rows]


def told(expression: str) -> str:
    """What symgrad answers."""
    with np.errstate(all="ignore"):
        return answers.tell(symgrad, T, NAMES, expression)


INTRODUCTION = """
# Where symgrad is deliberately not Theano

Programs for Theano 1.0.5 get Theano's answers, but for the rows below, where NumPy or mathematics
is on the other side. *refused* stands for an error that says what to do. Both answers of every row
are tested (`tests/test_differences.py`, which writes this page); `tests/oracle/grid.py` asks both
systems about the functions of `symgrad.tensor`, over all dtypes, several ranks and edge values.

In the expressions `v`, `n`, `u`, `g`, `d`, `o` and `w` are vectors of float64 ([1, 0.5, -2],
[nan, 1], [1, 1], [-inf, inf, 0], [0, 2, 3], [0, 1], [nan, 1, 2]); `i`, `k` and `l` of int64
([5, 0, -3], [0, 1, 2], three times 2**62); `f` of float32 ([1, 0.5]), `h` of float16 ([1, 2]), `b`
of int8 ([100, -128]), `c` of uint8 ([0, 3]), `q` of uint64 ([5, 2]), `t` of bool ([True, False])
and `z` of complex128 ([1 + 2j, 3]). `x` and `W` are scalars of float64 (`x` is 0.5), `F` of
float32; `A`, `B` and `m` are matrices (`m` is 2 on the diagonal), `p` is `T.exp(x)`, and `s` is
shared, a float64 of 1. `one_row` and `two_rows` are `np.ones((1, 2))` and
`np.ones((2, 2))`; `single` computes what is written under `floatX=float32`.

What is only an error of Theano's has a row where programs may have counted on it.
"""


def document() -> str:
    """docs/differences.md."""
    parts = [
        INTRODUCTION.strip(),
    ]
    for title, rows in ROWS.items():
        lines = ["| expression | Theano 1.0.5 | symgrad | why | how to get Theano's |"]
        lines.append("|---|---|---|---|---|")
        for row in rows:
            instead = f"`{row.instead}`" if row.instead else ""
            cells = (f"`{row.expression}`", row.theano, row.ours, row.why, instead)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.expression)
def test_what_symgrad_answers(row: Row) -> None:
    assert told(row.expression) == row.ours
    assert row.ours != row.theano


@pytest.mark.parametrize("row", [row for row in ALL if row.instead], ids=lambda row: row.expression)
def test_how_to_get_theanos_answer(row: Row) -> None:
    assert told(str(row.instead)) == row.theano


@pytest.mark.skipif(ORACLE is None, reason="SYMGRAD_ORACLE names no python with Theano")
def test_what_theano_answers() -> None:
    cases = [{"names": NAMES, "expression": row.expression} for row in ALL]
    found = grid.ask("theano", cases, str(ORACLE))
    have = {row.expression: a["told"] for row, a in zip(ALL, found, strict=True)}
    assert have == {row.expression: row.theano for row in ALL}


@pytest.mark.skipif(ORACLE is None, reason="SYMGRAD_ORACLE names no python with Theano")
def test_every_difference_on_the_grid_has_a_reason() -> None:
    others = [*grid.of_reductions(), *grid.of_names()]
    cases = [*grid.of_shapes(), *random.Random(0).sample(others, 300)]
    ours, theirs = grid.ask("symgrad", cases), grid.ask("theano", cases, str(ORACLE))
    unexplained = []
    for case, a, b in zip(cases, ours, theirs, strict=True):
        found = grid.difference(a, b)
        if found and not explained(case, found):
            unexplained.append((case["expression"], case["inputs"], found))
    assert unexplained == []


def test_the_document_has_these_rows() -> None:
    assert DOCUMENT.read_text("utf-8") == document()


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
