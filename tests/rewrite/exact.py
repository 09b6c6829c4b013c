"""Values of graphs: in the dtypes that they have, node by node, and in 340 digits."""

from __future__ import annotations

import math
import operator

import mpmath
import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant
from symgrad.graph.types import is_discrete, is_float
from symgrad.graph.walk import toposort
from symgrad.ops.families import Elementwise
from symgrad.ops.linalg.determinants import Det
from symgrad.ops.linalg.linalg import Dot
from symgrad.ops.nnet.row_losses import RowLoss
from symgrad.ops.nnet.softmax import LessShare
from symgrad.ops.op import Project
from symgrad.ops.reductions.reduction import Max, Min

mp = mpmath.mp.clone()
mp.dps = 340  # 1 - exp(5e-324)
NAN, INF = mp.nan, mp.inf


class Unknown(Exception):
    """No exact value is known."""


def as_written(outputs, values):
    """All nodes and what each computes, by `impl` alone."""
    memo = {}
    with np.errstate(all="ignore"):
        for node in toposort(outputs):
            if node in values:
                memo[node] = values[node]
            elif isinstance(node, Constant):
                memo[node] = node.value
            elif node.op is None:  # a shared variable
                memo[node] = node.get_value(borrow=True)
            else:
                made = node.op.impl(np, *[memo[i] for i in node.inputs])
                memo[node] = made if isinstance(made, tuple) else np.asarray(made)
    return memo


def exactly(output, values):
    """The exact value, as an array of numbers of `mpmath`; NaN where it is not defined.

    `values` are taken as they are. 1 / 0 is not defined: here a 0 has no sign.
    """
    memo = {}
    for node in toposort([output], stop=values):
        if node in values:
            value = values[node]
            memo[node] = tuple(map(_wide, value)) if isinstance(value, tuple) else _wide(value)
        elif node.op is None:
            value = node.value if isinstance(node, Constant) else node.get_value(borrow=True)
            memo[node] = _wide(value)
        else:
            memo[node] = _computed(node, [memo[i] for i in node.inputs])
    return memo[output]


def _wide(value):
    value = np.asarray(value)
    if value.dtype.kind != "f":
        return value
    wide = np.empty(value.shape, object)
    for place in np.ndindex(value.shape):
        wide[place] = mp.mpf(float(value[place]))
    return wide


def _computed(node, inputs):
    op = node.op
    if not isinstance(op, Project):
        inputs = [_wide(x) for x in inputs]
    if all(not (isinstance(x, np.ndarray) and x.dtype == object) for x in inputs):
        return _wide(op.impl(np, *inputs)) if not isinstance(op, Project) else inputs[0][op.index]
    if isinstance(op, Project):
        return inputs[0][op.index]
    if isinstance(op, ops.Cast):
        return inputs[0] if is_float(op.dtype) else _as_integers(inputs[0], op.dtype)
    if isinstance(op, Elementwise):
        return _elementwise(op, node, inputs)
    for kind, compute in _OTHERS.items():
        if type(op) is kind:
            return compute(op, *inputs)
    try:
        return np.asarray(op.impl(np, *inputs))
    except TypeError as error:
        raise Unknown(str(op)) from error


def _as_integers(x, dtype):
    if dtype == "bool":
        return np.frompyfunc(lambda e: bool(e != 0), 1, 1)(x).astype(bool)
    if not all(mp.isfinite(e) and abs(e) < 2**31 for e in x.ravel()):
        raise Unknown("integers")
    return np.frompyfunc(int, 1, 1)(x).astype("int64").astype(dtype)


def _elementwise(op, node, inputs):
    compute = _FUNCTIONS.get(op.name)
    if compute is None:
        raise Unknown(op.name)
    chooses = op.name in ("switch", "kept")
    wide = [
        x if x.dtype == object or (chooses and not k) else _floats(x) for k, x in enumerate(inputs)
    ]
    result = np.frompyfunc(compute, len(wide), 1)(*wide)
    if is_discrete(node.dtype):
        return np.asarray(result).astype(node.dtype)
    made = np.empty(np.shape(result), object)
    made[...] = result
    return made


def _floats(x):
    return _wide(x.astype("float64")) if x.dtype.kind != "f" else _wide(x)


def _nans(f):
    """A function that is NaN where an argument is, or where it fails."""

    def guarded(*args):
        if any(mp.isnan(a) for a in args):
            return NAN
        try:
            value = f(*args)
        except (ZeroDivisionError, ValueError):
            return NAN
        return value if isinstance(value, (mp.mpf, bool)) else NAN

    return guarded


def _exp(x):
    return INF if x == INF else mp.mpf(0) if x == -INF else mp.exp(x)


def _log(x):
    return NAN if x < 0 else -INF if x == 0 else mp.log(x)


def _log1p(x):
    return _log(1 + x) if abs(x) > 1e-30 else x - x * x / 2


def _expm1(x):
    return _exp(x) - 1 if abs(x) > 1e-30 else x + x * x / 2


def _sigmoid(x):
    return 1 / (1 + _exp(-x)) if x > 0 else _exp(x) / (1 + _exp(x))


def _softplus(x):
    return max(x, mp.mpf(0)) + _log1p(_exp(-abs(x)))


def _tanh(x):
    return mp.sign(x) * (1 - 2 / (_exp(2 * abs(x)) + 1)) if abs(x) > 1 else mp.tanh(x)


def _logaddexp(a, b):
    high, low = max(a, b), min(a, b)
    return high if abs(high) == INF else high + _log1p(_exp(low - high))


def _pow(x, y):
    if y == 0 or x == 1:
        return mp.mpf(1)
    if mp.isnan(x) or mp.isnan(y) or (x <= 0 and y < 0 and x == 0):
        return NAN
    if x < 0 and (abs(y) == INF or y != mp.floor(y)):
        return NAN
    return mp.power(x, int(y)) if y == mp.floor(y) and abs(y) < 100 else mp.power(x, y)


def _erf(x):
    return mp.sign(x) if abs(x) > 30 else mp.erf(x)


def _erfc(x):
    if x > 1e5:
        return mp.mpf(0) if x == INF else _exp(-x * x) * _erfcx(x)
    return mp.mpf(2) if x < -30 else mp.erfc(x)


def _erfcx(x):
    if x > 1e5:
        return (1 - 1 / (2 * x * x)) / (x * mp.sqrt(mp.pi))
    return _exp(x * x) * _erfc(x)


def _round(x):
    return mp.sign(x) * mp.floor(abs(x) + mp.mpf("0.5"))


def _clip(x, low, high):
    return min(max(x, low), high)


_FUNCTIONS = {
    **{
        name: _nans(f)
        for name, f in {
            "add": operator.add,
            "sub": operator.sub,
            "mul": operator.mul,
            "true_div": operator.truediv,
            "neg": operator.neg,
            "abs": abs,
            "inv": lambda x: 1 / x,
            "sqr": lambda x: x * x,
            "sqrt": lambda x: NAN if x < 0 else mp.sqrt(x),
            "exp": _exp,
            "log": _log,
            "log2": lambda x: _log(x) / mp.log(2),
            "log10": lambda x: _log(x) / mp.log(10),
            "log1p": _log1p,
            "log1p_by_log": _log1p,
            "log1p_of_fraction": _log1p,
            "log_mixture": lambda a, b, x: _log(a * _sigmoid(x) + b * _sigmoid(-x)),
            "log1mexp": lambda x: _log(-_expm1(x)),
            "log_half_erfc": lambda x: (
                _log(_erfc(x) / 2) if x < 1e5 else _log(_erfcx(x) / 2) - x * x
            ),
            "log_cosh": lambda x: abs(x) + _log1p(_exp(-2 * abs(x))) - mp.log(2),
            "slope_of_tanh": lambda x: 4 * _sigmoid(2 * x) * _sigmoid(-2 * x),
            "log_twice_sigmoid": lambda x: mp.log(2) - _softplus(-x),
            "cosh": lambda x: (_exp(x) + _exp(-x)) / 2,
            "sinh": lambda x: (_exp(x) - _exp(-x)) / 2,
            "expm1": _expm1,
            "sigmoid": _sigmoid,
            "softplus": _softplus,
            "tanh": _tanh,
            "logaddexp": _logaddexp,
            "erf": _erf,
            "erfc": _erfc,
            "erfcx": _erfcx,
            "log_erfc": lambda x: _log(_erfc(x)) if x < 1e5 else _log(_erfcx(x)) - x * x,
            "slope_of_sigmoid": lambda x: _sigmoid(x) * _sigmoid(-x),
            "sgn": mp.sign,
            "maximum": max,
            "minimum": min,
            "clip": _clip,
            "clip_between": _clip,
            "relu": lambda x: max(x, mp.mpf(0)),
            "leaky_relu": lambda x, a: x if x > 0 else a * x,
            "softsign": lambda x: mp.sign(x) if abs(x) == INF else x / (1 + abs(x)),
            "round_half_away_from_zero": _round,
            "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
            "eq": lambda a, b: bool(a == b),
            "neq": lambda a, b: bool(a != b),
            "gt": lambda a, b: bool(a > b),
            "ge": lambda a, b: bool(a >= b),
            "lt": lambda a, b: bool(a < b),
            "le": lambda a, b: bool(a <= b),
        }.items()
    },
    "pow": _pow,
    "neq": lambda a, b: bool(a != b),
    "weighted": lambda a, b: mp.mpf(0) if a == 0 and abs(b) == INF else _FUNCTIONS["mul"](a, b),
    "unless_nan": lambda a, b: NAN if mp.isnan(b) else a,
    "kept": lambda c, x: x if c else mp.mpf(0),
    "switch": lambda c, a, b: a if c else b,
    "fmin": lambda a, b: a if mp.isnan(b) else b if mp.isnan(a) else min(a, b),
    "times_or_zero": lambda a, b: a if a == 0 else _FUNCTIONS["mul"](a, b),
    "xlogx": lambda x: x if x == 0 else x * _FUNCTIONS["log"](x),
    "xlogy0": lambda x, a: x if x == 0 else x * _FUNCTIONS["log"](a),
}
for name in ("eq", "gt", "ge", "lt", "le"):  # comparisons with NaN are false
    _FUNCTIONS[name] = getattr(operator, name)


def _reduced(f):
    """A reduction over the axes of `op` by a function of a list."""

    def compute(op, x):
        kept = [a for a in range(x.ndim) if a not in op.axis]
        moved = np.transpose(x, (*kept, *op.axis))
        shape = moved.shape[: len(kept)]
        flat = moved.reshape((math.prod(shape), -1) if x.size else (math.prod(shape), 0))
        made = np.empty(len(flat), object)
        for k, part in enumerate(flat):
            made[k] = f(list(part))
        made = made.reshape(shape)
        return np.expand_dims(made, op.axis) if op.keepdims else made

    return compute


def _sum(xs):
    if any(mp.isnan(x) for x in xs) or (INF in xs and -INF in xs):
        return NAN
    return mp.fsum(xs) if all(map(mp.isfinite, xs)) else INF if INF in xs else -INF


def _product(xs):
    total = mp.mpf(1)
    for x in xs:
        total = _FUNCTIONS["mul"](total, x)
    return total


def _largest(xs):
    if not xs:
        raise ValueError("nothing has no largest")
    return NAN if any(mp.isnan(x) for x in xs) else max(xs)


def _log_sum_exp(xs):
    if not xs:
        return -INF
    top = _largest(xs)
    if mp.isnan(top) or abs(top) == INF:
        return top
    return top + _log(_sum([_exp(x - top) for x in xs]))


def _softmax(op, x, log=False):
    keeping = type("Keeping", (), {"axis": op.axis, "keepdims": True})
    total = np.broadcast_to(_reduced(_log_sum_exp)(keeping, x), x.shape)
    less = np.frompyfunc(_FUNCTIONS["sub"], 2, 1)(x, total)
    return less if log else np.frompyfunc(_FUNCTIONS["exp"], 1, 1)(less)


def _row_loss(op, z, y):
    if op.paired or any(not 0 <= k < z.shape[1] for k in y):
        raise Unknown("labels")
    axis = type("Axis", (), {"axis": (1,)})
    losses = -_softmax(axis, z, log=True)
    slope = _softmax(axis, z)
    rows = np.arange(len(y))
    slope[rows, y] = slope[rows, y] - 1
    return losses[rows, y], slope


def _dot(op, a, b):
    return np.frompyfunc(lambda x: x, 1, 1)(np.dot(a, b)) if a.size and b.size else np.dot(a, b)


def _less_share(op, u, p):
    keeping = type("Keeping", (), {"axis": op.axis, "keepdims": True})
    return u - p * _reduced(_sum)(keeping, u)


_OTHERS = {
    ops.Sum: _reduced(_sum),
    ops.Prod: _reduced(_product),
    Max: _reduced(_largest),
    Min: _reduced(lambda xs: -_largest([-x for x in xs])),
    ops.LogSumExp: _reduced(_log_sum_exp),
    ops.Softmax: _softmax,
    ops.LogSoftmax: lambda op, x: _softmax(op, x, log=True),
    RowLoss: _row_loss,
    LessShare: _less_share,
    Det: lambda op, x: np.array(mp.det(mp.matrix(x.tolist())) if x.size else mp.mpf(1), object),
    Dot: lambda op, a, b: np.dot(a, b) if a.size and b.size else op.impl(np, a, b),
}
