"""For each rule, graphs on which it fires; `test_contract.py` holds each rule to them.

The names of a function's parameters say what it is given: `v, w, u` are vectors, `x` one of three
elements, `m, p` matrices, `q` a square one, `r` a row, `z` a tensor of three axes and `s, t`
numbers, all of the float dtype that is tried; `i, j` are vectors of int64, `n` an int64, `y` labels
of the rows of `m`, `c` a vector of bools, and `a` and `A` a shared vector and matrix. A rule of
gradients is found in that of a cost.
"""

from __future__ import annotations

import numpy as np

import symgrad.tensor as T
from symgrad import ops
from symgrad.gradient import disconnected_grad, zero_grad
from symgrad.ops.arithmetic.elementwise import unless_nan
from symgrad.ops.arrays.shaping import SumLike
from symgrad.ops.nnet.nnet import weighted

exp, log, sigmoid, softmax, tanh = T.exp, T.log, T.nnet.sigmoid, T.nnet.softmax, T.tanh


def slope(cost, wrt):
    return T.grad(cost.sum(), wrt)


def picked(p, y):
    return p[T.arange(y.shape[0]), y]


def nll(m, y):
    return -T.mean(log(softmax(m))[T.arange(y.shape[0]), y])


def looked_up(a, i):
    """The gradient of a lookup: zeros, and something at `i`."""
    return T.grad(T.sum(a[i] ** 2), a)


def like(s, x):
    """Broadcast as gradients are."""
    return ops.BroadcastLike().make(s, x)


STABILITY = {
    "barrier_is_identity": [lambda v: disconnected_grad(v) * 2, lambda v: exp(zero_grad(v))],
    "log_of_softmax": [lambda m: log(softmax(m)), lambda m: log(softmax(m)[:, :1].T)],
    "log_of_sigmoid": [lambda v: log(sigmoid(v)), lambda v: log(sigmoid(-v)[::-1])],
    "log_of_exp": [lambda v: log(exp(v)), lambda m: log(exp(m).T)],
    "log_of_one_plus": [lambda v: log(1 + v), lambda v: log(v + 1), lambda v: log(1 + v * v)],
    "log_of_one_minus_exp": [
        lambda v: log(1 - exp(v)),
        lambda v: log(-T.expm1(v)),
        lambda v: T.log2(-exp(-v) + 1),
        lambda v: T.log10(1 - exp(v)),
    ],
    "log1p_of_minus": [
        lambda v: T.log1p(-exp(v)),
        lambda v: T.log1p(-T.erf(v)),
        lambda v: T.log1p(T.erf(v)),
    ],
    "slope_of_sigmoid_spelled_out": [
        lambda v: exp(v) / (1 + exp(v)) ** 2,
        lambda v: exp(-v) / T.sqr(exp(-v) + 1),
        lambda v, w: w / ((1 + exp(v)) * (1 + exp(v))),
    ],
    "less_one": [
        lambda v: sigmoid(v) - 1,
        lambda v: tanh(v) - 1,
        lambda v: tanh(v) ** 2 - 1,
        lambda m: T.erf(m).T - 1,
    ],
    "odds_of_sigmoid": [
        lambda v: sigmoid(v) / (1 - sigmoid(v)),
        lambda v: (1 - sigmoid(v)) / sigmoid(v),
    ],
    "exp_over_exp_minus_one": [
        lambda v: exp(v) / (exp(v) - 1),
        lambda v: exp(-v) / T.expm1(-v),
    ],
    "inverse_of_erfcx": [
        lambda v: exp(-(v**2)) / T.erfc(v),
        lambda v: exp(-v * v) / T.erfc(v),
    ],
    "log_of_one_plus_over_one_minus": [
        lambda v: log((1 + v) / (1 - v)),
        lambda v: log((v + 1) / (1 - v)),
    ],
    "power_of_exp": [
        lambda v, w: exp(v) ** w,
        lambda v, s: exp(v) ** s,
        lambda m, v: exp(m)[:, 0] ** v,
        lambda v: exp(v) ** 0.3,
        lambda v, w: (1 / exp(v)) ** w,
        lambda v: exp(v) ** -1.7,
    ],
    "root_of_exp": [lambda v: T.sqrt(exp(v)), lambda m: T.sqrt(exp(m).T)],
    "log_of_erfc": [
        lambda v: log(T.erfc(v)),
        lambda v: log(1 - T.erf(v)),
        lambda v: log(3 * (1 + T.erf(v))),
    ],
    "log_of_half_erfc": [
        lambda v: log(0.5 * T.erfc(v)),
        lambda v: log((1 + T.erf(v)) / 2),
        lambda m: log(0.5 * T.erfc(m).T),
    ],
    "log_of_twice_sigmoid": [
        lambda v: log(2 * sigmoid(v)),
        lambda v: log(1 - tanh(v)),
        lambda m: log(2 * (1 - sigmoid(m)).T),
    ],
    "log_of_cosh": [lambda v: log(T.cosh(v)), lambda v: log(3 / T.cosh(v))],
    "log_of_growing": [
        lambda v: log(T.expm1(v)),
        lambda v: T.log2(exp(v) - 1),
        lambda v: log(T.sinh(v)),
        lambda v: log(2 * T.sinh(v)),
        lambda v: log(T.expm1(v) / 3),
        lambda v: log(exp(v) - exp(-v)),
        lambda v: log((exp(v) - exp(-v)) / 2),
    ],
    "log_of_slope_of_tanh": [
        lambda v: log(1 - tanh(v) ** 2),
        lambda v: log(1 - tanh(v) * tanh(v)),
        lambda v: T.log1p(-T.sqr(tanh(v))),
    ],
    "log1p_of_tanh": [lambda v: T.log1p(tanh(v)), lambda m: T.log1p(-tanh(m).T)],
    "log_of_mixture": [
        lambda v, w: log(w * sigmoid(v) + (1 - w) * (1 - sigmoid(v))),
        lambda v, w, u: log(sigmoid(-v) * w - sigmoid(v) * u),
        lambda v, c: T.log2(
            T.cast(c, v.dtype)[:1] * sigmoid(v) + (1 - T.cast(c, v.dtype)[:1]) * sigmoid(-v)
        ),
    ],
    "log_of_one_minus": [lambda v: log(1 - v), lambda m: log(1 - T.sqr(m))],
    "log_of_det": [lambda q: log(T.nlinalg.det(q)), lambda q: log(abs(T.nlinalg.det(q)))],
    "log_of_product": [
        lambda v, w: log(exp(v) * sigmoid(w)),
        lambda v, w: log(exp(v) * exp(w)),
        lambda v: log(2 * exp(v)),
    ],
    "log_of_quotient": [lambda v, w: log(sigmoid(v) / sigmoid(w)), lambda v: log(exp(v) / 3)],
    "log_of_sum_of_two": [
        lambda v, w: log(exp(v) + exp(w)),
        lambda v, w: log(sigmoid(v) + exp(w)),
        lambda v: log(0.5 + exp(v)),
    ],
    "log_of_square": [lambda v: log(T.sqr(sigmoid(v))), lambda v: log(T.sqrt(sigmoid(v)))],
    "log_of_power": [
        lambda v: log(sigmoid(v) ** 3.5),
        lambda v: log(sigmoid(v) ** 0.0),
        lambda v: log(exp(v) ** -2.0),
        lambda x: log(sigmoid(x) ** np.array([0.0, -1.0, 2.0], "float32")),
        lambda m: log(softmax(m) ** 0.0),
    ],
    "log_of_sum": [
        lambda m: log(exp(m).sum(axis=1)),
        lambda v: log(exp(v).sum()),
        lambda m: log(sigmoid(m).sum(axis=0, keepdims=True)),
        lambda m: log(softmax(m)[:, :1].sum(axis=1)),
    ],
    "log_of_product_over_axes": [
        lambda m: log(sigmoid(m).prod(axis=1)),
        lambda v: log(exp(v).prod()),
    ],
    "log_of_choice": [
        lambda v, w: log(T.switch(v > 0, exp(v), sigmoid(w))),
        lambda v, w: log(T.concatenate([exp(v), sigmoid(w)])),
    ],
    "log1p_of_exp": [lambda v: T.log1p(exp(v)), lambda v: log(1 + exp(-v))],
    "log1p_of_minus_sigmoid": [lambda v: T.log1p(-sigmoid(v))],
    "log1p_of_large": [
        lambda v, w: T.log1p(exp(v) * exp(w)),
        lambda m: log(1 + exp(m).sum(axis=1)),
        lambda v, w: T.log1p(exp(v) / sigmoid(w)),
    ],
    "log_to_another_base": [lambda v: T.log2(sigmoid(v)), lambda v: T.log10(exp(v))],
    "xlogy0_of_positive": [
        lambda v, w: T.xlogx.xlogy0(v, sigmoid(w)),
        lambda v: T.xlogx.xlogy0(0 * v, 1 - sigmoid(v)),
    ],
    "xlogx_of_positive": [lambda v: T.xlogx.xlogx(sigmoid(v)), lambda m: T.xlogx.xlogx(softmax(m))],
    "less_logsumexp": [lambda m: m - T.logsumexp(m, axis=1, keepdims=True)],
    "logsumexp_shifted_back": [
        lambda m: log(exp(m - m.max(axis=1, keepdims=True)).sum(axis=1)) + m.max(axis=1),
        lambda v: log(exp(v - v.max()).sum()) + v.max(),
    ],
    "less_softplus": [
        lambda v: v - T.nnet.softplus(v),
        lambda v: T.nnet.softplus(v) - v,
    ],
}

SPELLINGS = {
    "softmax_spelled_out": [
        lambda m: exp(m) / exp(m).sum(axis=1, keepdims=True),
        lambda v: exp(v) / exp(v).sum(),
        lambda m: exp(m).T / exp(m).sum(axis=1),
    ],
    "softmax_as_product": [
        lambda m: exp(m) * (1 / exp(m).sum(axis=1, keepdims=True)),
        lambda m: T.inv(exp(m).sum(axis=1))[:, None] * exp(m),
    ],
    "softmax_of_shifted": [
        lambda m: softmax(m - m.max(axis=1, keepdims=True)),
        lambda m: T.nnet.logsoftmax(m - m.max(axis=1, keepdims=True)),
    ],
    "tanh_spelled_out": [
        lambda v: (exp(v) - exp(-v)) / (exp(v) + exp(-v)),
        lambda v, w: (exp(v) - exp(w)) / (exp(v) + exp(w)),
    ],
    "tanh_of_half": [
        lambda v: (exp(v) - 1) / (exp(v) + 1),
        lambda v: (1 - exp(v)) / (1 + exp(v)),
        lambda v: (exp(2 * v) - 1) / (exp(2 * v) + 1),
    ],
    "one_minus_tanh": [lambda v: 1 - tanh(3 * v), lambda m: 1 - tanh(m).T],
    "sigmoid_by_tanh": [
        lambda v: (1 + tanh(v)) / 2,
        lambda v: (1 - tanh(v)) * 0.5,
        lambda v: (tanh(v / 2) + 1) / 2,
        lambda v: (tanh(3 * v) + 1) / 2,
    ],
    "one_minus_square_of_tanh": [lambda v: 1 - tanh(v) ** 2, lambda m: 1 - T.sqr(tanh(m).T)],
    "sigmoid_less_its_square": [
        lambda v: sigmoid(v) - sigmoid(v) ** 2,
        lambda v: sigmoid(v) - sigmoid(v) * sigmoid(v),
        lambda m: sigmoid(m).T - T.sqr(sigmoid(m).T),
    ],
    "half_of_erfc": [
        lambda v: 0.5 + T.erf(v) / 2,
        lambda v: 0.5 - 0.5 * T.erf(v),
        lambda v: 1 - 0.5 * T.erfc(v),
    ],
    "erfcx_spelled_out": [
        lambda v: exp(v**2) * T.erfc(v),
        lambda v: T.erfc(v) * exp(v * v),
        lambda v: T.erfc(-v) / exp(-T.sqr(v)),
    ],
    "sigmoid_by_half_tanh": [lambda v: tanh(v) / 2 + 0.5, lambda v: 0.5 + 0.5 * tanh(v)],
    "sigmoid_spelled_out": [
        lambda v: 1 / (1 + exp(-v)),
        lambda v: exp(v) / (1 + exp(v)),
        lambda v, w: w / (1 + exp(v)),
    ],
    "inverse_of_one_plus_exp": [lambda v: T.inv(1 + exp(v))],
    "power_of_one_plus_exp": [lambda v: (1 + exp(-v)) ** -1.0],
    "softmax_of_two_spelled_out": [
        lambda v, w: exp(v) / (exp(v) + exp(w)),
        lambda v, w: exp(v) / (exp(w) + exp(v)),
    ],
    "sigmoid_times_exp": [lambda v: sigmoid(v) * exp(-v), lambda v: exp(v) * sigmoid(-v)],
    "one_minus_sigmoid": [lambda v: 1 - sigmoid(v), lambda v: 1 - sigmoid(-v)],
    "minus_sigmoid_plus_one": [lambda v: -sigmoid(v) + 1],
    "exp_minus_one": [lambda v: exp(v) - 1, lambda v: 1 - exp(v)],
    "exp_plus_minus_one": [lambda v: exp(v) + -1.0],
    "root_of_square": [lambda v: T.sqrt(v**2), lambda v: T.sqrt(T.sqr(v))],
    "one_minus_erf": [lambda v: 1 - T.erf(v), lambda v: 1 - T.erfc(v)],
    "one_plus_erf": [lambda v: 1 + T.erf(v)],
}

SHAPES = {
    "length_from_its_source": [lambda v: exp(v).shape[0] * 2, lambda m: T.dot(m, m.T).shape[1] * 2],
    "length_that_was_given": [
        lambda v, n: T.alloc(0.0, abs(n) % 5 + 1).shape[0],
        lambda m: m.reshape((m.shape[1] * m.shape[0], 1)).shape[0],
    ],
    "length_that_was_left": [
        lambda m: m.reshape((1, -1)).shape[1],
        lambda m: exp(m.reshape((-1, m.shape[1]))).shape[0] * 1,
    ],
    "length_of_joined": [lambda v, w: T.concatenate([v, w]).shape[0]],
    "length_of_arange": [lambda n: T.arange(n % 7 - 3).shape[0]],
    "length_of_slice": [
        lambda v: softmax(v)[::-2].shape[0],
        lambda v, n: softmax(v)[n:].shape[0],
    ],
    "shape_from_its_source": [lambda m: exp(m).shape, lambda m: T.dot(m, m.T).shape],
    "reshape_to_its_own_shape": [lambda m: exp(m).reshape(m.shape)],
    "broadcasting_of_nothing": [lambda m: slope(exp(m) ** 2 * m, m)],
    "broadcasting_to_the_source": [lambda m: slope(exp(m), m), lambda m, s: like(s, exp(m))],
    "broadcasting_beside_its_shape": [
        lambda v: T.ones_like(exp(v)) * v,
        lambda m: T.alloc(T.cast(2.0, m.dtype), m.shape[0], m.shape[1]) * m,
    ],
    "increment_of_repeated": [lambda m: slope(m[:, 1:], m), lambda v: slope(v[1:], v)],
    "increment_of_distinct": [
        lambda m, y: slope(picked(m, y), m),
        lambda v: T.inc_subtensor(v[T.arange(v.shape[0])], 1.0),
    ],
}

SLICES = {
    "index_of_everything": [lambda v: exp(v)[:], lambda m: exp(m)[:, :]],
    "entry_of_vector": [lambda s, t: T.stack([s, t])[1]],
    "index_of_cast": [lambda i: T.cast(i, "float64")[1:], lambda v: T.cast(v, "float64")[::-1]],
    "index_of_scaled": [
        lambda v: ((v - 1) / 255)[1:],
        lambda m: tanh(m / 3)[::-1, 1:],
        lambda m, r: (m - r)[:2, 1:],
        lambda A: (A * 2)[T.constant([1, 0, 1])],
    ],
    "index_of_view": [lambda m: (m / 255).T[1:], lambda m: (m * 2).flatten()[::-1]],
}

INCREMENTS = {
    "plus_increments": [lambda a: a + looked_up(a, T.constant([0, 2, 0]))],
    "minus_increments": [lambda a: a - looked_up(a, T.constant([0, 2, 0]))],
    "negative_increments": [lambda a: -looked_up(a, T.constant([1, 1]))],
    "scaled_increments": [
        lambda a, s: s * looked_up(a, T.constant([0, 2])),
        lambda a: a - 0.1 * looked_up(a, T.constant([0, 0])),
    ],
    "divided_increments": [lambda a, s: looked_up(a, T.constant([0, 2])) / s],
    "cast_increments": [lambda a: T.cast(looked_up(a, T.constant([0, 2])), "float64")],
    "increments_in_own_dtype": [
        lambda a: T.cast(T.inc_subtensor(T.cast(a, "float64")[T.constant([0, 0])], 1.5), a.dtype),
    ],
}

ALGEBRA = {
    "times_one": [lambda v: v * 1, lambda v: 1.0 * exp(v), lambda i: i * 1],
    "over_one": [lambda v: v / 1],
    "over_power_of_two": [lambda v: v / 4, lambda v: v / -0.5],
    "plus_zero": [lambda i: i + 0, lambda v: v + T.constant(np.array(-0.0, "float32"))],
    "minus_zero": [lambda i: i - 0, lambda v: v - 0.0],
    "small_power": [
        lambda v: v**1,
        lambda v: v**2,
        lambda v: v**3,
        lambda v: v**4,
        lambda v: v**-1,
        lambda i: i**2,
        lambda i: i**3,
        lambda s: s**4.0,
    ],
    "factors_gathered": [
        lambda v: v * 3 * 0.5,
        lambda v: 4 * (v * 0.1),
        lambda v: v / 3 * 2,
        lambda v: 3 / v * -2,
    ],
    "minus_minus": [lambda v: T.neg(-v), lambda i: T.neg(-i)],
    "minus_of_scaled": [
        lambda v, s: -(s * v),
        lambda v, s: -(v / s),
        lambda v, s: -(s / v),
        lambda v: -(3 * v),
        lambda v: -(v * 2.0),
    ],
    "minus_in_product": [
        lambda v, w: (-v) * (-w),
        lambda v, s: (-v) * s,
        lambda v, w: (-v) / (-w),
        lambda v, s: s / (-v),
        lambda i, j: (-i) * (-j),
    ],
    "plus_minus": [
        lambda v, w: v + -w,
        lambda v, w: -v + w,
        lambda v, w, s: v + (-s) * w,
        lambda v, w, u: v + w * -u,
        lambda i, j: i + -j,
    ],
    "minus_of_minus": [lambda v, w: v - -w, lambda v, w, u: v - (-w) * u, lambda i, j: i - -j],
    "truth_of_number": [
        lambda c: T.neq(T.cast(c, "float32"), 0),
        lambda c, v: T.neq(T.cast(v > 0, "int8"), 0),
    ],
    "of_minus": [
        lambda v: T.sqr(-v),
        lambda v: abs(-v),
        lambda v: T.sqr(abs(v)),
        lambda v: abs(abs(v)),
    ],
    "dimshuffle_of_dimshuffle": [
        lambda m: exp(m).T.T,
        lambda m: m.T.dimshuffle("x", 0, 1),
        lambda m: m.T.dimshuffle(1, "x", 0),
    ],
    "dimshuffle_of_nothing": [lambda m: ops.DimShuffle((0, 1)).make(exp(m))],
    "reshape_of_new_axes": [lambda m: m.dimshuffle(0, "x", 1).reshape((m.size, 1))],
    "reshape_of_reshape": [lambda m: m.flatten().reshape((m.shape[1], m.shape[0]))],
    "cast_to_own_dtype": [lambda v: ops.Cast(v.dtype).make(v), lambda i: ops.Cast("int64").make(i)],
    "cast_of_cast": [
        lambda c: T.cast(T.cast(c, "int32"), "float64"),
        lambda i: T.cast(T.cast(T.cast(i, "int16"), "int32"), "int16"),
        lambda v: T.cast(T.cast(T.cast(v, "float32"), "float64"), "float32"),
    ],
    "broadcast_beside_the_shape": [
        lambda v, s: T.alloc(s, 1) + v,
        lambda x, s: T.alloc(s, 3) * T.stack([x, exp(x)]),
    ],
    "of_filling": [lambda m, s: exp(like(s, m)), lambda v, s: -like(s, v)],
    "axes_in_front": [
        lambda m, v: m + v.dimshuffle("x", 0),
        lambda m, s: m * T.exp(s).dimshuffle("x"),
    ],
    "folded": [
        lambda v: v * (T.constant(2.0) + 3),
        lambda v: v + T.log(T.constant(np.array([0.0, -1.0]))).sum(),
        lambda i: i * (T.constant(np.int64(2**62)) * 4),
    ],
}

LOSSES = {
    "log_softmax_of_classes": [lambda m, y: nll(m, y), lambda m, y: T.log(picked(softmax(m), y))],
    "negative_of_negative_losses": [lambda m, y: nll(m, y)],
    "negative_losses_in_mean": [
        lambda m, y: nll(m, y),
        lambda m, y: T.log(picked(softmax(m), y)).sum(),
    ],
    "shape_of_losses": [
        lambda m, y, s: like(s, log(softmax(m))[T.arange(m.shape[0]), y]),
        lambda m, y, s: T.log(softmax(m))[T.arange(m.shape[0]), y].shape[0] * 2,
    ],
    "gradient_of_losses": [
        lambda m, y: T.grad(nll(m, y), m),
        lambda m, y: slope(T.log(picked(softmax(m), y)), m),
    ],
}

INNER = {
    "sum_of_squares": [lambda v: (v**2).sum(), lambda m: T.sqr(m).sum()],
    "sum_of_products": [lambda v: (v * exp(v)).sum(), lambda m: (m * tanh(m)).sum()],
}

LOWERING = {
    "product_of_sigmoids": [lambda v: slope(sigmoid(v), v), lambda v: slope(sigmoid(-v), v)],
    "slope_of_sigmoid_as_exp": [lambda v: slope(sigmoid(v), v), lambda v: sigmoid(-v) * sigmoid(v)],
    "sgn_as_clip": [lambda v: T.sgn(v), lambda v: slope(abs(v), v)],
    "sigmoid_as_exp": [
        lambda v: sigmoid(v),
        lambda v: sigmoid(-v),
        lambda v: sigmoid(-abs(v)),
        lambda v: sigmoid(abs(v)),
        lambda v: slope(sigmoid(v), v),
    ],
    "softplus_as_log1p": [
        lambda v: T.nnet.softplus(v),
        lambda v: T.nnet.softplus(-v),
        lambda v: T.nnet.softplus(abs(v)),
        lambda v: T.nnet.softplus(-abs(v)),
    ],
    "logaddexp_as_log1p": [lambda v, w: T.log(exp(v) + exp(w))],
    "log1p_as_log": [lambda v: T.log1p(v)],
    "expm1_as_tanh": [lambda v: T.expm1(v)],
    "times_inverse": [lambda v, w: v * (1 / w), lambda v, w: (1 / w) * v],
    "square": [lambda v: v * v],
    "relu_as_maximum": [lambda v: T.nnet.relu(v)],
    "bound_as_clip": [
        lambda v: T.maximum(v, 0.25),
        lambda v: T.minimum(-0.5, v),
        lambda v: T.maximum(v, -np.inf),
    ],
    "leaky_relu_as_maximum": [
        lambda v: T.nnet.relu(v, 0.1),
        lambda v: T.nnet.relu(v, -0.5),
        lambda v: T.nnet.relu(v, 3),
        lambda v, s: T.nnet.relu(v, s),
    ],
    "choice_as_product": [
        lambda v: T.switch(v > 0, v, 0),
        lambda v, w: T.switch(v > 0, 0, w),
        lambda v: slope(T.switch(v > 0, log(v), 0), v),
    ],
    "unless_nan_as_product": [lambda v, w: unless_nan(v, w)],
    "softsign_as_quotient": [lambda v: T.nnet.softsign(v)],
    "weighted_as_choice": [lambda v, w: weighted(v, w)],
    "times_or_zero_as_choice": [lambda v, w: ops.times_or_zero(v, w)],
    "xlogx_as_log": [lambda v: T.xlogx.xlogx(v)],
    "xlogy0_as_log": [lambda v, w: T.xlogx.xlogy0(v, w)],
    "round_as_trunc": [lambda v: T.round(v, mode="half_away_from_zero")],
    "inverse_square": [lambda v: v**-2],
}

PASSES = {  # what looks at a whole graph, by the name of its pass
    "broadcasting": [
        lambda m, p: like(m.sum(axis=0), p.sum(axis=1)) + T.dot(m, p).sum(),
        lambda m, p: SumLike().make(tanh(m[0]), p[:, 0]) + T.dot(m, p).sum(),
    ],
    "blas": [
        lambda m, s: m + (m / s + T.dot(m, tanh(T.dot(m.T, m)))),
        lambda m, p: m - 0.1 * T.dot(m, tanh(T.dot(m.T, m))),
        lambda m, s: m - s * (T.dot(m, tanh(T.dot(m.T, m))) + 0.5 * m),
        lambda m, p, s: p / 3 - T.dot(m, tanh(T.dot(m.T, p))) / s,
        lambda m, p, s, t: s * (t * T.dot(m, tanh(T.dot(m.T, p)))) + p,
        lambda m, p, s: s * (p - T.dot(m, tanh(T.dot(m.T, p)))),
    ],
}

RULES = STABILITY | SPELLINGS | SHAPES | SLICES | INCREMENTS | ALGEBRA | LOSSES | INNER | LOWERING
