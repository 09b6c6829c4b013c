"""The table as a picture: a panel for each case, a bar for each peer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import BLAS, SYMGRAD
from benchmarks.results.report import TITLES, asked, time_text

COLORS = {SYMGRAD: "tab:red", BLAS: "lightgrey"}
ACROSS = 3


def draw(outcomes: Sequence[Outcome], file: Path) -> None:
    """Write the picture; matplotlib is imported here only."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [outcome for outcome in outcomes if outcome.medians()]
    down = max(1, math.ceil(len(drawn) / ACROSS))
    bars = max(1, len(asked(outcomes)))
    figure = Figure(figsize=(4.2 * ACROSS, (0.24 * bars + 0.75) * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, outcome in enumerate(drawn, start=1):
        axes = figure.add_subplot(down, ACROSS, place)
        medians = outcome.medians()
        peers = [peer for peer in asked([outcome]) if peer in medians][::-1]
        longest = max(medians.values())
        colors = [COLORS.get(peer, "tab:blue") for peer in peers]
        names = [TITLES.get(peer, peer) for peer in peers]
        axes.barh(names, [medians[peer] for peer in peers], color=colors)
        for height, peer in enumerate(peers):
            text = f" {time_text(medians[peer])}"
            axes.text(medians[peer], height, text, va="center", fontsize=7)
        axes.set_xlim(0, 1.25 * longest)
        axes.set_xticks([])
        axes.tick_params(axis="y", labelsize=7, length=0)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.set_title(outcome.case.title, fontsize=8, loc="left")
    figure.savefig(file, dpi=130)
