"""The rooms of the package: which file lies in which, and what imports what.

`python -m tests.rooms` draws them from the imports, as `docs/rooms.dot` and `docs/rooms.svg`.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "symgrad"

# The rooms in the order in which an expression passes through them, below the ground. A file may
# import from its own room and from those before it.
ROOMS = {
    "the ground": (
        "errors.py",
        "files/",
        "flags/",
        "hooks.py",
        "locks.py",
        "origins.py",
        "quoting.py",
    ),
    "graph/": ("graph/",),
    "ops/": ("ops/",),
    "rewrite/": ("rewrite/",),
    "gradient/": ("gradient/",),
    "plan/": ("plan/",),
    "backend/": ("backend/",),
    "compile/": ("compile/",),
    "explain/": ("explain/",),
    "tensor/": ("tensor/",),
    "theano/": ("theano/",),
    "the root": ("__init__.py", "__main__.py"),
}
ORDER = list(ROOMS)


def room(file: str) -> str:
    """The room of a file given by its path below symgrad/."""
    for name, held in ROOMS.items():
        if any(file == one or (one[-1] == "/" and file.startswith(one)) for one in held):
            return name
    pytest.fail(f"symgrad/{file} lies in no room: move it to one of ROOMS in tests/rooms.py")


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


# ------------------------------------------------------------------------------------- the picture
# What the rooms hold, for the picture.
HOLDS = {
    "the ground": "errors, origins, flags, hooks, locks, quoting, files",
    "graph/": "types, nodes, shared variables, the one walk",
    "ops/": "what an operation is; operations by topic",
    "rewrite/": "the engine; rules: stable, small, then fast",
    "gradient/": "the reverse pass, and what is built on it",
    "plan/": "order, names, memory: a Program",
    "backend/": "a Program in, a callable out",
    "compile/": "function, calls, why they fail, modes",
    "explain/": "listings, formulas, derivations, pictures, stories, lint",
    "tensor/": "the vocabulary: import symgrad.tensor as T",
    "theano/": "Theano's module paths",
}


def room_imports() -> set[tuple[str, str]]:
    """Pairs of rooms of which the second imports from the first, but what follows from others."""
    pairs = {(room(other), room(file)) for file in FILES for other in files_imported(TREES[file])}
    pairs = {(a, b) for a, b in pairs if a != b and "the root" not in (a, b)}
    ways = {(a, b) for a, c in pairs for d, b in pairs if c == d}
    for _ in ROOMS:
        ways |= {(a, b) for a, c in ways for d, b in pairs if c == d}
    return pairs - ways


def upward_calls() -> dict[tuple[str, str], list[str]]:
    """What rooms call in later ones through `hooks`, by caller and called, as it is met."""
    from symgrad import hooks

    for later in ("draw", "story"):
        import_module(f"symgrad.explain.{later}")
    found: dict[tuple[str, str], dict[str, None]] = {}
    for file in FILES:
        for node in ast.walk(TREES[file]):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and called in ("hooks.call", "_call"):
                name = getattr(node.args[0], "value", None)
                if name in hooks.table:
                    module = getattr(hooks.table[name], "__module__", None)
                    path = (module and file_of(module)) or "ops/op.py"  # an operation
                    if ORDER.index(room(path)) > ORDER.index(room(file)):
                        found.setdefault((room(file), room(path)), {})[str(name)] = None
    return {pair: list(names) for pair, names in sorted(found.items())}


def dot() -> str:
    """The picture, as text for Graphviz."""
    lines = [
        "digraph rooms {",
        '  rankdir=TB; nodesep=0.35; ranksep=0.32; bgcolor="white";',
        '  node [shape=box, style="rounded,filled", fillcolor="#eef3fa", color="#35507a"];',
        '  node [fontname="Helvetica", fontsize=12, margin="0.18,0.09"];',
        '  edge [color="#35507a", fontname="Helvetica", fontsize=10];',
    ]
    for k, (name, held) in enumerate(HOLDS.items()):
        title = f"{k} · {name.rstrip('/')}" if k else name
        small = f'<font point-size="10" color="#44546a">{held}</font>'
        lines.append(f'  "{name}" [label=<<b>{title}</b><br/>{small}>];')
    lines += [f'  "{a}" -> "{b}";' for a, b in sorted(room_imports(), key=str)]
    for (a, b), names in upward_calls().items():
        some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        lines.append(
            f'  "{b}" -> "{a}" [dir=back, style=dashed, color="#b0743a", fontcolor="#8a5a2c",'
            f' label=" {some} ", constraint=false];'
        )
    solid = "a solid arrow: is imported by, the way an expression goes"
    dashed = "a dashed arrow: calls, through the table of hooks.py"
    lines.append(
        '  legend [shape=plaintext, style="", fontsize=10, fontcolor="#44546a",'
        f' label="{solid}\\l{dashed}\\l"];'
    )
    lines.append('  {rank=same; "the ground"; legend;}')
    return "\n".join([*lines, "}"]) + "\n"


def main() -> None:
    target = ROOT / "docs" / "rooms.dot"
    target.write_text(dot(), encoding="utf-8")
    subprocess.run(["dot", "-Tsvg", target, "-o", target.with_suffix(".svg")], check=True)


if __name__ == "__main__":
    main()
