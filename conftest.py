"""What all tests and doctests share: flags at their defaults, no windows, no deadlines."""

from __future__ import annotations

import functools
import gc
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Before anything imports symgrad or matplotlib: tests start from the defaults, but for the settings
# that developers put them under, `SYMGRAD_FLAGS=stress.block=1 python -m pytest`.
os.environ.pop("THEANO_FLAGS", None)
asked = os.environ.pop("SYMGRAD_FLAGS", "").split(",")
stress = dict(pair.split("=") for pair in asked if pair.startswith(("stress.", "threads=")))
os.environ["MPLBACKEND"] = "Agg"

# Several processes that test at once leave each other alone: OpenBLAS with more threads than
# there are free cores takes a hundred times as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What is asserted in these is asserted under -OO, too, and says what it compared.
pytest.register_assert_rewrite("tests.said", "tests.programs.checking")

collect_ignore_glob = [
    "tests/fuzz/*",  # a program of its own, tested by tests/test_fuzz.py
    "tests/models/stand_in/*",  # imported for its doctests, it would be the scikit-learn of others
]

# The whole package, before pytest imports a file of it for its doctests: asked for one file alone,
# it would run that file a second time after the package has, and register its operations twice.
import symgrad  # noqa: E402

symgrad.config.stress.prove = True
for flag, value in stress.items():
    group = symgrad.config if flag == "threads" else symgrad.config.stress
    setattr(group, flag.removeprefix("stress."), value)

# The first example compiles and imports; its time says nothing about the ones that follow. In CI
# the examples are always the same, so that a failure there is a change's own.
settings.register_profile("symgrad", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("symgrad")


@pytest.hookimpl(tryfirst=True)  # before `-m` is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that are marked `sampled(n)`, mark all cases but each n-th as slow."""
    seen: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            test = item.nodeid.partition("[")[0]
            if seen[test] % mark.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[test] += 1


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of what the garbage collector walks over.

    They are 700,000 objects that stay: 0.6 s for each `gc.collect()` of a test.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def unstressed() -> Iterator[None]:
    """The settings that a test of plans, sizes or of these settings themselves starts from."""
    usual = {f"stress.{k}": flag.default for k, flag in symgrad.config.stress._flags.items()}
    with symgrad.config.change_flags({**usual, "stress.prove": True, "threads": 0}):
        yield


@pytest.fixture(autouse=True)
def _flags_as_before() -> Iterator[None]:
    """Set the flags back that a test has left changed."""
    before = dict(symgrad.config.items())
    yield
    after = dict(symgrad.config.items())
    for name, value in before.items():
        if after[name] is not value:
            *sections, flag = name.split(".")
            setattr(functools.reduce(getattr, sections, symgrad.config), flag, value)
