"""The libraries that are compared, what each needs, and the environment that it runs in."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

SYMGRAD = "symgrad"
BLAS = "blas"

COMPILERS = ("c++", "g++", "clang++", "cl")


def need_a_compiler() -> str | None:
    """What is missing for code that is compiled from C++ at run time."""
    if os.environ.get("CXX") or any(shutil.which(name) for name in COMPILERS):
        return None
    return "needs a C++ compiler on the PATH"


@dataclass(frozen=True)
class Peer:
    """A column of the table.

    Attributes
    ----------
    name
        On the command line, and in the names of the functions that answer for it.
    title
        In the table.
    library
        The distribution, which must be installed.
    module
        What is imported, where that has another name.
    answers_as
        The peer whose functions it runs, in another environment; itself if empty.
    environment
        Set for its process.
    missing
        Says what else it lacks.
    """

    name: str
    title: str
    library: str = "numpy"
    module: str = ""
    answers_as: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[], str | None] = lambda: None

    @property
    def function(self) -> str:
        """The peer whose function is run."""
        return self.answers_as or self.name

    @property
    def competes(self) -> bool:
        """Whether it counts among those that symgrad is measured by."""
        return self.name not in (SYMGRAD, BLAS)

    def unavailable(self) -> str | None:
        """Why it cannot run here, with the remedy; None where it can."""
        if importlib.util.find_spec(self.module or self.library) is None:
            return f"not installed: python -m pip install {self.library}"
        return self.missing()

    def version(self) -> str:
        """The version of the library."""
        try:
            return metadata.version(self.library)
        except metadata.PackageNotFoundError:  # on the path, not installed
            return "?"


PEERS = (
    Peer("numpy", "NumPy"),
    Peer("jax", "JAX", "jax", environment={"JAX_PLATFORMS": "cpu"}),
    Peer("torch", "PyTorch", "torch"),
    Peer("torch-compile", "torch.compile", "torch", missing=need_a_compiler),
    Peer("pytensor", "PyTensor", "pytensor"),
    Peer(
        "pytensor-c",
        "PyTensor C",
        "pytensor",
        answers_as="pytensor",
        environment={"PYTENSOR_FLAGS": "linker=cvm"},
        missing=need_a_compiler,
    ),
    Peer(BLAS, "BLAS"),
    Peer(SYMGRAD, "symgrad", SYMGRAD),
)

# What the titles leave out.
LEGEND = (
    "NumPy: by hand. PyTensor: its default mode; PyTensor C: its C backend. BLAS: the matrix "
    "products alone, with NumPy's BLAS, which is no peer but a limit."
)


def environment(peer: Peer, root: Path, data: Path | None) -> dict[str, str]:
    """What a peer's process finds in ``os.environ``: the user's, single precision, no GPU."""
    found = dict(os.environ)
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), found.get("PYTHONPATH")]))
    found["SYMGRAD_FLAGS"] = found["THEANO_FLAGS"] = "floatX=float32"
    if data is not None:
        found["SYMGRAD_DATA"] = str(data)
    found |= peer.environment
    flags = ["floatX=float32", peer.environment.get("PYTENSOR_FLAGS")]
    found["PYTENSOR_FLAGS"] = ",".join(filter(None, flags))
    return found


def caches(directory: Path) -> dict[str, str]:
    """The environment in which what libraries keep on disk is kept in `directory`.

    PyTensor is asked through its flags, which `environment` has set: see `with_caches`.
    """
    return {
        "JAX_COMPILATION_CACHE_DIR": str(directory / "jax"),
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "NUMBA_CACHE_DIR": str(directory / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(directory / "inductor"),
    }


def with_caches(found: Mapping[str, str], directory: Path) -> dict[str, str]:
    """`found`, but with everything that is kept on disk in `directory`."""
    flags = f"{found['PYTENSOR_FLAGS']},base_compiledir={directory / 'pytensor'}"
    return {**found, **caches(directory), "PYTENSOR_FLAGS": flags}
