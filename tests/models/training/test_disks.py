"""Full disks, odd paths, two trainings at once, nobody who reads, Ctrl-C at the very end."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets import mnist
from datasets.errors import OptionError
from training import running
from training.progress import Training
from training.saving import claim, on_disk, save_params

REPO = Path(__file__).resolve().parents[3]
# Children have a stand-in for scikit-learn, which takes long to import.
PATHS = os.pathsep.join(map(str, (REPO, REPO / "models", REPO / "tests" / "models" / "stand_in")))

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")

SCRIPTS = {
    "logistic_sgd": ["--batch-size", "50", "--learning-rate", "0.2"],
    "binary_logistic": [],
    "softmax_gd": [],
}

# Runs a script as the shell does, after some preparation.
START = """
import importlib, resource, signal, sys
from pathlib import Path
from training import plots, progress, running, saving
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = sys.argv[1:]
{before}
import {name}
running.run({name}.main)
"""


def start(
    tmp_path: Path, name: str, *options: str, before: str = "", epochs: int = 2, **more: object
) -> subprocess.Popen[str]:
    common = ["--dataset", "digits", "--epochs", str(epochs)]
    program = START.format(name=name, before=before)
    streams: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.Popen(
        [sys.executable, "-c", program, f"{name}.py", *SCRIPTS[name], *common, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PATHS},
        encoding="utf-8",
        **streams,  # type: ignore[call-overload]
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out or "", err or ""


def files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*")}


# ------------------------------------------------------------------------------- full and odd disks
@posix
@pytest.mark.parametrize(
    ("name", "limit", "what"),
    [
        ("logistic_sgd", 100, "the parameters"),
        ("logistic_sgd", 12_000, "the state"),
        ("binary_logistic", 100, "the state"),
        ("binary_logistic", 50_000, "the picture"),
        ("softmax_gd", 100, "the state"),
    ],
)
def test_a_full_disk_takes_one_line(tmp_path: Path, name: str, limit: int, what: str) -> None:
    (tmp_path / "out").mkdir()
    for file in ("state.npz", "weights.npz", "best_model.npz", "loss.png"):
        (tmp_path / "out" / file).write_bytes(b"old")
    before = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    status, _, said = finished(start(tmp_path, name, "--out", "out", before=before))
    assert status == 2
    lines = [line for line in said.splitlines() if not line.startswith("The code for file")]
    expected = rf"{name}\.py: error: out/\S+: {what} cannot be saved \(File too large\)"
    assert re.fullmatch(expected, "\n".join(lines))
    assert not [file for file in files(tmp_path) if "tmp" in file]
    for path in (tmp_path / "out").iterdir():  # old, or whole
        assert path.read_bytes() == b"old" or path.stat().st_size <= limit


def complaint(capsys: pytest.CaptureFixture[str], name: str, *options: str) -> str:
    argv, sys.argv = sys.argv, [f"{name}.py"]
    try:
        with pytest.raises(SystemExit) as caught:
            running.run(lambda: importlib.import_module(name).main(list(options)))
    finally:
        sys.argv = argv
    said = capsys.readouterr().err
    assert caught.value.code == 2, said
    assert said.count("\n") == 1
    assert len(said) < 2200
    assert said[:-1].isprintable()
    return said


def made(kind: str, directory: Path) -> Path:
    path = directory / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        return Path(os.devnull)
    elif kind == "broken":
        path.symlink_to(directory / "nowhere")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "vanished":
        return path / "file"
    elif kind == "below a file":
        path.write_bytes(b"old")
        return path / "file"
    elif kind == "long":
        return directory / ("x" * 300)
    elif kind == "hostile":
        return directory / "missing" / "\x1b[2J\na"
    return path


KINDS = ["directory", "fifo", "device", "broken", "loop", "vanished", "below a file", "long"]


@posix
@pytest.mark.parametrize("kind", [*KINDS, "hostile"])
def test_where_nothing_can_be_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = made(kind, tmp_path)
    before = files(tmp_path)
    complaint(capsys, "logistic_sgd", "--dataset", "digits", "--save", str(path))
    if kind != "device":
        complaint(capsys, "make_npz", f"{path}.npz" if kind in ("vanished", "long") else str(path))
    assert files(tmp_path) == before


@posix
@pytest.mark.parametrize("kind", ["fifo", "broken", "loop", "below a file", "long", "device"])
def test_where_no_directory_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = made(kind, tmp_path)
    before = files(tmp_path)
    for name in ("logistic_sgd", "softmax_gd", "binary_logistic"):
        complaint(capsys, name, "--dataset", "digits", "--epochs", "1", "--out", str(path))
    complaint(capsys, "draw_digits", str(path))
    assert files(tmp_path) == before


@posix
@pytest.mark.parametrize("kind", KINDS[1:])
def test_pictures_meet_what_they_cannot_replace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind in ("device", "vanished", "below a file", "long"):
        return
    made(kind, tmp_path).rename(tmp_path / "0-1.png")
    assert "0-1.png: the picture cannot be saved" in complaint(capsys, "draw_digits", str(tmp_path))
    assert files(tmp_path) == {"0-1.png"}


def test_drawn_digits_are_pictures(tmp_path: Path) -> None:
    importlib.import_module("draw_digits").main([str(tmp_path), "--each", "2"])
    formats = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            formats[path.suffix] = image.format
    assert formats == {".png": "PNG", ".jpg": "JPEG"}


@posix
def test_what_a_killed_training_left_is_removed_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (
        "import os\n"
        "real = saving.np.savez\n"
        "def killed(file, **arrays):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "saving.np.savez = killed"
    )
    status, _, _ = finished(start(tmp_path, "binary_logistic", "--out", "out", before=before))
    assert status == -signal.SIGKILL
    [left] = files(tmp_path / "out")
    assert left.endswith(".symgrad-tmp")
    os.utime(tmp_path / "out" / left, (1, 1))  # (what is new and empty may be somebody's)
    for said in (rf"\(removed \S+{re.escape(left)}, left by a run that was killed\)\n", ""):
        options = ["--dataset", "digits", "--epochs", "1", "--out", str(tmp_path / "out")]
        importlib.import_module("binary_logistic").main(options)
        assert re.fullmatch(said, capsys.readouterr().err)
    assert not [file for file in files(tmp_path) if "tmp" in file]


# ------------------------------------------------------------------------------------- two at once
@posix
def test_the_second_training_says_that_there_is_a_first(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    with Training(state, {}, {}):
        second = Training(state, {}, {})
        with pytest.raises(OptionError, match="another training is saving there"):
            second.__enter__()
    with Training(state, {}, {}):
        pass
    place = claim(tmp_path)
    assert place is not None
    os.close(place)


def test_two_trainings_that_save_one_best_model(tmp_path: Path) -> None:
    options = ["--save", "best.npz"]
    both = [start(tmp_path, "logistic_sgd", *options, epochs=30) for _ in range(2)]
    for status, _, said in [finished(process) for process in both]:
        assert status == 0, said
    with zipfile.ZipFile(tmp_path / "best.npz") as archive:
        assert archive.testzip() is None
    assert files(tmp_path) == {"best.npz"}


# --------------------------------------------------------------------------------- nobody who reads
@posix
@pytest.mark.parametrize("name", ["logistic_sgd", "binary_logistic"])
def test_a_reader_that_leaves_loses_nothing(tmp_path: Path, name: str) -> None:
    kept = "best_model.npz" if name == "logistic_sgd" else "state.npz"
    with start(tmp_path, name, "--out", "out", epochs=5000) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert (process.returncode, said) == (141, "")
    assert kept in files(tmp_path / "out")
    with np.load(tmp_path / "out" / kept) as arrays:
        assert arrays.files


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_below_stdout(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        process = start(tmp_path, "logistic_sgd", stdout=full)
        status, _, said = finished(process)
    assert status == 2
    assert said == "logistic_sgd.py: error: standard output: No space left on device\n"
    assert files(tmp_path) == {"best_model.npz"}


@posix
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_from_the_beginning(tmp_path: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for stream in closed:
            os.close(stream)

    process = start(tmp_path, "logistic_sgd", "--save", "best.npz", preexec_fn=close)
    status, _, said = finished(process)
    assert status == 0, said
    assert "Error" not in said
    with zipfile.ZipFile(tmp_path / "best.npz") as archive:
        assert archive.testzip() is None


# ----------------------------------------------------------------------------- Ctrl-C, very late
@pytest.mark.parametrize("name", SCRIPTS)
def test_ctrl_c_during_the_last_pictures(
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plots = importlib.import_module("training.plots")
    monkeypatch.setattr(plots, "save_figure", lambda *_: signal.raise_signal(signal.SIGINT))
    options = [*SCRIPTS[name], "--dataset", "digits", "--epochs", "2", "--out", str(tmp_path)]
    main = importlib.import_module(name).main
    with pytest.raises(SystemExit) as caught:
        running.run(lambda: main(options))
    assert caught.value.code == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("Interrupted. Saved by then: ")
    for path in on_disk:
        assert str(path) in said
    assert {path.name for path in on_disk} == files(tmp_path)
    assert f"--resume goes on from {tmp_path}" in said


LATE = """
def late(*_):
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)
        print("not at once", flush=True)
plots.save_figure = late
"""


@posix
def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    status, out, said = finished(start(tmp_path, "binary_logistic", "--out", "out", before=LATE))
    assert status == 130
    assert "not at once" not in out
    assert re.fullmatch(r"\nInterrupted\. Saved by then: out/.*\n", said)


@posix
def test_a_second_ctrl_c_after_that_of_a_training_stops_at_once(tmp_path: Path) -> None:
    before = (
        "import training\n"
        "real = progress.Training.save\n"
        "def save(self):\n"
        "    if self.epoch == 1:\n        signal.raise_signal(signal.SIGINT)\n"
        "    real(self)\n"
        "progress.Training.save = save\n"
        "progress.SAVE_EVERY = 0.0\n"
        "leave = progress.Training.__exit__\n"
        "def exit(self, *error):\n"
        "    try:\n        return leave(self, *error)\n"
        "    finally:\n"
        "        signal.raise_signal(signal.SIGINT)\n        print('not at once', flush=True)\n"
        "progress.Training.__exit__ = exit"
    )
    status, out, said = finished(start(tmp_path, "binary_logistic", "--out", "out", before=before))
    assert (status, "not at once" in out) == (130, False), said
    assert re.fullmatch(r"\nInterrupted\. Saved by then: out/state\.npz\. --resume .*\n", said)


@posix
def test_real_signals_at_the_end(tmp_path: Path) -> None:
    """From the last line that a script prints on: one line and 130, or it had ended already."""
    for delay in (0.05, 0.6):
        with start(tmp_path, "binary_logistic", "--out", "out", epochs=3) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                if line.startswith("Test accuracy"):
                    break
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            said = process.stderr.read()
        lines = [line for line in said.splitlines() if line]
        assert (process.returncode, len(lines)) in ((130, 1), (0, 0)), said
        assert not process.returncode or "Saved by then: out/" in said
        assert not [file for file in files(tmp_path) if "tmp" in file]


# -------------------------------------------------------------------------------- one line is one
HOSTILE = "\x1b[2J\x07\u202e" + "n" * 5000


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", HOSTILE],
        [f"--{HOSTILE}"],
        ["--floatX", HOSTILE],
        ["--dataset", HOSTILE],
        ["--learning-rate", HOSTILE],
    ],
)
def test_an_option_that_is_no_text(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert len(complaint(capsys, "logistic_sgd", *options)) < 1700


def test_names_in_files_that_are_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", **{HOSTILE[:200]: np.ones(2)})
    complaint(capsys, "logistic_sgd", "--dataset", str(tmp_path / "a.npz"))
    complaint(capsys, "softmax_npz", str(tmp_path / "a.npz"))
    for name in ("\x1b[2Ja", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
    classes = ["--dataset", str(tmp_path), "--classes", "x\x1b[2J", "y" * 999]
    complaint(capsys, "binary_logistic", *classes)
    (tmp_path / "p\x1b[2J.png").write_bytes(b"none")
    complaint(capsys, "predict_digits", str(tmp_path / "p\x1b[2J.png"))


def test_datasets_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x" * 300, "a\0b", "~nobody/x"):
        with pytest.raises(mnist.DataError):
            mnist.load(name, quiet=True)


def test_saved_twice_is_listed_once(tmp_path: Path) -> None:
    on_disk.clear()
    for _ in range(2):
        save_params(tmp_path / "a.npz", W=np.ones(2))
    assert on_disk == {tmp_path / "a.npz": "the parameters"}
