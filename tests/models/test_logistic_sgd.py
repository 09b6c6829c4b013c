"""The main job, as a command."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.errors import ModelError
from logistic_sgd import main

REPO = Path(__file__).resolve().parents[2]
SCRIPT = REPO / "models" / "logistic_sgd.py"
STAND_IN = REPO / "tests" / "models" / "stand_in"  # for scikit-learn, which takes long to import

NUMBER = r"\d+\.\d{6}"
VALIDATION = re.compile(rf"epoch (\d+), minibatch (\d+)/(\d+), validation error ({NUMBER}) %")
TEST = re.compile(
    rf"     epoch (\d+), minibatch (\d+)/(\d+), test error of best model ({NUMBER}) %"
)
COMPLETE = re.compile(
    rf"Optimization complete with best validation score of ({NUMBER}) %,"
    rf"with test performance ({NUMBER}) %"
)
RUN = re.compile(rf"The code run for (\d+) epochs, with {NUMBER} epochs/sec")
RAN = re.compile(r"The code for file logistic_sgd.py ran for \d+\.\ds\n")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of this machine's data, cache or network is seen."""
    env = {key: value for key, value in os.environ.items() if key != "SYMGRAD_DATA"}
    nowhere = str(tmp_path / "home")
    env |= {
        "SYMGRAD_MIRRORS": "http://127.0.0.1:1/",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "HOME": nowhere,
        "XDG_CACHE_HOME": nowhere,
        "PYTHONPATH": f"{REPO}{os.pathsep}{STAND_IN}",
        "PYTHONWARNINGS": "error::RuntimeWarning",
        "PYTHONUTF8": "1",
    }
    return env


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path, env: dict[str, str]) -> Command:
    """Run the script in an empty directory and return what it said."""

    def run(*options: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), *map(str, options)],
            cwd=tmp_path,
            env=env | changes,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )

    return run


@pytest.fixture
def complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the script's `main` in an empty directory and return what it complains about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYMGRAD_DATA", raising=False)

    def complain(*options: object) -> str:
        with pytest.raises(ModelError) as caught:
            main([str(option) for option in options])
        return str(caught.value)

    return complain


def one_line_complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What the command said on stderr, after checking that it is one line and exit status 2."""
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"logistic_sgd\.py: error: .+\n", done.stderr)
    assert "Traceback" not in done.stdout
    return done.stderr


# ---- the command ---------------------------------------------------------------------------------


def test_help(command: Command) -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    options = "dataset batch-size learning-rate epochs save seed out resume quiet floatX".split()
    for option in options:
        assert f"--{option}" in done.stdout


def test_the_tutorials_lines(tmp_path: Path, command: Command) -> None:
    done = command("--dataset", "digits", "--epochs", 3)
    assert done.returncode == 0, done.stderr
    assert RAN.fullmatch(done.stderr)
    lines = done.stdout.splitlines()
    assert "\r" not in done.stdout
    assert lines[:3] == ["... loading data", "... building the model", "... training the model"]
    validations = [found for line in lines if (found := VALIDATION.fullmatch(line))]
    tests = [found for line in lines if (found := TEST.fullmatch(line))]
    assert [found.groups()[:3] for found in validations] == [
        (str(epoch), "23", "23") for epoch in (1, 2, 3)
    ]
    assert len(lines) == 3 + len(validations) + len(tests) + 2
    complete, run = COMPLETE.fullmatch(lines[-2]), RUN.fullmatch(lines[-1])
    assert complete is not None
    assert run is not None
    assert complete[1] == min((found[4] for found in validations), key=float)
    assert complete[2] == tests[-1][4]
    assert run[1] == "3"
    assert {path.name for path in tmp_path.iterdir()} == {"best_model.npz"}


def test_quiet_and_save(tmp_path: Path, command: Command, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path / "data")
    done = command("--batch-size", 10, "--epochs", 1, "--quiet", "--save", "a model")
    assert done.returncode == 0, done.stderr
    complete, run = done.stdout.splitlines()
    assert COMPLETE.fullmatch(complete)
    assert RUN.fullmatch(run)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "a model"}


def test_a_directory_for_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    digits = ["--dataset", "digits", "--epochs", "2", "--quiet", "--out", "some/where"]
    main(digits)
    results = {"errors.png", "errors.svg", "state.npz"}
    assert {path.name for path in Path("some/where").iterdir()} == results | {"best_model.npz"}
    assert {path.name for path in tmp_path.iterdir()} == {"some"}
    main([*digits, "--resume", "--epochs", "3", "--save", "best.npz"])
    assert "The code run for 3 epochs" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"some", "best.npz"}


@pytest.mark.skipif(sys.platform == "win32", reason="the cache cannot be moved there")
def test_without_a_network_it_says_so_and_trains(command: Command) -> None:
    done = command("--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("^.*no network.*$", done.stdout, re.MULTILINE)) == 1
    assert "minibatch 23/23" in done.stdout
    assert RAN.fullmatch(done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="the cache cannot be moved there")
def test_with_a_server_that_hangs_it_does_not(command: Command, server: Any, answer: Any) -> None:
    server.answers["/t10k-labels-idx1-ubyte.gz"] = answer(b"", length=9, hang=True)
    start = time.monotonic()
    done = command("--epochs", 1, SYMGRAD_MIRRORS=server.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no network") == 1
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--epochs", "0"], "--epochs: found '0', expected a whole number from 1 on"),
        (["--epochs", "-3"], "--epochs"),
        (["--batch-size", "0"], "--batch-size"),
        (["--batch-size", "many"], "--batch-size: found 'many'"),
        (["--learning-rate", "-0.1"], "--learning-rate: found '-0.1', expected a number above 0"),
        (["--learning-rate", "nan"], "--learning-rate"),
        (["--floatX", "float16"], "--floatX"),
        (["--save", "missing/model.npz"], "model.npz: cannot save there (No such file"),
        (["--save", "."], "found a directory"),
        (["--dataset", "missing"], "missing: found nothing, expected a directory"),
        (["--batch-size", "301"], "301 images is larger than the validation split, which has 300"),
        (["--seed", "-1"], "--seed: found '-1', expected a whole number from 0 on"),
        (["--resume"], "--resume needs --out"),
        (["--verbose"], "unrecognized arguments: --verbose"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_bad_options(
    tmp_path: Path, complaint: Callable[..., str], options: list[str], says: str
) -> None:
    assert says in complaint("--dataset", "digits", *options)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_option_of_the_command(tmp_path: Path, command: Command) -> None:
    said = one_line_complaint(command("--dataset", "digits", "--epochs", 0))
    assert "--epochs: found '0', expected a whole number from 1 on" in said
    assert list(tmp_path.iterdir()) == []


def test_bad_files(
    tmp_path: Path,
    command: Command,
    complaint: Callable[..., str],
    write_mnist: Callable[..., Path],
) -> None:
    data = write_mnist(tmp_path / "data")

    def complaint_about(name: str, contents: bytes | None) -> str:
        path = data / name
        before = path.read_bytes()
        if contents is None:
            path.unlink()
        else:
            path.write_bytes(contents)
        said = complaint("--batch-size", 10)  # found as ./data
        path.write_bytes(before)
        assert name.removesuffix(".gz") in said
        assert re.search("found .+, expected .+", said)
        return said

    images, labels = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
    whole = (data / images).read_bytes()
    assert "no such file" in complaint_about(images, None)
    assert "ends too early" in complaint_about(images, whole[:-20])
    assert "magic number 2051" in complaint_about(labels, whole)
    assert "gzip data" in complaint_about(labels, b"<html>")
    short = gzip.compress(bytes.fromhex("00000801 00000001 05"))
    assert "1 labels, expected 60" in complaint_about(labels, short)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}

    hostile = tmp_path / "mnist.pkl.gz"
    hostile.write_bytes(gzip.compress(b"cos\nmkdir\n(S'owned'\ntR."))
    assert "asks for os.mkdir" in one_line_complaint(command("--dataset", hostile))
    assert {path.name for path in tmp_path.iterdir()} == {"data", "mnist.pkl.gz"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_learning_rate_that_explodes(complaint: Callable[..., str]) -> None:
    said = complaint("--dataset", "digits", "--learning-rate", "1e308")
    assert "a smaller learning rate than 1e+308 may help" in said


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_leaves(
    tmp_path: Path, env: dict[str, str], write_mnist: Callable[..., Path]
) -> None:
    write_mnist(tmp_path / "data")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--batch-size", "10", "--epochs", "50"],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141  # a shell's status for who is ended by SIGPIPE
    assert (tmp_path / "best_model.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_keeps_the_best_model(
    tmp_path: Path,
    env: dict[str, str],
    write_mnist: Callable[..., Path],
    listening: Callable[[str], list[str]],
) -> None:
    data = write_mnist(tmp_path / "mnist", n_train=7200, n_test=600)
    process = subprocess.Popen(
        [*listening("logistic_sgd"), "--dataset", str(data), "--save", "kept.npz"],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if TEST.fullmatch(line.rstrip("\n")):
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        said = process.stderr.read()
    assert process.returncode == 130
    assert re.fullmatch(
        rf"Interrupted in epoch \d+\. The best model so far, with a validation error of {NUMBER} %,"
        r" is in kept\.npz\n",
        said,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"mnist", "kept.npz"}
    with np.load(tmp_path / "kept.npz") as saved:
        assert saved["W"].shape == (784, 10)


def test_a_bar_on_a_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--dataset", "digits", "--epochs", "30"],
        cwd=tmp_path,
        env=env | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with process:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end has closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0, shown
    screen = shown.decode()
    assert re.search(r"\d+%\|.*\| \d+/690 ", screen)  # 30 epochs of 23 minibatches
    # What remains on the lines, once the bar has been wiped off them, is the tutorial's output.
    lines = [line.rpartition("\r")[2].strip("\r") for line in screen.split("\r\n")]
    assert sum(bool(VALIDATION.fullmatch(line)) for line in lines) == 30
    assert any(COMPLETE.fullmatch(line) for line in lines)


# ---- the real thing ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("floatX", ["float64", "float32"])
def test_mnist_to_the_last_figure(
    command: Command, mnist_directory: Path, reference: dict[str, Any], floatX: str
) -> None:
    done = command("--floatX", floatX, SYMGRAD_DATA=str(mnist_directory))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    validation = [float(found[4]) for line in lines if (found := VALIDATION.fullmatch(line))]
    tests = [(int(found[1]), float(found[4])) for line in lines if (found := TEST.fullmatch(line))]
    # One of the 9,600 validation images more or less is 0.0104 %.
    tolerance = 0 if floatX == "float64" else 0.0105
    np.testing.assert_allclose(validation, reference["validation_percent"], rtol=0, atol=tolerance)
    if floatX == "float64":
        assert tests == [tuple(pair) for pair in reference["test_percent_at_improvements"]]
    assert "epoch 73, minibatch 83/83, validation error 7.500000 %" in lines
    assert "     epoch 73, minibatch 83/83, test error of best model 7.489583 %" in lines
    assert lines[-2] == (
        "Optimization complete with best validation score of 7.500000 %,"
        "with test performance 7.489583 %"
    )
    assert lines[-1].startswith("The code run for 74 epochs, with ")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the cache cannot be moved there")
def test_mnist_downloaded_and_trained_on(
    tmp_path: Path, command: Command, mnist_directory: Path, server: Any, answer: Any
) -> None:
    for path in mnist_directory.glob("*.gz"):
        server.answers[f"/mnist/{path.name}"] = answer(path.read_bytes())
    mirrors = f"{server.url}/none/ {server.url}/mnist/"
    done = command("--epochs", 1, SYMGRAD_MIRRORS=mirrors)
    assert done.returncode == 0, done.stderr
    assert "... downloading MNIST" in done.stdout
    assert "epoch 1, minibatch 83/83, validation error 12.458333 %" in done.stdout
    kept = [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert sorted(kept) == sorted(path.stem for path in mnist_directory.glob("*.gz"))
