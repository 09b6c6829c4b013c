"""Early stopping: when a training has had its time, and the tutorials' loop around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.progress import Training
from training.running import Interrupted
from training.saving import save_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EarlyStopping", "Result", "draw_errors", "train_until_stopped"]


class EarlyStopping:
    """Stop when the validation error has not improved for a good while.

    Training goes on for at least `patience` minibatches. Whenever the error falls clearly, below
    ``threshold`` times the best one so far, at minibatch number ``i``, patience is extended:

        patience ← max(patience, increase · i)

    so that a model which still improves late gets more time.

    >>> stopping = EarlyStopping(patience=10)
    >>> stopping.improved(0.5, iteration=8), stopping.patience
    (True, 16)
    >>> stopping.improved(0.499, iteration=12), stopping.patience  # better, but not clearly
    (True, 16)
    >>> stopping.exhausted(15), stopping.exhausted(16)
    (False, True)
    """

    def __init__(self, patience: int = 5000, increase: int = 2, threshold: float = 0.995) -> None:
        self.patience = patience
        self.increase = increase
        self.threshold = threshold
        self.best = math.inf
        self.best_iteration = 0

    def frequency(self, n_batches: int) -> int:
        """Minibatches between two validations: an epoch, or less where patience is short."""
        return min(n_batches, self.patience // 2)

    def improved(self, loss: float, iteration: int) -> bool:
        """Take note of a validation error; is it the best so far?"""
        if not loss < self.best:
            return False
        if loss < self.best * self.threshold:
            self.patience = max(self.patience, iteration * self.increase)
        self.best = loss
        self.best_iteration = iteration
        return True

    def exhausted(self, iteration: int) -> bool:
        """Whether to stop after minibatch number `iteration`."""
        return self.patience <= iteration


class Result(NamedTuple):
    """How a training went: errors in percent, one validation error per validation."""

    validation: list[float]
    best_validation: float
    test: float
    epochs: int
    best_iteration: int  # the minibatches until the best validation error
    validation_epochs: list[float]  # the epochs until each validation
    tests: list[float]  # the test error at each improvement,
    test_epochs: list[float]  # and the epochs until then


def train_until_stopped(
    training: Training,
    stopping: EarlyStopping,
    *,
    train_model: Callable[[int], Any],
    validate_model: Callable[[int], Any],
    test_model: Callable[[int], Any],
    n_batches: tuple[int, int, int],
    n_epochs: int,
    learning_rate: float,
    save: Path,
) -> Result:
    """Train on one minibatch after the other until patience runs out.

    Once an epoch (more often where patience is short) the model is validated. The best one so far
    is saved and tested.

    Parameters
    ----------
    training
        What to count with, resume from, and save to: its `params` are the model.
    stopping
        When to stop.
    train_model, validate_model, test_model
        Functions of a minibatch's number: a step, which returns the cost; two fractions of errors.
    n_batches
        Minibatches for training, validation and testing.
    n_epochs
        The most passes over the training minibatches to make.
    learning_rate
        For the message when the cost explodes.
    save
        Where the best parameters go at each improvement.
    """
    n_train_batches, n_valid_batches, n_test_batches = n_batches
    validation_frequency = stopping.frequency(n_train_batches)
    # (of a resumed training)
    vars(stopping).update(training.note("early stopping", dict(vars(stopping))))
    history = training.history
    for name in ("validation", "test"):
        length = len(history.setdefault(name, []))
        history.setdefault(f"{name} epoch", [])
        training.expect(**{name: length, f"{name} epoch": length})
    saved = stopping.best

    def save_best() -> None:
        nonlocal saved
        model = {name: shared.get_value() for name, shared in training.params.items()}
        save_params(save, **model)
        saved = stopping.best

    def best_so_far() -> str:
        return (
            f"The best model so far, with a validation error of {stopping.best * 100:f} %, "
            f"is in {save}"
        )

    training.keeps_best = True
    training.total = min(stopping.patience, n_epochs * n_train_batches)
    if stopping.best < math.inf:
        training.kept = best_so_far()

    try:
        for epoch in training.epochs(n_epochs):
            for minibatch in training.batches(n_train_batches):
                minibatch_cost = train_model(minibatch)
                training.check(minibatch_cost, learning_rate)
                iteration = (epoch - 1) * n_train_batches + minibatch
                where = f"epoch {epoch}, minibatch {minibatch + 1}/{n_train_batches}"

                if (iteration + 1) % validation_frequency == 0:
                    loss = float(np.mean([validate_model(i) for i in range(n_valid_batches)]))
                    epochs = (iteration + 1) / n_train_batches
                    training.record(**{"validation": loss * 100, "validation epoch": epochs})
                    improved = stopping.improved(loss, iteration)
                    if improved:
                        save_best()
                        training.kept = best_so_far()
                    training.line(f"{where}, validation error {loss * 100:f} %")

                    if improved:
                        test = float(np.mean([test_model(i) for i in range(n_test_batches)]))
                        training.record(**{"test": test * 100, "test epoch": epochs})
                        training.line(f"     {where}, test error of best model {test * 100:f} %")
                        training.notes["early stopping"] = dict(vars(stopping))
                        training.total = min(stopping.patience, n_epochs * n_train_batches)

                if stopping.exhausted(iteration):
                    training.stop()
    except KeyboardInterrupt as error:
        where = f" in epoch {training.epoch + 1}"
        if stopping.best < saved:  # the key was hit while the file was being written
            save_best()
            raise Interrupted(f"{where}. {best_so_far()}") from None
        if not training.kept and training.path is None:
            raise Interrupted(f"{where}, before there was a model to save.") from None
        if not isinstance(error, Interrupted):  # in another thread than the main one
            raise Interrupted(f"{where}. {training.kept}".rstrip()) from None
        raise

    return Result(
        validation=history["validation"],
        best_validation=stopping.best * 100,
        test=history["test"][-1] if history["test"] else math.inf,
        epochs=training.epoch,
        best_iteration=stopping.best_iteration + 1,
        validation_epochs=history["validation epoch"],
        tests=history["test"],
        test_epochs=history["test epoch"],
    )


def draw_errors(result: Result, title: str, path: Path | None = None) -> Figure:
    """The errors over the epochs: see `plots.errors`."""
    from training.plots import errors  # (matplotlib takes a while to load)

    validation = result.validation_epochs, result.validation
    return errors(validation, (result.test_epochs, result.tests), title, "epoch", path)
