"""The machine and the versions that figures belong to, without names of hosts, users or files."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.peers import Peer

# What changes how libraries run, if it is set. Everything else is left at its default.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
    "VECLIB_MAXIMUM_THREADS",
)


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> list[float] | None:
    """The load averages over 1, 5 and 15 minutes, where the system keeps them."""
    return [round(each, 2) for each in os.getloadavg()] if hasattr(os, "getloadavg") else None


def numpy_build() -> dict[str, str]:
    """NumPy's BLAS, and the vector instructions that it uses."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    simd = config.get("SIMD Extensions", {})
    return {
        "blas": f"{blas.get('name', '?')} {blas.get('version', '')}".strip(),
        "simd": " ".join(simd.get("found", [])) or "baseline",
    }


def record(peers: Sequence[Peer]) -> dict[str, Any]:
    """What is to be known about this run."""
    set_here = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {peer.library: peer.version() for peer in peers} | {"numpy": np.__version__},
        "numpy": numpy_build(),
        "threads": "each library's own default",
        "variables": set_here,
        "load": load(),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The same as text."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    variables = " ".join(f"{name}={value}" for name, value in found["variables"].items())
    loads = [found.get(key) for key in ("load", "load_after")]
    before, after = ("?" if each is None else " ".join(map(str, each)) for each in loads)
    return [
        f"{found['processor']}, {found['cores']} cores, {found['system']}, {found['date']}",
        f"Python {found['python']}, {versions}",
        f"NumPy with {found['numpy']['blas']}, vector instructions: {found['numpy']['simd']}",
        f"threads: {found['threads']}; environment: {variables or 'nothing set'}",
        f"load average before: {before}, after: {after}; data: {found.get('data', 'none')}",
    ]
