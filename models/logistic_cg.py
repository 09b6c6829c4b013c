"""Logistic regression on MNIST, by conjugate gradients.

Run it:

    python models/logistic_cg.py

The model and its cost are those of `logistic_sgd.py`,

    P(Y = i | x, W, b) = softmax_i(x W + b),    ℓ(W, b) = -1/n Σ_k log P(Y = y_k | x_k, W, b)

but it is SciPy that decides where to go. Its optimisers know one flat vector θ, a function of it
and the gradient of that function. So W and b are carved out of θ on the graph,

    θ = (W₁₁, W₁₂, …, W₇₈₄,₁₀, b₁, …, b₁₀)

and two functions are compiled, the cost and `T.grad(cost, theta)`, each for one minibatch; the mean
over all minibatches is what SciPy sees. Conjugate gradients go, from θ_k, along

    d_k = -∇ℓ(θ_k) + β_k d_{k-1}

as far as a line search finds worthwhile, where β_k is chosen such that the directions do not undo
each other's work. An iteration takes a few passes over the data, and there is no learning rate.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from timeit import default_timer
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets import mnist
from datasets.errors import OptionError
from logistic_sgd import LogisticRegression, load_data
from training.options import (
    Parser,
    add_common,
    check_batch_size,
    common,
    output_directory,
    positive_int,
)
from training.progress import Training
from training.running import run
from training.saving import check_writable, save_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("CG", "L-BFGS-B")

Vector = npt.NDArray[np.floating]


class FlatLogisticRegression(LogisticRegression):
    """Multi-class logistic regression whose parameters are one vector.

    Parameters
    ----------
    input
        Symbolic matrix of one minibatch: one image per row.
    n_in, n_out
        Number of pixels and of classes.

    Attributes
    ----------
    theta
        The parameters, a shared vector of length n_in · n_out + n_out, zero at first.
    W, b
        Views of its first and its last part: expressions, not variables.
    """

    def __init__(self, input: Any, n_in: int, n_out: int) -> None:
        size = n_in * n_out + n_out
        self.theta = symgrad.shared(np.zeros(size, dtype=symgrad.config.floatX), name="theta")
        self.W = self.theta[: n_in * n_out].reshape((n_in, n_out))
        self.b = self.theta[n_in * n_out :]

        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)

        self.params = [self.theta]
        self.input = input


class Result(NamedTuple):
    """How an optimisation went: errors in percent, one validation error per iteration."""

    validation: list[float]
    best_validation: float
    test: float
    cost: list[float]  # at every point that was tried
    tests: list[float]  # the test error at each improvement,
    test_iterations: list[float]  # and the iterations until then


def cg_optimization_mnist(
    n_epochs: int = 50,
    dataset: str | Path | mnist.Dataset = "auto",
    batch_size: int | None = 600,
    *,
    method: str = "CG",
    seed: int = 0,
    out: str | Path = "logistic_cg",
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Minimise the cost over all training images.

    Parameters
    ----------
    n_epochs
        The most iterations to make.
    dataset
        What `mnist.load` takes.
    batch_size
        Images in a minibatch; None for a number that suits the dataset. What is left over at the
        end of a split goes unused.
    method
        Which of `scipy.optimize.minimize`'s: ``"CG"`` (what `fmin_cg` does) or ``"L-BFGS-B"``.
    seed
        As all the scripts here have it. (This one draws no random numbers.)
    out
        A directory for the best parameters, the errors' curve and the state to resume from.
    resume
        Go on from the state in `out`.
    quiet
        Print the final result only.
    """
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise OptionError(
            "the optimisers are SciPy's, which is not installed: python -m pip install scipy"
        ) from None
    out = output_directory(Path(out))
    save = out / "best_model.npz"
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

    n_in, n_out = dataset.n_features, mnist.N_CLASSES
    classifier = FlatLogisticRegression(input=x, n_in=n_in, n_out=n_out)
    cost = classifier.negative_log_likelihood(y)

    batch = slice(index * batch_size, (index + 1) * batch_size)
    train = {x: train_set_x[batch], y: train_set_y[batch]}
    batch_cost = symgrad.function([index], cost, givens=train)
    batch_grad = symgrad.function([index], T.grad(cost, classifier.theta), givens=train)
    validate_model = symgrad.function(
        inputs=[index],
        outputs=classifier.errors(y),
        givens={x: valid_set_x[batch], y: valid_set_y[batch]},
    )
    test_model = symgrad.function(
        inputs=[index],
        outputs=classifier.errors(y),
        givens={x: test_set_x[batch], y: test_set_y[batch]},
    )

    # -- What SciPy calls --------------------------------------------------------------------------

    # SciPy counts in float64 whatever floatX is: line searches compare costs that differ little.
    def set_theta(theta: Vector) -> None:
        classifier.theta.set_value(theta.astype(symgrad.config.floatX), borrow=True)

    def train_cost(theta: Vector) -> float:
        set_theta(theta)
        return sum(float(batch_cost(i)) for i in range(n_train_batches)) / n_train_batches

    def train_grad(theta: Vector) -> Vector:
        set_theta(theta)
        total = np.zeros(theta.shape)
        for i in range(n_train_batches):
            total += batch_grad(i)
        return total / n_train_batches

    iteration = 0

    def callback(theta: Vector) -> None:
        nonlocal iteration
        iteration += 1
        if iteration <= training.epoch:  # retraced: it has been validated before
            return
        set_theta(theta)
        loss = float(np.mean([validate_model(i) for i in range(n_valid_batches)])) * 100
        training.line(f"validation error {loss:f} %")
        if loss < min(training.history["validation"], default=np.inf):
            best = classifier.theta.get_value(borrow=True)
            save_params(save, W=best[: n_in * n_out].reshape(n_in, n_out), b=best[n_in * n_out :])
            test = float(np.mean([test_model(i) for i in range(n_test_batches)])) * 100
            training.record(**{"test": test, "test iteration": iteration})
            training.kept = (
                f"The best model so far, with a validation error of {loss:f} %, is in {save}"
            )
        training.record(validation=loss)
        training.epoch = iteration
        training.progress.step(n_epochs)

    # -- The optimisation --------------------------------------------------------------------------

    training = Training(
        state=out / "state.npz",
        params={},  # (SciPy holds them)
        settings={
            "dataset": f"{dataset.name} of {dataset.train.n} images",
            "batch-size": batch_size,
            "method": method,
        },
        seed=seed,
        resume=resume,
        quiet=quiet,
        program="logistic_cg",
        unit="iteration",
    )
    for name in ("validation", "test", "test iteration"):
        training.history.setdefault(name, [])
    training.expect(validation=training.epoch)
    training.expect(**{"test iteration": len(training.history["test"])})
    training.expect(cost=len(training.note("points of cost", [])))
    training.expect(gradient=(len(training.note("points of gradient", [])), n_in * n_out + n_out))
    name = "fmin_cg" if method == "CG" else f"minimize, method {method}"
    training.line(f"Optimizing using scipy.optimize.{name}...")
    start_time = default_timer()
    training.keeps_best = True
    with training:
        training.progress.bar.unit = "iteration"
        training.progress.start(training.epoch)
        optimum = minimize(
            recorded("cost", train_cost, training),
            x0=np.zeros(n_in * n_out + n_out),
            jac=recorded("gradient", train_grad, training),
            method=method,
            callback=callback,
            options={"maxiter": n_epochs},
        )
    seconds = default_timer() - start_time
    if optimum.status > 1 and not quiet:  # neither converged nor at the last iteration
        print(f"... SciPy stopped after {optimum.nit} iterations: {optimum.message}")

    history = training.history
    result = Result(
        validation=history["validation"],
        best_validation=min(history["validation"], default=np.inf),
        test=history["test"][-1] if history["test"] else np.inf,
        cost=history["cost"],
        tests=history["test"],
        test_iterations=history["test iteration"],
    )
    print(
        f"Optimization complete with best validation score of {result.best_validation:f} %, "
        f"with test performance {result.test:f} %",
        flush=True,
    )
    print(f"The code for file {Path(__file__).name} ran for {seconds:.1f}s", file=sys.stderr)
    draw_errors(result, f"Logistic regression on {dataset.name}, by {method}", out / "errors")
    return result


def recorded(
    name: str, function: Callable[[Vector], Any], training: Training
) -> Callable[[Vector], Any]:
    """`function` of θ, its values taken from the record of an earlier run as long as that lasts.

    What SciPy's optimisers know besides θ cannot be saved. But they are deterministic: given the
    same values again they ask for the same points again, and so a resumed run retraces the way of
    the earlier one, in hardly any time, and then goes on as that one would have.

    Parameters
    ----------
    name
        What the values are called in `training`'s history.
    function
        The cost or its gradient.
    training
        Where the values are kept.
    """
    values = training.history.setdefault(name, [])
    points = training.note(f"points of {name}", [])
    calls = 0

    def evaluate(theta: Vector) -> Any:
        nonlocal calls
        calls += 1
        point = hashlib.blake2b(theta.tobytes(), digest_size=8).hexdigest()
        if calls > len(values):
            training.record(**{name: function(theta)})
            points.append(point)
            training.pause()
        elif points[calls - 1 : calls] != [point]:
            raise OptionError(
                f"{training.path} was recorded where SciPy takes other steps than here (another "
                f"version or machine): leave --resume out to start anew"
            )
        return values[calls - 1]

    return evaluate


def draw_errors(result: Result, title: str, path: Path | None = None) -> Figure:
    """The errors over the iterations: see `plots.errors`."""
    from training.plots import errors  # (matplotlib takes a while to load)

    tests = result.test_iterations, result.tests
    return errors(result.validation, tests, title, "iteration", path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Optimise from the command line."""
    parser = Parser(
        description="Train logistic regression on MNIST by conjugate gradients, as Theano's "
        "tutorial does. An epoch is an iteration, which takes a few passes over the data."
    )
    add_common(parser, epochs=50, out="logistic_cg")
    option = parser.add_argument
    text = "images in a minibatch (default 600, or 50 for 'digits')"
    option("--batch-size", type=positive_int, metavar="N", help=text)
    text = "which of SciPy's optimisers (default %(default)s)"
    option("--method", choices=METHODS, default="CG", help=text)
    options = parser.parse_args(arguments)

    symgrad.config.floatX = options.floatX
    cg_optimization_mnist(
        options.epochs,
        options.dataset,
        options.batch_size,
        method=options.method,
        **common(options),
    )


if __name__ == "__main__":
    run(main)
