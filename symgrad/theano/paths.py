"""Modules under the names that Theano, and earlier versions of symgrad, gave them.

`import symgrad.printing` is what Theano's users write, and a pickle names the module where a class
lay when it was written. Both find the module where it lies now: the same one, not a second copy.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Where modules lie that Theano's users import under other names.
THEANO = {
    "compile.debugmode": "compile.modes.debugmode",
    "compile.mode": "compile.modes.mode",
    "compile.monitormode": "compile.modes.monitormode",
    "compile.nanguardmode": "compile.modes.nanguardmode",
    "misc": "theano.misc",
    "printing": "explain.printing",
    "scalar": "theano.scalar",
    "tensor.opt": "theano.tensor.opt",
    "tensor.sharedvar": "theano.tensor.sharedvar",
    "tensor.xlogx": "theano.tensor.xlogx",
}

# Rooms and files that our own users import under shorter names.
SHORT = {
    "derivation": "explain.derivation",
    "disconnected": "gradient.disconnected",
    "draw": "explain.draw",
    "linting": "explain.linting",
    "listing": "explain.listing",
    "notation": "explain.notation",
    "story": "explain.story",
    "verification": "gradient.verification",
}

# What pickles name, as `old file or files: the room that they lie in now`.
_ROOMS = {
    "graph": "types type_methods values foreign",
    "compile": "call containers culprits failures",
    "gradient": "reverse selection",
    "flags": "bygone",
    "ops.arithmetic": (
        "ops.elementwise ops.trigonometry ops.rounding ops.logic ops.special ops.complexes"
        " ops.ufuncs ops.lowered ops.stable"
    ),
    "ops.reductions": (
        "ops.reduction ops.sums ops.statistics ops.cumulative ops.norms ops.inner ops.powers_summed"
    ),
    "ops.arrays": (
        "ops.shaping ops.axes ops.broadcasting ops.constructors ops.joining ops.repeating"
        " ops.diagonals ops.lengths ops.sorting ops.searching ops.helpers ops.loading"
    ),
    "ops.indexing": "ops.index_spec ops.selecting ops.scatter",
    "ops.linalg": (
        "ops.nlinalg ops.slinalg ops.decompositions ops.determinants ops.equal_values"
        " ops.svd_slopes ops.blas ops.gemm"
    ),
    "ops.nnet": "ops.softmax ops.crossentropy ops.row_losses",
    "ops.control": "ops.loops ops.evaluation ops.barriers ops.debugging",
    "backend.numpy": (
        "backend.blocks backend.scratch backend.spares backend.integers backend.stress"
    ),
    "backend.profiling": (
        "backend.profile backend.profile_text backend.profiled backend.report backend.timing"
    ),
    "compile.modes": "compile.predefined compile.guard compile.demand compile.stepwise",
}
PICKLED = {
    old: f"{room}.{old.rpartition('.')[2]}"
    for room, files in _ROOMS.items()
    for old in files.split()
}

# Rooms that have the name of a file that lay in their place, which holds the classes still.
REPLACED = ("ops.indexing", "ops.linalg", "ops.nnet")

MOVED = {f"symgrad.{old}": f"symgrad.{new}" for old, new in {**THEANO, **SHORT, **PICKLED}.items()}


class Moved:
    """Finds the modules of `MOVED`, and what lies below them, where they lie now.

    A finder and loader as `importlib` wants them; its abstract classes take 8 ms to import.

    >>> import symgrad.printing, symgrad.explain.printing
    >>> symgrad.printing is symgrad.explain.printing
    True
    """

    def __init__(self) -> None:
        self.specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec that this loads, where `name` is a moved module's or below one."""
        if not name.startswith("symgrad.") or now(name) == name:
            return None
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself; its own spec is put back by `exec_module`."""
        module = import_module(now(spec.name))
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run."""
        assert module.__spec__ is not None
        module.__spec__ = self.specs.pop(module.__spec__.name)


def now(name: str) -> str:
    """Where the module `name` lies now.

    >>> now("symgrad.draw.picture"), now("symgrad.graph.walk")
    ('symgrad.explain.draw.picture', 'symgrad.graph.walk')
    """
    moved, below = name, ""
    while moved:
        if moved in MOVED:
            return MOVED[moved] + below
        moved, _, last = moved.rpartition(".")
        below = f".{last}{below}"
    return name


def install() -> None:
    """Let imports find what has moved, before a search in folders finds a second copy."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, Moved())
    for room in REPLACED:
        package = f"symgrad.{room}"
        file = import_module(f"{package}.{room.rpartition('.')[2]}")
        vars(sys.modules[package])["__getattr__"] = partial(_class_of, file, package)


def _class_of(file: ModuleType, package: str, name: str) -> Any:
    """A class that a pickle looks for in a room, from the file that lay in its place."""
    if name[0].isupper():
        return getattr(file, name)
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
