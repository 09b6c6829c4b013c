"""Some damaged files of each kind; `python -m tests.damage` tries as many as one likes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(os.name != "posix", reason="memory is asked of POSIX systems")
def test_damaged_files_are_refused_in_one_line() -> None:
    for module in ("PIL",):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-m", "tests.damage", "--files", "100"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 15
