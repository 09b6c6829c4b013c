"""The story of a function: its events, as text and as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad import hooks
from symgrad.errors import quoted, short
from symgrad.explain.notation import text
from symgrad.explain.story.events import TITLES, Event, events
from symgrad.graph.expr import Expr
from symgrad.graph.meant import as_meant
from symgrad.graph.walk import toposort
from symgrad.rewrite.pipeline import prepare

_LONGEST = 160  # characters of a formula of the whole graph
_FRAMES = 8  # results that are shown


class Frame(NamedTuple):
    """What leaves the function: its name, its formula as written, made small, and as it runs."""

    title: str
    written: str
    small: str
    computed: str

    @property
    def pictures(self) -> list[str]:
        """The formulas that differ."""
        return list(dict.fromkeys((self.written, self.small, self.computed)))


class Story:
    """What was done to a graph when it was compiled: print it, or write it with `html`.

    Attributes
    ----------
    title : str
        What the function is called.
    frames : tuple of Frame
        The first and the last picture of each result.
    events : tuple of Event
        The rewrites, in groups.
    also : dict
        What needs no telling, and how often it happened.
    written, computed : int
        How many operations there were, and how many steps there are.

    >>> import symgrad
    >>> import symgrad.tensor as T
    >>> z = T.dvector("z")
    >>> f = symgrad.function([z], T.log(T.nnet.softmax(z)) * 1, name="f")
    >>> [event.rule for event in f.story().events]
    ['log_of_softmax', 'times_one']
    """

    def __init__(
        self,
        title: str,
        frames: Sequence[Frame],
        told: Sequence[Event],
        also: dict[str, int],
        written: int,
        computed: int,
    ) -> None:
        self.title = title
        self.frames = tuple(frames)
        self.events = tuple(told)
        self.also = also
        self.written = written
        self.computed = computed

    @property
    def summary(self) -> str:
        """How many rewrites there were, of how many operations."""
        rewrites = sum(e.times + e.more for e in self.events)
        return (
            f"{_count(rewrites, 'rewrite')}; {_count(self.written, 'operation')} as written, "
            f"{_count(self.computed, 'step')} as compiled"
        )

    @property
    def also_text(self) -> str:
        """What needs no telling, in a line."""
        return ", ".join(_count(count, *kind.split(" ", 1)) for kind, count in self.also.items())

    def of(self, group: str) -> list[Event]:
        """The events of one group."""
        return [event for event in self.events if event.group == group]

    def __str__(self) -> str:
        lines = [f"The story of {self.title}", self.summary]
        for frame in self.frames:
            first, *others = frame.pictures
            lines += ["", frame.title, f"    {first}", *(f"  → {other}" for other in others)]
        number = 0
        for group, (title, meaning) in TITLES.items():
            found = self.of(group)
            if found:
                lines += ["", f"{title.upper()}: {meaning}"]
            for event in found:
                number += 1
                lines += ["", *_lines(event, number)]
        if self.also:
            lines += ["", f"Also: {self.also_text}."]
        if not self.events:
            lines += ["", "Nothing was rewritten."]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return str(self)

    def html(self, path: Any = None) -> str:
        """The story as a page of its own, for any browser, without a network.

        Parameters
        ----------
        path : path, optional
            Where to write it.

        Returns
        -------
        str
            The page.
        """
        from symgrad.explain.story.page import page  # with its styles, for those who ask for it

        return page(self, path)

    def _repr_html_(self) -> str:
        from symgrad.explain.story.page import fragment

        return fragment(self)


@hooks.provide("story")
def tell(recipe: Any, program: Any, compiled: bool = False) -> Story:
    """Go through the rewriting of a function's graph again, and note down what happens."""
    _, results, updates = recipe.written()
    roots = [*results, *(new for _, new in updates)]
    small = prepare(roots, recipe.mode.simplifies)
    computed = [*(r.node for r in program.outputs), *(r.node for _, r in program.updates)]
    titles = [
        *(quoted(r.name or f"output {k + 1}") for k, r in enumerate(results)),
        *(f"new {quoted(s.name or 'value of a shared variable')}" for s, _ in updates),
    ]
    computed = computed if compiled else as_meant(computed)
    told, also = events(roots, recipe.mode.simplifies, program, compiled)
    frames = [
        Frame(title, *map(_formula, versions))
        for title, *versions in zip(titles, roots, small, computed, strict=True)
    ][:_FRAMES]
    if len(roots) > _FRAMES:
        rest = f"and {len(roots) - _FRAMES} more"
        frames.append(Frame("…", rest, rest, rest))
    operations = sum(node.op is not None for node in toposort(roots))
    return Story(recipe.title, frames, told, also, operations, len(program.steps))


def _formula(node: Expr) -> str:
    for limit in (60, 20, 8):
        formula = re.sub(r", (start|broadcasts)=\w+", "", text(node, limit=limit))
        if len(formula) <= _LONGEST:
            break
    return short(formula, _LONGEST, "…")


def _lines(event: Event, number: int) -> list[str]:
    head = f"{number:3}. {event.before}"
    after = f"  →  {event.after}"
    times = f"   ({event.times} times)" if event.times > 1 else ""
    lines = [head + after + times]
    if len(lines[0]) > 100:
        lines = [head, f"     → {event.after}{times}"]
    if event.where:
        lines.append("     where " + ", ".join(f"{name} = {what}" for name, what in event.where))
    lines.append(f"     {event.reason}")
    if event.evidence is not None:
        lines.append(f"     Evidence: {event.evidence}.")
    if event.place:
        gradient = "the gradient of " if event.in_gradient else ""
        source = short(event.source, 70, "…")
        lines.append(f"     {gradient}{event.place}: {source}".rstrip(": "))
    if event.more:
        lines.append(f"     ... and {event.more} more by this rule")
    return lines


def _count(number: int, noun: str, rest: str = "") -> str:
    if noun == "equal":
        noun, rest = "equal part", rest.removeprefix("part ")
    return f"{number:,} {noun}{'' if number == 1 else 's'} {rest}".rstrip()
