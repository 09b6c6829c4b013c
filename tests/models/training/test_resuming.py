"""Every script, interrupted and resumed, ends where it would have ended: bit for bit."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[3]
# Children have a stand-in for scikit-learn, which takes long to import.
PATHS = f"{REPO}{os.pathsep}{REPO / 'tests' / 'models' / 'stand_in'}"

# Options that make a run on the small digits short, and more epochs than are done before it is
# interrupted.
SCRIPTS = {
    "logistic_sgd": (["--learning-rate", "0.2", "--batch-size", "50"], 150),
    "logistic_cg": (["--batch-size", "50"], 60),
    "mlp": (["--hidden", "30", "--l1", "1e-5"], 20),
    "softmax_mnist": ([], 500),
    "softmax_npz": (["--batch-size", "50"], 500),
    "binary_logistic": ([], 3000),
    "softmax_gd": (["--decay", "0.001"], 3000),
}

# What these keep when they are interrupted is the state only, not also the best model so far.
STATE_ONLY = {"softmax_mnist", "softmax_npz", "binary_logistic", "softmax_gd"}

NUMBERS = re.compile(r"^(?!The code ).*\d.*$", re.MULTILINE)  # lines with results in them


def results(shown: str) -> list[str]:
    """Lines with results, whatever room they leave for the number of an epoch."""
    return [" ".join(line.split()) for line in NUMBERS.findall(shown)]


def train(name: str, out: Path, epochs: int, *more: str) -> None:
    """Call a script's `main`."""
    options, _ = SCRIPTS[name]
    common = ["--dataset", "digits", "--epochs", str(epochs), "--out", str(out)]
    importlib.import_module(name).main([*options, *common, *more])


def same(one: Path, other: Path) -> None:
    """Compare all that two directories hold: parameters, states and pictures."""
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    assert one.joinpath("state.npz").exists()
    for path in one.iterdir():
        if path.suffix == ".npz":
            with np.load(path) as ours, np.load(other / path.name) as theirs:
                assert ours.files == theirs.files
                for key in ours.files:
                    np.testing.assert_array_equal(ours[key], theirs[key], strict=True)
        else:
            assert path.read_bytes() == (other / path.name).read_bytes()


@pytest.mark.parametrize("floatX", ["float64", "float32"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_more_epochs_later(
    tmp_path: Path, name: str, floatX: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(name, whole, 4, "--floatX", floatX)
    expected = NUMBERS.findall(capsys.readouterr().out)
    train(name, parts, 2, "--floatX", floatX)
    first = NUMBERS.findall(capsys.readouterr().out)
    train(name, parts, 4, "--floatX", floatX, "--resume")
    second = NUMBERS.findall(capsys.readouterr().out)
    assert first[:-1] + second == expected
    same(parts, whole)
    train(name, parts, 4, "--floatX", floatX, "--resume")  # there is nothing left to do
    assert NUMBERS.findall(capsys.readouterr().out) == expected[-1:]
    same(parts, whole)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
@pytest.mark.parametrize("name", SCRIPTS)
def test_ctrl_c_loses_nothing(
    tmp_path: Path,
    name: str,
    listening: Callable[[str], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    options, epochs = SCRIPTS[name]
    common = ["--dataset", "digits", "--epochs", str(epochs), "--out", "kept"]
    with subprocess.Popen(
        [*listening(name), *options, *common],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": PATHS, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith(("epoch", "iteration", "validation error")):
                break
        process.send_signal(signal.SIGINT)
        shown += process.stdout.read()
        said = process.stderr.read()
    assert process.returncode == 130, said
    best = (
        r"The best model so far, with a validation error of [\d.]+ %, "
        rf"is in {re.escape(str(Path('kept', 'best_model.npz')))}\. "
    )
    assert re.fullmatch(
        rf"Interrupted (in|after) \w+ \d+\. {'' if name in STATE_ONLY else best}"
        rf"--resume goes on from {re.escape(str(Path('kept', 'state.npz')))}\n",
        said,
    )
    assert "complete" not in shown
    assert "Test accuracy after" not in shown
    kept = {"state.npz"} if name in STATE_ONLY else {"best_model.npz", "state.npz"}
    assert {path.name for path in (tmp_path / "kept").iterdir()} == kept

    with np.load(tmp_path / "kept" / "state.npz") as state:
        enough = min(epochs, json.loads(str(state["training"]))["epoch"] + 3)
    train(name, tmp_path / "whole", enough)
    expected = results(capsys.readouterr().out)
    train(name, tmp_path / "kept", enough, "--resume")
    assert results(shown) + results(capsys.readouterr().out) == expected
    same(tmp_path / "kept", tmp_path / "whole")
