"""Softmax regression with weight decay, by gradient descent on all training images at once.

Run it; or choose the weight decay and the learning rate among several:

    python models/softmax_gd.py
    python models/softmax_gd.py --grid
    python models/softmax_gd.py --decay 0 0.001 --learning-rate 0.1 0.3 1

With the pixels of an image as a vector x, from 0 to 1, and a weight matrix W, the probabilities of
the ten classes and the cost over n images with classes y_k are

    p(x) = softmax(x W)        ℓ(W) = -1/n Σ_k log p_{y_k}(x_k) + c/2 ‖W‖²

‖W‖² is the sum of the squares of all weights. Its derivative is 2 W, so that the second term adds
c W to the gradient: every step

    W ← W - η ∂ℓ/∂W

makes the weights a little smaller, by the factor 1 - η c, unless the images say otherwise. That is
called weight decay. Large weights fit the training images better, but others perhaps not.

Which c and which η are good cannot be seen on the training images: the most certain model always
fits them best. So the images are divided in three: one part to train on, one to choose c and η by
(validation), and one that is looked at only once, at the end, to say how good the choice is (test).

So this file has two parts: `descend` trains with one setting, `train` with several to choose from.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import ModelError, OptionError
from training.options import (
    Parser,
    add_common,
    common,
    nonnegative_float,
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

SCALE = 255.0
PRINT_EVERY = 100  # iterations

# Of MNIST; of fewer images, three quarters are for training and one quarter for validation.
N_TRAIN, N_VALID = 30_000, 15_000

# What --grid tries.
DECAYS = (0.0, 1e-3, 1e-2)
RATES = (0.1, 0.3, 0.5)


class Setting(NamedTuple):
    """A weight decay c and a learning rate η."""

    decay: float
    learning_rate: float

    def __str__(self) -> str:
        return f"c = {self.decay:g}, rate {self.learning_rate:g}"


class Descent(NamedTuple):
    """How the training with one setting went."""

    setting: Setting
    cost: list[float]  # before each iteration's step
    train_accuracy: float
    valid_accuracy: float
    W: Array


class Result(NamedTuple):
    """How all trainings went, and the best one."""

    runs: list[Descent]
    best: Descent  # by its accuracy on the validation images
    test_accuracy: float
    params: dict[str, Array]  # its W
    figure: Figure


# ---- the data ------------------------------------------------------------------------------------


def load(
    dataset: str | Path | mnist.Dataset = "auto",
    *,
    n_train: int | None = None,
    n_valid: int | None = None,
    scale: float = SCALE,
    quiet: bool = False,
) -> mnist.Dataset:
    """Images in three parts.

    Parameters
    ----------
    dataset
        What `mnist.load` takes.
    n_train, n_valid
        How many images to train on, the first of the dataset's training images, and how many of
        those that follow to validate with. Of MNIST 30,000 and 15,000, unless told otherwise, of
        fewer images three quarters and one quarter.
    scale
        Bytes are divided by this.
    quiet
        Print nothing.
    """
    dtype = symgrad.config.floatX
    data = mnist.load(dataset, scale=scale, dtype=dtype, validation=False, quiet=quiet)
    if data.valid.n:
        return data
    n = data.train.n
    if n_train is None:
        n_train = min(N_TRAIN, n * 3 // 4 if n_valid is None else n - n_valid)
    if n_valid is None:
        n_valid = min(N_VALID, n - n_train)
    if n_train < 1 or n_valid < 1 or n_train + n_valid > n:
        raise OptionError(
            f"{data.name} has {n:,} training images, which is not enough for "
            f"{max(n_train, 1):,} to train on and {max(n_valid, 1):,} to validate with"
        )
    x, y = data.train
    # (copies, so that the images that are left over do not take up memory)
    train = mnist.Split(x[:n_train].copy(), y[:n_train])
    valid = mnist.Split(x[n_train : n_train + n_valid].copy(), y[n_train : n_train + n_valid])
    return mnist.Dataset(data.name, train, valid, data.test, data.image_shape)


# ---- the model -----------------------------------------------------------------------------------


class SoftmaxRegression:
    """The graph: from images `x`, one per row, to probabilities of the classes.

    Parameters
    ----------
    x
        Symbolic matrix.
    n_in, n_out
        The numbers of pixels and of classes.

    Attributes
    ----------
    W
        The weights, a shared variable of shape (n_in, n_out).
    p
        Symbolic matrix of probabilities.
    predicted
        Symbolic vector: the most probable class of each image.
    """

    def __init__(self, x: Any, n_in: int, n_out: int) -> None:
        self.W = symgrad.shared(np.zeros((n_in, n_out), symgrad.config.floatX), name="W")
        self.p = T.nnet.softmax(T.dot(x, self.W))
        self.predicted = T.argmax(self.p, axis=1)

    def cost(self, y: Any, decay: float) -> Any:
        """The cross-entropy with the true classes `y`, and the weight decay."""
        return T.mean(T.nnet.categorical_crossentropy(self.p, y)) + decay / 2 * T.sum(self.W**2)

    def accuracy(self, y: Any) -> Any:
        """The fraction of images that are classified rightly."""
        return T.mean(T.eq(self.predicted, y))


# ---- one training --------------------------------------------------------------------------------


def descend(
    data: mnist.Dataset,
    setting: Setting,
    n_iterations: int,
    *,
    seed: int = 0,
    state: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Descent:
    """Train with one setting.

    Parameters
    ----------
    data
        What `load` has returned.
    setting
        The weight decay and the learning rate.
    n_iterations
        Steps, each with the gradient over all training images.
    seed
        As all the scripts here have it. (This training draws no random numbers.)
    state
        The file to save the state to, and to resume from; None for none.
    resume
        Go on from `state`.
    quiet
        Print nothing.
    """
    x, y = T.matrix("x"), T.ivector("y")
    model = SoftmaxRegression(x, data.n_features, mnist.N_CLASSES)
    cost = model.cost(y, setting.decay)
    train_model = symgrad.function(
        [],
        cost,
        updates=[(model.W, model.W - setting.learning_rate * T.grad(cost, model.W))],
        givens={
            x: symgrad.shared(data.train.x, borrow=True),
            y: symgrad.shared(data.train.y, borrow=True),
        },
    )

    training = Training(
        state=state,
        params={"W": model.W},
        settings={
            "dataset": f"{data.name} of {data.train.n} + {data.valid.n} images",
            "decay": setting.decay,
            "learning-rate": setting.learning_rate,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="softmax_gd",
        unit="iteration",
    )
    training.expect(cost=training.epoch + training.batch)
    with training:
        for iteration in training.epochs(n_iterations):
            for _ in training.batches(1):
                value = float(train_model())
                if not np.isfinite(value):
                    # An infinite W is no start to go on from: what was saved last stays.
                    raise Diverged(
                        f"with {setting} the cost became {value} in iteration {iteration}: "
                        f"a smaller --learning-rate may help"
                    )
                training.record(cost=value)
                if iteration % PRINT_EVERY == 1:
                    training.line(f"iteration {iteration:4d}, cost {value:f}")

    W = model.W.get_value()
    costs = training.history["cost"]
    return Descent(setting, costs, accuracy(W, data.train), accuracy(W, data.valid), W)


class Diverged(ModelError):
    """Steps that were too large."""


# ---- several, to choose from ---------------------------------------------------------------------


def train(
    dataset: str | Path | mnist.Dataset = "auto",
    *,
    decay: float | Sequence[float] = 0.0,
    learning_rate: float | Sequence[float] = 0.3,
    n_iterations: int = 1000,
    n_train: int | None = None,
    n_valid: int | None = None,
    scale: float = SCALE,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train with every weight decay and every learning rate, and take the best model.

    Parameters
    ----------
    dataset, n_train, n_valid, scale
        See `load`.
    decay, learning_rate
        c and η: one number or several.
    n_iterations, seed
        See `descend`.
    out
        The directory for parameters, plot and states, one for each setting; None for none.
    resume
        Go on from the states in `out`: settings that are done are not trained again.
    quiet
        Print the final result only.
    """
    out = results_directory(out, resume, save="weights.npz")
    data = load(dataset, n_train=n_train, n_valid=n_valid, scale=scale, quiet=quiet)

    # each once, in the order given
    pairs = product(_list(decay), _list(learning_rate))
    settings = list(dict.fromkeys(Setting(c, rate) for c, rate in pairs))
    several = len(settings) > 1
    names = [state_name(setting) for setting in settings] if several else ["state.npz"]
    states = [out / name if out else None for name in names]
    # Of several trainings those that had not begun begin now; but one must have.
    begun = [state is not None and os.path.exists(state) for state in states]
    if not any(begun):
        begun = [True] * len(settings)

    runs = []
    for setting, state, exists in zip(settings, states, begun, strict=True):
        if several and not quiet:
            print(f"... {setting}", flush=True)
        try:
            descent = descend(
                data,
                setting,
                n_iterations,
                seed=seed,
                state=state,
                resume=resume and exists,
                quiet=quiet,
            )
        except Diverged as error:
            if not several:
                raise
            if not quiet:
                print(f"... {error}", flush=True)
        else:
            runs.append(descent)
    if not runs:
        raise Diverged("with no setting did the cost stay finite: try a smaller --learning-rate")

    best = max(
        runs, key=lambda descent: descent.valid_accuracy
    )  # (the first of several that are equal)
    if several:
        print(table(runs, best), flush=True)
    test_accuracy = accuracy(best.W, data.test)
    print(
        f"Test accuracy after {len(best.cost)} iterations with {best.setting}: "
        f"{100 * test_accuracy:.2f} % (validation {100 * best.valid_accuracy:.2f} %)",
        flush=True,
    )
    figure = draw_costs(runs, data.name)
    if out is not None:
        from training.plots import save_figure

        save_params(out / "weights.npz", W=best.W)
        save_figure(figure, out / "cost")
    return Result(runs, best, test_accuracy, {"W": best.W}, figure)


def _list(values: float | Sequence[float]) -> list[float]:
    return list(values) if isinstance(values, Sequence) else [values]


def state_name(setting: Setting) -> str:
    """The file for the state of one training of several.

    >>> state_name(Setting(decay=0.001, learning_rate=0.3))
    'state-c0.001-rate0.3.npz'
    """
    return f"state-c{setting.decay!r}-rate{setting.learning_rate!r}.npz"


def accuracy(W: Array, split: mnist.Split) -> float:
    """The fraction of images that a model with weights `W` classifies rightly."""
    x, y = T.matrix("x"), T.ivector("y")
    model = SoftmaxRegression(x, *W.shape)
    model.W.set_value(W)
    return float(symgrad.function([x, y], model.accuracy(y))(*split))


def table(runs: Sequence[Descent], best: Descent) -> str:
    """The settings side by side, the best one marked."""
    header = f"{'c':>8} {'rate':>8} {'cost':>10} {'training':>10} {'validation':>12}"
    lines = [
        f"{each.setting.decay:8g} {each.setting.learning_rate:8g} {each.cost[-1]:10.6f} "
        f"{100 * each.train_accuracy:8.2f} % {100 * each.valid_accuracy:10.2f} %"
        f"{'  best' if each is best else ''}"
        for each in runs
    ]
    return "\n".join([header, *lines])


# ---- the plot ------------------------------------------------------------------------------------


def draw_costs(runs: Sequence[Descent], about: str = "") -> Figure:
    """The cost before every iteration: a colour for each weight decay, a style for each rate."""
    from training.plots import curves  # (matplotlib takes a while to load)

    decays = list(dict.fromkeys(each.setting.decay for each in runs))
    rates = list(dict.fromkeys(each.setting.learning_rate for each in runs))
    return curves(
        {str(each.setting): each.cost for each in runs},
        title=f"Softmax regression by gradient descent: {about}",
        xlabel="iteration",
        ylabel="cost (nats per image, with weight decay)",
        looks=[
            (decays.index(each.setting.decay), rates.index(each.setting.learning_rate))
            for each in runs
        ],
    )


# ---- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(description="Softmax regression with weight decay, by full gradient descent.")
    add_common(parser, epochs=1000, out="softmax_gd")
    option = parser.add_argument
    text = "weight decay (default 0); several are tried one after the other"
    option("--decay", type=nonnegative_float, nargs="+", metavar="C", help=text)
    text = "size of a step (default 0.3); several are tried one after the other"
    option("--learning-rate", type=positive_float, nargs="+", metavar="RATE", help=text)
    text = (
        f"try every weight decay with every learning rate: {', '.join(f'{c:g}' for c in DECAYS)} "
        f"with {', '.join(f'{rate:g}' for rate in RATES)}, unless others are given"
    )
    option("--grid", action="store_true", help=text)
    text = "images to train on (default 30000, or three quarters of fewer than 40000)"
    option("--train-images", type=positive_int, metavar="N", help=text)
    text = "images to validate with (default 15000, or what is left of fewer)"
    option("--valid-images", type=positive_int, metavar="N", help=text)
    text = "bytes are divided by this (default %(default)g), floats stay as they are"
    option("--scale", type=positive_float, default=SCALE, metavar="NUMBER", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    train(
        options.dataset,
        decay=options.decay or (DECAYS if options.grid else 0.0),
        learning_rate=options.learning_rate or (RATES if options.grid else 0.3),
        n_iterations=options.epochs,
        n_train=options.train_images,
        n_valid=options.valid_images,
        scale=options.scale,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
