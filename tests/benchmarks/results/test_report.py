"""Ratios, verdicts, the table, JSON, the picture, and what `RESULTS.md` says."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import pytest

from benchmarks.harness.case import Aim, Case, Verdict
from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import PEERS
from benchmarks.results import chart, machine, report


def outcome(
    times: dict[str, list[float]], aim: Aim | None = None, title: str = "a case"
) -> Outcome:
    return Outcome("question", Case(title, {}, aim or Aim(0.8)), times=times)


TIMES = {
    "numpy": [4.0, 8.0, 2.0],  # the whole machine is slow in round 2 and fast in round 3
    "jax": [5.0, 11.0, 2.5],
    "blas": [1.0, 2.0, 0.5],
    "symgrad": [2.0, 6.0, 1.0],
}


def test_the_ratio_is_taken_within_rounds() -> None:
    found = outcome(TIMES)
    assert found.fastest() == "numpy"
    assert found.ratio() == 0.5  # of 0.5, 0.75, 0.5; the medians would say so too, the means not
    assert found.over_blas() == 2.0


def test_only_those_count_that_the_aim_names() -> None:
    found = outcome(TIMES, Aim(0.2, against=("jax",), of="JAX"))
    assert found.fastest() == "jax"
    assert found.ratio() == 0.4
    assert str(found.case.aim) == "≤ 0.2 of JAX"


def test_without_peers_there_is_no_ratio() -> None:
    found = outcome({"symgrad": [1.0], "blas": [0.5]})
    assert (found.fastest(), found.ratio(), found.verdict()) == (None, None, "")
    assert report.rows([found])[1][-3] == ""


def test_a_peer_that_failed_on_the_way_does_not_count() -> None:
    found = outcome({"numpy": [0.1], "jax": [5.0, 5.0], "symgrad": [2.0, 2.0]})
    found.failed["numpy"] = "died"
    assert found.fastest() == "jax"
    assert report.cell(found, "numpy") == "died"


@pytest.mark.parametrize(
    ("aim", "ratio", "over_blas", "seconds", "expected"),
    [
        (Aim(0.8), 0.8, None, 1.0, "yes"),
        (Aim(0.8), 1.0, None, 1.0, "tie"),
        (Aim(0.8), 1.1, None, 1.0, "no"),
        (Aim(0.8), 1.1, 1.0, 1.0, "no"),  # BLAS is no part of this aim
        (Aim(0.8, or_blas=True), 1.1, 1.15, 1.0, "yes"),
        (Aim(0.8, or_blas=True), 1.1, 2.0, 1.0, "no"),
        (Aim(seconds=0.03), 5.0, None, 0.03, "yes"),
        (Aim(seconds=0.03), 5.0, None, 0.05, "no"),
        (Aim(), 1.0, None, 1.0, ""),
    ],
)
def test_verdict(
    aim: Aim, ratio: float, over_blas: float | None, seconds: float, expected: Verdict
) -> None:
    assert aim.verdict(ratio, over_blas, seconds) == expected


def test_table() -> None:
    second = outcome({"numpy": [2e-6], "symgrad": [1e-6]}, title="a longer name | of a case")
    table = report.rows([outcome(TIMES), second])
    head, first, last = table
    assert head == ["", "NumPy", "JAX", "BLAS", "symgrad", "over fastest", "aim", "met"]
    assert first[1:5] == ["4.00 s", "5.00 s", "1.00 s", "2.00 s"]
    assert first[5:] == ["0.50 NumPy, 2.00 BLAS", "≤ 0.8", "yes"]
    assert last[1:] == ["2.00 µs", "", "", "1.00 µs", "0.50 NumPy", "≤ 0.8", "yes"]
    lines = report.plain(table)
    assert len(lines) == 4
    assert len({line.index("NumPy") for line in (lines[0],)} | {lines[2].index("4.00") + 1}) == 1
    assert report.markdown(table)[1] == "| --- | ---: | ---: | ---: | ---: | --- | --- | --- |"


def test_json_holds_everything() -> None:
    found = outcome(TIMES)
    found.wrong["jax"] = "found 1, others 2"
    text = json.dumps(report.as_json([found], machine.record(PEERS[:1]), ["a remark"]))
    read = json.loads(text)
    [case] = read["cases"]
    assert case["seconds"] == TIMES
    assert case["median"]["symgrad"] == 2.0
    assert case["best"]["symgrad"] == 1.0
    assert (case["ratio"], case["fastest"], case["met"]) == (0.5, "numpy", "yes")
    assert read["failures"] == ["a case: JAX disagrees: found 1, others 2"]
    assert "a remark" in read["notes"]


def test_results_name_neither_host_nor_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    environment = machine.record(PEERS)
    text = report.results([outcome(TIMES)], environment, ["a remark"], "python -m benchmarks")
    for private in filter(None, (platform.node(), str(Path.home()), str(Path.cwd()))):
        assert private not in text
    assert os.sep + "lib" not in text
    assert "OMP_NUM_THREADS=2" in text
    assert "| a case | 4.00 s |" in text
    assert platform.python_version() in text
    assert text.endswith("\n")


def test_chart(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "chart.png"
    chart.draw([outcome(TIMES), outcome({}), outcome({"symgrad": [1.0]})], file)
    assert file.read_bytes().startswith(b"\x89PNG")
