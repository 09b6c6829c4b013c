"""A training that counts, remembers, is interrupted and goes on; exit statuses."""

from __future__ import annotations

import doctest
import hashlib
import importlib
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import symgrad
from datasets.errors import DataError, OptionError
from training import progress
from training.progress import Training
from training.running import Interrupted, run

N_EPOCHS, N_BATCHES = 4, 3


def train(
    state: Path | None,
    n_epochs: int = N_EPOCHS,
    *,
    resume: bool = False,
    interrupt: Callable[[int, int], object] = lambda epoch, batch: None,
    **settings: Any,
) -> tuple[npt.NDArray[Any], Training]:
    """A training whose result depends on every step, its order, and all random numbers."""
    w = symgrad.shared(np.array([0.5, -0.5]), name="w")
    seed = settings.pop("seed", 0)
    with Training(
        state, {"w": w}, settings, seed=seed, resume=resume, quiet=True, program="test"
    ) as ours:
        for epoch in ours.epochs(n_epochs):
            order = ours.rng.permutation(N_BATCHES)
            noise = ours.rng.normal(size=N_BATCHES)
            for batch in ours.batches(N_BATCHES):
                interrupt(epoch, batch)
                w.set_value(np.sin(3 * w.get_value()) + noise[order[batch]])
                ours.record(first=w.get_value()[0], w=w.get_value())
            ours.record(mean=w.get_value().mean())
            ours.notes["last"] = [epoch, "é", None]
            interrupt(epoch, N_BATCHES)
    return w.get_value(), ours


def same(ours: Training, other: Training) -> None:
    assert ours.history.keys() == other.history.keys()
    for name in ours.history:
        np.testing.assert_array_equal(ours.history[name], other.history[name], strict=True)
    assert ours.notes == other.notes
    assert (ours.epoch, ours.batch, ours.stopped) == (other.epoch, other.batch, other.stopped)


def ctrl_c_at(*where: tuple[int, int]) -> Callable[[int, int], None]:
    def interrupt(epoch: int, batch: int) -> None:
        if (epoch, batch) in where:
            signal.raise_signal(signal.SIGINT)

    return interrupt


def test_it_counts_and_remembers() -> None:
    w, ours = train(None)
    assert (ours.epoch, ours.batch) == (N_EPOCHS, 0)
    assert [len(ours.history[name]) for name in ("first", "w", "mean")] == [12, 12, 4]
    np.testing.assert_array_equal(ours.history["w"][-1], w)
    assert ours.history["mean"][-1] == w.mean()
    # the same numbers in a plain loop
    rng, value = np.random.RandomState(0), np.array([0.5, -0.5])
    for _ in range(N_EPOCHS):
        order, noise = rng.permutation(N_BATCHES), rng.normal(size=N_BATCHES)
        for k in order:
            value = np.sin(3 * value) + noise[k]
    np.testing.assert_array_equal(w, value)


def test_the_seed_decides() -> None:
    assert (train(None, seed=1)[0] == train(None, seed=1)[0]).all()
    assert (train(None, seed=1)[0] != train(None, seed=2)[0]).all()


def test_more_epochs_later(tmp_path: Path) -> None:
    w, whole = train(tmp_path / "whole.npz")
    train(tmp_path / "state.npz", 2)
    resumed, ours = train(tmp_path / "state.npz", resume=True)
    np.testing.assert_array_equal(resumed, w)
    same(ours, whole)
    again, ours = train(tmp_path / "state.npz", resume=True)  # nothing is left to do
    np.testing.assert_array_equal(again, w)
    same(ours, whole)


@pytest.mark.parametrize("batch", range(N_BATCHES + 1))
@pytest.mark.parametrize("epoch", range(1, N_EPOCHS + 1))
def test_ctrl_c_loses_nothing(tmp_path: Path, epoch: int, batch: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    w, whole = train(None)
    state = tmp_path / "state.npz"
    with pytest.raises(Interrupted) as caught:
        train(state, interrupt=ctrl_c_at((epoch, batch)))
    assert signal.getsignal(signal.SIGINT) is before
    where = f"in epoch {epoch}" if batch < N_BATCHES else f"after epoch {epoch}"
    assert str(caught.value) == f" {where}. --resume goes on from {state}"
    done = json.loads(str(np.load(state)["training"]))
    assert len(done["history"]["first"]) == (epoch - 1) * N_BATCHES + min(batch + 1, N_BATCHES)
    resumed, ours = train(state, resume=True)
    np.testing.assert_array_equal(resumed, w)
    same(ours, whole)


def test_ctrl_c_again_and_again(tmp_path: Path) -> None:
    w, whole = train(None)
    state = tmp_path / "state.npz"
    resume = False
    for place in [(1, 0), (1, 2), (2, 0), (2, 1), (2, 3), (4, 1)]:
        with pytest.raises(Interrupted):
            train(state, resume=resume, interrupt=ctrl_c_at(place))
        resume = True
    resumed, ours = train(state, resume=True)
    np.testing.assert_array_equal(resumed, w)
    same(ours, whole)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    train(state, 1)
    before = state.read_bytes()

    def impatient(epoch: int, batch: int) -> None:
        if (epoch, batch) == (2, 1):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("still here")

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted) as caught:
        train(state, resume=True, interrupt=impatient)
    assert str(caught.value) == " in epoch 2. What came last is not saved"
    assert signal.getsignal(signal.SIGINT) is handler
    assert state.read_bytes() == before  # an older state, but a whole one
    np.testing.assert_array_equal(train(state, resume=True)[0], train(None)[0])


def test_ctrl_c_without_a_state_and_with_a_word() -> None:
    w = symgrad.shared(0.0)
    with pytest.raises(Interrupted) as caught, Training(None, {"w": w}, {}, quiet=True) as ours:
        ours.kept = "The picture is in p.png"
        for _ in ours.epochs(2):
            signal.raise_signal(signal.SIGINT)
    assert str(caught.value) == " after epoch 1. The picture is in p.png"
    with pytest.raises(Interrupted) as caught:
        train(None, interrupt=ctrl_c_at((1, 0)))
    assert str(caught.value) == " in epoch 1."


def test_ctrl_c_after_the_last_step(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    with pytest.raises(Interrupted), Training(state, {}, {}, unit="iteration", quiet=True) as ours:
        for _ in ours.epochs(1):
            ours.record(a=1)
        signal.raise_signal(signal.SIGINT)
    with Training(state, {}, {}, resume=True, quiet=True) as ours:
        assert (ours.epoch, ours.history) == (1, {"a": [1.0]})


def test_a_training_that_stops_by_itself(tmp_path: Path) -> None:
    def until_three(resume: bool, n_epochs: int = 9) -> tuple[float, Training]:
        w = symgrad.shared(0.0)
        state = tmp_path / "state.npz"
        with Training(state, {"w": w}, {}, resume=resume, quiet=True, program="test") as ours:
            for _ in ours.epochs(n_epochs):
                for _ in ours.batches(2):
                    w.set_value(w.get_value() + 1)
                    if w.get_value() == 3:
                        ours.stop()
        return float(w.get_value()), ours

    w, ours = until_three(resume=False)
    assert (w, ours.epoch, ours.stopped) == (3, 2, True)
    w, ours = until_three(resume=True)
    assert (w, ours.epoch, ours.stopped) == (3, 2, True)
    until_three(resume=False, n_epochs=1)
    w, ours = until_three(resume=True)
    assert (w, ours.epoch, ours.stopped) == (3, 2, True)


def test_the_state_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.npz"
    seen = []

    def look(epoch: int, batch: int) -> None:
        if state.exists():
            about = json.loads(str(np.load(state)["training"]))
            seen.append((about["epoch"], about["batch"]))
        if (epoch, batch) == (3, 2):
            raise SystemError  # as if the machine went down

    with pytest.raises(SystemError):
        train(state, interrupt=look)
    assert seen == []
    monkeypatch.setattr(progress, "SAVE_EVERY", 0.0)
    with pytest.raises(SystemError):
        train(state, interrupt=look)
    assert seen[-1] == (2, 2)
    np.testing.assert_array_equal(train(state, resume=True)[0], train(None)[0])


def test_other_settings_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    train(state, 1, rate=0.1, data=tmp_path)
    train(state, 1, rate=0.1, data=tmp_path, resume=True)
    before = state.read_bytes()
    with pytest.raises(OptionError, match="by a training with rate 0.1, not 0.2: give the same"):
        train(state, rate=0.2, data=tmp_path, resume=True)
    with pytest.raises(OptionError, match="with seed 0, not 1"):
        train(state, rate=0.1, data=tmp_path, seed=1, resume=True)
    with pytest.raises(OptionError, match="with rate 0.1, not None"):
        train(state, data=tmp_path, resume=True)
    symgrad.config.floatX = "float32"
    with pytest.raises(OptionError, match="with floatX float64, not float32"):
        train(state, rate=0.1, data=tmp_path, resume=True)
    assert state.read_bytes() == before


def test_states_that_cannot_be_resumed(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"

    def complaint() -> str:
        with pytest.raises(DataError) as caught:
            train(state, resume=True)
        assert str(state) in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such file" in complaint()
    train(state, 2)
    whole = state.read_bytes()
    arrays = dict(np.load(state))
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        state.write_bytes(whole[:cut])
        complaint()
    about = json.loads(str(arrays["training"]))

    def write(text: str, **changed: Any) -> None:
        """A state whose text is another one, with the checksum that fits it."""
        sums = {"checksum": np.array(hashlib.sha256(text.encode()).hexdigest())}
        np.savez(state, **arrays | {"training": np.array(text)} | sums | changed)

    twister = about["rng"]["state"]
    for damage, found in (
        ({"epoch": "two"}, "[epoch]: found 'two', expected a number of epochs"),
        ({"epoch": float("inf")}, "[epoch]: found inf, expected a number of epochs"),
        ({"epoch": -1}, "[epoch]: found -1"),
        ({"epoch": True}, "[epoch]: found True"),
        ({"batch": 1.5}, "[batch]: found 1.5"),
        ({"batch": float("nan")}, "[batch]: found nan"),
        ({"stopped": 0}, "[stopped]: found 0, expected true or false"),
        ({"history": [1]}, "[history]: found [1], expected lists of numbers by name"),
        ({"history": {"first": 1}}, "[history]"),
        ({"history": {"first": [[]]}}, "[history]"),
        ({"history": {"first": [float("nan")]}}, "[history]"),
        ({"settings": None}, "[settings]: found None"),
        ({"notes": 3}, "[notes]: found 3"),
        ({"arrays": 1}, "[arrays]: found 1, expected names"),
        ({"arrays": ["more"]}, "[history more]: found nothing"),
        ({"rng": {}}, "[rng]: found {}, expected the state of a Mersenne twister"),
        ({"rng": about["rng"] | {"state": twister | {"key": [-1]}}}, "[rng]"),
        ({"rng": about["rng"] | {"state": twister | {"pos": 625}}}, "[rng]"),
        ({"rng": about["rng"] | {"bit_generator": "PCG64"}}, "[rng]"),
        ({"format": 2}, "[format]: found format 2, of a newer version, expected format 1"),
        ({"format": "1"}, "[format]: found format 1, expected format 1"),
        ({"program": "mlp"}, "[program]: found the state of mlp, expected one of test"),
        ({"program": "a\n\x1b[2J" + 300 * "b"}, "[program]: found the state of a\\n\\x1b[2Jbb"),
        ({"checksums": 1}, "[checksums]: found 1"),
        ({"checksums": {}}, "[w]: found values that do not fit their checksum"),
        ({"more": 1}, "[more]: found what no state has"),
    ):
        write(json.dumps(about | damage))
        assert found in complaint()
    for key in about:
        write(json.dumps({name: value for name, value in about.items() if name != key}))
        complaint()
    for text in ("no json", "[]", "3", "null", "[" * 100_000, "9" * 10_000, ""):
        write(text)
        assert "expected the state of a training" in complaint()
    np.savez(state, **arrays | {"training": np.array(json.dumps(about | {"epoch": 1}))})
    assert "[training]: found a text that does not fit its checksum" in complaint()
    np.savez(state, **arrays | {"training": np.zeros(3)})
    assert "[training]: found float64 of shape (3,)" in complaint()

    for changed, found in (
        (
            {"w": np.zeros(3)},
            "[w]: found float64 of shape (3,), expected finite numbers, float64",
        ),
        ({"w": np.zeros(2, np.float32)}, "found float32 of shape (2,)"),
        ({"w": np.array(["a", "b"])}, "found <U1 of shape (2,)"),
        ({"w": np.full(2, np.nan)}, "[w]: found NaN or infinity"),
        ({"w": arrays["w"] + 1}, "[w]: found values that do not fit their checksum"),
        ({"w": np.array([None, None])}, "[w]: found something that cannot be read (w.npy holds"),
        ({"history w": np.zeros(())}, "[history w]: found float64 of shape (), expected the num"),
        ({"history w": arrays["history w"][:-1]}, "[history w]: found values that do not fit"),
        ({"v": np.zeros(2)}, "[v]: found what no state has, expected training, checksum, w"),
    ):
        np.savez(state, **arrays | changed)
        assert found in complaint()
    for name in arrays:
        np.savez(state, **{key: array for key, array in arrays.items() if key != name})
        assert name in complaint()
    state.write_bytes(whole)
    train(state, resume=True)


def test_where_no_state_can_be(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="missing.*cannot save there"):
        train(tmp_path / "missing" / "state.npz")
    with pytest.raises(OptionError, match="nothing to resume from"):
        train(None, resume=True)


def test_outside_of_the_main_thread(tmp_path: Path) -> None:
    found: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: found.append(train(tmp_path / "state.npz")[0]))
    thread.start()
    thread.join(60)
    assert signal.getsignal(signal.SIGINT) is before
    np.testing.assert_array_equal(found[0], train(None)[0])


def test_lines_and_their_absence(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, shown in ((True, ""), (False, "one\ntwo\n")):
        with Training(None, {}, {}, quiet=quiet) as ours:
            for epoch in ours.epochs(2):
                for _ in ours.batches(3):
                    pass
                ours.line(["one", "two"][epoch - 1])
        out, err = capsys.readouterr()
        assert (out, err) == (shown, "")


def raises(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (OptionError("two\nlines"), 2, "script.py: error: two lines\n"),
        (DataError("file", "this", "that"), 2, "error: file: found this, expected that\n"),
        (Interrupted(" in epoch 3."), 130, "Interrupted in epoch 3.\n"),
        (KeyboardInterrupt(), 130, "Interrupted, before there was a model to save.\n"),
    ],
)
def test_exit_statuses(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    says: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["somewhere/script.py"])
    with pytest.raises(SystemExit) as caught:
        run(lambda: raises(error))
    assert caught.value.code == status
    assert capsys.readouterr().err.endswith(says)


@pytest.mark.parametrize("name", ["datasets.mnist", "training.early_stopping", "training.progress"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted > 0
    assert failed == 0


def test_exit_status_of_success() -> None:
    with pytest.raises(SystemExit) as caught:
        run(lambda: None)
    assert caught.value.code == 0


@pytest.mark.parametrize(
    "found", [None, "x", [1], {}, {"best": 1.0}, -1, 1.5, float("nan")], ids=str
)
def test_a_note_of_another_kind_is_refused(tmp_path: Path, found: object) -> None:
    training = Training(None, {}, {}, quiet=True)
    for name, start in {"stride": 1, "points": [], "stopping": {"best": 1.0, "at": 0}}.items():
        assert training.note(name, start) == start
        if type(found) is type(start) and found not in (-1, [1], {}, {"best": 1.0}):
            continue
        training.notes[name] = found
        with pytest.raises(DataError, match=rf"\[notes\]\[{name}\]: found .*, expected something"):
            training.note(name, start)


def test_what_has_been_recorded_must_be_of_the_stated_length() -> None:
    training = Training(None, {}, {}, quiet=True)
    training.expect(cost=0, W=(0, 3))
    training.record(cost=1.0, W=np.zeros(3))
    training.expect(cost=1, W=(1, 3))
    for wrong in ({"cost": 2}, {"cost": (1, 3)}, {"W": 1}, {"W": (1, 4)}, {"W": (2, 3)}):
        with pytest.raises(DataError, match=r"\[history \w+\]: found values of shape"):
            training.expect(**wrong)


@pytest.mark.parametrize("place", ["epoch", "batch"])
def test_a_place_beyond_the_end_is_refused(place: str) -> None:
    training = Training(None, {}, {}, quiet=True)
    setattr(training, place, 5)
    with pytest.raises(DataError, match=rf"\[{place}\]: found 5, expected at most the 4"):
        for _ in training.epochs(6 if place == "batch" else 4):
            list(training.batches(4))
