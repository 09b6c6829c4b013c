"""Logistic regression between two classes of images, by gradient descent on all of them at once.

Run it, on the zeros and ones of MNIST, or on a directory of pictures of your own:

    python models/binary_logistic.py
    python models/binary_logistic.py --dataset pictures --classes cat dog

where the pictures of each class are in a directory of its name, ``pictures/train/cat/1.jpg`` and so
on, and pictures for testing, if any, in ``pictures/test/cat`` and ``pictures/test/dog``.

Every image is made small, 8x8 pixels, so that it is a vector x of 64 numbers from 0 to 1. One
weight for each pixel, w, and the sigmoid function give the probability of the second class:

    p(x) = σ(x·w)        σ(z) = 1 / (1 + e^{-z})

and the image is said to belong to it if p(x) exceeds a threshold, 1/2. With y = 1 for images of the
second class and y = 0 for those of the first, the cost is the binary cross-entropy

    ℓ(w) = -1/n Σ_k [y_k log p(x_k) + (1 - y_k) log(1 - p(x_k))]

and each epoch is one step downhill, w ← w - η ∂ℓ/∂w, with the gradient over all images: `T.grad`
finds it. Where the model is certain, p rounds to 0 or 1 and a logarithm would be infinite; symgrad
recognises the logarithm of a sigmoid and computes log σ(z) = -log(1 + e^{-z}) without rounding p.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets.two_classes import SIDE, Data, load
from training.options import (
    DATASETS,
    Parser,
    add_common,
    common,
    number,
    positive_float,
    positive_int,
    results_directory,
)
from training.progress import Training
from training.running import run
from training.saving import save_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


class Result(NamedTuple):
    """How a training went."""

    loss: list[float]  # on the training images, after each epoch
    accuracy: list[float]
    test_accuracy: float | None
    params: dict[str, Array]  # W, one weight per pixel, and perhaps b
    figures: dict[str, Figure]


# ---- the model -----------------------------------------------------------------------------------


class BinaryLogisticRegression:
    """The graph: from images `x`, one per row, to probabilities of the second class.

    Parameters
    ----------
    x
        Symbolic matrix.
    start
        The weights at the beginning.
    bias
        Whether p(x) = σ(x·w + b), with a number b that starts at 0.
    threshold
        The probability above which an image is said to belong to the second class.

    Attributes
    ----------
    W, b
        The parameters, shared variables: a vector and, if there is one, a number.
    params
        Them by name.
    p
        Symbolic vector of probabilities.
    predicted
        Symbolic vector of classes, 0 or 1.
    """

    def __init__(self, x: Any, start: Array, *, bias: bool = False, threshold: float = 0.5) -> None:
        floatX = symgrad.config.floatX
        self.W = symgrad.shared(start.astype(floatX), name="W")
        self.params = {"W": self.W}
        z = T.dot(x, self.W)
        if bias:
            self.b = symgrad.shared(np.zeros((), floatX), name="b")
            self.params["b"] = self.b
            z = z + self.b
        self.p = T.nnet.sigmoid(z)
        self.predicted = T.gt(self.p, threshold)

    def cost(self, y: Any) -> Any:
        """The binary cross-entropy with the true classes `y`, in nats per image."""
        return T.mean(T.nnet.binary_crossentropy(self.p, y))

    def accuracy(self, y: Any) -> Any:
        """The fraction of images that are put into the right class."""
        return T.mean(T.eq(self.predicted, y))


# ---- the training --------------------------------------------------------------------------------


def train(
    dataset: str | Path | Data = "auto",
    classes: Sequence[str] = ("0", "1"),
    *,
    per_class: int = 500,
    learning_rate: float = 0.01,
    n_epochs: int = 100,
    threshold: float = 0.5,
    bias: bool = False,
    mixed_sizes: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train the model, and measure after every epoch how well it does.

    Parameters
    ----------
    dataset, classes, per_class, mixed_sizes
        See `load`; or what it has returned.
    learning_rate
        The factor η.
    n_epochs
        Steps, each with the gradient over all training images.
    threshold, bias
        See `BinaryLogisticRegression`.
    seed
        Of the weights at the beginning: normally distributed, with a standard deviation of 0.1.
    out
        The directory for parameters, plots and state; None for none.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    out = results_directory(out, resume, save="weights.npz")
    data = dataset
    if not isinstance(data, Data):
        data = load(data, classes, per_class=per_class, mixed_sizes=mixed_sizes, quiet=quiet)

    # -- The model ---------------------------------------------------------------------------------

    x = T.matrix("x")  # images, one per row
    y = T.ivector("y")  # their classes, 0 or 1
    start = np.random.RandomState(seed).normal(0, 0.1, SIDE * SIDE)
    model = BinaryLogisticRegression(x, start, bias=bias, threshold=threshold)
    cost, accuracy = model.cost(y), model.accuracy(y)
    gradients = T.grad(cost, list(model.params.values()))

    floatX = symgrad.config.floatX
    train_x, train_y = np.divide(data.train_x, 255, dtype=floatX), data.train_y
    on_training_images = {
        # (with lengths that are fixed, so that nothing has to be found out in every step)
        x: symgrad.shared(train_x, borrow=True, shape=train_x.shape),
        y: symgrad.shared(train_y, borrow=True, shape=train_y.shape),
    }
    train_model = symgrad.function(
        [],
        updates=[
            (param, param - learning_rate * gradient)
            for param, gradient in zip(model.params.values(), gradients, strict=True)
        ],
        givens=on_training_images,
    )
    measure = symgrad.function([], [cost, accuracy], givens=on_training_images)
    test_model = symgrad.function([x, y], accuracy)

    # -- The training ------------------------------------------------------------------------------

    training = Training(
        state=out and out / "state.npz",
        params=model.params,
        settings={
            "dataset": f"{data.name} of {len(data.train_y)} images",
            "classes": data.classes,
            "learning-rate": learning_rate,
            "threshold": threshold,
            "bias": bias,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="binary_logistic",
    )
    training.expect(loss=training.epoch, accuracy=training.epoch)
    with training:
        for epoch in training.epochs(n_epochs):
            for _ in training.batches(1):
                train_model()
            loss, right = measure()
            training.check(loss, learning_rate, "loss")
            training.record(loss=loss, accuracy=right)
            training.line(f"epoch {epoch:3d}, loss {loss:f}, accuracy {100 * right:.2f} %")

    history = training.history
    summary = (
        f"Training accuracy after {training.epoch} epochs: {100 * history['accuracy'][-1]:.2f} %"
    )
    test_accuracy = None
    if data.test_y.size:
        test_accuracy = float(test_model(np.divide(data.test_x, 255, dtype=floatX), data.test_y))
        summary += f", test accuracy on {data.test_y.size:,} images: {100 * test_accuracy:.2f} %"
    print(summary, flush=True)

    params = {name: shared.get_value() for name, shared in model.params.items()}
    about = f"{data.classes[0]} or {data.classes[1]}, {data.name}"
    figures = {
        "loss": draw_loss(history["loss"], about),
        "accuracy": draw_accuracy(history["accuracy"], about),
        "weights": draw_weights(params["W"], data.classes),
    }
    if out is not None:
        from training.plots import save_figure

        save_params(out / "weights.npz", **params)
        for name, figure in figures.items():
            save_figure(figure, out / name)
    return Result(history["loss"], history["accuracy"], test_accuracy, params, figures)


# ---- the plots -----------------------------------------------------------------------------------


def draw_loss(loss: Sequence[float], about: str = "") -> Figure:
    """The cross-entropy on the training images after each epoch."""
    from training.plots import curves  # (matplotlib takes a while to load)

    return curves(
        {"training": loss},
        title=f"Logistic regression: {about}",
        xlabel="epoch",
        ylabel="cross-entropy (nats per image)",
    )


def draw_accuracy(accuracy: Sequence[float], about: str = "") -> Figure:
    """The accuracy on the training images after each epoch."""
    from training.plots import curves

    return curves(
        {"training": [100 * value for value in accuracy]},
        title=f"Logistic regression: {about}",
        xlabel="epoch",
        ylabel="training images classified rightly (%)",
    )


def draw_weights(W: Array, classes: Sequence[str] = ("0", "1")) -> Figure:
    """The weights where their pixels are: red for the second class, blue for the first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.5), layout="constrained")
    axes = figure.add_subplot()
    limit = max(float(np.abs(W).max()), 1e-12)  # so that white is 0
    picture = axes.imshow(W.reshape(SIDE, SIDE), cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set(title="Weights of the pixels", xlabel="column", ylabel="row")
    axes.set(xticks=range(SIDE), yticks=range(SIDE))
    bar = figure.colorbar(picture)
    bar.set_label(f"weight: ink here speaks for {classes[1]} (+) or {classes[0]} (−)")
    return figure


# ---- the command ---------------------------------------------------------------------------------


probability = number(float, lambda value: 0 < value < 1, "a number between 0 and 1")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(description="Logistic regression between two classes of images of 8x8 pixels.")
    add_common(
        parser,
        epochs=100,
        out="binary_logistic",
        dataset=f"a directory with pictures in train/CLASS and perhaps test/CLASS; or {DATASETS}",
    )
    option = parser.add_argument
    text = "the two classes: digits, or names of directories (default 0 1)"
    option("--classes", nargs=2, default=["0", "1"], metavar="CLASS", help=text)
    text = "the most training images to take of each class (default %(default)s)"
    option("--per-class", type=positive_int, default=500, metavar="N", help=text)
    text = "size of a step (default %(default)s)"
    option("--learning-rate", type=positive_float, default=0.01, metavar="RATE", help=text)
    text = "probability above which an image belongs to the second class (default %(default)s)"
    option("--threshold", type=probability, default=0.5, metavar="P", help=text)
    option("--bias", action="store_true", help="add a number to x·w, which is learnt too")
    text = "pictures may have different sizes: resize them all the same"
    option("--mixed-sizes", action="store_true", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    train(
        options.dataset,
        options.classes,
        per_class=options.per_class,
        learning_rate=options.learning_rate,
        n_epochs=options.epochs,
        threshold=options.threshold,
        bias=options.bias,
        mixed_sizes=options.mixed_sizes,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
