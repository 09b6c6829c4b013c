"""Run the benchmarks: ``python -m benchmarks [--help]``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import PEERS, SYMGRAD, Peer
from benchmarks.harness.process import ROOT
from benchmarks.harness.question import Question
from benchmarks.harness.rounds import SETTLE, measure
from benchmarks.results import chart, machine, report
from benchmarks.workloads import data

QUESTIONS = (
    "logistic_step",
    "epoch",
    "full_gradient",
    "softmax_models",
    "mlp_tanh",
    "mlp_relu",
    "elementwise",
    "first_result",
    "deep_chain",
    "call_overhead",
)

RESULTS = Path(__file__).with_name("RESULTS.md")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time symgrad and its peers, each in its own process, in turns; compare their "
        "numbers; print a table of medians. Peers that are not installed are left out.",
    )
    option = parser.add_argument
    option("--only", nargs="+", metavar="NAME", choices=QUESTIONS, help="these questions only")
    option("--peers", nargs="+", metavar="PEER", choices=names, help="symgrad and these only")
    option("--rounds", type=int, metavar="N", help="turns of each (default: the question's own)")
    option("--quick", action="store_true", help="a few short rounds: does it run at all?")
    option("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    option("--png", type=Path, metavar="FILE", help="draw a bar chart (needs matplotlib)")
    option("--results", action="store_true", help=f"write benchmarks/{RESULTS.name}")
    option("--list", action="store_true", help="list questions and peers, and stop")
    found = parser.parse_args(arguments)
    if found.rounds is not None and found.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if found.png and importlib.util.find_spec("matplotlib") is None:
        parser.error("--png needs matplotlib: python -m pip install matplotlib")
    return found


def question(name: str) -> Question:
    """The question of a file."""
    found: Question = importlib.import_module(f"benchmarks.workloads.{name}").QUESTION
    return found


def present(wanted: Sequence[str] | None) -> list[Peer]:
    """The peers that can run; a line about each that cannot."""
    found = []
    for peer in PEERS:
        if wanted is not None and peer.name not in wanted and peer.name != SYMGRAD:
            continue
        why_not = peer.unavailable()
        if why_not is None:
            found.append(peer)
        else:
            say(f"{peer.title} left out, {why_not}")
    return found


def say(line: str) -> None:
    """What happens goes to standard error, so that standard output is the table."""
    print(line, file=sys.stderr, flush=True)


def show_list() -> None:
    """The questions with their aims, and the peers."""
    for name in QUESTIONS:
        asked = question(name)
        print(f"{name:15s} {asked.title}")
        for case in asked.cases:
            print(f"{'':15s}   {case.title}: {case.aim}")
    print()
    for peer in PEERS:
        state = peer.unavailable() or f"{peer.library} {peer.version()}"
        print(f"{peer.name:15s} {peer.title} ({state})")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write; 1 if numbers differ or symgrad failed."""
    peers = present(options.peers)
    environment = machine.record(peers)
    place = data.directory(ROOT)
    environment["data"] = "MNIST" if place else "noise of MNIST's shape"
    outcomes: list[Outcome] = []
    remarks: list[str] = []
    for name in options.only or QUESTIONS:
        asked = question(name).quick() if options.quick else question(name)
        settle = 0.0 if options.quick else SETTLE
        new = measure(asked, peers, rounds=options.rounds, settle=settle, data=place, say=say)
        outcomes += new
        remarks += filter(None, [asked.remark(new)])
    environment["load_after"] = machine.load()

    print("\n".join(machine.lines(environment)), end="\n\n")
    print("\n".join(report.plain(report.rows(outcomes))), end="\n\n")
    print("\n".join(report.notes(outcomes, remarks)))
    if options.json:
        found = report.as_json(outcomes, environment, remarks)
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.png:
        chart.draw(outcomes, options.png)
    if options.results:
        command = "python -m benchmarks --results"
        RESULTS.write_text(report.results(outcomes, environment, remarks, command), "utf-8")
    failures = report.failures(outcomes)
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a console may not know "≤"
        sys.stdout.reconfigure(errors="replace")
    options = parse(arguments)
    if options.list:
        show_list()
        return 0
    try:
        return run(options)
    except KeyboardInterrupt:
        say("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
