"""The tables of a profile, in plain ASCII: the slowest line of the user's program comes first."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from symgrad.backend.profiling.profiled import ProfiledGroup, ProfiledStep, grouped, step_text
from symgrad.backend.profiling.report import Plan
from symgrad.backend.profiling.timing import Timing
from symgrad.errors import quoted, short
from symgrad.files.writing import say, write
from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.graph.types import TensorType
from symgrad.ops.op import Spec, nbytes
from symgrad.origins import short_origin, text_of_line
from symgrad.plan import Chain

_FOOTNOTE = """\
GB/s counts what a step reads and writes, in memory or in cache, GFLOP/s one operation an element,
2 m n k for a product; "-" stands for none, or not known. Steps of a chain run block by block, maybe
on several threads: their times are shares of the time that the chain took."""


def summary(stats: Any, n_ops: int | None = None, n_apply: int | None = None) -> str:
    """All tables, as one text."""
    n_ops = config.profiling.n_ops if n_ops is None else n_ops
    n_apply = config.profiling.n_apply if n_apply is None else n_apply
    steps = stats.steps
    table = _Table(stats.fct_call_time, stats.fct_callcount)
    blocks = [_header(stats, table)]
    if table.calls:
        if len(stats.timings) > 1:
            blocks.append(_functions(stats, table, n_ops))
        blocks += [_lines(steps, table, n_ops), _operations(steps, table, n_ops)]
        blocks.append(_single_steps(stats, steps, table, n_apply))
        if config.profile_memory:
            blocks += [
                _memory(timing, n_apply)
                for timing in stats.timings
                if isinstance(timing, Timing) and timing.noted
            ]
        blocks.append(_FOOTNOTE)
    width = max(20, config.profiling.output_line_width)
    text = "\n\n".join(block for block in blocks if block)
    text = text.encode("ascii", "backslashreplace").decode()
    return "\n".join(short(line, width) for line in text.split("\n"))


def show(text: str, file: Any = None) -> None:
    """Write to the given file, or to what ``config.profiling.destination`` names."""
    name = str(config.profiling.destination)
    if file is not None:
        file.write(text)
    elif name in ("stderr", "stdout"):
        say(text, getattr(sys, name))
    else:
        # All that this process has to say, in place of what an earlier one said.
        path = os.path.abspath(name)
        write(path, (_said.get(path, "") + text).encode("ascii"))
        _said[path] = _said.get(path, "") + text


_said: dict[str, str] = {}


class _Table:
    """Figures as columns: shares of the time in all calls, and the time in each."""

    head = f"{'%':>7}{'time':>10}{'a call':>10}"
    rates = f"{'GB/s':>8}{'GFLOP/s':>9}"

    def __init__(self, total: float, calls: int) -> None:
        self.total = total
        self.calls = calls

    def share(self, seconds: float) -> str:
        return f"{100 * seconds / self.total if self.total else 0:7.1f}"

    def times(self, seconds: float) -> str:
        return f"{self.share(seconds)}{_time(seconds):>10}{_time(seconds / self.calls):>10}"

    def speeds(self, work: ProfiledStep | ProfiledGroup) -> str:
        moved = work.bytes_read + work.bytes_written
        return f"{_rate(moved, work.time):>8}{_rate(work.flops, work.time):>9}"

    def rest(self, groups: Sequence[Any], shown: int, what: str) -> list[str]:
        """A row for what is not shown."""
        left = groups[shown:]
        if not left:
            return []
        seconds = sum(group.time for group in left)
        return [f"{self.times(seconds)}   ({len(left):,} more {what})"]


# -- the blocks --------------------------------------------------------------------------------


def _header(stats: Any, table: _Table) -> str:
    titles = [timing.title for timing in stats.timings]
    functions = sum(timing.functions for timing in stats.timings)
    every = titles[0] if len(titles) == 1 else f"{functions:,} functions"
    name = quoted(stats.message or every)
    lines = [f"Profile of {name}"]
    failed = sum(timing.failed for timing in stats.timings)
    if failed:
        lines.append(f"{failed:,} calls raised an error; they are left out.")
    making = _making(stats)
    if not table.calls:
        return "\n".join([*lines, "No call returned yet.", making])
    calls = "1 call" if table.calls == 1 else f"{table.calls:,} calls"
    lines.append(f"{calls}, {_time(table.total)}: {_time(table.total / table.calls)} a call")
    parts = {"computing the steps below": stats.vm_call_time, **stats.outside()}
    for what, seconds in parts.items():
        lines.append(f"{table.share(seconds)} % {_time(seconds / table.calls):>9}   {what}")
    overhead = stats.overhead
    lines.append(
        f"Measuring itself took about {_time(overhead / table.calls)} a call "
        f"({table.share(overhead).strip()} %), included everywhere."
    )
    sets = sum(timing.usual_shapes()[1] for timing in stats.timings)
    if sets > functions:
        lines.append(f"There were {sets:,} sets of shapes; shown are those met most often.")
    return "\n".join([*lines, making])


def _making(stats: Any) -> str:
    parts: dict[str, float] = {}
    for timing in stats.timings:
        for what, seconds in timing.making.items():
            parts[what] = parts.get(what, 0.0) + seconds
    listed = ", ".join(f"{what} {_time(seconds)}" for what, seconds in parts.items())
    return f"Compiling took {_time(stats.compile_time)}{f': {listed}' if listed else ''}."


def _functions(stats: Any, table: _Table, count: int) -> str:
    timings = sorted(stats.timings, key=lambda timing: -timing.total)
    rows = ["By function", f"{table.head}{'calls':>10}   function"]
    for timing in timings[:count]:
        each = timing.total / timing.calls if timing.calls else 0.0
        figures = f"{table.share(timing.total)}{_time(timing.total):>10}{_time(each):>10}"
        rows.append(f"{figures}{timing.calls:>10,}   {timing.title}")
    return "\n".join(rows)


def _lines(steps: Sequence[ProfiledStep], table: _Table, count: int) -> str:
    groups = grouped(steps, lambda step: (step.file, step.line))
    rows = ["By line of your program", f"{table.head}{table.rates}   line"]
    for group in groups[:count]:
        file, line = group.key
        figures = f"{table.times(group.time)}{table.speeds(group)}   {_place(file, line)}  "
        rows.append(figures + _ops(group, config.profiling.output_line_width - len(figures)))
        source = text_of_line(file, line).strip() if line else ""
        if source:
            rows.append(f"{'':11}{source}")
    return "\n".join(rows + table.rest(groups, count, "lines"))


def _ops(group: ProfiledGroup, width: int) -> str:
    """The operations of a line and their shares of its time, as many as there is room for."""
    ops = grouped(group.steps, lambda step: step.op.name)
    if len(ops) == 1:
        return str(ops[0].key)
    text = ", ".join(f"{op.key} {_percent(op.time, group.time)} %" for op in ops)
    return text if len(text) <= width else text[: max(0, width - 5)].rpartition(", ")[0] + ", ..."


def _operations(steps: Sequence[ProfiledStep], table: _Table, count: int) -> str:
    groups = grouped(steps, lambda step: step.op.name)
    rows = ["By operation", f"{table.head}{table.rates}{'calls':>10}{'bytes':>9}   operation"]
    for group in groups[:count]:
        moved = _size(group.bytes_read + group.bytes_written)
        figures = f"{table.times(group.time)}{table.speeds(group)}{group.calls:>10,}{moved:>9}"
        several = f" ({len(group.steps):,} steps)" if len(group.steps) > 1 else ""
        rows.append(f"{figures}   {group.key}{several}")
    return "\n".join(rows + table.rest(groups, count, "operations"))


def _single_steps(stats: Any, steps: Sequence[ProfiledStep], table: _Table, count: int) -> str:
    slowest = sorted(steps, key=lambda step: -step.time)
    shapes: dict[Expr, Any] = {}
    for timing in stats.timings:
        shapes.update(timing.usual_shapes()[0])
    head = f"{'%':>7}{'a call':>10}{table.rates}   "
    width = config.profiling.output_line_width - len(head)
    texts = [("step", "result", "line")]
    for step in slowest[:count]:
        formula = f"{step.chain}: {step.text}" if step.chain else step.text
        texts.append((formula, _result(step.node, shapes), _place(step.file, step.line)))
    columns = _columns(texts, width)
    rows = ["By step", head + columns[0]]
    for step, text in zip(slowest, columns[1:], strict=False):
        each = step.time / step.calls if step.calls else 0.0
        rows.append(f"{table.share(step.time)}{_time(each):>10}{table.speeds(step)}   {text}")
    left = slowest[count:]
    if left:
        rows.append(f"{table.share(sum(s.time for s in left))}   ({len(left):,} more steps)")
    return "\n".join(rows)


def _memory(timing: Timing, count: int) -> str:
    """The plan's memory, and the largest results, for the shapes met most often."""
    shapes, _ = timing.usual_shapes()
    rows = [f"Memory of {timing.title}", str(Plan(timing.program, timing.memory).use(shapes))]
    made = []
    for unit in timing.program.units:
        nodes = [n for n, _, _ in unit.results] if isinstance(unit, Chain) else [unit.node]
        made += [n for n in nodes if n.op.view_of is None and n in shapes]
    sizes = {node: nbytes(Spec(shapes[node], node.dtype)) for node in made}
    made = [node for node in made if sizes[node] >= config.profiling.min_memory_size]
    made.sort(key=lambda node: -sizes[node])
    text = {step.node: step_text(step) for step in timing.steps}
    texts = [(text[n], _result(n, shapes), short_origin(n.origin)) for n in made[:count]]
    columns = _columns(texts, config.profiling.output_line_width - 23)
    for node, column in zip(made, columns, strict=False):
        rows.append(f"{sizes[node]:>14,} bytes   {column}")
    return "\n".join(rows)


# -- pieces of text ----------------------------------------------------------------------------


def _columns(rows: Sequence[tuple[str, str, str]], width: int) -> list[str]:
    """A step, its result and its line in columns; the first column gets what is left of a width."""
    second, third = (max([len(row[k]) for row in rows], default=0) for k in (1, 2))
    longest = max([len(row[0]) for row in rows], default=0)
    first = max(12, min(longest, width - second - third - 4))
    return [f"{short(a, first):<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows]


def _time(seconds: float) -> str:
    """Three digits and a unit.

    >>> _time(0.0123456), _time(1234.5), _time(0.9999e-6)
    ('12.3 ms', '1234 s', '1.00 us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(seconds) >= 0.9995 * size:
            return f"{_three(seconds / size)} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _three(number: float) -> str:
    digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    return f"{number:.{digits}f}"


def _rate(amount: int | None, seconds: float) -> str:
    if not amount or seconds <= 0:
        return "-"
    return _three(amount / seconds / 1e9)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}" if count else "-"
        count /= 1000
    return f"{count:.3g} TB"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole if whole else 0:.0f}"


def _place(file: str, line: int) -> str:
    return f"{os.path.basename(file)}:{line}" if line else "(line unknown)"


def _result(node: Expr, shapes: dict[Expr, Any]) -> str:
    if type(node.type) is not TensorType or node not in shapes:
        return ""
    lengths = " x ".join(map(str, shapes[node]))
    return f"{node.dtype} {lengths}".rstrip()
