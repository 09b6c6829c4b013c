"""The README's code runs, prints what it says, and its commands are the ones CI runs."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST


def blocks(text: str, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language, each with the line on which it starts."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, found.start(1)), found[1]) for found in fence.finditer(text)]


def run_blocks(text: str, name: str) -> int:
    """Run a document's Python in order, in one namespace; return the number of blocks."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)
    parser = doctest.DocTestParser()
    python = blocks(text, "python")
    for line, code in python:
        if ">>>" in code:
            example = parser.get_doctest(code, {}, name, name, line)
            example.globs = namespace  # not a copy: what one block defines, the next one uses
            report: list[str] = []
            runner.run(example, out=report.append, clear_globs=False)
            assert not report, "".join(report)
        else:
            exec(compile("\n" * line + code, name, "exec"), namespace)
    return len(python)


def test_readme_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_blocks(README, "README.md") >= 2


def test_a_wrong_output_is_found() -> None:
    document = "```python\nx = 1\n```\n\n```python\n>>> x + 1\n3\n```\n"
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run_blocks(document, "document")


def test_readme_commands_are_those_of_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    commands = [
        line
        for _, code in blocks(README, "sh")
        for line in code.splitlines()
        if "&& python" in line
    ]
    assert len(commands) == 2
    for command in commands:
        assert command in ci


def test_readme_names_extras_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = set(re.findall(r'"\.\[(\w+)\]"', README))
    assert named
    assert named <= set(project["optional-dependencies"])


def test_readme_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
