"""When to stop, and the loop that trains until then."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import symgrad
from datasets.errors import ModelError
from training import early_stopping
from training.early_stopping import EarlyStopping, Result, draw_errors, train_until_stopped
from training.progress import Training
from training.running import Interrupted


def test_early_stopping_step_by_step() -> None:
    stopping = EarlyStopping(patience=100, increase=2, threshold=0.995)
    assert stopping.frequency(83) == 50
    assert stopping.frequency(20) == 20
    assert stopping.improved(0.5, 40)
    assert stopping.patience == 100  # 2 · 40 would be less
    assert not stopping.improved(0.5, 60)
    assert stopping.improved(0.4976, 60)  # better, by less than half a percent
    assert stopping.patience == 100
    assert stopping.improved(0.4976 * 0.994, 60)
    assert stopping.patience == 120
    assert not stopping.improved(math.nan, 119)
    assert stopping.best == 0.4976 * 0.994
    assert not stopping.exhausted(119)
    assert stopping.exhausted(120)


# ---- the loop ------------------------------------------------------------------------------------


def train(
    state: Path | None,
    validation: dict[int, float],
    *,
    patience: int = 12,
    n_epochs: int = 100,
    resume: bool = False,
    cost: Callable[[int], float] = lambda iteration: 0.0,
    save: Path | None = None,
) -> tuple[Result, list[int]]:
    """Train a model that counts its steps, and whose error after so many steps is given."""
    w = symgrad.shared(0)
    tested = []

    def step(minibatch: int) -> float:
        assert minibatch == w.get_value() % 5
        w.set_value(w.get_value() + 1)
        return cost(int(w.get_value()))

    def error(minibatch: int) -> float:
        return validation.get(int(w.get_value()), 1.0) + (-0.01, 0.01)[minibatch]

    def test(minibatch: int) -> float:
        tested.append(int(w.get_value()))
        return 0.5

    with Training(state, {"w": w}, {}, resume=resume, quiet=True) as training:
        result = train_until_stopped(
            training,
            EarlyStopping(patience=patience),
            train_model=step,
            validate_model=error,
            test_model=test,
            n_batches=(5, 2, 1),
            n_epochs=n_epochs,
            learning_rate=0.25,
            save=save or Path(os.devnull),
        )
    return result, tested


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The models that were to be saved."""
    saved: list[int] = []
    monkeypatch.setattr(early_stopping, "save_params", lambda path, w: saved.append(int(w)))
    return saved


def test_the_loop_stops_when_patience_ends(unsaved: list[int]) -> None:
    result, tested = train(None, {5: 0.5, 10: 0.4, 15: 0.3, 20: 0.35})
    # After 10 steps (number 9) patience is 18, after 15 (number 14) it is 28: step 29 is the last.
    assert result.epochs == 6
    assert result.validation == pytest.approx([50, 40, 30, 35, 100])
    assert result.validation_epochs == [1, 2, 3, 4, 5]
    assert tested == unsaved == [5, 10, 15]
    assert result.test_epochs == [1, 2, 3]
    assert (result.best_validation, result.best_iteration) == (pytest.approx(30), 15)
    assert (result.test, result.tests) == (50, [50, 50, 50])


def test_short_patience_validates_more_often(unsaved: list[int]) -> None:
    result, _ = train(None, {2: 0.5}, patience=4)
    assert result.validation_epochs == [0.4, 0.8]
    assert result.epochs == 1


def test_epochs_can_end_before_patience(unsaved: list[int]) -> None:
    result, _ = train(None, {5: 0.5}, n_epochs=2)
    assert result.epochs == 2
    assert len(result.validation) == 2


@pytest.mark.parametrize("n_epochs", [1, 3, 4, 5, 6])
def test_the_loop_goes_on_where_it_was(tmp_path: Path, unsaved: list[int], n_epochs: int) -> None:
    errors = {5: 0.5, 10: 0.4, 15: 0.3, 20: 0.35}
    whole, _ = train(None, errors)
    state = tmp_path / "state.npz"
    train(state, errors, n_epochs=n_epochs)
    for _ in range(2):  # once it has stopped, it stays so
        resumed, _ = train(state, errors, resume=True)
        assert resumed == whole


def test_a_cost_that_explodes(unsaved: list[int]) -> None:
    costs = {8: math.nan}
    says = "the cost became nan in epoch 2: a smaller learning rate than 0.25 may help"
    with pytest.raises(ModelError, match=says):
        train(None, {}, cost=lambda iteration: costs.get(iteration, 0.0))


def test_ctrl_c_says_what_there_is(tmp_path: Path) -> None:
    def interrupted_at(step: int) -> Callable[[int], float]:
        def cost(iteration: int) -> float:
            if iteration == step:
                signal.raise_signal(signal.SIGINT)
            return 0.0

        return cost

    save, state = tmp_path / "best.npz", tmp_path / "state.npz"
    model = f"The best model so far, with a validation error of 50.000000 %, is in {save}"
    go_on = f"--resume goes on from {state}"
    for step, path, says in (
        (2, None, " in epoch 1, before there was a model to save."),
        (2, state, f" in epoch 1. {go_on}"),
        (8, None, f" in epoch 2. {model}"),
        (8, state, f" in epoch 2. {model}. {go_on}"),
    ):
        with pytest.raises(Interrupted) as caught:
            train(path, {5: 0.5}, cost=interrupted_at(step), save=save)
        assert str(caught.value) == says
    with pytest.raises(Interrupted) as caught:  # resumed, without a better model since
        train(state, {}, resume=True, cost=interrupted_at(9), save=save)
    assert str(caught.value) == f" in epoch 2. {model}. {go_on}"
    with np.load(save) as saved:
        assert saved["w"] == 5


def test_errors_are_drawn(tmp_path: Path, unsaved: list[int]) -> None:
    result, _ = train(None, {5: 0.5, 10: 0.4, 15: 0.3, 20: 0.35})
    figure = draw_errors(result, "title", tmp_path / "errors")
    validation, test = figure.axes[0].get_lines()
    assert list(validation.get_xdata()) == [1, 2, 3, 4, 5]
    assert list(test.get_xdata()) == [1, 2, 3]
    assert list(test.get_ydata()) == [50, 50, 50]
    assert {path.name for path in tmp_path.iterdir()} == {"errors.png", "errors.svg"}
