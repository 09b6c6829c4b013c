"""Softmax regression on raw pixels, bytes from 0 to 255, by gradient descent on minibatches.

Run it:

    python models/softmax_mnist.py
    python models/softmax_mnist.py --batch-size 10000

The model maps the pixels x of an image linearly to ten numbers z, the logits, and these to
probabilities of the ten classes:

    z = x W + b        p_i = softmax_i(z) = e^{z_i} / Σ_j e^{z_j}

The cost is the cross-entropy, the mean over a minibatch of -log p_y, where y is the true class.
`T.grad` differentiates it; the parameters start at zero and go downhill:

    W ← W - η ∂cost/∂W        b ← b - η ∂cost/∂b

Pixels are usually divided by 255 first. Here they are not, so that gradients are 255 times larger
and the rate η has to be small: 1e-5. At that rate z stays between -24 and 24. But at 1e-4 it
reaches 277 within an epoch, and at 1e-3 2,669, while e^z is infinite from z = 89 on in float32 and
from 710 on in float64: the fraction above would become ∞ / ∞. Nothing changes, though, if a number
is subtracted from all z_i alike,

    e^{z_i} / Σ_j e^{z_j} = e^{z_i - m} / Σ_j e^{z_j - m}        m = max_j z_j

and then the largest exponential is 1. A small p_i may still become 0, with an infinite logarithm;
so the two belong together:

    log p_i = z_i - m - log Σ_j e^{z_j - m}

symgrad computes it so where it sees the logarithm of a softmax: the program below says `softmax`
and `log`, and stays finite at any rate.
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
from datasets.errors import ModelError
from training.options import (
    Parser,
    add_common,
    check_batch_size,
    common,
    output_directory,
    positive_float,
    positive_int,
    results_directory,
)
from training.plots import curves, images, save_figure
from training.progress import Training
from training.running import run
from training.saving import save_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

BATCH_SIZE = 1000

# Steps after which the parameters are remembered, for the plot of their way: 63 MB.
N_REMEMBERED = 2000


class Result(NamedTuple):
    """How a training went."""

    accuracy: list[float]  # on the test images, after each epoch
    cost: list[float]  # the mean over each epoch's minibatches
    params: dict[str, Array]  # W and b at the end
    iterations: list[int]  # steps made at each of the distances
    distance: dict[str, list[float]]  # of W and b then from W and b at the end
    figures: dict[str, Figure]


# ---- the model -----------------------------------------------------------------------------------


class SoftmaxRegression:
    """The graph: from a minibatch `x`, one image per row, to probabilities of the classes.

    Parameters
    ----------
    x
        Symbolic matrix.
    n_in, n_out
        The numbers of pixels and of classes.

    Attributes
    ----------
    W, b
        The parameters, shared variables of shape (n_in, n_out) and (n_out,).
    p
        Symbolic matrix of probabilities; each row's sum is 1.
    predicted
        Symbolic vector: the most probable class of each image.
    """

    def __init__(self, x: Any, n_in: int, n_out: int) -> None:
        floatX = symgrad.config.floatX
        self.W = symgrad.shared(np.zeros((n_in, n_out), floatX), name="W")
        self.b = symgrad.shared(np.zeros(n_out, floatX), name="b")
        self.p = T.nnet.softmax(T.dot(x, self.W) + self.b)
        self.predicted = T.argmax(self.p, axis=1)

    def cost(self, y: Any) -> Any:
        """The cross-entropy: log p at the true class `y` of each row, its mean, negated."""
        return -T.mean(T.log(self.p)[T.arange(y.shape[0]), y])

    def accuracy(self, y: Any) -> Any:
        """The fraction of the minibatch that is classified rightly."""
        return T.mean(T.eq(self.predicted, y))


# ---- the training --------------------------------------------------------------------------------


def train(
    dataset: str | Path | mnist.Dataset = "auto",
    *,
    batch_size: int | None = None,
    learning_rate: float = 1e-5,
    n_epochs: int = 20,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train the model on all training images, in their order, and test it after every epoch.

    Parameters
    ----------
    dataset
        What `mnist.load` takes.
    batch_size
        Images in a minibatch: 1,000 if not given, or 50 of the small digits. What is left over at
        the end of the training images goes unused.
    learning_rate
        The factor η.
    n_epochs
        Passes over the training images.
    seed
        As all the scripts here have it. (This training draws no random numbers.)
    out
        The directory for parameters, plots and state; None for none.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    out = results_directory(out, resume, save="weights.npz")
    data = load(dataset, quiet=quiet)
    if batch_size is None:
        batch_size = min(BATCH_SIZE, data.batch_size) if data.name == "digits" else BATCH_SIZE
    check_batch_size(batch_size, data, training_only=True)
    n_batches = data.train.n // batch_size

    # The images are shared variables; a function is called with a minibatch's number, and cuts it
    # out of them.
    train_x, train_y, test_x, test_y = (
        symgrad.shared(array, borrow=True)
        for array in (data.train.x, data.train.y, data.test.x, data.test.y)
    )
    index = T.lscalar("index")
    x = T.matrix("x")
    y = T.ivector("y")
    model = SoftmaxRegression(x, data.n_features, mnist.N_CLASSES)
    cost = model.cost(y)
    g_W, g_b = T.grad(cost, [model.W, model.b])

    batch = slice(index * batch_size, (index + 1) * batch_size)
    train_model = symgrad.function(
        [index],
        cost,
        updates=[
            (model.W, model.W - learning_rate * g_W),
            (model.b, model.b - learning_rate * g_b),
        ],
        givens={x: train_x[batch], y: train_y[batch]},
    )
    test_model = symgrad.function([], model.accuracy(y), givens={x: test_x, y: test_y})

    training = Training(
        state=out and out / "state.npz",
        params={"W": model.W, "b": model.b},
        settings={
            "dataset": f"{data.name} of {data.train.n} images",
            "batch-size": batch_size,
            "learning-rate": learning_rate,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="softmax_mnist",
    )
    with training:
        remember(training, iteration=0)
        done = training.epoch * n_batches + training.batch
        training.expect(cost=done, accuracy=training.epoch)
        remembered = done // training.notes["stride"] + 1
        training.expect(
            W=(remembered, *model.W.get_value(borrow=True).shape),
            b=(remembered, *model.b.get_value(borrow=True).shape),
        )
        for epoch in training.epochs(n_epochs):
            for minibatch in training.batches(n_batches):
                minibatch_cost = train_model(minibatch)
                training.check(minibatch_cost, learning_rate)
                training.record(cost=minibatch_cost)
                remember(training, iteration=(epoch - 1) * n_batches + minibatch + 1)
            accuracy = float(test_model())
            training.record(accuracy=accuracy)
            training.line(
                f"epoch {epoch:2d}, cost {np.mean(training.history['cost'][-n_batches:]):f}, "
                f"test accuracy {100 * accuracy:.2f} %"
            )

    result = summary(training, n_batches, f"{data.name}, batches of {batch_size:,}")
    print(
        f"Test accuracy after epoch {training.epoch}: {100 * result.accuracy[-1]:.2f} %",
        flush=True,
    )
    if out is not None:
        save_params(out / "weights.npz", **result.params)
        for name, figure in result.figures.items():
            save_figure(figure, out / name)
    return result


def load(dataset: str | Path | mnist.Dataset = "auto", *, quiet: bool = False) -> mnist.Dataset:
    """All training images, as raw pixels, and the test images."""
    dtype = symgrad.config.floatX
    return mnist.load(dataset, scale=1, dtype=dtype, validation=False, quiet=quiet)


# ---- the way of the parameters -------------------------------------------------------------------


def remember(training: Training, iteration: int) -> None:
    """Record the parameters after so many steps: all of them, or in a long training some.

    Whenever there are too many, every second one is forgotten, and from then on only half as many
    are recorded.
    """
    history, notes = training.history, training.notes
    stride = training.note("stride", 1)
    if iteration % stride or len(history.get("W", ())) > iteration // stride:
        return
    training.record(
        **{
            name: shared.get_value(borrow=True).astype("float32")
            for name, shared in training.params.items()
        }
    )
    if len(history["W"]) > N_REMEMBERED:
        for name in training.params:
            history[name] = history[name][::2]
        notes["stride"] = 2 * stride


def summary(training: Training, n_batches: int, about: str) -> Result:
    """What a training has recorded, with its two plots."""
    history = training.history
    params = {name: shared.get_value() for name, shared in training.params.items()}
    stride = training.notes["stride"]
    iterations = [stride * k for k in range(len(history["W"]))]
    distance = {
        # ‖W_t - W_T‖, the square root of the sum of the squares of all elements
        name: [float(np.linalg.norm(value - last.astype("float32"))) for value in history[name]]
        for name, last in params.items()
    }
    costs = np.reshape(history["cost"], (-1, n_batches)).mean(axis=1).tolist()
    figures = {
        "accuracy": draw_accuracy(history["accuracy"], about),
        "distance": draw_distance(iterations, distance, about),
    }
    return Result(history["accuracy"], costs, params, iterations, distance, figures)


# ---- the plots -----------------------------------------------------------------------------------


def draw_accuracy(accuracy: Sequence[float], about: str = "") -> Figure:
    """The accuracy on the test images, after each epoch."""
    return curves(
        {"test": [100 * value for value in accuracy]},
        title=f"Softmax regression on raw pixels: {about}",
        xlabel="epoch",
        ylabel="test images classified rightly (%)",
        markers=len(accuracy) <= 50,
    )


def draw_distance(
    iterations: Sequence[int], distance: dict[str, list[float]], about: str = ""
) -> Figure:
    """How far the parameters still are from where they end, on a logarithmic scale.

    (The last distance, which is 0, has no place on it.)
    """
    lines = {}
    for name, values in distance.items():
        above = [(k, value) for k, value in zip(iterations, values, strict=True) if value > 0]
        lines[f"‖{name} − {name} at the end‖"] = ([k for k, _ in above], [v for _, v in above])
    figure = curves(
        lines,
        title=f"Way of the parameters: {about}",
        xlabel="iterations (minibatches) made",
        ylabel="L2 distance from the final value",
    )
    figure.axes[0].set_yscale("log")
    return figure


def draw_samples(data: mnist.Dataset, n: int = 24, seed: int = 0) -> Figure:
    """Some of the training images, chosen at random, each with its label."""
    if data.image_shape is None:
        raise ModelError(f"{data.name}: rows of {data.n_features} pixels are no square pictures")
    chosen = np.random.RandomState(seed).permutation(data.train.n)[:n]
    return images(
        [data.train.x[k].reshape(data.image_shape) for k in chosen],
        [str(data.train.y[k]) for k in chosen],
        title=f"{len(chosen)} of the {data.train.n:,} training images of {data.name}",
    )


# ---- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(description="Softmax regression on raw pixels, tested after every epoch.")
    add_common(parser, epochs=20, out="softmax_mnist")
    option = parser.add_argument
    text = f"images in a minibatch (default {BATCH_SIZE}, or 50 for 'digits')"
    option("--batch-size", type=positive_int, metavar="N", help=text)
    text = "size of a step (default %(default)s)"
    option("--learning-rate", type=positive_float, default=1e-5, metavar="RATE", help=text)
    text = "first draw some training images with their labels (24, unless a number is given)"
    option("--show-samples", type=positive_int, nargs="?", const=24, metavar="N", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    data = load(options.dataset, quiet=options.quiet)
    if options.show_samples:
        path = output_directory(options.out) / "samples"
        save_figure(draw_samples(data, options.show_samples, options.seed), path)
        if not options.quiet:
            print(f"... samples are in {path}.png", flush=True)
    train(
        data,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        n_epochs=options.epochs,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
