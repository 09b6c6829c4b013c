"""Softmax regression on any data in an ``.npz`` file, by stochastic gradient descent.

Make such a file, of the first 5,000 and 1,000 images of MNIST, and run it:

    python models/make_npz.py mnist.npz
    python models/softmax_npz.py --dataset mnist.npz

The file holds ``X_train`` and ``X_test``, one example per row, and their classes ``y_train`` and
``y_test``, as numbers or one-hot.

Each row gets a 1 at its end. The last row of the weights W is then what each class starts from,
and no separate bias is needed:

    [x 1] W = x W' + b        W = W' with b as one more row

With p = softmax([x 1] W) and the true classes t, as one-hot vectors, the cost is the cross-entropy,
the mean over a minibatch of

    H(t, p) = -Σ_i t_i log p_i

and every step goes against its gradient, W ← W - η ∂H/∂W. The softmax is over the classes of one
example, so that each row of p adds up to 1. (docs/debugging.md
shows how to find out that it does not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets import mnist
from training.options import (
    Parser,
    add_common,
    check_batch_size,
    common,
    positive_float,
    positive_int,
    results_directory,
)
from training.plots import curves, save_figure
from training.progress import Training
from training.running import run
from training.saving import save_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

SCALE = 255.0


class Result(NamedTuple):
    """How a training went."""

    cross_entropy: list[float]  # of each minibatch, before its step
    train_accuracy: list[float]  # after each epoch
    test_accuracy: list[float]
    params: dict[str, Array]  # W at the end
    figures: dict[str, Figure]


# ---- the data ------------------------------------------------------------------------------------


def load(
    dataset: str | Path | mnist.Dataset,
    *,
    scale: float = SCALE,
    n_classes: int = mnist.N_CLASSES,
    quiet: bool = False,
) -> mnist.Dataset:
    """The examples for training, all of them, and for testing.

    Parameters
    ----------
    dataset
        What `mnist.load` takes.
    scale
        Bytes are divided by this. Floats stay as they are.
    n_classes
        Labels run from 0 to ``n_classes - 1``.
    quiet
        Print nothing.
    """
    return mnist.load(
        dataset,
        scale=scale,
        dtype=symgrad.config.floatX,
        n_classes=n_classes,
        validation=False,
        quiet=quiet,
    )


def with_ones(x: Array) -> Array:
    """The rows of `x` with a 1 at the end of each.

    >>> with_ones(np.array([[2.0, 3.0], [4.0, 5.0]]))
    array([[2., 3., 1.],
           [4., 5., 1.]])
    """
    return np.hstack([x, np.ones((len(x), 1), x.dtype)])


# ---- the training --------------------------------------------------------------------------------


def train(
    dataset: str | Path | mnist.Dataset = "auto",
    *,
    batch_size: int = 256,
    learning_rate: float = 0.1,
    n_epochs: int = 10,
    shuffle: bool = True,
    scale: float = SCALE,
    n_classes: int = mnist.N_CLASSES,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train the model, and after every epoch measure its accuracy.

    Parameters
    ----------
    dataset, scale, n_classes
        See `load`.
    batch_size
        Examples in a minibatch. What is left over at the end of an epoch goes unused in it.
    learning_rate
        The factor η.
    n_epochs
        Passes over the training examples.
    shuffle
        Take the examples in another order in every epoch; otherwise in the file's.
    seed
        Of the orders.
    out
        The directory for parameters, plots and state; None for none.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    out = results_directory(out, resume, save="weights.npz")
    data = load(dataset, scale=scale, n_classes=n_classes, quiet=quiet)
    check_batch_size(batch_size, data, training_only=True)
    n_batches = data.train.n // batch_size

    # -- The model ---------------------------------------------------------------------------------

    X = T.matrix("X")  # a minibatch, one example per row, with a 1 at the end of each
    y = T.ivector("y")  # its classes
    start = np.zeros((data.n_features + 1, n_classes), symgrad.config.floatX)
    W = symgrad.shared(start, name="W")
    p = T.nnet.softmax(T.dot(X, W))  # row by row: the classes are the last axis
    cross_entropy = T.mean(T.nnet.categorical_crossentropy(p, y))
    accuracy = T.mean(T.eq(T.argmax(p, axis=1), y))

    # -- Its functions -----------------------------------------------------------------------------

    train_x = symgrad.shared(with_ones(data.train.x), borrow=True)
    test_x = symgrad.shared(with_ones(data.test.x), borrow=True)
    train_y = symgrad.shared(data.train.y, borrow=True)
    test_y = symgrad.shared(data.test.y, borrow=True)
    order = symgrad.shared(np.arange(data.train.n), name="order")

    index = T.lscalar("index")  # the number of a minibatch
    batch: Any = slice(index * batch_size, (index + 1) * batch_size)
    if shuffle:
        batch = order[batch]
    train_model = symgrad.function(
        [index],
        cross_entropy,
        updates=[(W, W - learning_rate * T.grad(cross_entropy, W))],
        givens={X: train_x[batch], y: train_y[batch]},
    )
    train_accuracy = symgrad.function([], accuracy, givens={X: train_x, y: train_y})
    test_accuracy = symgrad.function([], accuracy, givens={X: test_x, y: test_y})

    # -- The training ------------------------------------------------------------------------------

    training = Training(
        state=out and out / "state.npz",
        params={"W": W},
        settings={
            "dataset": f"{data.name} of {data.train.n} examples",
            "batch-size": batch_size,
            "learning-rate": learning_rate,
            "no-shuffle": not shuffle,
            "scale": scale,
            "classes": n_classes,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="softmax_npz",
    )
    history = training.history
    training.expect(cross_entropy=training.epoch * n_batches + training.batch)
    training.expect(train_accuracy=training.epoch, test_accuracy=training.epoch)
    with training:
        for epoch in training.epochs(n_epochs):
            if shuffle:
                order.set_value(training.rng.permutation(data.train.n))
            for minibatch in training.batches(n_batches):
                cost = train_model(minibatch)
                training.check(cost, learning_rate, "cross-entropy")
                training.record(cross_entropy=cost)
            training.record(train_accuracy=train_accuracy(), test_accuracy=test_accuracy())
            training.line(
                f"epoch {epoch:2d}, cross-entropy "
                f"{np.mean(history['cross_entropy'][-n_batches:]):f}, "
                f"training accuracy {100 * history['train_accuracy'][-1]:.2f} %, "
                f"test accuracy {100 * history['test_accuracy'][-1]:.2f} %"
            )

    costs = history["cross_entropy"]
    accuracies = history["train_accuracy"], history["test_accuracy"]
    figures = {
        "loss": draw_loss(costs, n_batches, data.name),
        "accuracy": draw_accuracy(*accuracies, data.name),
    }
    result = Result(costs, *accuracies, {"W": W.get_value()}, figures)
    print(
        f"Test accuracy after epoch {training.epoch}: {100 * result.test_accuracy[-1]:.2f} %",
        flush=True,
    )
    if out is not None:
        save_params(out / "weights.npz", **result.params)
        for name, figure in figures.items():
            save_figure(figure, out / name)
    return result


# ---- the plots -----------------------------------------------------------------------------------


def draw_loss(costs: Sequence[float], n_batches: int, about: str = "") -> Figure:
    """The cross-entropy of every minibatch, and its mean over each epoch of `n_batches`."""
    means = np.reshape(costs, (-1, n_batches)).mean(axis=1)
    middles = n_batches * (np.arange(len(means)) + 0.5)
    figure = curves(
        {"one minibatch": costs, "mean of an epoch": (middles.tolist(), means.tolist())},
        title=f"Softmax regression: {about}",
        xlabel="minibatch",
        ylabel="cross-entropy (nats per example)",
    )
    [axes] = figure.axes
    noisy, smooth = axes.get_lines()
    noisy.set(linewidth=1, alpha=0.5)
    smooth.set(linestyle="-", marker="o" if len(means) <= 50 else "")
    axes.legend(fontsize=12)
    return figure


def draw_accuracy(train: Sequence[float], test: Sequence[float], about: str = "") -> Figure:
    """The accuracy on training and on test examples after each epoch."""
    return curves(
        {"training": [100 * value for value in train], "test": [100 * value for value in test]},
        title=f"Softmax regression: {about}",
        xlabel="epoch",
        ylabel="classified rightly (%)",
        markers=len(train) <= 50,
    )


# ---- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(
        description="Softmax regression on an .npz with X_train, y_train, X_test and y_test "
        "(make_npz.py makes one)."
    )
    add_common(parser, epochs=10, out="softmax_npz")
    option = parser.add_argument
    text = "examples in a minibatch (default %(default)s)"
    option("--batch-size", type=positive_int, default=256, metavar="N", help=text)
    text = "size of a step (default %(default)s)"
    option("--learning-rate", type=positive_float, default=0.1, metavar="RATE", help=text)
    text = "take the examples in the file's order in every epoch"
    option("--no-shuffle", action="store_true", help=text)
    text = "bytes are divided by this (default %(default)g), floats stay as they are"
    option("--scale", type=positive_float, default=SCALE, metavar="NUMBER", help=text)
    text = "number of classes (default %(default)s): labels run from 0 to one less"
    option("--classes", type=positive_int, default=mnist.N_CLASSES, metavar="N", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    train(
        options.dataset,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        n_epochs=options.epochs,
        shuffle=not options.no_shuffle,
        scale=options.scale,
        n_classes=options.classes,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
