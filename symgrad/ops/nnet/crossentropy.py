"""Cross-entropies of predictions and targets, and what classifiers need beside them.

Nothing here guards against `log(0)`: where a prediction is a sigmoid or softmax, the rewrite rules
turn its logarithm into a stable form, before differentiation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, ShapeError, describe, made_at
from symgrad.graph.types import ValueType, is_discrete, tensor_type
from symgrad.ops.arithmetic.elementwise import Cast, cast, eq, log, mul, real_float
from symgrad.ops.arrays.constructors import arange
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.arrays.shaping import DimShuffle, Reshape, alloc, reshape
from symgrad.ops.families import elementwise
from symgrad.ops.indexing.indexing import Index, entries_of, set_subtensor
from symgrad.ops.linalg.linalg import dot
from symgrad.ops.nnet.nnet import sigmoid, weighted
from symgrad.ops.nnet.softmax import Softmax, logsoftmax, softmax
from symgrad.ops.op import Arg, Example, Op, as_expr, common_dtype
from symgrad.ops.reductions.reduction import argmax, max, sum

# -- of two outcomes -------------------------------------------------------------------------


def binary_crossentropy(output: Any, target: Any) -> Any:
    """``-(target * log(output) + (1 - target) * log(1 - output))``, element by element.

    Parameters
    ----------
    output : array_like
        Predicted probabilities in [0, 1]; ``0 * log(0)`` is 0, and so is its slope. Where they
        are `sigmoid(x)`, also reshaped or indexed, value and gradient are exact for every x.
    target : array_like
        True probabilities, or 0 and 1; integers take the dtype of `output`.

    Returns
    -------
    tensor
        In the shape of `output` broadcast with `target`.

    >>> binary_crossentropy([0.5, 0.9], [1, 1]).eval()
    array([0.69314718, 0.10536052])
    """
    output = real_float(output, "binary_crossentropy")
    target = _like_float(target, output, "binary_crossentropy")
    times = _times_log_of(output, sigmoid)
    return -(times(target, log(output)) + times(1 - target, log(1 - output)))


def _times_log_of(probability: Any, *stable: Any) -> Any:
    """How to multiply a weight with the log of something: with one that is finite, plainly."""
    while isinstance(probability.op, (Cast, DimShuffle, Index, Reshape)):
        probability = probability.inputs[0]
    op = probability.op
    return mul if op in stable or isinstance(op, Softmax) else weighted


def _like_float(target: Any, output: Any, what: str) -> Any:
    """Targets; integers and booleans in the dtype of the predictions, which they fit in."""
    target = as_expr(target, what)
    return cast(target, output.dtype) if is_discrete(target.dtype) else target


def _excess(g: Any, y: Any, x: Any, t: Any) -> Sequence[Any]:
    # sigmoid(x) - t, without cancelling where the prediction is nearly certain
    return g * ((1 - t) * sigmoid(x) - t * sigmoid(-x)), -g * x


@elementwise(
    vjp=_excess,
    domain=((-4.0, 4.0), (0.0, 1.0)),
    dtype="float",
    name="sigmoid_binary_crossentropy",
    real=True,
)
def logistic_loss(xp: Any, x: Any, t: Any) -> Any:
    """``t * softplus(-x) + (1 - t) * softplus(x)`` with one exponential.

    >>> logistic_loss([0.0, 800.0], 1.0).eval()
    array([0.69314718, 0.        ])
    """
    wrong = xp.where(x > 0, (1 - t) * x, -t * x)
    return wrong + xp.log1p(xp.exp(-xp.absolute(x)))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """Binary cross-entropy of `sigmoid(output)` and targets, element by element.

    Parameters
    ----------
    output : array_like
        Predictions before the sigmoid; any real number.
    target : array_like
        True probabilities, or 0 and 1; integers take the dtype of `output`.

    >>> sigmoid_binary_crossentropy([0.0, 800.0], [1, 0]).eval()
    array([6.93147181e-01, 8.00000000e+02])
    """
    output = real_float(output, "sigmoid_binary_crossentropy")
    return logistic_loss(output, _like_float(target, output, "sigmoid_binary_crossentropy"))


# -- of several outcomes ---------------------------------------------------------------------


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """Cross-entropy of predicted and true distributions, one number for each prediction.

    Parameters
    ----------
    coding_dist : array_like
        Predicted probabilities, which add up to 1 along the last axis; ``0 * log(0)`` is 0, and so
        is its slope. Where they are `softmax(x)`, also reshaped or indexed, value and gradient are
        exact for every x.
    true_dist : array_like
        Either distributions of the same rank, or integers of one rank less: the true classes.

    Returns
    -------
    tensor
        ``-sum(true_dist * log(coding_dist), axis=-1)``, of one rank less than `coding_dist`.

    Raises
    ------
    GraphTypeError
        If the ranks do not fit, or classes are not integers.
    IndexRangeError
        If a class is not one of those that there are predictions for, counted from 0: now, or when
        the function runs.

    >>> categorical_crossentropy([[0.5, 0.5], [0.1, 0.9]], [0, 1]).eval()
    array([0.69314718, 0.10536052])
    >>> categorical_crossentropy([[0.5, 0.5]], [[0.5, 0.5]]).eval()
    array([0.69314718])
    """
    coding = real_float(coding_dist, "categorical_crossentropy")
    true = as_expr(true_dist, "categorical_crossentropy")
    if coding.ndim and true.ndim == coding.ndim:
        true = _like_float(true, coding, "categorical_crossentropy")
        return -sum(_times_log_of(coding)(true, log(coding)), axis=-1)
    if coding.ndim and true.ndim == coding.ndim - 1:
        return crossentropy_categorical_1hot(coding, true)
    raise GraphTypeError(
        f"categorical_crossentropy: the targets {describe(true)} fit neither as distributions "
        f"(rank {coding.ndim}) nor as classes (integers of rank {coding.ndim - 1}) to the "
        f"predictions {describe(coding)}.\n{made_at(true)}"
    )


def crossentropy_categorical_1hot(coding_dist: Any, true_one_of_n: Any) -> Any:
    """``-log(coding_dist[i, true_one_of_n[i]])``: cross-entropy where one class is the true one.

    Parameters
    ----------
    coding_dist : array_like
        Predicted probabilities along the last axis.
    true_one_of_n : array_like of int
        The true classes, of one rank less; from 0, and a negative one is refused.

    >>> crossentropy_categorical_1hot([[0.5, 0.5], [0.1, 0.9]], [0, 1]).eval()
    array([0.69314718, 0.10536052])
    """
    coding = real_float(coding_dist, "crossentropy_categorical_1hot")
    # the log of the entry, not the entry of the logs: 1 / 0 is no factor of the others' slopes
    return -log(_of_class(coding, true_one_of_n, "crossentropy_categorical_1hot"))


def _of_class(x: Any, classes: Any, what: str) -> Any:
    """The entries of `x` along its last axis that the classes name."""
    classes = as_expr(classes, what)
    if not is_discrete(classes.dtype) or classes.dtype == "bool" or classes.ndim != x.ndim - 1:
        raise GraphTypeError(
            f"{what}: the classes must be integers of rank {x.ndim - 1}, one for each prediction "
            f"in {describe(x)}, not {describe(classes)}. Cast them: T.cast(y, 'int32').\n"
            f"{made_at(classes)}"
        )
    for axis, (n, m) in enumerate(zip(x.static_shape[:-1], classes.static_shape, strict=True)):
        if None not in (n, m) and n != m:
            raise ShapeError(
                f"{what}: {m} classes along axis {axis} of {describe(classes)} for {n} predictions "
                f"in {describe(x)}; each needs one.\n{made_at(classes)}"
            )
    if x.ndim == 1:
        return entries_of(x, classes)
    rows = x if x.ndim == 2 else reshape(x, (-1, dim(x, x.ndim - 1)))
    flat = classes if x.ndim == 2 else classes.flatten()
    chosen = entries_of(rows, (arange(dim(flat, 0)), flat))
    if x.ndim == 2:
        return chosen
    return reshape(chosen, [dim(classes, a) for a in range(classes.ndim)])


def crossentropy_softmax_1hot(x: Any, y_idx: Any) -> tuple[Any, Any]:
    """Cross-entropy of `softmax(x)` where one class is the true one.

    Parameters
    ----------
    x : array_like
        A row of scores for each prediction.
    y_idx : array_like of int
        The true classes.

    Returns
    -------
    tuple
        The cross-entropies, a vector, and `softmax(x)`.

    >>> loss, p = crossentropy_softmax_1hot([[0.0, 0.0], [0.0, 2000.0]], [0, 0])
    >>> loss.eval()
    array([6.93147181e-01, 2.00000000e+03])
    """
    x = real_float(x, "crossentropy_softmax_1hot")
    loss = -_of_class(logsoftmax(x, axis=-1), y_idx, "crossentropy_softmax_1hot")
    return loss, softmax(x, axis=-1)


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y_idx: Any) -> tuple[Any, Any]:
    """`crossentropy_softmax_1hot` of ``x + b``.

    >>> loss, p = crossentropy_softmax_1hot_with_bias([[0.0, 0.0]], [0.0, 2000.0], [0])
    >>> loss.eval()
    array([2000.])
    """
    return crossentropy_softmax_1hot(as_expr(x, "crossentropy_softmax_1hot_with_bias") + b, y_idx)


def crossentropy_softmax_argmax_1hot_with_bias(x: Any, b: Any, y_idx: Any) -> tuple[Any, Any, Any]:
    """Cross-entropy of ``softmax(x + b)``, that softmax, and its most likely classes.

    >>> results = crossentropy_softmax_argmax_1hot_with_bias([[0.0, 0.0]], [0.0, 9.0], [0])
    >>> results[2].eval()
    array([1])
    """
    scores = as_expr(x, "crossentropy_softmax_argmax_1hot_with_bias") + b
    loss, p = crossentropy_softmax_1hot(scores, y_idx)
    return loss, p, argmax(scores, -1)  # probabilities that are rounded may be equal


def crossentropy_softmax_max_and_argmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any
) -> tuple[Any, Any, Any, Any]:
    """Cross-entropy of ``softmax(x + b)``, that softmax, its largest entries and their classes.

    >>> results = crossentropy_softmax_max_and_argmax_1hot_with_bias([[0.0, 0.0]], [0.0, 9.0], [0])
    >>> results[2].eval()
    array([0.99987661])
    """
    loss, p, most_likely = crossentropy_softmax_argmax_1hot_with_bias(x, b, y_idx)
    return loss, p, max(p, -1), most_likely


def crossentropy_softmax_max_and_argmax_1hot(x: Any, y_idx: Any) -> tuple[Any, Any, Any, Any]:
    """`crossentropy_softmax_max_and_argmax_1hot_with_bias` without bias.

    >>> crossentropy_softmax_max_and_argmax_1hot([[0.0, 9.0]], [0])[3].eval()
    array([1])
    """
    return crossentropy_softmax_max_and_argmax_1hot_with_bias(x, 0, y_idx)


# -- beside them -----------------------------------------------------------------------------


class DistinctValues(Op):
    """The different values of a vector, sorted; how many there are depends on data."""

    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (None,))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.unique(arrays[0])

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(), (Arg((6,), "int64", exact=[3, 1, 3, -2, 1, 1]),), differentiable=False)
        yield Example(cls(), (Arg((0,), "int32", exact=np.zeros(0)),), differentiable=False)


def confusion_matrix(actual: Any, pred: Any) -> list[Any]:
    """Count which classes were predicted as which.

    Parameters
    ----------
    actual, pred : array_like
        Vectors of true and predicted classes: numbers of any dtype.

    Returns
    -------
    list
        The counts (rows: true classes, columns: predicted ones), and the classes in order.

    Raises
    ------
    GraphTypeError
        If an argument is not a vector.

    >>> counts, order = confusion_matrix([2, 0, 2, 2], [0, 0, 2, 2])
    >>> counts.eval(), order.eval()
    (array([[1, 0],
           [1, 2]]), array([0, 2]))
    """
    actual, pred = as_expr(actual, "confusion_matrix"), as_expr(pred, "confusion_matrix")
    for name, classes in (("actual", actual), ("pred", pred)):
        if classes.ndim != 1:
            raise GraphTypeError(
                f"confusion_matrix: {name} must be a vector, not {describe(classes)}."
                f"\n{made_at(classes)}"
            )
    dtype = common_dtype((actual, pred))
    n, m = dim(actual, 0), dim(pred, 0)
    both = set_subtensor(alloc(cast(0, dtype), n + m)[:n], cast(actual, dtype))
    order = DistinctValues().make(set_subtensor(both[n:], cast(pred, dtype)))
    rows = cast(eq(actual.dimshuffle(0, "x"), order), "int64")
    columns = cast(eq(pred.dimshuffle(0, "x"), order), "int64")
    return [dot(rows.T, columns), order]


def prepend_scalar_to_each_row(val: Any, m: Any) -> Any:
    """A matrix with one more column in front, filled with a number.

    >>> prepend_scalar_to_each_row(5, [[1.0, 2.0], [3.0, 4.0]]).eval()
    array([[5., 1., 2.],
           [5., 3., 4.]])
    """
    m = as_expr(m, "prepend_scalar_to_each_row")
    if m.ndim != 2:
        raise GraphTypeError(
            f"prepend_scalar_to_each_row needs a matrix, not {describe(m)}.\n{made_at(m)}"
        )
    wider = alloc(cast(as_expr(val), m.dtype), dim(m, 0), dim(m, 1) + 1)
    return set_subtensor(wider[:, 1:], m)


def prepend_0_to_each_row(x: Any) -> Any:
    """A matrix with a column of zeros in front.

    >>> prepend_0_to_each_row([[1.0]]).eval()
    array([[0., 1.]])
    """
    return prepend_scalar_to_each_row(0, x)


def prepend_1_to_each_row(x: Any) -> Any:
    """A matrix with a column of ones in front.

    >>> prepend_1_to_each_row([[2.0]]).eval()
    array([[1., 2.]])
    """
    return prepend_scalar_to_each_row(1, x)
