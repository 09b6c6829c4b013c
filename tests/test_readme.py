"""The documents' code runs and prints what it says; commands, links and pictures are right."""

from __future__ import annotations

import doctest
import html
import importlib.util
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from symgrad.ops.op import REGISTRY
from tests.rooms import ORDER, PACKAGE

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*.md"))
}
CAN_DRAW = bool(shutil.which("dot") or importlib.util.find_spec("pygraphviz"))
README = DOCUMENTS["README.md"]
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


@pytest.fixture(autouse=True)
def _registry_as_before() -> Iterator[None]:
    """Forget the operations that a document defines."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_code_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if not CAN_DRAW:
        monkeypatch.setattr("symgrad.draw.svg", lambda expr, path: "")
    at_least = {"README.md": 1, "ARCHITECTURE.md": 6, "docs/debugging.md": 5}
    assert run_blocks(DOCUMENTS[name], name) >= at_least.get(name, 0)


@pytest.mark.skipif(not CAN_DRAW, reason="neither Graphviz's dot nor pygraphviz is installed")
def test_the_picture_is_what_the_code_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another Graphviz may lay it out otherwise, but says the same."""

    def texts(svg: Path) -> list[str]:
        found = re.findall(r"<text[^>]*>(.*?)</text>", svg.read_text("utf-8"))
        return [html.unescape(text) for text in found]

    monkeypatch.chdir(tmp_path)
    run_blocks(DOCUMENTS["docs/pictures.md"], "docs/pictures.md")
    assert texts(tmp_path / "cost.svg") == texts(ROOT / "docs" / "cost.svg")


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
    named = set(re.findall(r'"\.\[(\w+)\]"', README + DOCUMENTS["docs/install.md"]))
    assert named
    assert named <= set(project["optional-dependencies"])


def test_readme_comes_to_its_commands_within_a_screen() -> None:
    before = README[: README.index("```sh")]
    assert before.count("\n") <= 40
    assert README.count("\n") <= 100


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", DOCUMENTS[name])
    here = (ROOT / name).parent
    assert [link or src for link, src in links if not (here / (link or src)).exists()] == []


def test_files_that_are_named_exist() -> None:
    code = re.sub(r"^```.*?^```$", "", DOCUMENTS["ARCHITECTURE.md"], flags=re.M | re.S)
    missing, seen = [], 0
    for line in code.splitlines():
        first = re.match(r"\| `(\w+/)` \|", line)  # in a room's row, names are the room's
        within = first[1] if first else ""
        for name in re.findall(r"`([\w/.]+(?:\.py|/))`", line):
            seen += 1
            places = [ROOT / name, PACKAGE / name, PACKAGE / within / name]
            missing += [] if any(place.exists() for place in places) else [name]
    assert missing == []
    assert seen > 60


def test_the_table_of_rooms_is_the_one_that_is_tested() -> None:
    table = re.findall(r"^\| (the ground|`\w+/`) \|", DOCUMENTS["ARCHITECTURE.md"], re.M)
    assert [name.strip("`") for name in table] == ORDER[:-1]
