"""Logistic regression on MNIST, by stochastic gradient descent on minibatches.

Run it:

    python models/logistic_sgd.py

The model is one layer: a linear map of the pixels to ten numbers, and the softmax, which turns them
into probabilities. With a weight matrix W and a bias vector b, the probability that an image x (a
vector) belongs to class i is

    P(Y = i | x, W, b) = softmax_i(x W + b) = e^{(x W + b)_i} / Σ_j e^{(x W + b)_j}

and the prediction is the most probable class:

    y_pred = argmax_i P(Y = i | x, W, b)

Training minimises the negative log-likelihood of the true classes. Its gradient is nowhere in this
file: `T.grad` derives it from the cost.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from timeit import default_timer
from typing import Any

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import DataError
from training.early_stopping import EarlyStopping, Result, draw_errors, train_until_stopped
from training.options import (
    Parser,
    add_common,
    check_batch_size,
    common,
    positive_float,
    positive_int,
    results_directory,
)
from training.progress import Training
from training.running import run
from training.saving import check_writable, load_params

BEST_MODEL = "best_model.npz"


class LogisticRegression:
    """Multi-class logistic regression.

    Parameters
    ----------
    input
        Symbolic matrix of one minibatch: one image per row.
    n_in
        Number of inputs: the pixels of an image.
    n_out
        Number of outputs: the classes.

    Attributes
    ----------
    W, b
        The parameters, shared variables of shape (n_in, n_out) and (n_out,), zero at first.
    p_y_given_x
        Symbolic matrix: row k holds the probabilities of all classes for image k.
    y_pred
        Symbolic vector: the most probable class of each image.
    params
        The list [W, b].
    input
        As given.
    """

    def __init__(self, input: Any, n_in: int, n_out: int) -> None:
        self.W = symgrad.shared(np.zeros((n_in, n_out), dtype=symgrad.config.floatX), name="W")
        self.b = symgrad.shared(np.zeros((n_out,), dtype=symgrad.config.floatX), name="b")

        # softmax(X W + b): X is (batch, n_in), so that each row of the result is one image's.
        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)

        self.params = [self.W, self.b]
        self.input = input

    def negative_log_likelihood(self, y: Any) -> Any:
        """The mean negative log-likelihood of the true classes `y`, the cost to minimise.

            ℓ(W, b) = -1/n Σ_k log P(Y = y_k | x_k, W, b)

        The mean, unlike the sum, makes the learning rate depend less on the batch size.
        `T.log(p)` is a matrix of log-probabilities; indexed by the row numbers 0, 1, …, n-1 and the
        classes y it gives the vector [log p[0, y[0]], log p[1, y[1]], …]. (symgrad recognises the
        logarithm of a softmax and computes the two as one, so that it stays finite however certain
        the model is.)
        """
        return -T.mean(T.log(self.p_y_given_x)[T.arange(y.shape[0]), y])

    def errors(self, y: Any) -> Any:
        """The fraction of the minibatch that is classified wrongly: the zero-one loss.

        Parameters
        ----------
        y
            Symbolic vector of true classes.
        """
        if y.ndim != self.y_pred.ndim:
            raise TypeError(
                f"y should have as many dimensions as y_pred, {self.y_pred.ndim}, found {y.ndim}"
            )
        if not y.dtype.startswith("int"):
            raise NotImplementedError(f"errors() compares class numbers, found dtype {y.dtype}")
        return T.mean(T.neq(self.y_pred, y))


def load_data(dataset: str | Path | mnist.Dataset = "auto") -> list[tuple[Any, Any]]:
    """Load a dataset into shared variables.

    What is shared lives where the computation does; a compiled function then cuts its minibatch out
    by number, and nothing needs to be passed to it but that number.

    Parameters
    ----------
    dataset
        What `mnist.load` takes.

    Returns
    -------
    list
        The pairs (images, class numbers) for training, validation and testing.
    """
    dataset = mnist.load(dataset, dtype=symgrad.config.floatX)
    return [
        (symgrad.shared(split.x, borrow=True), symgrad.shared(split.y, borrow=True))
        for _, split in dataset.splits()
    ]


def sgd_optimization_mnist(
    learning_rate: float = 0.13,
    n_epochs: int = 1000,
    dataset: str | Path | mnist.Dataset = "auto",
    batch_size: int | None = 600,
    *,
    save: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Train the model: stochastic gradient descent with early stopping.

    Each minibatch moves every parameter a small step downhill:

        W ← W - η ∂ℓ/∂W        b ← b - η ∂ℓ/∂b

    Parameters
    ----------
    learning_rate
        The factor η.
    n_epochs
        The most passes over the training images to make.
    dataset
        What `mnist.load` takes.
    batch_size
        Images in a minibatch; None for a number that suits the dataset. What is left over at the
        end of a split goes unused.
    save
        Where the best parameters go at each improvement: ``best_model.npz`` in `out`, or in the
        current directory, unless told otherwise.
    seed
        As all the scripts here have it. (This training starts from zero and takes the images in
        their order: it draws no random numbers.)
    out
        A directory for the errors' curve and for the state to resume from; None for neither.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    out = results_directory(out, resume)
    save = Path(save or (out or Path()) / BEST_MODEL)
    check_writable(save)

    # -- The data ----------------------------------------------------------------------------------

    dataset = mnist.load(dataset, dtype=symgrad.config.floatX, quiet=quiet)
    if batch_size is None:
        batch_size = dataset.batch_size
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

    classifier = LogisticRegression(input=x, n_in=dataset.n_features, n_out=mnist.N_CLASSES)
    cost = classifier.negative_log_likelihood(y)

    # Functions of a minibatch's number: `givens` puts rows of the shared data in place of x and y.
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

    g_W = T.grad(cost=cost, wrt=classifier.W)
    g_b = T.grad(cost=cost, wrt=classifier.b)

    # Calling train_model computes the cost of a minibatch and, in the same breath, updates W and b.
    train_model = symgrad.function(
        inputs=[index],
        outputs=cost,
        updates=[
            (classifier.W, classifier.W - learning_rate * g_W),
            (classifier.b, classifier.b - learning_rate * g_b),
        ],
        givens={x: train_set_x[batch], y: train_set_y[batch]},
    )

    # -- The training ------------------------------------------------------------------------------

    if not quiet:
        print("... training the model", flush=True)

    training = Training(
        state=out and out / "state.npz",
        params={"W": classifier.W, "b": classifier.b},
        settings={
            "dataset": f"{dataset.name} of {dataset.train.n} images",
            "batch-size": batch_size,
            "learning-rate": learning_rate,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="logistic_sgd",
    )
    epochs_before = training.epoch
    start_time = default_timer()
    with training:
        result = train_until_stopped(
            training,
            EarlyStopping(patience=5000, increase=2, threshold=0.995),
            train_model=train_model,
            validate_model=validate_model,
            test_model=test_model,
            n_batches=(n_train_batches, n_valid_batches, n_test_batches),
            n_epochs=n_epochs,
            learning_rate=learning_rate,
            save=save,
        )
    seconds = default_timer() - start_time
    print(
        f"Optimization complete with best validation score of {result.best_validation:f} %,"
        f"with test performance {result.test:f} %"
    )
    speed = (result.epochs - epochs_before) / seconds
    print(f"The code run for {result.epochs} epochs, with {speed:f} epochs/sec", flush=True)
    print(f"The code for file {Path(__file__).name} ran for {seconds:.1f}s", file=sys.stderr)
    if out is not None:
        draw_errors(result, f"Logistic regression on {dataset.name}, by SGD", out / "errors")
    return result


def predict(
    model: str | Path = BEST_MODEL, dataset: str | Path | mnist.Dataset = "auto", n: int = 10
) -> npt.NDArray[np.integer]:
    """Label the first `n` test images with a model that has been saved, and print the labels.

    Parameters
    ----------
    model
        The file that `sgd_optimization_mnist` has saved.
    dataset
        What `mnist.load` takes.
    n
        The number of images.
    """
    params = load_params(Path(model), ["W", "b"])
    dataset = mnist.load(dataset, dtype=symgrad.config.floatX)
    W, b = params["W"], params["b"]
    if W.ndim != 2 or b.shape != W.shape[1:] or len(W) != dataset.n_features:
        found = f"W of shape {W.shape} and b of shape {b.shape}"
        raise DataError(model, found, f"a model of images with {dataset.n_features} pixels")

    classifier = LogisticRegression(input=T.matrix("x"), n_in=W.shape[0], n_out=W.shape[1])
    classifier.W.set_value(W.astype(symgrad.config.floatX))
    classifier.b.set_value(b.astype(symgrad.config.floatX))
    predict_model = symgrad.function(inputs=[classifier.input], outputs=classifier.y_pred)

    predicted: npt.NDArray[np.integer] = predict_model(dataset.test.x[:n])
    print(f"Predicted values for the first {n} examples in test set:")
    print(predicted)
    return predicted


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = Parser(description="Train logistic regression on MNIST, as Theano's tutorial does.")
    add_common(parser, epochs=1000, out=None)
    option = parser.add_argument
    text = "images in a minibatch (default 600, or 50 for 'digits')"
    option("--batch-size", type=positive_int, metavar="N", help=text)
    text = "size of a step (default %(default)s)"
    option("--learning-rate", type=positive_float, default=0.13, metavar="RATE", help=text)
    text = f"where the best parameters go (default {BEST_MODEL}, in --out if that is given)"
    option("--save", type=Path, metavar="PATH", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    sgd_optimization_mnist(
        options.learning_rate,
        options.epochs,
        options.dataset,
        options.batch_size,
        save=options.save,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
