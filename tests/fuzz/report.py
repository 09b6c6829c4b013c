"""What a run found, in words."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Found(NamedTuple):
    """A failure that can be pasted."""

    seed: int
    way: str
    kind: str
    text: str
    program: str
    rows: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"--- {self.kind} (python -m tests.fuzz --program {self.seed} --way {self.way})\n"
            f"{self.program}\n{indented(self.text)}"
        )


def indented(text: str) -> str:
    return "\n".join(f"# {line}"[:400] for line in text.splitlines())


def summary(programs: int, seconds: float, counts: Counter[str], failures: Counter[str]) -> str:
    """The end of a run."""
    lines = [
        f"{programs} programs in {seconds:.0f} s, {programs / max(seconds, 1e-9):.0f} a second"
    ]
    refused = {k: n for k, n in counts.items() if k.startswith("refused ")}
    for key, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if key not in refused and not key.startswith("row "):
            lines.append(f"{n:9d}  {key}")
    if refused:
        lines.append(f"{sum(refused.values()):9d}  refused with a message of ours, most often:")
        for key, n in sorted(refused.items(), key=lambda item: -item[1])[:8]:
            lines.append(f"{n:19d}  {key[8:]}")
    if failures:
        lines.append(f"{sum(failures.values())} failures:")
        lines += [f"{n:9d}  {kind}" for kind, n in failures.most_common()]
    else:
        lines.append("no difference")
    return "\n".join(lines)
