"""A multilayer perceptron on MNIST: logistic regression on top of a hidden layer.

Run it:

    python models/mlp.py

The pixels x of an image go through a layer of hidden units, each a linear map and a tanh, and the
logistic regression of `logistic_sgd.py` classifies what comes out:

    h = tanh(x W₁ + b₁)        P(Y = i | x) = softmax_i(h W₂ + b₂)

Nothing in `LogisticRegression` knows that its input is an expression instead of the images. The
cost is the mean negative log-likelihood, and for each weight a penalty that keeps it small:

    cost = ℓ + L1 · Σ |W| + L2 · Σ W²

`T.grad` differentiates through both layers. The weights start at random, small enough that no tanh
is saturated and large enough that the signal keeps its size on its way up and the gradient on its
way down [Glorot and Bengio, 2010]:

    W₁ ~ uniform(-√(6 / (n_in + n_out)), √(6 / (n_in + n_out))),   4 times that for a sigmoid
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from timeit import default_timer
from typing import Any

import numpy as np

import symgrad
import symgrad.tensor as T
from datasets import mnist
from logistic_sgd import LogisticRegression, load_data
from training.early_stopping import EarlyStopping, Result, draw_errors, train_until_stopped
from training.options import (
    Parser,
    add_common,
    check_batch_size,
    common,
    nonnegative_float,
    output_directory,
    positive_float,
    positive_int,
)
from training.progress import Training
from training.running import run
from training.saving import check_writable

ACTIVATIONS = {"tanh": T.tanh, "sigmoid": T.nnet.sigmoid}


class HiddenLayer:
    """A layer of units that are all connected to all inputs.

    Parameters
    ----------
    rng
        Draws the weights.
    input
        Symbolic matrix: one example per row.
    n_in, n_out
        Number of inputs and of units.
    W, b
        Shared variables to use instead of new ones.
    activation
        What follows the linear map: ``T.tanh``, ``T.nnet.sigmoid``, or None for nothing.

    Attributes
    ----------
    W, b
        The parameters, shared variables of shape (n_in, n_out) and (n_out,).
    output
        Symbolic matrix: row k holds all units' values for example k.
    params
        The list [W, b].
    input
        As given.
    """

    def __init__(
        self,
        rng: np.random.RandomState,
        input: Any,
        n_in: int,
        n_out: int,
        W: Any = None,
        b: Any = None,
        activation: Callable[[Any], Any] | None = T.tanh,
    ) -> None:
        if W is None:
            limit = np.sqrt(6.0 / (n_in + n_out))
            values = rng.uniform(low=-limit, high=limit, size=(n_in, n_out))
            if activation is T.nnet.sigmoid:
                values *= 4
            W = symgrad.shared(values.astype(symgrad.config.floatX), name="W")
        if b is None:
            b = symgrad.shared(np.zeros((n_out,), dtype=symgrad.config.floatX), name="b")
        self.W, self.b = W, b

        linear = T.dot(input, self.W) + self.b
        self.output = linear if activation is None else activation(linear)

        self.params = [self.W, self.b]
        self.input = input


class MLP:
    """A hidden layer and, on top of it, logistic regression.

    Parameters
    ----------
    rng
        Draws the weights of the hidden layer.
    input
        Symbolic matrix of one minibatch: one image per row.
    n_in, n_hidden, n_out
        Number of pixels, of hidden units, and of classes.
    activation
        Of the hidden units.

    Attributes
    ----------
    L1, L2_sqr
        Symbolic sums of all weights' absolute values and squares.
    negative_log_likelihood, errors
        Those of the logistic regression.
    params
        The parameters of both layers.
    """

    def __init__(
        self,
        rng: np.random.RandomState,
        input: Any,
        n_in: int,
        n_hidden: int,
        n_out: int,
        activation: Callable[[Any], Any] = T.tanh,
    ) -> None:
        self.hiddenLayer = HiddenLayer(rng, input, n_in, n_hidden, activation=activation)
        self.logRegressionLayer = LogisticRegression(
            input=self.hiddenLayer.output, n_in=n_hidden, n_out=n_out
        )

        self.L1 = abs(self.hiddenLayer.W).sum() + abs(self.logRegressionLayer.W).sum()
        self.L2_sqr = (self.hiddenLayer.W**2).sum() + (self.logRegressionLayer.W**2).sum()

        self.negative_log_likelihood = self.logRegressionLayer.negative_log_likelihood
        self.errors = self.logRegressionLayer.errors

        self.params = self.hiddenLayer.params + self.logRegressionLayer.params
        self.input = input


def train_mlp(
    learning_rate: float = 0.01,
    L1_reg: float = 0.0,
    L2_reg: float = 0.0001,
    n_epochs: int = 1000,
    dataset: str | Path | mnist.Dataset = "auto",
    batch_size: int = 20,
    n_hidden: int = 500,
    *,
    activation: str = "tanh",
    seed: int = 1234,
    out: str | Path = "mlp",
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train the perceptron: stochastic gradient descent with early stopping.

    Parameters
    ----------
    learning_rate
        The factor of the gradient in a step.
    L1_reg, L2_reg
        The factors of the penalties on the weights.
    n_epochs
        The most passes over the training images to make.
    dataset
        What `mnist.load` takes.
    batch_size
        Images in a minibatch. What is left over at the end of a split goes unused.
    n_hidden
        Hidden units.
    activation
        Of the hidden units: ``"tanh"`` or ``"sigmoid"``.
    seed
        Of the random weights at the start.
    out
        A directory for the best parameters, the errors' curve and the state to resume from.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    out = output_directory(Path(out))
    save = out / "best_model.npz"
    check_writable(save)

    # -- The data ----------------------------------------------------------------------------------

    dataset = mnist.load(dataset, dtype=symgrad.config.floatX, quiet=quiet)
    check_batch_size(batch_size, dataset)
    (train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y) = load_data(
        dataset
    )
    n_train_batches = dataset.train.n // batch_size
    n_valid_batches = dataset.valid.n // batch_size
    n_test_batches = dataset.test.n // batch_size

    # -- The model ---------------------------------------------------------------------------------

    if not quiet:
        print("... building the model", flush=True)

    index = T.lscalar("index")  # the number of a minibatch
    x = T.matrix("x")  # its images, one per row
    y = T.ivector("y")  # its class numbers

    classifier = MLP(
        rng=np.random.RandomState(seed),
        input=x,
        n_in=dataset.n_features,
        n_hidden=n_hidden,
        n_out=mnist.N_CLASSES,
        activation=ACTIVATIONS[activation],
    )
    cost = classifier.negative_log_likelihood(y)
    if L1_reg:  # (0 · Σ |W| would be computed in every step: 0 · ∞ is not 0)
        cost = cost + L1_reg * classifier.L1
    if L2_reg:
        cost = cost + L2_reg * classifier.L2_sqr

    batch = slice(index * batch_size, (index + 1) * batch_size)
    test_model = symgrad.function(
        inputs=[index],
        outputs=classifier.errors(y),
        givens={x: test_set_x[batch], y: test_set_y[batch]},
    )
    validate_model = symgrad.function(
        inputs=[index],
        outputs=classifier.errors(y),
        givens={x: valid_set_x[batch], y: valid_set_y[batch]},
    )

    # Every parameter goes a step downhill, whichever layer it belongs to.
    gparams = [T.grad(cost, param) for param in classifier.params]
    train_model = symgrad.function(
        inputs=[index],
        outputs=cost,
        updates=[
            (param, param - learning_rate * gparam)
            for param, gparam in zip(classifier.params, gparams, strict=True)
        ],
        givens={x: train_set_x[batch], y: train_set_y[batch]},
    )

    # -- The training ------------------------------------------------------------------------------

    if not quiet:
        print("... training", flush=True)

    start_time = default_timer()
    with Training(
        state=out / "state.npz",
        params=dict(zip(("W1", "b1", "W2", "b2"), classifier.params, strict=True)),
        settings={
            "dataset": f"{dataset.name} of {dataset.train.n} images",
            "batch-size": batch_size,
            "learning-rate": learning_rate,
            "l1": L1_reg,
            "l2": L2_reg,
            "hidden": n_hidden,
            "activation": activation,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="mlp",
    ) as training:
        result = train_until_stopped(
            training,
            EarlyStopping(patience=10000, increase=2, threshold=0.995),
            train_model=train_model,
            validate_model=validate_model,
            test_model=test_model,
            n_batches=(n_train_batches, n_valid_batches, n_test_batches),
            n_epochs=n_epochs,
            learning_rate=learning_rate,
            save=save,
        )
    minutes = (default_timer() - start_time) / 60
    print(
        f"Optimization complete. Best validation score of {result.best_validation:f} % "
        f"obtained at iteration {result.best_iteration}, "
        f"with test performance {result.test:f} %",
        flush=True,
    )
    print(f"The code for file {Path(__file__).name} ran for {minutes:.2f}m", file=sys.stderr)
    draw_errors(result, f"Multilayer perceptron on {dataset.name}", out / "errors")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(
        description="Train a perceptron with a hidden layer on MNIST, as Theano's tutorial does."
    )
    add_common(parser, epochs=1000, out="mlp", seed=1234)
    option = parser.add_argument
    text = "images in a minibatch (default %(default)s)"
    option("--batch-size", type=positive_int, default=20, metavar="N", help=text)
    text = "size of a step (default %(default)s)"
    option("--learning-rate", type=positive_float, default=0.01, metavar="RATE", help=text)
    text = "penalty on the weights' absolute values (default %(default)s)"
    option("--l1", type=nonnegative_float, default=0.0, metavar="WEIGHT", help=text)
    text = "penalty on the weights' squares (default %(default)s)"
    option("--l2", type=nonnegative_float, default=0.0001, metavar="WEIGHT", help=text)
    text = "hidden units (default %(default)s)"
    option("--hidden", type=positive_int, default=500, metavar="N", help=text)
    text = "what follows the hidden layer's linear map (default %(default)s)"
    option("--activation", choices=list(ACTIVATIONS), default="tanh", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    train_mlp(
        options.learning_rate,
        options.l1,
        options.l2,
        options.epochs,
        options.dataset,
        options.batch_size,
        options.hidden,
        activation=options.activation,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
