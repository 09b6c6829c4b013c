"""``python -m benchmarks`` itself, and its questions."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.harness.peers import PEERS, Peer
from benchmarks.harness.question import answers


@pytest.mark.parametrize("name", command.QUESTIONS)
def test_a_question_is_complete(name: str) -> None:
    module = importlib.import_module(f"benchmarks.workloads.{name}")
    asked = command.question(name)
    assert asked.name == name
    assert answers(module, "numpy")
    assert answers(module, "symgrad")
    for case in asked.cases:
        assert str(case.aim), f"{case.title} has no aim"
        assert all(peer in {p.name for p in PEERS} for peer in case.aim.against)
    assert asked.quick().cases


def test_every_file_is_asked() -> None:
    """No question is forgotten, and rows have names of their own."""
    here = Path(command.__file__).parent / "workloads"
    files = {
        path.stem for path in here.glob("[!_]*.py") if "QUESTION = " in path.read_text("utf-8")
    }
    assert files == set(command.QUESTIONS)
    titles = [case.title for name in command.QUESTIONS for case in command.question(name).cases]
    assert len(titles) == len(set(titles))


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in command.QUESTIONS)
    assert all(peer.name in shown for peer in PEERS)


@pytest.mark.parametrize("line", ["--only nothing", "--peers theano", "--rounds 0"])
def test_wrong_arguments(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(line.split())
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_quick_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Peer("fast", "Fast", "no-such-library", module="no_such_library")
    monkeypatch.setattr(command, "PEERS", (missing, *PEERS))
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    file = tmp_path / "figures.json"
    line = "--quick --peers numpy fast --only call_overhead elementwise first_result --results"
    assert command.main([*line.split(), "--json", str(file)]) == 0
    shown = capsys.readouterr()
    assert "Fast left out, not installed: python -m pip install no-such-library" in shown.err
    assert "x + 1 on 10 elements" in shown.out
    assert "µs over NumPy's own" in shown.out
    figures = json.loads(file.read_text("utf-8"))
    assert len(figures["cases"]) == 7
    assert all(case["median"].keys() == {"numpy", "symgrad"} for case in figures["cases"])
    assert (tmp_path / "RESULTS.md").read_text("utf-8").startswith("# Results")


def test_a_failure_is_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
QUESTION = Question("wrong_question", "?", [Case("a case", {}, Aim(1.0))])
def by_numpy(): return Task(lambda: 1.0)
def by_symgrad(): return Task(lambda: 2.0)
"""
    (tmp_path / "wrong_question.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    asked = importlib.import_module("wrong_question").QUESTION
    monkeypatch.setattr(command, "question", lambda name: asked)
    line = "--quick --peers numpy --only call_overhead"
    assert command.main(line.split()) == 1
    assert "FAILED a case: symgrad disagrees: found 2, others 1" in capsys.readouterr().out


@pytest.mark.slow
def test_quick_run_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--quick", "--peers", "numpy", "blas"]) == 0
    assert "MLP 784-1024-1024-10" in capsys.readouterr().out
