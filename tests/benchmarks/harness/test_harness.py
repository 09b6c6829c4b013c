"""The harness on questions made up here: who disagrees, fails, hangs or does not sleep is named."""

from __future__ import annotations

import doctest
import importlib
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness import outcome as outcomes_module, peers as peers_module, process
from benchmarks.harness.case import Aim, Case
from benchmarks.harness.outcome import Outcome, disagreements, same
from benchmarks.harness.peers import PEERS, Peer, environment, with_caches
from benchmarks.harness.process import ROOT, Failed, Worker
from benchmarks.harness.question import Question
from benchmarks.harness.rounds import measure
from benchmarks.results import report

NUMPY, SYMGRAD = (next(p for p in PEERS if p.name == name) for name in ("numpy", "symgrad"))
FAKE, OTHER = Peer("fake", "Fake"), Peer("other", "Other")

Asked = Callable[..., tuple[list[Outcome], list[str]]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A function that writes a question's file and has `peers` answer it."""
    name = f"question_{abs(hash(tmp_path)):x}"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def ask(
        source: str,
        *peers: Peer,
        rounds: int = 2,
        case: dict[str, Any] | None = None,
        **question: Any,
    ) -> tuple[list[Outcome], list[str]]:
        head = "import numpy as np\nfrom benchmarks.harness.question import Task\n"
        (tmp_path / f"{name}.py").write_text(head + textwrap.dedent(source), "utf-8")
        question.setdefault("cases", [Case("a case", {}, Aim(1.0), **(case or {}))])
        said: list[str] = []
        asked = Question(name, "?", **question)
        found = measure(asked, peers, rounds=rounds, settle=0.0, say=said.append)
        return found, said

    return ask


# --------------------------------------------------------------------------------- whole rounds
def test_all_agree(ask: Asked) -> None:
    source = """
        def by_numpy(): return Task(lambda: np.float32(2))
        def by_symgrad(): return Task(lambda: 2.0)
        """
    [found], _ = ask(source, NUMPY, SYMGRAD, FAKE, rounds=3, case={"calls": 10})
    assert {peer: len(times) for peer, times in found.times.items()} == {"numpy": 3, "symgrad": 3}
    assert all(seconds > 0 for times in found.times.values() for seconds in times)
    assert (found.wrong, found.failed) == ({}, {})
    assert found.fastest() == "numpy"
    assert report.failures([found]) == []


def test_a_peer_that_disagrees_is_named_and_does_not_count(ask: Asked) -> None:
    source = """
        def by_numpy(): return Task(lambda: np.ones(3))
        def by_symgrad(): return Task(lambda: np.ones(3, "float32"))
        def by_fake(): return Task(lambda: np.array([1, 1.5, 1]))
        """
    [found], said = ask(source, FAKE, NUMPY, SYMGRAD)
    assert list(found.wrong) == ["fake"]
    assert "found 1.5, others 1 at (1,)" in found.wrong["fake"]
    assert found.fastest() == "numpy"
    assert any("fake disagrees" in line for line in said)
    [failure] = report.failures([found])
    assert failure.startswith("a case: fake disagrees")
    assert report.cell(found, "fake").endswith("!")


def test_a_peer_that_goes_wrong_later_is_found(ask: Asked) -> None:
    source = """
        import itertools
        def by_numpy(): return Task(lambda: 1.0)
        def by_symgrad():
            calls = itertools.count()
            return Task(lambda: 1.0 if next(calls) < 2 else 2.0)
        """
    [found], _ = ask(source, NUMPY, SYMGRAD)
    assert found.wrong == {"symgrad": "found 2, others 1 (round 2)"}
    assert found.verdict() == "no"


def test_what_has_no_numbers_is_not_compared(ask: Asked) -> None:
    source = """
        def by_numpy(): return Task(lambda: 1.0)
        def by_fake(): return Task(lambda: None, lambda result: [])
        """
    [found], _ = ask(source, NUMPY, FAKE)
    assert found.wrong == {}
    assert found.medians().keys() == {"numpy", "fake"}


@pytest.mark.parametrize(
    ("does", "word", "says"),
    [
        ("raise RecursionError('too deep\\nfor me')", "RecursionError", "too deep"),
        ("os._exit(3)", "died", "ended with code 3"),
    ],
)
@pytest.mark.parametrize("when", ["setup", "round"])
def test_a_peer_that_cannot_answer_is_left_out(
    ask: Asked, does: str, word: str, says: str, when: str
) -> None:
    source = f"""
        import os
        def by_numpy(): return Task(lambda: 1.0)
        def do(): {does}
        def by_fake():
            {"do()" if when == "setup" else ""}
            return Task(do)
        """
    [found], said = ask(source, NUMPY, FAKE)
    assert found.failed == {"fake": word}
    assert len(found.times["numpy"]) == 2
    assert report.cell(found, "fake") == word
    assert any("Fake: " in line and says in line for line in said)
    assert report.failures([found]) == []  # that is the peer's own affair


def test_a_peer_that_hangs_is_ended(ask: Asked) -> None:
    source = """
        import time
        def by_fake(): return Task(lambda: time.sleep(600))
        """
    [found], said = ask(source, FAKE, case={"limit": 2.0})
    assert found.failed == {"fake": "> 2 s"}
    assert said[-1] == "  Fake: took longer than 2 s"


def test_symgrad_must_answer(ask: Asked) -> None:
    source = """
        def by_numpy(): return Task(lambda: 1.0)
        def by_symgrad(): raise ValueError("no")
        """
    [found], said = ask(source, NUMPY, SYMGRAD)
    assert report.failures([found]) == ["a case: symgrad failed: ValueError"]
    assert found.verdict() == "no"
    assert any("Traceback" in line for line in said)


def test_who_fails_one_case_is_asked_the_next_unless_cases_grow(ask: Asked) -> None:
    source = """
        def by_numpy(n): return Task(lambda: 1.0)
        def by_fake(n):
            if n == 1: raise ValueError
            return Task(lambda: 1.0)
        """
    cases = [Case(str(n), {"n": n}, Aim()) for n in (1, 2)]
    _, second = ask(source, NUMPY, FAKE, cases=cases)[0]
    assert second.medians().keys() == {"numpy", "fake"}
    _, second = ask(source, NUMPY, FAKE, cases=cases, growing=True)[0]
    assert second.medians().keys() == {"numpy"}
    assert report.cell(second, "fake") == ""


def test_what_a_peer_prints_does_not_disturb(ask: Asked) -> None:
    source = """
        import os, sys
        def by_numpy():
            print("hello"); os.write(1, b"hello from C"); print("oh", file=sys.stderr)
            return Task(lambda: 1.0)
        """
    [found], _ = ask(source, NUMPY)
    assert len(found.times["numpy"]) == 2


SPINNING = """
    import threading, time
    def by_numpy(): return Task(lambda: time.sleep(0.5), lambda result: [])
    def by_fake():
        def spin():
            while True: pass
        threading.Thread(target=spin, daemon=True).start()
        return Task(lambda: None, lambda result: [])
    """


@pytest.mark.skipif(not process.CAN_STOP, reason="processes cannot be stopped here")
def test_a_peer_whose_threads_do_not_sleep_is_stopped(ask: Asked) -> None:
    [found], _ = ask(SPINNING, NUMPY, FAKE)
    assert found.busy == {}


def test_a_peer_whose_threads_do_not_sleep_is_named(
    ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CAN_STOP", False)
    quiet = "import time\ndef by_numpy(): return Task(lambda: time.sleep(0.2), lambda result: [])"
    [found], _ = ask(SPINNING, NUMPY, FAKE)
    assert list(found.busy) == ["fake"]
    assert any("Fake" in line or "fake" in line for line in report.notes([found], []))
    [found], _ = ask(quiet, NUMPY)
    assert found.busy == {}


def test_each_turn_of_a_fresh_question_is_a_new_process(ask: Asked) -> None:
    source = """
        import os
        seen = []
        def by_numpy():
            def first():
                seen.append(os.getpid())
                assert len(seen) == 1
                return len(seen)
            return Task(first)
        """
    [found], _ = ask(source, NUMPY, rounds=3, fresh=True)
    assert found.failed == {}
    assert len(found.times["numpy"]) == 3


@pytest.mark.parametrize(("caches", "expected"), [("cold", [0, 0]), ("warm", [0, 1, 1])])
def test_caches_are_cold_or_warm(
    ask: Asked, tmp_path: Path, caches: str, expected: list[int]
) -> None:
    source = """
        import os, pathlib
        def by_numpy():
            kept = pathlib.Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
            def first():
                with open(os.environ["PYTHONPATH"].split(os.pathsep)[-1] + "/found", "a") as log:
                    log.write(str(int(kept.exists())))
                kept.mkdir(parents=True, exist_ok=True)
            return Task(first, lambda result: [])
        """
    [found], _ = ask(source, NUMPY, fresh=True, case={"caches": caches})
    assert [int(hit) for hit in (tmp_path / "found").read_text()] == expected
    assert len(found.times["numpy"]) == 2  # the round that fills the caches does not count


def test_a_worker_ends_when_it_is_closed() -> None:
    worker = Worker(environment(NUMPY, ROOT, None))
    assert worker.alive
    worker.close()
    assert worker.process.returncode == 0


def test_a_worker_without_a_task_says_so() -> None:
    worker = Worker(environment(NUMPY, ROOT, None))
    try:
        with pytest.raises(Failed, match="no task"):
            worker.ask("round", 1, 0, limit=60)
    finally:
        worker.close()


# ------------------------------------------------------------------------------------- agreement
def test_the_majority_decides() -> None:
    numbers = {"a": [1.0, 2.0], "b": [1.0, 2.1], "c": [1.0, 2.1], "d": [np.nan, 2.1]}
    assert disagreements(numbers, 1e-3, 0).keys() == {"a", "d"}
    assert disagreements({}, 1e-3, 0) == {}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0], [1.0005], True),
        ([1.0], [1.002], False),
        ([0.0], [1e-9], True),
        ([np.nan, np.inf], [np.nan, np.inf], True),
        ([np.inf], [-np.inf], False),
        ([np.ones(3)], [np.ones((3, 1))], False),
        ([1.0], [1.0, 2.0], False),
        ([], [], True),
        ([np.ones(0)], [np.ones(0)], True),
    ],
)
def test_same(one: Sequence[Any], other: Sequence[Any], expected: bool) -> None:
    assert same(one, other, rtol=1e-3, atol=1e-8) is expected
    if not expected:
        assert outcomes_module.describe(one, other).startswith("found ")


# -------------------------------------------------------------------------------- other people's
def test_a_missing_peer_says_how_to_install_it() -> None:
    peer = Peer("x", "X", "no-such-library", module="no_such_library")
    assert peer.unavailable() == "not installed: python -m pip install no-such-library"
    assert NUMPY.unavailable() is None


def test_what_needs_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "C++ compiler" in str(peers_module.need_a_compiler())
    monkeypatch.setenv("CXX", "g++")
    assert peers_module.need_a_compiler() is None


def test_environment_keeps_flags_together(tmp_path: Path) -> None:
    peer = next(p for p in PEERS if p.name == "pytensor-c")
    found = with_caches(environment(peer, ROOT, tmp_path), tmp_path)
    flags = found["PYTENSOR_FLAGS"].split(",")
    assert flags == ["floatX=float32", "linker=cvm", f"base_compiledir={tmp_path / 'pytensor'}"]
    assert found["SYMGRAD_DATA"] == str(tmp_path)
    assert found["PYTHONPATH"].startswith(str(ROOT))


FILES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "benchmarks").glob("*/[!_]*.py"))
    if path.parent.name != "workloads"
]


@pytest.mark.parametrize("name", FILES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
