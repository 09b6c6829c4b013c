"""Outcomes as a table on the screen, as JSON, and as `RESULTS.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import LEGEND, PEERS, SYMGRAD
from benchmarks.results import machine

TITLES = {peer.name: peer.title for peer in PEERS}

COLUMNS = ("over fastest", "aim", "met")


def time_text(seconds: float) -> str:
    """Three digits and a unit.

    >>> [time_text(t) for t in (2.5e-6, 1.234e-4, 0.0123, 26.0)]
    ['2.50 µs', '123 µs', '12.3 ms', '26.0 s']
    """
    units = ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)
    unit, size = next((pair for pair in units if seconds < 999.5 * pair[1]), units[-1])
    value = seconds / size
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def asked(outcomes: Sequence[Outcome]) -> list[str]:
    """The peers that were asked anything, in the order of their columns."""
    known = [peer for outcome in outcomes for peer in (*outcome.times, *outcome.failed)]
    ours = [name for name in TITLES if name in known]
    return ours + sorted(set(known) - set(ours))


def cell(outcome: Outcome, peer: str) -> str:
    """What a peer did in a case."""
    if peer in outcome.failed:
        return outcome.failed[peer]
    if peer not in outcome.medians():
        return ""
    mark = "!" if peer in outcome.wrong else ""
    return time_text(outcome.medians()[peer]) + mark


def ratio_text(outcome: Outcome) -> str:
    """The ratio to the fastest peer, by name, and to BLAS where that is part of the aim."""
    ratio, fastest, over_blas = outcome.ratio(), outcome.fastest(), outcome.over_blas()
    if ratio is None or fastest is None:
        return ""
    text = f"{ratio:.2f} {TITLES.get(fastest, fastest)}"
    return text if over_blas is None else f"{text}, {over_blas:.2f} BLAS"


def rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """The table, its head first."""
    peers = asked(outcomes)
    head = ["", *(TITLES.get(peer, peer) for peer in peers), *COLUMNS]
    body = [
        [
            outcome.case.title,
            *(cell(outcome, peer) for peer in peers),
            ratio_text(outcome),
            str(outcome.case.aim),
            outcome.verdict(),
        ]
        for outcome in outcomes
    ]
    return [head, *body]


def plain(table: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    figures = len(widths) - len(COLUMNS)

    def line(row: Sequence[str]) -> str:
        cells = [
            text.rjust(width) if 0 < number < figures else text.ljust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(table[0]), "-" * (sum(widths) + 2 * len(widths) - 2), *map(line, table[1:])]


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """The table as Markdown."""
    figures = len(table[0]) - len(COLUMNS)
    rule = ["---:" if 0 < number < figures else "---" for number in range(len(table[0]))]
    return [f"| {' | '.join(row)} |" for row in (table[0], rule, *table[1:])]


def notes(outcomes: Sequence[Outcome], remarks: Sequence[str]) -> list[str]:
    """What stands below the table."""
    found = [LEGEND, *remarks]
    for outcome in outcomes:
        for peer, seconds in outcome.busy.items():
            found.append(
                f"{outcome.case.title}: {TITLES.get(peer, peer)} used {time_text(seconds)} of "
                "processor time between two of its turns"
            )
    return found


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """What makes the run a failure: numbers that differ, or what must always answer has not."""
    found = []
    for outcome in outcomes:
        for peer, what in outcome.wrong.items():
            found.append(f"{outcome.case.title}: {TITLES.get(peer, peer)} disagrees: {what}")
        found.extend(
            f"{outcome.case.title}: {TITLES[peer]} failed: {outcome.failed[peer]}"
            for peer in (SYMGRAD, "numpy", "blas")
            if peer in outcome.failed
        )
    return found


def as_json(
    outcomes: Sequence[Outcome], environment: dict[str, Any], remarks: Sequence[str]
) -> dict[str, Any]:
    """Everything, for a file."""
    return {
        "environment": environment,
        "cases": [outcome.as_json() for outcome in outcomes],
        "notes": notes(outcomes, remarks),
        "failures": failures(outcomes),
    }


def results(
    outcomes: Sequence[Outcome],
    environment: dict[str, Any],
    remarks: Sequence[str],
    command: str,
) -> str:
    """The text of `RESULTS.md`."""
    about = (
        f"Written by `{command}`; see [CONTRIBUTING.md](../CONTRIBUTING.md). A figure is "
        "the median over rounds in which all take turns. A ratio is the median over rounds of "
        "symgrad's time over that of the fastest peer in the same round; under 1.3 times is a tie. "
        "All peers of a row computed the same numbers, or it says which did not."
    )
    bullets = [f"- {line}" for line in machine.lines(environment)]
    return (
        "\n".join(
            [
                "# Results",
                "",
                about,
                "",
                *bullets,
                "",
                *markdown(rows(outcomes)),
                "",
                *(f"{line}\n" for line in notes(outcomes, remarks)),
                *(f"**{line}**\n" for line in failures(outcomes)),
            ]
        ).rstrip()
        + "\n"
    )
