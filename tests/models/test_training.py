"""Early stopping, saved parameters, options and exit statuses."""

from __future__ import annotations

import argparse
import doctest
import importlib
import io
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import training
from errors import DataError, ModelError, OptionError


def test_early_stopping_step_by_step() -> None:
    stopping = training.EarlyStopping(patience=100, increase=2, threshold=0.995)
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


def test_saved_parameters_come_back(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for seed in (1, 2):
        W = np.random.default_rng(seed).normal(size=(3, 2))
        training.save_params(path, W=W, b=np.arange(2, dtype=np.float32))
        loaded = training.load_params(path, ["W", "b"])
        np.testing.assert_array_equal(loaded["W"], W)
        assert loaded["b"].dtype == np.float32
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failed_save_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | OSError
) -> None:
    path = tmp_path / "model.npz"
    training.save_params(path, W=np.ones(2))
    before = path.read_bytes()

    def fail(file: io.BufferedWriter, **_: object) -> None:
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises((KeyboardInterrupt, ModelError)) as caught:
        training.save_params(path, W=np.zeros(2))
    if isinstance(caught.value, ModelError):
        assert "cannot be saved (No space left on device)" in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_parameters_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"

    def complaint() -> str:
        with pytest.raises(DataError) as caught:
            training.load_params(path, ["W", "b"])
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "found no such file" in complaint()
    path.write_bytes(b"something")
    complaint()
    path.write_bytes(b"")
    complaint()
    np.savez(path, W=np.ones(2))
    assert "found no b among W, expected an .npz with W, b" in complaint()
    np.savez(path, W=np.ones(2), b=np.array([None]))
    complaint()
    np.savez(path, W=np.ones(2), b=np.array([np.nan]))
    assert "not finite" in complaint()
    np.savez(path, W=np.ones(2), b=np.array(["a"]))
    complaint()
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    complaint()


def test_where_to_save_is_checked_beforehand(tmp_path: Path) -> None:
    training.check_writable(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match="found a directory or device"):
        training.check_writable(tmp_path)
    with pytest.raises(OptionError, match="cannot save there"):
        training.check_writable(tmp_path / "missing" / "model.npz")
    if os.name == "posix":
        with pytest.raises(OptionError, match="found a directory or device"):
            training.check_writable(Path(os.devnull))


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 1 on"):
        training.positive_int(text)


@pytest.mark.parametrize("text", ["0", "-0.1", "nan", "inf", "", "fast"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number above 0"):
        training.positive_float(text)


def raises(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (OptionError("two\nlines"), 2, "script.py: error: two lines\n"),
        (DataError("file", "this", "that"), 2, "error: file: found this, expected that\n"),
        (training.Interrupted(" in epoch 3."), 130, "Interrupted in epoch 3.\n"),
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
        training.run(lambda: raises(error))
    assert caught.value.code == status
    assert capsys.readouterr().err.endswith(says)


@pytest.mark.parametrize("name", ["mnist", "training"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted > 0
    assert failed == 0


def test_exit_status_of_success() -> None:
    with pytest.raises(SystemExit) as caught:
        training.run(lambda: None)
    assert caught.value.code == 0
