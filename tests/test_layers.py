"""Imports point one way: DESIGN's rows, no cycles, no optional library at import time."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "symgrad"

# A file may import from rows with a smaller number, and from its own row where that makes no cycle.
# A name that ends in a slash stands for all files below that directory.
ROWS = {
    "bygone.py": 0,
    "errors.py": 0,
    "files.py": 0,
    "foreign.py": 0,
    "origins.py": 0,
    "quoting.py": 0,
    "flags.py": 0,
    "hooks.py": 0,
    "locks.py": 0,
    "types.py": 0,
    "type_methods.py": 0,
    "values.py": 0,
    "graph/": 1,
    "ops/": 2,
    "rewrite/": 3,
    "notation/": 3,
    "growth.py": 4,
    "reverse.py": 4,
    "selection.py": 4,
    "disconnected.py": 4,
    "verification.py": 4,
    "gradient.py": 4,
    "plan/": 5,
    "backend/": 6,
    "call.py": 7,
    "containers.py": 7,
    "culprits.py": 7,
    "failures.py": 7,
    "compile/": 7,
    "linting/": 7,
    "draw/": 7,
    "derivation/": 7,
    "loops.py": 7,
    "story/": 7,
    "tensor/": 8,
    "listing.py": 8,
    "printing.py": 8,
    "scalar.py": 8,
    "misc/": 8,
    "__init__.py": 8,
}

# Libraries that a file is for; it is imported only by who asks for that library.
MAY_IMPORT = {"backend/jax_traced.py": {"jax"}}


# ------------------------------------------------------------------------------- reading imports
def row(file: str) -> int:
    """The row of a file given by its path below symgrad/."""
    known = [name for name in ROWS if file == name or (name[-1] == "/" and file.startswith(name))]
    if not known:
        pytest.fail(f"symgrad/{file} has no row yet: add it to ROWS in tests/test_layers.py")
    return ROWS[known[0]]


def imports(
    tree: ast.AST, skip: Callable[[ast.AST], bool] = lambda node: False
) -> Iterator[tuple[str, list[str]]]:
    """Each import as (module, imported names), but those inside the nodes to skip."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: write the import with its full name"
            yield str(node.module), [alias.name for alias in node.names]
        elif not skip(node):
            todo.extend(ast.iter_child_nodes(node))


def for_types(node: ast.AST) -> bool:
    """Whether `node` is an ``if TYPE_CHECKING:``, which never runs."""
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def for_later(node: ast.AST) -> bool:
    """Whether what stands in `node` does not run when the module is imported."""
    return for_types(node) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def file_of(module: str) -> str | None:
    """The file of a module, as a path below symgrad/, or None where there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate.relative_to(PACKAGE).as_posix()
    return None


def files_imported(tree: ast.AST, skip: Callable[[ast.AST], bool] = lambda node: False) -> set[str]:
    """The files of the package that a module imports, wherever the import stands."""
    found: set[str] = set()
    for module, names in imports(tree, skip):
        if module.split(".")[0] != "symgrad":
            continue
        below = {name: file_of(f"{module}.{name}") for name in names}
        found.update(file for file in below.values() if file)
        if not names or None in below.values():  # the module itself, or something defined in it
            file = file_of(module)
            assert file, f"there is no module {module}"
            found.add(file)
    return found


FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
TREES = {file: ast.parse((PACKAGE / file).read_text("utf-8"), file) for file in FILES}
each_file = pytest.mark.parametrize("file", FILES)


# ---------------------------------------------------------------------------------- what must hold
def check_rows(file: str, imported: set[str]) -> None:
    assert "__init__.py" not in imported, f"symgrad/{file} imports the package root"
    wrong = [f"symgrad/{other} (row {row(other)})" for other in imported if row(other) > row(file)]
    assert not wrong, f"symgrad/{file} (row {row(file)}) imports upward: {', '.join(wrong)}"


def check_no_cycle(graph: dict[str, set[str]]) -> None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("import cycle: " + " → ".join(error.args[1]))


def check_libraries(file: str, tree: ast.AST) -> None:
    tops = {module.split(".")[0] for module, _ in imports(tree, skip=for_later)}
    allowed = {"symgrad", "numpy"} | sys.stdlib_module_names | MAY_IMPORT.get(file, set())
    wrong = ", ".join(sorted(tops - allowed))
    assert not wrong, f"symgrad/{file} imports {wrong} at module level; import it where it is used"


@each_file
def test_a_file_imports_only_from_its_row_and_those_above(file: str) -> None:
    check_rows(file, files_imported(TREES[file]))


@each_file
def test_optional_libraries_wait_until_they_are_needed(file: str) -> None:
    check_libraries(file, TREES[file])


def test_no_import_cycle() -> None:
    check_no_cycle({file: files_imported(tree, skip=for_types) for file, tree in TREES.items()})


def test_every_row_has_files() -> None:
    rows = {row(file) for file in FILES}
    assert rows == set(ROWS.values())


# ------------------------------------------------------------------------ the checks find mistakes
@pytest.mark.parametrize(
    "source",
    [
        "import symgrad",
        "from symgrad import floatX_that_is_no_module",
        "from symgrad.ops.elementwise import log",
        "def f():\n    from symgrad.ops import elementwise",
        "class C:\n    import symgrad.gradient as g",
    ],
)
def test_an_upward_import_is_found(source: str) -> None:
    with pytest.raises(AssertionError, match="symgrad/flags.py"):
        check_rows("flags.py", files_imported(ast.parse(source)))


def test_a_file_without_a_row_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="add it to ROWS"):
        row("surprise.py")


def test_a_cycle_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="import cycle: .* → "):
        check_no_cycle({"graph/a.py": {"graph/b.py"}, "graph/b.py": {"graph/a.py"}})


def test_a_library_at_module_level_is_found() -> None:
    with pytest.raises(AssertionError, match="imports scipy at module level"):
        check_libraries("plan.py", ast.parse("try:\n    import scipy.special\nfinally:\n    pass"))
    check_libraries("plan.py", ast.parse("def f():\n    import scipy"))
    check_libraries("backend/jax_traced.py", ast.parse("import jax.numpy as jnp"))


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
    """At most 0.75 of NumPy's own import (38 ms where that takes 50), however fast the machine.

    0.55 to 0.66 were measured on a busy machine; it was 0.50 with twenty modules less.
    """
    code = (
        "from time import process_time as now; a = now(); import numpy; b = now(); import symgrad\n"
        "print((now() - b) / (b - a))"
    )
    runs = [float(python(code, PYTHONPYCACHEPREFIX=str(tmp_path))) for _ in range(6)]
    assert min(runs) <= 0.75, f"importing symgrad took {min(runs):.2f} times as long as NumPy"


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


def check_rooms(file: str, imported: Iterable[str], rooms: Sequence[str]) -> None:
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
        check_rooms(file, imported, rooms)
    check_no_cycle(graph)


def test_what_programs_share_must_not_import_them() -> None:
    known = {"mlp", "training.options", "datasets.idx", "datasets"}
    with pytest.raises(AssertionError, match="datasets.idx imports training.options, which comes"):
        tree = ast.parse("def f():\n    from training import options")
        check_rooms("datasets.idx", modules_imported(tree, known), MODELS)
    with pytest.raises(AssertionError, match="training.options imports mlp"):
        tree = ast.parse("if TYPE_CHECKING:\n    from mlp import MLP")
        check_rooms("training.options", modules_imported(tree, known), MODELS)
    check_rooms("mlp", modules_imported(ast.parse("from datasets import idx"), known), MODELS)
