"""The story of a function as a page of HTML: one file, no scripts; light, dark, and for paper."""

from __future__ import annotations

import os
import re
from html import escape
from typing import Any

from symgrad.errors import short
from symgrad.explain.story.events import TITLES, Event
from symgrad.files.writing import write

# What is good is bold, so that nobody needs the colours.
_STYLE = """
.symgrad-story {
  --ground: #ffffff; --ink: #1c2430; --quiet: #5a6675; --line: #d9dfe7; --card: #f7f9fb;
  --old: #9b2c1f; --old-ground: #fbeae7; --new: #14603a; --new-ground: #e5f4ea; --mark: #2458a6;
  color: var(--ink); background: var(--ground); font: 15px/1.5 system-ui, "Segoe UI", sans-serif;
  max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 2rem;
}
@media (prefers-color-scheme: dark) { .symgrad-story {
  --ground: #14181e; --ink: #e4e9ef; --quiet: #9aa7b6; --line: #333c47; --card: #1b2129;
  --old: #ff9d8d; --old-ground: #3a1f1b; --new: #86dba6; --new-ground: #16321f; --mark: #8db8ff;
} }
.symgrad-story h1 { font-size: 1.5rem; margin: 0 0 .2rem; font-weight: 650; }
.symgrad-story h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
.symgrad-story p { margin: .2rem 0 .6rem; color: var(--quiet); }
.symgrad-story .formula, .symgrad-story .frame {
  font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "DejaVu Serif", Georgia, serif;
  font-size: 1.08rem; overflow-wrap: anywhere; white-space: pre-wrap;
}
.symgrad-story dl { margin: .8rem 0 0; display: grid; gap: .35rem 1rem;
  grid-template-columns: max-content 1fr; }
.symgrad-story dt { color: var(--quiet); } .symgrad-story dd { margin: 0; }
.symgrad-story .frame + .frame::before { content: "→ "; color: var(--mark); }
.symgrad-story ol { list-style: none; margin: .6rem 0 0; padding: 0; }
.symgrad-story li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .7rem .9rem; margin: .6rem 0; break-inside: avoid; }
.symgrad-story .step { display: flex; gap: .7rem; align-items: baseline; }
.symgrad-story .sides { flex: 1; }
.symgrad-story .number { color: var(--quiet); min-width: 1.6rem; }
.symgrad-story .before { color: var(--old); } .symgrad-story .after { color: var(--new); }
.symgrad-story .arrow { color: var(--mark); font-size: 1.15rem; }
.symgrad-story .badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .55rem;
  color: var(--quiet); font-size: .85rem; white-space: nowrap; }
.symgrad-story .note { margin: .25rem 0 0 2.3rem; color: var(--quiet); overflow-wrap: anywhere; }
.symgrad-story .reason { color: var(--ink); }
.symgrad-story .evidence { margin: .5rem 0 .2rem 2.3rem; display: flex; flex-wrap: wrap;
  gap: .4rem .6rem; align-items: center; }
.symgrad-story .evidence span { border-radius: .35rem; padding: .1rem .55rem; }
.symgrad-story .at { border: 1px solid var(--line); }
.symgrad-story .bad { background: var(--old-ground); color: var(--old); }
.symgrad-story .good { background: var(--new-ground); color: var(--new); font-weight: 650; }
.symgrad-story code { font: .86rem/1.4 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
@media print { .symgrad-story li { background: none; } }
"""
_SCREEN = (
    "body { margin: 0; } @media (prefers-color-scheme: dark) { body { background: #14181e; } }"
)


def page(story: Any, path: str | os.PathLike[str] | None = None) -> str:
    """A whole page, also written to a file if there is a path.

    >>> import symgrad
    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> print(page(symgrad.function([x], x * 1, name="f").story())[:15])
    <!DOCTYPE html>
    """
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>The story of {_escaped(story.title)}</title>\n<style>{_SCREEN}</style>\n</head>\n"
        f"<body>\n{fragment(story)}</body>\n</html>\n"
    )
    if path is not None:
        write(path, text.encode("utf-8"))
    return text


def fragment(story: Any) -> str:
    """What a notebook shows: the same without the head of the page."""
    lines = [
        f"<style>{_STYLE}</style>",
        '<main class="symgrad-story">',
        f"<h1>The story of {_escaped(story.title)}</h1>",
        f"<p>{_escaped(story.summary)}</p>",
        "<dl>",
    ]
    for frame in story.frames:
        pictures = "".join(f'<div class="frame">{_escaped(p)}</div>' for p in frame.pictures)
        lines.append(f"<dt>{_escaped(frame.title)}</dt><dd>{pictures}</dd>")
    lines.append("</dl>")
    number = 0
    for group, (title, meaning) in TITLES.items():
        found = story.of(group)
        if not found:
            continue
        lines.append(f"<section><h2>{title}</h2><p>{_escaped(meaning)}</p>")
        lines.append(f'<ol start="{number + 1}">')
        for event in found:
            number += 1
            lines.append(f"<li>{_card(event, number)}</li>")
        lines.append("</ol></section>")
    if story.also:
        lines.append(f"<h2>Also</h2><p>{_escaped(story.also_text)}</p>")
    if not story.events:
        lines.append("<p>Nothing was rewritten.</p>")
    lines.append("</main>")
    return "\n".join(lines) + "\n"


def _card(event: Event, number: int) -> str:
    parts = [
        '<div class="step">',
        f'<span class="number">{number}</span>',
        f'<div class="sides"><span class="formula before">{_escaped(event.before)}</span> ',
        '<span class="arrow" role="img" aria-label="becomes">→</span> ',
        f'<span class="formula after">{_escaped(event.after)}</span></div>',
    ]
    if event.times > 1:
        parts.append(f'<span class="badge">{event.times} times</span>')
    parts.append("</div>")
    if event.where:
        where = ", ".join(f"{name} = {what}" for name, what in event.where)
        parts.append(f'<div class="note formula">where {_escaped(where)}</div>')
    evidence = event.evidence
    if evidence is not None:
        at = ", ".join(f"{name} = {value}" for name, value in evidence.inputs)
        parts.append(
            f'<div class="evidence"><span class="at formula">at {_escaped(at)}</span>'
            f'<span class="bad">before {_escaped(evidence.before)}</span>'
            f'<span class="good">now {_escaped(evidence.after)}</span>'
            f'<span class="badge">{evidence.dtype}, the old form {evidence.kind}</span></div>'
        )
    parts.append(f'<div class="note reason">{_escaped(event.reason)}</div>')
    if event.place:
        gradient = "the gradient of " if event.in_gradient else ""
        source = short(event.source, 90, "…")
        code = f" <code>{_escaped(source)}</code>" if source else ""
        parts.append(f'<div class="note">{gradient}{_escaped(event.place)}{code}</div>')
    if event.more:
        parts.append(f'<div class="note">… and {event.more} more by this rule</div>')
    return "".join(parts)


def _escaped(value: Any) -> str:
    """Text as HTML shows it, whatever a name holds."""
    return escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "\ufffd", str(value)))
