"""Imports point one way: from room to room, in no circle, without optional libraries at start."""

from __future__ import annotations

import ast
import graphlib
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.rooms import (
    FILES,
    ORDER,
    PACKAGE,
    ROOMS,
    ROOT,
    TREES,
    dot,
    files_imported,
    for_later,
    imports,
    room,
)

# Libraries that a file is for; it is imported only by who asks for that library.
MAY_IMPORT = {"backend/jax_traced.py": {"jax"}}


each_file = pytest.mark.parametrize("file", FILES)


# ---------------------------------------------------------------------------------- what must hold
def check_rooms(file: str, imported: set[str]) -> None:
    assert "__init__.py" not in imported, (
        f"symgrad/{file} imports the package root: import the name from the file that defines it"
    )
    own = ORDER.index(room(file))
    for other in sorted(imported):
        assert ORDER.index(room(other)) <= own, (
            f"symgrad/{file} ({room(file)}) imports symgrad/{other} ({room(other)}), which comes "
            f"after it ({' → '.join(ORDER[1:-1])}): move what both need to {room(file)} or before, "
            "pass it as an argument, or let the later room register it in hooks.table"
        )


def check_no_cycle(graph: dict[str, set[str]]) -> None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(
            f"circle of imports: {' → '.join(error.args[1])}: move what they share to a file that "
            "both import; where only an annotation needs the import, ask for less than the class"
        )


def check_libraries(file: str, tree: ast.AST) -> None:
    tops = {module.split(".")[0] for module, _ in imports(tree, skip=for_later)}
    allowed = {"symgrad", "numpy"} | sys.stdlib_module_names | MAY_IMPORT.get(file, set())
    wrong = ", ".join(sorted(tops - allowed))
    assert not wrong, f"symgrad/{file} imports {wrong} at module level; import it where it is used"


def check_by_name(file: str, tree: ast.AST) -> None:
    """No import of a later room by a name in a string; `hooks` is there for that."""
    own = ORDER.index(room(file))
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if getattr(called, "id", getattr(called, "attr", "")).lstrip("_") == "import_module":
            named = ast.unparse(node.args[0])
            for top in re.findall(r"symgrad\.(\w+)", named):
                later = [name for name in ORDER[own + 1 :] if name.rstrip("/") == top]
                assert not later, (
                    f"symgrad/{file} imports {named} by name, which hides that it comes after "
                    f"{room(file)}: call the function through hooks"
                )


@each_file
def test_a_file_imports_only_from_its_room_and_those_before(file: str) -> None:
    check_rooms(file, files_imported(TREES[file]))
    check_by_name(file, TREES[file])


@each_file
def test_optional_libraries_wait_until_they_are_needed(file: str) -> None:
    check_libraries(file, TREES[file])


def test_no_circle_of_files() -> None:
    """Imports for type checkers and those inside functions count, too."""
    check_no_cycle({file: files_imported(tree) - {file} for file, tree in TREES.items()})


def test_every_room_has_files_and_the_root_nothing_else() -> None:
    assert {room(file) for file in FILES} == set(ROOMS)
    shown = {file.split("/")[0] for file in FILES}
    assert shown <= {name.rstrip("/") for held in ROOMS.values() for name in held}


def test_the_picture_of_the_rooms_is_drawn_from_these_imports() -> None:
    drawn = (ROOT / "docs" / "rooms.dot").read_text("utf-8")
    assert drawn == dot(), "the rooms have changed: run `python -m tests.rooms`, and look at them"


# ------------------------------------------------------------------------ the checks find mistakes
@pytest.mark.parametrize(
    "source",
    [
        "import symgrad",
        "from symgrad import floatX_that_is_no_module",
        "from symgrad.ops.arithmetic.elementwise import log",
        "def f():\n    from symgrad.ops import elementwise",
        "class C:\n    import symgrad.gradient as g",
    ],
)
def test_an_upward_import_is_found(source: str) -> None:
    with pytest.raises(AssertionError, match="symgrad/hooks.py"):
        check_rooms("hooks.py", files_imported(ast.parse(source)))


def test_an_import_by_name_is_found() -> None:
    tree = ast.parse('import_module(f"symgrad.explain.{name}")')
    with pytest.raises(AssertionError, match="which hides that it comes after ops/"):
        check_by_name("ops/op.py", tree)


def test_a_file_without_a_room_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="lies in no room"):
        room("surprise.py")


def test_a_cycle_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="circle of imports: .* → "):
        check_no_cycle({"graph/a.py": {"graph/b.py"}, "graph/b.py": {"graph/a.py"}})


def test_a_library_at_module_level_is_found() -> None:
    with pytest.raises(AssertionError, match="imports scipy at module level"):
        check_libraries("plan.py", ast.parse("try:\n    import scipy.special\nfinally:\n    pass"))
    check_libraries("plan.py", ast.parse("def f():\n    import scipy"))
    check_libraries("backend/jax_traced.py", ast.parse("import jax.numpy as jnp"))


# ---------------------------------------------------------------------------------------- the spine
SPINE = (
    "graph/types.py",
    "graph/expr.py",
    "ops/op.py",
    "ops/families.py",
    "ops/arithmetic/trigonometry.py",
    "rewrite/engine.py",
    "rewrite/logarithms.py",
    "gradient/reverse.py",
    "plan/planner.py",
    "backend/numpy/source.py",
    "compile/functions.py",
    "compile/call.py",
)


def code_lines(text: str) -> int:
    """How many lines hold code: no docstring, no comment, not blank."""
    noise = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*noise, tokenize.ENDMARKER):
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            lines.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def test_the_spine_is_read_in_an_afternoon() -> None:
    """What makes it longer makes something else in it shorter, or hangs on it as a leaf."""
    lines = {file: code_lines((PACKAGE / file).read_text("utf-8")) for file in SPINE}
    assert sum(lines.values()) <= 2800, lines
    table = re.findall(
        r"^\| `([\w/]+\.py)` \| .* → ", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M
    )
    assert tuple(table) == SPINE


# ------------------------------------------------------------------------------ what import costs
def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=keep | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_numpy_and_the_standard_library_only() -> None:
    loaded = python(
        "import sys, numpy.random; before = set(sys.modules); import symgrad\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    assert set(loaded.split()) - sys.stdlib_module_names == {"symgrad"}


def test_import_is_quick(tmp_path: Path) -> None:
    """At most 0.8 of NumPy's own import, however fast the machine: 50 ms where that takes 62."""
    code = (
        "from time import process_time as now; a = now(); import numpy; b = now(); import symgrad\n"
        "print((now() - b) / (b - a))"
    )
    runs = [float(python(code, PYTHONPYCACHEPREFIX=str(tmp_path))) for _ in range(6)]
    assert min(runs) <= 0.8, f"importing symgrad took {min(runs):.2f} times as long as NumPy"


# ----------------------------------------------------------------- the programs beside the package
# A room may import from those before it and from itself; "" is what lies in none of them.
MODELS = ("datasets", "training", "")
BENCHMARKS = ("benchmarks.harness", "benchmarks.workloads", "benchmarks.results", "")


def beside(top: str, prefix: str = "") -> dict[str, ast.Module]:
    """The files below a directory of the repository, by the names under which they are imported."""
    files = sorted((ROOT / top).rglob("*.py"))
    names = [prefix + path.relative_to(ROOT / top).as_posix() for path in files]
    return {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): ast.parse(
            path.read_text("utf-8"), str(path)
        )
        for name, path in zip(names, files, strict=True)
    }


def modules_imported(tree: ast.AST, known: Iterable[str]) -> set[str]:
    """Those of the `known` modules that a file imports, wherever the import stands."""
    found: set[str] = set()
    for module, names in imports(tree):
        below = {f"{module}.{name}" for name in names} & set(known)
        found |= below
        if module in known and len(below) < max(1, len(names)):
            found.add(module)  # the module itself, or something defined in it
    return found


def check_order(file: str, imported: Iterable[str], rooms: Sequence[str]) -> None:
    """No import of a later room, nor of one program by the files that programs share."""

    def room(module: str) -> str:
        return next(name for name in rooms if f"{module}.".startswith(name and f"{name}."))

    allowed = rooms[: rooms.index(room(file)) + 1]
    wrong = sorted(name for name in imported if room(name) not in allowed)
    order = " → ".join(filter(None, rooms))
    assert not wrong, (
        f"{file} imports {', '.join(wrong)}, which comes after it ({order} → programs): "
        "move what both need into the earlier room, or pass it as an argument"
    )


@pytest.mark.parametrize(
    ("top", "prefix", "rooms"), [("models", "", MODELS), ("benchmarks", "benchmarks/", BENCHMARKS)]
)
def test_programs_import_what_they_share_and_never_the_reverse(
    top: str, prefix: str, rooms: Sequence[str]
) -> None:
    trees = beside(top, prefix)
    graph = {file: modules_imported(tree, trees) - {file} for file, tree in trees.items()}
    for file, imported in graph.items():
        check_order(file, imported, rooms)
    check_no_cycle(graph)


def test_no_circle_of_test_files() -> None:
    trees = beside("tests", "tests/")
    check_no_cycle({file: modules_imported(tree, trees) - {file} for file, tree in trees.items()})


def test_what_programs_share_must_not_import_them() -> None:
    known = {"mlp", "training.options", "datasets.idx", "datasets"}
    with pytest.raises(AssertionError, match="datasets.idx imports training.options, which comes"):
        tree = ast.parse("def f():\n    from training import options")
        check_order("datasets.idx", modules_imported(tree, known), MODELS)
    with pytest.raises(AssertionError, match="training.options imports mlp"):
        tree = ast.parse("if TYPE_CHECKING:\n    from mlp import MLP")
        check_order("training.options", modules_imported(tree, known), MODELS)
    check_order("mlp", modules_imported(ast.parse("from datasets import idx"), known), MODELS)
